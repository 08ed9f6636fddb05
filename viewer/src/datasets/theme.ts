/** Dark or light on pages without a workbench: what the workbench's page keeps, and the same key. */
import { keptLayout } from "../shell/layout.ts";
import { h, icon } from "../ui/dom.ts";

const KEPT = "twinstage.pages.theme";

export function themeButton(): HTMLElement {
  const root = document.documentElement;
  const light = window.matchMedia("(prefers-color-scheme: light)");
  const stored = window.localStorage?.getItem(KEPT) ?? keptLayout().theme ?? "dark";
  root.dataset.theme = stored === "system" ? (light.matches ? "light" : "dark") : stored;
  const button = h("button", { type: "button", class: "icon-button", title: "Light or dark (Shift+D)", "aria-label": "Light or dark" }, icon("sun"));
  const change = (): void => {
    root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
    try {
      window.localStorage.setItem(KEPT, root.dataset.theme);
    } catch {
      // Next time it is as it always was.
    }
  };
  button.addEventListener("click", change);
  document.addEventListener("keydown", (event) => {
    if (event.key === "D" && event.shiftKey && !(event.target as Element).closest("input, select, textarea")) change();
  });
  return button;
}
