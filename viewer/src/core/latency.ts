/** Median of what was measured in the last seconds. Pure. */
const WINDOW_MS = 3000;

export class Latency {
  private samples: { value: number; at: number }[] = [];

  reset(): void {
    this.samples = [];
  }

  add(value: number, now: number): void {
    this.samples.push({ value, at: now });
    this.trim(now);
  }

  /** [ms]; NaN where nothing was measured lately. */
  median(now: number): number {
    this.trim(now);
    if (this.samples.length === 0) return Number.NaN;
    const sorted = this.samples.map(({ value }) => value).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  private trim(now: number): void {
    while (this.samples.length > 0 && now - this.samples[0].at > WINDOW_MS) this.samples.shift();
  }
}
