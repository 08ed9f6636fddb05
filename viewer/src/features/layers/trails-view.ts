/** Trails behind moving things: lines that fade with age, all in one draw call. */
import { BufferAttribute, BufferGeometry, DynamicDrawUsage, LineBasicMaterial, LineSegments } from "three";
import type { Viewport } from "../../view/viewport.ts";
import type { Tracks } from "./tracks.ts";

/** Pieces of line at most. */
const MOST = 20_000;
const COLOR = [0.3, 0.76, 0.9] as const;

export class Trails {
  private lines: LineSegments<BufferGeometry, LineBasicMaterial> | null = null;
  pieces = 0;

  constructor(private readonly viewport: Viewport) {}

  show(tracks: Tracks, nodes: readonly number[], now: number, seconds: number): void {
    if (nodes.length === 0 && !this.lines) return;
    const lines = (this.lines ??= this.make());
    const first = nodes.map((node) => tracks.placesOf(node)).find((places) => places.length > 0);
    const base: [number, number, number] = first ? [first[0], first[1], first[2]] : [0, 0, 0];
    const position = lines.geometry.getAttribute("position") as BufferAttribute;
    const color = lines.geometry.getAttribute("color") as BufferAttribute;
    let n = 0;
    for (const node of nodes) {
      const places = tracks.placesOf(node);
      const times = tracks.timesOf(node);
      for (let k = 1; k < times.length && n < MOST; k++, n++)
        for (const end of [k - 1, k]) {
          const at = 2 * n + end - k + 1;
          position.setXYZ(at, places[3 * end] - base[0], places[3 * end + 1] - base[1], places[3 * end + 2] - base[2]);
          color.setXYZW(at, ...COLOR, Math.max(0, 1 - (now - times[end]) / (1000 * seconds)));
        }
    }
    this.pieces = n;
    this.viewport.anchored.set(lines, base);
    lines.geometry.setDrawRange(0, 2 * n);
    lines.visible = n > 0;
    position.needsUpdate = color.needsUpdate = true;
  }

  private make(): LineSegments<BufferGeometry, LineBasicMaterial> {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array(6 * MOST), 3).setUsage(DynamicDrawUsage));
    geometry.setAttribute("color", new BufferAttribute(new Float32Array(8 * MOST), 4).setUsage(DynamicDrawUsage));
    const material = new LineBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false, toneMapped: false });
    const lines = new LineSegments(geometry, material);
    lines.frustumCulled = false;
    lines.renderOrder = 4;
    return lines;
  }
}
