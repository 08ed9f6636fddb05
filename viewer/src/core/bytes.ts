/** Sizes and rates of data as people read them. Pure. */

/** 1234567 -> "1.23 MB"; decimal, as networks count. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, k] = [bytes, 0];
  while (value >= 999.5 && k < units.length - 1) [value, k] = [value / 1000, k + 1];
  return `${k === 0 ? Math.round(value) : value.toPrecision(3)} ${units[k]}`;
}

/** How fast a counter grows, over the last seconds. */
export class Growth {
  private samples: { readonly at: number; readonly total: number }[] = [];

  constructor(private readonly windowMs = 3000) {}

  add(total: number, now: number): void {
    this.samples.push({ at: now, total });
    while (this.samples.length > 2 && now - this.samples[1].at >= this.windowMs) this.samples.shift();
  }

  /** A second; NaN before there are two samples. */
  get perSecond(): number {
    const [first, last] = [this.samples[0], this.samples[this.samples.length - 1]];
    return first && last && last.at > first.at ? (1000 * (last.total - first.total)) / (last.at - first.at) : Number.NaN;
  }
}
