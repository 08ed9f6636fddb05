/** Going up and down the path of what was picked. Pure. */

/** "/A/B/C" -> "/A/B"; "/A/Points[3]" -> "/A/Points"; null at the top. */
export function parentPath(path: string): string | null {
  const point = /^(.*)\[-?\d+\]$/.exec(path);
  if (point) return point[1];
  const at = path.lastIndexOf("/");
  return at > 0 ? path.slice(0, at) : null;
}

/** The step from `above` towards `leaf`; null where the leaf is not below it. */
export function childTowards(above: string, leaf: string): string | null {
  for (let path: string | null = leaf, below: string | null = null; path !== null; below = path, path = parentPath(path))
    if (path === above) return below;
  return null;
}

/**
 * What a further pick at the same thing selects: the parent of what is selected, and the thing again after the top.
 * `leaf`: what lies under the pointer; `selected`: what is selected now.
 */
export function nextPick(leaf: string, selected: string | null): string {
  if (selected === null || (selected !== leaf && childTowards(selected, leaf) === null)) return parentPath(leaf) ?? leaf;
  return parentPath(selected) ?? leaf;
}
