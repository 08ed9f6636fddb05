/** A list of lines that grows at its end: filtered by words and topics, paused, cleared. */
import type { Ring } from "../../core/journal.ts";
import { h, setText } from "../../ui/dom.ts";

export interface Describe<T> {
  cells(item: T): readonly string[];
  level(item: T): string;
  readonly topics: readonly string[];
  topic(item: T): string;
}

const MOST_SHOWN = 300;

export class Lines<T> {
  paused = false;
  private readonly body = h("tbody", {});
  private readonly scroll: HTMLElement;
  private readonly filter: HTMLInputElement;
  private readonly count = h("span", { class: "count" });
  private readonly hidden = new Set<string>();
  private drawn = "";
  readonly element: HTMLElement;

  constructor(
    name: string,
    titles: readonly string[],
    private readonly ring: Ring<T>,
    private readonly describe: Describe<T>,
  ) {
    this.filter = h("input", { id: `${name}-filter`, type: "search", placeholder: "Filter", "aria-label": "Filter lines", autocomplete: "off", spellcheck: "false" });
    this.filter.addEventListener("input", () => this.refresh());
    const topics = describe.topics.map((topic) => {
      const button = h("button", { type: "button", class: "time-button", "aria-pressed": "true", "data-topic": topic }, topic);
      button.addEventListener("click", () => {
        if (!this.hidden.delete(topic)) this.hidden.add(topic);
        button.setAttribute("aria-pressed", String(!this.hidden.has(topic)));
        this.refresh();
      });
      return button;
    });
    const pause = h("button", { type: "button", class: "time-button", id: `${name}-pause`, "aria-pressed": "false" }, "Pause");
    pause.addEventListener("click", () => {
      this.paused = !this.paused;
      pause.setAttribute("aria-pressed", String(this.paused));
      this.refresh();
    });
    const clear = h("button", { type: "button", class: "time-button", id: `${name}-clear` }, "Clear");
    clear.addEventListener("click", () => {
      ring.clear();
      this.drawn = "";
      this.refresh();
    });
    const head = h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title)));
    this.scroll = h("div", { class: "values-scroll", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Lines" }, h("table", { class: "value-table lines", id: `${name}-lines` }, h("thead", {}, head), this.body));
    this.element = h("div", { class: "values" }, h("div", { class: "values-bar" }, this.filter, ...topics, this.count, h("span", { class: "spacer" }), pause, clear), this.scroll);
  }

  refresh(): void {
    const key = [this.paused ? "paused" : this.ring.total, this.filter.value, [...this.hidden].join()].join("\n");
    if (key === this.drawn) return;
    this.drawn = key;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { describe, hidden } = this;
    const found = this.ring.list.filter((item) => {
      if (hidden.has(describe.topic(item))) return false;
      const hay = words.length ? describe.cells(item).join(" ").toLowerCase() : "";
      return words.every((word) => hay.includes(word));
    });
    const atEnd = this.scroll.scrollTop + this.scroll.clientHeight >= this.scroll.scrollHeight - 30;
    // What is not drawn is said, so that nobody takes it for all.
    setText(this.count, found.length > MOST_SHOWN ? `${found.length}, the newest ${MOST_SHOWN} shown` : `${found.length}`);
    this.body.replaceChildren(
      ...found.slice(-MOST_SHOWN).map((item) => {
        const cells = describe.cells(item).map((text) => h("td", {}, text));
        return h("tr", { "data-level": describe.level(item), "data-topic": describe.topic(item) }, ...cells);
      }),
    );
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}
