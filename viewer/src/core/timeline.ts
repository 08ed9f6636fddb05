/**
 * Smooth motion from frames that arrive in steps: poses are shown a little late and interpolated.
 *
 * Every frame gets a time on the local clock (see `PlayoutClock`). `sample(now)` moves each node from the pose it had
 * towards the next one that is known, and holds at the end: nothing is extrapolated, so a twin whose data stops
 * stands still. Between two frames far apart the node rests first: motion takes at most `SPAN_MS`.
 */
import { POSE } from "./matrix.ts";
import type { PoseBatch } from "./pose-pool.ts";

/** Longest time over which one step is spread [ms]. */
export const SPAN_MS = 150;
/** A step faster than this is a jump, shown as one (a parcel put back to the conveyor's start) [m/s]. */
const JUMP_SPEED = 25;
/** A shorter step never is one [m]. */
const JUMP_M = 0.5;

interface Pending {
  readonly batch: PoseBatch;
  readonly time: number;
}

/** Who shows poses: one as it is, or what is `alpha` of the way from one to another (see `blendPose`). */
export interface PoseSink {
  setPose(node: number, pose: Float64Array, at: number): void;
  setBlend(node: number, from: Float64Array, at: number, to: Float64Array, toAt: number, alpha: number): void;
}

export class Timeline {
  private queue: Pending[] = [];
  /** Row of each node in the columns below, plus one; 0 = none yet. */
  private slotOf = new Int32Array(64);
  private slots = 0;
  private base = new Float64Array(POSE * 64);
  private baseTime = new Float64Array(64);
  private stamp = new Int32Array(64);
  /** When a node next jumps: nothing leads from the pose before to that one. */
  private cutTime = new Float64Array(64);
  private pass = 0;

  /** `release` is handed each batch once it is not needed any more. */
  constructor(private readonly release: (batch: PoseBatch) => void = () => undefined) {}

  /** Forgets everything: the next frame is shown at once. */
  reset(): void {
    for (const { batch } of this.queue) this.release(batch);
    this.queue = [];
    this.slotOf.fill(0);
    this.slots = 0;
  }

  /** Adds a frame that is due at `time` [ms, local clock]; times must not decrease. */
  push(batch: PoseBatch, time: number): void {
    this.queue.push({ batch, time });
  }

  /** The node is something else from the frame of that `time` on: it is not moved there, it is there. */
  cut(node: number, time: number): void {
    const known = node < this.slotOf.length ? this.slotOf[node] - 1 : -1;
    if (known >= 0) this.cutTime[known] = time;
  }

  /** Whether there is motion left to show. */
  get pending(): boolean {
    return this.queue.length > 0;
  }

  /** Hands every node whose shown pose changes at `now` [ms] to `sink`. */
  sample(now: number, sink: PoseSink): void {
    this.pass++;
    let due = 0;
    while (due < this.queue.length && this.queue[due].time <= now) due++;
    const late = this.queue.splice(0, due);
    for (const frame of late) this.commit(frame);
    for (const frame of this.queue) this.approach(frame, now, sink);
    for (let f = late.length - 1; f >= 0; f--) this.settle(late[f].batch, sink);
    for (const { batch } of late) this.release(batch);
  }

  private commit({ batch, time }: Pending): void {
    for (let k = 0; k < batch.n; k++) this.rest(this.slot(batch.ids[k]), batch, k, time);
  }

  private rest(slot: number, batch: PoseBatch, k: number, time: number): void {
    copyPose(this.base, slot * POSE, batch.poses, k * POSE);
    this.baseTime[slot] = time;
  }

  /** Nodes of frames to come, on their way from the base pose. */
  private approach({ batch, time }: Pending, now: number, sink: PoseSink): void {
    for (let k = 0; k < batch.n; k++) {
      const node = batch.ids[k];
      const known = node < this.slotOf.length ? this.slotOf[node] - 1 : -1;
      if (known < 0) {
        this.adopt(batch, time, k, sink);
        continue;
      }
      if (this.stamp[known] === this.pass) continue;
      this.stamp[known] = this.pass;
      const since = this.baseTime[known];
      const start = since > time - SPAN_MS ? since : time - SPAN_MS;
      const alpha = (now - start) / (time - start);
      const from = known * POSE;
      const moves = alpha > 0 && this.cutTime[known] !== time && !this.jumps(batch.poses, k * POSE, from, time - start);
      if (moves) sink.setBlend(node, this.base, from, batch.poses, k * POSE, alpha < 1 ? alpha : 1);
      else sink.setPose(node, this.base, from);
    }
  }

  /** A node seen for the first time has nowhere to come from: it is shown where it is. */
  private adopt(batch: PoseBatch, time: number, k: number, sink: PoseSink): void {
    const slot = this.slot(batch.ids[k]);
    this.rest(slot, batch, k, time);
    this.stamp[slot] = this.pass;
    sink.setPose(batch.ids[k], batch.poses, k * POSE);
  }

  /** Nodes that reached the end of what is known rest there. */
  private settle(batch: PoseBatch, sink: PoseSink): void {
    for (let k = 0; k < batch.n; k++) {
      const slot = this.slot(batch.ids[k]);
      if (this.stamp[slot] === this.pass) continue;
      this.stamp[slot] = this.pass;
      sink.setPose(batch.ids[k], this.base, slot * POSE);
    }
  }

  /** Whether the way from `base` is too long to be gone in so little time. */
  private jumps(poses: Float64Array, to: number, from: number, spanMs: number): boolean {
    const { base } = this;
    const dx = poses[to] - base[from];
    const dy = poses[to + 1] - base[from + 1];
    const dz = poses[to + 2] - base[from + 2];
    const far = Math.max(JUMP_M, (JUMP_SPEED * spanMs) / 1000);
    return dx * dx + dy * dy + dz * dz > far * far;
  }

  private slot(node: number): number {
    if (node >= this.slotOf.length) this.widen(node);
    const known = this.slotOf[node];
    if (known > 0) return known - 1;
    const slot = this.slots++;
    this.slotOf[node] = slot + 1;
    if (slot >= this.baseTime.length) this.grow();
    this.stamp[slot] = 0;
    this.cutTime[slot] = Number.NaN;
    return slot;
  }

  private widen(node: number): void {
    const slotOf = new Int32Array(2 * node + 1);
    slotOf.set(this.slotOf);
    this.slotOf = slotOf;
  }

  private grow(): void {
    const n = this.baseTime.length * 2;
    const base = new Float64Array(n * POSE);
    base.set(this.base);
    const baseTime = new Float64Array(n);
    baseTime.set(this.baseTime);
    const stamp = new Int32Array(n);
    stamp.set(this.stamp);
    const cutTime = new Float64Array(n);
    cutTime.set(this.cutTime);
    [this.base, this.baseTime, this.stamp, this.cutTime] = [base, baseTime, stamp, cutTime];
  }
}

function copyPose(out: Float64Array, o: number, from: Float64Array, i: number): void {
  out[o] = from[i];
  out[o + 1] = from[i + 1];
  out[o + 2] = from[i + 2];
  out[o + 3] = from[i + 3];
  out[o + 4] = from[i + 4];
  out[o + 5] = from[i + 5];
  out[o + 6] = from[i + 6];
  out[o + 7] = from[i + 7];
  out[o + 8] = from[i + 8];
  out[o + 9] = from[i + 9];
}
