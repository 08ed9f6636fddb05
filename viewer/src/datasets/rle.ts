/** COCO's compressed run lengths, by the format's definition: runs down the columns, the first of zeros. Pure. */
import type { Rle } from "./types.ts";

/** Lengths of runs. Throws for what is no such text. */
export function runLengths(text: string): number[] {
  const runs: number[] = [];
  let [value, shift] = [0, 0];
  for (let k = 0; k < text.length; k++) {
    const bits = text.charCodeAt(k) - 48;
    if (bits < 0 || bits > 63 || shift > 50) throw new Error("These are no run lengths.");
    value += (bits & 31) * 2 ** shift;
    shift += 5;
    if (bits & 32) continue;
    if (bits & 16) value -= 2 ** shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
    [value, shift] = [0, 0];
  }
  return runs;
}

/** Calls `run` with each upright stretch of pixels of the mask: column, first row, row behind the last. */
export function eachStretch(rle: Rle, run: (x: number, from: number, until: number) => void): void {
  const [height, width] = rle.size;
  const runs = runLengths(rle.counts);
  if (runs.some((length) => length < 0) || runs.reduce((sum, length) => sum + length, 0) !== width * height)
    throw new Error("The run lengths do not fill the picture.");
  let at = 0;
  for (let k = 0; k < runs.length; k++) {
    const end = at + runs[k];
    // A run may go on at the top of the next column.
    if (k % 2 === 1)
      for (let begin = at; begin < end; ) {
        const x = Math.floor(begin / height);
        const until = Math.min(end, (x + 1) * height);
        run(x, begin - x * height, until - x * height);
        begin = until;
      }
    at = end;
  }
}

/** The mask, row by row: 1 inside. */
export function decode(rle: Rle): Uint8Array {
  const [height, width] = rle.size;
  const out = new Uint8Array(width * height);
  eachStretch(rle, (x, from, until) => {
    for (let y = from; y < until; y++) out[y * width + x] = 1;
  });
  return out;
}
