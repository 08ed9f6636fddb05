/** The palette: type a few letters of what you want to do or see, Enter does it. A combobox with a list (ARIA). */
import { labelsOf } from "../../core/keys.ts";
import { best } from "../../core/rank.ts";
import { nameOf } from "../../core/paths.ts";
import { h, icon, iconOfType, type IconName } from "../../ui/dom.ts";
import { closeOutside } from "../../ui/modal.ts";
import type { Workbench } from "../../workbench.ts";

const MOST = 40;
const MOST_PRIMS = 12;

interface Entry {
  readonly text: string;
  readonly note: string;
  readonly icon: IconName | null;
  readonly keys: readonly string[];
  run(): void;
}

export class Palette {
  readonly dialog = h("dialog", { class: "modal palette", "aria-label": "Commands" });
  private readonly input = h("input", {
    ...{ type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list" },
    ...{ "aria-label": "Search commands and prims", placeholder: "Search commands and prims", autocomplete: "off", spellcheck: "false" },
  });
  private readonly list = h("div", { id: "palette-list", class: "palette-list", role: "listbox", "aria-label": "Commands and prims" });
  private entries: Entry[] = [];
  private current = 0;
  private commands: readonly Entry[] = [];

  constructor(private readonly bench: Workbench) {
    this.dialog.append(this.input, this.list);
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("[role=option]");
      if (row) this.run(Number(row.dataset.index));
    });
    closeOutside(this.dialog);
    document.body.append(this.dialog);
  }

  open(): void {
    this.commands = this.bench.commands
      .all()
      .filter((command) => command.id !== "help.palette" && (command.enabled?.() ?? true))
      .map((command) => ({
        text: command.title,
        note: command.pressed === undefined ? command.group : `${command.group}, ${command.pressed() ? "on" : "off"}`,
        icon: null,
        keys: command.keys ?? [],
        run: () => this.bench.runCommand(command.id),
      }));
    this.input.value = "";
    this.dialog.showModal();
    this.search();
  }

  private search(): void {
    const wanted = this.input.value.trim();
    const found = best(this.commands, wanted, ({ text, note }) => `${text} ${note}`, MOST);
    this.entries = [...found, ...(wanted.length < 2 ? [] : this.prims(wanted))];
    this.current = 0;
    this.draw();
  }

  private prims(wanted: string): Entry[] {
    const { scene } = this.bench;
    if (!scene) return [];
    const { path, type } = scene.json.nodes;
    return best([...path.keys()], wanted, (i) => nameOf(path[i]), MOST_PRIMS).map((i) => ({
      text: nameOf(path[i]),
      note: path[i],
      icon: iconOfType(type[i]),
      keys: [],
      run: () => {
        this.bench.dispatch({ type: "select", path: path[i] });
        this.bench.runCommand("view.frame");
      },
    }));
  }

  private draw(): void {
    const rows = this.entries.map((entry, index) =>
      h(
        "div",
        { role: "option", id: `palette-${index}`, "data-index": String(index), "aria-selected": String(index === this.current) },
        entry.icon ? icon(entry.icon) : null,
        h("span", { class: "palette-text" }, entry.text),
        h("span", { class: "palette-note" }, entry.note),
        ...entry.keys.slice(0, 1).map(chord),
      ),
    );
    this.list.replaceChildren(...(rows.length > 0 ? rows : [h("p", { class: "more" }, "Nothing is called that.")]));
    if (rows.length > 0) this.input.setAttribute("aria-activedescendant", `palette-${this.current}`);
    else this.input.removeAttribute("aria-activedescendant");
    rows[this.current]?.scrollIntoView({ block: "nearest" });
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const last = this.entries.length - 1;
    if (event.key in steps) {
      const next = this.current + steps[event.key];
      // One step beyond an end goes to the other.
      this.current = next < 0 ? (Math.abs(steps[event.key]) === 1 ? last : 0) : next > last ? (steps[event.key] === 1 ? 0 : last) : next;
      this.draw();
    } else if (event.key === "Enter") this.run(this.current);
    else return;
    event.preventDefault();
  }

  private run(index: number): void {
    const entry = this.entries[index];
    this.dialog.close();
    entry?.run();
  }
}

/** A chord as keys. */
export function chord(keys: string): HTMLElement {
  return h("span", { class: "chord" }, ...labelsOf(keys).map((label) => h("kbd", {}, label)));
}
