/** Whether triangles enclose something: then a section through them shows a filling. Pure. */

export interface Triangles {
  /** x, y, z of each vertex. */
  readonly position: ArrayLike<number>;
  /** Three a triangle; null: vertices in their order. */
  readonly index: ArrayLike<number> | null;
}

/** Vertices this near are one, as a share of the greatest extent. */
const SAME = 1e-5;

/** Whether each edge belongs to as many triangles of the one way round as of the other: no edge is open. Vertices that lie on one another are one. */
export function isClosed(parts: readonly Triangles[]): boolean {
  let most = 0;
  for (const { position } of parts) for (let k = 0; k < position.length; k++) most = Math.max(most, Math.abs(position[k]));
  if (most === 0) return false;
  const scale = 1 / (most * SAME);
  const names = new Map<string, number>();
  const open = new Map<number, number>();
  for (const { position, index } of parts) {
    const count = position.length / 3;
    const vertex = new Int32Array(count);
    for (let k = 0; k < count; k++) {
      const name = `${Math.round(position[3 * k] * scale)},${Math.round(position[3 * k + 1] * scale)},${Math.round(position[3 * k + 2] * scale)}`;
      let known = names.get(name);
      if (known === undefined) names.set(name, (known = names.size));
      vertex[k] = known;
    }
    const corners = index?.length ?? count;
    const at = (k: number): number => vertex[index ? index[k] : k];
    for (let k = 0; k + 2 < corners; k += 3)
      for (let e = 0; e < 3; e++) {
        const [a, b] = [at(k + e), at(k + ((e + 1) % 3))];
        if (a === b) continue;
        const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
        const sum = (open.get(key) ?? 0) + (a < b ? 1 : -1);
        if (sum === 0) open.delete(key);
        else open.set(key, sum);
      }
  }
  return open.size === 0;
}
