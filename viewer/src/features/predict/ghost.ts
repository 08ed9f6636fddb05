/** One predicted part: the ghost of a prim where it will be if it goes on as it does now, and what is known of how far off that is. */
import { composePose, multiplyAffine, POSE } from "../../core/matrix.ts";
import { Misses, Motion, withScaleOf } from "../../core/predict.ts";
import { ghostWorlds } from "../../core/ghost.ts";
import { invertAffine, trsOf } from "../../core/trs.ts";
import { GhostView } from "../../view/ghost-view.ts";
import type { StageView } from "../../view/stage-view.ts";
import type { Tick } from "../../wire/session.ts";
import type { Workbench } from "../../workbench.ts";

const COLOR = "#b388ff";
const OPACITY = 0.4;
/** Less is not shown beside the real one [m], [rad]. */
const SEEN_M = 1e-3;
const SEEN_RAD = 2e-3;

const MOST_POINTS = 64;

/** Why there is no ghost now; "" where there is one. */
export type Why = "" | "stands still" | "no data yet" | "bad data" | "stale data" | "the past is shown";

export class PredictedGhost {
  why: Why = "no data yet";
  /** Where the part's origin is predicted [m]. */
  place: [number, number, number] | null = null;
  readonly misses = new Misses();
  private readonly view: GhostView;
  private readonly poses = new Map<number, readonly number[]>();
  /** Nodes that were moved, of the part and of what carries it. */
  private readonly motions = new Map<number, Motion>();
  private readonly above: number[] = [];
  private readonly within: Uint8Array;
  /** Nodes by which predictions are judged: of the part, at most so many. */
  private readonly points: number[];

  constructor(
    private readonly bench: Workbench,
    private readonly stage: StageView,
    readonly root: number,
    readonly path: string,
    readonly seconds: number,
  ) {
    const { model } = stage;
    this.within = new Uint8Array(model.count);
    this.within[root] = 1;
    for (let node = root + 1; node < model.count; node++) if (model.parent[node] >= 0) this.within[node] = this.within[model.parent[node]];
    const all = Array.from(this.within.keys()).filter((node) => this.within[node]);
    const stride = Math.ceil(all.length / MOST_POINTS);
    this.points = all.filter((_, k) => k % stride === 0);
    for (let node = model.parent[root]; node >= 0; node = model.parent[node]) this.above.unshift(node);
    this.view = new GhostView(stage, root, this.poses, COLOR, OPACITY);
  }

  /** Where the part's origin is drawn now [m]. */
  get real(): [number, number, number] {
    const { world } = this.stage.model;
    return [world[16 * this.root + 3], world[16 * this.root + 7], world[16 * this.root + 11]];
  }

  /** What a tick tells of it. */
  take(tick: Tick): void {
    const t = tick.eventMs || tick.madeMs;
    if (tick.keyframe) {
      this.motions.clear();
      this.misses.forget();
      this.why = "no data yet";
    }
    for (const batch of tick.poses)
      for (let k = 0; k < batch.n; k++) {
        const node = batch.ids[k];
        if (!this.within[node] && !this.above.includes(node)) continue;
        let motion = this.motions.get(node);
        if (!motion) this.motions.set(node, (motion = new Motion()));
        motion.add(t, batch.poses, k * POSE);
      }
    this.misses.happened(t, () => {
      const { player } = this.bench;
      return this.points.flatMap((node) => originOf(player?.worldOf(node) ?? []));
    });
  }

  /** Puts the ghost where the part will be; false where there is none. */
  show(now: number): boolean {
    const { viewport, pastMs } = this.bench;
    this.why = pastMs !== null ? "the past is shown" : this.motions.size === 0 ? "no data yet" : this.trust(now);
    if (this.why === "" && !this.move(now)) this.why = "stands still";
    if (this.why !== "") {
      viewport.anchored.remove(this.view.group);
      this.place = null;
      return false;
    }
    this.place = this.view.place();
    viewport.anchored.set(this.view.group, this.place);
    this.misses.expect(now + this.seconds * 1000, () => {
      const worlds = ghostWorlds(this.stage.model, this.root, this.poses);
      return this.points.flatMap((node) => originOf(worlds.get(node) ?? []));
    });
    return true;
  }

  /** Nothing is predicted from what cannot be trusted. */
  private trust(now: number): Why {
    const { signals, scene } = this.bench;
    let why: Why = "";
    for (const node of this.motions.keys()) {
      const path = scene?.nodePath(scene.primOf(node)) ?? "";
      for (const id of scene?.json.bindings[path] ?? []) {
        const signal = signals.indexOf.get(id);
        const grade = signal === undefined ? "good" : signals.grade(signal, now);
        if (grade === "bad") return "bad data";
        if (grade === "stale") why = "stale data";
      }
    }
    return why;
  }

  /** Sets the predicted poses; false where they are the real ones. */
  private move(now: number): boolean {
    const target = now + this.seconds * 1000;
    this.poses.clear();
    const carried = this.above.some((node) => this.motions.get(node)?.moves(now));
    if (carried || this.motions.get(this.root)?.moves(now)) this.poses.set(this.root, this.rootPose(target, now));
    for (const [node, motion] of this.motions) {
      const pose = node !== this.root && this.within[node] && motion.moves(now) ? motion.at(target, now) : null;
      if (pose) this.poses.set(node, pose);
    }
    return [...this.poses.keys()].some((node) => this.differs(node));
  }

  /** Local matrix of a node then: as it is, where it does not move. */
  private localThen(node: number, target: number, now: number): Float64Array {
    const local = new Float64Array(16);
    this.stage.model.localOf(node, local, 0);
    const motion = this.motions.get(node);
    const pose = motion?.moves(now) ? motion.at(target, now) : null;
    if (pose) composePose(local, 0, withScaleOf(pose, local), 0);
    return local;
  }

  /** The pose of the root below its real parent that stands where it will be below the predicted one. */
  private rootPose(target: number, now: number): number[] {
    const { model } = this.stage;
    let mine = this.localThen(this.root, target, now);
    const top = this.above.findIndex((node) => this.motions.has(node));
    if (top >= 0) {
      // The predicted carriers are put in the place of the real ones.
      for (const node of this.above.slice(top).reverse()) mine = times(this.localThen(node, target, now), mine);
      const over = model.parent[this.above[top]];
      if (over >= 0) mine = times(model.world.slice(16 * over, 16 * over + 16), mine);
      const back = invertAffine(model.world, 16 * model.parent[this.root]);
      if (back) mine = times(back, mine);
    }
    const { position, rotation } = trsOf(mine);
    return [...position, ...rotation];
  }

  /** Whether the predicted pose of a node is another one than the real one, as far as one can see. */
  private differs(node: number): boolean {
    const local = new Float64Array(16);
    this.stage.model.localOf(node, local, 0);
    const real = trsOf(local);
    const [x, y, z, ...rotation] = this.poses.get(node) as readonly number[];
    const [a, b, c] = real.position;
    const cosine = Math.abs(rotation.reduce((sum, value, k) => sum + value * real.rotation[k], 0));
    return Math.hypot(x - a, y - b, z - c) > SEEN_M || 2 * Math.acos(Math.min(1, cosine)) > SEEN_RAD;
  }

  dispose(): void {
    this.bench.viewport.anchored.remove(this.view.group);
    this.view.dispose();
  }
}

function originOf(world: ArrayLike<number>): number[] {
  return [world[3], world[7], world[11]];
}

function times(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(16);
  multiplyAffine(out, 0, a, 0, b, 0);
  return out;
}
