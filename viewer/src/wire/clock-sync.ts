/** The server's clock as seen from here: the offset measured on the shortest of the last round trips. Pure. */
const KEPT = 8;

export class ClockSync {
  private samples: { rtt: number; offset: number }[] = [];
  /** Latest round trip [ms]; NaN before the first. */
  rtt = Number.NaN;

  reset(): void {
    this.samples = [];
    this.rtt = Number.NaN;
  }

  /** `sent`, `received`: local ms since 1970; `serverMs`: the server's time in between. */
  add(sent: number, received: number, serverMs: number): void {
    this.rtt = received - sent;
    this.samples = [...this.samples, { rtt: this.rtt, offset: serverMs - (sent + received) / 2 }].slice(-KEPT);
  }

  /** Local time of the server's `serverMs`, seen at the local time `now`; the same before the first sample. */
  localTime(serverMs: number, now: number): number {
    return this.samples.length === 0 ? serverMs : serverMs - (this.serverTime(now) - now);
  }

  /** Server's time at the local time `now` [ms since 1970]; NaN before the first sample. */
  serverTime(now: number): number {
    if (this.samples.length === 0) return Number.NaN;
    return now + this.samples.reduce((best, s) => (s.rtt < best.rtt ? s : best)).offset;
  }
}
