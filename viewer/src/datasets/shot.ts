/** One picture, large: what an image of the frame shows, with marks over it. The wheel zooms, a drag moves, a click chooses. */
import { h, setText } from "../ui/dom.ts";
import { Marks, type Shown } from "./marks.ts";
import type { LabelClass, RecordCamera, RecordObject } from "./types.ts";

const [LEAST, MOST] = [0.05, 32];
const CLICK_PX = 4;

export class Shot {
  private readonly image = h("img", { class: "shot-image", alt: "", draggable: "false" });
  private readonly plane = h("div", { class: "shot-plane" }, this.image);
  private readonly hint = h("div", { class: "shot-hint", role: "status" });
  readonly element = h("div", { class: "shot", role: "group", tabindex: "0", "aria-label": "Picture: arrow keys to the next one, + and - zoom, 0 fits, 1 is full size" }, this.plane, this.hint);
  private marks: Marks | null = null;
  private camera: RecordCamera | null = null;
  /** CSS pixels a pixel of the picture; 0: as it fits. */
  private zoom = 0;
  private offset: [number, number] = [0, 0];
  private drag: { x: number; y: number; offset: [number, number]; moved: boolean } | null = null;
  hovered = -1;

  constructor(
    private readonly onChoose: (object: number) => void,
    private readonly onHover: (object: number) => void,
  ) {
    const { element } = this;
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.drag = { x: event.clientX, y: event.clientY, offset: this.offset, moved: false };
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => {
      if (this.drag && !this.drag.moved) this.onChoose(this.objectAt(event));
      this.drag = null;
    });
    element.addEventListener("pointerleave", () => this.setHover(-1, 0, 0));
    new ResizeObserver(() => this.lay()).observe(element);
  }

  /** Another picture. `camera` null: there is none to mark. */
  show(camera: RecordCamera | null, classes: readonly LabelClass[]): void {
    const same = this.camera && camera && this.camera.resolution.join() === camera.resolution.join();
    this.camera = camera;
    this.marks = camera ? new Marks(camera, classes) : null;
    this.image.hidden = camera === null;
    this.plane.replaceChildren(this.image, ...(this.marks ? [this.marks.canvas, this.marks.lines as unknown as Node] : []));
    this.setHover(-1, 0, 0);
    if (!same) [this.zoom, this.offset] = [0, [0, 0]];
    this.lay();
  }

  /** The file that lies below the marks; null: nothing but them. */
  setImage(url: string | null): void {
    this.image.hidden = url === null;
    if (url !== null && this.image.src !== url) this.image.src = url;
  }

  mark(shown: Shown, visible: (object: RecordObject) => boolean, chosen: number): void {
    this.marks?.draw(shown, visible, chosen);
  }

  colorOf(k: number, shown: Shown): readonly [number, number, number] {
    return this.marks?.colorOf(k, shown) ?? [128, 128, 128];
  }

  /** 0: as it fits; else CSS pixels a pixel of the picture, about the middle. */
  setZoom(zoom: number): void {
    const before = this.scale();
    const { clientWidth, clientHeight } = this.element;
    if (zoom === 0) [this.zoom, this.offset] = [0, [0, 0]];
    else {
      this.zoom = Math.min(MOST, Math.max(LEAST, zoom));
      this.about(before, this.zoom, clientWidth / 2, clientHeight / 2);
    }
    this.lay();
  }

  zoomBy(factor: number): void {
    this.setZoom(this.scale() * factor);
  }

  private scale(): number {
    if (this.zoom > 0 || !this.camera) return this.zoom || 1;
    const [width, height] = this.camera.resolution;
    return Math.max(LEAST, Math.min(this.element.clientWidth / width, this.element.clientHeight / height, 8));
  }

  private about(before: number, after: number, x: number, y: number): void {
    const [left, top] = this.corner(before);
    const [px, py] = [(x - left) / before, (y - top) / before];
    const [width, height] = this.camera?.resolution ?? [1, 1];
    // Where the corner has to be for that pixel to stay, as an offset from the middle.
    this.offset = [x - px * after - (this.element.clientWidth - width * after) / 2, y - py * after - (this.element.clientHeight - height * after) / 2];
  }

  private corner(scale: number): [number, number] {
    const [width, height] = this.camera?.resolution ?? [1, 1];
    return [
      Math.round((this.element.clientWidth - width * scale) / 2 + this.offset[0]),
      Math.round((this.element.clientHeight - height * scale) / 2 + this.offset[1]),
    ];
  }

  private lay(): void {
    const { camera } = this;
    if (!camera) return;
    const scale = this.scale();
    const [left, top] = this.corner(scale);
    const { style } = this.plane;
    style.width = `${camera.resolution[0] * scale}px`;
    style.height = `${camera.resolution[1] * scale}px`;
    style.transform = `translate(${left}px, ${top}px)`;
    this.plane.dataset.coarse = String(scale >= 2);
    this.element.dataset.zoom = String(Math.round(scale * 100));
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { left, top } = this.element.getBoundingClientRect();
    const before = this.scale();
    const after = Math.min(MOST, Math.max(LEAST, before * Math.exp(-event.deltaY * 0.0016)));
    this.about(before, after, event.clientX - left, event.clientY - top);
    this.zoom = after;
    this.lay();
  }

  private move(event: PointerEvent): void {
    const { drag } = this;
    if (!drag) return this.setHover(this.objectAt(event), event.clientX, event.clientY);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < CLICK_PX) return;
    drag.moved = true;
    if (this.zoom === 0) this.zoom = this.scale();
    this.offset = [drag.offset[0] + dx, drag.offset[1] + dy];
    this.lay();
  }

  private objectAt(event: PointerEvent): number {
    const { left, top } = this.element.getBoundingClientRect();
    const scale = this.scale();
    const [x, y] = this.corner(scale);
    return this.marks?.at((event.clientX - left - x) / scale, (event.clientY - top - y) / scale) ?? -1;
  }

  private setHover(object: number, x: number, y: number): void {
    const item = object >= 0 ? this.camera?.objects[object] : undefined;
    this.hint.hidden = !item;
    if (item) {
      const { left, top, width } = this.element.getBoundingClientRect();
      setText(this.hint, hintOf(item));
      const flip = x - left > width * 0.6 ? "translateX(-100%) translateX(-24px)" : "";
      this.hint.style.transform = `translate(${Math.round(x - left) + 14}px, ${Math.round(y - top) + 14}px) ${flip}`;
    }
    if (object === this.hovered) return;
    this.hovered = object;
    this.onHover(object);
  }
}

export function hintOf(item: RecordObject): string {
  const name = item.prim_path.split("/").pop() ?? "";
  const point = item.point_id === null || item.point_id === undefined || item.point_id < 0 ? "" : ` [${item.point_id}]`;
  return `${item.class}: ${name}${point}\n${item.visible_px.toLocaleString("en")} px seen\nocclusion ${percent(item.occlusion)}, truncation ${percent(item.truncation)}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}
