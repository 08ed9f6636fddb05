/**
 * twin.v1 binary frames, decoded. Pure; docs/protocol.md is the specification, tests/sync/vectors its test vectors.
 *
 * A message is a run of frames: a 56-byte header with a checksum, a body (columns, perhaps compressed), zeros up to a
 * multiple of 8 bytes. Columns come out as typed arrays that lie over the message where they can.
 */
import { checkSize, READERS } from "./bodies.ts";
import { crc32 } from "./crc.ts";
import { FLAG_KEYFRAME, FLAG_ZSTD, type Frame, FrameError, type Header, OP } from "./frames.ts";
import { Arena, inflate, outline } from "./inflate.ts";

export const VERSION = 1;
export const HEADER_SIZE = 56;

/** Takes messages apart. What it hands out of ops 1 and 6 is valid until `free`, all else for good. */
export class Decoder {
  /** Frames of kinds that this viewer does not know, skipped. */
  unknown = 0;
  private readonly arena = new Arena();

  /** All frames of one binary message; throws FrameError where it is not whole. */
  decode(message: ArrayBuffer): Frame[] {
    const view = new DataView(message);
    const bytes = new Uint8Array(message);
    const frames: Frame[] = [];
    for (let at = 0; at < message.byteLength;) {
      const header = readHeader(view, at);
      const end = at + HEADER_SIZE + header.size;
      const next = Math.ceil(end / 8) * 8;
      if (next > message.byteLength)
        throw new FrameError(`a frame of ${next - at} bytes is cut off after ${message.byteLength - at}`);
      const crc = crc32(bytes, at + HEADER_SIZE, end, crc32(bytes, at, at + 52));
      if (crc !== view.getUint32(at + 52, true)) throw new FrameError(`the checksum of tick ${header.seq} is wrong`);
      if (header.op in READERS) frames.push(this.body(bytes.subarray(at + HEADER_SIZE, end), header));
      else this.unknown++;
      at = next;
    }
    return frames;
  }

  /** What was handed out of poses is not needed any more. */
  free(): void {
    this.arena.free();
  }

  private body(stored: Uint8Array, header: Header): Frame {
    const body = header.flags & FLAG_ZSTD ? this.inflate(stored, header) : stored;
    checkSize(header, body.length, body);
    return READERS[header.op](body, header);
  }

  private inflate(stored: Uint8Array, header: Header): Uint8Array {
    const frame = outline(stored);
    if (!frame || frame.size === 0)
      throw new FrameError("a compressed body is not one zstd frame that states its content size");
    checkSize(header, frame.size, null);
    const brief = header.op === OP.pose || header.op === OP.delta;
    const out = inflate(stored, frame, brief ? (size) => this.arena.take(size) : (size) => new Uint8Array(size));
    if (!out) throw new FrameError("a compressed body cannot be inflated to the size that it states");
    return out;
  }
}

export function readHeader(view: DataView, at: number): Header {
  if (view.byteLength - at < HEADER_SIZE)
    throw new FrameError(`a frame header needs ${HEADER_SIZE} bytes, ${view.byteLength - at} are left`);
  const version = view.getUint8(at + 1);
  if (version !== VERSION) throw new FrameError(`frame version ${version}, expected ${VERSION}`);
  const flags = view.getUint16(at + 2, true);
  return {
    op: view.getUint8(at),
    flags,
    keyframe: (flags & FLAG_KEYFRAME) !== 0,
    n: view.getUint32(at + 4, true),
    seq: Number(view.getBigUint64(at + 8, true)),
    eventNs: view.getBigInt64(at + 16, true),
    watermarkNs: view.getBigInt64(at + 24, true),
    tickNs: view.getBigInt64(at + 32, true),
    baseSeq: view.getUint32(at + 40, true),
    epochCrc: view.getUint32(at + 44, true),
    size: view.getUint32(at + 48, true),
  };
}
