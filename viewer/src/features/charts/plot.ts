/** One uPlot chart: lines with bands, shaded quality, limits and alarms as lines, axes by unit. It draws what it is given. */
import uPlot from "uplot";
import type { Aligned, Shade } from "../../core/chart-data.ts";
import { formatNumber } from "../../core/format.ts";
import { spaced } from "../../core/spaced.ts";

export interface Line {
  readonly label: string;
  /** Unit as it is shown; lines of one unit share an axis. */
  readonly unit: string;
  readonly color: string;
  readonly stepped: boolean;
}

export interface Level {
  readonly unit: string;
  readonly value: number;
  readonly text: string;
  readonly severe: boolean;
}

export interface Moment {
  readonly seconds: number;
  readonly severe: boolean;
}

export interface Picture {
  readonly lines: readonly Line[];
  readonly data: Aligned;
  readonly shades: readonly Shade[];
  readonly levels: readonly Level[];
  readonly alarms: readonly Moment[];
  /** Where the page's time is, of the past; null live. */
  readonly playhead: number | null;
  readonly window: readonly [fromSeconds: number, toSeconds: number];
}

export interface PlotEvents {
  zoom(fromMs: number, toMs: number): void;
  seek(ms: number): void;
  cursor(ms: number | null): void;
}

export class Plot {
  private plot: uPlot | null = null;
  private picture: Picture | null = null;
  private key = "";
  /** Whether the pointer was pressed in this very plot. */
  private pressed = false;
  /** Baselines of the limits' names [px of the canvas]. */
  private labels: number[] = [];

  constructor(
    private readonly root: HTMLElement,
    private readonly events: PlotEvents,
    private readonly sync: string,
  ) {}

  draw(picture: Picture): void {
    this.picture = picture;
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width < 40 || height < 40) return;
    const key = JSON.stringify([picture.lines, document.documentElement.dataset.theme ?? ""]);
    if (this.plot && key === this.key) {
      if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
      this.plot.batch(() => {
        this.plot?.setData(this.data, false);
        this.plot?.setScale("x", { min: picture.window[0], max: picture.window[1] });
      });
      this.plot.redraw();
      return;
    }
    this.key = key;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(width, height), this.data, this.root);
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  /** Points that are drawn of each line, for tests: [seconds, value] pairs; null is a gap. */
  drawn(): (readonly [number, number | null])[][] {
    const { picture } = this;
    if (!picture) return [];
    return picture.lines.map((_, line) =>
      picture.data.seconds.flatMap((at, k): (readonly [number, number | null])[] => {
        const value = picture.data.columns[3 * line][k];
        return value === undefined ? [] : [[at, value]];
      }),
    );
  }

  /** Where the names of the limits stand, for tests. */
  get labelHeights(): readonly number[] {
    return this.labels;
  }

  private get data(): uPlot.AlignedData {
    const { seconds, columns } = (this.picture as Picture).data;
    return [seconds, ...columns] as uPlot.AlignedData;
  }

  private options(width: number, height: number): uPlot.Options {
    const { lines } = this.picture as Picture;
    const style = getComputedStyle(this.root);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const units = [...new Set(lines.map(({ unit }) => unit))];
    const grid = { stroke: color("--line-soft"), width: 1 };
    const axis = { stroke: color("--dim"), font: `11px ${color("--sans")}`, ticks: { ...grid, size: 4 }, grid };
    return {
      ...{ width, height, ms: 1e-3 as const, legend: { show: false }, pxAlign: 0 },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: {
        x: { time: true, auto: false, range: () => [...(this.picture as Picture).window] as [number, number] },
        ...Object.fromEntries(units.map((unit) => [`u:${unit}`, { range: (_: uPlot, min: number, max: number) => this.range(unit, min, max) }])),
      },
      axes: [
        { ...axis, size: 26, space: 90, values: (_u: uPlot, splits: number[], _a: number, _s: number, step: number) => splits.map((at) => timeOf(at, step)) },
        ...units.map((unit, k) => ({
          ...{ ...axis, scale: `u:${unit}`, side: k % 2 ? (1 as const) : (3 as const), size: 56, label: unit || " ", labelSize: 14, labelFont: axis.font },
          grid: k === 0 ? grid : { show: false },
          values: (_: uPlot, splits: number[]) => splits.map((value) => formatNumber(value)),
        })),
      ],
      series: [{}, ...lines.flatMap((line) => seriesOf(line))],
      bands: lines.map(({ color: stroke }, k) => ({ series: [3 + 3 * k, 2 + 3 * k] as [number, number], fill: withAlpha(stroke, 0.22) })),
      cursor: {
        ...{ sync: { key: this.sync, setSeries: false }, drag: { x: true, y: false, setScale: false }, y: false },
        points: { size: 6, show: true },
        focus: { prox: -1 },
      },
      hooks: {
        drawClear: [(plot) => this.shade(plot, color)],
        draw: [(plot) => this.mark(plot, color)],
        setSelect: [(plot) => this.select(plot)],
        setCursor: [(plot) => this.events.cursor(plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") * 1000 : null)],
        ready: [(plot) => plot.over.addEventListener("mousedown", () => (this.pressed = true)), (plot) => plot.over.addEventListener("dblclick", (event) => this.events.seek(plot.posToVal(event.offsetX, "x") * 1000))],
      },
    };
  }

  /** Of an axis: what is drawn and its limits, with a margin. */
  private range(unit: string, min: number | null, max: number | null): [number, number] {
    const levels = (this.picture as Picture).levels.filter((level) => level.unit === unit).map(({ value }) => value);
    const [low, high] = [Math.min(...levels, min ?? Infinity), Math.max(...levels, max ?? -Infinity)];
    if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
    const margin = high > low ? (high - low) * 0.08 : Math.max(Math.abs(high) * 0.1, 0.5);
    return [low - margin, high + margin];
  }

  private select(plot: uPlot): void {
    const { left, width } = plot.select;
    const own = this.pressed; // the others of the same cursor tell of it, too
    if (width < 4 || !own) return;
    this.pressed = false;
    const [from, to] = [plot.posToVal(left, "x") * 1000, plot.posToVal(left + width, "x") * 1000];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.events.zoom(from, to);
  }

  private shade(plot: uPlot, color: (name: string) => string): void {
    const { ctx, bbox } = plot;
    const colors = { uncertain: color("--warn"), bad: color("--bad"), stale: color("--stale") };
    ctx.save();
    clip(ctx, bbox);
    for (const { fromMs, toMs, grade } of (this.picture as Picture).shades) {
      const [left, right] = [plot.valToPos(fromMs / 1000, "x", true), plot.valToPos(toMs / 1000, "x", true)];
      ctx.globalAlpha = 0.16;
      ctx.fillStyle = colors[grade];
      ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
      ctx.globalAlpha = 0.9;
      ctx.fillRect(left, bbox.top + bbox.height - 3, Math.max(right - left, 1), 3);
    }
    ctx.restore();
  }

  private mark(plot: uPlot, color: (name: string) => string): void {
    const { ctx, bbox } = plot;
    const picture = this.picture as Picture;
    ctx.save();
    clip(ctx, bbox);
    ctx.lineWidth = Math.max(1, window.devicePixelRatio);
    ctx.font = `${10 * window.devicePixelRatio}px ${color("--sans")}`;
    ctx.textAlign = "left"; // the axes were drawn with another
    ctx.textBaseline = "alphabetic";
    const heights = picture.levels.map((level) => plot.valToPos(level.value, `u:${level.unit}`, true));
    const size = 11 * window.devicePixelRatio;
    this.labels = spaced(heights.map((y) => y - 4), size, bbox.top, bbox.top + bbox.height);
    for (const [k, level] of picture.levels.entries()) {
      const y = heights[k];
      ctx.strokeStyle = ctx.fillStyle = level.severe ? color("--bad") : color("--warn");
      line(ctx, [bbox.left, y], [bbox.left + bbox.width, y], [6, 4]);
      ctx.fillText(level.text, bbox.left + 6, this.labels[k]);
    }
    for (const { seconds, severe } of picture.alarms) {
      const x = plot.valToPos(seconds, "x", true);
      ctx.strokeStyle = severe ? color("--bad") : color("--warn");
      line(ctx, [x, bbox.top], [x, bbox.top + bbox.height], [2, 3]);
    }
    if (picture.playhead !== null) {
      const x = plot.valToPos(picture.playhead, "x", true);
      ctx.strokeStyle = color("--warn");
      ctx.lineWidth = 2 * window.devicePixelRatio;
      line(ctx, [x, bbox.top], [x, bbox.top + bbox.height], []);
    }
    ctx.restore();
  }
}

/** UTC by 24 hours, as everywhere in the page, as fine as steps of so many seconds ask for. */
function timeOf(seconds: number, step: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return step >= 86_400 ? iso.slice(0, 10) : step >= 60 ? iso.slice(11, 16) : step >= 1 ? iso.slice(11, 19) : iso.slice(11, 23);
}

function seriesOf({ label, unit, color, stepped }: Line): uPlot.Series[] {
  const scale = `u:${unit}`;
  const made = stepped ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
  const paths = made ?? (() => null);
  const edge = { scale, paths, stroke: "transparent", width: 0, points: { show: false } };
  return [
    { label, scale, paths, stroke: color, width: 1.5, points: { show: false } },
    { ...edge, label: `${label} min` },
    { ...edge, label: `${label} max` },
  ];
}

function clip(ctx: CanvasRenderingContext2D, { left, top, width, height }: uPlot.BBox): void {
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
}

function line(ctx: CanvasRenderingContext2D, from: readonly [number, number], to: readonly [number, number], dash: number[]): void {
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

function withAlpha(color: string, alpha: number): string {
  return `${color}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;
}
