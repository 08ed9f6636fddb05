/** The panel of layers: each can be switched on, and opened to choose where, of which signals, and how. */
import { h, setText } from "../../ui/dom.ts";
import type { Group } from "./numbers.ts";
import { COLOR_MAPS, type Layer, type LayerName, type Layers } from "./settings.ts";

const ROWS: readonly (readonly [LayerName, string, string])[] = [
  ["tags", "Values", "Tags with value, unit and quality beside what they are of"],
  ["color", "Colour by value", "Paints prims by a value; only here, never in the twin"],
  ["icons", "Signs", "Alarms, and the state that a signal tells"],
  ["arrows", "Arrows", "Where things go, how values change, or vectors"],
  ["trails", "Trails", "Where moving things were"],
  ["heat", "Heat map", "Values of sensors, spread over the floor"],
  ["entities", "Entities", "Who comes and goes, by its id"],
  ["overlays", "Program overlays", "What programs draw, such as points, frames and predictions"],
];

export type Change = <K extends LayerName>(name: K, change: Partial<Layers[K]>) => void;

export class LayersPanel {
  readonly element = h("div", { class: "layers" });
  private readonly switches = new Map<LayerName, HTMLInputElement>();
  private readonly counts = new Map<LayerName, HTMLElement>();
  private readonly choices = new Map<"color" | "heat", HTMLSelectElement>();
  private readonly offered = new Map<"color" | "heat", string>();
  private readonly chosen = new Map<"color" | "heat", string>();
  private readonly fields: ((layers: Layers) => void)[] = [];

  constructor(
    private readonly change: Change,
    private readonly selected: () => string | null,
  ) {
    for (const [name, title, about] of ROWS) this.element.append(this.row(name, title, about));
  }

  draw(layers: Layers): void {
    for (const [name, box] of this.switches) box.checked = layers[name].on;
    for (const field of this.fields) field(layers);
  }

  /** A word beside a layer: how many it shows, or why none. */
  note(name: LayerName, text: string): void {
    const count = this.counts.get(name);
    if (count) setText(count, text);
  }

  private row(name: LayerName, title: string, about: string): HTMLElement {
    const id = `layer-${name}`;
    const box = h("input", { type: "checkbox", id });
    box.addEventListener("change", () => this.change(name, { on: box.checked } as Partial<Layers[typeof name]>));
    this.switches.set(name, box);
    const count = h("span", { class: "layer-count" });
    this.counts.set(name, count);
    const head = h("div", { class: "layer-head" }, box, h("label", { for: id, title: about }, title), count);
    const body = h("div", { class: "layer-body" }, h("p", { class: "layer-about" }, about));
    if (name !== "overlays") body.append(this.where(name));
    if (!["trails", "entities", "overlays"].includes(name)) body.append(this.signals(name));
    body.append(...this.own(name));
    const fold = h("details", { class: "layer", "data-layer": name }, h("summary", { "aria-label": `${title}: how` }), body);
    return h("section", { class: "layer-row", "aria-label": title }, head, fold);
  }

  private where(name: LayerName): HTMLElement {
    const input = h("input", { type: "text", placeholder: "everywhere", "aria-label": "Below which prim", spellcheck: "false" });
    input.addEventListener("change", () => this.change(name, { under: input.value.trim() } as Partial<Layers[typeof name]>));
    const use = h("button", { type: "button", title: "Only below what is selected" }, "Selected");
    use.addEventListener("click", () =>
      this.change(name, { under: this.selected() ?? "" } as Partial<Layers[typeof name]>),
    );
    this.fields.push((layers) => document.activeElement !== input && (input.value = layers[name].under));
    return h("div", { class: "layer-field" }, h("span", {}, "Where"), input, use);
  }

  private signals(name: LayerName): HTMLElement {
    const input = h("input", { type: "text", placeholder: "all, or such as *.temperature", "aria-label": "Which signals", spellcheck: "false" });
    input.addEventListener("change", () => this.change(name, { signals: input.value.trim() } as Partial<Layers[typeof name]>));
    this.fields.push((layers) => document.activeElement !== input && (input.value = (layers[name] as Layer).signals));
    return h("div", { class: "layer-field" }, h("span", {}, "Signals"), input);
  }

  private own(name: LayerName): HTMLElement[] {
    if (name === "tags") return [this.behind()];
    if (name === "color") return [this.choice("color", "Colours", COLOR_MAPS.map((map) => [map, map]), "map"), this.of("color"), this.range()];
    if (name === "heat") return [this.choice("heat", "Colours", COLOR_MAPS.map((map) => [map, map]), "map"), this.of("heat")];
    if (name === "arrows")
      return [
        this.choice("arrows", "Of", [["motion", "motion"], ["rate", "change of a value"], ["vector", "x, y and z of a signal"]], "of"),
      ];
    return name === "trails" ? [this.seconds()] : [];
  }

  private choice<K extends LayerName>(
    name: K,
    title: string,
    options: readonly (readonly [string, string])[],
    key: keyof Layers[K],
  ): HTMLElement {
    const select = h("select", { "aria-label": title }, ...options.map(([value, text]) => h("option", { value }, text)));
    select.addEventListener("change", () => this.change(name, { [key]: select.value } as unknown as Partial<Layers[K]>));
    this.fields.push((layers) => (select.value = String(layers[name][key])));
    return h("div", { class: "layer-field" }, h("span", {}, title), select);
  }

  /** Which numbers: those of one unit, for others cannot be compared with them. */
  private of(name: "color" | "heat"): HTMLElement {
    const select = h("select", { "aria-label": "Numbers of", id: `layer-${name}-of` });
    select.addEventListener("change", () => this.change(name, { of: select.value } as Partial<Layers[typeof name]>));
    this.choices.set(name, select);
    this.fields.push((layers) => this.showChoice(name, layers[name].of));
    return h("div", { class: "layer-field" }, h("span", {}, "Numbers"), select);
  }

  /** What there is to choose from now. */
  offer(name: "color" | "heat", groups: readonly Group[]): void {
    const key = groups.map((group) => `${group.key} ${group.prims}`).join();
    if (this.offered.get(name) === key) return;
    this.offered.set(name, key);
    const select = this.choices.get(name);
    const most = groups[0];
    select?.replaceChildren(
      h("option", { value: "" }, most ? `of most prims (${most.title})` : "of most prims"),
      ...groups.map((group) => h("option", { value: group.key }, `${group.title}, ${group.prims} prims`)),
    );
    this.showChoice(name, this.chosen.get(name) ?? "");
  }

  private showChoice(name: "color" | "heat", of: string): void {
    const select = this.choices.get(name);
    this.chosen.set(name, of);
    if (select && document.activeElement !== select) select.value = [...select.options].some(({ value }) => value === of) ? of : "";
  }

  private behind(): HTMLElement {
    const box = h("input", { type: "checkbox", id: "layer-tags-behind" });
    box.addEventListener("change", () => this.change("tags", { behind: box.checked }));
    this.fields.push((layers) => (box.checked = layers.tags.behind));
    return h("div", { class: "layer-field" }, box, h("label", { for: "layer-tags-behind" }, "Hide what is behind other things"));
  }

  private range(): HTMLElement {
    const auto = h("input", { type: "checkbox", id: "layer-color-auto" });
    const [low, high] = ["Lowest", "Highest"].map((label) => h("input", { type: "number", step: "any", "aria-label": label }));
    const set = (): void => {
      const range: [number, number] = [low.valueAsNumber, high.valueAsNumber];
      if (range[0] < range[1]) this.change("color", { range });
    };
    auto.addEventListener("change", () => {
      if (auto.checked) this.change("color", { range: null });
      else this.change("color", { range: widened(this.current ?? [0, 1]) });
    });
    for (const input of [low, high]) input.addEventListener("change", set);
    this.fields.push(({ color }) => {
      auto.checked = color.range === null;
      low.disabled = high.disabled = color.range === null;
      const range = color.range ?? this.current;
      if (range && document.activeElement !== low) low.value = String(Number(range[0].toPrecision(4)));
      if (range && document.activeElement !== high) high.value = String(Number(range[1].toPrecision(4)));
    });
    return h("div", { class: "layer-field" }, auto, h("label", { for: "layer-color-auto" }, "Automatic range"), low, high);
  }

  /** The range that colours stand for now, in the unit that is shown. */
  current: readonly [number, number] | null = null;

  private seconds(): HTMLElement {
    const input = h("input", { type: "number", min: "1", max: "120", step: "1", "aria-label": "Length of trails in seconds" });
    input.addEventListener("change", () => {
      if (Number.isFinite(input.valueAsNumber)) this.change("trails", { seconds: input.valueAsNumber });
    });
    this.fields.push(({ trails }) => document.activeElement !== input && (input.value = String(trails.seconds)));
    return h("div", { class: "layer-field" }, h("span", {}, "Seconds"), input);
  }
}

/** A range that has a length. */
function widened([low, high]: readonly [number, number]): [number, number] {
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}
