/** Prototypes' triangles by content hash, from the server's GLB files; kept across reloads of the scene. */
import { BufferAttribute, type BufferGeometry, type Mesh } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import type { PrototypeJson } from "../wire/scene-data.ts";

/** One GLB primitive: the triangles of one material slot. */
export interface Primitive {
  readonly slot: number;
  readonly geometry: BufferGeometry;
}

const PARALLEL = 6;

export class GeometryCache {
  private readonly known = new Map<string, Promise<Primitive[]>>();
  private readonly loader = new GLTFLoader();
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly base: string) {}

  get(prototype: PrototypeJson): Promise<Primitive[]> {
    let found = this.known.get(prototype.hash);
    if (!found) {
      found = this.load(prototype);
      // A failed download is tried again with the next scene.
      found.catch(() => this.known.delete(prototype.hash));
      this.known.set(prototype.hash, found);
    }
    return found;
  }

  /** Frees what the scene with these hashes no longer uses. */
  keepOnly(hashes: ReadonlySet<string>): void {
    for (const [hash, loading] of this.known) {
      if (hashes.has(hash)) continue;
      this.known.delete(hash);
      loading.then(
        (primitives) => primitives.forEach((primitive) => primitive.geometry.dispose()),
        () => undefined,
      );
    }
  }

  private async load(prototype: PrototypeJson): Promise<Primitive[]> {
    await this.turn();
    try {
      const response = await fetch(new URL(prototype.url.replace(/^\//, ""), this.base));
      if (!response.ok) throw new Error(`${prototype.url}: HTTP ${response.status}`);
      const gltf = await this.loader.parseAsync(await response.arrayBuffer(), "");
      const geometries: BufferGeometry[] = [];
      gltf.scene.traverse((object) => {
        if ((object as Mesh).isMesh) geometries.push((object as Mesh).geometry);
      });
      return geometries.map((geometry, i) => ({ slot: prototype.primitives[i] ?? 0, geometry }));
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    if (this.running >= PARALLEL) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
  }
}

/** The mirror image in x: an instance matrix that mirrors times this one does not, so triangles keep their winding. */
export function mirrored(geometry: BufferGeometry): BufferGeometry {
  const out = geometry.clone();
  for (const name of ["position", "normal"]) {
    const attribute = out.getAttribute(name) as BufferAttribute | undefined;
    if (!attribute) continue;
    for (let i = 0; i < attribute.count; i++) attribute.setX(i, -attribute.getX(i));
  }
  const index = out.getIndex();
  if (index)
    for (let i = 0; i + 2 < index.count; i += 3) {
      const b = index.getX(i + 1);
      index.setX(i + 1, index.getX(i + 2));
      index.setX(i + 2, b);
    }
  out.boundingBox = null;
  out.boundingSphere = null;
  return out;
}
