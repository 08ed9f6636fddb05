/** Places texts beside lines so that none lies over another. Pure. */

/** Baselines for texts at `wanted` heights [px, down], each `size` tall, between `top` and `bottom`; in the order of `wanted`. */
export function spaced(wanted: readonly number[], size: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, k) => k).sort((a, b) => wanted[a] - wanted[b]);
  const placed = new Array<number>(wanted.length);
  let least = top + size;
  for (const k of order) {
    placed[k] = Math.max(wanted[k], least);
    least = placed[k] + size;
  }
  let most = bottom;
  for (const k of [...order].reverse()) {
    placed[k] = Math.min(placed[k], most);
    most = placed[k] - size;
  }
  return placed;
}
