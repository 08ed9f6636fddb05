/** What people changed: the journal, what stands now, and both as files for a designer. */
import { changeText, type JournalRow, journalRows, type TransactionJson } from "../../edit/journal.ts";
import { formatAge } from "../../core/format.ts";
import { deskOf } from "../../edit/desk.ts";
import { propertyName, refusal, shown } from "../../edit/sentences.ts";
import { h, setText } from "../../ui/dom.ts";
import type { CurrentValue } from "../../wire/commands.ts";
import type { Workbench } from "../../workbench.ts";

const MOST = 200;

function poseText(value: unknown): string {
  return changeText({ path: "", property: "pose", before: null, after: value }).replace("as designed → ", "");
}

type Tab = "journal" | "standing";

export class JournalPanel {
  readonly element = h("div", { class: "edits" });
  private readonly undo = h("button", { type: "button", class: "button" }, "Undo");
  private readonly redo = h("button", { type: "button", class: "button" }, "Redo");
  private readonly tabs: Record<Tab, HTMLButtonElement>;
  private readonly list = h("div", { class: "edit-list", role: "group", tabindex: "0", "aria-label": "Edits" });
  private readonly error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  private readonly why = h("p", { class: "prop-why", hidden: "" });
  private readonly files = h("div", { class: "edit-files" });
  private tab: Tab = "journal";
  private me = "";
  private seen = false;
  private due = false;
  private turn = 0;

  constructor(
    private readonly bench: Workbench,
    base: string,
  ) {
    this.tabs = { journal: this.tabButton("journal", "Journal"), standing: this.tabButton("standing", "What stands") };
    this.undo.addEventListener("click", () => void this.take(deskOf(bench).undo()));
    this.redo.addEventListener("click", () => void this.take(deskOf(bench).redo()));
    this.files.append(
      h("span", { class: "edit-files-title" }, "For a designer"),
      this.file(new URL("api/v1/edits/layer.usda", base), "edits.usda", "Layer (usda)"),
      this.file(new URL("api/v1/edits/bindings.yaml", base), "bindings.yaml", "Bindings (yaml)"),
    );
    this.element.append(
      h(
        "div",
        { class: "edit-head" },
        h("div", { class: "segments", role: "group", "aria-label": "Edits" }, this.tabs.journal, this.tabs.standing),
        h("span", { class: "spacer" }),
        this.undo,
        this.redo,
      ),
      this.why,
      this.error,
      this.list,
      this.files,
    );
    this.lock();
    const desk = deskOf(bench);
    let version = -1;
    desk.watch(() => {
      this.lock();
      if (desk.version !== version) void this.load();
      version = desk.version;
    });
    bench.onScene(() => void this.load());
  }

  shown(visible: boolean): void {
    this.seen = visible;
    if (visible && this.due) void this.load();
  }

  private tabButton(tab: Tab, title: string): HTMLButtonElement {
    const button = h("button", { type: "button", "aria-pressed": String(tab === this.tab) }, title);
    button.addEventListener("click", () => {
      this.tab = tab;
      for (const [name, one] of Object.entries(this.tabs)) one.setAttribute("aria-pressed", String(name === tab));
      void this.load();
    });
    return button;
  }

  private file(url: URL, name: string, title: string): HTMLElement {
    return h("a", { class: "text-button", href: url.href, download: name }, title);
  }

  private lock(): void {
    const desk = deskOf(this.bench);
    const { locked } = desk;
    this.undo.disabled = locked !== null || desk.undoable === 0;
    this.redo.disabled = locked !== null || !(desk.redoable > 0);
    this.undo.title = locked ?? "Take back your newest edit (Ctrl+Z)";
    this.redo.title = locked ?? "Do again what you took back (Ctrl+Shift+Z)";
    setText(this.why, locked ?? "");
    this.why.hidden = locked === null;
    for (const button of this.list.querySelectorAll("button")) button.disabled = button.dataset.why !== "" || locked !== null;
  }

  private async load(): Promise<void> {
    if (!this.seen) {
      this.due = true;
      return;
    }
    this.due = false;
    const turn = ++this.turn;
    if (this.list.childElementCount === 0) this.list.append(h("p", { class: "prop-why" }, "The twin is asked."));
    try {
      const rows = this.tab === "journal" ? await this.journal() : await this.standing();
      if (turn !== this.turn) return;
      this.list.replaceChildren(...rows);
      // A list has to have something in it.
      this.list.setAttribute("role", this.list.querySelector("[role=listitem]") ? "list" : "group");
      this.lock();
    } catch (error) {
      if (turn !== this.turn) return;
      this.list.setAttribute("role", "group");
      this.list.replaceChildren(h("p", { class: "prop-why" }, error instanceof Error ? error.message : String(error)));
    }
  }

  private async journal(): Promise<HTMLElement[]> {
    if (this.me === "") this.me = await this.bench.rest.get<{ name: string }>("api/session").then(({ name }) => name, () => "local");
    const { transactions } = await this.bench.rest.get<{ transactions: TransactionJson[] }>("api/v1/edits/journal", { limit: MOST });
    if (transactions.length === 0) return [h("p", { class: "prop-why" }, "Nothing was changed yet. Moves, values and bindings that people change are listed here, and each can be taken back.")];
    return journalRows(transactions, this.me).map((row) => this.row(row));
  }

  private row({ transaction, title, undone, locked }: JournalRow): HTMLElement {
    const { version, author, at, changes } = transaction;
    const button = h("button", { type: "button", class: "text-button", "data-why": locked ?? "", title: locked ?? `Take version ${version} back` }, "Undo");
    button.addEventListener("click", () => void this.take(deskOf(this.bench).undo(version)));
    const [first] = changes;
    const paths = [...new Set(changes.map(({ path }) => path))].filter(Boolean);
    const what = h("button", { type: "button", class: "edit-title", "data-why": paths.length ? "" : "no prim" }, title);
    what.title = paths.join("\n") || title;
    if (paths[0]) what.addEventListener("click", () => this.bench.dispatch({ type: "select", path: paths[0] }));
    const element = h(
      "div",
      { class: undone ? "edit-row undone" : "edit-row", role: "listitem" },
      h("span", { class: "edit-version" }, String(version)),
      h(
        "div",
        { class: "edit-what" },
        what,
        h("span", { class: "edit-by" }, `${author}, ${formatAge(this.bench.link.clock.serverTime(Date.now()) - Date.parse(at))} ago`),
        first ? h("span", { class: "edit-values mono" }, changeText(first)) : null,
      ),
    );
    if (transaction.did === "edit") element.append(button);
    return element;
  }

  private async standing(): Promise<HTMLElement[]> {
    const { edits } = await this.bench.rest.get<{ edits: CurrentValue[] }>("api/v1/edits", { limit: MOST });
    if (edits.length === 0) return [h("p", { class: "prop-why" }, "No edit stands: all is as designed.")];
    return edits.map((edit) => {
      const clear = h("button", { type: "button", class: "text-button", "data-why": "", title: "Take this edit away: back to as designed" }, "Clear");
      const key = edit.property.replace(/^binding:/, "");
      const command = edit.path === "" ? { kind: "unbind", key } : { kind: "clear", path: edit.path, property: edit.property };
      clear.addEventListener("click", () => void this.take(deskOf(this.bench).do(command, true)));
      if (edit.path === "" && edit.value === "removed") clear.dataset.why = "undo";
      const what = h("button", { type: "button", class: "edit-title", "data-why": edit.path ? "" : "no prim" }, edit.path || propertyName(edit.property));
      if (edit.path) what.addEventListener("click", () => this.bench.dispatch({ type: "select", path: edit.path }));
      return h(
        "div",
        { class: "edit-row", role: "listitem" },
        h("span", { class: "edit-version" }, String(edit.version)),
        h(
          "div",
          { class: "edit-what" },
          what,
          h("span", { class: "edit-by" }, `${edit.path ? propertyName(edit.property) : "binding"}, by ${edit.author}`),
          h("span", { class: "edit-values mono" }, edit.property === "pose" ? poseText(edit.value) : shown(edit.value)),
        ),
        clear,
      );
    });
  }

  private async take(answering: ReturnType<ReturnType<typeof deskOf>["do"]>): Promise<void> {
    const answer = await answering;
    const sentence = answer.ok ? "" : refusal(answer);
    setText(this.error, sentence);
    this.error.hidden = sentence === "";
    if (answer.ok) void this.load();
  }
}
