/** Op 6: how poses changed since the tick before, as whole numbers in byte planes. Pure. */
import { type DeltaFrame, FrameError } from "./frames.ts";

/** Bytes a row of a delta; throws where its widths are none that exist. */
export function rowWidth(body: Uint8Array): number {
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
