/** Pictures as tiles, of which only those exist that can be seen: ten thousand cost no more than fifty. */
import { h } from "../ui/dom.ts";
import { colorOf, css } from "./palette.ts";
import type { Source } from "./source.ts";
import { svg } from "./svg.ts";
import type { FoundPicture } from "./types.ts";

const GAP = 8;
const CAPTION = 22;
/** Rows beyond the edge that are there, too. */
const MARGIN_ROWS = 2;
const WIDTHS = [96, 160, 240, 320, 480];

interface Tile {
  readonly element: HTMLElement;
  /** What it shows, to see whether that is another one. */
  key: string;
}

export class Grid {
  private readonly plane = h("div", { class: "tiles-plane" });
  readonly element = h("div", { class: "tiles", role: "listbox", tabindex: "0", "aria-label": "Pictures", "aria-multiselectable": "true" }, this.plane);
  private readonly tiles = new Map<number, Tile>();
  private source: Source | null = null;
  private columns = 1;
  private tile = { width: 200, height: 150 };
  private wanted = 200;
  private boxes = true;
  private placed = "";
  current = 0;
  readonly ticked = new Set<string>();

  constructor(
    private readonly onOpen: (place: number) => void,
    private readonly onTick: () => void,
  ) {
    this.element.addEventListener("scroll", () => this.draw());
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => {
      const target = event.target as Element;
      const tile = target.closest<HTMLElement>(".tile");
      if (!tile) return;
      const place = Number(tile.dataset.place);
      this.setCurrent(place, false);
      if (target.closest(".tile-tick") || event.ctrlKey || event.metaKey) this.tick(place);
      else this.onOpen(place);
    });
    new ResizeObserver(() => this.lay()).observe(this.element);
  }

  setSource(source: Source | null): void {
    this.source = source;
    this.ticked.clear();
    this.changed(true);
  }

  setSize(width: number): void {
    this.wanted = width;
    this.lay();
  }

  setBoxes(on: boolean): void {
    this.boxes = on;
    this.renew();
  }

  /** Other pictures, or more of them are here. `top`: it is another question. */
  changed(top = false): void {
    if (top) {
      this.current = 0;
      this.element.scrollTop = 0;
      this.renew();
    }
    this.lay();
  }

  /** A tile for that place is current, and in sight. */
  setCurrent(place: number, into = true): void {
    const total = this.source?.total ?? 0;
    this.current = Math.max(0, Math.min(total - 1, place));
    const step = this.tile.height + CAPTION + GAP;
    const y = Math.floor(this.current / this.columns) * step;
    if (into && y < this.element.scrollTop) this.element.scrollTop = y;
    if (into && y + step + GAP > this.element.scrollTop + this.element.clientHeight)
      this.element.scrollTop = y + step + GAP - this.element.clientHeight;
    this.draw();
  }

  tick(place: number): void {
    const picture = this.source?.at(place);
    if (!picture) return;
    const key = keyOf(picture);
    if (!this.ticked.delete(key)) this.ticked.add(key);
    this.renew();
    this.onTick();
  }

  private renew(): void {
    for (const tile of this.tiles.values()) tile.key = "";
    this.draw();
  }

  private lay(): void {
    const width = this.element.clientWidth - GAP;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.round(width / (this.wanted + GAP)));
    const first = this.source?.at(0);
    const aspect = first && first.width > 0 ? Math.min(1.4, Math.max(0.4, first.height / first.width)) : 0.75;
    const across = Math.floor(width / this.columns) - GAP;
    this.tile = { width: across, height: Math.round(across * aspect) };
    const rows = Math.ceil((this.source?.total ?? 0) / this.columns);
    this.plane.style.height = `${rows * (this.tile.height + CAPTION + GAP) + GAP}px`;
    this.placed = "";
    this.draw();
  }

  private draw(): void {
    const { source, columns, tile } = this;
    const step = tile.height + CAPTION + GAP;
    const total = source?.total ?? 0;
    const top = Math.floor(this.element.scrollTop / step) - MARGIN_ROWS;
    const bottom = Math.ceil((this.element.scrollTop + this.element.clientHeight) / step) + MARGIN_ROWS;
    const from = Math.max(0, top * columns);
    const until = Math.min(total, bottom * columns);
    for (const [place, { element }] of this.tiles)
      if (place < from || place >= until) {
        element.remove();
        this.tiles.delete(place);
      }
    const layout = `${columns} ${tile.width} ${tile.height}`;
    for (let place = from; place < until; place++) {
      let made = this.tiles.get(place);
      if (!made) {
        made = { element: h("div", { class: "tile", role: "option", id: `tile-${place}`, "data-place": String(place) }), key: "" };
        this.tiles.set(place, made);
        this.plane.append(made.element);
        this.position(made.element, place);
      } else if (layout !== this.placed) this.position(made.element, place);
      const picture = source?.at(place) ?? null;
      const key = picture ? `${keyOf(picture)} ${picture.image} ${this.boxes} ${tile.width} ${this.ticked.has(keyOf(picture))} ${picture.objects}` : "…";
      if (made.key !== key) {
        made.key = key;
        this.fill(made.element, picture);
      }
      made.element.setAttribute("aria-posinset", String(place + 1));
      made.element.setAttribute("aria-setsize", String(total));
      made.element.dataset.current = String(place === this.current);
      made.element.setAttribute("aria-selected", String(picture !== null && this.ticked.has(keyOf(picture))));
    }
    this.placed = layout;
    if (total > 0) this.element.setAttribute("aria-activedescendant", `tile-${this.current}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  private position(element: HTMLElement, place: number): void {
    const { width, height } = this.tile;
    element.style.width = `${width}px`;
    element.style.height = `${height + CAPTION}px`;
    element.style.left = `${GAP + (place % this.columns) * (width + GAP)}px`;
    element.style.top = `${GAP + Math.floor(place / this.columns) * (height + CAPTION + GAP)}px`;
  }

  private fill(element: HTMLElement, picture: FoundPicture | null): void {
    const { source } = this;
    if (!picture || !source) {
      element.replaceChildren(h("div", { class: "tile-picture" }));
      return;
    }
    const { width, height } = this.tile;
    const shot = h("div", { class: "tile-picture" });
    shot.style.height = `${height}px`;
    if (picture.image) {
      const dense = width * Math.min(2, window.devicePixelRatio);
      const image = h("img", { src: source.thumbnail(picture.image, WIDTHS.find((one) => one >= dense) ?? 480), alt: "", draggable: "false", decoding: "async" });
      shot.append(image);
      if (this.boxes && picture.boxes.length) shot.append(boxesOf(picture, width, height));
    } else shot.append(h("p", { class: "tile-reason" }, picture.rejected ? `Rejected: ${picture.rejected}` : "No picture"));
    const told = picture.rejected ? "rejected" : [picture.camera, picture.split].filter(Boolean).join(", ");
    const tick = h("span", { class: "tile-tick", title: "Choose (Space)", "aria-hidden": "true" });
    const caption = h(
      "div",
      { class: "tile-caption" },
      h("b", {}, h("span", { class: "sr" }, "Frame "), String(picture.frame)),
      h("span", {}, told),
      h("span", { class: "tile-count" }, picture.rejected ? "" : String(picture.objects), h("span", { class: "sr" }, " objects")),
    );
    element.replaceChildren(shot, caption, tick);
  }

  private key(event: KeyboardEvent): void {
    const rows = Math.max(1, Math.floor(this.element.clientHeight / (this.tile.height + CAPTION + GAP)));
    const total = this.source?.total ?? 0;
    const steps: Record<string, number> = {
      ...{ ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns },
      ...{ PageDown: rows * this.columns, PageUp: -rows * this.columns, Home: -total, End: total },
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.setCurrent(this.current + steps[event.key]);
    else if (event.key === "Enter" && total > 0) this.onOpen(this.current);
    else if (event.key === " " && total > 0) this.tick(this.current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export function keyOf(picture: FoundPicture): string {
  return `${picture.frame} ${picture.camera ?? ""}`;
}

function boxesOf(picture: FoundPicture, width: number, height: number): SVGElement {
  const out = svg("svg", { viewBox: `0 0 ${picture.width} ${picture.height}`, width, height, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const { label, box } of picture.boxes)
    out.append(svg("rect", { x: box[0], y: box[1], width: box[2], height: box[3], stroke: css(colorOf(label)), fill: "none", "vector-effect": "non-scaling-stroke" }));
  return out;
}

/** "1 picture", "12 pictures". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

