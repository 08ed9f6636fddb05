/** The line of time: what is there, where one looks, alarms and bookmarks as marks. Drawn on a canvas; a slider for keys and readers. */
import { axisMoments, type Loop } from "../../core/playhead.ts";
import { h } from "../../ui/dom.ts";

export interface Mark {
  readonly ms: number;
  readonly kind: "alarm" | "bookmark";
  /** Of an alarm: low, medium, high, critical. */
  readonly priority?: string;
  readonly text: string;
}

export interface TrackView {
  readonly fromMs: number;
  readonly toMs: number;
  /** Where the history begins. */
  readonly firstMs: number;
  readonly atMs: number;
  readonly past: boolean;
  readonly loop: Loop | null;
  readonly marks: readonly Mark[];
}

/** Width of a second [px] above which labels have tenths. */
const NEAR_PX = 5;

export class Track {
  readonly canvas = h("canvas", { class: "track-canvas", "aria-hidden": "true" });
  readonly tip = h("div", { class: "track-tip mono", "aria-hidden": "true", hidden: "" });
  readonly element = h(
    "div",
    { class: "track", id: "time-track", role: "slider", tabindex: "0", "aria-label": "Moment that is shown" },
    this.canvas,
    this.tip,
  );
  private view: TrackView | null = null;
  /** A span that is being marked, from where the drag began. */
  private marking: { fromMs: number; toMs: number } | null = null;

  constructor(
    private readonly onSeek: (ms: number) => void,
    private readonly onKey: (key: string, far: boolean) => boolean,
    private readonly onZoom: (factor: number, aroundMs: number) => void,
    private readonly onMark: (fromMs: number, toMs: number) => void,
  ) {
    const { element } = this;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      if (event.shiftKey) this.marking = { fromMs: this.msAt(event.offsetX), toMs: this.msAt(event.offsetX) };
      else this.seekTo(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (this.marking) this.marking.toMs = this.msAt(event.offsetX);
      else if (element.hasPointerCapture(event.pointerId)) this.seekTo(event);
      if (this.marking && this.view) this.draw(this.view);
      this.point(event);
    });
    element.addEventListener("pointerup", () => this.marked());
    element.addEventListener("pointercancel", () => (this.marking = null));
    element.addEventListener("pointerleave", () => (this.tip.hidden = true));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.onZoom(event.deltaY > 0 ? 1.25 : 0.8, this.msAt(event.offsetX));
    });
    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (this.onKey(event.key, event.shiftKey)) event.preventDefault();
    });
  }

  private marked(): void {
    const { marking } = this;
    this.marking = null;
    if (marking) this.onMark(Math.min(marking.fromMs, marking.toMs), Math.max(marking.fromMs, marking.toMs));
  }

  private seekTo(event: PointerEvent): void {
    const mark = this.markAt(event.offsetX);
    this.onSeek(mark ? mark.ms : this.msAt(event.offsetX));
  }

  private point(event: PointerEvent): void {
    const mark = this.markAt(event.offsetX);
    this.tip.textContent = mark ? `${clock(mark.ms, true)}  ${mark.text}` : clock(this.msAt(event.offsetX), true);
    this.tip.hidden = false;
    const most = this.element.clientWidth - this.tip.offsetWidth;
    this.tip.style.setProperty("left", `${Math.max(0, Math.min(event.offsetX - this.tip.offsetWidth / 2, most))}px`);
  }

  msAt(x: number): number {
    if (!this.view) return 0;
    return this.view.fromMs + (x / Math.max(1, this.element.clientWidth)) * (this.view.toMs - this.view.fromMs);
  }

  private markAt(x: number): Mark | null {
    if (!this.view) return null;
    const near = this.view.marks.filter((mark) => Math.abs(this.xOf(mark.ms) - x) <= 4);
    return near[0] ?? null;
  }

  private xOf(ms: number): number {
    const { fromMs, toMs } = this.view as TrackView;
    return ((ms - fromMs) / (toMs - fromMs)) * this.element.clientWidth;
  }

  draw(view: TrackView): void {
    this.view = view;
    const { element, canvas } = this;
    element.setAttribute("aria-valuemin", String(Math.round(view.fromMs)));
    element.setAttribute("aria-valuemax", String(Math.round(view.toMs)));
    element.setAttribute("aria-valuenow", String(Math.round(view.atMs)));
    element.setAttribute("aria-valuetext", view.past ? clock(view.atMs, true) : "live");
    const [width, height] = [element.clientWidth, element.clientHeight];
    if (width === 0) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * ratio)) [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = canvas.getContext("2d");
    if (!context) return;
    const style = getComputedStyle(element);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const line = height - 9;
    const begin = Math.max(0, this.xOf(view.firstMs));
    const at = this.xOf(view.atMs);
    context.fillStyle = color("--line");
    context.fillRect(begin, line - 1, width - begin, 3);
    context.fillStyle = view.past ? color("--warn") : color("--accent");
    context.fillRect(begin, line - 1, Math.max(0, at - begin), 3);
    const loop = this.marking ?? view.loop;
    if (loop) {
      const [from, to] = [this.xOf(loop.fromMs), this.xOf(loop.toMs)];
      context.globalAlpha = 0.25;
      context.fillRect(Math.min(from, to), line - 6, Math.abs(to - from), 13);
      context.globalAlpha = 1;
      for (const x of [from, to]) context.fillRect(Math.round(x) - 1, line - 6, 2, 13);
    }
    context.font = `10px ${color("--sans")}`;
    context.fillStyle = color("--faint");
    context.textAlign = "center";
    const near = width / ((view.toMs - view.fromMs) / 1000) > NEAR_PX * 12;
    for (const ms of axisMoments(view.fromMs, view.toMs, Math.max(2, width / 90))) {
      const x = this.xOf(ms);
      context.fillRect(Math.round(x), line + 4, 1, 4);
      const text = clock(ms, near);
      const half = context.measureText(text).width / 2;
      if (x - half >= 0 && x + half <= width) context.fillText(text, x, 10);
    }
    for (const mark of view.marks) this.drawMark(context, mark, line, color);
    context.fillStyle = view.past ? color("--warn") : color("--accent");
    context.fillRect(Math.round(at) - 1, 12, 3, height - 12);
  }

  private drawMark(context: CanvasRenderingContext2D, mark: Mark, line: number, color: (name: string) => string): void {
    const x = this.xOf(mark.ms);
    if (x < -4 || x > this.element.clientWidth + 4) return;
    context.beginPath();
    if (mark.kind === "alarm") {
      context.fillStyle = /high|critical/.test(mark.priority ?? "") ? color("--bad") : mark.priority === "medium" ? color("--warn") : color("--stale");
      context.moveTo(x, line - 9);
      context.lineTo(x + 4, line - 2);
      context.lineTo(x - 4, line - 2);
    } else {
      context.fillStyle = color("--text");
      context.moveTo(x, line - 5);
      context.lineTo(x + 4, line);
      context.lineTo(x, line + 5);
      context.lineTo(x - 4, line);
    }
    context.fill();
  }
}

/** UTC time of day; `fine` with tenths where they are not 0. */
export function clock(ms: number, fine = false): string {
  if (!Number.isFinite(ms)) return "--:--:--";
  const text = new Date(Math.round(ms)).toISOString();
  return fine ? text.slice(11, 21) : text.slice(11, 19);
}
