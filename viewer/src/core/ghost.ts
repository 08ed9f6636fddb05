/** Where a ghost stands: the transforms of a prim and all below it, with some local poses replaced. Pure. */
import { composePose, multiplyAffine, POSE } from "./matrix.ts";
import type { Children } from "./scene-model.ts";

/** What it needs of the scene's model. */
export interface Locals {
  readonly parent: ArrayLike<number>;
  readonly children: Children;
  readonly world: Float64Array;
  localOf(node: number, out: Float64Array, at?: number): void;
}

/** world_from_node of the ghost's nodes, 16 values each; `poses`: x, y, z, w, x, y, z by node, each keeps its own scale. */
export function ghostWorlds(
  model: Locals,
  root: number,
  poses: ReadonlyMap<number, readonly number[]>,
): Map<number, Float64Array> {
  const worlds = new Map<number, Float64Array>();
  const local = new Float64Array(16);
  const { start, list } = model.children;
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    model.localOf(node, local, 0);
    const pose = poses.get(node);
    if (pose) composePose(local, 0, posed(pose, local), 0);
    const parent = model.parent[node];
    const above = worlds.get(parent);
    const world = new Float64Array(16);
    if (above) multiplyAffine(world, 0, above, 0, local, 0);
    else if (parent >= 0) multiplyAffine(world, 0, model.world, 16 * parent, local, 0);
    else world.set(local);
    worlds.set(node, world);
    for (let k = start[node]; k < start[node + 1]; k++) stack.push(list[k]);
  }
  return worlds;
}

/** The pose with the scale that the node really has. */
function posed(pose: readonly number[], local: Float64Array): Float64Array {
  const out = new Float64Array(POSE);
  out.set(pose.slice(0, 7));
  for (let c = 0; c < 3; c++) out[7 + c] = Math.hypot(local[c], local[4 + c], local[8 + c]);
  return out;
}
