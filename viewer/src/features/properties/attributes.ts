/** Attributes of a prim: name, value, type; what may be set by hand is edited in place. */
import { attributeText, type AttributeJson, editText, hexOfLinear, linearOfHex, parseAttribute } from "../../core/attribute-text.ts";
import { deskOf } from "../../edit/desk.ts";
import { refusal } from "../../edit/sentences.ts";
import { h } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { section } from "./section.ts";

/** Rows from which a search box helps. */
const SEARCH_FROM = 10;

export class AttributeSection {
  readonly element: HTMLElement;
  private readonly list = h("div", { class: "attrs", role: "list" });
  private readonly search = h("input", {
    type: "search",
    class: "attr-search",
    placeholder: "Find an attribute",
    "aria-label": "Find an attribute",
    spellcheck: "false",
  });

  constructor(
    private readonly bench: Workbench,
    private readonly path: string,
    private readonly attributes: readonly AttributeJson[],
  ) {
    const part = section("Attributes");
    part.note(String(attributes.length));
    if (attributes.length >= SEARCH_FROM) part.body.append(this.search);
    this.search.addEventListener("input", () => this.draw());
    part.body.append(this.list);
    this.element = part.element;
    this.draw();
  }

  private draw(): void {
    const wanted = this.search.value.trim().toLowerCase();
    const some = this.attributes.filter(({ name }) => name.toLowerCase().includes(wanted));
    this.list.replaceChildren(...some.map((attribute) => this.row(attribute)));
  }

  private row(attribute: AttributeJson): HTMLElement {
    const why = deskOf(this.bench).locked ?? attribute.locked;
    const hint = [`${attribute.name} (${attribute.type})`, why ?? "Click the value to change it", attribute.animated ? "animated in the files" : ""];
    const row = h("div", { class: "attr", role: "listitem", title: hint.filter(Boolean).join("\n") });
    const name = h("span", { class: "attr-name" }, attribute.name);
    if (attribute.changed) name.append(h("span", { class: "attr-changed", title: "The twin says something of its own" }));
    const value = this.value(attribute, why, row);
    row.append(name, value, h("span", { class: "attr-type" }, attribute.type));
    return row;
  }

  private value(attribute: AttributeJson, why: string | null, row: HTMLElement): HTMLElement {
    const text = attributeText(attribute);
    const swatch = colorOf(attribute);
    const parts = [swatch ? swatchOf(swatch) : null, h("span", { class: "attr-text" }, text)];
    if (why !== null || (attribute.live === null && attribute.size !== null && attribute.name !== "primvars:displayColor"))
      return h("span", { class: "attr-value" }, ...parts);
    const button = h(
      "button",
      { type: "button", class: "attr-value attr-edit", "aria-label": `${attribute.name}: ${text}; change` },
      ...parts,
    );
    button.addEventListener("click", () => this.edit(attribute, button, row));
    return button;
  }

  private edit(attribute: AttributeJson, button: HTMLElement, row: HTMLElement): void {
    const field = this.field(attribute);
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      field.replaceWith(button);
      row.querySelector(".prop-error")?.remove();
      button.focus();
    };
    const commit = async (): Promise<void> => {
      const sentence = await this.set(attribute, field);
      if (sentence === null) return end();
      row.querySelector(".prop-error")?.remove();
      row.append(h("p", { class: "prop-error", role: "alert" }, sentence));
    };
    field.addEventListener("keydown", (event) => {
      const { key } = event as KeyboardEvent;
      if (key === "Escape") end();
      else if (key === "Enter") void commit();
      else return event.stopPropagation();
      event.preventDefault();
      event.stopPropagation();
    });
    if (field instanceof HTMLSelectElement || (field as HTMLInputElement).type === "color")
      field.addEventListener("change", () => void commit());
    else field.addEventListener("blur", () => window.setTimeout(() => field.isConnected && !row.querySelector(".prop-error") && end(), 100));
    button.replaceWith(field);
    field.focus();
    if (field instanceof HTMLInputElement && field.type === "text") field.select();
  }

  private field(attribute: AttributeJson): HTMLInputElement | HTMLSelectElement {
    const label = { "aria-label": attribute.name, class: "attr-field" };
    const color = colorOf(attribute);
    if (color) return h("input", { ...label, type: "color", value: color });
    const choices = attribute.type === "bool" ? ["true", "false"] : attribute.name === "visibility" ? ["inherited", "invisible"] : null;
    if (!choices) return h("input", { ...label, type: "text", value: editText(attribute), spellcheck: "false", autocomplete: "off" });
    const select = h("select", label, ...choices.map((one) => h("option", { value: one }, one)));
    select.value = String(attribute.live);
    return select;
  }

  /** Null where it was done; else the sentence that says why not. */
  private async set(attribute: AttributeJson, field: HTMLInputElement | HTMLSelectElement): Promise<string | null> {
    const { name, type, siFactor } = attribute;
    let value: unknown;
    if (field instanceof HTMLInputElement && field.type === "color")
      value = name === "primvars:displayColor" ? field.value : linearOfHex(field.value);
    else {
      const parsed = parseAttribute(field.value, type, siFactor);
      if ("error" in parsed) return parsed.error;
      value = parsed.value;
    }
    const answer = await deskOf(this.bench).do({ kind: "set", path: this.path, property: name, value }, true);
    return answer.ok ? null : refusal(answer);
  }
}

/** `#rrggbb` of a colour; null for what is none. */
function colorOf({ type, live, name }: AttributeJson): string | null {
  const one = /^color3[fdh]$/.test(type) || (name === "primvars:displayColor" && Array.isArray(live) && live.length === 3);
  return one && Array.isArray(live) ? hexOfLinear(live) : null;
}

export function swatchOf(hex: string): HTMLElement {
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = hex;
  return swatch;
}
