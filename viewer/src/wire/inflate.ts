/**
 * Compressed bodies: one zstd frame that states its content size. Pure.
 *
 * Columns that live only until the tick is applied are inflated into buffers that are used again (`Arena`).
 */
import { decompress } from "fzstd";

/** What a zstd frame says of itself before it is inflated. */
interface Outline {
  /** Content size [B]. */
  readonly size: number;
  /** Where its blocks begin and where the header of the last one lies. */
  readonly lastBlock: number;
  readonly end: number;
  readonly checksum: boolean;
}

/** Reads the frame's header and walks over its blocks; null where the data is not exactly one frame that states its size and needs no dictionary. */
export function outline(data: Uint8Array): Outline | null {
  if (data.length < 9 || data[0] !== 0x28 || data[1] !== 0xb5 || data[2] !== 0x2f || data[3] !== 0xfd) return null;
  const descriptor = data[4];
  const single = (descriptor >> 5) & 1;
  const bytes = [single, 2, 4, 8][descriptor >> 6];
  let at = 5 + (1 - single) + [0, 1, 2, 4][descriptor & 3];
  if (bytes === 0 || (descriptor & 3) !== 0 || at + bytes > data.length) return null;
  let size = bytes === 2 ? 256 : 0;
  for (let k = bytes - 1, low = 0; k >= 0; k--) {
    low = low * 256 + data[at + k];
    if (k === 0) size += low;
  }
  at += bytes;
  const checksum = (descriptor & 4) !== 0;
  for (;;) {
    if (at + 3 > data.length) return null;
    const head = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
    const end = at + 3 + (((head >> 1) & 3) === 1 ? 1 : head >> 3);
    if (head & 1) return end + (checksum ? 4 : 0) === data.length ? { size, lastBlock: at, end, checksum } : null;
    at = end;
  }
}

/** What is written behind the content, to see that it ends where it should. */
const MARK = [0x9b, 0x1f, 0xc6, 0x52, 0xe7, 0x38, 0xad, 0x04];
const MARK_BLOCK = [1 | (MARK.length << 3), 0, 0, ...MARK];

/** Buffers that are handed out one after the other and all become free again at once. */
export class Arena {
  private readonly buffers: Uint8Array[] = [];
  private used = 0;

  take(size: number): Uint8Array {
    const k = this.used++;
    if (!(this.buffers[k]?.length >= size)) this.buffers[k] = new Uint8Array(Math.max(1 << 16, size * 2));
    return this.buffers[k].subarray(0, size);
  }

  free(): void {
    this.used = 0;
  }
}

const scratch = new Arena();

/**
 * The content of a frame, in a buffer that `take` gives; null where it is not of the size that was stated.
 *
 * The decompressor does not tell how much it wrote. So one more block is put behind the last one, and has to come out
 * exactly behind the content.
 */
export function inflate(data: Uint8Array, frame: Outline, take: (size: number) => Uint8Array): Uint8Array | null {
  scratch.free();
  const marked = scratch.take(frame.end + MARK_BLOCK.length + (frame.checksum ? 4 : 0));
  marked.set(data.subarray(0, frame.end));
  marked[frame.lastBlock] &= 0xfe;
  marked.set(MARK_BLOCK, frame.end);
  const out = take(frame.size + MARK.length);
  for (let k = 0; k < MARK.length; k++) out[frame.size + k] = 0;
  try {
    decompress(marked, out);
  } catch {
    return null;
  }
  return MARK.every((byte, k) => out[frame.size + k] === byte) ? out.subarray(0, frame.size) : null;
}
