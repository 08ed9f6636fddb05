/** Latest value and a short history of every signal, by signal index. Plain columns, no DOM. */

import { type Display, displayFrom, displayOf, type UnitFacts } from "./units.ts";

/** Samples that a sparkline can show. */
export const HISTORY = 160;

export interface SignalMeta {
  readonly id: string;
  readonly unit: string;
  readonly type: string;
  /** Age from which a value counts as stale [s]; 0 = never. */
  readonly maxAge: number;
  /** Names of an enum's numbers. */
  readonly labels?: Readonly<Record<string, string>> | readonly string[] | null;
}

export interface SignalRows {
  readonly ids: Uint32Array;
  readonly values: Float64Array;
  readonly eventMs: Float64Array;
  readonly quality: Uint32Array;
}

export interface TextRows {
  readonly ids: Uint32Array;
  readonly texts: readonly string[];
  readonly eventMs: Float64Array;
  readonly quality: Uint32Array;
}

export type Grade = "good" | "uncertain" | "bad" | "stale" | "none";

/** Code of Uncertain_LastUsableValue, the upper half: the source stopped, and this is what it said last. */
const LAST_USABLE = 0x4090;

/** The class of an OPC UA status code: its two top bits. */
export function gradeOf(quality: number): "good" | "uncertain" | "bad" | "stale" {
  const severity = quality >>> 30;
  if (quality >>> 16 === LAST_USABLE) return "stale";
  return severity === 0 ? "good" : severity === 1 ? "uncertain" : "bad";
}

class Ring {
  readonly time = new Float64Array(HISTORY);
  readonly value = new Float32Array(HISTORY);
  length = 0;
  private next = 0;

  push(time: number, value: number): void {
    this.time[this.next] = time;
    this.value[this.next] = value;
    this.next = (this.next + 1) % HISTORY;
    this.length = Math.min(this.length + 1, HISTORY);
  }

  /** Index of the k-th oldest sample. */
  at(k: number): number {
    return (this.next - this.length + k + HISTORY) % HISTORY;
  }
}

export class Store {
  readonly indexOf: ReadonlyMap<string, number>;
  readonly value: Float64Array;
  readonly eventMs: Float64Array;
  readonly quality: Uint32Array;
  readonly seen: Uint8Array;
  /** Values of string signals; undefined where there is none. */
  readonly text: (string | undefined)[];
  /** What is known of the contract's units, by id. */
  facts: ReadonlyMap<string, UnitFacts> = new Map();
  private readonly rings: (Ring | undefined)[];

  /** The unit in which a signal's numbers are shown: that of the contract where it is known. */
  display(signal: number): Display {
    const { id, unit } = this.signals[signal];
    const facts = this.facts.get(id);
    return facts ? displayFrom(facts) : displayOf(unit);
  }

  constructor(readonly signals: readonly SignalMeta[]) {
    const n = signals.length;
    this.indexOf = new Map(signals.map((signal, i) => [signal.id, i]));
    this.value = new Float64Array(n).fill(Number.NaN);
    this.eventMs = new Float64Array(n);
    this.quality = new Uint32Array(n);
    this.seen = new Uint8Array(n);
    this.text = new Array<string | undefined>(n);
    this.rings = new Array<Ring | undefined>(n);
  }

  /** `remember`: whether they belong to the course that sparklines draw. */
  apply(rows: SignalRows, remember = true): void {
    for (let k = 0; k < rows.ids.length; k++) {
      const i = rows.ids[k];
      if (i >= this.value.length) continue;
      const fresh = rows.eventMs[k] > this.eventMs[i] || !this.seen[i];
      this.value[i] = rows.values[k];
      this.eventMs[i] = rows.eventMs[k];
      this.quality[i] = rows.quality[k];
      this.seen[i] = 1;
      if (remember && fresh && Number.isFinite(rows.values[k]))
        (this.rings[i] ??= new Ring()).push(rows.eventMs[k], rows.values[k]);
    }
  }

  applyTexts(rows: TextRows): void {
    for (let k = 0; k < rows.ids.length; k++) {
      const i = rows.ids[k];
      if (i >= this.value.length) continue;
      this.text[i] = rows.texts[k];
      this.eventMs[i] = rows.eventMs[k];
      this.quality[i] = rows.quality[k];
      this.seen[i] = 1;
    }
  }

  /** Forgets all values; what was drawn of their course stays. */
  forget(): void {
    this.value.fill(Number.NaN);
    this.eventMs.fill(0);
    this.quality.fill(0);
    this.seen.fill(0);
    this.text.fill(undefined);
  }

  history(signal: number): Ring | undefined {
    return this.rings[signal];
  }

  /** How far a value can be trusted at `nowMs`, the twin's time. */
  grade(signal: number, nowMs: number): Grade {
    if (!this.seen[signal]) return "none";
    const grade = gradeOf(this.quality[signal]);
    if (grade === "bad") return "bad";
    const { maxAge } = this.signals[signal];
    if (maxAge > 0 && nowMs - this.eventMs[signal] > maxAge * 1000) return "stale";
    return grade;
  }
}
