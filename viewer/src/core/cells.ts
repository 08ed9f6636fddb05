/**
 * Instances split into cells, so that what lies outside the picture or far away costs little. Pure.
 *
 * The number of cells has an upper bound, so draw calls do not grow with instances. Within a cell the order is mixed
 * evenly, so that the first half of a cell is a fair picture of the whole.
 */

/** Fewer instances than this stay together. */
export const TOGETHER = 4096;
/** Triangles of a cell, if there may be so many cells. */
const TRIANGLES = 400_000;
const MOST_CELLS = 32;

/** How many cells `count` drawings of `triangles` each are split into: a power of two. */
export function cellCount(count: number, triangles: number): number {
  if (count < TOGETHER) return 1;
  const wanted = Math.max(count / TOGETHER, (count * triangles) / TRIANGLES);
  return 2 ** Math.min(Math.log2(MOST_CELLS), Math.ceil(Math.log2(Math.max(1, wanted))));
}

/**
 * Splits `rows` into `cells` (a power of two) of about the same size, each as compact as halving along the longest
 * axis makes it. `at`: x, y, z of row k at [3k..]. Reorders `rows` and returns views of it.
 */
export function split(rows: Int32Array, at: Float32Array, cells: number): Int32Array[] {
  if (cells <= 1 || rows.length < 2) return [mixed(rows)];
  const axis = longestAxis(rows, at);
  const half = rows.length >> 1;
  select(rows, at, axis, half);
  return [...split(rows.subarray(0, half), at, cells / 2), ...split(rows.subarray(half), at, cells / 2)];
}

function longestAxis(rows: Int32Array, at: Float32Array): number {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (const row of rows)
    for (let c = 0; c < 3; c++) {
      const value = at[3 * row + c];
      if (value < low[c]) low[c] = value;
      if (value > high[c]) high[c] = value;
    }
  const size = low.map((value, c) => high[c] - value);
  return size[0] >= size[1] && size[0] >= size[2] ? 0 : size[1] >= size[2] ? 1 : 2;
}

/** Hoare's selection: the k smallest along the axis come first. */
function select(rows: Int32Array, at: Float32Array, axis: number, k: number): void {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const pivot = at[3 * rows[(low + high) >> 1] + axis];
    let i = low;
    let j = high;
    while (i <= j) {
      while (at[3 * rows[i] + axis] < pivot) i++;
      while (at[3 * rows[j] + axis] > pivot) j--;
      if (i <= j) {
        const held = rows[i];
        rows[i++] = rows[j];
        rows[j--] = held;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else return;
  }
}

/** The rows in an order whose every beginning is spread over all: shuffled, always in the same way. */
function mixed(rows: Int32Array): Int32Array {
  if (rows.length < TOGETHER / 2) return rows;
  let state = 0x2545f491;
  for (let k = rows.length - 1; k > 0; k--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (k + 1));
    const held = rows[k];
    rows[k] = rows[other];
    rows[other] = held;
  }
  return rows;
}
