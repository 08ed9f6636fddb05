/** Binding by hand: a prim, a signal, what it drives; shown moving here before it is saved. */
import { bindingOf, type Draft, draftFor, type Drives, DRIVES, effectOf, problemOf } from "../../core/binding-draft.ts";
import { printedUnit, shownValue } from "../../core/signal-units.ts";
import { trsOf } from "../../core/trs.ts";
import { deskOf } from "../../edit/desk.ts";
import { previewOf } from "../../edit/preview.ts";
import { refusal } from "../../edit/sentences.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { BoundList } from "./bound-list.ts";
import { StopsField } from "./stops-field.ts";

/** Signals that are listed before one has to search. */
const MOST = 60;

export class BindPanel {
  readonly element = h("div", { class: "bind" });
  private draft: Draft = draftFor("");
  private readonly bound: BoundList;
  private readonly target = h("p", { class: "bind-target mono" });
  private readonly search = h("input", { type: "search", placeholder: "Search signals", "aria-label": "Search signals", spellcheck: "false", autocomplete: "off" });
  private readonly list = h("div", { class: "bind-signals", role: "listbox", "aria-label": "Signals", tabindex: "0" });
  private readonly drives = h("select", { "aria-label": "What it drives" });
  private readonly fields = h("div", { class: "bind-fields" });
  private readonly text = h("pre", { class: "bind-text mono" });
  private readonly show = h("button", { type: "button", class: "button" }, "Preview");
  private readonly save = h("button", { type: "button", class: "button primary" }, "Save binding");
  private readonly why = h("p", { class: "prop-why", hidden: "" });
  private readonly error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  private readonly form: HTMLFieldSetElement;
  private readonly nothing = h("p", { class: "prop-why", hidden: "" }, "This twin has no signals to bind. Start it with --bindings to connect telemetry.");
  private node = -1;
  private previewing = false;
  private saving = false;
  private rows: { id: string; value: HTMLElement; element: HTMLElement }[] = [];

  constructor(private readonly bench: Workbench) {
    this.bound = new BoundList(bench);
    this.fillDrives();
    this.form = h(
      "fieldset",
      { class: "bind-form" },
      h("legend", {}, "New binding"),
      h("div", { class: "search" }, this.search),
      this.list,
      h("label", { class: "prop-field" }, h("span", {}, "Drives"), this.drives),
      this.fields,
      h("details", { class: "bind-source" }, h("summary", {}, "As in a bindings file"), this.text),
      h("div", { class: "bind-actions" }, this.show, this.save),
    );
    this.element.append(this.target, this.bound.element, this.nothing, this.form, this.why, this.error);
    this.search.addEventListener("input", () => this.listSignals());
    this.list.addEventListener("click", (event) => this.choose((event.target as Element).closest<HTMLElement>("[data-id]")?.dataset.id));
    this.list.addEventListener("keydown", (event) => this.keys(event));
    this.drives.addEventListener("change", () => this.change({ drives: this.drives.value as Drives }, true));
    this.show.addEventListener("click", () => this.setPreview(!this.previewing));
    this.save.addEventListener("click", () => void this.bind());
    bench.onScene(() => this.start());
    bench.onUnits(() => this.change({ unit: this.unitOf(this.draft.signal) }, true));
    bench.watch((state) => state.selected, () => this.start());
    deskOf(bench).watch(() => this.lock());
    bench.onFrame(() => this.animate());
  }

  /** The panel is seen or not: a preview ends with it. */
  shown(visible: boolean): void {
    if (!visible) this.setPreview(false);
    else void this.bound.load();
  }

  refresh(nowMs: number): void {
    for (const { id, value, element } of this.rows) {
      setText(value, this.reading(id));
      const signal = this.bench.signals.indexOf.get(id);
      setData(element, "grade", signal === undefined ? "none" : this.bench.signals.grade(signal, nowMs));
    }
    if (this.previewing) this.bench.viewport.invalidate();
  }

  private start(): void {
    this.setPreview(false);
    const { scene, state } = this.bench;
    this.node = state.selected === null ? -1 : (scene?.nodeAt(state.selected) ?? -1);
    const path = this.node < 0 ? "" : (state.selected ?? "");
    if (path !== this.draft.path) {
      this.draft = { ...draftFor(path), signal: this.draft.signal, unit: this.draft.unit };
      this.drives.value = this.draft.drives;
      this.fail("");
    }
    setText(this.target, path || "Select a prim in the picture or the tree.");
    this.bound.show(path);
    this.nothing.hidden = this.bench.signals.signals.length > 0;
    this.form.hidden = !this.nothing.hidden || this.node < 0;
    this.draft = { ...this.draft, unit: this.unitOf(this.draft.signal) };
    this.listSignals();
    this.drawFields();
    this.lock();
  }

  private unitOf(id: string): Draft["unit"] {
    const { contractUnit, unitScale, unitOffset } = this.bench.signals.facts.get(id) ?? draftFor("").unit;
    return { contractUnit, unitScale, unitOffset };
  }

  private lock(): void {
    const { locked } = deskOf(this.bench);
    const problem = problemOf(this.draft);
    this.form.disabled = locked !== null;
    setText(this.why, locked ?? (this.node >= 0 && problem ? problem : ""));
    this.why.hidden = this.why.textContent === "";
    this.save.disabled = locked !== null || problem !== null || this.saving;
    this.show.disabled = locked !== null || problem !== null || this.draft.frame === "world" || this.draft.drives === "attribute";
    this.show.title = this.draft.frame === "world" ? "What is placed in the world is shown once it is saved" : "Show it moving, in this viewer alone";
    setText(this.save, this.saving ? "Saving" : "Save binding");
  }

  // --- signals -------------------------------------------------------------------------------------------------

  private listSignals(): void {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.bench.signals.signals.filter(({ id }) => words.every((word) => id.toLowerCase().includes(word)));
    this.rows = all.slice(0, MOST).map(({ id }) => {
      const value = h("span", { class: "bind-value" });
      const element = h(
        "div",
        { class: "bind-signal", role: "option", "data-id": id, id: `bind-${id}`, "aria-selected": String(id === this.draft.signal) },
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", { class: "bind-name mono" }, id),
        value,
      );
      return { id, value, element };
    });
    this.list.replaceChildren(...this.rows.map(({ element }) => element));
    if (all.length > MOST) this.list.append(h("p", { class: "more" }, `and ${all.length - MOST} more; search`));
    if (all.length === 0) this.list.append(h("p", { class: "more" }, "No signal fits."));
    this.refresh(this.bench.now());
  }

  private reading(id: string): string {
    const { signals } = this.bench;
    const i = signals.indexOf.get(id);
    if (i === undefined) return "";
    if (signals.text[i] !== undefined) return signals.text[i] as string;
    return shownValue(signals.value[i], signals.signals[i].unit, signals.signals[i].type, "contract", this.bench.signals.facts.get(id)).join(" ");
  }

  private keys(event: KeyboardEvent): void {
    const at = this.rows.findIndex(({ id }) => id === this.draft.signal);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.rows.length - 1 }[event.key];
    if (next === undefined || this.rows.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(this.rows[Math.max(0, Math.min(this.rows.length - 1, next))].id);
  }

  private choose(id: string | undefined): void {
    if (id === undefined || this.form.disabled) return;
    for (const row of this.rows) row.element.setAttribute("aria-selected", String(row.id === id));
    this.list.setAttribute("aria-activedescendant", `bind-${id}`);
    this.rows.find((row) => row.id === id)?.element.scrollIntoView({ block: "nearest" });
    const unit = this.unitOf(id);
    this.change({ signal: id, unit, stops: this.rangeOf(id, unit) }, true);
  }

  /** Colours from the least to the greatest value that was seen. */
  private rangeOf(id: string, unit: Draft["unit"]): Draft["stops"] {
    const signal = this.bench.signals.indexOf.get(id);
    const ring = signal === undefined ? undefined : this.bench.signals.history(signal);
    const seen = ring ? Array.from({ length: ring.length }, (_, k) => (ring.value[ring.at(k)] - unit.unitOffset) / unit.unitScale) : [];
    const [low, high] = seen.length ? [Math.min(...seen), Math.max(...seen)] : [0, 1];
    const span = high > low ? high - low : Math.abs(low) || 1;
    const round = (value: number): number => Number(value.toPrecision(3));
    const from = round(high > low ? low : low - span / 2);
    const to = round(high > low ? high : high + span / 2);
    return [
      [from, this.draft.stops[0][1]],
      [to > from ? to : from + 1, this.draft.stops[this.draft.stops.length - 1][1]],
    ];
  }

  // --- what it drives ------------------------------------------------------------------------------------------

  private fillDrives(): void {
    const groups = new Map<string, HTMLElement>();
    for (const { value, title, group } of DRIVES) {
      if (!groups.has(group)) groups.set(group, h("optgroup", { label: group }));
      groups.get(group)?.append(h("option", { value }, title));
    }
    this.drives.append(...groups.values());
  }

  private change(change: Partial<Draft>, redraw = false): void {
    this.draft = { ...this.draft, ...change };
    if (redraw) this.drawFields();
    setText(this.text, JSON.stringify(bindingOf(this.draft), null, 1));
    this.fail("");
    this.lock();
    if (this.previewing) {
      previewOf(this.bench).clear(this.node);
      if (this.show.disabled) this.setPreview(false);
      else this.animate();
    }
  }

  private drawFields(): void {
    const { draft } = this;
    const unit = draft.unit.contractUnit === "1" ? "" : ` [${printedUnit(draft.unit.contractUnit)}]`;
    const si = { x: "m", y: "m", z: "m", slide: "m", roll: "rad", pitch: "rad", yaw: "rad", turn: "rad" }[draft.drives as string] ?? "";
    const parts: HTMLElement[] = [];
    if (draft.drives === "attribute") parts.push(this.textField("Attribute", draft.attribute, (attribute) => this.change({ attribute })));
    if (draft.drives === "color") parts.push(new StopsField(draft.stops, unit, (stops) => this.change({ stops })).element);
    if (draft.drives === "visibility") {
      parts.push(this.numberField(`Shown from${unit}`, draft.threshold, (threshold) => this.change({ threshold })));
      parts.push(this.choice("Below it", [["no", "hidden"], ["yes", "shown"]], draft.invert ? "yes" : "no", (value) => this.change({ invert: value === "yes" })));
    }
    if (draft.drives === "turn" || draft.drives === "slide")
      parts.push(this.choice("Axis", [["X", "X"], ["Y", "Y"], ["Z", "Z"]], draft.axis, (axis) => this.change({ axis: axis as Draft["axis"] })));
    if (["x", "y", "z", "roll", "pitch", "yaw"].includes(draft.drives))
      parts.push(this.choice("In", [["parent", "its parent"], ["world", "the world"]], draft.frame, (frame) => this.change({ frame: frame as Draft["frame"] })));
    if (draft.drives !== "color") {
      parts.push(this.numberField("Factor", draft.scale, (scale) => this.change({ scale })));
      parts.push(this.numberField(`Offset${si ? ` [${si}]` : ""}`, draft.offset, (offset) => this.change({ offset })));
    }
    this.fields.replaceChildren(...parts);
    setText(this.text, JSON.stringify(bindingOf(draft), null, 1));
  }

  private textField(title: string, value: string, then: (text: string) => void): HTMLElement {
    const input = h("input", { type: "text", value, spellcheck: "false", autocomplete: "off" });
    input.addEventListener("input", () => then(input.value.trim()));
    return h("label", { class: "prop-field" }, h("span", { title }, title), input);
  }

  private numberField(title: string, value: number, then: (value: number) => void): HTMLElement {
    return this.textField(title, String(value), (text) => then(text === "" ? Number.NaN : Number(text.replace(",", "."))));
  }

  private choice(title: string, options: string[][], value: string, then: (value: string) => void): HTMLElement {
    const select = h("select", {}, ...options.map(([key, text]) => h("option", { value: key }, text)));
    select.value = value;
    select.addEventListener("change", () => then(select.value));
    return h("label", { class: "prop-field" }, h("span", {}, title), select);
  }

  // --- preview and saving --------------------------------------------------------------------------------------

  private setPreview(on: boolean): void {
    if (on === this.previewing) return;
    this.previewing = on && this.node >= 0 && !this.show.disabled;
    setText(this.show, this.previewing ? "Stop preview" : "Preview");
    if (!this.previewing) previewOf(this.bench).clear(this.node);
    this.animate();
  }

  /** What the newest value looks like. */
  private animate(): void {
    if (!this.previewing) return;
    const { scene, signals } = this.bench;
    const signal = signals.indexOf.get(this.draft.signal);
    if (signal === undefined || !scene) return;
    const authored = new Float64Array(16);
    scene.local.read(this.node, authored, 0);
    previewOf(this.bench).set(this.node, effectOf(this.draft, signals.value[signal], trsOf(authored)));
  }

  private async bind(): Promise<void> {
    const { draft } = this;
    this.saving = true;
    this.lock();
    const answer = await deskOf(this.bench).do({ kind: "bind", binding: bindingOf(draft) }, true);
    this.saving = false;
    this.fail(answer.ok ? "" : refusal(answer));
    this.lock();
    if (!answer.ok) return;
    this.setPreview(false);
    this.bench.notice("info", `${draft.path} is driven by ${draft.signal} now. Undo takes it away.`);
    void this.bound.load();
  }

  private fail(sentence: string): void {
    setText(this.error, sentence);
    this.error.hidden = sentence === "";
  }
}
