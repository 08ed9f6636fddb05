/** Values as layers read them: the newest of a signal in the unit that people read, its words and how far it is to be trusted. */
import { formatValue } from "../../core/format.ts";
import type { Grade, Store } from "../../core/store.ts";
import type { NumberFacts } from "./numbers.ts";
import { shortName } from "./settings.ts";

export interface Reading {
  readonly name: string;
  readonly text: string;
  readonly unit: string;
  readonly grade: Grade;
}

export class Values {
  constructor(
    private readonly store: () => Store,
    private readonly now: () => number,
  ) {}

  grade(id: string): Grade {
    const store = this.store();
    const signal = store.indexOf.get(id);
    return signal === undefined ? "none" : store.grade(signal, this.now());
  }

  /** A number in its shown unit; NaN for what has none, or must not be used (bad). */
  number(id: string): number {
    const store = this.store();
    const signal = store.indexOf.get(id);
    if (signal === undefined || !store.seen[signal] || this.grade(id) === "bad") return NaN;
    if (store.signals[signal].type === "string") return NaN;
    const { scale, offset } = store.display(signal);
    return store.value[signal] * scale + offset;
  }

  unit(id: string): string {
    const store = this.store();
    const signal = store.indexOf.get(id);
    return signal === undefined ? "" : store.display(signal).unit;
  }

  /** A number with what it is of. */
  facts(id: string): NumberFacts {
    return { value: this.number(id), unit: this.unit(id), type: this.type(id) };
  }

  type(id: string): string {
    const store = this.store();
    const signal = store.indexOf.get(id);
    return signal === undefined ? "" : store.signals[signal].type;
  }

  reading(id: string): Reading {
    const store = this.store();
    const signal = store.indexOf.get(id);
    const name = shortName(id);
    if (signal === undefined || !store.seen[signal]) return { name, text: "–", unit: "", grade: "none" };
    const { unit, type, labels } = store.signals[signal];
    const grade = this.grade(id);
    const own = store.text[signal];
    if (own !== undefined) return { name, text: own.slice(0, 60), unit: "", grade };
    const code = String(store.value[signal]);
    const label = type === "enum" ? (Array.isArray(labels) ? labels[Number(code)] : (labels as Record<string, string> | null)?.[code]) : undefined;
    const [text, shown] = label === undefined ? formatValue(store.value[signal], unit, type, store.display(signal)) : [label, ""];
    return { name, text, unit: shown, grade };
  }

  /** Newest samples: times [ms] and values in the shown unit. */
  samples(id: string): { times: number[]; values: number[] } {
    const store = this.store();
    const signal = store.indexOf.get(id);
    const ring = signal === undefined ? undefined : store.history(signal);
    if (signal === undefined || !ring) return { times: [], values: [] };
    const { scale, offset } = store.display(signal);
    const order = [...Array(ring.length).keys()].map((k) => ring.at(k));
    return { times: order.map((k) => ring.time[k]), values: order.map((k) => ring.value[k] * scale + offset) };
  }
}
