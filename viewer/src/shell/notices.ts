/** Sentences that come up over the picture: they go by themselves, errors stay until they are closed. */
import { byId, h, icon } from "../ui/dom.ts";

const SHOWN_MS = 8000;
/** More than this are not shown at once: the oldest goes. */
const MOST = 4;

export class Notices {
  private readonly root = byId("notices");

  add(level: "info" | "warning" | "error", text: string): void {
    for (const child of [...this.root.children]) if ((child as HTMLElement).dataset.text === text) child.remove();
    const close = h("button", { type: "button", class: "notice-close", "aria-label": "Close message" }, icon("close"));
    const notice = h("div", { class: "notice", "data-level": level, "data-text": text }, h("span", {}, text), close);
    close.addEventListener("click", () => notice.remove());
    this.root.append(notice);
    while (this.root.children.length > MOST) this.root.firstElementChild?.remove();
    if (level !== "error") window.setTimeout(() => notice.remove(), SHOWN_MS);
  }
}
