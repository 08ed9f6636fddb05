/** Waiting times between attempts to reconnect: 0.25 s, doubling up to 5 s. */
const FIRST_MS = 250;
const LAST_MS = 5000;

export class Backoff {
  private next = FIRST_MS;

  /** How long to wait before the next attempt [ms]. */
  delay(): number {
    const now = this.next;
    this.next = Math.min(this.next * 2, LAST_MS);
    return now;
  }

  reset(): void {
    this.next = FIRST_MS;
  }
}
