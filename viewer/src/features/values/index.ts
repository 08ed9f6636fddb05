/** A table of all values: sorted by any column, filtered by words, charted by a double click or a key. */
import { COLUMNS, type Column, type Order, valueRows } from "../../core/table-model.ts";
import { csvText, isoText, qualityText } from "../../core/csv.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";

/** Rows that are drawn; the rest is counted. */
const MOST = 300;
const REFRESH_MS = 250;
const TITLES: Readonly<Record<Column, string>> = { signal: "Signal", value: "Value", unit: "Unit", quality: "Quality", age: "Age" };

export const values: Feature = {
  name: "values",
  install(bench) {
    const table = new ValueTable(bench);
    bench.addPanel({
      ...{ id: "values", title: "Values", side: "bottom", order: 30, element: table.element },
      refresh: (nowMs) => table.refresh(nowMs),
      shown: () => table.soon(),
    });
    bench.onPast(() => table.soon());
  },
};

class ValueTable {
  private readonly filter = h("input", {
    ...{ id: "values-filter", type: "search", placeholder: "Filter: words, -word leaves out", "aria-label": "Filter values" },
    ...{ autocomplete: "off", spellcheck: "false" },
  });
  private readonly count = h("span", { class: "count", id: "values-count" });
  private readonly body = h("tbody", {});
  private readonly heads: readonly HTMLElement[];
  readonly element: HTMLElement;
  private order: Order = { by: "signal", falling: false };
  private drawnAt = 0;
  private ids = "";

  constructor(private readonly bench: Workbench) {
    this.heads = COLUMNS.map((column) => {
      const button = h("button", { type: "button", class: "sort" }, TITLES[column]);
      button.addEventListener("click", () => this.sort(column));
      return h("th", { scope: "col", "aria-sort": "none", "data-column": column }, button);
    });
    const save = h("button", { type: "button", class: "time-button", id: "values-csv", title: "Save what is listed as CSV" }, "CSV");
    save.addEventListener("click", () => this.download());
    this.element = h(
      "div",
      { class: "values" },
      h("div", { class: "values-bar" }, this.filter, this.count, save),
      h("div", { class: "values-scroll" }, h("table", { class: "value-table", "aria-label": "Values" }, h("thead", {}, h("tr", {}, ...this.heads)), this.body)),
    );
    this.filter.addEventListener("input", () => this.now());
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  soon(): void {
    this.drawnAt = 0;
  }

  refresh(nowMs: number): void {
    const now = performance.now();
    if (now - this.drawnAt < REFRESH_MS) return;
    this.drawnAt = now;
    this.draw(nowMs);
  }

  private now(): void {
    this.draw(this.bench.now());
  }

  private sort(by: Column): void {
    this.order = { by, falling: this.order.by === by && !this.order.falling };
    this.now();
  }

  private draw(nowMs: number): void {
    const rows = valueRows(this.bench.signals, nowMs, this.filter.value, this.order);
    COLUMNS.forEach((column, k) => {
      const sorted = column === this.order.by ? (this.order.falling ? "descending" : "ascending") : "none";
      this.heads[k].setAttribute("aria-sort", sorted);
    });
    const all = this.bench.signals.signals.length;
    setText(this.count, rows.length > MOST ? `${MOST} of ${rows.length}` : `${rows.length} of ${all}`);
    const shown = rows.slice(0, MOST);
    const ids = shown.map(({ index }) => index).join();
    if (ids !== this.ids) {
      this.ids = ids;
      const focused = (document.activeElement as HTMLElement | null)?.dataset.signal;
      this.body.replaceChildren(...shown.map(({ signal }) => blankRow(signal)));
      if (focused) this.body.querySelector<HTMLElement>(`[data-signal="${CSS.escape(focused)}"]`)?.focus();
    }
    shown.forEach((row, k) => {
      const cells = this.body.children[k].children;
      setData(this.body.children[k] as HTMLElement, "quality", row.quality);
      [row.signal, row.text, row.unit, row.quality, row.age].forEach((text, c) => setText(cells[c], text));
    });
  }

  /** Up and down through the rows; Enter charts. */
  private key(event: KeyboardEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("tr");
    if (!row) return;
    const other = event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
    if (event.key === "Enter") row.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    else if (other instanceof HTMLElement) other.focus();
    else return;
    event.preventDefault();
  }

  private download(): void {
    const { signals } = this.bench;
    const nowMs = this.bench.now();
    const rows = valueRows(signals, nowMs, this.filter.value, this.order).map(({ index, signal, text, unit, quality }) => {
      const time = signals.seen[index] ? isoText(signals.eventMs[index]) : "";
      return [time, signal, text.replace("−", "-"), unit, quality, qualityText(signals.quality[index])];
    });
    const text = csvText([["time", "signal", "value", "unit", "quality", "status"], ...rows]);
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    h("a", { href: url, download: `values_${isoText(nowMs).slice(0, 19).replaceAll(":", "")}Z.csv` }).click();
    window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

function blankRow(signal: string): HTMLElement {
  const cells = COLUMNS.map((column) => h("td", { class: `value-${column}` }));
  return h("tr", { "data-signal": signal, tabindex: "0", draggable: "true", title: "Double click or Enter: chart; drag into a chart" }, ...cells);
}
