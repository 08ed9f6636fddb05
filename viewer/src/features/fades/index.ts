/**
 * Things of the plant that come and go do not jump: what has gone fades where it stood, what has come lights up and settles.
 * Only pictures over the picture: the scene itself is what the twin says, at once. Nothing of it where less motion is wanted.
 */
import { GhostView } from "../../view/ghost-view.ts";
import { OP } from "../../wire/frames.ts";
import type { Tick } from "../../wire/session.ts";
import type { Feature, Workbench } from "../../workbench.ts";

const GO_MS = 500;
const COME_MS = 600;
/** More at once are not drawn: a whole belt that is emptied is no news of one thing. */
const MOST = 24;
/** Colour of what has come, until it has settled. */
const LIGHT = "#4cc2e6";

interface Fade {
  readonly view: GhostView;
  readonly node: number;
  /** What has gone stays where it was. */
  readonly goes: boolean;
  readonly since: number;
}

export const fades: Feature = {
  name: "fades",
  install(bench) {
    new Fades(bench);
  },
};

class Fades {
  private readonly entities = new Map<number, bigint>();
  private running: Fade[] = [];
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly bench: Workbench) {
    bench.onScene(() => this.forget());
    bench.onPast(() => this.end());
    bench.onTick((tick) => this.take(tick));
    bench.onFrame((now) => this.draw(now));
    const fades = this;
    bench.expose("fades", {
      get running() {
        return fades.running.map(({ node, goes }) => ({ path: bench.scene?.nodePath(node) ?? "", goes }));
      },
    });
  }

  private forget(): void {
    this.end();
    this.entities.clear();
  }

  private end(): void {
    for (const fade of this.running) this.drop(fade);
    this.running = [];
  }

  private drop({ view }: Fade): void {
    this.bench.viewport.anchored.remove(view.group);
    view.dispose();
    this.bench.viewport.invalidate();
  }

  /** Before the tick is drawn: what has gone is still shown where it was. */
  private take(tick: Tick): void {
    if (tick.keyframe) this.forget();
    for (const frame of tick.frames)
      if (frame.op === OP.entity)
        frame.ids.forEach((node, k) => {
          const [before, now] = [this.entities.get(node) ?? -1n, frame.entities[k]];
          this.entities.set(node, now);
          if (before === now || tick.keyframe || document.hidden || this.bench.pastMs !== null) return;
          if (before >= 0n) this.begin(node, true);
          if (now >= 0n) this.begin(node, false);
        });
  }

  private begin(node: number, goes: boolean): void {
    const { stage, viewport } = this.bench;
    if (!stage || this.still.matches || this.running.length >= MOST) return;
    if (goes && stage.appearance.hidden[node]) return;
    const view = new GhostView(stage, node, new Map(), goes ? null : LIGHT, goes ? 1 : 0.6);
    viewport.anchored.set(view.group, view.place());
    this.running.push({ view, node, goes, since: performance.now() });
    viewport.invalidate();
  }

  private draw(now: number): boolean {
    if (this.running.length === 0) return false;
    const { stage, viewport } = this.bench;
    this.running = this.running.filter((fade) => {
      const left = 1 - (now - fade.since) / (fade.goes ? GO_MS : COME_MS);
      if (left <= 0 || !stage) {
        this.drop(fade);
        return false;
      }
      fade.view.fade((fade.goes ? 0.9 : 0.6) * left);
      if (!fade.goes) {
        fade.view.group.visible = !stage.appearance.hidden[fade.node];
        viewport.anchored.set(fade.view.group, fade.view.place());
      }
      return true;
    });
    return true;
  }
}
