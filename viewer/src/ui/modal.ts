/** A window over the page. The browser keeps the focus in it, closes it on Escape and gives the focus back. */
import { h, icon } from "./dom.ts";

export function modal(title: string, className: string, ...content: Node[]): HTMLDialogElement {
  const close = h("button", { type: "button", class: "modal-close", "aria-label": "Close" }, icon("close"));
  const dialog = h(
    "dialog",
    { class: `modal ${className}`, "aria-label": title },
    h("div", { class: "modal-head" }, h("h2", {}, title), close),
    ...content,
  );
  close.addEventListener("click", () => dialog.close());
  closeOutside(dialog);
  return dialog;
}

/** A press beside the window closes it. */
export function closeOutside(dialog: HTMLDialogElement): void {
  dialog.addEventListener("pointerdown", (event) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    if (event.target === dialog && (x < left || x > right || y < top || y > bottom)) dialog.close();
  });
}
