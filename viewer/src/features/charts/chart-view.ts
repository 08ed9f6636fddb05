/** One chart with its legend: fetches what its signals did in the window, draws it, and writes it as CSV. */
import { aligned, gapMs, pointAt, type Scaled, shadesOf, type Shade } from "../../core/chart-data.ts";
import type { ChartSpec } from "../../core/charts-state.ts";
import { chartCsv, type CsvPart } from "../../core/csv.ts";
import { formatValue } from "../../core/format.ts";
import { type Display, displayOf } from "../../core/units.ts";
import { toSi } from "../../core/si.ts";
import { gradeOf, type SignalMeta } from "../../core/store.ts";
import { h, icon, setText } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { type Level, Plot, type PlotEvents } from "./plot.ts";
import type { Asked, Source } from "./source.ts";
import { drawTimeline, heightOf, type Row } from "./timeline.ts";

const COLORS = ["#4cc2e6", "#e0a63c", "#7fc58e", "#c58fd6", "#e58a6f", "#8fa8f0", "#c9c46a", "#6fd0c0"] as const;
/** Bands and lines are asked for in so many spans a pixel. */
const SPANS_A_PIXEL = 0.5;

export interface AlarmInfo {
  readonly signal: string;
  readonly kind: string;
  readonly limit: number | boolean | string | null;
  readonly unit: string;
  readonly priority: string;
  readonly id: string;
}

export interface Raised {
  readonly ms: number;
  readonly alarm: string;
}

export interface ChartEvents extends PlotEvents {
  remove(signal: string | null): void;
  drop(signals: readonly string[]): void;
  pan(key: string): boolean;
}

interface Part extends CsvPart {
  readonly meta: SignalMeta;
  readonly gapMs: number;
  readonly maxAge: number;
}

export class ChartView {
  readonly element: HTMLElement;
  private readonly plotRoot = h("div", { class: "plot", tabindex: "0", role: "img" });
  private readonly canvas = h("canvas", { class: "timeline" });
  private readonly legend = h("div", { class: "chart-legend", role: "list" });
  private readonly empty = h("p", { class: "chart-empty", hidden: "" });
  readonly plot: Plot;
  private parts: Part[] = [];
  private rows: Row[] = [];
  private values = new Map<string, HTMLElement>();
  /** Window of what was fetched [ms]. */
  private fetched: readonly [number, number] = [0, 0];
  alarms: readonly AlarmInfo[] = [];
  raised: readonly Raised[] = [];
  private busy = false;
  private next: readonly [number, number, boolean] | null = null;

  constructor(
    private readonly bench: Workbench,
    private readonly source: Source,
    private spec: ChartSpec,
    private readonly events: ChartEvents,
  ) {
    this.plot = new Plot(this.plotRoot, events, "charts");
    const close = h("button", { type: "button", class: "chart-close", "aria-label": "Close this chart", title: "Close" }, icon("close"));
    close.addEventListener("click", () => events.remove(null));
    const save = h("button", { type: "button", class: "chart-csv", title: "Save what is shown as CSV" }, "CSV");
    save.addEventListener("click", () => this.download());
    this.element = h("section", { class: "chart", "data-chart": String(spec.id) }, h("div", { class: "chart-head" }, this.legend, save, close), this.plotRoot, this.canvas, this.empty);
    this.plotRoot.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.altKey && !event.metaKey && events.pan(event.key)) event.preventDefault();
    });
    this.element.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("text/x-signal")) event.preventDefault();
    });
    this.element.addEventListener("drop", (event) => {
      const signal = event.dataTransfer?.getData("text/x-signal");
      if (!signal) return;
      event.preventDefault();
      event.stopPropagation();
      events.drop([signal]);
    });
    this.use(spec);
  }

  get signals(): readonly string[] {
    return this.spec.signals;
  }

  use(spec: ChartSpec): void {
    this.spec = spec;
    this.values.clear();
    this.legend.replaceChildren(...spec.signals.map((signal) => this.entry(signal)));
    this.plotRoot.setAttribute("aria-label", `Chart of ${spec.signals.join(", ")}`);
    this.parts = this.parts.filter(({ meta }) => spec.signals.includes(meta.id));
    this.rows = this.rows.filter(({ signal }) => spec.signals.includes(signal));
    this.layout();
  }

  private entry(signal: string): HTMLElement {
    const value = h("span", { class: "legend-value mono" });
    this.values.set(signal, value);
    const swatch = h("span", { class: "legend-swatch", "data-index": String(this.colorIndex(signal)), "aria-hidden": "true" });
    const remove = h("button", { type: "button", class: "legend-remove", "aria-label": `Take ${signal} out`, title: "Take out" }, "×");
    remove.addEventListener("click", () => this.events.remove(signal));
    return h("span", { class: "legend-entry", role: "listitem", "data-signal": signal }, swatch, h("span", {}, signal), value, remove);
  }

  private colorIndex(signal: string): number {
    return this.spec.signals.indexOf(signal) % COLORS.length;
  }

  private metaOf(signal: string): SignalMeta | undefined {
    const { signals } = this.bench;
    const index = signals.indexOf.get(signal);
    return index === undefined ? undefined : signals.signals[index];
  }

  /** Asks for a window anew; while an answer is under way only the last window that was wanted is kept. */
  async load(fromMs: number, toMs: number, follows: boolean): Promise<void> {
    this.next = [fromMs, toMs, follows];
    if (this.busy) return;
    this.busy = true;
    while (this.next !== null) {
      const next: readonly [number, number, boolean] = this.next;
      this.next = null;
      await this.ask(...next);
    }
    this.busy = false;
  }

  private async ask(fromMs: number, toMs: number, follows: boolean): Promise<void> {
    try {
      const buckets = Math.min(2000, Math.max(50, Math.round(this.plotRoot.clientWidth * SPANS_A_PIXEL) || 300));
      const known = this.spec.signals.flatMap((signal) => this.metaOf(signal) ?? []);
      const numbers = known.filter(({ type }) => type === "f64" || type === "i64");
      const states = known.filter(({ type }) => type === "enum" || type === "bool" || type === "string");
      const [courses, spans] = await Promise.all([
        Promise.all(numbers.map(({ id }) => this.source.course(id, fromMs, toMs, buckets, follows))),
        Promise.all(states.map(({ id }) => this.source.states(id, fromMs, toMs))),
      ]);
      const ids = new Set(this.spec.signals);
      this.parts = numbers.flatMap((meta, k) => (ids.has(meta.id) ? [partOf(meta, this.displayOf(meta), courses[k])] : []));
      this.rows = states.flatMap(({ id }, k) => (ids.has(id) ? [{ signal: id, spans: spans[k] }] : []));
      this.fetched = [fromMs, toMs];
      const none = this.parts.every(({ course }) => course.ms.length === 0) && this.rows.every((row) => row.spans.length === 0);
      setText(this.empty, known.length ? "No readings in this time." : `The scene has no signal ${this.spec.signals.join(", ")}.`);
      this.empty.hidden = !none;
      this.layout();
    } catch (error) {
      setText(this.empty, (error as Error).message);
      this.empty.hidden = false;
    }
  }

  private layout(): void {
    this.plotRoot.hidden = this.parts.length === 0;
    this.canvas.hidden = this.rows.length === 0;
    this.canvas.style.setProperty("height", `${heightOf(this.rows.length)}px`);
  }

  draw(fromMs: number, toMs: number, cursorMs: number | null): void {
    const { bench } = this;
    const playhead = bench.pastMs;
    if (this.parts.length > 0) {
      this.plot.draw({
        lines: this.parts.map(({ meta, unit }) => {
          return { label: meta.id, unit, color: COLORS[this.colorIndex(meta.id)], stepped: meta.type === "i64" };
        }),
        data: aligned(this.parts.map((part): Scaled => part)),
        shades: this.shades(),
        levels: this.levels(),
        alarms: this.moments(),
        playhead: playhead === null ? null : playhead / 1000,
        window: [fromMs / 1000, toMs / 1000],
      });
    }
    if (this.rows.length > 0) drawTimeline(this.canvas, this.rows, fromMs, toMs, playhead);
    this.showValues(cursorMs ?? playhead);
  }

  private displayOf({ id, unit }: SignalMeta): Display {
    const index = this.bench.signals.indexOf.get(id);
    return index === undefined ? displayOf(unit) : this.bench.signals.display(index);
  }

  shades(): Shade[] {
    return this.parts.flatMap(({ course, maxAge }) => shadesOf(course, maxAge, Math.min(this.fetched[1], this.bench.newestMs)));
  }

  levels(): Level[] {
    return this.alarms.flatMap((alarm): Level[] => {
      const part = this.parts.find(({ meta }) => meta.id === alarm.signal);
      if (!part || (alarm.kind !== "above" && alarm.kind !== "below") || typeof alarm.limit !== "number") return [];
      const si = toSi(alarm.limit, alarm.unit, part.meta.unit);
      if (si === null) return [];
      const severe = /high|critical/.test(alarm.priority);
      return [{ unit: part.unit, value: si * part.scale + part.offset, text: alarm.id, severe }];
    });
  }

  moments(): { seconds: number; severe: boolean }[] {
    const own = new Map(this.alarms.filter(({ signal }) => this.spec.signals.includes(signal)).map((alarm) => [alarm.id, alarm]));
    return this.raised.flatMap(({ ms, alarm }) => {
      const info = own.get(alarm);
      return info ? [{ seconds: ms / 1000, severe: /high|critical/.test(info.priority) }] : [];
    });
  }

  /** Values beside the names: under the cursor, else now. */
  private showValues(atMs: number | null): void {
    for (const [signal, element] of this.values) setText(element, this.valueText(signal, atMs));
  }

  private valueText(signal: string, atMs: number | null): string {
    const part = this.parts.find(({ meta }) => meta.id === signal);
    if (part && atMs !== null) {
      const at = pointAt(part.course.ms, atMs);
      if (at < 0 || atMs - part.course.ms[at] > part.gapMs) return "–";
      const [text, unit] = formatValue(part.course.last[at] ?? Number.NaN, part.meta.unit, part.meta.type, part);
      const grade = gradeOf(part.course.quality[at]);
      return `${text}${unit && ` ${unit}`}${grade === "good" ? "" : ` ${grade}`}`;
    }
    const row = this.rows.find((one) => one.signal === signal);
    if (row) return row.spans.findLast(({ fromMs }) => atMs === null || fromMs <= atMs)?.text ?? "–";
    const { signals } = this.bench;
    const index = signals.indexOf.get(signal);
    if (index === undefined) return "";
    const { unit, type } = signals.signals[index];
    const [text, shown] = formatValue(signals.value[index], unit, type, signals.display(index));
    return `${text}${shown && ` ${shown}`}`;
  }

  /** What is drawn of states, and written beside the names: for tests. */
  get states(): readonly Row[] {
    return this.rows;
  }

  get valueTexts(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.values].map(([signal, element]) => [signal, element.textContent ?? ""]));
  }

  csv(fromMs: number, toMs: number): string {
    return chartCsv(this.parts, this.rows, fromMs, toMs);
  }

  private download(): void {
    const [fromMs, toMs] = this.fetched;
    const url = URL.createObjectURL(new Blob([this.csv(fromMs, toMs)], { type: "text/csv" }));
    const name = `${this.spec.signals[0].replaceAll(/[^\w.-]/g, "_")}_${new Date(fromMs).toISOString().slice(0, 19).replaceAll(":", "")}Z.csv`;
    h("a", { href: url, download: name }).click();
    window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  destroy(): void {
    this.plot.destroy();
    this.element.remove();
  }
}

function partOf(meta: SignalMeta, display: Display, { course, stepMs, maxAge }: Asked): Part {
  const { unit, scale, offset } = meta.type === "i64" ? { ...display, scale: 1, offset: 0 } : display;
  return { meta, course, unit, scale, offset, maxAge, gapMs: gapMs(course.ms, stepMs, maxAge) };
}
