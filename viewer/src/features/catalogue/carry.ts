/**
 * An asset on its way from a tile into the picture: its box stands on what lies below the pointer, and when it is let go there, it
 * is placed. Escape puts it back.
 */
import { BoxGeometry, EdgesGeometry, Group, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial } from "three";
import { plainNumber, StageUnits } from "../../core/stage-units.ts";
import { standsAt, uprightBox, type Bounds } from "../../core/standing.ts";
import { byId, h, setText } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { type Spot, spotAt } from "./spot.ts";
import type { Asset } from "./types.ts";

/** A press that moves so far is a drag [px]. */
const BEGIN_PX = 6;
const LEAST_M = 0.01;

export class Carry {
  private readonly box = new BoxOfSize();
  private readonly chip = h("div", { class: "asset-carry", "aria-hidden": "true" });
  private asset: Asset | null = null;
  private from = { x: 0, y: 0 };
  private at = { x: 0, y: 0 };
  private scheduled = 0;
  private started = false;
  private end: (() => void) | null = null;
  /** Where it would stand now; null: nowhere. */
  spot: Spot | null = null;

  constructor(
    private readonly bench: Workbench,
    private readonly pictureOf: (asset: Asset) => string,
    private readonly dropped: (asset: Asset, spot: Spot) => void,
  ) {
    this.chip.hidden = true;
    document.body.append(this.chip);
    bench.viewport.extras.add(this.box.group);
  }

  get isOn(): boolean {
    return this.started;
  }

  /** A tile was pressed: perhaps it is carried away. */
  press(asset: Asset, tile: HTMLElement, event: PointerEvent): void {
    this.stop();
    this.asset = asset;
    this.from = this.at = { x: event.clientX, y: event.clientY };
    const { pointerId } = event;
    const move = (next: PointerEvent): void => this.move(next, tile, pointerId);
    const up = (): void => this.drop();
    const cancel = (): void => this.stop();
    const key = (pressed: KeyboardEvent): void => {
      if (pressed.key !== "Escape" || !this.started) return;
      pressed.preventDefault();
      pressed.stopPropagation();
      this.stop();
    };
    tile.addEventListener("pointermove", move);
    tile.addEventListener("pointerup", up);
    tile.addEventListener("pointercancel", cancel);
    document.addEventListener("keydown", key, true);
    this.end = () => {
      tile.removeEventListener("pointermove", move);
      tile.removeEventListener("pointerup", up);
      tile.removeEventListener("pointercancel", cancel);
      document.removeEventListener("keydown", key, true);
    };
  }

  private move(event: PointerEvent, tile: HTMLElement, pointerId: number): void {
    this.at = { x: event.clientX, y: event.clientY };
    if (!this.started) {
      if (Math.hypot(this.at.x - this.from.x, this.at.y - this.from.y) < BEGIN_PX) return;
      this.begin();
      tile.setPointerCapture(pointerId);
    }
    // One search a frame is enough, and as much as a slow machine can do.
    if (!this.scheduled) this.scheduled = requestAnimationFrame(() => this.follow());
  }

  private begin(): void {
    const { asset, bench } = this;
    if (!asset) return;
    this.started = true;
    // Positions are counted from the view's origin, which stays meanwhile.
    bench.viewport.holdsOrigin = true;
    this.box.fit(uprightBox(asset));
    this.chip.replaceChildren(h("img", { src: this.pictureOf(asset), alt: "" }), h("span", {}, asset.title));
    this.chip.hidden = false;
    document.documentElement.dataset.carrying = "true";
  }

  private follow(): void {
    this.scheduled = 0;
    const { bench, asset, at, box } = this;
    if (!this.started || !asset || !bench.stage) return;
    const over = isOverPicture(at.x, at.y);
    this.spot = over ? spotAt(bench, at.x, at.y) : null;
    const { spot } = this;
    box.group.visible = spot !== null;
    if (spot) box.stand(standsAt(box.bounds, spot.point), bench.stage.origin);
    this.chip.dataset.over = String(over);
    this.chip.style.transform = `translate(${at.x + 14}px, ${at.y + 14}px)`;
    setText(this.chip.lastElementChild as Element, over ? this.told(spot) : asset.title);
    bench.viewport.invalidate();
  }

  private told(spot: Spot | null): string {
    if (!spot) return "Nothing to stand on here";
    const { metersPerUnit = 1, upAxis = "Z" } = this.bench.scene?.json.stage ?? {};
    const units = new StageUnits(metersPerUnit, upAxis);
    const place = units.vector(spot.point).map((value) => plainNumber(value, 2)).join(", ");
    return `${place} ${units.name} on ${spot.on ?? "the ground"}`;
  }

  private drop(): void {
    if (this.scheduled) {
      cancelAnimationFrame(this.scheduled);
      this.follow();
    }
    const { asset, spot, started } = this;
    this.stop();
    if (started && asset && spot) this.dropped(asset, spot);
  }

  private stop(): void {
    this.end?.();
    this.end = null;
    if (this.scheduled) cancelAnimationFrame(this.scheduled);
    this.scheduled = 0;
    if (this.started) {
      this.bench.viewport.holdsOrigin = false;
      this.bench.viewport.invalidate();
      delete document.documentElement.dataset.carrying;
    }
    this.started = false;
    this.asset = this.spot = null;
    this.chip.hidden = true;
    this.box.group.visible = false;
  }
}

/** A box of lines and faint faces, as large as what it stands for. */
class BoxOfSize {
  readonly group = new Group();
  bounds: Bounds = { min: [0, 0, 0], max: [0, 0, 0] };
  private readonly whole = new Group();

  constructor() {
    const shape = new BoxGeometry(1, 1, 1);
    const faces = new Mesh(shape, new MeshBasicMaterial({ color: 0x4cc2e6, transparent: true, opacity: 0.2, depthWrite: false }));
    const lines = new LineSegments(new EdgesGeometry(shape), new LineBasicMaterial({ color: 0x4cc2e6, depthTest: false, transparent: true }));
    faces.renderOrder = 90;
    lines.renderOrder = 91;
    this.whole.add(faces, lines);
    this.group.add(this.whole);
    this.group.visible = false;
  }

  fit(bounds: Bounds): void {
    this.bounds = bounds;
    const { min, max } = bounds;
    const side = (c: number): number => Math.max(LEAST_M, max[c] - min[c]);
    const middle = (c: number): number => (min[c] + max[c]) / 2;
    this.whole.scale.set(side(0), side(1), side(2));
    this.whole.position.set(middle(0), middle(1), middle(2));
  }

  /** `origin`: that of the view [m]. */
  stand([x, y, z]: readonly number[], origin: readonly number[]): void {
    this.group.position.set(x - origin[0], y - origin[1], z - origin[2]);
  }
}

/** Whether nothing of the page lies between the pointer and the picture. */
function isOverPicture(x: number, y: number): boolean {
  return document.elementFromPoint(x, y) === byId("canvas");
}
