/**
 * Columns of affine matrices that are kept as small as they came: a million points that are only shifted are two or
 * three numbers each, not sixteen. Pure.
 */

/** Matrices by row, 4x4, row-major, affine. */
export interface Affines {
  readonly count: number;
  /** Writes the 16 values of row i at out[at..]. */
  read(i: number, out: Float64Array, at: number): void;
}

/** A column of numbers: the same one everywhere, or one a row. */
export type Part = number | ArrayLike<number>;

/** Twelve columns, the upper three rows one number after the other. */
export class PartAffines implements Affines {
  constructor(
    readonly count: number,
    private readonly parts: readonly Part[],
  ) {}

  read(i: number, out: Float64Array, at: number): void {
    for (let c = 0; c < 12; c++) {
      const part = this.parts[c];
      out[at + c] = typeof part === "number" ? part : part[i];
    }
    lastRow(out, at);
  }
}

/** Twelve numbers a row, one row after the other. */
export class RowAffines implements Affines {
  readonly count: number;

  constructor(private readonly rows: ArrayLike<number>) {
    this.count = rows.length / 12;
  }

  read(i: number, out: Float64Array, at: number): void {
    for (let c = 0; c < 12; c++) out[at + c] = this.rows[12 * i + c];
    lastRow(out, at);
  }
}

/** Sixteen numbers a row. */
export class FullAffines implements Affines {
  readonly count: number;

  constructor(private readonly rows: Float64Array) {
    this.count = rows.length / 16;
  }

  read(i: number, out: Float64Array, at: number): void {
    for (let c = 0; c < 16; c++) out[at + c] = this.rows[16 * i + c];
  }
}

/** One column behind the other. */
export class JoinedAffines implements Affines {
  readonly count: number;

  constructor(
    private readonly first: Affines,
    private readonly second: Affines,
  ) {
    this.count = first.count + second.count;
  }

  read(i: number, out: Float64Array, at: number): void {
    if (i < this.first.count) this.first.read(i, out, at);
    else this.second.read(i - this.first.count, out, at);
  }
}

function lastRow(out: Float64Array, at: number): void {
  out[at + 12] = 0;
  out[at + 13] = 0;
  out[at + 14] = 0;
  out[at + 15] = 1;
}
