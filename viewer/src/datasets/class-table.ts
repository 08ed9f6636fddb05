/** Figures of classes, beside those of another dataset where one is chosen: where a class is rarer, smaller, more hidden. */
import { h } from "../ui/dom.ts";
import { modal } from "../ui/modal.ts";
import { colorOf, css } from "./palette.ts";
import { short } from "./query.ts";
import { percent } from "./shot.ts";
import type { ClassSummary, Summary } from "./types.ts";

interface Column {
  readonly name: string;
  readonly title: string;
  readonly of: (one: ClassSummary) => number | null;
  readonly text: (value: number) => string;
}

const COLUMNS: readonly Column[] = [
  { name: "Objects", title: "Annotated objects", of: (c) => c.objects, text: (v) => v.toLocaleString("en") },
  { name: "Left out", title: "Objects too small or too hidden to be annotated", of: (c) => c.listed - c.objects, text: (v) => v.toLocaleString("en") },
  { name: "Pictures", title: "Pictures that show one", of: (c) => c.pictures, text: (v) => v.toLocaleString("en") },
  { name: "Size", title: "Median of the square root of the box's area [px]", of: (c) => c.size, text: (v) => v.toFixed(0) },
  { name: "Small", title: "Share with a size below 32 px", of: (c) => c.small, text: percent },
  { name: "Occlusion", title: "Median share that other things hide", of: (c) => c.occlusion, text: percent },
  { name: "Cut", title: "Share that the picture's edge cuts", of: (c) => c.cut, text: percent },
  { name: "Distance", title: "Median distance from the camera [m]", of: (c) => c.distance, text: short },
];

export class ClassWindow {
  private readonly body = h("div", { class: "classes-body", role: "region", tabindex: "0", "aria-label": "Figures of classes" });
  private readonly other = h("select", { "aria-label": "Compare with" });
  private readonly dialog = modal("Classes", "classes", h("label", { class: "classes-with" }, "Compare with ", this.other), this.body);
  private mine: Summary | null = null;

  constructor(
    private readonly describe: (dataset: string) => Promise<Summary>,
    private readonly onPick: (name: string) => void,
  ) {
    document.body.append(this.dialog);
    this.other.addEventListener("change", () => void this.compare());
    this.body.addEventListener("click", (event) => {
      const name = (event.target as Element).closest<HTMLElement>("button")?.dataset.class;
      if (name === undefined) return;
      this.dialog.close();
      this.onPick(name);
    });
  }

  open(mine: Summary, datasets: readonly string[]): void {
    this.mine = mine;
    const rest = datasets.filter((name) => name !== mine.dataset);
    this.other.replaceChildren(h("option", { value: "" }, "nothing"), ...rest.map((name) => h("option", { value: name }, name)));
    (this.other.parentElement as HTMLElement).hidden = rest.length === 0;
    this.draw(null);
    this.dialog.showModal();
  }

  private async compare(): Promise<void> {
    const name = this.other.value;
    try {
      const other = name ? await this.describe(name) : null;
      if (name === this.other.value) this.draw(other);
    } catch (error) {
      this.body.replaceChildren(h("p", {}, (error as Error).message));
    }
  }

  private draw(other: Summary | null): void {
    const { mine } = this;
    if (!mine) return;
    const theirs = new Map((other?.classes ?? []).map((one) => [one.name, one]));
    const more = (other?.classes ?? []).filter(({ name }) => !mine.classes.some((one) => one.name === name));
    const head = h("tr", {}, h("th", { scope: "col" }, "Class"), ...COLUMNS.map(({ name, title }) => h("th", { scope: "col", title }, name)));
    const rows = mine.classes.map((one, k) => row(one, theirs.get(one.name) ?? null, k, other !== null));
    rows.push(...more.map((one) => row(null, one, -1, true)));
    const total = (summary: Summary): string => `${summary.dataset}: ${summary.frames} frames, ${summary.pictures} pictures, ${summary.objects} objects, ${summary.rejected} rejected`;
    this.body.replaceChildren(
      h("p", { class: "classes-total" }, total(mine)),
      ...(other ? [h("p", { class: "classes-total theirs" }, total(other))] : []),
      h("table", { class: "classes-table" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    );
  }
}

function row(mine: ClassSummary | null, theirs: ClassSummary | null, place: number, compared: boolean): HTMLElement {
  const swatch = h("span", { class: "swatch" });
  if (place >= 0) swatch.style.background = css(colorOf(place));
  const name = mine?.name ?? theirs?.name ?? "";
  const button = mine ? h("button", { type: "button", "data-class": name, title: `Show pictures of ${name}` }, name) : h("span", {}, name);
  const cells = COLUMNS.map(({ of, text }) => {
    const told = (one: ClassSummary | null): string => {
      const value = one ? of(one) : null;
      return value === null ? "–" : text(value);
    };
    const cell = h("td", { class: "number" }, h("span", {}, told(mine)));
    if (compared) cell.append(h("span", { class: "theirs" }, told(theirs)));
    return cell;
  });
  return h("tr", {}, h("th", { scope: "row" }, swatch, button), ...cells);
}
