/**
 * Ticks into motion: what the server said is *held* at once and exactly; what is *shown* follows smoothly, a little
 * later. Knows the scene's columns and the stage view, nothing of panels or sockets.
 */
import { composePose, POSE } from "./core/matrix.ts";
import { PlayoutClock } from "./core/playout-clock.ts";
import { worldFromLocals } from "./core/scene-model.ts";
import { type Grade, Store } from "./core/store.ts";
import { Timeline } from "./core/timeline.ts";
import { TwinTime } from "./core/twin-time.ts";
import type { StageView } from "./view/stage-view.ts";
import { OP } from "./wire/frames.ts";
import { framesOf, type LivePart, posesOf } from "./wire/live-part.ts";
import type { Mirror } from "./wire/mirror.ts";
import type { SceneData } from "./wire/scene-data.ts";
import { wholeTick } from "./wire/whole.ts";
import type { Tick, ValueFrame } from "./wire/session.ts";

/** How late motion is shown unless the user wants another delay, so that the next pose is usually known [ms]. */
export const DELAY_MS = 100;
/** The longest delay [ms]. */
export const LONGEST_DELAY_MS = 5000;
/** Values come this much before the motion that they belong to at most [ms]. */
const AHEAD_MS = 100;
/** How often trust in the data is judged [ms]. */
const TRUST_MS = 500;

export class Player {
  readonly store: Store;
  /** Live ticks that are not applied yet, and when they came [ms, local clock]. */
  private ticks: { readonly tick: Tick; readonly cameAt: number }[] = [];
  private delay = DELAY_MS;
  /** What is shown: the newest state, or one of the past. */
  private held: Mirror;
  /** What goes on live meanwhile. */
  private livePart: LivePart | null = null;
  private readonly timeline = new Timeline((batch) => this.mirror.pool.give(batch));
  private readonly playout = new PlayoutClock();
  private lastTrust = 0;
  /** Whether any state has come yet. */
  started = false;
  /** The newest tick on screen that was not acknowledged yet. */
  private owed: Tick | null = null;

  constructor(
    private readonly scene: SceneData,
    readonly stage: StageView,
    private readonly time: TwinTime,
    private readonly mirror: Mirror,
  ) {
    this.held = mirror;
    this.store = new Store(
      scene.json.signals.map(({ id, unit, type, maxAge, labels }) => ({
        id,
        unit,
        type,
        maxAge: maxAge ?? 0,
        labels: labels ?? null,
      })),
    );
  }

  receive(tick: Tick, now: number): void {
    this.time.observe(newestEvent(tick), now);
    this.owed = tick; // also where it is shown later, or not at all: it is held
    if (this.isPast) {
      if (this.livePart) this.showPart(tick, this.livePart, now);
      for (const batch of tick.poses) this.mirror.pool.give(batch);
    } else this.ticks.push({ tick, cameAt: now });
  }

  /** How late everything is shown [ms]. */
  get delayMs(): number {
    return this.delay;
  }

  set delayMs(ms: number) {
    this.delay = Math.min(Math.max(ms, 0), LONGEST_DELAY_MS);
    this.time.lag = Math.max(0, this.delay - AHEAD_MS);
  }

  // --- past ----------------------------------------------------------------------------------------------------

  /** Whether a moment of the past is shown. */
  get isPast(): boolean {
    return this.held !== this.mirror;
  }

  /** From now on the picture follows `applyPast`, and not the newest state. `held`: what is shown, exactly. */
  showPast(held: Mirror): void {
    this.dropWaiting();
    this.held = held;
  }

  /** What goes on live while the past is shown, from the next keyframe on. */
  keepLive(part: LivePart | null): void {
    this.livePart = part;
  }

  /** The newest state of what goes on live; not smoothed, for the timeline has the past. */
  private showPart(tick: Tick, part: LivePart, now: number): void {
    const { model } = this.stage;
    for (const batch of tick.poses) for (const k of posesOf(batch, part)) model.setPose(batch.ids[k], batch.poses, k * POSE);
    this.showRows(framesOf(tick, part), now, false);
  }

  /** A tick of the past, to be reached at `due` [ms, local clock]; a keyframe is shown at once. */
  applyPast(tick: Tick, due: number, now: number): void {
    this.show(tick, now, tick.keyframe ? now : due, false);
    if (tick.keyframe && this.livePart && this.mirror.seq >= 0) {
      this.timeline.sample(now, this.stage.model); // what the keyframe says, before what is newer
      const newest = wholeTick(this.mirror);
      this.showPart(newest, this.livePart, now);
      for (const batch of newest.poses) this.mirror.pool.give(batch);
    }
    this.started = true;
  }

  /** Back to the newest state. */
  showLive(now: number): void {
    if (!this.isPast) return;
    this.held = this.mirror;
    this.livePart = null;
    if (this.mirror.seq >= 0) this.show(wholeTick(this.mirror), now, now, false);
  }

  /** What came and is not shown yet. */
  private dropWaiting(): void {
    for (const { tick } of this.ticks) for (const batch of tick.poses) this.mirror.pool.give(batch);
    this.ticks = [];
  }

  /** Applies what came and moves the picture to `now` [ms]; true while there is more motion to show. */
  advance(now: number): boolean {
    const { stage } = this;
    const wait = Math.max(0, this.delay - AHEAD_MS);
    while (this.ticks.length > 0 && (this.ticks[0].cameAt + wait <= now || this.ticks[0].tick.keyframe))
      this.apply((this.ticks.shift() as { tick: Tick }).tick, now);
    this.timeline.sample(now, stage.model);
    const moved = stage.model.update();
    if (moved.length > 0) stage.moved(moved);
    this.judgeTrust(now);
    return this.timeline.pending || this.ticks.length > 0;
  }

  private apply(tick: Tick, now: number): void {
    const late = Math.min(this.delay, AHEAD_MS);
    const due = tick.keyframe ? now : (tick.eventMs > 0 ? this.playout.place(now, tick.eventMs) : now) + late;
    this.show(tick, now, due, true);
    this.started = true;
  }

  private show(tick: Tick, now: number, due: number, remember: boolean): void {
    if (tick.keyframe) this.restart();
    for (const batch of tick.poses) this.timeline.push(batch, due);
    this.showRows(tick.frames, due, remember);
    if (tick.keyframe) this.lastTrust = now - TRUST_MS;
  }

  private showRows(frames: readonly ValueFrame[], due: number, remember: boolean): void {
    const { appearance } = this.stage;
    for (const frame of frames) {
      if (frame.op === OP.signals) this.store.apply(frame, remember);
      else if (frame.op === OP.text) this.store.applyTexts(frame);
      else if (frame.op === OP.style) appearance.setStyle(frame.ids, frame.rgba);
      else if (frame.op === OP.visibility) appearance.setVisible(frame.ids, frame.visible);
      else if (frame.op === OP.entity) for (const node of frame.ids) this.timeline.cut(node, due);
    }
  }

  /** Tick to acknowledge: each is owed one, also where its seq is not new (after a resume). */
  takeOwed(): Tick | null {
    const tick = this.owed;
    this.owed = null;
    return tick;
  }

  /** A keyframe starts from the scene as it was authored. */
  private restart(): void {
    const { stage } = this;
    this.timeline.reset();
    this.playout.reset();
    stage.model.reset();
    stage.appearance.reset();
    this.store.forget();
  }

  /** Greys out what hangs on bad signals and fades what hangs on stale ones; true where that changes the picture. */
  judgeTrust(now: number): boolean {
    const { appearance } = this.stage;
    if (now - this.lastTrust >= TRUST_MS) {
      this.lastTrust = now;
      const twinMs = this.time.at(now);
      appearance.setDoubtful(this.graded("bad", twinMs), this.graded("stale", twinMs));
    }
    return appearance.stale;
  }

  private graded(grade: Grade, twinMs: number): Set<number> {
    const nodes = new Set<number>();
    for (const [path, ids] of Object.entries(this.scene.json.bindings)) {
      const prim = this.scene.primIndex.get(path);
      const some = ids.some((id) => {
        const signal = this.store.indexOf.get(id);
        return signal !== undefined && this.store.grade(signal, twinMs) === grade;
      });
      if (prim !== undefined && some) nodes.add(prim);
    }
    return nodes;
  }

  /** world_from_node as held, 16 values row-major. */
  worldOf(node: number): number[] {
    const { scene, livePart } = this;
    const pose = new Float64Array(POSE);
    return [
      ...worldFromLocals(scene.transformParent, node, (n, out) => {
        const mirror = livePart?.nodes[n] ? this.mirror : this.held;
        if (mirror.posed[n]) {
          mirror.poseOf(n, pose, 0);
          composePose(out, 0, pose, 0);
        } else scene.local.read(n, out, 0);
      }),
    ];
  }

  /** Id of the entity that a node shows; null = none or not said. */
  entityOf(node: number): bigint | null {
    const { shown, entity } = this.held;
    return shown[node] && entity[node] >= 0n ? entity[node] : null;
  }
}

/** Newest event time in a tick, of poses and signals [ms since 1970]; 0 = none. */
function newestEvent(tick: Tick): number {
  let newest = tick.eventMs;
  for (const frame of tick.frames)
    if (frame.op === OP.signals || frame.op === OP.text) for (const time of frame.eventMs) newest = Math.max(newest, time);
  return newest;
}
