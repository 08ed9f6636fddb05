/** Which rows of a column changed, as few ranges to upload. Pure. */

/** Ranges that are uploaded one by one; more are joined where they lie closest. */
const MOST = 24;
/** Gaps that are cheaper to upload than to leave out. */
const GAP = 32;

export class Ranges {
  private rows = new Int32Array(64);
  private count = 0;
  private inOrder = true;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  add(row: number): void {
    if (this.count > 0) {
      const last = this.rows[this.count - 1];
      if (row === last) return;
      if (row < last) this.inOrder = false;
    }
    if (this.count === this.rows.length) {
      const more = new Int32Array(2 * this.count);
      more.set(this.rows);
      this.rows = more;
    }
    this.rows[this.count++] = row;
  }

  /** Ranges [start, end) that hold all rows since the last call, ascending. */
  take(): [number, number][] {
    const rows = this.rows.subarray(0, this.count);
    if (!this.inOrder) rows.sort();
    let out = joined(rows, GAP);
    for (let gap = 4 * GAP; out.length > MOST; gap *= 4) out = joined(rows, gap);
    this.clear();
    return out;
  }

  clear(): void {
    this.count = 0;
    this.inOrder = true;
  }
}

function joined(rows: Int32Array, gap: number): [number, number][] {
  const out: [number, number][] = [];
  for (let k = 0; k < rows.length; ) {
    const start = rows[k];
    let end = start + 1;
    while (++k < rows.length && rows[k] <= end + gap) end = Math.max(end, rows[k] + 1);
    out.push([start, end]);
  }
  return out;
}
