/** Bodies of frames, inflated: whether their size can be, and their columns as typed arrays over the buffer. Pure. */
import { rowWidth } from "./delta.ts";
import {
  FLAG_SCALE,
  type Frame,
  FrameError,
  type Header,
  OP,
  type PoseFrame,
  type SignalFrame,
  type TextFrame,
} from "./frames.ts";

/** No message is longer, nor is a frame, its body inflated [B]. */
const MESSAGE_BYTES = 1 << 18;
const MOST_BODY = MESSAGE_BYTES - 56;
/** Coarsest quantum [m]. */
const MOST_QUANTUM = 0.25e-3;
/** Origins beyond are refused, on every axis [m]. */
const FARTHEST = 2 ** 48;

/** Throws where a body of `size` bytes does not fit op and n; `body` is null before it is inflated. */
export function checkSize({ op, n, flags }: Header, size: number, body: Uint8Array | null): void {
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

type Reader = (body: Uint8Array, header: Header) => Frame;

export const READERS: Readonly<Record<number, Reader>> = {
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
  if (!origin.every((value) => Math.abs(value) <= FARTHEST))
    throw new FrameError(`a pose frame around ${origin.join(", ")}`);
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

/** int64 ns, as pairs of 32-bit words, to float64 ms; exact to well under a microsecond in this century. */
function milliseconds(words: Int32Array): Float64Array {
  const out = new Float64Array(words.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (words[2 * i + 1] * 4294967296 + (words[2 * i] >>> 0)) / 1e6;
  return out;
}
