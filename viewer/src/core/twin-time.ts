/**
 * The twin's time: the newest event time, going on with the local clock. Pure.
 *
 * Ages are told against it, so that they mean the same for a live plant and for a recording of last year.
 */
export class TwinTime {
  private newest = Number.NaN;
  private seenAt = 0;
  /** The moment that is looked at instead [ms since 1970]; null: the newest. */
  pinned: number | null = null;
  /** How much later than it came everything is shown [ms]. */
  lag = 0;

  /** An event time [ms since 1970] seen at the local time `now` [ms]; 0 is none. */
  observe(eventMs: number, now: number): void {
    if (!(eventMs > 0)) return;
    // A recording that starts again takes time back with it.
    const back = eventMs < this.newest - 5000;
    if (Number.isNaN(this.newest) || back || eventMs > this.newest) [this.newest, this.seenAt] = [eventMs, now];
  }

  /** Of what is shown [ms since 1970]; NaN before the first event. */
  at(now: number): number {
    return this.pinned ?? this.newestAt(now) - this.lag;
  }

  /** Of the newest that is known, whatever is looked at. */
  newestAt(now: number): number {
    return this.newest + (now - this.seenAt);
  }

  /** Time since the newest event came [ms]; NaN before the first. */
  silence(now: number): number {
    return Number.isNaN(this.newest) ? Number.NaN : now - this.seenAt;
  }
}
