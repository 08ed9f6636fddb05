/** States over time as coloured rows: enum, bool and string signals. */
import type { Span } from "../../core/chart-data.ts";
import { axisMoments } from "../../core/playhead.ts";

export interface Row {
  readonly signal: string;
  readonly spans: readonly Span[];
}

const ROW = 22;
const HEAD = 16;
/** Width of names [px]: where a plot's axis is. */
const LEFT = 120;
/** Muted hues that are told apart beside each other, on dark and on light. */
const HUES = ["#4a7fa5", "#6b8e5a", "#9a7b4f", "#7d6aa3", "#4f9a94", "#a3667d", "#86894a", "#5f76b5"] as const;

/** Where hues by the text would be the same, or say nothing. */
const KNOWN: Readonly<Record<string, string>> = { on: "#6b8e5a", true: "#6b8e5a", off: "#5c6670", false: "#5c6670" };

const OFF = "#68717a";

export function heightOf(rows: number): number {
  return HEAD + rows * ROW + 4;
}

/** The color of a state: the same for the same text. */
export function hueOf(text: string): string {
  // What is off is grey, and never the colour of what is on.
  if (text === "off") return OFF;
  if (Object.hasOwn(KNOWN, text)) return KNOWN[text];
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return HUES[sum % HUES.length];
}

export function drawTimeline(canvas: HTMLCanvasElement, rows: readonly Row[], fromMs: number, toMs: number, playhead: number | null): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const context = canvas.getContext("2d");
  if (!context || width <= LEFT) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio))
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const style = getComputedStyle(canvas);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const x = (ms: number): number => LEFT + ((ms - fromMs) / (toMs - fromMs)) * (width - LEFT - 8);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${color("--sans")}`;
  context.textBaseline = "middle";
  context.fillStyle = color("--faint");
  context.textAlign = "center";
  for (const ms of axisMoments(fromMs, toMs, Math.max(2, (width - LEFT) / 90)))
    context.fillText(new Date(ms).toISOString().slice(11, 19), Math.min(x(ms), width - 26), HEAD / 2);
  context.textAlign = "left";
  rows.forEach(({ signal, spans }, k) => {
    const top = HEAD + k * ROW;
    context.fillStyle = color("--dim");
    context.fillText(clipped(context, signal, LEFT - 12), 4, top + ROW / 2);
    for (const span of spans) {
      // What began before the window, or the window has left behind, must not lie over the names.
      const [left, right] = [x(Math.max(span.fromMs, fromMs)), x(Math.min(span.toMs, toMs))];
      if (right > left) drawSpan(context, span, [left, top + 2, right - left, ROW - 4], color);
    }
  });
  if (playhead === null) return;
  context.fillStyle = color("--warn");
  context.fillRect(x(playhead) - 1, HEAD, 2, rows.length * ROW);
}

function drawSpan(context: CanvasRenderingContext2D, span: Span, [left, top, width, height]: readonly number[], color: (name: string) => string): void {
  const bad = span.grade === "bad" || span.grade === "stale";
  context.fillStyle = bad ? color("--stale") : hueOf(span.text);
  context.globalAlpha = bad ? 0.35 : 1;
  context.fillRect(left, top, Math.max(1, width - 1), height);
  context.globalAlpha = 1;
  if (span.grade === "uncertain") {
    context.fillStyle = color("--warn");
    context.fillRect(left, top + height - 3, width, 3);
  }
  if (width < 24) return;
  context.fillStyle = bad ? color("--text") : "#ffffff";
  context.fillText(clipped(context, span.text, width - 8), left + 4, top + height / 2);
}

function clipped(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 0 && context.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return length > 0 ? `${text.slice(0, length)}…` : "";
}
