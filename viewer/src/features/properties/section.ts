/** A part of the panel that can be folded, and stays so for all prims. */
import { h, setText } from "../../ui/dom.ts";

const folded = new Set<string>();

export interface Section {
  readonly element: HTMLElement;
  readonly body: HTMLElement;
  /** A count or a word beside the title. */
  note(text: string): void;
}

/** `tools`: buttons at the right of the title. */
export function section(title: string, ...tools: HTMLElement[]): Section {
  const note = h("span", { class: "prop-note" });
  const body = h("div", { class: "prop-body" });
  const details = h("details", { class: "prop-section" });
  const summary = h("summary", {}, h("h3", {}, title), note);
  details.open = !folded.has(title);
  details.addEventListener("toggle", () => (details.open ? folded.delete(title) : folded.add(title)));
  details.append(summary, body);
  const element = h("section", { class: "prop-group", "aria-label": title }, details);
  if (tools.length > 0) element.append(h("div", { class: "prop-tools" }, ...tools));
  return { element, body, note: (text) => setText(note, text) };
}

/** Name and value, line by line. */
export function facts(rows: readonly (readonly [string, string | Node])[]): HTMLElement {
  return h("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** A link to another prim. */
export function primLink(path: string, select: (path: string) => void, text = path): HTMLElement {
  const button = h("button", { type: "button", class: "crumb mono", title: path }, text);
  button.addEventListener("click", () => select(path));
  return button;
}
