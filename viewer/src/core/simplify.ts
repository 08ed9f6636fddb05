/** Fewer triangles for what is small on screen. Pure. */

/** Cells along the longest side: on the few dozen pixels where it is used, one is a pixel or two. */
const CELLS = 20;

/**
 * Triangles over the same vertices, each replaced by the first one of its grid cell: those that collapse go, those that
 * come twice are drawn once. `positions`: x, y, z a vertex; `bounds`: min xyz, max xyz.
 */
export function clustered(positions: ArrayLike<number>, index: ArrayLike<number>, bounds: ArrayLike<number>): Uint32Array {
  const longest = Math.max(bounds[3] - bounds[0], bounds[4] - bounds[1], bounds[5] - bounds[2]) || 1;
  const scale = CELLS / longest;
  const cell = (v: number): number => {
    let key = 0;
    for (let c = 0; c < 3; c++)
      key = key * (CELLS + 1) + Math.min(CELLS, Math.max(0, Math.floor((positions[3 * v + c] - bounds[c]) * scale)));
    return key;
  };
  const first = new Map<number, number>();
  const standIn = new Map<number, number>();
  const of = (v: number): number => {
    let found = standIn.get(v);
    if (found === undefined) {
      const key = cell(v);
      found = first.get(key) ?? v;
      if (found === v) first.set(key, v);
      standIn.set(v, found);
    }
    return found;
  };
  const seen = new Set<string>();
  const out: number[] = [];
  for (let i = 0; i + 2 < index.length; i += 3) {
    const [a, b, c] = [of(index[i]), of(index[i + 1]), of(index[i + 2])];
    if (a === b || b === c || c === a) continue;
    const least = Math.min(a, b, c);
    const key = least === a ? `${a},${b},${c}` : least === b ? `${b},${c},${a}` : `${c},${a},${b}`;
    if (seen.has(key)) continue;
    seen.add(key);
    out.push(a, b, c);
  }
  return Uint32Array.from(out);
}

export interface BoxShape {
  readonly position: Float32Array;
  readonly normal: Float32Array;
  readonly index: Uint16Array;
}

/** The twelve triangles of a box, counter-clockwise outside. */
export function boxShape(bounds: ArrayLike<number>): BoxShape {
  const position = new Float32Array(72);
  const normal = new Float32Array(72);
  const index = new Uint16Array(36);
  for (let face = 0; face < 6; face++) {
    const axis = face >> 1;
    const up = face & 1;
    const [u, v] = up ? [(axis + 1) % 3, (axis + 2) % 3] : [(axis + 2) % 3, (axis + 1) % 3];
    for (let corner = 0; corner < 4; corner++) {
      const at = 3 * (4 * face + corner);
      position[at + axis] = bounds[axis + 3 * up];
      position[at + u] = bounds[u + (corner === 1 || corner === 2 ? 3 : 0)];
      position[at + v] = bounds[v + (corner >= 2 ? 3 : 0)];
      normal[at + axis] = up ? 1 : -1;
    }
    index.set([0, 1, 2, 0, 2, 3].map((k) => 4 * face + k), 6 * face);
  }
  return { position, normal, index };
}
