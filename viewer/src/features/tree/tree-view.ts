/**
 * The prim tree on screen: only the rows in sight are in the DOM. One tab stop; arrow keys as in the ARIA tree pattern.
 */
import { nameOf, TreeModel, type TreeRow } from "../../core/tree-model.ts";
import { formatCount } from "../../core/format.ts";
import type { SceneData } from "../../wire/scene-data.ts";
import { h, icon, iconOfType, setText } from "../../ui/dom.ts";

const ROW = 24;
const INDENT = 13;

export class TreeView {
  private readonly element = h("div", { id: "tree", class: "tree", role: "tree", tabindex: "0", "aria-label": "Scene" });
  private readonly search = h("input", {
    ...{ id: "search", type: "search", placeholder: "Search path, type or class", "aria-label": "Search prims" },
    ...{ autocomplete: "off", spellcheck: "false" },
  });
  private readonly count = h("span", { id: "tree-count", class: "count" });
  /** What the panel shows. */
  readonly root = h(
    "div",
    { class: "tree-panel" },
    h("div", { class: "search" }, this.search, h("kbd", { "aria-hidden": "true" }, "/")),
    h("div", { class: "tree-line" }, this.count),
    this.element,
  );
  private readonly body = h("div", { class: "tree-body", role: "presentation" });
  private model: TreeModel | null = null;
  private scene: SceneData | null = null;
  private rows: TreeRow[] = [];
  private selected = -1;
  private active = 0;
  private searchText: string[] = [];

  constructor(
    private readonly onSelect: (prim: number) => void,
    private readonly onFrame: () => void,
  ) {
    this.element.append(this.body);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", () => this.onFrame());
    this.search.addEventListener("input", () => this.applySearch());
    this.search.addEventListener("keydown", (event) => this.searchKey(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  setScene(scene: SceneData): void {
    const before = this.model;
    this.scene = scene;
    const { path, type, label } = scene.json.nodes;
    this.searchText = path.map((value, i) => `${value} ${type[i]} ${label[i].join(" ")}`.toLowerCase());
    this.model = new TreeModel(path);
    // What the user had open stays open, by path.
    if (before)
      for (const prim of before.expanded) {
        const now = scene.primIndex.get(before.paths[prim]);
        if (now !== undefined) this.model.expanded.add(now);
      }
    this.applySearch();
  }

  focusSearch(): void {
    this.search.focus();
    this.search.select();
  }

  /** Marks a prim and brings it into sight; -1 for none. */
  select(prim: number): void {
    this.selected = prim;
    if (prim >= 0 && this.model) {
      this.model.reveal(prim);
      this.refresh();
      const row = this.rows.findIndex((candidate) => candidate.prim === prim);
      if (row >= 0) {
        this.active = row;
        this.scrollTo(row);
      }
    }
    this.draw();
  }

  private applySearch(): void {
    if (!this.model || !this.scene) return;
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.model.filter(
      words.length === 0 ? null : (prim) => words.every((word) => this.searchText[prim].includes(word)),
    );
    const total = formatCount(this.scene.primCount);
    setText(this.count, words.length === 0 ? total : `${formatCount(this.model.matches)} of ${total}`);
    this.active = 0;
    this.refresh();
    this.draw();
  }

  private refresh(): void {
    this.rows = this.model?.rows() ?? [];
    this.body.style.height = `${this.rows.length * ROW}px`;
  }

  private scrollTo(row: number): void {
    const { scrollTop, clientHeight } = this.element;
    if (row * ROW < scrollTop || (row + 1) * ROW > scrollTop + clientHeight)
      this.element.scrollTop = row * ROW - clientHeight / 2;
  }

  private draw(): void {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - 4);
    const last = Math.min(this.rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW) + 4);
    this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
    this.body.replaceChildren(...this.rows.slice(first, last).map((row, k) => this.rowElement(row, first + k)));
    if (this.rows.length > 0) this.element.setAttribute("aria-activedescendant", `row-${this.rows[this.active].prim}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  private rowElement(row: TreeRow, index: number): HTMLElement {
    const { json } = this.scene as SceneData;
    const { path, type, visible, label } = json.nodes;
    const element = h("div", {
      class: "row",
      role: "treeitem",
      id: `row-${row.prim}`,
      "data-row": String(index),
      title: `${path[row.prim]}${type[row.prim] ? ` (${type[row.prim]})` : ""}`,
      "aria-level": String(row.level),
      "aria-setsize": String(row.siblings),
      "aria-posinset": String(row.position),
      "aria-selected": String(row.prim === this.selected),
    });
    if (row.expandable) element.setAttribute("aria-expanded", String(row.expanded));
    if (index === this.active) element.classList.add("active");
    if (!visible[row.prim]) element.classList.add("faint");
    element.style.transform = `translateY(${index * ROW}px)`;
    element.style.paddingLeft = `${4 + (row.level - 1) * INDENT}px`;
    element.append(
      h("span", { class: row.expandable ? "twisty" : "twisty empty", "data-twisty": "" }),
      icon(iconOfType(type[row.prim])),
      h("span", { class: "name" }, nameOf(path[row.prim])),
    );
    if (label[row.prim].length > 0) element.append(h("span", { class: "tag" }, label[row.prim][0]));
    if (json.bindings[path[row.prim]]) element.append(h("span", { class: "bound", title: "has live signals" }));
    return element;
  }

  private click(event: MouseEvent): void {
    const element = (event.target as Element).closest<HTMLElement>(".row");
    if (!element) return;
    const index = Number(element.dataset.row);
    this.active = index;
    const row = this.rows[index];
    if ((event.target as HTMLElement).dataset.twisty !== undefined && row.expandable) this.toggle(row, !row.expanded);
    else this.onSelect(row.prim);
    this.element.focus({ preventScroll: true });
  }

  private toggle(row: TreeRow, open: boolean): void {
    if (open) this.model?.expanded.add(row.prim);
    else this.model?.expanded.delete(row.prim);
    this.refresh();
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const row = this.rows[this.active];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    const moves: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.rows.length,
      End: this.rows.length,
    };
    if (event.key in moves) this.go(this.active + moves[event.key]);
    else if (event.key === "ArrowRight") this.stepIn(row);
    else if (event.key === "ArrowLeft") this.stepOut(row);
    else if (event.key === "Enter" || event.key === " ") this.onSelect(row.prim);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Opens a closed row; from an open one goes to its first child. */
  private stepIn(row: TreeRow): void {
    if (!row.expandable) return;
    if (row.expanded) this.go(this.active + 1);
    else this.toggle(row, true);
  }

  /** Closes an open row; from a closed one goes to its parent. */
  private stepOut(row: TreeRow): void {
    if (row.expanded) return this.toggle(row, false);
    for (let k = this.active - 1; k >= 0; k--) if (this.rows[k].level < row.level) return this.go(k);
  }

  private go(index: number): void {
    this.active = Math.min(this.rows.length - 1, Math.max(0, index));
    this.scrollTo(this.active);
    this.draw();
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      this.search.value = "";
      this.applySearch();
      this.element.focus();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      // To the first row that was really found, not one of its ancestors.
      const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.go(
        Math.max(
          0,
          this.rows.findIndex((row) => words.every((word) => this.searchText[row.prim].includes(word))),
        ),
      );
      this.element.focus();
      if (event.key === "Enter" && this.rows[this.active]) this.onSelect(this.rows[this.active].prim);
    } else return;
    event.preventDefault();
  }
}
