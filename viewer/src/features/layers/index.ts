/** Live data on the scene: which layers are shown is kept in the state, and each is drawn anew as values come. */
import { center, diagonal, isEmpty } from "../../core/bounds.ts";
import type { Tint } from "../../core/appearance.ts";
import { Anchors } from "../../view/anchors.ts";
import type { Label } from "../../view/labels.ts";
import type { StageView } from "../../view/stage-view.ts";
import { OP } from "../../wire/frames.ts";
import type { Tick } from "../../wire/session.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { type Arrow, Arrows } from "./arrows-view.ts";
import { colorAt, grown, linear, placeIn } from "./colors.ts";
import { Entities } from "./entities.ts";
import { floorOf, spread, type Sensor } from "./heat.ts";
import { HeatMap } from "./heat-view.ts";
import { Legend } from "./legend.ts";
import { LayersPanel } from "./panel.ts";
import { isUnder, type Layer, layersFrom, type LayerName, type Layers, type Target, targetsOf } from "./settings.ts";
import { Tracks } from "./tracks.ts";
import { Trails } from "./trails-view.ts";
import { Values } from "./values.ts";
import { rateOf, vectorsOf } from "./vectors.ts";

const NAME = "layers";
const DRAW_MS = 125;
const HEAT_MS = 500;
/** More prims than this get no tags: they could not be read. */
const MOST_TARGETS = 300;
const SIGNALS_ON_A_TAG = 3;
/** How long a node counts as moving after its last pose [ms]. */
const MOVING_MS = 2000;
const MOST_MOVING = 300;
/** Seconds of way that an arrow of motion shows. */
const AHEAD_S = 1;
const RATE_MS = 10_000;

export const layers: Feature = {
  name: NAME,
  install(bench) {
    new LayerDesk(bench);
  },
};

class LayerDesk {
  private settings: Layers = layersFrom(null);
  private readonly panel: LayersPanel;
  private readonly values: Values;
  private readonly arrows: Arrows;
  private readonly trails: Trails;
  private readonly heat: HeatMap;
  private readonly entities: Entities;
  private readonly legend = new Legend();
  private readonly heatLegend = new Legend();
  private readonly tracks = new Tracks();
  private readonly moved = new Map<number, number>();
  private anchors: Anchors | null = null;
  private stage: StageView | null = null;
  private range: readonly [number, number] | null = null;
  private heatRange: readonly [number, number] | null = null;
  private heatDue = 0;
  private painted = 0;
  private occluded = new Map<string, boolean>();
  private asked = 0;

  constructor(private readonly bench: Workbench) {
    this.values = new Values(
      () => bench.signals,
      () => bench.now(),
    );
    this.arrows = new Arrows(bench.viewport);
    this.trails = new Trails(bench.viewport);
    this.heat = new HeatMap(bench.viewport);
    this.entities = new Entities(bench);
    this.panel = new LayersPanel(
      (name, change) => this.change(name, change),
      () => bench.selectedPath,
    );
    bench.addPanel({ id: NAME, title: "Layers", side: "left", order: 30, element: this.panel.element });
    bench.watch(
      (state) => state.extra[NAME],
      (kept) => this.chosen(layersFrom(kept)),
    );
    bench.onScene((_, stage) => this.setStage(stage));
    bench.onTick((tick) => this.note(tick));
    bench.onFrame((now) => this.frame(now));
    bench.onMarks(() => this.drawIcons());
    window.setInterval(() => this.draw(), DRAW_MS);
    for (const [name, title] of [["tags", "values"], ["color", "colour by value"], ["trails", "trails"], ["heat", "heat map"]] as const)
      bench.addCommand({
        id: `layers.${name}`,
        title: `Show or hide ${title}`,
        group: "Layers",
        keys: name === "tags" ? ["Shift+Y"] : [],
        pressed: () => this.settings[name].on,
        run: () => this.change(name, { on: !this.settings[name].on }),
      });
    bench.expose(NAME, this.forTests());
  }

  // --- what was chosen ---------------------------------------------------------------------------------------------

  private change<K extends LayerName>(name: K, change: Partial<Layers[K]>): void {
    const value = { ...this.settings, [name]: { ...this.settings[name], ...change } };
    this.bench.dispatch({ type: "extra", feature: NAME, value });
  }

  private chosen(settings: Layers): void {
    const before = this.settings;
    this.settings = settings;
    if (before.color.signals !== settings.color.signals || before.color.under !== settings.color.under) this.range = null;
    if (before.heat.signals !== settings.heat.signals || before.heat.under !== settings.heat.under) this.heatRange = null;
    this.heatDue = 0;
    this.panel.draw(settings);
    this.draw();
    this.drawIcons();
  }

  private setStage(stage: StageView): void {
    this.stage = stage;
    this.anchors = new Anchors(stage);
    this.tracks.clear();
    this.moved.clear();
    this.range = this.heatRange = null;
    this.painted = 0;
    this.draw();
    this.drawIcons();
  }

  private targets(layer: Layer): Target[] {
    return this.bench.scene ? targetsOf(layer, this.bench.scene.json.bindings) : [];
  }

  private nodeOf(path: string): number {
    return this.bench.scene?.nodeAt(path) ?? -1;
  }

  // --- what comes --------------------------------------------------------------------------------------------------

  private note(tick: Tick): void {
    const now = performance.now();
    const { trails, arrows, entities } = this.settings;
    if (trails.on || (arrows.on && arrows.of === "motion"))
      for (const batch of tick.poses)
        for (let k = 0; k < batch.n && this.moved.size < MOST_MOVING; k++) this.moved.set(batch.ids[k], now);
    for (const frame of tick.frames)
      if (frame.op === OP.entity) for (const node of frame.ids) this.tracks.add(node, 0, 0, 0, now, true);
    if (entities.on) this.entities.note(tick, now);
  }

  private frame(now: number): boolean {
    const { trails, arrows } = this.settings;
    if (!this.anchors || !(trails.on || arrows.on)) return this.entities.fading(now);
    for (const [node, at] of this.moved) {
      const [x, y, z] = this.anchors.origin(node);
      this.tracks.add(node, x, y, z, now);
      if (now - at > MOVING_MS) this.moved.delete(node);
    }
    if (trails.on) this.drawTrails(now);
    return this.entities.fading(now);
  }

  private drawTrails(now: number): void {
    const { scene } = this.bench;
    const { under, seconds } = this.settings.trails;
    this.tracks.forget(now, seconds);
    const nodes = this.tracks.nodes.filter((node) => scene && isUnder(scene.nodePath(node), under));
    this.trails.show(this.tracks, nodes, now, seconds);
    this.panel.note("trails", this.trails.pieces ? `${nodes.length} moving` : "nothing moves");
  }

  // --- what is drawn, some times a second ---------------------------------------------------------------------------

  private draw(): void {
    if (document.hidden || !this.anchors || !this.stage) return;
    this.drawTags();
    this.drawColors();
    this.drawArrows();
    this.drawHeat();
    const { trails, entities, icons } = this.settings;
    if (icons.on) this.drawIcons();
    if (!trails.on) this.trails.show(this.tracks, [], performance.now(), 1);
    else if (this.trails.pieces > 0) this.bench.viewport.invalidate(); // they fade while nothing comes
    this.bench.labels.set("entities", entities.on ? this.entities.labels(this.anchors, entities.under) : []);
    this.panel.note("entities", entities.on ? `${this.entities.count} here` : "");
  }

  private drawTags(): void {
    const { tags } = this.settings;
    const anchors = this.anchors as Anchors;
    const targets = tags.on ? this.targets(tags) : [];
    const selected = this.bench.selectedPath;
    const labels = targets.slice(0, MOST_TARGETS).flatMap(({ path, signals }): Label[] => {
      const node = this.nodeOf(path);
      if (node < 0 || this.stage?.appearance.hidden[node]) return [];
      return signals.slice(0, SIGNALS_ON_A_TAG).map((id, k) => {
        const { name, text, unit, grade } = this.values.reading(id);
        const marked = this.bench.markOf(path) !== null;
        return {
          ...{ id: `${path} ${id}`, at: () => anchors.top(node), look: "tag", name, value: text, unit, grade, path },
          title: `${id}, ${grade}`,
          priority: (path === selected ? 8 : 0) + (marked ? 4 : 0) + (grade === "bad" ? 1 : 0) - k / 10,
          sticky: path === selected,
          hidden: () => tags.behind && path !== selected && this.occluded.get(path) === true,
        };
      });
    });
    this.bench.labels.set("tags", labels);
    this.panel.note("tags", !tags.on ? "" : targets.length ? `${targets.length} prims` : "no prim has such a signal");
    if (tags.on && tags.behind) this.askOne(targets);
  }

  /** Whether something stands before one of them: asked of one at a time, since it costs a search. */
  private askOne(targets: readonly Target[]): void {
    const { viewport, scene } = this.bench;
    const target = targets[this.asked++ % Math.max(1, targets.length)];
    const node = target ? this.nodeOf(target.path) : -1;
    if (node < 0 || !scene) return;
    const at = viewport.project((this.anchors as Anchors).middle(node));
    if (!at) return;
    const box = viewport.renderer.domElement.getBoundingClientRect();
    const instance = viewport.pick(box.left + at.x, box.top + at.y);
    const hit = instance < 0 ? "" : scene.nodePath(scene.instances.prim[instance]);
    const before = this.occluded.get(target.path) ?? false;
    const after = hit !== "" && !isUnder(hit, target.path);
    this.occluded.set(target.path, after);
    if (after !== before) viewport.invalidate();
  }

  /** One number of each prim, all of one unit: the one that most prims have. Others cannot be compared with it. */
  private numbers(targets: readonly Target[]): { node: number; id: string; value: number }[] {
    const all = targets.flatMap(({ path, signals }) =>
      signals.filter((id) => Number.isFinite(this.values.number(id))).map((id) => ({ path, id, unit: this.values.unit(id) })),
    );
    const counts = new Map<string, Set<string>>();
    for (const { path, unit } of all) counts.set(unit, (counts.get(unit) ?? new Set()).add(path));
    const [best] = [...counts].sort((a, b) => b[1].size - a[1].size);
    const seen = new Set<string>();
    return all.flatMap(({ path, id, unit }) => {
      const node = this.nodeOf(path);
      if (unit !== best[0] || seen.has(path) || node < 0) return [];
      seen.add(path);
      return [{ node, id, value: this.values.number(id) }];
    });
  }

  private drawColors(): void {
    const { color } = this.settings;
    const { appearance } = this.stage as StageView;
    if (!color.on && this.painted === 0) return;
    const targets = color.on ? this.targets(color) : [];
    const numbers = this.numbers(targets);
    this.range = color.on ? grown(this.range, numbers.map(({ value }) => value)) : null;
    const range = color.range ?? this.range;
    this.panel.current = range;
    const tints = new Map<number, Tint>();
    if (range)
      for (const { node, value } of numbers) {
        const [r, g, b] = colorAt(color.map, placeIn(value, range));
        tints.set(node, [linear(r), linear(g), linear(b), 0.9]);
      }
    this.painted = tints.size;
    appearance.setValues(tints);
    if (appearance.stale) this.bench.viewport.invalidate();
    if (range && numbers.length > 0) this.legend.show(titleOf(numbers.map(({ id }) => id), color), unitOf(numbers, this.values), color.map, range);
    else this.legend.hide();
    this.panel.note("color", !color.on ? "" : numbers.length ? `${numbers.length} prims` : "no prim has such a number");
    if (color.on && color.range === null) this.panel.draw(this.settings);
  }

  private drawIcons(): void {
    const { icons } = this.settings;
    const { anchors, bench } = this;
    if (!anchors) return;
    const labels: Label[] = [];
    const add = (path: string, id: string, word: string, grade: string, title: string, priority: number): void => {
      const node = this.nodeOf(path);
      if (node >= 0 && isUnder(path, icons.under))
        labels.push({ id: `${path} ${id}`, at: () => anchors.top(node), look: "icon", value: word, grade, title, path, priority, sticky: grade === "error" });
    };
    if (icons.on) {
      for (const path of bench.markedPaths()) {
        const mark = bench.markOf(path);
        if (mark) add(path, "mark", mark.word, mark.level, mark.title, mark.level === "error" ? 9 : 6);
      }
      for (const { path, signals } of this.targets(icons)) {
        const state = signals.find((id) => this.values.type(id) === "enum");
        if (state) add(path, state, this.values.reading(state).text, "", state, 3);
      }
    }
    bench.labels.set("icons", labels);
    this.panel.note("icons", icons.on ? `${labels.length}` : "");
  }

  private drawArrows(): void {
    const { arrows } = this.settings;
    const { framing } = this.stage as StageView;
    const size = Math.max(1, isEmpty(framing) ? 1 : diagonal(framing));
    const list = !arrows.on ? [] : arrows.of === "motion" ? this.motions(arrows.under) : arrows.of === "rate" ? this.rates(size) : this.vectors(size);
    this.arrows.show(list, 0.006 * size);
    this.panel.note("arrows", !arrows.on ? "" : list.length ? `${list.length}` : "none now");
  }

  private motions(under: string): Arrow[] {
    const { scene } = this.bench;
    const now = performance.now();
    const anchors = this.anchors as Anchors;
    return this.tracks.nodes.flatMap((node) => {
      const velocity = scene && isUnder(scene.nodePath(node), under) ? this.tracks.velocity(node, now) : null;
      if (!velocity || Math.hypot(...velocity) < 0.02) return [];
      return [{ from: anchors.middle(node), way: velocity.map((v) => v * AHEAD_S) as [number, number, number], color: 0x4cc2e6 }];
    });
  }

  /** Up or down by how fast a value changes, the fastest one as long as a tenth of the scene. */
  private rates(size: number): Arrow[] {
    const anchors = this.anchors as Anchors;
    const found = this.targets(this.settings.arrows).flatMap(({ path, signals }) => {
      const node = this.nodeOf(path);
      const rates = node < 0 ? [] : signals.map((id) => rateOf(this.values.samples(id).times, this.values.samples(id).values, RATE_MS));
      const rate = rates.find((one) => one !== null && one !== 0);
      return rate ? [{ node, rate }] : [];
    });
    const most = Math.max(...found.map(({ rate }) => Math.abs(rate)));
    return found.map(({ node, rate }) => ({
      from: anchors.top(node),
      way: [0, 0, (0.1 * size * rate) / most],
      color: rate > 0 ? 0xe0a63c : 0x7fb0d8,
    }));
  }

  private vectors(size: number): Arrow[] {
    const anchors = this.anchors as Anchors;
    const found = this.targets(this.settings.arrows).flatMap(({ path, signals }) => {
      const node = this.nodeOf(path);
      return node < 0 ? [] : vectorsOf(signals).map((ids) => ({ node, way: ids.map((id) => this.values.number(id)) }));
    });
    const heard = found.filter(({ way }) => way.every(Number.isFinite) && Math.hypot(...way) > 0);
    const most = Math.max(...heard.map(({ way }) => Math.hypot(...way)));
    return heard.map(({ node, way }) => ({
      from: anchors.middle(node),
      way: way.map((part) => (0.12 * size * part) / most) as [number, number, number],
      color: 0x9fd07f,
    }));
  }

  private drawHeat(): void {
    const { heat } = this.settings;
    const stage = this.stage as StageView;
    const now = performance.now();
    if (now < this.heatDue) return;
    this.heatDue = now + HEAT_MS;
    const anchors = this.anchors as Anchors;
    const numbers = heat.on ? this.numbers(this.targets(heat)) : [];
    const ids = numbers.map(({ id }) => id);
    const sensors = numbers.map(({ node, value }): Sensor => {
      const [x, y] = anchors.middle(node);
      return { x, y, value };
    });
    this.heatRange = heat.on ? grown(this.heatRange, sensors.map(({ value }) => value)) : null;
    const floor = sensors.length ? floorOf(sensors, 0) : null;
    const scene = isEmpty(stage.framing) ? 1 : diagonal(stage.framing);
    const reach = floor ? Math.max(0.12 * scene, 0.25 * Math.hypot(floor.width, floor.height)) : 1;
    const field = this.heatRange ? spread(sensors, 56, reach) : null;
    if (field && this.heatRange) {
      const height = isEmpty(stage.framing) ? 0 : stage.framing.min[2];
      this.heat.show(field, height, heat.map, this.heatRange);
      this.heatLegend.show(titleOf(ids, heat), this.values.unit(ids[0]), heat.map, this.heatRange);
    } else {
      this.heat.hide();
      this.heatLegend.hide();
    }
    this.panel.note("heat", !heat.on ? "" : sensors.length ? `${sensors.length} sensors` : "no prim has such a number");
  }

  private forTests(): object {
    const desk = this;
    return {
      get labels() {
        return desk.bench.labels.texts;
      },
      get range() {
        return desk.settings.color.range ?? desk.range;
      },
      get arrows() {
        return desk.arrows.count;
      },
      get trailPieces() {
        return desk.trails.pieces;
      },
      /** Where the middle of a prim is in the picture [px]. */
      placeOf(path: string): { x: number; y: number } | null {
        const node = desk.nodeOf(path);
        return node < 0 || !desk.anchors ? null : desk.bench.viewport.project(desk.anchors.middle(node));
      },
      /** Where a place of the world is in the picture [px]. */
      project: (x: number, y: number, z: number) => desk.bench.viewport.project([x, y, z]),
      get middle() {
        return desk.stage && !isEmpty(desk.stage.framing) ? center(desk.stage.framing) : null;
      },
    };
  }
}

/** What the colours are of: the pattern where there is one, else the one name that all share. */
function titleOf(ids: readonly string[], layer: Layer): string {
  const names = new Set(ids.map((id) => id.slice(id.lastIndexOf(".") + 1).replaceAll("_", " ")));
  return names.size === 1 ? [...names][0] : layer.signals || "values";
}

function unitOf(numbers: readonly { readonly id: string }[], values: Values): string {
  const units = new Set(numbers.map(({ id }) => values.unit(id)));
  return units.size === 1 ? [...units][0] : "";
}
