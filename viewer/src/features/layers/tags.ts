/** Text beside prims: tags with values, and signs of alarms and states. */
import type { Label } from "../../view/labels.ts";
import type { Ground } from "./ground.ts";
import { isUnder, type Layers, type Target } from "./settings.ts";

/** More prims than this get no tags: they could not be read. */
const MOST_TARGETS = 300;
const SIGNALS_ON_A_TAG = 3;

export class Tags {
  private readonly occluded = new Map<string, boolean>();
  private asked = 0;

  constructor(private readonly ground: Ground) {}

  drawTags(tags: Layers["tags"]): void {
    const { bench, anchors, stage, values, panel } = this.ground;
    if (!anchors) return;
    const targets = tags.on ? this.ground.targets(tags) : [];
    const selected = bench.selectedPath;
    const labels = targets.slice(0, MOST_TARGETS).flatMap(({ path, signals }): Label[] => {
      const node = this.ground.nodeOf(path);
      if (node < 0 || stage?.appearance.hidden[node]) return [];
      return signals.slice(0, SIGNALS_ON_A_TAG).map((id, k) => {
        const { name, text, unit, grade } = values.reading(id);
        const marked = bench.markOf(path) !== null;
        return {
          ...{ id: `${path} ${id}`, at: () => anchors.top(node), look: "tag", name, value: text, unit, grade, path },
          title: `${id}, ${grade}`,
          priority: (path === selected ? 8 : 0) + (marked ? 4 : 0) + (grade === "bad" ? 1 : 0) - k / 10,
          sticky: path === selected,
          hidden: () => tags.behind && path !== selected && this.occluded.get(path) === true,
        };
      });
    });
    bench.labels.set("tags", labels);
    panel.note("tags", !tags.on ? "" : targets.length ? `${targets.length} prims` : "no prim has such a signal");
    if (tags.on && tags.behind) this.askOne(targets);
  }

  /** Whether something stands before one of them: asked of one at a time, since it costs a search. */
  private askOne(targets: readonly Target[]): void {
    const { bench, anchors } = this.ground;
    const { viewport, scene } = bench;
    const target = targets[this.asked++ % Math.max(1, targets.length)];
    const node = target ? this.ground.nodeOf(target.path) : -1;
    if (node < 0 || !scene || !anchors) return;
    const at = viewport.project(anchors.middle(node));
    if (!at) return;
    const box = viewport.renderer.domElement.getBoundingClientRect();
    const instance = viewport.pick(box.left + at.x, box.top + at.y);
    const hit = instance < 0 ? "" : scene.nodePath(scene.instances.prim[instance]);
    const before = this.occluded.get(target.path) ?? false;
    const after = hit !== "" && !isUnder(hit, target.path);
    this.occluded.set(target.path, after);
    if (after !== before) viewport.invalidate();
  }

  drawIcons(icons: Layers["icons"]): void {
    const { anchors, bench, values } = this.ground;
    if (!anchors) return;
    const labels: Label[] = [];
    const add = (path: string, id: string, word: string, grade: string, title: string, priority: number): void => {
      const node = this.ground.nodeOf(path);
      if (node >= 0 && isUnder(path, icons.under))
        labels.push({ id: `${path} ${id}`, at: () => anchors.top(node), look: "icon", value: word, grade, title, path, priority, sticky: grade === "error" });
    };
    if (icons.on) {
      for (const path of bench.markedPaths()) {
        const mark = bench.markOf(path);
        if (mark) add(path, "mark", mark.word, mark.level, mark.title, mark.level === "error" ? 9 : 6);
      }
      for (const { path, signals } of this.ground.targets(icons)) {
        const state = signals.find((id) => values.type(id) === "enum");
        if (state) add(path, state, values.reading(state).text, "", state, 3);
      }
    }
    bench.labels.set("icons", labels);
    this.ground.panel.note("icons", icons.on ? `${labels.length}` : "");
  }
}
