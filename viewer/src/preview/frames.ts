/** Frames of the recipe with the present changes, made one after the other; a newer question leaves the older ones. */
import { colorOf, css } from "../datasets/palette.ts";
import { short } from "../datasets/query.ts";
import { svg } from "../datasets/svg.ts";
import { h, setText } from "../ui/dom.ts";
import type { PreviewFrame, Recipe } from "./types.ts";

const AT_ONCE = 6;

/** Asks the server; `set` goes along as often as there are changes. */
export interface Asker {
  frame(frame: number, changes: readonly string[], width: number, engine: string): Promise<PreviewFrame>;
  picture(frame: number, camera: string, changes: readonly string[], width: number, engine: string): string;
}

interface Cell {
  readonly element: HTMLElement;
  readonly picture: HTMLElement;
  readonly caption: HTMLElement;
}

export class Frames {
  private readonly camera = h("select", { "aria-label": "Camera" });
  private readonly width = h("select", { "aria-label": "Size of the pictures" });
  private readonly engine = h("select", { "aria-label": "Engine" });
  private readonly first = h("input", { type: "text", inputmode: "numeric", class: "preview-first", "aria-label": "First frame", value: "0" });
  private readonly boxes = h("button", { type: "button", class: "segment", "aria-pressed": "true" }, "Boxes");
  private readonly again = h("button", { type: "button", class: "button small" }, "Draw frames");
  private readonly note = h("span", { class: "preview-note", role: "status" });
  private readonly list = h("div", { class: "preview-frames" });
  private readonly table = h("table", { class: "preview-draws" });
  readonly element: HTMLElement;
  private cells: Cell[] = [];
  private made: (PreviewFrame | null)[] = [];
  private turn = 0;
  private from = 0;
  recipe: Recipe | null = null;
  changes: readonly string[] = [];

  constructor(private readonly asker: Asker) {
    for (const [name, value] of [["160 px", 160], ["320 px", 320], ["As in the recipe", 0]] as const) this.width.append(h("option", { value: String(value) }, name));
    this.width.value = "320";
    for (const [name, value] of [["Quick", "quick"], ["The recipe's engine", "own"]] as const) this.engine.append(h("option", { value }, name));
    const before = h("button", { type: "button", class: "button small", "aria-label": "Frames before" }, "‹");
    const after = h("button", { type: "button", class: "button small", "aria-label": "Next frames" }, "›");
    before.addEventListener("click", () => this.go(this.from - AT_ONCE));
    after.addEventListener("click", () => this.go(this.from + AT_ONCE));
    this.first.addEventListener("change", () => this.go(Math.round(Number(this.first.value)) || 0));
    for (const select of [this.camera, this.width, this.engine]) select.addEventListener("change", () => void this.draw());
    this.boxes.addEventListener("click", () => {
      this.boxes.setAttribute("aria-pressed", String(this.boxes.getAttribute("aria-pressed") !== "true"));
      this.cells.forEach((_, k) => this.fill(k));
    });
    this.again.addEventListener("click", () => void this.draw());
    const bar = h("div", { class: "frame-bar" }, before, h("label", { class: "datasets-label" }, "Frame ", this.first), after, this.camera, this.width, this.engine, this.boxes, this.again, this.note);
    this.element = h("div", { class: "preview-right" }, bar, h("div", { class: "preview-scroll", role: "region", tabindex: "0", "aria-label": "Frames and what was drawn in them" }, this.list, h("h3", { class: "facets-heading" }, "What was drawn"), this.table));
  }

  /** The recipe has these changes now; frames are made if `draw`. */
  show(recipe: Recipe, changes: readonly string[], draw: boolean): void {
    const fresh = this.recipe === null;
    this.recipe = recipe;
    this.changes = changes;
    if (fresh) this.camera.replaceChildren(...recipe.cameras.map((name) => h("option", { value: name }, name)));
    this.camera.hidden = recipe.cameras.length < 2;
    if (draw) void this.draw();
  }

  private go(first: number): void {
    const last = Math.max(0, (this.recipe?.frames ?? 1) - 1);
    this.from = Math.min(last, Math.max(0, first));
    this.first.value = String(this.from);
    void this.draw();
  }

  async draw(): Promise<void> {
    const { recipe, changes, from } = this;
    if (!recipe) return;
    const turn = ++this.turn;
    const count = Math.min(AT_ONCE, recipe.frames - from);
    if (this.cells.length !== count) {
      this.cells = [...Array(count).keys()].map(() => cell());
      this.list.replaceChildren(...this.cells.map(({ element }) => element));
      this.made = Array(count).fill(null);
    }
    this.cells.forEach(({ element }) => (element.dataset.old = "true"));
    for (let k = 0; k < count; k++) {
      setText(this.note, `Making frame ${from + k} …`);
      try {
        const made = await this.asker.frame(from + k, changes, Number(this.width.value), this.engine.value);
        if (turn !== this.turn) return;
        this.made[k] = made;
        this.fill(k);
        this.drawTable();
      } catch (error) {
        if (turn !== this.turn) return;
        this.made[k] = null;
        setText(this.note, (error as Error).message);
        this.cells[k].element.dataset.old = "false";
        this.cells[k].picture.replaceChildren(h("p", { class: "tile-reason" }, (error as Error).message));
        return;
      }
    }
    setText(this.note, "");
  }

  private fill(k: number): void {
    const { element, picture, caption } = this.cells[k];
    const made = this.made[k];
    if (!made) return;
    element.dataset.old = "false";
    const view = made.views.find(({ camera }) => camera === this.camera.value) ?? made.views[0];
    const tried = made.attempts > 1 ? `, attempt ${made.attempts}` : "";
    caption.replaceChildren(h("b", {}, `Frame ${made.frame}`), h("span", {}, `${made.split ?? ""}${tried}`), h("span", { class: "tile-count" }, view ? `${view.boxes.length} objects` : "rejected"));
    if (!view) {
      picture.replaceChildren(h("p", { class: "tile-reason" }, `Rejected: ${made.rejected ?? ""}`));
      return;
    }
    const image = h("img", { src: this.asker.picture(made.frame, view.camera, this.changes, Number(this.width.value), this.engine.value), alt: `Frame ${made.frame}, ${view.camera}`, width: String(view.width), height: String(view.height) });
    const parts: Node[] = [image];
    if (this.boxes.getAttribute("aria-pressed") === "true") {
      const marks = svg("svg", { viewBox: `0 0 ${view.width} ${view.height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
      for (const { label, box } of view.boxes) marks.append(svg("rect", { x: box[0], y: box[1], width: box[2], height: box[3], fill: "none", stroke: css(colorOf(label)), "vector-effect": "non-scaling-stroke" }));
      parts.push(marks as unknown as Node);
    }
    picture.replaceChildren(...parts);
  }

  /** Fields down, frames across. */
  private drawTable(): void {
    const made = this.made.filter((one) => one !== null);
    const keys = new Map<string, Map<number, unknown>>();
    for (const one of made)
      for (const [randomizer, fields] of Object.entries(one.draws))
        for (const [name, value] of Object.entries(fields)) {
          if (name.endsWith(" sha256")) continue;
          const key = `${randomizer}.${name}`;
          if (!keys.has(key)) keys.set(key, new Map());
          keys.get(key)?.set(one.frame, value);
        }
    const head = h("tr", {}, h("th", { scope: "col" }, "Field"), ...made.map(({ frame }) => h("th", { scope: "col" }, String(frame))));
    const rows = [...keys].slice(0, 400).map(([key, values]) => h("tr", {}, h("th", { scope: "row", title: key }, key), ...made.map(({ frame }) => h("td", {}, told(values.get(frame))))));
    this.table.replaceChildren(h("thead", {}, head), h("tbody", {}, ...rows));
  }
}

function cell(): Cell {
  const picture = h("div", { class: "preview-picture" });
  const caption = h("div", { class: "tile-caption" });
  return { element: h("figure", { class: "preview-frame" }, picture, h("figcaption", {}, caption)), picture, caption };
}

function told(value: unknown): string {
  if (value === undefined) return "–";
  if (typeof value === "number") return short(value);
  if (Array.isArray(value)) return value.map(told).join(", ");
  if (value && typeof value === "object") return Object.entries(value).map(([name, one]) => `${name} ${told(one)}`).join(", ");
  return String(value);
}
