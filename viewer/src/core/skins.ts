/** The drawings of a scene that bones bend, and which of them a moved bone concerns. Pure. */
import type { SceneData } from "../wire/scene-data.ts";
import { SkinPose } from "./skin.ts";

export class Skins {
  private readonly poses = new Map<number, SkinPose>();
  private readonly users = new Map<number, number[]>();

  private constructor(scene: SceneData, world: Float64Array) {
    const { prototypes } = scene.json;
    for (const { instance, nodes } of scene.json.skins ?? []) {
      const skin = prototypes[scene.instances.prototype[instance]]?.skin;
      if (!skin || skin.bones !== nodes.length) continue;
      const pose = new SkinPose(skin, nodes);
      pose.update(world);
      this.poses.set(instance, pose);
      for (const node of nodes) this.users.set(node, [...(this.users.get(node) ?? []), instance]);
    }
  }

  /** Null where nothing is bent. */
  static of(scene: SceneData, world: Float64Array): Skins | null {
    const skins = new Skins(scene, world);
    return skins.poses.size > 0 ? skins : null;
  }

  at(instance: number): SkinPose | undefined {
    return this.poses.get(instance);
  }

  /** Brings the poses up to date where these nodes moved; returns the instances that are bent anew. */
  moved(nodes: ArrayLike<number>, world: Float64Array): Set<number> {
    const found = new Set<number>();
    for (let i = 0; i < nodes.length; i++) for (const instance of this.users.get(nodes[i]) ?? []) found.add(instance);
    for (const instance of found) this.poses.get(instance)!.update(world);
    return found;
  }
}

/** Writes the matrix that moves by `at`, 16 values row-major. */
export function placeAt(out: Float64Array, at: readonly number[]): void {
  for (let k = 0; k < 16; k++) out[k] = k % 5 === 0 ? 1 : 0;
  for (let c = 0; c < 3; c++) out[4 * c + 3] = at[c];
}
