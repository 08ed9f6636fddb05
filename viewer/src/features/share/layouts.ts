/** The window of saved layouts: keep, take, give to a role, export and import. They lie in this browser. */
import { fromFile, type Layout, layoutOf, toFile, withLayout } from "../../core/layouts.ts";
import { h, icon } from "../../ui/dom.ts";
import { pickText, save } from "../../ui/files.ts";
import { modal } from "../../ui/modal.ts";
import type { Workbench } from "../../workbench.ts";

const KEY = "twinstage.layouts";
const ROLES = ["viewer", "operator", "engineer"];

export function savedLayouts(): Layout[] {
  try {
    return fromFile(window.localStorage.getItem(KEY) ?? toFile([]));
  } catch {
    return [];
  }
}

function keep(layouts: readonly Layout[]): void {
  try {
    window.localStorage.setItem(KEY, toFile(layouts));
  } catch {
    // Without storage they last as long as the page.
  }
}

export function applyLayout(bench: Workbench, layout: Layout): void {
  const { open, sizes, theme, extra } = layout;
  bench.dispatch({ type: "restore", state: { open, sizes, theme, extra: { ...bench.state.extra, ...extra } } });
}

export class LayoutsWindow {
  private readonly list = h("div", { class: "layouts-list", role: "list", "aria-label": "Saved layouts" });
  private readonly none = h("p", { class: "layouts-none" }, "Nothing is saved yet. A layout keeps which panels are open, their sizes and the theme.");
  private readonly name = h("input", { type: "text", maxlength: "60", "aria-label": "Name of the layout", placeholder: "Name, such as Night shift" });
  private readonly dialog: HTMLDialogElement;
  private layouts = savedLayouts();

  constructor(private readonly bench: Workbench) {
    const form = h("form", { class: "layouts-new" }, this.name, h("button", { type: "submit", class: "button" }, "Save this layout"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.name.value.trim()) return this.name.focus();
      this.change(withLayout(this.layouts, layoutOf(this.name.value, null, this.bench.state)));
      this.name.value = "";
    });
    const give = h("button", { type: "button", class: "button small" }, "Export all");
    give.addEventListener("click", () => this.export(this.layouts, "layouts"));
    const take = h("button", { type: "button", class: "button small" }, "Import a file");
    take.addEventListener("click", () => void this.import());
    this.dialog = modal("Layouts", "layouts", this.none, this.list, form, h("div", { class: "layouts-files" }, give, take));
    document.body.append(this.dialog);
  }

  open(): void {
    this.layouts = savedLayouts();
    this.draw();
    this.dialog.showModal();
  }

  private change(layouts: Layout[]): void {
    this.layouts = layouts;
    keep(layouts);
    this.draw();
  }

  private export(layouts: readonly Layout[], name: string): void {
    const safe = name.replace(/[^\p{L}\p{N}._-]+/gu, "-");
    save(`${safe}.json`, new Blob([toFile(layouts)], { type: "application/json" }));
  }

  private async import(): Promise<void> {
    try {
      const text = await pickText(".json,application/json");
      if (text !== null) this.change(fromFile(text).reduce(withLayout, this.layouts));
    } catch (error) {
      this.bench.notice("error", (error as Error).message);
      this.dialog.close();
    }
  }

  private draw(): void {
    this.none.hidden = this.layouts.length > 0;
    this.list.hidden = this.layouts.length === 0;
    this.list.replaceChildren(...this.layouts.map((layout) => this.row(layout)));
  }

  private row(layout: Layout): HTMLElement {
    const use = h("button", { type: "button", class: "layouts-use" }, layout.name);
    use.addEventListener("click", () => {
      applyLayout(this.bench, layout);
      this.dialog.close();
    });
    const role = h(
      "select",
      { "aria-label": `Role that begins with ${layout.name}` },
      h("option", { value: "" }, "for nobody"),
      ...ROLES.map((one) => h("option", { value: one }, `for each ${one}`)),
    );
    role.value = layout.role ?? "";
    role.addEventListener("change", () => this.change(withLayout(this.layouts, { ...layout, role: role.value || null })));
    const away = h("button", { type: "button", class: "modal-close", "aria-label": `Delete ${layout.name}` }, icon("close"));
    away.addEventListener("click", () => this.change(this.layouts.filter(({ name }) => name !== layout.name)));
    return h("div", { class: "layouts-row", role: "listitem" }, use, role, away);
  }
}
