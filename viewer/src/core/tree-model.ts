/**
 * The prim tree as rows: which prims show, given what is expanded and what is searched for. Pure.
 *
 * Only the rows of the window on screen become DOM (see features/tree), so a hundred thousand prims cost nothing.
 */
import { childrenOf, type Children } from "./scene-model.ts";

export interface TreeRow {
  readonly prim: number;
  readonly level: number;
  readonly expandable: boolean;
  readonly expanded: boolean;
  /** Position among the siblings that show, from 1, and their number. */
  readonly position: number;
  readonly siblings: number;
}

/** Index of the parent prim by path, -1 for root prims. Parents precede their children. */
export function parentsByPath(paths: readonly string[]): Int32Array {
  const index = new Map(paths.map((path, i) => [path, i]));
  return Int32Array.from(paths, (path) => index.get(path.slice(0, path.lastIndexOf("/"))) ?? -1);
}

/** The last part of a prim path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export class TreeModel {
  readonly parent: Int32Array;
  readonly children: Children;
  readonly expanded = new Set<number>();
  private readonly roots: number[] = [];
  private shown: Set<number> | null = null;
  matches = 0;

  constructor(readonly paths: readonly string[]) {
    this.parent = parentsByPath(paths);
    this.children = childrenOf(this.parent);
    for (let i = 0; i < paths.length; i++) if (this.parent[i] < 0) this.roots.push(i);
    this.expandInitially();
  }

  /** Opens single roots, and the first levels as long as they stay short. */
  private expandInitially(): void {
    let level = this.roots;
    let rows = level.length;
    for (let depth = 0; depth < 2; depth++) {
      const next = level.flatMap((prim) => this.childList(prim));
      rows += next.length;
      if (rows > 24) return;
      for (const prim of level) if (this.isExpandable(prim)) this.expanded.add(prim);
      level = next;
    }
  }

  childList(prim: number): number[] {
    return [...this.children.list.subarray(this.children.start[prim], this.children.start[prim + 1])];
  }

  isExpandable(prim: number): boolean {
    return this.children.start[prim + 1] > this.children.start[prim];
  }

  /** Shows only prims that `accepts` and their ancestors; null shows all. */
  filter(accepts: ((prim: number) => boolean) | null): void {
    this.matches = 0;
    if (accepts === null) {
      this.shown = null;
      return;
    }
    const shown = new Set<number>();
    for (let i = 0; i < this.paths.length; i++) {
      if (!accepts(i)) continue;
      this.matches++;
      for (let p = i; p >= 0 && !shown.has(p); p = this.parent[p]) shown.add(p);
    }
    this.shown = shown;
  }

  /** Opens all ancestors. */
  reveal(prim: number): void {
    for (let p = this.parent[prim]; p >= 0; p = this.parent[p]) this.expanded.add(p);
  }

  rows(): TreeRow[] {
    const out: TreeRow[] = [];
    this.collect(this.roots, 1, out);
    return out;
  }

  private collect(prims: readonly number[], level: number, out: TreeRow[]): void {
    const { shown } = this;
    const visible = shown ? prims.filter((prim) => shown.has(prim)) : prims;
    visible.forEach((prim, k) => {
      const children = this.childList(prim);
      const expandable = shown ? children.some((child) => shown.has(child)) : children.length > 0;
      // While searching everything found is open.
      const expanded = expandable && (shown !== null || this.expanded.has(prim));
      out.push({ prim, level, expandable, expanded, position: k + 1, siblings: visible.length });
      if (expanded) this.collect(children, level + 1, out);
    });
  }
}
