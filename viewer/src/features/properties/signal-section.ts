/** Live signals: name, value in the unit that was chosen, quality, age, source, recent course. Rows are refreshed in place. */
import { formatAge } from "../../core/format.ts";
import { shownValue, type UnitChoice } from "../../core/signal-units.ts";
import type { Grade, Store } from "../../core/store.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import { courseOf, drawCourse, type Look, lookOf, type Point, SPAN_MS } from "../../ui/sparkline.ts";
import type { ValueJson } from "./detail.ts";

const GRADES: Record<Grade, string> = {
  good: "good",
  uncertain: "uncertain",
  bad: "bad",
  stale: "stale",
  none: "no data",
};
/** Rows that are shown before the rest is only counted. */
const MOST = 80;
/** A line moves by less than a pixel meanwhile [ms]. */
const DRAW_MS = 240;

interface Row {
  readonly signal: number;
  readonly element: HTMLElement;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly age: HTMLElement;
  readonly source: HTMLElement;
  readonly line: HTMLCanvasElement;
}

export class SignalRows {
  readonly element = h("div", { class: "signals", role: "list" });
  private readonly rows: Row[];
  private readonly told = new Map<string, ValueJson>();
  /** What the history says of the time before this page saw the signal, by signal. */
  private readonly older = new Map<number, Point[]>();

  private drawnAt = Number.NEGATIVE_INFINITY;
  /** Signals whose rows are scrolled out of sight: their lines are not drawn. */
  private readonly away = new Set<number>();
  private readonly sight = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      const signal = Number((target as HTMLElement).dataset.row);
      if (isIntersecting) this.away.delete(signal);
      else this.away.add(signal);
    }
  });

  constructor(
    private readonly store: Store,
    signals: readonly number[],
    private readonly choice: () => UnitChoice,
    /** How far back the courses go [ms]; null: as far as a short line needs. */
    private readonly spanMs: () => number | null,
  ) {
    this.rows = signals.slice(0, MOST).map((signal) => this.row(signal));
    this.element.append(...this.rows.map((row) => row.element));
    for (const { element } of this.rows) this.sight.observe(element);
    if (signals.length > MOST) this.element.append(h("p", { class: "more" }, `and ${signals.length - MOST} more`));
  }

  /** What the server says of them beyond the stream: contract's unit, source, description. */
  tell(values: readonly ValueJson[]): void {
    for (const value of values) this.told.set(value.id, value);
    for (const row of this.rows) {
      const told = this.told.get(this.store.signals[row.signal].id);
      if (!told) continue;
      setText(row.source, told.source || "derived");
      row.element.title = [told.id, told.description, told.qualityName].filter(Boolean).join("\n");
    }
  }

  /** Signals that are shown. */
  get signals(): number[] {
    return this.rows.map(({ signal }) => signal);
  }

  /** The course of a signal before this page saw it, the oldest first. */
  remember(signal: number, points: Point[]): void {
    this.older.set(signal, points);
  }

  private row(signal: number): Row {
    const { id } = this.store.signals[signal];
    const value = h("span", { class: "value" });
    const unit = h("span", { class: "unit" });
    const age = h("span", { class: "age" });
    const source = h("span", { class: "signal-source" });
    const line = h("canvas", { class: "sparkline", "aria-hidden": "true" });
    const element = h(
      "div",
      { class: "signal", role: "listitem", title: `${id}: drag it into a chart, or click twice`, "data-signal": id, "data-row": String(signal), draggable: "true" },
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { class: "signal-name" }, id),
      h("span", { class: "reading" }, value, unit),
      h("span", { class: "signal-line" }, line, source),
      age,
    );
    return { signal, element, value, unit, age, source, line };
  }

  /** What a signal says and its unit: a text, the name of an enum's number, or a number. */
  reading(signal: number): [string, string] {
    const meta = this.store.signals[signal];
    const told = this.store.text[signal];
    if (told !== undefined) return [told, ""];
    const value = this.store.value[signal];
    const named = (meta.labels as Record<string, string> | null | undefined)?.[String(value)];
    if (named !== undefined) return [named, ""];
    return shownValue(value, meta.unit, meta.type, this.choice(), this.told.get(meta.id));
  }

  private draw(line: HTMLCanvasElement, look: Look, signal: number, nowMs: number): void {
    const stepped = this.store.signals[signal].type !== "f64";
    const span = this.spanMs();
    const seen = courseOf(this.store, signal, nowMs, span ?? SPAN_MS);
    if (span === null) return drawCourse(line, look, seen, nowMs, SPAN_MS, stepped);
    const from = seen.length > 0 ? seen[0][0] : nowMs;
    const before = (this.older.get(signal) ?? []).filter(([time]) => time >= nowMs - span && time < from);
    drawCourse(line, look, [...before, ...seen], nowMs, span, stepped);
  }

  /** `nowMs`: the twin's time [ms since 1970]. */
  refresh(nowMs: number): void {
    const now = performance.now();
    const due = now - this.drawnAt >= DRAW_MS;
    // Before anything is written: else each row would have the page laid out anew.
    const looks = due ? this.rows.map(({ signal, line }) => (this.isSeen(signal) ? lookOf(line) : null)) : [];
    for (const row of this.rows) this.write(row, nowMs);
    if (!due) return;
    this.drawnAt = now;
    this.rows.forEach(({ signal, line }, k) => {
      const look = looks[k];
      if (look) this.draw(line, look, signal, nowMs);
    });
  }

  private isSeen(signal: number): boolean {
    return !this.away.has(signal);
  }

  private write({ signal, element, value, unit, age }: Row, nowMs: number): void {
    const grade = this.store.grade(signal, nowMs);
    const [text, shownUnit] = this.reading(signal);
    setText(value, text);
    setText(unit, shownUnit);
    const since = formatAge(nowMs - this.store.eventMs[signal]);
    setText(age, grade === "none" ? GRADES.none : grade === "good" ? since : `${GRADES[grade]}, ${since}`);
    setData(element, "grade", grade);
  }
}
