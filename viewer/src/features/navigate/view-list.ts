/** Views that were saved, to go back to; each can be renamed and taken out. */
import { type NamedView } from "../../core/views.ts";
import { h, icon } from "../../ui/dom.ts";

export interface ViewListHandlers {
  save(): void;
  go(view: NamedView): void;
  rename(view: NamedView, name: string): void;
  remove(view: NamedView): void;
}

export class ViewList {
  readonly element = h("div", { class: "saved-views" });
  private readonly list = h("ul", { class: "saved-list", "aria-label": "Saved views" });
  private editing: string | null = null;
  private views: readonly NamedView[] = [];

  constructor(private readonly on: ViewListHandlers) {
    const save = h("button", { type: "button", class: "save-view" }, icon("bookmark"), "Save this view");
    save.addEventListener("click", () => this.on.save());
    this.element.append(save, this.list);
  }

  show(views: readonly NamedView[]): void {
    this.views = views;
    this.draw();
  }

  /** Lets the user name a view, at once after it was saved. */
  edit(name: string): void {
    this.editing = name;
    this.draw();
    this.list.querySelector("input")?.select();
  }

  private draw(): void {
    const rows = this.views.map((view) => h("li", { class: "saved-view" }, ...this.row(view)));
    const empty = h("li", { class: "empty" }, "No views yet. Saved ones stay in this browser and in the address.");
    this.list.replaceChildren(...(rows.length > 0 ? rows : [empty]));
  }

  private row(view: NamedView): HTMLElement[] {
    if (view.name === this.editing) return [this.field(view)];
    const go = h("button", { type: "button", class: "saved-name" }, icon("bookmark"), view.name);
    go.addEventListener("click", () => this.on.go(view));
    go.addEventListener("dblclick", () => this.edit(view.name));
    go.addEventListener("keydown", (event) => {
      if (event.key === "F2") this.edit(view.name);
      else if (event.key === "Delete") this.on.remove(view);
    });
    const remove = h("button", { type: "button", class: "saved-remove", "aria-label": `Remove ${view.name}` }, icon("close"));
    remove.addEventListener("click", () => this.on.remove(view));
    return [go, remove];
  }

  private field(view: NamedView): HTMLElement {
    const input = h("input", { type: "text", "aria-label": "Name of the view", maxlength: "40", autocomplete: "off" });
    input.value = view.name;
    const done = (keep: boolean): void => {
      if (this.editing !== view.name) return;
      this.editing = null;
      if (keep && input.value.trim() !== "") this.on.rename(view, input.value);
      else this.draw();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done(true);
      else if (event.key === "Escape") done(false);
      else return;
      event.stopPropagation();
    });
    input.addEventListener("blur", () => done(true));
    return input;
  }
}
