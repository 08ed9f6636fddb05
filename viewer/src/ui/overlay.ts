/** What lies over the picture: loading bar, hover label, axes. */
import type { PerspectiveCamera } from "three";
import { byId, setText } from "./dom.ts";

const AXES = [
  ["X", "#d2685f"],
  ["Y", "#7fb069"],
  ["Z", "#5b9bd5"],
] as const;

export class Overlay {
  private readonly progress = byId("progress");
  private readonly hint = byId("hint");
  private readonly axes = byId<HTMLCanvasElement>("axes");
  private axesKey = "";

  setProgress(done: number, total: number): void {
    this.progress.hidden = done >= total;
    const percent = Math.round((100 * done) / Math.max(1, total));
    this.progress.setAttribute("aria-valuenow", String(percent));
    (this.progress.firstElementChild as HTMLElement).style.width = `${percent}%`;
  }

  /** Label beside the pointer; empty hides it. x, y relative to the picture [px]. */
  setHint(text: string, x: number, y: number): void {
    this.hint.hidden = text === "";
    setText(this.hint, text);
    this.hint.style.transform = `translate(${Math.round(x) + 14}px, ${Math.round(y) + 16}px)`;
  }

  /** The world's axes as the camera sees them. */
  drawAxes(camera: PerspectiveCamera): void {
    const m = camera.matrixWorldInverse.elements;
    const key = m
      .slice(0, 11)
      .map((value) => value.toFixed(3))
      .join();
    if (key === this.axesKey) return;
    this.axesKey = key;
    const context = this.axes.getContext("2d");
    if (!context) return;
    const [middle, reach] = [this.axes.width / 2, this.axes.width * 0.33];
    context.clearRect(0, 0, this.axes.width, this.axes.height);
    context.lineWidth = 3;
    context.lineCap = "round";
    context.font = "600 20px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    // Far ones first.
    for (const c of [0, 1, 2].sort((a, b) => m[4 * a + 2] - m[4 * b + 2])) {
      const [x, y] = [middle + m[4 * c] * reach, middle - m[4 * c + 1] * reach];
      context.strokeStyle = context.fillStyle = AXES[c][1];
      context.globalAlpha = m[4 * c + 2] < -0.2 ? 0.55 : 1;
      context.beginPath();
      context.moveTo(middle, middle);
      context.lineTo(x, y);
      context.stroke();
      context.fillText(AXES[c][0], middle + m[4 * c] * reach * 1.32, middle - m[4 * c + 1] * reach * 1.32);
    }
    context.globalAlpha = 1;
  }
}
