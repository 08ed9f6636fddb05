/** The panel: how much is labelled, what the colours mean, what has no label, and the form that gives one. */
import { formatCount } from "../../core/format.ts";
import { h, setText } from "../../ui/dom.ts";
import { AMBIGUOUS_RGB, hexOf, type Rgb, UNLABELLED_RGB } from "./colors.ts";
import { type Coverage, percent } from "./coverage.ts";
import { AssignForm, type AssignActions } from "./form.ts";
import type { Group } from "./targets.ts";

const MOST_ROWS = 60;

export interface LegendRow {
  readonly name: string;
  readonly rgb: Rgb;
  readonly objects: number;
}

export interface PanelActions extends AssignActions {
  setOn(on: boolean): void;
  setTaxonomy(taxonomy: string): void;
  measure(): void;
  select(path: string): void;
  choose(paths: readonly string[], chosen: boolean): void;
}

export class LabelsPanel {
  readonly element = h("div", { class: "labels-panel" });
  readonly form: AssignForm;
  private readonly on = h("input", { type: "checkbox", id: "labels-on" });
  private readonly taxonomy = h("select", { "aria-label": "Taxonomy" });
  private readonly figure = h("output", { class: "labels-figure" });
  private readonly note = h("p", { class: "labels-note" });
  private readonly special = h("ul", { class: "labels-legend", "aria-label": "Without a class" });
  private readonly legend = h("ul", { class: "labels-legend", "aria-label": "Classes" });
  private readonly bare = h("ul", { class: "labels-list", "aria-label": "Without a label" });
  private readonly open = h("ul", { class: "labels-list", "aria-label": "Ambiguous" });
  private readonly bareHead = h("h3", {}, "Without a label");
  private readonly openHead = h("h3", {}, "Ambiguous");
  private readonly bareNote = h("p", { class: "labels-note" });

  constructor(private readonly actions: PanelActions) {
    this.form = new AssignForm(actions);
    this.on.addEventListener("change", () => actions.setOn(this.on.checked));
    this.taxonomy.addEventListener("change", () => actions.setTaxonomy(this.taxonomy.value));
    const measure = h("button", { type: "button", class: "button", title: "Count the pixels of this view now (Alt+K)" }, "Count");
    measure.addEventListener("click", () => actions.measure());
    this.element.append(
      h("div", { class: "labels-head" }, this.on, h("label", { for: "labels-on" }, "Colour by class"), this.taxonomy),
      h("div", { class: "labels-cover" }, this.figure, measure),
      this.note,
      this.special,
      this.bareHead,
      this.bareNote,
      this.bare,
      this.openHead,
      this.open,
      this.form.element,
      h("h3", {}, "Classes"),
      this.legend,
    );
    this.openHead.hidden = true;
  }

  setMode(on: boolean, taxonomy: string, taxonomies: readonly string[]): void {
    this.on.checked = on;
    this.taxonomy.replaceChildren(...taxonomies.map((one) => h("option", { value: one }, one)));
    this.taxonomy.value = taxonomy;
  }

  drawLegend(classes: readonly LegendRow[], bare: number, open: number, coverage: Coverage | null): void {
    const share = (pixels: number): string => (coverage ? percent(pixels, coverage.visible) : "");
    const row = (rgb: Rgb, name: string, objects: number, pixels: number): HTMLElement =>
      h("li", { "data-class": name }, swatch(rgb), h("span", { class: "labels-name" }, name), h("span", { class: "labels-count", title: `${formatCount(objects)} objects` }, formatCount(objects)), h("span", { class: "labels-share" }, share(pixels)));
    this.special.replaceChildren(
      row(UNLABELLED_RGB, "no label", bare, coverage?.unlabelled ?? 0),
      row(AMBIGUOUS_RGB, "ambiguous", open, coverage?.ambiguous ?? 0),
    );
    this.legend.replaceChildren(
      ...classes.map(({ name, rgb, objects }) => row(rgb, name, objects, coverage?.byClass.get(name) ?? 0)),
    );
  }

  drawCoverage(coverage: Coverage | null, chosen: ReadonlySet<string>): void {
    if (!coverage) {
      setText(this.figure, "–");
      setText(this.note, "Not counted yet.");
    } else {
      const labelled = coverage.visible - coverage.unlabelled - coverage.ambiguous;
      setText(this.figure, coverage.visible ? `${percent(labelled, coverage.visible)} labelled` : "Nothing in view");
      setText(this.note, `Of the ${formatCount(coverage.visible)} pixels of this view that show something: ${percent(coverage.unlabelled, coverage.visible)} without a label, ${percent(coverage.ambiguous, coverage.visible)} ambiguous.`);
    }
    const groups = coverage?.groups ?? [];
    const whole = coverage?.visible ?? 0;
    const more = groups.length > MOST_ROWS ? ` The ${MOST_ROWS} largest of ${groups.length}.` : "";
    setText(this.bareNote, coverage ? (groups.length ? `What this view shows, the most pixels first.${more}` : "Everything in this view has a label.") : "");
    redraw(this.bare, groups.slice(0, MOST_ROWS).map((group) => this.row(group, whole, chosen)));
    const prims = coverage?.ambiguousPrims ?? [];
    this.openHead.hidden = this.open.hidden = prims.length === 0;
    redraw(
      this.open,
      prims.slice(0, MOST_ROWS).map(({ path, labels, pixels }) => this.row({ name: path, paths: [path], pixels }, whole, chosen, labels.join(" and "))),
    );
  }

  private row({ name, paths, pixels }: Group, whole: number, chosen: ReadonlySet<string>, labels = ""): HTMLElement {
    const short = name.slice(name.lastIndexOf("/") + 1);
    const many = paths.length > 1 ? ` (${paths.length})` : "";
    const box = h("input", { type: "checkbox", "aria-label": `Choose ${name}`, "data-key": `box ${name}` });
    box.checked = paths.every((path) => chosen.has(path));
    box.addEventListener("change", () => this.actions.choose(paths, box.checked));
    const go = h("button", { type: "button", class: "labels-go", title: `${name}\nSelect`, "data-key": `go ${name}` }, `${short}${many}`);
    let turn = 0;
    go.addEventListener("click", () => this.actions.select(paths[turn++ % paths.length]));
    return h("li", { "data-path": name }, box, go, labels ? h("span", { class: "labels-rivals" }, labels) : null, h("span", { class: "labels-share" }, percent(pixels, whole)));
  }
}

/** New rows in place of old ones; the keyboard stays where it was. */
function redraw(list: HTMLElement, rows: readonly HTMLElement[]): void {
  const active = document.activeElement;
  const key = active instanceof HTMLElement && list.contains(active) ? active.dataset.key : undefined;
  list.replaceChildren(...rows);
  if (key !== undefined) for (const element of list.querySelectorAll<HTMLElement>("[data-key]")) if (element.dataset.key === key) element.focus();
}

function swatch(rgb: Rgb): HTMLElement {
  const element = h("span", { class: "labels-swatch", "aria-hidden": "true" });
  element.style.background = hexOf(rgb);
  return element;
}
