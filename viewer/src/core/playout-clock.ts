/**
 * Gives each frame a time on the local clock, taking out the jitter of the network. Pure.
 *
 * Source times are regular where arrival times are not, so a frame is placed at source time plus the smallest delay
 * seen lately. Where the source's clock does not run at real-time speed (a replay at another speed, a recording that
 * starts again) the arrival time itself is used.
 */

/** What is looked at to tell the source's speed [ms]. */
const WINDOW_MS = 1500;
/** Least history before the speed is believed [ms]. */
const ENOUGH_MS = 300;
/** How far the source's speed may be from real time. */
const TOLERANCE = 0.15;

interface Mark {
  readonly arrival: number;
  readonly source: number;
}

export class PlayoutClock {
  private marks: Mark[] = [];
  private last = Number.NEGATIVE_INFINITY;

  reset(): void {
    this.marks = [];
    this.last = Number.NEGATIVE_INFINITY;
  }

  /** Local time [ms] of a frame that arrived at `arrival` [ms] with source time `source` [ms]; never decreases. */
  place(arrival: number, source: number): number {
    this.marks.push({ arrival, source });
    while (arrival - this.marks[0].arrival > WINDOW_MS) this.marks.shift();
    const time = this.isRealTime() ? Math.min(arrival, source + this.delay()) : arrival;
    this.last = Math.max(this.last, time);
    return this.last;
  }

  private isRealTime(): boolean {
    const first = this.marks[0];
    const now = this.marks[this.marks.length - 1];
    const span = now.arrival - first.arrival;
    return span >= ENOUGH_MS && Math.abs((now.source - first.source) / span - 1) < TOLERANCE;
  }

  /** Smallest delay in the window [ms]. */
  private delay(): number {
    return Math.min(...this.marks.map((mark) => mark.arrival - mark.source));
  }
}
