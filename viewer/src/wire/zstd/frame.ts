/**
 * One zstd frame (RFC 8878) into a buffer: blocks, literals, sequences. Pure; memory is taken once and used again.
 *
 * Written for twin.v1: no dictionaries, content of a size that is known before, whose checksum the caller has (each frame of
 * twin.v1 carries one). Everything of the format that libzstd's compressors make is there.
 */
import { Input, ZstdError } from "./bits.ts";
import { HuffmanTable } from "./huffman.ts";
import { Sequences } from "./sequences.ts";

export { ZstdError } from "./bits.ts";

/** The longest block, compressed or not [B]. */
const MOST_BLOCK = 1 << 17;

export class ZstdDecoder {
  private readonly input = new Input();
  private readonly literals = new Uint8Array(MOST_BLOCK);
  private readonly huffman = new HuffmanTable();
  private readonly sequences = new Sequences();

  /** `blocks`: where the first one begins. Fills `out`; throws ZstdError where the content is not of exactly that length. */
  decode(data: Uint8Array, blocks: number, out: Uint8Array): void {
    const [start, end] = this.input.load(data);
    const { bytes } = this.input;
    this.huffman.log = 0;
    this.sequences.reset();
    let at = start + blocks;
    let to = 0;
    for (let last = false; !last; ) {
      const head = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
      const size = head >> 3;
      const kind = (head >> 1) & 3;
      last = (head & 1) === 1;
      at += 3;
      const stored = kind === 1 ? 1 : size;
      if (at + stored > end || size > MOST_BLOCK || kind === 3) throw new ZstdError("a block that is cut off or unknown");
      if (kind === 2) to = this.block(at, at + size, out, to);
      else {
        if (to + size > out.length) throw new ZstdError("more than was stated");
        if (kind === 0) out.set(bytes.subarray(at, at + size), to);
        else out.fill(bytes[at], to, to + size);
        to += size;
      }
      at += stored;
    }
    if (to !== out.length) throw new ZstdError("less than was stated");
  }

  private block(at: number, end: number, out: Uint8Array, to: number): number {
    const { bytes } = this.input;
    const head = bytes[at];
    const kind = head & 3;
    const format = (head >> 2) & 3;
    let size: number;
    if (kind < 2) {
      const long = format === 0 || format === 2 ? 1 : format === 1 ? 2 : 3;
      size = long === 1 ? head >> 3 : long === 2 ? (head >> 4) | (bytes[at + 1] << 4) : (head >> 4) | (bytes[at + 1] << 4) | (bytes[at + 2] << 12);
      at += long;
      this.check(size, at + (kind === 0 ? size : 1), end);
      if (kind === 0) this.literals.set(bytes.subarray(at, at + size));
      else this.literals.fill(bytes[at], 0, size);
      at += kind === 0 ? size : 1;
    } else {
      // Two sizes behind four bits: of 10, 14 or 18 bits each.
      const width = format < 2 ? 10 : format === 2 ? 14 : 18;
      const low = this.input.view.getUint32(at, true);
      size = (low >>> 4) & ((1 << width) - 1);
      const stored = ((low >>> (4 + width)) | (width === 18 ? bytes[at + 4] << 10 : 0)) & ((1 << width) - 1);
      at += format < 2 ? 3 : format + 2;
      this.check(size, at + stored, end);
      this.compressed(kind === 3, format === 0, at, at + stored, size);
      at += stored;
    }
    return this.sequences.run(this.input, at, end, this.literals, size, out, to);
  }

  private check(size: number, stop: number, end: number): void {
    if (size > MOST_BLOCK || stop >= end) throw new ZstdError("literals that are cut off");
  }

  private compressed(before: boolean, single: boolean, at: number, end: number, size: number): void {
    const { huffman, input, literals } = this;
    if (!before) at = huffman.read(input, at, end);
    else if (huffman.log === 0) throw new ZstdError("a code of before that was not");
    if (single) huffman.decode(input, at, end, literals, 0, size);
    else huffman.decodeFour(input, at, end, literals, 0, size);
  }
}
