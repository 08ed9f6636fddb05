/** Frames as a server would send them, packed byte by byte as docs/protocol.md says, for tests. */
import { crc32 } from "../src/wire/crc.ts";
import { crc32OfText } from "../src/wire/crc.ts";

export interface Stamp {
  seq: number;
  base?: number;
  epoch?: string;
  keyframe?: boolean;
  flags?: number;
  n?: number;
}

export const EVENT_NS = 1_700_000_000_000_000_000n;
export const QUANTUM = 2 ** -14;

/** One frame, padded. */
export function frame(op: number, body: Uint8Array, stamp: Stamp): Uint8Array {
  const { seq, base = seq - 1, epoch = "e1", keyframe = false, flags = 0, n = 0 } = stamp;
  const out = new Uint8Array(Math.ceil((56 + body.length) / 8) * 8);
  const view = new DataView(out.buffer);
  view.setUint8(0, op);
  view.setUint8(1, 1);
  view.setUint16(2, (keyframe ? 1 : 0) | flags, true);
  view.setUint32(4, n, true);
  view.setBigUint64(8, BigInt(seq), true);
  view.setBigInt64(16, EVENT_NS, true);
  view.setBigInt64(32, EVENT_NS + 5_000_000n, true);
  view.setUint32(40, keyframe ? 0 : base, true);
  view.setUint32(44, crc32OfText(epoch), true);
  view.setUint32(48, body.length, true);
  out.set(body, 56);
  const rest = crc32(out, 56, 56 + body.length, crc32(out, 0, 52));
  view.setUint32(52, rest, true);
  return out;
}

export function joined(parts: readonly Uint8Array[]): ArrayBuffer {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out.buffer;
}

export interface Row {
  id: number;
  /** Steps of the quantum. */
  at: [number, number, number];
  words: [number, number, number];
  scale?: [number, number, number];
}

/** Body of op 1 around the origin. */
export function poseBody(rows: readonly Row[], scaled = false): Uint8Array {
  const n = rows.length;
  const out = new Uint8Array(32 + n * (scaled ? 34 : 22));
  const view = new DataView(out.buffer);
  view.setFloat64(24, QUANTUM, true);
  rows.forEach(({ id, at, words, scale = [1, 1, 1] }, k) => {
    view.setUint32(32 + 4 * k, id, true);
    for (let c = 0; c < 3; c++) {
      view.setInt32(32 + 4 * n + 12 * k + 4 * c, at[c], true);
      if (scaled) view.setFloat32(32 + 16 * n + 12 * k + 4 * c, scale[c], true);
      view.setUint16(32 + (scaled ? 28 : 16) * n + 6 * k + 2 * c, words[c], true);
    }
  });
  return out;
}

/** Body of op 6: columns of `widths` bytes, as byte planes. */
export function deltaBody(rows: readonly Row[], widths: readonly number[]): Uint8Array {
  const n = rows.length;
  const out = new Uint8Array(16 + n * widths.reduce((sum, width) => sum + width, 0));
  new DataView(out.buffer).setFloat64(0, QUANTUM, true);
  out.set(widths, 8);
  const columns = [
    rows.map(({ id }, k) => id - (k ? rows[k - 1].id : 0)),
    ...[0, 1, 2].map((c) => rows.map(({ at }) => at[c])),
    ...[0, 1, 2].map((c) => rows.map(({ words }) => words[c])),
  ];
  let at = 16;
  columns.forEach((column, c) => {
    for (let plane = 0; plane < widths[c]; plane++)
      for (const value of column) out[at++] = Math.floor(value / 2 ** (8 * plane)) & 0xff;
  });
  return out;
}

/** Frames of `ops` without rows. */
export function message(ops: readonly number[], seq: number, epoch: string, keyframe = false, base = seq - 1): ArrayBuffer {
  const empty = (op: number): Uint8Array => (op === 1 ? poseBody([]) : new Uint8Array(op === 6 ? 16 : 0));
  return joined(
    ops.map((op) => {
      const body = empty(op);
      if (op === 6) body[8] = 1;
      return frame(op, body, { seq, base, epoch, keyframe });
    }),
  );
}
