/** Rotations as they travel: 48 bits, smallest three. Pure. */

const HALF = 16383;
const UNIT = HALF * Math.SQRT2;

/** Smallest three: three 15-bit components and, in the top bits of the first two words, which one was left out. */
export function unpackQuaternion(out: Float64Array, oi: number, words: Uint16Array, wi: number): void {
  const a = ((words[wi] & 0x7fff) - HALF) / UNIT;
  const b = ((words[wi + 1] & 0x7fff) - HALF) / UNIT;
  const c = ((words[wi + 2] & 0x7fff) - HALF) / UNIT;
  const rest = Math.sqrt(Math.max(0, 1 - a * a - b * b - c * c));
  const largest = (words[wi] >> 15) | ((words[wi + 1] >> 15) << 1);
  out[oi] = largest === 0 ? rest : a;
  out[oi + 1] = largest === 0 ? a : largest === 1 ? rest : b;
  out[oi + 2] = largest < 2 ? b : largest === 2 ? rest : c;
  out[oi + 3] = largest < 3 ? c : rest;
}
