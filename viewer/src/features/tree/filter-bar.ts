/** Search box and filters of the tree. Tells what is asked for; knows nothing of rows. */
import { formatCount } from "../../core/format.ts";
import { choicesOf, NO_QUERY, type PrimQuery, type Toggle } from "../../core/prim-filter.ts";
import { h, setText } from "../../ui/dom.ts";
import { FUNNEL, strokeIcon } from "../../ui/stroke-icon.ts";
import type { SceneJson } from "../../wire/scene-data.ts";

const TOGGLES: readonly [Toggle, string][] = [
  ["signals", "Live signals"],
  ["doubtful", "Stale or bad"],
  ["alarm", "In alarm"],
  ["hidden", "Hidden"],
];
const SELECTS = [
  ["type", "Type"],
  ["kind", "Kind"],
  ["label", "Class"],
] as const;
type Choice = (typeof SELECTS)[number][0];

export class FilterBar {
  readonly element: HTMLElement;
  readonly search = h("input", {
    type: "search",
    placeholder: "Search path, type or class",
    "aria-label": "Search prims",
    autocomplete: "off",
    spellcheck: "false",
  });
  private readonly opener = h("button", {
    type: "button",
    class: "tree-tool",
    title: "Filters",
    "aria-label": "Filters",
    "aria-expanded": "false",
  });
  private readonly used = h("span", { class: "tree-used" });
  private readonly strip = h("div", { class: "tree-filters", hidden: "" });
  private readonly selects = new Map<Choice, HTMLSelectElement>();
  private readonly toggles = new Map<Toggle, HTMLButtonElement>();

  /** `onKey`: Enter or arrow down in the search box: on to the rows. */
  constructor(
    private readonly onChange: () => void,
    onKey: (key: "Enter" | "ArrowDown" | "Escape") => void,
  ) {
    this.opener.append(strokeIcon(FUNNEL), this.used);
    this.opener.addEventListener("click", () => this.showStrip(this.strip.hidden !== false));
    this.search.addEventListener("input", onChange);
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Escape" && this.search.value !== "") {
        this.search.value = "";
        onChange();
      } else onKey(event.key);
    });
    const row = h("div", { class: "tree-choices" });
    for (const [name, title] of SELECTS) row.append(this.select(name, title));
    const chips = h("div", { class: "tree-chips", role: "group", "aria-label": "Only prims that are" });
    for (const [name, title] of TOGGLES) chips.append(this.toggle(name, title));
    this.strip.append(row, chips);
    this.element = h(
      "div",
      { class: "tree-search" },
      h("div", { class: "search" }, this.search, h("kbd", { "aria-hidden": "true" }, "/")),
      this.opener,
      this.strip,
    );
  }

  get query(): PrimQuery {
    return {
      text: this.search.value,
      type: this.selects.get("type")?.value ?? "",
      kind: this.selects.get("kind")?.value ?? "",
      label: this.selects.get("label")?.value ?? "",
      toggles: new Set([...this.toggles].filter(([, b]) => b.getAttribute("aria-pressed") === "true").map(([t]) => t)),
    };
  }

  /** Offers what the scene has; what was chosen stays where it is still there. */
  setScene({ nodes }: SceneJson): void {
    const columns: Record<Choice, string[]> = {
      type: nodes.type.map((type) => type || "none"),
      kind: nodes.kind,
      label: nodes.label.flat(),
    };
    for (const [name, title] of SELECTS) {
      const select = this.selects.get(name) as HTMLSelectElement;
      const before = select.value;
      const choices = choicesOf(columns[name]);
      select.replaceChildren(
        h("option", { value: "" }, `Any ${title.toLowerCase()}`),
        ...choices.map(([value, count]) => h("option", { value }, `${value} (${formatCount(count)})`)),
      );
      select.value = choices.some(([value]) => value === before) ? before : "";
      select.disabled = choices.length === 0;
    }
  }

  focus(): void {
    this.search.focus();
    this.search.select();
  }

  clear(): void {
    this.search.value = NO_QUERY.text;
    for (const select of this.selects.values()) select.value = "";
    for (const button of this.toggles.values()) button.setAttribute("aria-pressed", "false");
    this.changed();
  }

  private showStrip(open: boolean): void {
    this.strip.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
  }

  private changed(): void {
    const { type, kind, label, toggles } = this.query;
    const count = [type, kind, label].filter(Boolean).length + toggles.size;
    setText(this.used, count ? String(count) : "");
    this.opener.classList.toggle("in-use", count > 0);
    this.onChange();
  }

  private select(name: Choice, title: string): HTMLElement {
    const select = h("select", { "aria-label": title });
    select.addEventListener("change", () => this.changed());
    this.selects.set(name, select);
    return select;
  }

  private toggle(name: Toggle, title: string): HTMLElement {
    const button = h("button", { type: "button", class: "chip", "aria-pressed": "false" }, title);
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      this.changed();
    });
    this.toggles.set(name, button);
    return button;
  }
}
