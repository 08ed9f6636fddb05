/**
 * twin.v1 binary frames, decoded. Pure; docs/protocol.md is the specification, tests/sync/vectors its test vectors.
 *
 * A message is a run of frames: a 40-byte header, columns, zeros up to a multiple of 8 bytes. All values are absolute,
 * little-endian, and may be applied in any grouping as long as later frames win.
 */
import { POSE } from "../core/matrix.ts";
import type { PoseBatch } from "../core/timeline.ts";

export const VERSION = 1;
export const HEADER_SIZE = 40;
export const OP = { pose: 1, signals: 2, style: 3, visibility: 4, tickEnd: 5 } as const;
const FLAG_KEYFRAME = 1;
const FLAG_SCALE = 2;

/** The parts of a header that a viewer uses. Times in ns since 1970. */
export interface Header {
  readonly op: number;
  readonly keyframe: boolean;
  readonly scaled: boolean;
  readonly n: number;
  readonly seq: number;
  readonly eventNs: bigint;
  readonly watermarkNs: bigint;
  readonly baseSeq: number;
  readonly epochCrc: number;
}

export interface PoseFrame extends PoseBatch {
  readonly op: 1;
  readonly header: Header;
}

export interface SignalFrame {
  readonly op: 2;
  readonly header: Header;
  readonly ids: Uint32Array;
  /** SI; NaN where the value is not a number. */
  readonly values: Float64Array;
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

export type Frame = PoseFrame | SignalFrame | StyleFrame | VisibilityFrame | TickEndFrame;

/** Bytes that are not twin.v1. */
export class FrameError extends Error {}

/** Bytes of a frame's body, before padding. */
function bodySize(op: number, n: number, scaled: boolean): number {
  switch (op) {
    case OP.pose:
      return 32 + n * (scaled ? 34 : 22);
    case OP.signals:
      return 24 * n;
    case OP.style:
      return 8 * n;
    case OP.visibility:
      return 5 * n;
    case OP.tickEnd:
      return 0;
    default:
      throw new FrameError(`unknown frame kind ${op}`);
  }
}

/** All frames of one binary message; throws FrameError where it is not whole. */
export function decode(message: ArrayBuffer): Frame[] {
  const view = new DataView(message);
  const frames: Frame[] = [];
  for (let at = 0; at < message.byteLength;) {
    const header = readHeader(view, at);
    const size = HEADER_SIZE + bodySize(header.op, header.n, header.scaled);
    const padded = Math.ceil(size / 8) * 8;
    if (at + padded > message.byteLength)
      throw new FrameError(`a frame of ${padded} bytes is cut off after ${message.byteLength - at}`);
    frames.push(readBody(message, view, at + HEADER_SIZE, header));
    at += padded;
  }
  return frames;
}

export function readHeader(view: DataView, at: number): Header {
  if (view.byteLength - at < HEADER_SIZE)
    throw new FrameError(`a frame header needs ${HEADER_SIZE} bytes, ${view.byteLength - at} are left`);
  const version = view.getUint8(at + 1);
  if (version !== VERSION) throw new FrameError(`frame version ${version}, expected ${VERSION}`);
  const flags = view.getUint16(at + 2, true);
  return {
    op: view.getUint8(at),
    keyframe: (flags & FLAG_KEYFRAME) !== 0,
    scaled: (flags & FLAG_SCALE) !== 0,
    n: view.getUint32(at + 4, true),
    seq: Number(view.getBigUint64(at + 8, true)),
    eventNs: view.getBigInt64(at + 16, true),
    watermarkNs: view.getBigInt64(at + 24, true),
    baseSeq: view.getUint32(at + 32, true),
    epochCrc: view.getUint32(at + 36, true),
  };
}

function readBody(message: ArrayBuffer, view: DataView, at: number, header: Header): Frame {
  const { n } = header;
  switch (header.op) {
    case OP.pose:
      return readPose(message, view, at, header);
    case OP.signals:
      return {
        op: OP.signals,
        header,
        values: new Float64Array(message, at, n),
        eventMs: milliseconds(new BigInt64Array(message, at + 8 * n, n)),
        ids: new Uint32Array(message, at + 16 * n, n),
        quality: new Uint32Array(message, at + 20 * n, n),
      };
    case OP.style:
      return {
        op: OP.style,
        header,
        ids: new Uint32Array(message, at, n),
        rgba: new Uint8Array(message, at + 4 * n, 4 * n),
      };
    case OP.visibility:
      return {
        op: OP.visibility,
        header,
        ids: new Uint32Array(message, at, n),
        visible: new Uint8Array(message, at + 4 * n, n),
      };
    default:
      return { op: OP.tickEnd, header };
  }
}

function readPose(message: ArrayBuffer, view: DataView, at: number, header: Header): PoseFrame {
  const { n } = header;
  const origin = new Float64Array(message, at, 3);
  const quantum = view.getFloat64(at + 24, true);
  const ids = new Uint32Array(message, at + 32, n);
  const quanta = new Int32Array(message, at + 32 + 4 * n, 3 * n);
  const scales = header.scaled ? new Float32Array(message, at + 32 + 16 * n, 3 * n) : null;
  const words = new Uint16Array(message, at + 32 + (header.scaled ? 28 : 16) * n, 3 * n);
  const poses = new Float64Array(n * POSE);
  for (let k = 0; k < n; k++) {
    const o = k * POSE;
    for (let c = 0; c < 3; c++) {
      poses[o + c] = origin[c] + quanta[3 * k + c] * quantum;
      poses[o + 7 + c] = scales ? scales[3 * k + c] : 1;
    }
    unpackQuaternion(poses, o + 3, words, 3 * k);
  }
  return { op: OP.pose, header, ids, poses };
}

const HALF = 16383;
const UNIT = HALF * Math.SQRT2;

/** Smallest three: three 15-bit components and, in the top bits of the first two words, which one was left out. */
export function unpackQuaternion(out: Float64Array, oi: number, words: Uint16Array, wi: number): void {
  const largest = (words[wi] >> 15) | ((words[wi + 1] >> 15) << 1);
  let rest = 1;
  for (let c = 0, k = 0; c < 4; c++) {
    if (c === largest) continue;
    const value = ((words[wi + k++] & 0x7fff) - HALF) / UNIT;
    out[oi + c] = value;
    rest -= value * value;
  }
  out[oi + largest] = Math.sqrt(Math.max(0, rest));
}

/** int64 ns to float64 ms; exact to well under a microsecond in this century. */
function milliseconds(ns: BigInt64Array): Float64Array {
  const out = new Float64Array(ns.length);
  for (let i = 0; i < ns.length; i++) out[i] = Number(ns[i]) / 1e6;
  return out;
}
