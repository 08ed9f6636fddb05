/** Where in the past one looks, and how it goes on. Pure; times in ms since 1970. */

export interface Loop {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Moments of the server are rounded to microseconds: who comes this near is there [ms]. */
const HAIR_MS = 1;

export class Playhead {
  /** Null: the newest state is looked at. */
  atMs: number | null = null;
  playing = false;
  /** How many times as fast as it happened; below 0 backwards. */
  speed = 1;
  loop: Loop | null = null;

  /** Which way time goes. */
  get way(): 1 | -1 {
    return this.speed < 0 ? -1 : 1;
  }

  /**
   * Lets `passedMs` go by. `known`: up to where (backwards: down to where) what happened is there to be shown; it waits there.
   * `begin`, `end`: of all that there is. Answers what became of it: it goes on, it has to go through the loop again, or it has
   * come to the end, or backwards to the begin.
   */
  advance(passedMs: number, known: number, end: number, begin = Number.NEGATIVE_INFINITY): "on" | "again" | "end" | "begin" {
    if (this.atMs === null || !this.playing) return "on";
    const wanted = this.atMs + passedMs * this.speed;
    const { loop } = this;
    if (this.way > 0) {
      this.atMs = Math.max(this.atMs, Math.min(wanted, known));
      if (loop && this.atMs >= Math.min(loop.toMs, end) - HAIR_MS) return "again";
      return this.atMs >= end - HAIR_MS ? "end" : "on";
    }
    this.atMs = Math.min(this.atMs, Math.max(wanted, known));
    if (loop && this.atMs <= Math.max(loop.fromMs, begin) + HAIR_MS) return "again";
    return this.atMs <= begin + HAIR_MS ? "begin" : "on";
  }

  /** Where the loop is entered. */
  get loopStart(): number | null {
    return this.loop && (this.way > 0 ? this.loop.fromMs : this.loop.toMs);
  }
}

/** The shortest loop [ms]. */
export const LEAST_LOOP_MS = 200;

/** A loop with its begin or its end at a moment; the other one stays where that leaves a loop, else it is the end of `shown`. */
export function loopMarked(loop: Loop | null, edge: "from" | "to", ms: number, shown: Loop): Loop {
  if (edge === "from") {
    const toMs = loop && loop.toMs - ms >= LEAST_LOOP_MS ? loop.toMs : Math.max(shown.toMs, ms + LEAST_LOOP_MS);
    return { fromMs: ms, toMs };
  }
  const fromMs = loop && ms - loop.fromMs >= LEAST_LOOP_MS ? loop.fromMs : Math.min(shown.fromMs, ms - LEAST_LOOP_MS);
  return { fromMs, toMs: ms };
}

/** The mark before (-1) or after (1) a moment; null where there is none. `marks` rise. */
export function markBeside(marks: readonly number[], atMs: number, way: -1 | 1): number | null {
  const beyond = way > 0 ? marks.filter((mark) => mark > atMs + 1) : marks.filter((mark) => mark < atMs - 1);
  return beyond.length ? (way > 0 ? beyond[0] : beyond[beyond.length - 1]) : null;
}

/** "12 min ago" in one unit, "just now" below a second. */
export function agoText(ms: number): string {
  if (!(ms >= 1000)) return "just now";
  const [size, name] = ms < 60_000 ? [1000, "s"] : ms < 3_600_000 ? [60_000, "min"] : ms < 172_800_000 ? [3_600_000, "h"] : [86_400_000, "d"];
  return `${Math.floor(ms / size)} ${name} ago`;
}

/** ISO 8601, UTC, with microseconds, rounded up: what happened at that moment has happened by then. */
export function isoOf(ms: number): string {
  const whole = Math.floor(ms / 1000) * 1000;
  const micros = Math.min(999_999, Math.ceil((ms - whole) * 1000 - 0.1));
  return `${new Date(whole).toISOString().slice(0, 19)}.${String(Math.max(0, micros)).padStart(6, "0")}Z`;
}

/** Round spans for the ticks of an axis [ms]. */
const STEPS = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000,
  43_200_000, 86_400_000, 604_800_000,
];

/** Moments for labels of an axis: round ones, at most `most` of them. */
export function axisMoments(fromMs: number, toMs: number, most: number): number[] {
  const step = STEPS.find((size) => (toMs - fromMs) / size <= most) ?? (toMs - fromMs) / most;
  const moments: number[] = [];
  for (let at = Math.ceil(fromMs / step) * step; at <= toMs; at += step) moments.push(at);
  return moments;
}
