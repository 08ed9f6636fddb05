/** A signal's recent course as a thin line on a small canvas. */
import type { Store } from "../core/store.ts";

/** A time [ms since 1970] and a value. */
export type Point = [number, number];

/** How far back a short line goes [ms]. */
export const SPAN_MS = 20_000;

/** How a canvas is laid out. To ask for it makes the browser lay out the page: ask for all, then write, then draw. */
export interface Look {
  readonly width: number;
  readonly height: number;
  readonly color: string;
}

export function lookOf(canvas: HTMLCanvasElement): Look {
  const { clientWidth: width, clientHeight: height } = canvas;
  return { width, height, color: width > 0 ? getComputedStyle(canvas).color : "" };
}

/** What this page has seen of a signal in the last `spanMs` up to `nowMs`, the oldest first. */
export function courseOf(store: Store, signal: number, nowMs: number, spanMs: number): Point[] {
  const ring = store.history(signal);
  const points: Point[] = [];
  for (let k = 0; ring && k < ring.length; k++) {
    const i = ring.at(k);
    if (nowMs >= ring.time[i] && nowMs - ring.time[i] <= spanMs) points.push([ring.time[i], ring.value[i]]);
  }
  return points;
}

/** Draws points over the last `spanMs` up to `nowMs`; the last one holds until then. */
export function drawCourse(
  canvas: HTMLCanvasElement,
  { width, height, color }: Look,
  points: Point[],
  nowMs: number,
  spanMs: number,
  stepped: boolean,
): void {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  if (width === 0) return;
  if (canvas.width !== Math.round(width * ratio))
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  if (points.length === 0) return;
  points.push([nowMs, points[points.length - 1][1]]);
  const low = Math.min(...points.map((p) => p[1]));
  const high = Math.max(...points.map((p) => p[1]));
  const y = (value: number): number =>
    high > low ? height - 2 - ((value - low) / (high - low)) * (height - 4) : height / 2;
  const x = (time: number): number => width - 1 - ((nowMs - time) / spanMs) * (width - 2);
  context.beginPath();
  points.forEach(([time, value], k) => {
    if (k === 0) return context.moveTo(x(time), y(value));
    if (stepped) context.lineTo(x(time), y(points[k - 1][1]));
    context.lineTo(x(time), y(value));
  });
  context.strokeStyle = color;
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  context.stroke();
}
