/** What a decoded frame of twin.v1 is: plain types and the names of kinds. */

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
export const FLAG_KEYFRAME = 1;
export const FLAG_SCALE = 2;
export const FLAG_ZSTD = 4;

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
