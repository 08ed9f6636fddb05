/** Charts of signals over time, from the history: one panel, one window for all of its charts, one cursor. */
import { chartsState, type ChartsState, LEAST_SPAN_MS, withLayout, without, withSignals } from "../../core/charts-state.ts";
import { isoOf } from "../../core/playhead.ts";
import { h } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { type AlarmInfo, ChartView, type Raised } from "./chart-view.ts";
import { Source } from "./source.ts";

const SPANS: readonly (readonly [string, number])[] = [
  ["10 s", 10_000],
  ["1 min", 60_000],
  ["2 min", 120_000],
  ["10 min", 600_000],
  ["1 h", 3_600_000],
  ["8 h", 28_800_000],
  ["24 h", 86_400_000],
  ["7 d", 604_800_000],
];

const MOST_MS = 366 * 86_400_000;
const ALARMS_EVERY_MS = 10_000;

export const charts: Feature = {
  name: "charts",
  install(bench) {
    new Charts(bench);
  },
};

class Charts {
  private readonly source: Source;
  private readonly list = h("div", { class: "chart-list" });
  private readonly hint = h(
    "p",
    { class: "chart-hint" },
    "Select something and press C to chart its signals, or drag a signal here.",
  );
  private readonly span = h("select", { id: "charts-span", class: "time-select", "aria-label": "Time that charts show" });
  private readonly layouts = h("select", { id: "charts-layouts", class: "time-select", "aria-label": "Saved layouts of charts" });
  private readonly follow = h("button", { id: "charts-follow", type: "button", class: "time-button" }, "Follow");
  private readonly element = h("div", { class: "charts" });
  private views: ChartView[] = [];
  /** End of the window where the user chose one; null: it follows the page's time. */
  private endMs: number | null = null;
  private cursorMs: number | null = null;
  private loadedAt = 0;
  private loaded = "";
  private alarmsDue = 0;
  private alarms: readonly AlarmInfo[] = [];
  private raised: readonly Raised[] = [];
  private seen = false;

  constructor(private readonly bench: Workbench) {
    this.source = new Source(bench);
    this.build();
    bench.addPanel({
      ...{ id: "charts", title: "Charts", side: "bottom", order: 20, element: this.element },
      refresh: () => this.refresh(),
      shown: (visible) => (this.seen = visible),
    });
    bench.watch((state) => state.extra.charts, () => this.use());
    bench.onScene(() => this.use());
    bench.onAlarm(() => (this.alarmsDue = 0));
    bench.onPast(() => this.draw());
    this.addCommands();
    this.bindSignals();
    bench.onShowSignals((ids) => this.show(ids));
    bench.expose("charts", this.hook());
  }

  private get state(): ChartsState {
    return chartsState(this.bench.state.extra.charts);
  }

  private set(value: ChartsState): void {
    this.bench.dispatch({ type: "extra", feature: "charts", value });
  }

  private build(): void {
    const button = (id: string, text: string, title: string, run: () => void): HTMLElement => {
      const made = h("button", { id, type: "button", class: "time-button", title }, text);
      made.addEventListener("click", run);
      return made;
    };
    for (const [name, ms] of SPANS) this.span.append(h("option", { value: String(ms) }, name));
    this.span.addEventListener("change", () => this.window(Number(this.span.value), this.endMs));
    this.follow.addEventListener("click", () => this.window(this.state.spanMs, null));
    this.layouts.addEventListener("change", () => this.useLayout(this.layouts.value));
    const { bench } = this;
    const bar = h(
      "div",
      { class: "charts-bar" },
      button("charts-add", "Chart selection", "Charts the signals of the selection (C)", () => bench.runCommand("charts.selection")),
      this.span,
      this.follow,
      h("span", { class: "spacer" }),
      this.layouts,
      button("charts-save", "Save layout", "Keeps these charts under a name", () => bench.runCommand("charts.save")),
      button("charts-forget", "Forget", "Takes the chosen layout away", () => this.set(withLayout(this.state, this.layouts.value, false))),
    );
    this.element.append(bar, this.hint, this.list);
    this.element.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("text/x-signal")) event.preventDefault();
    });
    this.element.addEventListener("drop", (event) => {
      const signal = event.dataTransfer?.getData("text/x-signal");
      if (!signal) return;
      event.preventDefault();
      this.add([signal], null);
    });
  }

  /** Any element of the page with `data-signal` can be dragged into charts (where it is draggable), and charted by a double click. */
  private bindSignals(): void {
    const signalOf = (event: Event): string | undefined => (event.target as Element).closest?.<HTMLElement>("[data-signal]")?.dataset.signal;
    document.addEventListener("dragstart", (event) => {
      const signal = signalOf(event);
      if (signal) event.dataTransfer?.setData("text/x-signal", signal);
    });
    document.addEventListener("dblclick", (event) => {
      const signal = signalOf(event);
      if (signal && !this.element.contains(event.target as Node)) this.add([signal], null);
    });
  }

  private addCommands(): void {
    const { bench } = this;
    const group = "Charts";
    bench.addCommand({ id: "charts.selection", title: "Chart the signals of the selection", group, keys: ["C"], run: () => this.addSelection() });
    bench.addCommand({ id: "charts.close", title: "Close all charts", group, run: () => this.set({ ...this.state, charts: [] }) });
    bench.addCommand({
      ...{ id: "charts.save", title: "Save the layout of charts", group },
      enabled: () => this.state.charts.length > 0,
      run: () => this.set(withLayout(this.state, `Layout ${Object.keys(this.state.layouts).length + 1}`, true)),
    });
    bench.addCommand({ id: "charts.follow", title: "Charts follow the time", group, run: () => this.window(this.state.spanMs, null) });
  }

  private addSelection(): void {
    const { bench } = this;
    const path = bench.selectedPath;
    const bound = path ? Object.entries(bench.scene?.json.bindings ?? {}) : [];
    const below = bound.filter(([prim]) => prim === path || prim.startsWith(`${path}/`)).flatMap(([, ids]) => ids);
    if (!below.length) return bench.notice("info", "Nothing that is selected has signals.");
    this.add(below, null);
  }

  /** In a chart that is there, or in a new one; it is scrolled to. */
  private show(signals: readonly string[]): void {
    const charted = (): ChartView | undefined => this.views.find((view) => signals.every((id) => view.signals.includes(id)));
    if (!charted()) this.set(withSignals(this.state, signals, null));
    this.bench.openPanel("charts");
    this.window(this.state.spanMs, null);
    charted()?.element.scrollIntoView({ block: "nearest" });
  }

  private add(signals: readonly string[], into: number | null): void {
    this.set(withSignals(this.state, signals, into));
    this.bench.openPanel("charts");
  }

  private useLayout(name: string): void {
    const layout = this.state.layouts[name];
    if (layout) this.set({ ...this.state, charts: layout });
  }

  // --- window --------------------------------------------------------------------------------------------------

  get shown(): readonly [number, number] {
    const end = this.endMs ?? this.bench.now();
    return [end - this.state.spanMs, end];
  }

  private window(spanMs: number, endMs: number | null): void {
    const span = Math.min(MOST_MS, Math.max(LEAST_SPAN_MS, spanMs));
    const newest = this.bench.newestMs;
    this.endMs = endMs !== null && endMs >= newest && this.bench.pastMs === null ? null : endMs;
    if (span !== this.state.spanMs) this.set({ ...this.state, spanMs: span });
    this.loadedAt = 0;
    this.refresh();
  }

  private pan(key: string): boolean {
    const [from, to] = this.shown;
    const span = to - from;
    if (key === "ArrowLeft") this.window(span, to - span / 4);
    else if (key === "ArrowRight") this.window(span, to + span / 4);
    else if (key === "+" || key === "ArrowUp") this.window(span / 2, this.endMs === null ? null : to - span / 4);
    else if (key === "-" || key === "ArrowDown") this.window(span * 2, this.endMs === null ? null : to + span / 2);
    else if (key === "Home") this.window(span, null);
    else return false;
    return true;
  }

  private wheel(event: WheelEvent): void {
    const plot = (event.target as Element).closest(".u-over");
    if (!plot) return;
    event.preventDefault();
    const [from, to] = this.shown;
    const box = plot.getBoundingClientRect();
    const at = from + ((event.clientX - box.left) / box.width) * (to - from);
    const span = (to - from) * (event.deltaY > 0 ? 1.25 : 0.8);
    if (event.shiftKey) this.window(to - from, to + ((to - from) * Math.sign(event.deltaY)) / 10);
    else this.window(span, this.endMs === null ? null : at + ((to - at) / (to - from)) * span);
  }

  // --- drawing -------------------------------------------------------------------------------------------------

  private use(): void {
    const { charts: specs, spanMs, layouts } = this.state;
    const kept = new Map(this.views.map((view) => [view.element.dataset.chart, view]));
    this.views = specs.map((spec) => {
      const view = kept.get(String(spec.id)) ?? this.make(spec.id, spec);
      if (view.signals.join("\n") !== spec.signals.join("\n")) view.use(spec);
      return view;
    });
    for (const view of kept.values()) if (!this.views.includes(view)) view.destroy();
    for (const { element } of this.views) if (element.parentElement !== this.list) this.list.append(element); // moving takes the focus
    this.hint.hidden = this.views.length > 0;
    this.source.want(specs.flatMap(({ signals }) => signals));
    if (![...this.span.options].some((option) => Number(option.value) === spanMs)) this.span.selectedIndex = -1;
    else this.span.value = String(spanMs);
    const names = Object.keys(layouts);
    this.layouts.replaceChildren(h("option", { value: "" }, names.length ? "Layouts" : "No layouts"), ...names.map((name) => h("option", { value: name }, name)));
    this.bench.panelNote("charts", this.views.length ? String(this.views.length) : "");
    this.loadedAt = 0;
    this.alarmsDue = 0;
    this.refresh();
  }

  private make(id: number, spec: { id: number; signals: readonly string[] }): ChartView {
    const view = new ChartView(this.bench, this.source, spec, {
      zoom: (fromMs, toMs) => this.window(toMs - fromMs, toMs),
      seek: (ms) => this.seek(ms),
      cursor: (ms) => {
        this.cursorMs = ms;
      },
      remove: (signal) => this.set(without(this.state, id, signal)),
      drop: (signals) => this.add(signals, id),
      pan: (key) => this.pan(key),
    });
    view.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    return view;
  }

  /** The whole page goes to that moment, where it can. */
  private seek(ms: number): void {
    const { time } = (window.twinstage ?? {}) as { time?: { seek(ms: number): void } };
    time?.seek(ms);
  }

  private refresh(): void {
    if (!this.seen || this.views.length === 0) return;
    const [from, to] = this.shown;
    const past = this.bench.pastMs;
    this.follow.setAttribute("aria-pressed", String(this.endMs === null));
    const now = performance.now();
    if (now >= this.alarmsDue) void this.askAlarms(now);
    // A window that follows is asked for anew now and then; the stream tells what came since.
    const key = JSON.stringify([this.endMs, this.state.spanMs, past === null]);
    const pace = Math.min(10_000, Math.max(1000, (to - from) / 200));
    const moved = this.endMs === null && now - this.loadedAt >= (past === null ? pace : 500);
    if ((key !== this.loaded || this.loadedAt === 0 || moved) && Number.isFinite(to)) {
      this.loaded = key;
      this.loadedAt = now;
      // While one scrubs in a window that follows, what comes after is asked for, too: the next seconds are there at once.
      const [first, last] = past === null ? [from, to] : [from, Math.min(to + (to - from) / 4, this.bench.newestMs)];
      void Promise.all(this.views.map((view) => view.load(first, Math.max(last, first + 1), past === null))).then(() => this.draw());
    }
    this.draw();
  }

  private draw(): void {
    if (!this.seen) return;
    const [from, to] = this.shown;
    if (!Number.isFinite(to)) return;
    for (const view of this.views) view.draw(from, to, this.cursorMs);
  }

  private async askAlarms(now: number): Promise<void> {
    this.alarmsDue = now + ALARMS_EVERY_MS;
    const { rest } = this.bench;
    const [from] = this.shown;
    if (!Number.isFinite(from)) return;
    if (!this.bench.serves("alarms")) return;
    const listed = await rest.get<{ alarms: AlarmInfo[] }>("api/v1/alarms", { all: "true" }).catch(() => null);
    const told = await rest
      .get<{ records: { what: string; alarm: string; atNs: string }[] }>("api/v1/alarms/journal", { limit: 1000 })
      .catch(() => null);
    this.alarms = listed?.alarms ?? this.alarms;
    if (told) this.raised = told.records.filter(({ what }) => what === "raised").map(({ alarm, atNs }) => ({ alarm, ms: Number(atNs) / 1e6 }));
    for (const view of this.views) [view.alarms, view.raised] = [this.alarms, this.raised];
    this.draw();
  }

  /** `twinstage.charts`: for tests and scripts. */
  private hook(): object {
    const charts = this;
    return {
      add: (signals: readonly string[], into: number | null = null) => this.add(signals, into),
      window: (spanMs: number, endMs: number | null) => this.window(spanMs, endMs),
      csv: (index: number) => this.views[index]?.csv(...this.shown) ?? null,
      get shown() {
        return charts.shown.map((ms) => isoOf(ms));
      },
      get drawn() {
        return charts.views.map((view) => ({
          signals: view.signals,
          lines: view.plot.drawn(),
          shades: view.shades(),
          levels: view.levels(),
          labelHeights: view.plot.labelHeights,
          alarms: view.moments(),
          rows: view.states,
          values: view.valueTexts,
        }));
      },
    };
  }
}
