/** Colours by value: rows of a value and a colour, in order. */
import { h } from "../../ui/dom.ts";

type Stops = readonly (readonly [number, string])[];

export class StopsField {
  readonly element = h("div", { class: "stops", role: "group", "aria-label": "Colours" });

  constructor(
    private stops: Stops,
    private readonly unit: string,
    private readonly onChange: (stops: Stops) => void,
  ) {
    this.draw();
  }

  private set(stops: Stops): void {
    this.stops = stops;
    this.onChange(stops);
  }

  private draw(): void {
    const rows = this.stops.map(([value, color], k) => {
      const number = h("input", { type: "text", inputmode: "decimal", value: String(value), "aria-label": `Value ${k + 1}${this.unit}` });
      const picker = h("input", { type: "color", value: color, "aria-label": `Colour ${k + 1}` });
      const remove = h("button", { type: "button", class: "text-button", "aria-label": `Take colour ${k + 1} away` }, "Remove");
      remove.disabled = this.stops.length < 2;
      number.addEventListener("input", () => this.set(this.with(k, [Number.parseFloat(number.value.replace(",", ".")), this.stops[k][1]])));
      picker.addEventListener("input", () => this.set(this.with(k, [this.stops[k][0], picker.value])));
      remove.addEventListener("click", () => {
        this.set(this.stops.filter((_, j) => j !== k));
        this.draw();
      });
      return h("div", { class: "stop" }, number, picker, remove);
    });
    const add = h("button", { type: "button", class: "text-button" }, "Add a colour");
    add.addEventListener("click", () => {
      const [last, color] = this.stops[this.stops.length - 1];
      const before = this.stops.length > 1 ? this.stops[this.stops.length - 2][0] : last - 1;
      this.set([...this.stops, [Number((last + (last - before)).toPrecision(4)), color]]);
      this.draw();
    });
    this.element.replaceChildren(h("span", { class: "stops-title" }, `Colours by value${this.unit}`), ...rows, add);
  }

  private with(k: number, stop: readonly [number, string]): Stops {
    return this.stops.map((one, j) => (j === k ? stop : one));
  }
}
