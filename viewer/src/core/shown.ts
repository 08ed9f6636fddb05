/**
 * What this viewer hides, for itself alone: paths as the user chose them, as nodes of the scene there is. Pure.
 */

/** Nodes hidden by hand, and the one that alone is shown (-1: all). */
export interface Shown {
  readonly hidden: ReadonlySet<number>;
  readonly isolated: number;
}

/** Paths that the scene does not have are left out: they count again where they come back. */
export function shownNodes(
  hidden: ReadonlySet<string>,
  isolated: string | null,
  nodeAt: (path: string) => number,
): Shown {
  const nodes = new Set<number>();
  for (const path of hidden) {
    const node = nodeAt(path);
    if (node >= 0) nodes.add(node);
  }
  return { hidden: nodes, isolated: isolated === null ? -1 : nodeAt(isolated) };
}

/** Columns over all nodes: 1 where hidden by hand, itself or from above; 1 where outside of what is isolated. */
export interface Aside {
  readonly hidden: Uint8Array;
  readonly outside: Uint8Array;
}

/** Null where all is shown. `treeParent`: a parent comes before its children. */
export function asideOf({ hidden, isolated }: Shown, treeParent: Int32Array): Aside | null {
  if (hidden.size === 0 && isolated < 0) return null;
  const n = treeParent.length;
  const aside = { hidden: new Uint8Array(n), outside: new Uint8Array(n) };
  for (let i = 0; i < n; i++) {
    const p = treeParent[i];
    aside.hidden[i] = hidden.has(i) || (p >= 0 && aside.hidden[p] === 1) ? 1 : 0;
    if (isolated >= 0) aside.outside[i] = i === isolated || (p >= 0 && aside.outside[p] === 0) ? 0 : 1;
  }
  return aside;
}

/** Whether an instance that a prim draws at a node is set aside: a point is inside what is isolated, or its prim is. */
export function isAside(aside: Aside | null, node: number, prim: number): boolean {
  if (aside === null) return false;
  const { hidden, outside } = aside;
  return hidden[node] === 1 || hidden[prim] === 1 || (outside[node] === 1 && outside[prim] === 1);
}
