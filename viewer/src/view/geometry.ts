/** Prototypes' triangles by content hash, from the server's GLB files; kept across reloads of the scene. */
import type { BufferGeometry, Mesh } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import type { PrototypeJson } from "../wire/scene-data.ts";
import { nameSkin } from "./skinned.ts";
import { SharedGeometry } from "./shared-geometry.ts";
import { refusalOf } from "../wire/refused.ts";

export { SharedGeometry } from "./shared-geometry.ts";

/** One GLB primitive: the triangles of one material slot. */
export interface Primitive {
  readonly slot: number;
  readonly geometry: SharedGeometry;
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

  /** Forgets what the scene with these hashes no longer uses; the GPU's copies go with the last drawing. */
  keepOnly(hashes: ReadonlySet<string>): void {
    for (const hash of this.known.keys()) if (!hashes.has(hash)) this.known.delete(hash);
  }

  /** Prototypes that are kept. */
  get size(): number {
    return this.known.size;
  }

  private async load(prototype: PrototypeJson): Promise<Primitive[]> {
    await this.turn();
    try {
      const response = await fetch(new URL(prototype.url.replace(/^\//, ""), this.base));
      if (!response.ok) throw new Error(await refusalOf(response));
      const gltf = await this.loader.parseAsync(await response.arrayBuffer(), "");
      const geometries: BufferGeometry[] = [];
      gltf.scene.traverse((object) => {
        if ((object as Mesh).isMesh) geometries.push(nameSkin((object as Mesh).geometry));
      });
      return geometries.map((geometry, i) => ({
        slot: prototype.primitives[i] ?? 0,
        geometry: new SharedGeometry(geometry),
      }));
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

