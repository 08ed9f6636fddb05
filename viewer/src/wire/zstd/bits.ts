/**
 * Bytes to be read as bits, from both ends. Pure.
 *
 * The input lies in a buffer with room on both sides, so that 32 bits can be loaded anywhere in it without a look at where it
 * ends. What lies beyond the ends of a run of bits is asked for nowhere, or is masked away.
 */

/** The data is no zstd, or none that this decoder takes. */
export class ZstdError extends Error {}

/** Room before and behind the input [B]. */
const ROOM = 8;

/** The data that is being read, in a buffer that is used again. */
export class Input {
  bytes = new Uint8Array(1 << 12);
  view = new DataView(this.bytes.buffer);

  /** Where the data begins and ends in `bytes`. */
  load(data: Uint8Array): [start: number, end: number] {
    const size = data.length + 2 * ROOM;
    if (this.bytes.length < size) {
      this.bytes = new Uint8Array(2 * size);
      this.view = new DataView(this.bytes.buffer);
    }
    this.bytes.set(data, ROOM);
    this.bytes.fill(0, ROOM + data.length, size);
    return [ROOM, ROOM + data.length];
  }
}

/** Index of the highest bit that is set; -1 for 0. */
export function highBit(value: number): number {
  return 31 - Math.clz32(value);
}

/**
 * A run of bits that is read from its end: the last byte's highest 1 only marks where it begins. Reading beyond its beginning
 * gives zeros; `left` is then negative.
 */
export class BackwardBits {
  /** Bits that are left. */
  left = 0;
  private view = new DataView(new ArrayBuffer(16));
  private start = 0;

  open(input: Input, start: number, end: number): void {
    if (end <= start || input.bytes[end - 1] === 0) throw new ZstdError("a run of bits without its mark");
    this.view = input.view;
    this.start = start;
    this.left = 8 * (end - start - 1) + highBit(input.bytes[end - 1]);
  }

  /** The next `n` bits, at most 25. */
  take(n: number): number {
    const from = this.left - n;
    this.left = from;
    if (from >= 0) return (this.view.getUint32(this.start + (from >> 3), true) >>> (from & 7)) & ((1 << n) - 1);
    const had = from + n;
    if (had <= 0) return 0;
    return (this.view.getUint32(this.start, true) & ((1 << had) - 1)) << -from;
  }
}
