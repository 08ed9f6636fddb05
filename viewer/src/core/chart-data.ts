/**
 * From the history's downsampled spans to what a chart draws: gaps, bands, quality, several signals on one axis of time. Pure.
 *
 * `undefined` is a place where a signal simply said nothing (the line goes on), `null` is a gap (it does not): what uPlot
 * makes of them.
 */
import { gradeOf, type Grade } from "./store.ts";

/** Answer of `GET /api/v1/history/chart`. */
export interface ChartAnswer {
  readonly signal: string;
  readonly unit: string;
  readonly firstNs: string;
  readonly stepNs: string;
  readonly count: readonly number[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly last: readonly (number | null)[];
  readonly quality: readonly (number | null)[];
  /** The contract's `max_age` [s]. */
  readonly maxAgeSeconds?: number | null;
}

/** A reading that came since the answer. */
export interface TailPoint {
  readonly ms: number;
  readonly value: number;
  readonly quality: number;
}

/** Points of one signal, rising in time; SI. A bad reading has no value. */
export interface Course {
  readonly signal: string;
  readonly ms: readonly number[];
  readonly last: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly count: readonly number[];
  readonly quality: readonly number[];
}

/** A span that is not good. */
export interface Shade {
  readonly fromMs: number;
  readonly toMs: number;
  readonly grade: Exclude<Grade, "good" | "none">;
}

/** Silences longer than so many usual ones are gaps, where the contract gives no `max_age`. */
const USUAL = 4;

/** The points of an answer: a span with readings is one point, in its middle unless it is all of one reading's width. */
export function courseOf(answer: ChartAnswer, tail: readonly TailPoint[] = []): Course {
  const step = Number(answer.stepNs) / 1e6;
  const first = Number(BigInt(answer.firstNs) / 1000n) / 1000;
  const ms: number[] = [];
  const [last, min, max]: (number | null)[][] = [[], [], []];
  const [count, quality]: number[][] = [[], []];
  answer.count.forEach((readings, k) => {
    if (readings === 0) return;
    ms.push(first + (k + 0.5) * step);
    last.push(answer.last[k]);
    min.push(answer.min[k]);
    max.push(answer.max[k]);
    count.push(readings);
    quality.push(answer.quality[k] ?? 0);
  });
  const end = ms.length ? ms[ms.length - 1] + step / 2 : Number.NEGATIVE_INFINITY;
  for (const point of tail) {
    if (point.ms <= end) continue;
    const value = gradeOf(point.quality) === "bad" || !Number.isFinite(point.value) ? null : point.value;
    ms.push(point.ms);
    for (const column of [last, min, max]) column.push(value);
    count.push(1);
    quality.push(point.quality);
  }
  return { signal: answer.signal, ms, last, min, max, count, quality };
}

/** How long a silence is before it is a gap [ms]. `maxAge` of the contract [s], 0 where there is none. */
export function gapMs(ms: readonly number[], stepMs: number, maxAge: number): number {
  if (maxAge > 0) return Math.max(maxAge * 1000, 2 * stepMs);
  const steps = ms.slice(1).map((at, k) => at - ms[k]).sort((a, b) => a - b);
  const usual = steps.length ? steps[Math.floor(steps.length / 2)] : 0;
  return Math.max(USUAL * usual, 2.5 * stepMs);
}

/** Spans in which a signal was not good: uncertain or bad readings, and silences beyond its `max_age`. */
export function shadesOf(course: Course, maxAge: number, endMs: number): Shade[] {
  const shades: Shade[] = [];
  course.ms.forEach((at, k) => {
    const next = k + 1 < course.ms.length ? course.ms[k + 1] : endMs;
    const grade = gradeOf(course.quality[k]);
    if (grade !== "good") shades.push({ fromMs: at, toMs: Math.max(next, at), grade });
    const stale = at + maxAge * 1000;
    if (maxAge > 0 && next > stale && grade !== "bad") shades.push({ fromMs: stale, toMs: next, grade: "stale" });
  });
  return merged(shades);
}

function merged(shades: readonly Shade[]): Shade[] {
  const out: Shade[] = [];
  for (const shade of shades) {
    const before = out[out.length - 1];
    if (before && before.grade === shade.grade && shade.fromMs <= before.toMs + 1)
      out[out.length - 1] = { ...before, toMs: Math.max(before.toMs, shade.toMs) };
    else out.push(shade);
  }
  return out;
}

type Cell = number | null | undefined;

/** One column of time [s] and for each course its last, min and max, scaled for people; see the head of this file. */
export interface Aligned {
  readonly seconds: number[];
  readonly columns: Cell[][];
}

export interface Scaled {
  readonly course: Course;
  /** What silences are gaps [ms]. */
  readonly gapMs: number;
  readonly scale: number;
  readonly offset: number;
}

export function aligned(parts: readonly Scaled[]): Aligned {
  const times = new Set<number>();
  for (const { course, gapMs: gap } of parts)
    course.ms.forEach((at, k) => {
      times.add(at);
      if (k > 0 && at - course.ms[k - 1] > gap) times.add((at + course.ms[k - 1]) / 2);
    });
  const ms = [...times].sort((a, b) => a - b);
  const placeOf = new Map(ms.map((at, k) => [at, k]));
  const columns = parts.flatMap((part) => columnsOf(part, placeOf, ms.length));
  return { seconds: ms.map((at) => at / 1000), columns };
}

function columnsOf({ course, gapMs: gap, scale, offset }: Scaled, placeOf: ReadonlyMap<number, number>, n: number): Cell[][] {
  const columns = [course.last, course.min, course.max].map(() => new Array<Cell>(n).fill(undefined));
  course.ms.forEach((at, k) => {
    const place = placeOf.get(at) as number;
    [course.last, course.min, course.max].forEach((values, c) => {
      const value = values[k];
      columns[c][place] = value === null ? null : value * scale + offset;
    });
    if (k > 0 && at - course.ms[k - 1] > gap)
      for (const column of columns) column[placeOf.get((at + course.ms[k - 1]) / 2) as number] = null;
  });
  return columns;
}

/** Index of the last point up to a moment; -1 where there is none. */
export function pointAt(ms: readonly number[], atMs: number): number {
  let [low, high] = [0, ms.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms[middle] <= atMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A state that holds for a while: of an enum, bool or string signal. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly text: string;
  readonly grade: Grade;
}

export interface StateReading {
  readonly ms: number;
  readonly text: string;
  readonly quality: number;
}

/** Readings, rising, as spans within a window; equal neighbours are one. Each holds until the next. */
export function spansOf(readings: readonly StateReading[], fromMs: number, toMs: number): Span[] {
  const out: Span[] = [];
  readings.forEach((reading, k) => {
    const until = Math.min(k + 1 < readings.length ? readings[k + 1].ms : toMs, toMs);
    const since = Math.max(reading.ms, fromMs);
    if (until <= since) return;
    const grade = gradeOf(reading.quality);
    const before = out[out.length - 1];
    if (before && before.text === reading.text && before.grade === grade && before.toMs >= since)
      out[out.length - 1] = { ...before, toMs: until };
    else out.push({ fromMs: since, toMs: until, text: reading.text, grade });
  });
  return out;
}
