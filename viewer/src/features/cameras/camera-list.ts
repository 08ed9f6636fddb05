/** The scene's cameras, to jump to; a listbox with one tab stop. */
import type { CameraJson } from "../../wire/scene-data.ts";
import { h, icon } from "../../ui/dom.ts";

export class CameraList {
  readonly element = h("div", { id: "views", class: "views", role: "listbox", tabindex: "0", "aria-label": "Cameras" });
  private cameras: readonly CameraJson[] = [];
  private current = -1;

  /** `onPick(-1)` is the free view. */
  constructor(private readonly onPick: (index: number) => void) {
    this.element.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>(".view");
      if (row) this.onPick(Number(row.dataset.index));
    });
    this.element.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      event.stopPropagation();
      this.onPick(Math.min(this.cameras.length - 1, Math.max(-1, this.current + step)));
    });
  }

  setCameras(cameras: readonly CameraJson[]): void {
    this.cameras = cameras;
    this.draw();
  }

  setCurrent(index: number): void {
    this.current = index;
    this.draw();
  }

  private draw(): void {
    const row = (index: number, name: string, key: string): HTMLElement =>
      h(
        "div",
        {
          class: "view",
          role: "option",
          id: `view-${index}`,
          "data-index": String(index),
          "aria-selected": String(index === this.current),
        },
        icon(index < 0 ? "free" : "camera"),
        h("span", { class: "name" }, name),
        key ? h("kbd", { "aria-hidden": "true" }, key) : null,
      );
    this.element.replaceChildren(
      row(-1, "Free view", "0"),
      ...this.cameras.map((camera, i) => row(i, camera.name, i < 9 ? String(i + 1) : "")),
    );
    this.element.setAttribute("aria-activedescendant", `view-${this.current}`);
    this.element.querySelector(`#view-${this.current}`)?.scrollIntoView({ block: "nearest" });
  }
}
