/** Live data on the scene: which layers are shown is kept in the state, and each is drawn anew as values come. */
import { center, isEmpty } from "../../core/bounds.ts";
import type { StageView } from "../../view/stage-view.ts";
import { OP } from "../../wire/frames.ts";
import type { Tick } from "../../wire/session.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { Entities } from "./entities.ts";
import { Ground } from "./ground.ts";
import { Colors, Heat } from "./painted.ts";
import { LayersPanel } from "./panel.ts";
import { isUnder, layersFrom, type LayerName, type Layers } from "./settings.ts";
import { Tags } from "./tags.ts";
import { Tracks } from "./tracks.ts";
import { Trails } from "./trails-view.ts";
import { Ways } from "./ways.ts";

const NAME = "layers";
const DRAW_MS = 125;
/** How long a node counts as moving after its last pose [ms]. */
const MOVING_MS = 2000;
const MOST_MOVING = 300;

export const layers: Feature = {
  name: NAME,
  install(bench) {
    new LayerDesk(bench);
  },
};

class LayerDesk {
  private settings: Layers = layersFrom(null);
  private readonly panel: LayersPanel;
  private readonly ground: Ground;
  private readonly tags: Tags;
  private readonly colors: Colors;
  private readonly heat: Heat;
  private readonly ways: Ways;
  private readonly trails: Trails;
  private readonly entities: Entities;
  private readonly tracks = new Tracks();
  private readonly moved = new Map<number, number>();

  constructor(private readonly bench: Workbench) {
    this.panel = new LayersPanel(
      (name, change) => this.change(name, change),
      () => bench.selectedPath,
    );
    const ground = (this.ground = new Ground(bench, this.panel));
    this.tags = new Tags(ground);
    this.colors = new Colors(ground);
    this.heat = new Heat(ground);
    this.ways = new Ways(ground, this.tracks);
    this.trails = new Trails(bench.viewport);
    this.entities = new Entities(bench);
    bench.addPanel({ id: NAME, title: "Layers", side: "left", order: 30, element: this.panel.element });
    bench.watch(
      (state) => state.extra[NAME],
      (kept) => this.chosen(layersFrom(kept)),
    );
    bench.onScene((_, stage) => this.setStage(stage));
    bench.onTick((tick) => this.note(tick));
    bench.onFrame((now) => this.frame(now));
    bench.onMarks(() => this.tags.drawIcons(this.settings.icons));
    bench.onUnits(() => this.restart());
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
    if (before.color.signals !== settings.color.signals || before.color.under !== settings.color.under) this.colors.restart();
    if (before.heat.signals !== settings.heat.signals || before.heat.under !== settings.heat.under) this.heat.restart();
    this.heat.soon();
    this.panel.draw(settings);
    this.draw();
    this.tags.drawIcons(settings.icons);
  }

  private setStage(stage: StageView): void {
    this.ground.set(stage);
    this.tracks.clear();
    this.moved.clear();
    this.restart();
    this.colors.forget();
    this.draw();
    this.tags.drawIcons(this.settings.icons);
  }

  /** Other units, or another scene. */
  private restart(): void {
    this.colors.restart();
    this.heat.restart();
    this.heat.soon();
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
    const { anchors } = this.ground;
    if (!anchors || !(trails.on || arrows.on)) return this.entities.fading(now);
    for (const [node, at] of this.moved) {
      const [x, y, z] = anchors.origin(node);
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
    const { anchors } = this.ground;
    if (document.hidden || !anchors) return;
    const { tags, arrows, heat, trails, entities, icons } = this.settings;
    this.tags.drawTags(tags);
    this.colors.draw(this.settings);
    this.ways.draw(arrows);
    this.heat.draw(heat);
    if (icons.on) this.tags.drawIcons(icons);
    if (!trails.on) this.trails.show(this.tracks, [], performance.now(), 1);
    else if (this.trails.pieces > 0) this.bench.viewport.invalidate(); // they fade while nothing comes
    this.bench.labels.set("entities", entities.on ? this.entities.labels(anchors, entities.under) : []);
    this.panel.note("entities", entities.on ? `${this.entities.count} here` : "");
  }

  private forTests(): object {
    const desk = this;
    return {
      get labels() {
        return desk.bench.labels.texts;
      },
      get range() {
        return desk.settings.color.range ?? desk.colors.range;
      },
      get arrows() {
        return desk.ways.count;
      },
      get trailPieces() {
        return desk.trails.pieces;
      },
      /** Where the middle of a prim is in the picture [px]. */
      placeOf(path: string): { x: number; y: number } | null {
        const { anchors } = desk.ground;
        const node = desk.ground.nodeOf(path);
        return node < 0 || !anchors ? null : desk.bench.viewport.project(anchors.middle(node));
      },
      /** Where a place of the world is in the picture [px]. */
      project: (x: number, y: number, z: number) => desk.bench.viewport.project([x, y, z]),
      get middle() {
        const { stage } = desk.ground;
        return stage && !isEmpty(stage.framing) ? center(stage.framing) : null;
      },
    };
  }
}
