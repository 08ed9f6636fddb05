/** Huffman codes of literals (RFC 8878, section 4.2): the table, and one stream or four of them side by side. Pure. */
import { BackwardBits, highBit, type Input, ZstdError } from "./bits.ts";
import { FseTable } from "./fse.ts";

/** The longest code [bit]. */
const MOST_BITS = 11;
const MOST_WEIGHT_LOG = 6;

const weights = new Uint8Array(256);
const ranks = new Uint16Array(MOST_BITS + 2);
const weightTable = new FseTable();
const weightBits = new BackwardBits();

export class HuffmanTable {
  /** Bits that choose a cell; 0: there is no table yet. */
  log = 0;
  /** By the next `log` bits: the symbol, and in the lowest four bits the length of its code. */
  private readonly cells = new Uint16Array(1 << MOST_BITS);
  private readonly bits = new BackwardBits();

  /** From a description that begins at `at`; returns where it ends. */
  read(input: Input, at: number, end: number): number {
    const head = input.bytes[at++];
    const packed = head < 128;
    const stop = at + (packed ? head : (head - 126) >> 1);
    if (stop > end) throw new ZstdError("weights that are cut off");
    let count: number;
    if (packed) count = unpackWeights(input, at, stop);
    else {
      count = head - 127;
      for (let k = 0; k < count; k++) weights[k] = k % 2 ? input.bytes[at + (k >> 1)] & 15 : input.bytes[at + (k >> 1)] >> 4;
    }
    this.build(count);
    return stop;
  }

  /** `count` weights are known; the last symbol's is what makes the sum a power of two. */
  private build(count: number): void {
    let sum = 0;
    for (let k = 0; k < count; k++) {
      if (weights[k] > MOST_BITS) throw new ZstdError("a weight that is too large");
      sum += weights[k] ? 1 << (weights[k] - 1) : 0;
    }
    const log = highBit(sum) + 1;
    const rest = (1 << log) - sum;
    if (sum === 0 || log > MOST_BITS || (rest & (rest - 1)) !== 0) throw new ZstdError("weights that make no code");
    weights[count] = highBit(rest) + 1;
    // Codes of the least weight come first; `ranks[w]`: cells before those of weight w.
    ranks.fill(0);
    for (let k = 0; k <= count; k++) if (weights[k]) ranks[weights[k] + 1] += 1 << (weights[k] - 1);
    for (let w = 1; w < ranks.length; w++) ranks[w] += ranks[w - 1];
    for (let k = 0; k <= count; k++) {
      const w = weights[k];
      if (!w) continue;
      const from = ranks[w];
      ranks[w] = from + (1 << (w - 1));
      this.cells.fill((k << 4) | (log + 1 - w), from, ranks[w]);
    }
    this.log = log;
  }

  /** One stream: exactly the bytes out[to .. stop]. */
  decode(input: Input, start: number, end: number, out: Uint8Array, to: number, stop: number): void {
    const { bits } = this;
    bits.open(input, start, end);
    this.finish(input, start, bits.left, out, to, stop);
  }

  /** Four streams behind a table of their sizes, side by side: what one waits for, the others have. */
  decodeFour(input: Input, start: number, end: number, out: Uint8Array, to: number, size: number): void {
    const { view } = input;
    const { cells, log, bits } = this;
    const part = (size + 3) >> 2;
    if (end - start < 10 || size < 6) throw new ZstdError("four streams in no room");
    const a = start + 6;
    const b = a + view.getUint16(start, true);
    const c = b + view.getUint16(start + 2, true);
    const d = c + view.getUint16(start + 4, true);
    if (d >= end) throw new ZstdError("streams that are cut off");
    bits.open(input, a, b);
    let leftA = bits.left;
    bits.open(input, b, c);
    let leftB = bits.left;
    bits.open(input, c, d);
    let leftC = bits.left;
    bits.open(input, d, end);
    let leftD = bits.left;
    const mask = (1 << log) - 1;
    const two = 2 * log;
    let k = to;
    const stop = to + size - 3 * part - 1; // the last stream is the shortest
    for (; k < stop; k += 2) {
      const fromA = leftA - two;
      const fromB = leftB - two;
      const fromC = leftC - two;
      const fromD = leftD - two;
      if ((fromA | fromB | fromC | fromD) < 0) break;
      const wordA = view.getUint32(a + (fromA >> 3), true) >>> (fromA & 7);
      const wordB = view.getUint32(b + (fromB >> 3), true) >>> (fromB & 7);
      const wordC = view.getUint32(c + (fromC >> 3), true) >>> (fromC & 7);
      const wordD = view.getUint32(d + (fromD >> 3), true) >>> (fromD & 7);
      const firstA = cells[(wordA >>> log) & mask];
      const firstB = cells[(wordB >>> log) & mask];
      const firstC = cells[(wordC >>> log) & mask];
      const firstD = cells[(wordD >>> log) & mask];
      const nextA = cells[(wordA >>> (log - (firstA & 15))) & mask];
      const nextB = cells[(wordB >>> (log - (firstB & 15))) & mask];
      const nextC = cells[(wordC >>> (log - (firstC & 15))) & mask];
      const nextD = cells[(wordD >>> (log - (firstD & 15))) & mask];
      out[k] = firstA >> 4;
      out[k + 1] = nextA >> 4;
      out[k + part] = firstB >> 4;
      out[k + part + 1] = nextB >> 4;
      out[k + 2 * part] = firstC >> 4;
      out[k + 2 * part + 1] = nextC >> 4;
      out[k + 3 * part] = firstD >> 4;
      out[k + 3 * part + 1] = nextD >> 4;
      leftA -= (firstA & 15) + (nextA & 15);
      leftB -= (firstB & 15) + (nextB & 15);
      leftC -= (firstC & 15) + (nextC & 15);
      leftD -= (firstD & 15) + (nextD & 15);
    }
    const done = k - to;
    this.finish(input, a, leftA, out, to + done, to + part);
    this.finish(input, b, leftB, out, to + part + done, to + 2 * part);
    this.finish(input, c, leftC, out, to + 2 * part + done, to + 3 * part);
    this.finish(input, d, leftD, out, to + 3 * part + done, to + size);
  }

  /** The rest of a stream of which `left` bits are left: they must be exactly those of out[to .. stop]. */
  private finish({ view }: Input, start: number, left: number, out: Uint8Array, to: number, stop: number): void {
    const { cells, log } = this;
    const mask = (1 << log) - 1;
    let k = to;
    for (; k < stop && left > 0; k++) {
      const from = left - log;
      const index =
        from >= 0
          ? (view.getUint32(start + (from >> 3), true) >>> (from & 7)) & mask
          : ((view.getUint32(start, true) & ((1 << left) - 1)) << -from) & mask;
      out[k] = cells[index] >> 4;
      left -= cells[index] & 15;
    }
    if (k !== stop || left !== 0) throw new ZstdError("a stream of literals of another length");
  }
}

/** Two states in turn over one run of bits; returns how many weights there are. */
function unpackWeights(input: Input, at: number, end: number): number {
  const start = weightTable.read(input, at, end, MOST_WEIGHT_LOG, MOST_BITS + 1);
  const { symbol, bits, next, log } = weightTable;
  weightBits.open(input, start, end);
  let one = weightBits.take(log);
  let other = weightBits.take(log);
  if (weightBits.left < 0) throw new ZstdError("weights that are cut off");
  for (let count = 0; ; [one, other] = [other, one]) {
    if (count > 253) throw new ZstdError("too many weights");
    weights[count++] = symbol[one];
    const more = bits[one];
    one = next[one] + weightBits.take(more);
    if (weightBits.left < 0) {
      weights[count++] = symbol[other];
      return count;
    }
  }
}
