/**
 * Compressed bodies: one zstd frame that states its content size. Pure.
 *
 * Columns that live only until the tick is applied are inflated into buffers that are used again (`Arena`).
 */
import { ZstdDecoder, ZstdError } from "./zstd/frame.ts";

/** What a zstd frame says of itself before it is inflated. */
interface Outline {
  /** Content size [B]. */
  readonly size: number;
  /** Where its blocks begin. */
  readonly blocks: number;
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
  const blocks = at;
  const checksum = (descriptor & 4) !== 0;
  for (;;) {
    if (at + 3 > data.length) return null;
    const head = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
    const end = at + 3 + (((head >> 1) & 3) === 1 ? 1 : head >> 3);
    if (head & 1) return end + (checksum ? 4 : 0) === data.length ? { size, blocks } : null;
    at = end;
  }
}

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

const decoder = new ZstdDecoder();

/** The content of a frame, in a buffer that `take` gives; null where it is not of the size that was stated. */
export function inflate(data: Uint8Array, frame: Outline, take: (size: number) => Uint8Array): Uint8Array | null {
  const out = take(frame.size);
  try {
    decoder.decode(data, frame.blocks, out);
  } catch (error) {
    if (error instanceof ZstdError) return null;
    throw error;
  }
  return out;
}
