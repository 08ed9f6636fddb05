/**
 * The prim tree: only the rows in sight are in the DOM. One tab stop; arrow keys as in the ARIA tree pattern.
 */
import { formatCount } from "../../core/format.ts";
import { acceptor, isEmptyQuery, searchTexts } from "../../core/prim-filter.ts";
import { type Rows, type SceneRow, SceneTree } from "../../core/scene-tree.ts";
import { h, setText } from "../../ui/dom.ts";
import { COLLAPSE, EXPAND, strokeIcon } from "../../ui/stroke-icon.ts";
import type { SceneData } from "../../wire/scene-data.ts";
import type { Workbench } from "../../workbench.ts";
import { Facts } from "./facts.ts";
import { FilterBar } from "./filter-bar.ts";
import { lookOf, moveOf } from "./look.ts";
import { ROW, rowElement, type RowLook } from "./row.ts";

/** How often filters that hang on live data are judged again [ms]. */
const JUDGE_MS = 1000;

export class TreePanel {
  readonly element = h("div", { class: "tree-panel" });
  readonly facts: Facts;
  private readonly list = h("div", { class: "tree", role: "tree", tabindex: "0", "aria-label": "Prims of the scene" });
  private readonly body = h("div", { class: "tree-body", role: "presentation" });
  private readonly count = h("span", { class: "count", role: "status" });
  private readonly aside = h("div", { class: "tree-aside", hidden: "" });
  private readonly asideText = h("span", {});
  private readonly nothing = h("p", { class: "tree-nothing", hidden: "" });
  private readonly bar: FilterBar;
  private model: SceneTree | null = null;
  private rows: Rows | null = null;
  private texts: string[] = [];
  private selected = -1;
  private active = 0;
  private judged = 0;

  /** `menu`: opens the menu of a node at a point of the window. */
  constructor(
    private readonly bench: Workbench,
    private readonly menu: (node: number, x: number, y: number) => void,
    frame: () => void,
  ) {
    this.facts = new Facts(bench);
    this.bar = new FilterBar(
      () => this.search(),
      (key) => this.fromSearch(key),
    );
    this.list.append(this.body);
    this.aside.append(this.asideText, this.button("Show all", () => bench.dispatch({ type: "showAll" })));
    this.element.append(this.bar.element, this.tools(), this.aside, this.list, this.nothing);
    this.list.addEventListener("scroll", () => this.draw(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("contextmenu", (event) => this.context(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", (event) => {
      if (!isControl(event)) frame();
    });
    new ResizeObserver(() => this.draw()).observe(this.list);
    bench.onMarks(() => this.marksChanged());
    bench.watch(
      (state) => state.selected,
      (path) => this.select(path === null ? -1 : (this.bench.scene?.nodeAt(path) ?? -1)),
    );
    for (const part of ["hidden", "isolated"] as const)
      bench.watch(
        (state) => state[part],
        () => this.showAside(),
      );
  }

  private tools(): HTMLElement {
    const tool = (title: string, path: string, run: () => void): HTMLElement => {
      const button = h("button", { type: "button", class: "tree-tool", title, "aria-label": title });
      button.append(strokeIcon(path));
      button.addEventListener("click", run);
      return button;
    };
    return h(
      "div",
      { class: "tree-tools" },
      this.count,
      tool("Expand all", EXPAND, () => this.expandAll()),
      tool("Collapse all", COLLAPSE, () => this.collapseAll()),
    );
  }

  private button(title: string, run: () => void): HTMLElement {
    const button = h("button", { type: "button", class: "text-button" }, title);
    button.addEventListener("click", run);
    return button;
  }

  setScene(scene: SceneData): void {
    const before = this.model;
    const paths = this.paths;
    this.paths = scene.json.nodes.path;
    this.texts = searchTexts({ ...scene.json.nodes, path: this.paths });
    this.model = new SceneTree(scene.treeParent, scene.primCount);
    // What the user had open stays open, by path.
    if (before)
      for (const prim of before.expanded) {
        const now = scene.primIndex.get(paths[prim]);
        if (now !== undefined) this.model.expanded.add(now);
      }
    this.bar.setScene(scene.json);
    const { selected } = this.bench.state;
    this.selected = selected === null ? -1 : scene.nodeAt(selected);
    this.search();
    this.select(this.selected);
    this.showAside();
  }

  private paths: readonly string[] = [];

  focusSearch(): void {
    this.bar.focus();
  }

  /** Live dots, and filters that hang on live data. */
  refresh(): void {
    const now = performance.now();
    if (now - this.judged < JUDGE_MS) return;
    this.judged = now;
    if (this.bar.query.toggles.has("doubtful")) this.search();
    else this.draw();
  }

  private marksChanged(): void {
    if (this.bar.query.toggles.has("alarm")) this.search();
    else this.draw();
  }

  expandAll(): void {
    this.model?.expandAll();
    this.refreshRows();
  }

  collapseAll(): void {
    this.model?.collapseAll();
    this.refreshRows();
  }

  /** Opens or closes a node and all prims below it. */
  expandBelow(node: number, open: boolean): void {
    const { model } = this;
    if (!model) return;
    const stack = [node];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const below = model.childList(next).filter((child) => child < model.primCount);
      if (below.length > 0 || next === node) model.setOpen(next, open);
      stack.push(...below);
    }
    this.refreshRows();
  }

  isOpen(node: number): boolean {
    return this.model?.expanded.has(node) ?? false;
  }

  /** Marks a node and brings it into sight; -1 for none. */
  private select(node: number): void {
    this.selected = node;
    if (node >= 0 && this.model) {
      this.model.reveal(node);
      this.rows = this.model.rows();
      this.stretch();
      const row = this.rows.indexOf(node);
      if (row >= 0) {
        this.active = row;
        this.scrollTo(row);
      }
    }
    this.draw();
  }

  private search(): void {
    const { model } = this;
    const { scene } = this.bench;
    if (!model || !scene) return;
    const { query } = this.bar;
    model.filter(acceptor(query, scene.json.nodes, this.texts, this.facts));
    const total = formatCount(scene.primCount);
    setText(this.count, isEmptyQuery(query) ? `${total} prims` : `${formatCount(model.matches)} of ${total}`);
    this.nothing.hidden = model.matches > 0;
    setText(this.nothing, model.matches > 0 ? "" : "No prim fits. Clear the search or the filters.");
    this.refreshRows();
  }

  private refreshRows(): void {
    this.rows = this.model?.rows() ?? null;
    this.stretch();
    this.draw();
  }

  private stretch(): void {
    this.body.style.height = `${(this.rows?.length ?? 0) * ROW}px`;
  }

  private showAside(): void {
    const { hidden, isolated } = this.bench.state;
    const parts = [isolated === null ? "" : `Only ${isolated} is shown`, hidden.size ? `${hidden.size} hidden` : ""];
    setText(this.asideText, parts.filter(Boolean).join(", "));
    this.aside.hidden = hidden.size === 0 && isolated === null;
    this.draw();
  }

  private scrollTo(row: number): void {
    const { scrollTop, clientHeight } = this.list;
    if (row * ROW < scrollTop || (row + 1) * ROW > scrollTop + clientHeight)
      this.list.scrollTop = row * ROW - clientHeight / 2;
  }

  private draw(): void {
    const { rows } = this;
    const { scene } = this.bench;
    if (!rows || !scene) return;
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 4);
    const last = Math.min(rows.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + 4);
    this.active = Math.min(this.active, Math.max(0, rows.length - 1));
    const drawn: HTMLElement[] = [];
    for (let index = first; index < last; index++) drawn.push(rowElement(scene, rows.at(index), this.look(scene, rows.at(index).node, index)));
    this.body.replaceChildren(...drawn);
    if (rows.length > 0) this.list.setAttribute("aria-activedescendant", `row-${rows.at(this.active).node}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  private look(scene: SceneData, node: number, index: number): RowLook {
    const own = { index, active: index === this.active, selected: node === this.selected };
    return { ...own, ...lookOf(this.bench.state, this.facts, scene, node) };
  }

  private click(event: MouseEvent): void {
    const row = this.rowOf(event);
    if (!row) return;
    const target = event.target as Element;
    if (target.closest("[data-twisty]") && row.expandable) this.toggle(row, !row.expanded);
    else if (target.closest("[data-eye]")) this.toggleHidden(row.node);
    else this.choose(row.node);
    this.list.focus({ preventScroll: true });
  }

  private rowOf(event: Event): SceneRow | null {
    const element = (event.target as Element).closest<HTMLElement>(".row");
    if (!element || !this.rows) return null;
    this.active = Number(element.dataset.row);
    return this.rows.at(this.active);
  }

  private choose(node: number): void {
    this.bench.dispatch({ type: "select", path: this.bench.scene?.nodePath(node) ?? null });
  }

  toggleHidden(node: number): void {
    const path = this.bench.scene?.nodePath(node);
    if (path) this.bench.dispatch({ type: "hide", path, hidden: !this.bench.state.hidden.has(path) });
  }

  private context(event: MouseEvent): void {
    event.preventDefault();
    const row = this.rowOf(event) ?? this.rows?.at(this.active);
    if (!row) return;
    this.draw();
    this.menu(row.node, event.clientX, event.clientY);
  }

  private toggle(row: SceneRow, open: boolean): void {
    this.model?.setOpen(row.node, open);
    this.refreshRows();
  }

  private key(event: KeyboardEvent): void {
    if (!this.rows || this.rows.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.rows.at(this.active);
    const move = moveOf(event.key, Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1), this.rows.length);
    if (move !== null) this.go(this.active + move);
    else if (event.key === "ArrowRight") this.stepIn(row);
    else if (event.key === "ArrowLeft") this.stepOut(row);
    else if (event.key === "Enter" || event.key === " ") this.choose(row.node);
    else if (event.key === "*") this.expandBelow(row.node, true);
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) this.openMenuAt(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private openMenuAt(row: SceneRow): void {
    const box = this.list.getBoundingClientRect();
    this.menu(row.node, box.left + 40, box.top + (this.active + 1) * ROW - this.list.scrollTop);
  }

  /** Opens a closed row; from an open one goes to its first child. */
  private stepIn(row: SceneRow): void {
    if (!row.expandable) return;
    if (row.expanded) this.go(this.active + 1);
    else this.toggle(row, true);
  }

  /** Closes an open row; from a closed one goes to its parent. */
  private stepOut(row: SceneRow): void {
    if (row.expanded) return this.toggle(row, false);
    const parent = this.bench.scene?.treeParent[row.node] ?? -1;
    const at = parent < 0 ? -1 : (this.rows?.indexOf(parent) ?? -1);
    if (at >= 0) this.go(at);
  }

  private go(index: number): void {
    this.active = Math.min((this.rows?.length ?? 1) - 1, Math.max(0, index));
    this.scrollTo(this.active);
    this.draw();
  }

  private fromSearch(key: "Enter" | "ArrowDown" | "Escape"): void {
    const { model, rows } = this;
    if (!model || !rows) return;
    const exact = this.bench.scene?.nodeAt(this.bar.search.value.trim()) ?? -1;
    if (key === "Enter" && exact >= 0) this.choose(exact);
    else if (key !== "Escape") {
      // To the first row that was really found, not one above it.
      let first = 0;
      while (first < rows.length - 1 && !model.found(rows.at(first).node)) first++;
      this.go(first);
      if (key === "Enter" && rows.length > 0) this.choose(rows.at(first).node);
    }
    this.list.focus();
  }
}

function isControl(event: Event): boolean {
  return (event.target as Element).closest("[data-twisty], [data-eye]") !== null;
}
