/** The panel of controls that programs show: each is one for all viewers, so a change here is a change for everybody. */
import { printedUnit } from "../../core/units.ts";
import { h, setText } from "../../ui/dom.ts";
import type { ControlUse } from "../../wire/session.ts";
import { type Board, isControl, type Item, mayUse, number, text } from "./board.ts";

/** A slider that is dragged tells ten values a second. */
const TELL_MS = 100;
/** What others set does not move a control under one's own hand [ms]. */
const OWN_MS = 600;

interface Row {
  readonly element: HTMLElement;
  readonly kind: string;
  draw(item: Item, role: string): void;
}

export class ControlsPanel {
  readonly element = h("div", { class: "controls" });
  private readonly rows = new Map<string, Row>();
  private readonly groups = new Map<string, HTMLElement>();
  private readonly empty = h("p", { class: "controls-empty" }, "No program shows a control.");

  constructor(private readonly use: (name: string, what: ControlUse) => void) {
    this.element.append(this.empty);
  }

  /** How many there are. */
  draw(board: Board, role: string): number {
    const items = [...board.items.values()].filter(isControl);
    for (const [name, row] of this.rows) {
      const item = board.items.get(name);
      if (item && item.kind === row.kind && isControl(item)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    for (const item of items) {
      let row = this.rows.get(item.name);
      if (!row) {
        row = this.make(item);
        this.rows.set(item.name, row);
        this.group(text(item.group)).append(row.element);
      }
      row.draw(item, role);
    }
    for (const [name, group] of this.groups)
      if (group.querySelector(".control") === null) {
        group.remove();
        this.groups.delete(name);
      }
    this.empty.hidden = items.length > 0;
    return items.length;
  }

  private group(name: string): HTMLElement {
    let group = this.groups.get(name);
    if (!group) {
      group = h("section", { class: "control-group", "aria-label": name || "Controls" }, name ? h("h3", {}, name) : null);
      this.groups.set(name, group);
      this.element.append(group);
    }
    return group;
  }

  private make(item: Item): Row {
    const made = { slider: () => this.slider(item), button: () => this.button(item), checkbox: () => this.checkbox(item), dropdown: () => this.dropdown(item) };
    return (made[item.kind as keyof typeof made] ?? (() => this.textbox(item)))();
  }

  private row(item: Item, label: HTMLElement, input: HTMLElement & { disabled: boolean }, show: (item: Item) => void, ...more: HTMLElement[]): Row {
    const element = h("div", { class: "control", "data-control": item.name, "data-kind": item.kind }, label, input, ...more);
    return {
      element,
      kind: item.kind,
      draw: (now, role) => {
        const may = mayUse(role, now);
        input.disabled = !may || now.enabled === false;
        element.title = may ? "" : `Needs the role ${text(now.role) || "operator"}`;
        show(now);
      },
    };
  }

  private slider(item: Item): Row {
    const id = idOf(item);
    const input = h("input", { type: "range", id });
    const shown = h("output", { for: id, class: "control-value" });
    const label = h("label", { for: id });
    let own = Number.NEGATIVE_INFINITY;
    let timer = 0;
    const say = (): void => {
      window.clearTimeout(timer);
      timer = 0;
      this.use(item.name, { value: input.valueAsNumber });
    };
    let unit = "";
    const figure = (): void => setText(shown, `${Number(input.valueAsNumber.toPrecision(5))}${unit ? ` ${unit}` : ""}`);
    input.addEventListener("input", () => {
      own = performance.now();
      figure();
      timer ||= window.setTimeout(say, TELL_MS);
    });
    input.addEventListener("change", say);
    return this.row(
      item,
      label,
      input,
      (now) => {
        setText(label, text(now.label) || now.name);
        unit = printedUnit(text(now.unit));
        input.min = String(number(now.min, 0));
        input.max = String(number(now.max, 1));
        input.step = String(number(now.step, 0.01));
        if (performance.now() - own > OWN_MS) input.value = String(number(now.value, 0));
        figure();
      },
      shown,
    );
  }

  private button(item: Item): Row {
    const button = h("button", { type: "button" });
    button.addEventListener("click", () => this.use(item.name, {}));
    return this.row(item, h("span", {}), button, (now) => setText(button, text(now.label) || now.name));
  }

  private checkbox(item: Item): Row {
    const id = idOf(item);
    const input = h("input", { type: "checkbox", id });
    const label = h("label", { for: id });
    input.addEventListener("change", () => this.use(item.name, { value: input.checked }));
    return this.row(item, label, input, (now) => {
      setText(label, text(now.label) || now.name);
      input.checked = now.value === true;
    });
  }

  private dropdown(item: Item): Row {
    const id = idOf(item);
    const select = h("select", { id });
    const label = h("label", { for: id });
    let drawn = "";
    select.addEventListener("change", () => this.use(item.name, { value: select.value }));
    return this.row(item, label, select, (now) => {
      setText(label, text(now.label) || now.name);
      const options = Array.isArray(now.options) ? now.options.map(String) : [];
      if (options.join("\n") !== drawn) {
        drawn = options.join("\n");
        select.replaceChildren(...options.map((option) => h("option", { value: option }, option)));
      }
      select.value = text(now.value);
    });
  }

  private textbox(item: Item): Row {
    const id = idOf(item);
    const input = h("input", { type: "text", id, maxlength: "1000" });
    const label = h("label", { for: id });
    input.addEventListener("change", () => this.use(item.name, { value: input.value }));
    return this.row(item, label, input, (now) => {
      setText(label, text(now.label) || now.name);
      if (document.activeElement !== input) input.value = text(now.value);
    });
  }
}

let made = 0;

function idOf(item: Item): string {
  return `control-${++made}-${item.kind}`;
}
