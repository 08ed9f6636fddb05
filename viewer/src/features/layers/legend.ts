/** What the colours mean: a bar with its ends, over the picture. */
import { formatNumber } from "../../core/format.ts";
import { byId, h, setText } from "../../ui/dom.ts";
import { colorAt } from "./colors.ts";
import type { ColorMap } from "./settings.ts";

export class Legend {
  private readonly title = h("span", { class: "legend-title" });
  private readonly low = h("span", {});
  private readonly high = h("span", {});
  private readonly bar = h("canvas", { class: "legend-bar", width: "160", height: "1", "aria-hidden": "true" });
  readonly element = h(
    "div",
    { class: "legend", role: "img" },
    this.title,
    this.bar,
    h("div", { class: "legend-ends" }, this.low, this.high),
  );
  private map: ColorMap | null = null;

  constructor() {
    this.element.hidden = true;
    this.column().append(this.element);
  }

  /** All legends stand in one column. */
  private column(): HTMLElement {
    const found = document.getElementById("legends");
    if (found) return found;
    const made = h("div", { id: "legends", class: "legends" });
    byId("picture").append(made);
    return made;
  }

  show(title: string, unit: string, map: ColorMap, range: readonly [number, number]): void {
    this.element.hidden = false;
    const [low, high] = range.map((value) => `${formatNumber(value)}${unit ? ` ${unit}` : ""}`);
    setText(this.title, title);
    setText(this.low, low);
    setText(this.high, high);
    this.element.setAttribute("aria-label", `${title}: colours from ${low} to ${high}`);
    if (map === this.map) return;
    this.map = map;
    const context = this.bar.getContext("2d") as CanvasRenderingContext2D;
    const pixels = context.createImageData(this.bar.width, 1);
    for (let x = 0; x < this.bar.width; x++) pixels.data.set([...colorAt(map, x / (this.bar.width - 1)), 255], 4 * x);
    context.putImageData(pixels, 0, 0);
  }

  hide(): void {
    this.element.hidden = true;
  }
}
