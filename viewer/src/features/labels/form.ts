/** Which prims, which label, and do it. */
import { formatCount } from "../../core/format.ts";
import { h, setText } from "../../ui/dom.ts";

export interface AssignActions {
  /** By path or pattern. */
  add(pattern: string): void;
  addSelected(): void;
  setClicking(on: boolean): void;
  clear(): void;
  /** An empty label takes the labels away. */
  apply(label: string): void;
  undo(): void;
}

const LIST = "labels-known";
const MOST_NAMED = 3;

export class AssignForm {
  readonly element = h("section", { class: "labels-form", "aria-label": "Give a label" });
  private readonly chosen = h("p", { class: "labels-chosen", role: "status" });
  private readonly pattern = h("input", { type: "text", placeholder: "/World/Rack_* or /World/**/Lid", "aria-label": "Prims by path or pattern", spellcheck: "false", autocomplete: "off" });
  private readonly label = h("input", { type: "text", placeholder: "Label", "aria-label": "Label", list: LIST, spellcheck: "false", autocomplete: "off", maxlength: "200" });
  private readonly known = h("datalist", { id: LIST });
  private readonly click = h("button", { type: "button", class: "button", "aria-pressed": "false", title: "Clicks in the picture choose prims, or leave them out again" }, "Choose by click");
  private readonly apply = h("button", { type: "button", class: "button labels-apply" }, "Apply");
  private readonly remove = h("button", { type: "button", class: "button", title: "These prims have no label of their own any more" }, "Remove label");
  private readonly undo = h("button", { type: "button", class: "button" }, "Undo");
  private readonly clear = h("button", { type: "button", class: "button" }, "Choose none");
  private readonly why = h("p", { class: "labels-why" });
  private readonly said = h("p", { class: "labels-said", role: "status" });
  private readonly error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  private count = 0;
  private locked: string | null = null;
  private busy = false;

  constructor(actions: AssignActions) {
    const add = button("Add", "Choose what the pattern means; * stays within a name, ** spans any number of names");
    const selected = button("Add selected", "Choose what is selected");
    add.addEventListener("click", () => actions.add(this.pattern.value));
    this.pattern.addEventListener("keydown", (event) => onEnter(event, () => actions.add(this.pattern.value)));
    selected.addEventListener("click", () => actions.addSelected());
    this.click.addEventListener("click", () => actions.setClicking(this.click.getAttribute("aria-pressed") !== "true"));
    this.clear.addEventListener("click", () => actions.clear());
    const go = (): void => {
      const label = this.label.value.trim();
      if (label) actions.apply(label);
      else this.fail("Type a label, or choose one of those that there are.");
    };
    this.apply.addEventListener("click", go);
    this.label.addEventListener("keydown", (event) => onEnter(event, go));
    this.remove.addEventListener("click", () => actions.apply(""));
    this.undo.addEventListener("click", () => actions.undo());
    this.element.append(
      h("h3", {}, "Give a label"),
      this.why,
      this.chosen,
      h("div", { class: "labels-line" }, this.pattern, add),
      h("div", { class: "labels-line" }, selected, this.click, this.clear),
      h("div", { class: "labels-line" }, this.label, this.known, this.apply),
      h("div", { class: "labels-line" }, this.remove, this.undo),
      this.error,
      this.said,
    );
    this.setChosen([], "");
  }

  /** What is chosen; `now`: the labels that these prims have of their own. */
  setChosen(paths: readonly string[], now: string): void {
    this.count = paths.length;
    const names = paths.slice(0, MOST_NAMED).map((path) => path.slice(path.lastIndexOf("/") + 1));
    const more = paths.length > MOST_NAMED ? ` and ${formatCount(paths.length - MOST_NAMED)} more` : "";
    setText(this.chosen, paths.length ? `${names.join(", ")}${more}${now ? `; now ${now}` : ""}` : "No prim is chosen.");
    this.chosen.title = paths.slice(0, 40).join("\n");
    this.lock();
  }

  setKnown(labels: readonly string[]): void {
    this.known.replaceChildren(...labels.map((label) => h("option", { value: label })));
  }

  /** Proposes a label where none is typed. */
  suggest(label: string): void {
    if (this.label.value === "" || this.label.dataset.suggested === this.label.value) {
      this.label.value = label;
      this.label.dataset.suggested = label;
    }
  }

  /** Why nothing can be changed; null: it can. */
  setLocked(locked: string | null, canUndo: boolean): void {
    this.locked = locked;
    this.undo.disabled = locked !== null || !canUndo;
    setText(this.why, locked ?? "");
    this.why.hidden = locked === null;
    this.lock();
  }

  setBusy(busy: boolean): void {
    this.busy = busy;
    this.lock();
  }

  setClicking(on: boolean): void {
    this.click.setAttribute("aria-pressed", String(on));
  }

  say(sentence: string): void {
    setText(this.said, sentence);
    this.fail("");
  }

  fail(sentence: string): void {
    setText(this.error, sentence);
    this.error.hidden = sentence === "";
    if (sentence) setText(this.said, "");
  }

  private lock(): void {
    const off = this.locked !== null || this.count === 0 || this.busy;
    this.apply.disabled = this.remove.disabled = off;
    this.label.disabled = this.locked !== null;
    this.clear.disabled = this.count === 0;
    this.apply.title = this.locked ?? (this.count === 0 ? "Choose prims first" : "Give this label");
  }
}

function button(text: string, title: string): HTMLButtonElement {
  return h("button", { type: "button", class: "button", title }, text);
}

function onEnter(event: KeyboardEvent, run: () => void): void {
  if (event.key !== "Enter") return;
  event.preventDefault();
  run();
}
