/** A small menu at a place of the window: arrow keys, Enter, Escape; gone with a click elsewhere. */
import { h } from "./dom.ts";

export interface MenuItem {
  readonly title: string;
  readonly key?: string;
  /** Why it cannot be done now; shown, and the item does nothing. */
  readonly disabled?: string | undefined;
  run(): void;
}

/** null: a line between groups. */
export type MenuEntry = MenuItem | null;

const MARGIN = 6;

/** Opens the menu; the element that had the focus gets it back. */
export function openMenu(entries: readonly MenuEntry[], x: number, y: number, label: string): void {
  const before = document.activeElement;
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label, tabindex: "-1" });
  const close = (): void => {
    if (!menu.isConnected) return;
    menu.remove();
    document.removeEventListener("pointerdown", outside, true);
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  };
  const outside = (event: Event): void => {
    if (!menu.contains(event.target as Node)) close();
  };
  for (const entry of entries) menu.append(entry ? itemElement(entry, close) : h("div", { class: "menu-line", role: "separator" }));
  menu.addEventListener("keydown", (event) => keys(menu, event, close));
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  document.body.append(menu);
  place(menu, x, y);
  document.addEventListener("pointerdown", outside, true);
  (menu.querySelector<HTMLElement>("button:not([aria-disabled=true])") ?? menu).focus();
}

function itemElement(item: MenuItem, close: () => void): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: "menu-item", role: "menuitem", tabindex: "-1", "aria-disabled": String(Boolean(item.disabled)) },
    h("span", {}, item.title),
    item.key ? h("kbd", { "aria-hidden": "true" }, item.key) : null,
  );
  if (item.disabled) button.title = item.disabled;
  button.addEventListener("click", () => {
    if (item.disabled) return;
    close();
    item.run();
  });
  // A pointer that rests where the menu comes up takes nothing from the keys.
  button.addEventListener("pointermove", (event) => {
    if (event.movementX !== 0 || event.movementY !== 0) button.focus();
  });
  return button;
}

function keys(menu: HTMLElement, event: KeyboardEvent, close: () => void): void {
  const items = [...menu.querySelectorAll<HTMLElement>("button")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  if (event.key in moves) items[(moves[event.key] + items.length) % items.length]?.focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else if (event.key !== "Enter" && event.key !== " ") return event.stopPropagation();
  else (document.activeElement as HTMLElement).click();
  event.preventDefault();
  event.stopPropagation();
}

/** Below and right of the point where there is room, through the style object: the page allows no style attributes. */
function place(menu: HTMLElement, x: number, y: number): void {
  const { offsetWidth, offsetHeight } = menu;
  menu.style.left = `${Math.max(MARGIN, Math.min(x, window.innerWidth - offsetWidth - MARGIN))}px`;
  menu.style.top = `${Math.max(MARGIN, Math.min(y, window.innerHeight - offsetHeight - MARGIN))}px`;
}
