/** Filters: for each field how its values are spread, in the whole dataset (faint) and in what was found (bright). */
import { h } from "../ui/dom.ts";
import { rangeOf, short, toggleWord, withRange, withTerm, wordsOf } from "./query.ts";
import { svg } from "./svg.ts";
import type { Facet } from "./types.ts";

const NAMES: Readonly<Record<string, string>> = {
  ...{ class: "Class", occlusion: "Occlusion", truncation: "Truncation", size: "Size [px]", distance: "Distance [m]" },
  ...{ count: "Objects in a picture", camera: "Camera", split: "Split", stage: "Stage", rejected: "Rejected", rule: "Rejected by" },
  attempts: "Attempts",
};
const OPEN = ["class", "occlusion", "truncation", "size", "count", "camera", "split", "rejected", "rule"];
const [WIDTH, HEIGHT] = [232, 44];

export class FacetsPanel {
  private readonly list = h("div", { class: "facets-list" });
  private readonly search = h("input", { type: "search", class: "facets-search", placeholder: "Find a filter", "aria-label": "Find a filter" });
  readonly element = h("div", { class: "facets" }, this.search, this.list);
  private facets: readonly Facet[] = [];
  private query = "";
  private readonly open: Set<string>;

  /** `change`: the query is to be that now. `names`: of fields, for people; `open`: those that stand open at first. */
  constructor(
    private readonly change: (query: string) => void,
    private readonly names: Readonly<Record<string, string>> = NAMES,
    open: readonly string[] = OPEN,
  ) {
    this.open = new Set(open);
    this.search.addEventListener("input", () => this.draw());
  }

  show(facets: readonly Facet[], query: string): void {
    [this.facets, this.query] = [facets, query];
    // Whoever is at a filter stays there.
    const at = (document.activeElement as HTMLElement | null)?.dataset?.key;
    this.draw();
    if (at) this.list.querySelector<HTMLElement>(`[data-key="${CSS.escape(at)}"]`)?.focus();
  }

  private draw(): void {
    const wanted = this.search.value.trim().toLowerCase();
    const shown = this.facets.filter(({ id }) => `${id} ${this.names[id] ?? ""}`.toLowerCase().includes(wanted));
    const drawn = shown.filter(({ about }) => about === "draws");
    const rest = shown.filter(({ about }) => about !== "draws");
    const heading = drawn.length ? [h("h3", { class: "facets-heading" }, "What was drawn")] : [];
    this.list.replaceChildren(...rest.map((one) => this.facet(one, wanted !== "")), ...heading, ...drawn.map((one) => this.facet(one, wanted !== "")));
  }

  private facet(facet: Facet, searched: boolean): HTMLElement {
    const active = withTerm(this.query, facet.id, "") !== this.query;
    const details = h("details", { class: "facet", "data-facet": facet.id });
    details.open = active || searched || this.open.has(facet.id);
    details.addEventListener("toggle", () => (details.open ? this.open.add(facet.id) : this.open.delete(facet.id)));
    const clear = h("button", { type: "button", class: "facet-clear", "data-key": `clear ${facet.id}`, title: `Take the filter ${this.names[facet.id] ?? facet.id} away` }, "clear");
    clear.hidden = !active;
    clear.addEventListener("click", (event) => {
      event.preventDefault();
      this.change(withTerm(this.query, facet.id, ""));
    });
    const found = facet.words.length ? facet.words.reduce((sum, { found }) => sum + found, 0) : facet.found.reduce((sum, n) => sum + n, 0);
    const note = h("span", { class: "facet-count", title: `${facet.about} that were found` }, found.toLocaleString("en"));
    const name = h("span", { class: "facet-name", title: facet.id }, this.names[facet.id] ?? facet.id);
    details.append(h("summary", { "data-key": `facet ${facet.id}` }, name, note), clear);
    details.append(facet.words.length || !facet.all.length ? this.words(facet) : this.numbers(facet));
    return details;
  }

  private words(facet: Facet): HTMLElement {
    const asked = wordsOf(this.query, facet.id);
    const most = Math.max(1, ...facet.words.map(({ all }) => all));
    const list = h("div", { class: "facet-words", role: "group", "aria-label": this.names[facet.id] ?? facet.id });
    for (const { word, all, found } of facet.words) {
      const on = asked.includes(word.toLowerCase());
      const bar = svg("svg", { class: "facet-bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
      bar.append(svg("rect", { class: "bar-all", width: (100 * all) / most, height: 4 }), svg("rect", { class: "bar-found", width: (100 * found) / most, height: 4 }));
      const button = h(
        "button",
        { type: "button", class: "facet-word", "aria-pressed": String(on), "data-key": `word ${facet.id} ${word}`, title: `${word}: ${found} of ${all} ${facet.about}` },
        h("span", { class: "facet-word-name" }, word || "(empty)"),
        h("span", { class: "facet-word-count" }, found === all ? String(all) : `${found} / ${all}`),
        bar,
      );
      button.addEventListener("click", () => this.change(toggleWord(this.query, facet.id, word)));
      list.append(button);
    }
    if (facet.more) list.append(h("p", { class: "facet-more" }, `and ${facet.more} more`));
    return list;
  }

  private numbers(facet: Facet): HTMLElement {
    const few = facet.whole && facet.high - facet.low < 24;
    const [low, high] = [facet.low, few ? facet.high + 1 : facet.high];
    const range = rangeOf(this.query, facet.id);
    const most = Math.max(1, ...facet.all);
    const plot = svg("svg", { class: "facet-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    plot.setAttribute("aria-label", `${this.names[facet.id] ?? facet.id}: ${short(facet.low)} to ${short(facet.high)}`);
    const step = WIDTH / facet.all.length;
    // The square root lets rare values be seen beside frequent ones.
    const tall = (n: number): number => HEIGHT * Math.sqrt(n / most);
    facet.all.forEach((n, k) => {
      const from = low + ((high - low) * k) / facet.all.length;
      const until = few ? from : low + ((high - low) * (k + 1)) / facet.all.length;
      const title = few ? `${short(from)}: ${facet.found[k]} of ${n}` : `${short(from)} to ${short(until)}: ${facet.found[k]} of ${n}`;
      const bar = svg("g", {}, svg("title", {}, title), svg("rect", { class: "bar-space", x: k * step, width: step, y: 0, height: HEIGHT }));
      bar.append(svg("rect", { class: "bar-all", x: k * step, width: Math.max(0.5, step - 1), y: HEIGHT - tall(n), height: tall(n) }));
      bar.append(svg("rect", { class: "bar-found", x: k * step, width: Math.max(0.5, step - 1), y: HEIGHT - tall(facet.found[k]), height: tall(facet.found[k]) }));
      plot.append(bar);
    });
    if (high > low) this.bindDrag(plot, facet, low, high, few);
    const ends = h("div", { class: "facet-ends" }, this.end(facet, 0, range), h("span", {}, "to"), this.end(facet, 1, range));
    return h("div", { class: "facet-numbers" }, plot as unknown as Node, ends);
  }

  /** A drag over the bars is a range. */
  private bindDrag(plot: SVGElement, facet: Facet, low: number, high: number, few: boolean): void {
    const mark = svg("rect", { class: "bar-drag", y: 0, height: HEIGHT, width: 0 });
    const share = (event: PointerEvent): number => {
      const { left, width } = plot.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - left) / width));
    };
    let from: number | null = null;
    plot.addEventListener("pointerdown", (event) => {
      from = share(event);
      plot.setPointerCapture(event.pointerId);
      plot.append(mark);
    });
    plot.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = share(event);
      mark.setAttribute("x", String(Math.min(from, to) * WIDTH));
      mark.setAttribute("width", String(Math.abs(to - from) * WIDTH));
    });
    plot.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const bins = facet.all.length;
      const [a, b] = [Math.min(from, share(event)), Math.max(from, share(event))];
      from = null;
      // A click is its bar; a drag takes whole bars, too.
      const [first, last] = [Math.min(bins - 1, Math.floor(a * bins)), Math.min(bins - 1, Math.floor(b * bins))];
      const at = (k: number): number => low + ((high - low) * k) / bins;
      const end = few ? at(last) : at(last + 1);
      this.change(withRange(this.query, facet.id, first === 0 ? -Infinity : at(first), last === bins - 1 ? Infinity : end));
    });
  }

  private end(facet: Facet, side: 0 | 1, range: [number, number] | null): HTMLElement {
    const whole = side === 0 ? facet.low : facet.high;
    const asked = range?.[side];
    const input = h("input", {
      ...{ type: "text", inputmode: "decimal", class: "facet-end", placeholder: short(whole), "data-key": `end ${facet.id} ${side}` },
      "aria-label": `${this.names[facet.id] ?? facet.id}, ${side === 0 ? "least" : "greatest"}`,
    });
    if (asked !== undefined && Number.isFinite(asked)) input.value = short(asked);
    input.addEventListener("change", () => {
      const text = input.value.trim().replace(",", ".");
      const value = text === "" ? (side === 0 ? -Infinity : Infinity) : Number(text);
      if (Number.isNaN(value)) return;
      const next = range ? [...range] : [-Infinity, Infinity];
      next[side] = value;
      this.change(withRange(this.query, facet.id, next[0], next[1]));
    });
    return input;
  }
}
