/** One number that a recipe draws: its distribution, how often what is drawn, sliders for its ends. */
import { h, setText } from "../ui/dom.ts";
import { short } from "../datasets/query.ts";
import { svg } from "../datasets/svg.ts";
import { changeOf, limitsOf, PAIRS, placeOf, valueAt } from "./changes.ts";
import type { Range } from "./types.ts";

const STEPS = 1000;
const [WIDTH, HEIGHT] = [240, 34];
const NAMES: Readonly<Record<string, string>> = { low: "least", high: "greatest", std: "deviation", value: "value", rho: "correlation" };

export class RangeCard {
  readonly element = h("div", { class: "range" });
  private readonly plot = svg("svg", { class: "range-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  private readonly text = h("input", { type: "text", class: "range-text mono", spellcheck: "false" });
  private readonly note = h("span", { class: "range-note" });
  private readonly reset = h("button", { type: "button", class: "facet-clear" }, "reset");
  private readonly sliders = h("div", { class: "range-sliders" });
  private limits: [number, number] | null = null;
  private range: Range;
  /** The line of all that was drawn before anything was changed. */
  private readonly first: Range;

  constructor(
    first: Range,
    private readonly change: (change: string, wait: boolean) => void,
    private readonly undo: (id: string) => void,
  ) {
    this.first = this.range = first;
    this.text.setAttribute("aria-label", `${first.id} as a recipe has it`);
    this.text.addEventListener("change", () => this.change(`${first.id}=${this.text.value}`, false));
    this.text.addEventListener("keydown", (event) => event.stopPropagation());
    this.reset.title = `${first.id} as it was: ${first.written}`;
    this.reset.addEventListener("click", () => this.undo(first.id));
    const head = h("div", { class: "range-head" }, h("span", { class: "range-name" }, first.field), h("span", { class: "range-kind" }, first.kind === "if" ? "condition" : first.kind), this.reset, this.note);
    this.element.append(head, this.plot as unknown as Node, this.sliders, this.text);
    this.buildSliders();
    this.show(first);
  }

  show(range: Range): void {
    const other = range.kind !== this.range.kind;
    this.range = range;
    if (other) this.buildSliders();
    this.reset.hidden = !range.changed;
    this.element.dataset.changed = String(range.changed);
    if (document.activeElement !== this.text) this.text.value = range.written;
    const nominal = range.nominal === null ? "" : `middle ${short(range.nominal)}`;
    setText(this.note, [range.of ? `by ${range.of}` : "", nominal].filter(Boolean).join(", "));
    this.draw();
    this.place();
  }

  /** Why what was asked for cannot be; "" where it can. */
  fault(sentence: string): void {
    this.text.setAttribute("aria-invalid", String(sentence !== ""));
    this.text.title = sentence;
  }

  private draw(): void {
    const { range, first } = this;
    const low = Math.min(range.low, first.low);
    const high = Math.max(range.high, first.high);
    const scale = (value: number): number => (high > low ? ((value - low) / (high - low)) * (WIDTH - 2) + 1 : WIDTH / 2);
    this.plot.setAttribute("aria-label", `${range.id}: draws from ${short(range.low)} to ${short(range.high)}`);
    const bars = (one: Range, name: string): SVGElement[] => {
      const most = Math.max(1, ...one.counts);
      const [from, until] = [scale(one.low), scale(one.high)];
      const width = Math.max(2, (until - from) / Math.max(1, one.counts.length));
      return one.counts.map((count, k) => svg("rect", { class: name, x: from + k * width - (one.counts.length === 1 ? 1 : 0), width: Math.max(1, width - 0.8), y: HEIGHT - (HEIGHT * count) / most, height: (HEIGHT * count) / most }));
    };
    const parts = [...(range.changed ? bars(first, "bar-all") : []), ...bars(range, "bar-found")];
    if (range.nominal !== null && range.counts.length) parts.push(svg("line", { class: "range-middle", x1: scale(range.nominal), x2: scale(range.nominal), y1: 0, y2: HEIGHT }));
    this.plot.replaceChildren(...parts);
  }

  // --- sliders ---------------------------------------------------------------------------------------------------------

  private buildSliders(): void {
    const { range } = this;
    const names = Object.entries(range.parameters).filter(([, value]) => value !== null).map(([name]) => name);
    const pair = PAIRS.includes(range.kind);
    this.limits = pair ? limitsOf(range.parameters.low ?? 0, range.parameters.high ?? 1, range.kind) : null;
    this.sliders.dataset.pair = String(pair);
    this.sliders.replaceChildren(...names.map((name) => this.slider(name)));
  }

  private limitsFor(name: string): [number, number] {
    if (this.limits) return this.limits;
    if (name === "rho") return [-1, 1];
    const value = this.first.parameters[name] ?? this.range.parameters[name] ?? 0;
    return name === "std" || name === "noise" ? [0, Math.max(1e-6, 3 * Math.abs(value))] : limitsOf(value, value, "uniform");
  }

  private slider(name: string): HTMLElement {
    const input = h("input", { type: "range", min: "0", max: String(STEPS), "data-parameter": name, "aria-label": `${this.range.id}, ${NAMES[name] ?? name}` });
    const told = (): void => {
      const value = valueAt(Number(input.value) / STEPS, this.limitsFor(name), this.range.kind);
      input.setAttribute("aria-valuetext", short(value));
      input.title = short(value);
    };
    input.addEventListener("input", () => {
      const value = valueAt(Number(input.value) / STEPS, this.limitsFor(name), this.range.kind);
      const next: Record<string, number | null> = { ...this.range.parameters, [name]: value };
      // The ends push each other along.
      if (this.limits && (next.low ?? 0) > (next.high ?? 0)) next[name === "low" ? "high" : "low"] = value;
      this.range = { ...this.range, parameters: next };
      told();
      this.place(name);
      this.change(changeOf(this.range, next), true);
    });
    return name === "low" || name === "high" || name === "value" ? input : h("label", { class: "range-label" }, h("span", {}, NAMES[name] ?? name), input);
  }

  private place(but = ""): void {
    for (const input of this.sliders.querySelectorAll("input")) {
      const name = input.dataset.parameter ?? "";
      const value = this.range.parameters[name];
      if (value === null || value === undefined) continue;
      const limits = this.limitsFor(name);
      // What was typed may lie beyond the line.
      if (this.limits && (value < limits[0] || value > limits[1])) this.limits = [Math.min(limits[0], value), Math.max(limits[1], value)];
      if (name !== but) input.value = String(Math.round(placeOf(value, this.limitsFor(name), this.range.kind) * STEPS));
      input.setAttribute("aria-valuetext", short(value));
    }
  }
}
