/** What charts draw, from the history (REST) and, since the last answer, from the stream. */
import { courseOf, type ChartAnswer, type Course, type Span, type StateReading, spansOf, type TailPoint } from "../../core/chart-data.ts";
import { isoOf } from "../../core/playhead.ts";
import { OP } from "../../wire/frames.ts";
import type { Tick } from "../../wire/session.ts";
import type { Workbench } from "../../workbench.ts";

const MOST_READINGS = 5000;
/** Readings of the stream that are kept of a signal until the history has them. */
const MOST_TAIL = 2000;

interface Reading {
  readonly signal: string;
  readonly eventNs: string;
  readonly value: number | string | boolean | null;
  readonly quality: number;
}

export interface Asked {
  readonly course: Course;
  readonly stepMs: number;
  /** [s], 0 where there is none. */
  readonly maxAge: number;
}

export class Source {
  private readonly tails = new Map<number, TailPoint[]>();
  private wanted = new Set<number>();

  constructor(private readonly bench: Workbench) {
    bench.onTick((tick) => this.hear(tick));
    bench.onScene(() => this.tails.clear());
  }

  /** From now on what these signals are told is remembered. */
  want(signals: readonly string[]): void {
    const { indexOf } = this.bench.signals;
    this.wanted = new Set(signals.flatMap((id) => indexOf.get(id) ?? []));
    for (const index of this.tails.keys()) if (!this.wanted.has(index)) this.tails.delete(index);
  }

  private hear(tick: Tick): void {
    if (this.wanted.size === 0) return;
    for (const frame of tick.frames) {
      if (frame.op !== OP.signals) continue;
      frame.ids.forEach((id, k) => {
        if (!this.wanted.has(id)) return;
        const tail = this.tails.get(id) ?? [];
        this.tails.set(id, tail);
        const point = { ms: frame.eventMs[k], value: frame.values[k], quality: frame.quality[k] };
        if (tail.length && tail[tail.length - 1].ms >= point.ms) return;
        tail.push(point);
        if (tail.length > MOST_TAIL) tail.splice(0, MOST_TAIL / 4);
      });
    }
  }

  /** Points of a signal in a window, in so many spans. */
  async course(signal: string, fromMs: number, toMs: number, buckets: number, withTail: boolean): Promise<Asked> {
    const answer = await this.bench.rest.get<ChartAnswer>("api/v1/history/chart", {
      ...{ signal, from: isoOf(fromMs), to: isoOf(toMs), buckets },
    });
    const index = this.bench.signals.indexOf.get(signal);
    const tail = withTail && index !== undefined ? (this.tails.get(index) ?? []) : [];
    return { course: courseOf(answer, tail.filter(({ ms }) => ms >= fromMs)), stepMs: Number(answer.stepNs) / 1e6, maxAge: answer.maxAgeSeconds ?? 0 };
  }

  /** States of a signal in a window: what held at its begin, and each change. */
  async states(signal: string, fromMs: number, toMs: number): Promise<Span[]> {
    const { rest } = this.bench;
    const range = { signal, from: isoOf(fromMs), to: isoOf(toMs), limit: MOST_READINGS };
    const [before, within] = await Promise.all([
      rest.get<{ readings: Reading[] }>("api/v1/history/as-of", { signal, at: isoOf(fromMs) }),
      rest.get<{ readings: Reading[] }>("api/v1/history/range", range),
    ]);
    const label = this.labeller(signal);
    const all = [...before.readings, ...within.readings].map(({ eventNs, value, quality }): StateReading => {
      return { ms: Number(eventNs) / 1e6, text: label(value), quality };
    });
    return spansOf(all.sort((a, b) => a.ms - b.ms), fromMs, toMs);
  }

  private labeller(signal: string): (value: Reading["value"]) => string {
    const index = this.bench.signals.indexOf.get(signal);
    const meta = index === undefined ? undefined : this.bench.signals.signals[index];
    const labels = (meta?.labels ?? {}) as Readonly<Record<string, string>>;
    return (value) => {
      if (value === null) return "no value";
      if (meta?.type === "bool") return value === true || value === 1 ? "on" : "off";
      return meta?.type === "enum" ? (labels[String(value)] ?? String(value)) : String(value);
    };
  }
}
