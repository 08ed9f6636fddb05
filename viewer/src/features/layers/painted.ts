/** Numbers as colours: prims painted by them, and spread over the floor as a heat map. Each shows numbers of one unit. */
import type { Tint } from "../../core/appearance.ts";
import { diagonal, isEmpty } from "../../core/bounds.ts";
import { colorAt, grown, linear, placeIn } from "./colors.ts";
import type { Ground } from "./ground.ts";
import { HeatMap } from "./heat-view.ts";
import { floorOf, spread, type Sensor } from "./heat.ts";
import { Legend } from "./legend.ts";
import { comparable, type PrimNumber } from "./numbers.ts";
import type { Layer, Layers } from "./settings.ts";

const HEAT_MS = 500;
type Range = readonly [number, number] | null;

/** What a painting layer remembers: the range that its colours stand for, of one group of numbers. */
class Scale {
  range: Range = null;
  private of = "";
  readonly legend = new Legend();

  constructor(
    private readonly ground: Ground,
    private readonly name: "color" | "heat",
  ) {}

  /** Numbers of the layer's prims; the range grows with them, and begins anew with another group. */
  numbers(layer: Layers["color"] | Layers["heat"]): PrimNumber[] {
    const { values, panel } = this.ground;
    const told = comparable(layer.on ? this.ground.targets(layer) : [], (id) => values.facts(id), layer.of);
    panel.offer(this.name, told.groups);
    if (told.chosen !== this.of) this.range = null;
    this.of = told.chosen;
    this.range = layer.on ? grown(this.range, told.numbers.map(({ value }) => value)) : null;
    return told.numbers.filter(({ path }) => this.ground.nodeOf(path) >= 0);
  }

  show(numbers: readonly PrimNumber[], layer: Layers["color"] | Layers["heat"], range: Range): void {
    if (range && numbers.length > 0) this.legend.show(titleOf(numbers.map(({ id }) => id), layer), this.ground.values.unit(numbers[0].id), layer.map, range);
    else this.legend.hide();
  }
}

export class Colors {
  private readonly scale: Scale;
  private painted = 0;

  constructor(private readonly ground: Ground) {
    this.scale = new Scale(ground, "color");
  }

  get range(): Range {
    return this.scale.range;
  }

  /** Another scene, or other signals: what was seen so far says nothing any more. */
  forget(): void {
    this.scale.range = null;
    this.painted = 0;
  }

  restart(): void {
    this.scale.range = null;
  }

  draw(settings: Layers): void {
    const { color } = settings;
    const { stage, panel, bench } = this.ground;
    if (!stage || (!color.on && this.painted === 0)) return;
    const numbers = this.scale.numbers(color);
    const range = color.range ?? this.scale.range;
    panel.current = range;
    const tints = new Map<number, Tint>();
    if (range)
      for (const { path, value } of numbers) {
        const [r, g, b] = colorAt(color.map, placeIn(value, range));
        tints.set(this.ground.nodeOf(path), [linear(r), linear(g), linear(b), 0.9]);
      }
    this.painted = tints.size;
    stage.appearance.setValues(tints);
    if (stage.appearance.stale) bench.viewport.invalidate();
    this.scale.show(numbers, color, range);
    panel.note("color", !color.on ? "" : numbers.length ? `${numbers.length} prims` : "no prim has such a number");
    if (color.on && color.range === null) panel.draw(settings);
  }
}

export class Heat {
  private readonly scale: Scale;
  private readonly map: HeatMap;
  private due = 0;

  constructor(private readonly ground: Ground) {
    this.scale = new Scale(ground, "heat");
    this.map = new HeatMap(ground.bench.viewport);
  }

  restart(): void {
    this.scale.range = null;
  }

  soon(): void {
    this.due = 0;
  }

  draw(heat: Layers["heat"]): void {
    const { stage, anchors, panel } = this.ground;
    const now = performance.now();
    if (!stage || !anchors || now < this.due) return;
    this.due = now + HEAT_MS;
    const numbers = this.scale.numbers(heat);
    const sensors = numbers.map(({ path, value }): Sensor => {
      const [x, y] = anchors.middle(this.ground.nodeOf(path));
      return { x, y, value };
    });
    const { range } = this.scale;
    const floor = sensors.length ? floorOf(sensors, 0) : null;
    const scene = isEmpty(stage.framing) ? 1 : diagonal(stage.framing);
    const reach = floor ? Math.max(0.12 * scene, 0.25 * Math.hypot(floor.width, floor.height)) : 1;
    const field = range ? spread(sensors, 56, reach) : null;
    if (field && range) this.map.show(field, isEmpty(stage.framing) ? 0 : stage.framing.min[2], heat.map, range);
    else this.map.hide();
    this.scale.show(numbers, heat, field ? range : null);
    panel.note("heat", !heat.on ? "" : sensors.length ? `${sensors.length} sensors` : "no prim has such a number");
  }
}

/** What the colours are of: the pattern where there is one, else the one name that all share. */
function titleOf(ids: readonly string[], layer: Layer): string {
  const names = new Set(ids.map((id) => id.slice(id.lastIndexOf(".") + 1).replaceAll("_", " ")));
  return names.size === 1 ? [...names][0] : layer.signals || "values";
}
