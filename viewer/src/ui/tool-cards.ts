/** Cards of tools over the picture, one under the other. */
import { byId, h } from "./dom.ts";

let stack: HTMLElement | null = null;

export function addToolCard(card: HTMLElement): void {
  if (!stack) byId("picture").append((stack = h("div", { class: "tool-cards" })));
  stack.append(card);
}
