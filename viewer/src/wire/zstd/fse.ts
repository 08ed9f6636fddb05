/** Finite state entropy (RFC 8878, section 4.1): tables from their description, or from fixed counts. Pure. */
import { highBit, type Input, ZstdError } from "./bits.ts";

/** The largest table of any kind. */
const MOST_STATES = 1 << 9;
const LEAST_LOG = 5;

const counts = new Int16Array(256);
const following = new Uint16Array(256);

/** What each state stands for, and which come next: `next[state] + bits` read anew. */
export class FseTable {
  /** States are numbers of so many bits; -1: there is no table yet. */
  log = -1;
  readonly symbol = new Uint8Array(MOST_STATES);
  readonly bits = new Uint8Array(MOST_STATES);
  readonly next = new Uint16Array(MOST_STATES);

  /** One symbol that takes no bits. */
  single(symbol: number): void {
    this.log = 0;
    this.symbol[0] = symbol;
    this.bits[0] = this.next[0] = 0;
  }

  /** From the counts of symbols: -1 less than one, else so many of the `1 << log` states. */
  build(given: ArrayLike<number>, symbols: number, log: number): void {
    const size = 1 << log;
    const { symbol, bits, next } = this;
    let high = size;
    for (let s = 0; s < symbols; s++) {
      following[s] = Math.abs(given[s]);
      if (given[s] === -1) symbol[--high] = s;
    }
    const step = (size >> 1) + (size >> 3) + 3;
    let at = 0;
    for (let s = 0; s < symbols; s++)
      for (let k = 0; k < given[s]; k++) {
        symbol[at] = s;
        do at = (at + step) & (size - 1);
        while (at >= high);
      }
    if (at !== 0) throw new ZstdError("counts that do not fill their table");
    for (let state = 0; state < size; state++) {
      const count = following[symbol[state]]++;
      bits[state] = log - highBit(count);
      next[state] = (count << bits[state]) - size;
    }
    this.log = log;
  }

  /** From a description that begins at `at`; returns where it ends. */
  read({ view }: Input, at: number, end: number, mostLog: number, mostSymbol: number): number {
    let bit = 8 * at;
    const peek = (n: number): number => (view.getUint32(bit >> 3, true) >>> (bit & 7)) & ((1 << n) - 1);
    const log = LEAST_LOG + peek(4);
    if (log > mostLog) throw new ZstdError("a table with too many states");
    bit += 4;
    let left = 1 << log;
    let symbols = 0;
    while (left > 0) {
      if (symbols > mostSymbol || bit > 8 * end) throw new ZstdError("a table with too many symbols");
      const width = highBit(left + 1) + 1;
      const half = (1 << (width - 1)) - 1;
      const short = (1 << width) - 2 - left;
      let value = peek(width);
      if ((value & half) < short) {
        value &= half;
        bit += width - 1;
      } else {
        if (value > half) value -= short;
        bit += width;
      }
      counts[symbols++] = value - 1;
      left -= Math.abs(value - 1);
      if (value !== 1) continue;
      for (let more = 3; more === 3; bit += 2) {
        more = peek(2);
        if (symbols + more > mostSymbol + 1) throw new ZstdError("a table with too many symbols");
        for (let k = 0; k < more; k++) counts[symbols++] = 0;
      }
    }
    const stop = (bit + 7) >> 3;
    if (left < 0 || stop > end) throw new ZstdError("a table that is cut off");
    this.build(counts, symbols, log);
    return stop;
  }
}
