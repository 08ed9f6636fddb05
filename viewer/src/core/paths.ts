/** Prim paths. Pure. */

/** The last part of a prim path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
