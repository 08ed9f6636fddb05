/** What is drawn over a picture: masks as pixels of a canvas of the picture's own size, all else as lines in its pixels. */
import { boxLines } from "./lens.ts";
import { colorOf, css, type Rgb } from "./palette.ts";
import { decode, eachStretch } from "./rle.ts";
import { svg } from "./svg.ts";
import type { Box, LabelClass, RecordCamera, RecordObject } from "./types.ts";

export interface Shown {
  readonly masks: boolean;
  readonly amodal: boolean;
  readonly boxes: boolean;
  readonly amodalBoxes: boolean;
  readonly turned: boolean;
  readonly solids: boolean;
  readonly keypoints: boolean;
  readonly names: boolean;
  readonly byInstance: boolean;
}

export const SHOWN: Shown = {
  ...{ masks: true, amodal: false, boxes: true, amodalBoxes: false, turned: false, solids: false, keypoints: true, names: false },
  byInstance: false,
};

/** Opacity of a mask, of the chosen object's, and of the others then; of 255. */
const [ALPHA, CHOSEN, OTHERS] = [96, 150, 36];

export class Marks {
  readonly canvas: HTMLCanvasElement;
  readonly lines: SVGElement;
  /** Place of the object from 1 at each pixel, row by row; 0 for none. */
  readonly owner: Uint16Array;
  private readonly places: ReadonlyMap<string, number>;

  constructor(
    private readonly camera: RecordCamera,
    private readonly classes: readonly LabelClass[],
  ) {
    const [width, height] = camera.resolution;
    this.canvas = document.createElement("canvas");
    [this.canvas.width, this.canvas.height] = [width, height];
    this.canvas.className = "shot-masks";
    this.lines = svg("svg", { class: "shot-lines", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" });
    this.places = new Map(classes.map(({ name }, place) => [name, place]));
    this.owner = new Uint16Array(width * height);
    camera.objects.forEach((object, k) => {
      const mask = decode(object.visible_rle);
      for (let at = 0; at < mask.length; at++) if (mask[at]) this.owner[at] = k + 1;
    });
  }

  /** The object at a pixel; -1 for none. */
  at(x: number, y: number): number {
    const [width, height] = this.camera.resolution;
    if (x < 0 || y < 0 || x >= width || y >= height) return -1;
    return this.owner[Math.floor(y) * width + Math.floor(x)] - 1;
  }

  colorOf(k: number, shown: Shown): Rgb {
    return colorOf(shown.byInstance ? k : (this.places.get(this.camera.objects[k].class) ?? 0));
  }

  /** `visible`: which objects are shown; `chosen`: the one in front, or -1. */
  draw(shown: Shown, visible: (object: RecordObject) => boolean, chosen: number): void {
    this.drawMasks(shown, visible, chosen);
    this.drawLines(shown, visible, chosen);
  }

  private drawMasks(shown: Shown, visible: (object: RecordObject) => boolean, chosen: number): void {
    const [width, height] = this.camera.resolution;
    const context = this.canvas.getContext("2d") as CanvasRenderingContext2D;
    const image = context.createImageData(width, height);
    const put = (at: number, [r, g, b]: Rgb, alpha: number): void => {
      image.data[4 * at] = r;
      image.data[4 * at + 1] = g;
      image.data[4 * at + 2] = b;
      image.data[4 * at + 3] = alpha;
    };
    const { objects } = this.camera;
    if (shown.masks) {
      const paint = objects.map((object, k) => (visible(object) ? this.colorOf(k, shown) : null));
      for (let at = 0; at < this.owner.length; at++) {
        const k = this.owner[at] - 1;
        const color = k >= 0 ? paint[k] : null;
        if (color) put(at, color, chosen < 0 ? ALPHA : k === chosen ? CHOSEN : OTHERS);
      }
    }
    // The rest of a silhouette, behind what hides it, as a pattern of every other pixel.
    objects.forEach((object, k) => {
      if (!(shown.amodal || (shown.masks && k === chosen)) || !visible(object)) return;
      const color = this.colorOf(k, shown);
      eachStretch(object.amodal_rle, (x, from, until) => {
        for (let y = from; y < until; y++) if (this.owner[y * width + x] !== k + 1 && (x + y) % 2 === 0) put(y * width + x, color, CHOSEN);
      });
    });
    context.putImageData(image, 0, 0);
  }

  private drawLines(shown: Shown, visible: (object: RecordObject) => boolean, chosen: number): void {
    const parts: SVGElement[] = [];
    this.camera.objects.forEach((object, k) => {
      if (!visible(object)) return;
      const made = this.linesOf(object, k, shown, k === chosen);
      if (made.length) parts.push(svg("g", { "data-object": k, stroke: css(this.colorOf(k, shown)), class: k === chosen ? "mark chosen" : "mark" }, ...made));
    });
    // The chosen one lies above the others.
    parts.sort((a, b) => Number(a.classList.contains("chosen")) - Number(b.classList.contains("chosen")));
    this.lines.replaceChildren(...parts);
  }

  private linesOf(object: RecordObject, k: number, shown: Shown, chosen: boolean): SVGElement[] {
    const out: SVGElement[] = [];
    const line = (tag: string, attributes: Record<string, string | number>): void => {
      out.push(svg(tag, { fill: "none", "vector-effect": "non-scaling-stroke", ...attributes }));
    };
    if (shown.amodalBoxes && object.bbox_amodal) line("rect", { class: "mark-amodal", ...rect(object.bbox_amodal) });
    if (shown.boxes && object.bbox_visible) line("rect", { class: "mark-box", ...rect(object.bbox_visible) });
    if (shown.turned && object.obb) line("polygon", { class: "mark-turned", points: object.obb.map((p) => p.join()).join(" ") });
    if (shown.solids || chosen)
      for (const points of boxLines(this.camera, object.bbox_3d)) line("polyline", { class: "mark-solid", points: points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ") });
    if (shown.keypoints) out.push(...this.keypointsOf(object));
    const box = object.bbox_visible ?? object.bbox_amodal;
    if (shown.names && box) {
      const text = shown.byInstance ? `${object.class} ${object.instance_id}` : object.class;
      out.push(svg("text", { class: "mark-name", x: box[0], y: Math.max(box[1] - 2, 8), fill: css(this.colorOf(k, shown)) }, text));
    }
    return out;
  }

  private keypointsOf(object: RecordObject): SVGElement[] {
    const points = object.keypoints ?? [];
    const at = new Map(points.map(({ name, px, v }) => [name, v > 0 ? px : null]));
    const names = this.classes.find(({ name }) => name === object.class);
    const nameOf = (one: number | string): string => (typeof one === "number" ? (names?.keypoints?.[one - 1] ?? "") : one);
    const out: SVGElement[] = [];
    for (const [a, b] of names?.skeleton ?? []) {
      const [from, to] = [at.get(nameOf(a)), at.get(nameOf(b))];
      if (from && to) out.push(svg("line", { class: "mark-bone", x1: from[0], y1: from[1], x2: to[0], y2: to[1], "vector-effect": "non-scaling-stroke" }));
    }
    for (const { name, px, v } of points)
      if (px && v > 0) out.push(svg("circle", { class: v === 2 ? "mark-point seen" : "mark-point", cx: px[0], cy: px[1], r: 2.5, "vector-effect": "non-scaling-stroke" }, svg("title", {}, `${name}${v === 2 ? "" : ", hidden"}`)));
    return out;
  }
}

function rect([x, y, width, height]: Box): Record<string, number> {
  return { x, y, width, height };
}
