/** The hash by which a viewer and its server tell whether they hold the same; docs/protocol.md, section 6. Pure. */
import type { Mirror } from "./mirror.ts";
import { sha256 } from "./sha256.ts";

/** Translations are counted in steps of this [m]. */
const STEP = 2 ** -14;

/** SHA-256 of everything held, as the server makes it; lower-case hex. */
export function digestOf(held: Mirror): string {
  return sha256(canonical(held));
}

function canonical(held: Mirror): Uint8Array {
  const encoder = new TextEncoder();
  const texts = [...held.texts]
    .sort(([a], [b]) => a - b)
    .map(([id, { text, quality }]) => ({ id, bytes: encoder.encode(text), quality }));
  const rows = [held.posed, held.styled, held.switched, held.seen, held.shown].map(rowsOf);
  const [posed, styled, switched, seen, shown] = rows;
  const size =
    24 +
    posed.length * 46 +
    styled.length * 8 +
    switched.length * 5 +
    seen.length * 24 +
    texts.reduce((sum, { bytes }) => sum + 12 + bytes.length, 0) +
    shown.length * 12;
  const out = new Writer(size);
  out.u32(posed.length);
  for (const id of posed) {
    out.u32(id);
    for (let c = 0; c < 3; c++) out.i64(Math.round(held.translation[3 * id + c] / STEP));
    for (let c = 0; c < 3; c++) out.u16(held.words[3 * id + c]);
    for (let c = 0; c < 3; c++) out.f32(held.scale[3 * id + c]);
  }
  out.u32(styled.length);
  for (const id of styled) {
    out.u32(id);
    out.bytes(held.rgba.subarray(4 * id, 4 * id + 4));
  }
  out.u32(switched.length);
  for (const id of switched) {
    out.u32(id);
    out.u8(held.visible[id]);
  }
  out.u32(seen.length);
  for (const id of seen) {
    out.u32(id);
    out.f64(held.value[id]);
    out.big(held.eventNs[id]);
    out.u32(held.quality[id]);
  }
  out.u32(texts.length);
  for (const { id, bytes, quality } of texts) {
    out.u32(id);
    out.u32(bytes.length);
    out.bytes(bytes);
    out.u32(quality);
  }
  out.u32(shown.length);
  for (const id of shown) {
    out.u32(id);
    out.big(held.entity[id]);
  }
  return out.data;
}

function rowsOf(flags: Uint8Array): number[] {
  const rows: number[] = [];
  for (let id = 0; id < flags.length; id++) if (flags[id]) rows.push(id);
  return rows;
}

/** Little-endian values one after the other. */
class Writer {
  readonly data: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(size: number) {
    this.data = new Uint8Array(size);
    this.view = new DataView(this.data.buffer);
  }

  u8(value: number): void {
    this.view.setUint8(this.at++, value);
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** A whole number of less than 2^53. */
  i64(value: number): void {
    const high = Math.floor(value / 4294967296);
    this.u32(value - high * 4294967296);
    this.u32(high);
  }

  big(value: bigint): void {
    this.view.setBigInt64(this.at, value, true);
    this.at += 8;
  }

  f32(value: number): void {
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }

  /** All numbers that are none look the same. */
  f64(value: number): void {
    if (Number.isNaN(value)) {
      this.u32(0);
      this.u32(0x7ff80000);
      return;
    }
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  bytes(value: Uint8Array): void {
    this.data.set(value, this.at);
    this.at += value.length;
  }
}
