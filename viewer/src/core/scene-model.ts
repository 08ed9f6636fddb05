/**
 * Nodes, their parents and their transforms, in Float64; plain data, no three.js.
 *
 * A node is a prim or a point instance (see docs/protocol.md). A parent's index is always lower than its children's,
 * so index order is an order of evaluation. `update` recomputes only what hangs below the nodes that were set.
 */
import { FullAffines, type Affines } from "./affine.ts";
import { blendPose, composePose, lastRow, multiplyAffine, multiplyRows } from "./matrix.ts";

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
  /** world_from_node, 16 values a node, row-major; valid after `update`. */
  readonly world: Float64Array;
  /** parent_from_node of nodes that were ever posed, 16 values a slot; all others stand as authored. */
  private posed = new Float64Array(16 * 64);
  private readonly slotOf: Int32Array;
  private slots = 0;
  private authored: Affines;
  private readonly scratch = new Float64Array(16);
  private readonly stamp: Int32Array;
  private readonly stack: Int32Array;
  private readonly changed: Int32Array;
  private pass = 0;
  private dirty = new Int32Array(64);
  private dirtyCount = 0;
  private inOrder = true;

  /** `parent`: transform parent of each node, -1 for the world. `local`: 16 values a node, or a column of matrices. */
  constructor(
    readonly parent: Int32Array,
    local: Float64Array | Affines,
  ) {
    this.count = parent.length;
    for (let i = 0; i < this.count; i++)
      if (parent[i] >= i) throw new Error(`node ${i} comes before its parent ${parent[i]}`);
    this.children = childrenOf(parent);
    this.authored = local instanceof Float64Array ? new FullAffines(local.slice()) : local;
    this.slotOf = new Int32Array(this.count).fill(-1);
    this.world = new Float64Array(this.count * 16);
    this.stamp = new Int32Array(this.count);
    this.stack = new Int32Array(this.count);
    this.changed = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) {
      this.compose(i);
      lastRow(this.world, 16 * i);
    }
  }

  /** Back to how the nodes were authored; returns those that had been posed, whose worlds `update` recomputes. */
  reset(): void {
    for (let i = 0; i < this.count; i++)
      if (this.slotOf[i] >= 0) {
        this.slotOf[i] = -1;
        this.touch(i);
      }
    this.slots = 0;
  }

  /** Writes parent_from_node, 16 values. */
  localOf(node: number, out: Float64Array, at = 0): void {
    const slot = this.slotOf[node];
    if (slot < 0) this.authored.read(node, out, at);
    else for (let c = 0; c < 16; c++) out[at + c] = this.posed[16 * slot + c];
  }

  /** Sets the local matrix of a node from a pose (see `POSE`); its world is stale until `update`. */
  setPose(node: number, pose: Float64Array, at: number): void {
    const slot = this.slot(node);
    composePose(this.posed, slot, pose, at);
    this.touch(node);
  }

  /** Sets it to what is `alpha` of the way between two poses. */
  setBlend(node: number, from: Float64Array, at: number, to: Float64Array, toAt: number, alpha: number): void {
    const slot = this.slot(node);
    blendPose(this.posed, slot, from, at, to, toAt, alpha);
    this.touch(node);
  }

  /** The same from 16 values, row-major. */
  setLocal(node: number, local: Float64Array): void {
    const at = this.slot(node);
    this.posed.set(local, at);
    this.touch(node);
  }

  /** Where a node's own matrix begins in `posed`. */
  private slot(node: number): number {
    if (this.slotOf[node] < 0) {
      this.slotOf[node] = this.slots++;
      if (16 * this.slotOf[node] >= this.posed.length) this.posed = grown(this.posed);
      lastRow(this.posed, 16 * this.slotOf[node]);
    }
    return 16 * this.slotOf[node];
  }

  private touch(node: number): void {
    if (this.dirtyCount > 0 && node < this.dirty[this.dirtyCount - 1]) this.inOrder = false;
    if (this.dirtyCount === this.dirty.length) {
      const more = new Int32Array(2 * this.dirtyCount);
      more.set(this.dirty);
      this.dirty = more;
    }
    this.dirty[this.dirtyCount++] = node;
  }

  /** Recomputes the worlds of the nodes set since the last call and of all below; returns those nodes (a view). */
  update(): Int32Array {
    if (this.dirtyCount === 0) return this.changed.subarray(0, 0);
    this.pass++;
    let n = 0;
    // In index order an ancestor comes first and takes its descendants along.
    const dirty = this.dirty.subarray(0, this.dirtyCount);
    if (!this.inOrder) dirty.sort();
    const { start } = this.children;
    for (let k = 0; k < dirty.length; k++) {
      const node = dirty[k];
      if (this.stamp[node] === this.pass) continue;
      if (start[node] < start[node + 1]) n = this.descend(node, n);
      else n = this.settle(node, n);
    }
    this.dirtyCount = 0;
    this.inOrder = true;
    return this.changed.subarray(0, n);
  }

  private descend(root: number, n: number): number {
    const { start, list } = this.children;
    let top = 0;
    this.stack[top++] = root;
    while (top > 0) {
      const node = this.stack[--top];
      n = this.settle(node, n);
      for (let k = start[node]; k < start[node + 1]; k++) this.stack[top++] = list[k];
    }
    return n;
  }

  private settle(node: number, n: number): number {
    this.compose(node);
    this.stamp[node] = this.pass;
    this.changed[n] = node;
    return n + 1;
  }

  private compose(node: number): void {
    const { world, scratch } = this;
    const p = this.parent[node];
    const slot = this.slotOf[node];
    if (slot < 0) this.authored.read(node, scratch, 0);
    const local = slot < 0 ? scratch : this.posed;
    const at = slot < 0 ? 0 : 16 * slot;
    if (p >= 0) multiplyRows(world, node * 16, world, p * 16, local, at);
    else for (let c = 0; c < 12; c++) world[node * 16 + c] = local[at + c];
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const out = new Float64Array(2 * column.length);
  out.set(column);
  return out;
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
