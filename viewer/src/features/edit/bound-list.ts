/** Bindings that drive the selection already: what each says, to change as text or to take away. */
import { deskOf } from "../../edit/desk.ts";
import { refusal } from "../../edit/sentences.ts";
import { h, setText } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";

interface BindingJson {
  readonly index: number;
  readonly kind: string;
  readonly target: string;
  readonly signals: readonly string[];
  readonly state: string;
  readonly description: string;
  readonly key: string;
}

export class BoundList {
  readonly element = h("section", { class: "bound-list", "aria-label": "Bindings of the selection", hidden: "" });
  private readonly error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  private readonly list = h("div", { role: "list" });
  private path = "";
  private turn = 0;

  constructor(private readonly bench: Workbench) {
    this.element.append(h("h3", {}, "Driven by"), this.list, this.error);
    let version = deskOf(bench).version;
    deskOf(bench).watch(() => {
      const now = deskOf(bench).version;
      if (now !== version) void this.load();
      else this.lock();
      version = now;
    });
  }

  show(path: string): void {
    if (path !== this.path) this.fail("");
    this.path = path;
    void this.load();
  }

  async load(): Promise<void> {
    const turn = ++this.turn;
    const path = this.path.replace(/\[-?\d+\]$/, "");
    if (path === "" || this.bench.signals.signals.length === 0) return this.draw([]);
    try {
      const { bindings } = await this.bench.rest.get<{ bindings: BindingJson[] }>("api/v1/bindings", { prim: path, limit: 50 });
      if (turn === this.turn) this.draw(bindings);
    } catch {
      if (turn === this.turn) this.draw([]);
    }
  }

  private draw(bindings: readonly BindingJson[]): void {
    this.element.hidden = bindings.length === 0;
    this.list.replaceChildren(...bindings.map((binding) => this.row(binding)));
    this.lock();
  }

  private lock(): void {
    const { locked } = deskOf(this.bench);
    for (const button of this.list.querySelectorAll("button")) {
      button.disabled = locked !== null;
      button.title = locked ?? "";
    }
  }

  private row(binding: BindingJson): HTMLElement {
    const { kind, signals, state, key, description } = binding;
    const change = h("button", { type: "button", class: "text-button" }, "Change");
    const remove = h("button", { type: "button", class: "text-button" }, "Unbind");
    const row = h(
      "div",
      { class: "bound-row", role: "listitem", title: description },
      h("span", { class: "dot", "data-state": state, role: "img", "aria-label": state }),
      h("span", { class: "bound-what" }, h("span", { class: "bound-kind" }, kind), h("span", { class: "mono" }, signals.slice(0, 4).join(", "))),
      change,
      remove,
    );
    change.addEventListener("click", () => void this.edit(binding, row));
    remove.addEventListener("click", () => void this.send({ kind: "unbind", key }));
    return row;
  }

  /** The binding as JSON, to be changed and sent as a whole. */
  private async edit({ index, key }: BindingJson, row: HTMLElement): Promise<void> {
    if (row.nextElementSibling?.classList.contains("bound-edit")) return row.nextElementSibling.remove();
    const { definition } = await this.bench.rest.get<{ definition: unknown }>(`api/v1/bindings/${index}`);
    const area = h("textarea", { class: "mono", rows: "8", spellcheck: "false", "aria-label": "The binding as JSON" });
    area.value = JSON.stringify(definition, null, 1);
    const save = h("button", { type: "button", class: "button primary" }, "Save");
    const leave = h("button", { type: "button", class: "button" }, "Cancel");
    const box = h("div", { class: "bound-edit" }, area, h("div", { class: "bind-actions" }, leave, save));
    leave.addEventListener("click", () => box.remove());
    save.addEventListener("click", async () => {
      let binding: unknown;
      try {
        binding = JSON.parse(area.value);
      } catch (error) {
        return this.fail(`That is no JSON: ${error instanceof Error ? error.message : String(error)}.`);
      }
      await this.send({ kind: "bind", key, binding });
    });
    row.after(box);
    area.focus();
  }

  private async send(command: { kind: string; [field: string]: unknown }): Promise<void> {
    const answer = await deskOf(this.bench).do(command, true);
    this.fail(answer.ok ? "" : refusal(answer));
    if (answer.ok) void this.load();
  }

  private fail(sentence: string): void {
    setText(this.error, sentence);
    this.error.hidden = sentence === "";
    this.element.hidden &&= sentence === "";
  }
}
