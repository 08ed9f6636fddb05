/** Arrows: where things will be, how fast values change, and signals that are vectors. */
import { diagonal, isEmpty } from "../../core/bounds.ts";
import { type Arrow, Arrows } from "./arrows-view.ts";
import type { Ground } from "./ground.ts";
import { isUnder, type Layers } from "./settings.ts";
import type { Tracks } from "./tracks.ts";
import { rateOf, vectorsOf } from "./vectors.ts";

/** Seconds of way that an arrow of motion shows. */
const AHEAD_S = 1;
const RATE_MS = 10_000;
const [MOTION, RISING, FALLING, VECTOR] = [0x4cc2e6, 0xe0a63c, 0x7fb0d8, 0x9fd07f];

export class Ways {
  private readonly arrows: Arrows;

  constructor(
    private readonly ground: Ground,
    private readonly tracks: Tracks,
  ) {
    this.arrows = new Arrows(ground.bench.viewport);
  }

  get count(): number {
    return this.arrows.count;
  }

  draw(arrows: Layers["arrows"]): void {
    const { stage, panel } = this.ground;
    if (!stage) return;
    const size = Math.max(1, isEmpty(stage.framing) ? 1 : diagonal(stage.framing));
    const list = !arrows.on ? [] : arrows.of === "motion" ? this.motions(arrows.under) : arrows.of === "rate" ? this.rates(arrows, size) : this.vectors(arrows, size);
    this.arrows.show(list, 0.006 * size);
    panel.note("arrows", !arrows.on ? "" : list.length ? `${list.length}` : "none now");
  }

  private motions(under: string): Arrow[] {
    const { bench, anchors } = this.ground;
    const { scene } = bench;
    const now = performance.now();
    return this.tracks.nodes.flatMap((node) => {
      const velocity = scene && isUnder(scene.nodePath(node), under) ? this.tracks.velocity(node, now) : null;
      if (!anchors || !velocity || Math.hypot(...velocity) < 0.02) return [];
      return [{ from: anchors.middle(node), way: velocity.map((v) => v * AHEAD_S) as [number, number, number], color: MOTION }];
    });
  }

  /** Up or down by how fast a value changes, the fastest one as long as a tenth of the scene. */
  private rates(layer: Layers["arrows"], size: number): Arrow[] {
    const { anchors, values } = this.ground;
    const found = this.ground.targets(layer).flatMap(({ path, signals }) => {
      const node = this.ground.nodeOf(path);
      const rates = node < 0 ? [] : signals.map((id) => rateOf(values.samples(id).times, values.samples(id).values, RATE_MS));
      const rate = rates.find((one) => one !== null && one !== 0);
      return rate && anchors ? [{ from: anchors.top(node), rate }] : [];
    });
    const most = Math.max(...found.map(({ rate }) => Math.abs(rate)));
    return found.map(({ from, rate }) => ({ from, way: [0, 0, (0.1 * size * rate) / most], color: rate > 0 ? RISING : FALLING }));
  }

  private vectors(layer: Layers["arrows"], size: number): Arrow[] {
    const { anchors, values } = this.ground;
    const found = this.ground.targets(layer).flatMap(({ path, signals }) => {
      const node = this.ground.nodeOf(path);
      if (node < 0 || !anchors) return [];
      return vectorsOf(signals).map((ids) => ({ from: anchors.middle(node), way: ids.map((id) => values.number(id)) }));
    });
    const heard = found.filter(({ way }) => way.every(Number.isFinite) && Math.hypot(...way) > 0);
    const most = Math.max(...heard.map(({ way }) => Math.hypot(...way)));
    return heard.map(({ from, way }) => ({
      from,
      way: way.map((part) => (0.12 * size * part) / most) as [number, number, number],
      color: VECTOR,
    }));
  }
}
