/** The scene as a table of words: for screen readers, and for who would rather read than look. */
import { formatAge, formatValue } from "../../core/format.ts";
import type { Grade } from "../../core/store.ts";
import { type TableRow, tableRows } from "../../core/scene-table.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";

const HEADS = ["Prim", "Signal", "Value", "Quality", "Age", "State", "Kind"];
const WORDS: Readonly<Record<Grade, string>> = { good: "good", uncertain: "uncertain", bad: "bad", stale: "stale", none: "no data" };
/** Rows that are shown; beyond it the tree and its search are the better way. */
const MOST = 400;
/** Often enough for the ear and cheap [ms]. */
const REFRESH_MS = 1000;

export const table: Feature = {
  name: "table",
  install(bench) {
    const view = new SceneTable(bench);
    bench.addPanel({
      ...{ id: "table", title: "Table", side: "bottom", order: 90, element: view.element },
      refresh: (nowMs) => view.refresh(nowMs, performance.now()),
      shown: () => view.draw(),
    });
    bench.onScene(() => view.draw());
    bench.watch((state) => state.selected, () => view.mark());
    bench.addCommand({
      ...{ id: "table.read", title: "Read the scene as a table", group: "Scene", keys: ["Shift+E"] },
      run: () => {
        bench.openPanel("table");
        view.focus();
      },
    });
  },
};

interface Line {
  readonly row: TableRow;
  readonly element: HTMLElement;
  readonly state: HTMLElement;
  readonly value: HTMLElement;
  readonly quality: HTMLElement;
  readonly age: HTMLElement;
}

class SceneTable {
  private readonly body = h("tbody", {});
  private readonly caption = h("caption", {});
  private readonly table = h("table", { class: "scene-table" }, this.caption, h("thead", {}, h("tr", {}, ...HEADS.map((name) => h("th", { scope: "col" }, name)))), this.body);
  readonly element = h("div", { class: "scene-table-panel", tabindex: "0", role: "region", "aria-label": "Scene as a table" }, this.table);
  private lines: Line[] = [];
  private due = 0;

  constructor(private readonly bench: Workbench) {
    this.body.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button");
      if (button?.dataset.path) bench.dispatch({ type: "select", path: button.dataset.path });
    });
  }

  focus(): void {
    this.element.focus();
  }

  /** Makes the rows anew, while they can be seen. */
  draw(): void {
    const { scene, signals } = this.bench;
    if (!scene || this.element.closest("[hidden]")) return;
    const rows = tableRows(scene, signals);
    this.lines = rows.slice(0, MOST).map((row) => this.line(row));
    this.body.replaceChildren(...this.lines.map(({ element }) => element));
    const rest = rows.length > MOST ? `, the first ${MOST} of ${rows.length}` : `, ${rows.length} rows`;
    setText(this.caption, `${scene.json.stage.name}${rest}`);
    this.due = 0;
    this.mark();
  }

  private line(row: TableRow): Line {
    const [state, value, quality, age] = [h("td", {}), h("td", { class: "number" }), h("td", {}), h("td", { class: "number" })];
    const name = h("button", { type: "button", "data-path": row.path, title: row.path }, row.name);
    const signal = row.signal < 0 ? "" : this.bench.signals.signals[row.signal].id;
    const element = h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "mono" }, signal), value, quality, age, state, h("td", {}, row.type));
    return { row, element, state, value, quality, age };
  }

  /** The row of the selection is marked. */
  mark(): void {
    for (const { row, element } of this.lines)
      if (row.path === this.bench.selectedPath) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
  }

  refresh(nowMs: number, now: number): void {
    if (now < this.due) return;
    this.due = now + REFRESH_MS;
    const { signals: store, stage, scene } = this.bench;
    if (!stage || !scene) return;
    for (const { row, element, state, value, quality, age } of this.lines) {
      const prim = scene.primIndex.get(row.path) ?? -1;
      const mark = this.bench.markOf(row.path);
      setText(state, stage.appearance.hidden[prim] ? "hidden" : (mark?.title ?? "shown"));
      if (row.signal < 0) continue;
      const meta = store.signals[row.signal];
      const grade = store.grade(row.signal, nowMs);
      const told = store.text[row.signal];
      const labels = meta.labels as Readonly<Record<string, string>> | null | undefined;
      const named = labels?.[String(store.value[row.signal])];
      const shown = told ?? named ?? formatValue(store.value[row.signal], meta.unit, meta.type, store.display(row.signal)).join(" ").trim();
      setText(value, grade === "none" ? "" : shown);
      setText(quality, WORDS[grade]);
      setText(age, grade === "none" ? "" : formatAge(nowMs - store.eventMs[row.signal]));
      setData(element, "grade", grade);
    }
  }
}
