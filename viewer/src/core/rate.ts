/** Events a second over the last two seconds. Pure. */
const WINDOW_MS = 2000;

export class Rate {
  private times: number[] = [];

  count(now: number): void {
    this.times.push(now);
    this.trim(now);
  }

  perSecond(now: number): number {
    this.trim(now);
    if (this.times.length < 2) return 0;
    return (1000 * this.times.length) / WINDOW_MS;
  }

  private trim(now: number): void {
    const oldest = now - WINDOW_MS;
    let k = 0;
    while (k < this.times.length && this.times[k] < oldest) k++;
    if (k > 0) this.times.splice(0, k);
  }
}
