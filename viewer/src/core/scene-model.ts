/**
 * Nodes, their parents and their transforms, in Float64; plain data, no three.js.
 *
 * A node is a prim or a point instance (see docs/protocol.md). A parent's index is always lower than its children's,
 * so index order is an order of evaluation. `update` recomputes only what hangs below the nodes that were set.
 */
import { composePose, multiplyAffine } from "./matrix.ts";

/** Children of each node, as one flat list: `list[start[i] .. start[i + 1]]`. */
export interface Children {
  readonly start: Int32Array;
  readonly list: Int32Array;
}

/** Inverts a parent column (-1 = none). */
export function childrenOf(parent: Int32Array): Children {
  const n = parent.length;
  const start = new Int32Array(n + 1);
  for (let i = 0; i < n; i++) if (parent[i] >= 0) start[parent[i] + 1]++;
  for (let i = 0; i < n; i++) start[i + 1] += start[i];
  const fill = start.slice(0, n);
  const list = new Int32Array(start[n]);
  for (let i = 0; i < n; i++) if (parent[i] >= 0) list[fill[parent[i]]++] = i;
  return { start, list };
}

export class SceneModel {
  readonly count: number;
  readonly children: Children;
  /** parent_from_node, 16 values a node, row-major. */
  readonly local: Float64Array;
  /** world_from_node, 16 values a node, row-major; valid after `update`. */
  readonly world: Float64Array;
  private readonly stamp: Int32Array;
  private readonly stack: Int32Array;
  private readonly changed: Int32Array;
  private pass = 0;
  private dirty: number[] = [];

  /** `parent`: transform parent of each node, -1 for the world. `local` is copied. */
  constructor(
    readonly parent: Int32Array,
    local: Float64Array,
  ) {
    this.count = parent.length;
    for (let i = 0; i < this.count; i++)
      if (parent[i] >= i) throw new Error(`node ${i} comes before its parent ${parent[i]}`);
    this.children = childrenOf(parent);
    this.local = local.slice();
    this.world = new Float64Array(this.count * 16);
    this.stamp = new Int32Array(this.count);
    this.stack = new Int32Array(this.count);
    this.changed = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) this.compose(i);
  }

  /** Back to these local matrices, 16 values a node. */
  reset(local: Float64Array): void {
    this.local.set(local);
    this.dirty = [];
    for (let i = 0; i < this.count; i++) this.compose(i);
  }

  /** Sets the local matrix of a node from a pose (see `POSE`); its world is stale until `update`. */
  setPose(node: number, pose: Float64Array, at: number): void {
    composePose(this.local, node * 16, pose, at);
    this.dirty.push(node);
  }

  /** Recomputes the worlds of the nodes set since the last call and of all below; returns those nodes (a view). */
  update(): Int32Array {
    if (this.dirty.length === 0) return this.changed.subarray(0, 0);
    this.pass++;
    let n = 0;
    // In index order an ancestor comes first and takes its descendants along.
    this.dirty.sort((a, b) => a - b);
    for (const root of this.dirty) if (this.stamp[root] !== this.pass) n = this.descend(root, n);
    this.dirty = [];
    return this.changed.subarray(0, n);
  }

  private descend(root: number, n: number): number {
    const { start, list } = this.children;
    let top = 0;
    this.stack[top++] = root;
    while (top > 0) {
      const node = this.stack[--top];
      this.compose(node);
      this.stamp[node] = this.pass;
      this.changed[n++] = node;
      for (let k = start[node]; k < start[node + 1]; k++) this.stack[top++] = list[k];
    }
    return n;
  }

  private compose(node: number): void {
    const p = this.parent[node];
    if (p < 0) this.world.set(this.local.subarray(node * 16, node * 16 + 16), node * 16);
    else multiplyAffine(this.world, node * 16, this.world, p * 16, this.local, node * 16);
  }
}

/** world_from_node composed on the spot; `local` writes parent_from_node of a node into 16 values, row-major. */
export function worldFromLocals(
  parent: Int32Array,
  node: number,
  local: (node: number, out: Float64Array) => void,
): Float64Array {
  let out = new Float64Array(16);
  const above = new Float64Array(16);
  local(node, out);
  for (let p = parent[node]; p >= 0; p = parent[p]) {
    const next = new Float64Array(16);
    local(p, above);
    multiplyAffine(next, 0, above, 0, out, 0);
    out = next;
  }
  return out;
}
