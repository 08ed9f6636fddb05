/**
 * twin.v1 binary frames, decoded. Pure; docs/protocol.md is the specification, tests/sync/vectors its test vectors.
 *
 * A message is a run of frames: a 56-byte header with a checksum, a body (columns, perhaps compressed), zeros up to a
 * multiple of 8 bytes. Columns come out as typed arrays that lie over the message where they can.
 */
import { crc32 } from "./crc.ts";
import { Arena, inflate, outline } from "./inflate.ts";

export const VERSION = 1;
export const HEADER_SIZE = 56;
export const OP = {
  pose: 1,
  signals: 2,
  style: 3,
  visibility: 4,
  tickEnd: 5,
  delta: 6,
  text: 7,
  entity: 8,
} as const;
const FLAG_KEYFRAME = 1;
const FLAG_SCALE = 2;
const FLAG_ZSTD = 4;
/** No message is longer, nor is a body, inflated [B]. */
const MESSAGE_BYTES = 1 << 18;
const MOST_BODY = MESSAGE_BYTES - HEADER_SIZE;
/** Coarsest quantum [m]. */
const MOST_QUANTUM = 0.25e-3;
/** Origins beyond are refused, on every axis [m]. */
const FARTHEST = 2 ** 48;

export interface Header {
  readonly op: number;
  readonly flags: number;
  readonly keyframe: boolean;
  readonly n: number;
  readonly seq: number;
  readonly eventNs: bigint;
  readonly watermarkNs: bigint;
  /** When the server made the tick, its time of day. */
  readonly tickNs: bigint;
  readonly baseSeq: number;
  readonly epochCrc: number;
  /** Bytes of the body as stored. */
  readonly size: number;
}

/** Absolute local poses: translation = origin + quanta * quantum [m]. */
export interface PoseFrame {
  readonly op: 1;
  readonly header: Header;
  readonly origin: Float64Array;
  readonly quantum: number;
  readonly ids: Uint32Array;
  readonly quanta: Int32Array;
  /** Null: every scale is 1. */
  readonly scales: Float32Array | null;
  /** Smallest-three rotations, three words a row. */
  readonly words: Uint16Array;
}

export interface SignalFrame {
  readonly op: 2;
  readonly header: Header;
  readonly ids: Uint32Array;
  /** SI; NaN where the value is not a number. */
  readonly values: Float64Array;
  readonly eventNs: BigInt64Array;
  /** Event times [ms since 1970]. */
  readonly eventMs: Float64Array;
  /** OPC UA status codes. */
  readonly quality: Uint32Array;
}

export interface StyleFrame {
  readonly op: 3;
  readonly header: Header;
  readonly ids: Uint32Array;
  /** sRGB bytes, four a row; alpha 0 restores the authored look. */
  readonly rgba: Uint8Array;
}

export interface VisibilityFrame {
  readonly op: 4;
  readonly header: Header;
  readonly ids: Uint32Array;
  readonly visible: Uint8Array;
}

export interface TickEndFrame {
  readonly op: 5;
  readonly header: Header;
}

/** Changes since the tick `baseSeq`, still as stored; `readDelta` takes the columns out. */
export interface DeltaFrame {
  readonly op: 6;
  readonly header: Header;
  readonly quantum: number;
  readonly body: Uint8Array;
}

export interface TextFrame {
  readonly op: 7;
  readonly header: Header;
  readonly ids: Uint32Array;
  readonly texts: readonly string[];
  readonly eventNs: BigInt64Array;
  readonly eventMs: Float64Array;
  readonly quality: Uint32Array;
}

export interface EntityFrame {
  readonly op: 8;
  readonly header: Header;
  readonly ids: Uint32Array;
  /** Which entity each node shows, -1 none. */
  readonly entities: BigInt64Array;
}

export type Frame =
  | PoseFrame
  | SignalFrame
  | StyleFrame
  | VisibilityFrame
  | TickEndFrame
  | DeltaFrame
  | TextFrame
  | EntityFrame;

/** Bytes that are not twin.v1. */
export class FrameError extends Error {}

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
    if (!frame || frame.size === 0) throw new FrameError("a compressed body is not one zstd frame that states its content size");
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

/** Throws where a body of `size` bytes does not fit op and n; `body` is null before it is inflated. */
function checkSize({ op, n, flags }: Header, size: number, body: Uint8Array | null): void {
  let least: number;
  let most: number;
  switch (op) {
    case OP.pose:
      least = most = 32 + n * (flags & FLAG_SCALE ? 34 : 22);
      break;
    case OP.signals:
      least = most = 24 * n;
      break;
    case OP.style:
      least = most = 8 * n;
      break;
    case OP.visibility:
      least = most = 5 * n;
      break;
    case OP.delta:
      [least, most] = body && body.length >= 16 ? exactly(16 + n * rowWidth(body)) : [16 + n, 16 + 22 * n];
      break;
    case OP.text:
      [least, most] = [20 * n, MOST_BODY];
      break;
    case OP.entity:
      least = most = 12 * n;
      break;
    default:
      least = most = 0;
  }
  if (size < least || size > Math.min(most, MOST_BODY))
    throw new FrameError(`a body of ${size} bytes does not fit ${n} rows of kind ${op}`);
}

function exactly(size: number): [number, number] {
  return [size, size];
}

/** Bytes a row of a delta; throws where its widths are none that exist. */
function rowWidth(body: Uint8Array): number {
  let sum = 0;
  for (let c = 0; c < 8; c++) {
    const width = body[8 + c];
    const fits =
      c === 0 ? width === 1 || width === 2 || width === 4 : c < 4 ? width < 5 && width !== 3 : c < 7 ? width < 3 : !width;
    if (!fits) throw new FrameError(`column ${c} of a pose delta is ${width} bytes wide`);
    sum += width;
  }
  return sum;
}

type Reader = (body: Uint8Array, header: Header) => Frame;

const READERS: Readonly<Record<number, Reader>> = {
  [OP.pose]: readPose,
  [OP.signals]: readSignals,
  [OP.style]: (b, header) => ({
    op: OP.style,
    header,
    ids: new Uint32Array(b.buffer, b.byteOffset, header.n),
    rgba: b.subarray(4 * header.n),
  }),
  [OP.visibility]: (b, header) => ({
    op: OP.visibility,
    header,
    ids: new Uint32Array(b.buffer, b.byteOffset, header.n),
    visible: b.subarray(4 * header.n),
  }),
  [OP.tickEnd]: (_, header) => ({ op: OP.tickEnd, header }),
  [OP.delta]: (b, header) => ({
    op: OP.delta,
    header,
    quantum: readQuantum(b, 0),
    body: b,
  }),
  [OP.text]: readTexts,
  [OP.entity]: (b, header) => ({
    op: OP.entity,
    header,
    entities: new BigInt64Array(b.buffer, b.byteOffset, header.n),
    ids: new Uint32Array(b.buffer, b.byteOffset + 8 * header.n, header.n),
  }),
};

function readQuantum(body: Uint8Array, at: number): number {
  const quantum = new DataView(body.buffer, body.byteOffset).getFloat64(at, true);
  if (!(quantum > 0 && quantum <= MOST_QUANTUM)) throw new FrameError(`a frame of poses with the quantum ${quantum}`);
  return quantum;
}

function readPose(body: Uint8Array, header: Header): PoseFrame {
  const { n } = header;
  const { buffer, byteOffset: at } = body;
  const scaled = (header.flags & FLAG_SCALE) !== 0;
  const origin = new Float64Array(buffer, at, 3);
  if (!origin.every((value) => Math.abs(value) <= FARTHEST)) throw new FrameError(`a pose frame around ${origin.join(", ")}`);
  return {
    op: OP.pose,
    header,
    origin,
    quantum: readQuantum(body, 24),
    ids: new Uint32Array(buffer, at + 32, n),
    quanta: new Int32Array(buffer, at + 32 + 4 * n, 3 * n),
    scales: scaled ? new Float32Array(buffer, at + 32 + 16 * n, 3 * n) : null,
    words: new Uint16Array(buffer, at + 32 + (scaled ? 28 : 16) * n, 3 * n),
  };
}

function readSignals(body: Uint8Array, header: Header): SignalFrame {
  const { n } = header;
  const { buffer, byteOffset: at } = body;
  return {
    op: OP.signals,
    header,
    values: new Float64Array(buffer, at, n),
    eventNs: new BigInt64Array(buffer, at + 8 * n, n),
    eventMs: milliseconds(new Int32Array(buffer, at + 8 * n, 2 * n)),
    ids: new Uint32Array(buffer, at + 16 * n, n),
    quality: new Uint32Array(buffer, at + 20 * n, n),
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readTexts(body: Uint8Array, header: Header): TextFrame {
  const { n } = header;
  const { buffer, byteOffset: at } = body;
  const ends = new Uint32Array(buffer, at + 16 * n, n);
  const bytes = body.subarray(20 * n);
  const texts: string[] = [];
  for (let k = 0; k < n; k++) {
    const begin = k ? ends[k - 1] : 0;
    if (ends[k] < begin || ends[k] > bytes.length) throw new FrameError("a text ends outside of its frame");
    texts.push(textOf(bytes.subarray(begin, ends[k])));
  }
  if (bytes.length !== (n ? ends[n - 1] : 0)) throw new FrameError("bytes are left after the last text");
  return {
    op: OP.text,
    header,
    texts,
    eventNs: new BigInt64Array(buffer, at, n),
    eventMs: milliseconds(new Int32Array(buffer, at, 2 * n)),
    ids: new Uint32Array(buffer, at + 8 * n, n),
    quality: new Uint32Array(buffer, at + 12 * n, n),
  };
}

function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new FrameError("a text is not UTF-8");
  }
}

/** Columns of a delta, three values a row; the arrays are as long as the longest delta so far. */
export class DeltaColumns {
  n = 0;
  ids = new Uint32Array(0);
  moves = new Int32Array(0);
  turns = new Int32Array(0);

  /** Takes the columns out of a frame; throws FrameError where its ids do not grow. */
  read({ body, header }: DeltaFrame): void {
    const { n } = header;
    this.n = n;
    if (this.ids.length < n) {
      this.ids = new Uint32Array(2 * n);
      this.moves = new Int32Array(6 * n);
      this.turns = new Int32Array(6 * n);
    }
    const { ids } = this;
    let at = readIds(ids, body, 16, body[8], n);
    for (let c = 0; c < 3; c++) at = readColumn(this.moves, c, body, at, body[9 + c], n);
    for (let c = 0; c < 3; c++) at = readColumn(this.turns, c, body, at, body[12 + c], n);
  }
}

/** Running sum of unsigned gaps, as byte planes; returns where the next column begins. */
function readIds(out: Uint32Array, data: Uint8Array, at: number, width: number, n: number): number {
  let id = 0;
  for (let k = 0; k < n; k++) {
    let gap = data[at + k];
    if (width > 1) gap += data[at + n + k] * 0x100;
    if (width > 2) gap += data[at + 2 * n + k] * 0x10000 + data[at + 3 * n + k] * 0x1000000;
    if (gap === 0 && k > 0) throw new FrameError("the ids of a pose delta do not grow");
    id += gap;
    if (id > 0xffffffff) throw new FrameError("an id of a pose delta is beyond 32 bits");
    out[k] = id;
  }
  return at + width * n;
}

/** Signed integers as byte planes into column c of rows of three. */
function readColumn(out: Int32Array, c: number, data: Uint8Array, at: number, width: number, n: number): number {
  if (width === 0) for (let k = 0; k < n; k++) out[3 * k + c] = 0;
  else if (width === 1) for (let k = 0; k < n; k++) out[3 * k + c] = (data[at + k] << 24) >> 24;
  else if (width === 2)
    for (let k = 0; k < n; k++) out[3 * k + c] = ((data[at + k] | (data[at + n + k] << 8)) << 16) >> 16;
  else
    for (let k = 0; k < n; k++)
      out[3 * k + c] =
        data[at + k] | (data[at + n + k] << 8) | (data[at + 2 * n + k] << 16) | (data[at + 3 * n + k] << 24);
  return at + width * n;
}

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

/** int64 ns, as pairs of 32-bit words, to float64 ms; exact to well under a microsecond in this century. */
function milliseconds(words: Int32Array): Float64Array {
  const out = new Float64Array(words.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (words[2 * i + 1] * 4294967296 + (words[2 * i] >>> 0)) / 1e6;
  return out;
}
