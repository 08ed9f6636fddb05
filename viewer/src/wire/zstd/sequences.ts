/** Sequences (RFC 8878, section 3.1.1.3.2): so many literals, then a copy of what came before. Pure. */
import { BackwardBits, type Input, ZstdError } from "./bits.ts";
import { FseTable } from "./fse.ts";

const LENGTH_BITS = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS = [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/** Farther back than the content of any message is long. */
const MOST_OFFSET_CODE = 24;

/** Codes that stand for a length: the first ones for themselves, later ones for a base plus some bits. */
function lengths(plain: number, least: number, wide: readonly number[]): { base: Uint32Array; extra: Uint8Array } {
  const extra = Uint8Array.from([...new Array<number>(plain).fill(0), ...wide]);
  const base = new Uint32Array(extra.length);
  for (let code = 0, next = least; code < extra.length; next += 1 << extra[code++]) base[code] = next;
  return { base, extra };
}

const LITERALS = lengths(16, 0, LENGTH_BITS);
const MATCHES = lengths(32, 3, MATCH_BITS);

/** Counts of the tables that need no description: runs of [count, times]. */
const FIXED_LITERALS = runs([[4, 1], [3, 1], [2, 11], [1, 3], [2, 9], [3, 1], [2, 1], [1, 5], [-1, 4]]);
const FIXED_OFFSETS = runs([[1, 6], [2, 3], [1, 15], [-1, 5]]);
const FIXED_MATCHES = runs([[1, 1], [4, 1], [3, 1], [2, 6], [1, 37], [-1, 7]]);

function runs(list: readonly (readonly [number, number])[]): number[] {
  return list.flatMap(([count, times]) => new Array<number>(times).fill(count));
}

interface Kind {
  readonly fixed: readonly number[];
  readonly fixedLog: number;
  readonly mostLog: number;
  readonly mostSymbol: number;
}

const KINDS: readonly Kind[] = [
  { fixed: FIXED_LITERALS, fixedLog: 6, mostLog: 9, mostSymbol: 35 },
  { fixed: FIXED_OFFSETS, fixedLog: 5, mostLog: 8, mostSymbol: 31 },
  { fixed: FIXED_MATCHES, fixedLog: 6, mostLog: 9, mostSymbol: 52 },
];

export class Sequences {
  private readonly tables = KINDS.map(() => new FseTable());
  private readonly bits = new BackwardBits();
  /** The last three offsets. */
  private readonly recent = new Int32Array(3);

  /** A frame begins. */
  reset(): void {
    for (const table of this.tables) table.log = -1;
    this.recent.set([1, 4, 8]);
  }

  /**
   * The section in[at .. end] with the block's literals, written to out[to ..], which may look back to out[0]; returns where
   * what was written ends.
   */
  run(input: Input, at: number, end: number, literals: Uint8Array, size: number, out: Uint8Array, to: number): number {
    const { bytes } = input;
    let count = bytes[at++];
    if (count >= 128) count = count < 255 ? ((count - 128) << 8) + bytes[at++] : bytes[at] + (bytes[at + 1] << 8) + 0x7f00;
    if (count >= 0x7f00) at += 2;
    if (count > 0) at = this.readTables(input, at, end);
    if (at > end) throw new ZstdError("sequences that are cut off");
    if (count > 0) this.bits.open(input, at, end);
    else if (at !== end) throw new ZstdError("bytes are left in a block");
    return this.copy(count, literals, size, out, to);
  }

  private readTables(input: Input, at: number, end: number): number {
    const modes = input.bytes[at++];
    if (modes & 3) throw new ZstdError("modes that do not exist");
    for (let k = 0; k < 3; k++) {
      const mode = (modes >> (6 - 2 * k)) & 3;
      const table = this.tables[k];
      const { fixed, fixedLog, mostLog, mostSymbol } = KINDS[k];
      if (mode === 0) table.build(fixed, fixed.length, fixedLog);
      else if (mode === 1) {
        if (input.bytes[at] > mostSymbol) throw new ZstdError("a symbol that does not exist");
        table.single(input.bytes[at++]);
      } else if (mode === 2) at = table.read(input, at, end, mostLog, mostSymbol);
      else if (table.log < 0) throw new ZstdError("a table of before that was not");
      if (at >= end) throw new ZstdError("sequences that are cut off");
    }
    return at;
  }

  private copy(count: number, literals: Uint8Array, size: number, out: Uint8Array, to: number): number {
    const { bits, recent } = this;
    const [lengthTable, offsetTable, matchTable] = this.tables;
    let from = 0;
    let length = count > 0 ? bits.take(lengthTable.log) : 0;
    let offset = count > 0 ? bits.take(offsetTable.log) : 0;
    let match = count > 0 ? bits.take(matchTable.log) : 0;
    for (let k = 0; k < count; k++) {
      const code = offsetTable.symbol[offset];
      if (code > MOST_OFFSET_CODE) throw new ZstdError("a copy from too far back");
      const distance = (1 << code) + bits.take(code);
      const matchCode = matchTable.symbol[match];
      const copied = MATCHES.base[matchCode] + bits.take(MATCHES.extra[matchCode]);
      const lengthCode = lengthTable.symbol[length];
      const fresh = LITERALS.base[lengthCode] + bits.take(LITERALS.extra[lengthCode]);
      const back = distance > 3 ? remember(recent, distance - 3, 2) : recall(recent, distance, fresh);
      if (from + fresh > size || to + fresh + copied > out.length || back > to + fresh || back <= 0)
        throw new ZstdError("a sequence beyond its block");
      if (fresh < 48) for (let stop = from + fresh; from < stop; ) out[to++] = literals[from++];
      else {
        out.set(literals.subarray(from, from + fresh), to);
        from += fresh;
        to += fresh;
      }
      for (let stop = to + copied; to < stop; to++) out[to] = out[to - back];
      if (k + 1 === count) break;
      length = lengthTable.next[length] + bits.take(lengthTable.bits[length]);
      match = matchTable.next[match] + bits.take(matchTable.bits[match]);
      offset = offsetTable.next[offset] + bits.take(offsetTable.bits[offset]);
    }
    if (count > 0 && bits.left !== 0) throw new ZstdError("sequences of another length");
    if (to + size - from > out.length) throw new ZstdError("more than was stated");
    out.set(literals.subarray(from, size), to);
    return to + size - from;
  }
}

/** One of the last three offsets; which one depends on whether literals come before. */
function recall(recent: Int32Array, value: number, fresh: number): number {
  const which = value - 1 + (fresh === 0 ? 1 : 0);
  if (which === 0) return recent[0];
  return remember(recent, which === 3 ? recent[0] - 1 : recent[which], which === 3 ? 2 : which);
}

/** Puts an offset in front, those before it one place back; the one at `place` is forgotten. */
function remember(recent: Int32Array, offset: number, place: number): number {
  if (place === 2) recent[2] = recent[1];
  recent[1] = recent[0];
  recent[0] = offset;
  return offset;
}
