/** Live signals as rows: name, value, unit, age, quality, recent course. Rows are made once and refreshed in place. */
import { formatAge, formatValue } from "../../core/format.ts";
import type { Grade, Store } from "../../core/store.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import { drawSparkline } from "../../ui/sparkline.ts";

const GRADES: Record<Grade, string> = {
  good: "good",
  uncertain: "uncertain",
  bad: "bad quality",
  stale: "stale",
  none: "no data",
};
/** Rows that are shown before the rest is only counted. */
const MAX_ROWS = 80;

interface Row {
  readonly signal: number;
  readonly element: HTMLElement;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly age: HTMLElement;
  readonly line: HTMLCanvasElement;
}

export class SignalList {
  readonly element = h("div", { class: "signals", role: "list" });
  private rows: Row[] = [];

  constructor(
    private readonly store: Store,
    signals: readonly number[],
  ) {
    this.rows = signals.slice(0, MAX_ROWS).map((signal) => this.row(signal));
    this.element.append(...this.rows.map((row) => row.element));
    if (signals.length > MAX_ROWS)
      this.element.append(h("p", { class: "more" }, `and ${signals.length - MAX_ROWS} more`));
  }

  private row(signal: number): Row {
    const { id } = this.store.signals[signal];
    const value = h("span", { class: "value" });
    const unit = h("span", { class: "unit" });
    const age = h("span", { class: "age" });
    const line = h("canvas", { class: "sparkline", "aria-hidden": "true" });
    const element = h(
      "div",
      { class: "signal", role: "listitem", title: id },
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { class: "signal-name" }, id),
      h("span", { class: "reading" }, value, unit),
      line,
      age,
    );
    return { signal, element, value, unit, age, line };
  }

  /** What a signal says, and its unit: a text, the name of an enum's number, or a number. */
  private reading(signal: number): [string, string] {
    const meta = this.store.signals[signal];
    const told = this.store.text[signal];
    if (told !== undefined) return [told, ""];
    const value = this.store.value[signal];
    const named = (meta.labels as Record<string, string> | null | undefined)?.[String(value)];
    return named === undefined ? formatValue(value, meta.unit, meta.type) : [named, ""];
  }

  /** `nowMs`: the twin's time [ms since 1970]. */
  refresh(nowMs: number): void {
    for (const { signal, element, value, unit, age, line } of this.rows) {
      const meta = this.store.signals[signal];
      const grade = this.store.grade(signal, nowMs);
      const [text, shownUnit] = this.reading(signal);
      setText(value, text);
      setText(unit, shownUnit);
      setText(
        age,
        grade === "none"
          ? GRADES.none
          : `${grade === "good" ? "" : `${GRADES[grade]} `}${formatAge(nowMs - this.store.eventMs[signal])}`,
      );
      setData(element, "grade", grade);
      drawSparkline(line, this.store, signal, nowMs, meta.type !== "f64");
    }
  }
}
