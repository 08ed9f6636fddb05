/** The bar that says how the handles work: mode, frame, snapping, and why they do not. */
import { h, setText } from "../../ui/dom.ts";
import { MOVE, SCALE, strokeIcon, TURN } from "../../ui/stroke-icon.ts";
import type { Gizmo, Mode } from "./gizmo.ts";

const MODES: readonly [Mode, string, string, string][] = [
  ["translate", "Move", MOVE, "T"],
  ["rotate", "Turn", TURN, "R"],
  ["scale", "Scale", SCALE, "Y"],
];

export class MoveBar {
  readonly element = h("div", { class: "move-bar", role: "toolbar", "aria-label": "Move and place" });
  private readonly modes = new Map<Mode, HTMLButtonElement>();
  private readonly space = h("button", { type: "button", class: "move-tool move-word", title: "Axes of the world or of the prim itself (X)" });
  private readonly snap = h("button", { type: "button", class: "move-tool move-word", title: "Steps of 0.1 m, 15° and 0.1 (Shift+K)" }, "Snap");
  private readonly reason = h("span", { class: "move-reason", role: "status" });

  /** Makes the buttons work. */
  bind(gizmo: Gizmo): void {
    for (const [mode, title, path, key] of MODES) {
      const button = h("button", { type: "button", class: "move-tool", title: `${title} (${key})`, "aria-label": title, "aria-pressed": "false" });
      button.append(strokeIcon(path));
      button.addEventListener("click", () => gizmo.setMode(mode));
      this.modes.set(mode, button);
      this.element.append(button);
    }
    this.space.addEventListener("click", () => gizmo.setSpace(gizmo.space === "world" ? "local" : "world"));
    this.snap.addEventListener("click", () => gizmo.setSnap(!gizmo.snap));
    this.element.append(this.space, this.snap, this.reason);
    this.draw(gizmo);
  }

  draw({ mode, space, snap, reason }: Gizmo): void {
    for (const [name, button] of this.modes) button.setAttribute("aria-pressed", String(name === mode));
    setText(this.space, space === "world" ? "World" : "Local");
    this.snap.setAttribute("aria-pressed", String(snap));
    this.space.hidden = this.snap.hidden = mode === null;
    setText(this.reason, reason ?? "");
    this.element.classList.toggle("in-use", mode !== null);
  }
}
