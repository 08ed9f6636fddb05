/**
 * The scene's tree as rows: which prims and points show, given what is open and what is searched for. Pure.
 *
 * Rows are kept in runs, as flat columns: a prim is a run of one, all points of an instancer are one run. So a million prims
 * or points cost a few columns, and only the rows in sight ever become objects or DOM (features/tree).
 */
import { childrenOf, type Children } from "./scene-model.ts";

export interface SceneRow {
  /** A prim, or a point instance. */
  readonly node: number;
  readonly level: number;
  readonly expandable: boolean;
  readonly expanded: boolean;
  /** Position among the siblings that show, from 1, and their number. */
  readonly position: number;
  readonly siblings: number;
}

/** A growing column of whole numbers. */
class Column {
  data = new Int32Array(256);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const more = new Int32Array(this.length * 2);
      more.set(this.data);
      this.data = more;
    }
    this.data[this.length++] = value;
  }
}

/** Rows that show, in order. */
export class Rows {
  length = 0;
  /** First row of each run, its first node, the place of that in the children's list (-1: a prim), level, position, siblings. */
  private readonly start = new Column();
  private readonly node = new Column();
  private readonly list = new Column();
  private readonly level = new Column();
  private readonly position = new Column();
  private readonly siblings = new Column();
  private readonly open = new Column();

  constructor(private readonly children: Children) {}

  /** `count` nodes from the children's list at `list`, or one prim (`list` -1). `open`: 0 leaf, 1 closed, 2 open. */
  add(node: number, list: number, count: number, level: number, position: number, siblings: number, open: number): void {
    this.start.push(this.length);
    this.node.push(node);
    this.list.push(list);
    this.level.push(level);
    this.position.push(position);
    this.siblings.push(siblings);
    this.open.push(open);
    this.length += count;
  }

  at(index: number): SceneRow {
    const run = this.runOf(index);
    const within = index - this.start.data[run];
    const list = this.list.data[run];
    const open = this.open.data[run];
    return {
      node: list < 0 ? this.node.data[run] : this.children.list[list + within],
      level: this.level.data[run],
      expandable: open > 0,
      expanded: open === 2,
      position: this.position.data[run] + within,
      siblings: this.siblings.data[run],
    };
  }

  /** The row of a node; -1 where it does not show. */
  indexOf(node: number): number {
    for (let run = 0; run < this.node.length; run++) {
      const list = this.list.data[run];
      if (list < 0) {
        if (this.node.data[run] === node) return this.start.data[run];
        continue;
      }
      const end = (run + 1 < this.start.length ? this.start.data[run + 1] : this.length) - this.start.data[run];
      // Points of an instancer stand in the order of their numbers.
      const within = node - this.children.list[list];
      if (within >= 0 && within < end && this.children.list[list + within] === node) return this.start.data[run] + within;
      const found = within >= 0 ? this.children.list.subarray(list, list + end).indexOf(node) : -1;
      if (found >= 0) return this.start.data[run] + found;
    }
    return -1;
  }

  /** The last run that begins at or before a row. */
  private runOf(index: number): number {
    let [low, high] = [0, this.start.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.start.data[middle] <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

export class SceneTree {
  readonly children: Children;
  readonly expanded = new Set<number>();
  /** Prims that match the search; all where there is none. */
  matches = 0;
  private readonly roots: number[] = [];
  /** With a search: 2 found, 1 above something found, 0 neither. */
  private shown: Uint8Array | null = null;
  /** Closed by hand while searching, when everything found is open at first. */
  private readonly closed = new Set<number>();

  /** `parent`: of prims, then of points (their instancer), -1 for roots; a parent comes before its children. */
  constructor(
    readonly parent: Int32Array,
    readonly primCount: number,
  ) {
    this.children = childrenOf(parent);
    for (let i = 0; i < primCount; i++) if (parent[i] < 0) this.roots.push(i);
    this.matches = primCount;
    this.expandInitially();
  }

  /** Opens single roots, and the first levels as long as they stay short. */
  private expandInitially(): void {
    let level = this.roots;
    let rows = level.length;
    for (let depth = 0; depth < 2; depth++) {
      const next = level.flatMap((prim) => this.childList(prim).filter((child) => child < this.primCount));
      rows += next.length;
      if (rows > 24) return;
      for (const prim of level) if (next.some((child) => this.parent[child] === prim)) this.expanded.add(prim);
      level = next;
    }
  }

  get searching(): boolean {
    return this.shown !== null;
  }

  childList(node: number): number[] {
    return [...this.children.list.subarray(this.children.start[node], this.children.start[node + 1])];
  }

  isExpandable(node: number): boolean {
    return this.children.start[node + 1] > this.children.start[node];
  }

  /** Shows only prims that `accepts` and what is above them; null shows all. */
  filter(accepts: ((prim: number) => boolean) | null): void {
    this.closed.clear();
    this.matches = this.primCount;
    this.shown = null;
    if (accepts === null) return;
    const shown = new Uint8Array(this.primCount);
    this.matches = 0;
    for (let i = 0; i < this.primCount; i++) {
      if (!accepts(i)) continue;
      this.matches++;
      shown[i] = 2;
      for (let p = this.parent[i]; p >= 0 && shown[p] === 0; p = this.parent[p]) shown[p] = 1;
    }
    this.shown = shown;
  }

  /** Whether a search found the prim itself. */
  found(prim: number): boolean {
    return this.shown === null || this.shown[prim] === 2;
  }

  setOpen(node: number, open: boolean): void {
    if (open) this.expanded.add(node);
    else this.expanded.delete(node);
    if (this.shown === null) return;
    if (open) this.closed.delete(node);
    else this.closed.add(node);
  }

  /** Opens all that has prims below it; points stay closed, there may be a million. */
  expandAll(): void {
    for (let i = 0; i < this.primCount; i++) {
      const first = this.children.start[i];
      if (this.isExpandable(i) && this.children.list[first] < this.primCount) this.expanded.add(i);
    }
    this.closed.clear();
  }

  collapseAll(): void {
    this.expanded.clear();
    if (this.shown !== null) for (let i = 0; i < this.primCount; i++) if (this.shown[i] > 0) this.closed.add(i);
  }

  /** Opens everything above a node. */
  reveal(node: number): void {
    for (let p = this.parent[node]; p >= 0; p = this.parent[p]) {
      this.expanded.add(p);
      this.closed.delete(p);
    }
  }

  rows(): Rows {
    const rows = new Rows(this.children);
    this.collect(this.roots, 1, rows);
    return rows;
  }

  private collect(nodes: readonly number[], level: number, rows: Rows): void {
    const prims = nodes.filter((node) => node < this.primCount && (this.shown === null || this.shown[node] > 0));
    prims.forEach((prim, k) => {
      const [from, to] = [this.children.start[prim], this.children.start[prim + 1]];
      const points = this.firstPoint(from, to);
      const expandable = this.shown === null ? to > from : this.anyShown(from, points) || (this.found(prim) && points < to);
      const expanded = expandable && this.isOpen(prim, from, points);
      const siblings = prims.length;
      rows.add(prim, -1, 1, level, k + 1, siblings, expanded ? 2 : expandable ? 1 : 0);
      if (!expanded) return;
      const below = [...this.children.list.subarray(from, points)];
      this.collect(below, level + 1, rows);
      const count = to - points;
      if (count > 0 && this.found(prim)) rows.add(-1, points, count, level + 1, points - from + 1, to - from, 0);
    });
  }

  /** What was found is open while searching, unless it was closed by hand; points only where they were opened. */
  private isOpen(prim: number, from: number, points: number): boolean {
    if (this.shown === null) return this.expanded.has(prim);
    return !this.closed.has(prim) && (this.anyShown(from, points) || this.expanded.has(prim));
  }

  /** Where the points begin in a stretch of the children's list: prims come first. */
  private firstPoint(from: number, to: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.children.list[middle] < this.primCount) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private anyShown(from: number, to: number): boolean {
    for (let k = from; k < to; k++) if (this.shown === null || this.shown[this.children.list[k]] > 0) return true;
    return false;
  }
}
