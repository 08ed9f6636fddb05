/**
 * Things of the plant that come and go: each node that shows one is labelled with its id; one that just came lights up and
 * settles within half a second.
 */
import type { Anchors } from "../../view/anchors.ts";
import type { Label } from "../../view/labels.ts";
import { OP } from "../../wire/frames.ts";
import type { Tick } from "../../wire/session.ts";
import type { Workbench } from "../../workbench.ts";
import { isUnder } from "./settings.ts";

const FADE_MS = 600;
const MOST = 200;

export class Entities {
  /** When a node got its entity [ms]. */
  private readonly came = new Map<number, number>();
  count = 0;

  constructor(private readonly bench: Workbench) {}

  note(tick: Tick, now: number): void {
    if (tick.keyframe) return this.came.clear();
    for (const frame of tick.frames) if (frame.op === OP.entity) for (const node of frame.ids) this.came.set(node, now);
  }

  /** True while one that came is still fading in. */
  fading(now: number): boolean {
    for (const [node, at] of this.came) if (now - at > FADE_MS) this.came.delete(node);
    return this.came.size > 0;
  }

  labels(anchors: Anchors, under: string): Label[] {
    const { scene, stage, player } = this.bench;
    const { mirror } = this.bench.link.session;
    const labels: Label[] = [];
    this.count = 0;
    if (!scene || !stage || !player) return labels;
    for (let node = 0; node < mirror.shown.length; node++) {
      const entity = mirror.shown[node] ? mirror.entity[node] : -1n;
      if (entity < 0n || stage.appearance.hidden[node]) continue;
      const path = scene.nodePath(node);
      if (!isUnder(path, under)) continue;
      this.count++;
      if (labels.length >= MOST) continue;
      const look = this.came.has(node) ? "entity new" : "entity";
      labels.push({ id: String(node), at: () => anchors.top(node), look: "entity", grade: look === "entity" ? "" : "new", value: `#${entity}`, path, title: path, priority: 2 });
    }
    return labels;
  }
}
