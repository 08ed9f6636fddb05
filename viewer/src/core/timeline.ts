/**
 * Smooth motion from frames that arrive in steps: poses are shown a little late and interpolated.
 *
 * Every frame gets a time on the local clock (see `PlayoutClock`). `sample(now)` moves each node from the pose it had
 * towards the next one that is known, and holds at the end: nothing is extrapolated, so a twin whose data stops
 * stands still. Between two frames far apart the node rests first: motion takes at most `SPAN_MS`.
 */
import { POSE } from "./matrix.ts";

/** Longest time over which one step is spread [ms]. */
export const SPAN_MS = 150;
/** A step faster than this is a jump, shown as one (a parcel put back to the conveyor's start) [m/s]. */
const JUMP_SPEED = 25;

/** Poses of some nodes: `POSE` values each, ids strictly increasing. */
export interface PoseBatch {
  readonly ids: Uint32Array;
  readonly poses: Float64Array;
}

interface Pending extends PoseBatch {
  readonly time: number;
}

export type PoseSink = (node: number, pose: Float64Array, at: number) => void;

export class Timeline {
  private queue: Pending[] = [];
  private readonly slotOf = new Map<number, number>();
  private base = new Float64Array(POSE * 64);
  private baseTime = new Float64Array(64);
  private stamp = new Int32Array(64);
  private pass = 0;
  private readonly mixed = new Float64Array(POSE);

  /** Forgets everything: the next frame is shown at once. */
  reset(): void {
    this.queue = [];
    this.slotOf.clear();
  }

  /** Adds a frame that is due at `time` [ms, local clock]; times must not decrease. */
  push(batch: PoseBatch, time: number): void {
    this.queue.push({ ids: batch.ids, poses: batch.poses, time });
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
    const late = this.queue.slice(0, due);
    this.queue.splice(0, due);
    for (const frame of late) this.commit(frame);
    for (const frame of this.queue) this.approach(frame, now, sink);
    for (let f = late.length - 1; f >= 0; f--) this.settle(late[f], sink);
  }

  private commit(frame: Pending): void {
    for (let k = 0; k < frame.ids.length; k++) {
      const slot = this.slot(frame.ids[k]);
      for (let c = 0; c < POSE; c++) this.base[slot * POSE + c] = frame.poses[k * POSE + c];
      this.baseTime[slot] = frame.time;
    }
  }

  /** Nodes of frames to come, on their way from the base pose. */
  private approach(frame: Pending, now: number, sink: PoseSink): void {
    for (let k = 0; k < frame.ids.length; k++) {
      const known = this.slotOf.get(frame.ids[k]);
      if (known === undefined) {
        this.adopt(frame, k, sink);
        continue;
      }
      if (this.stamp[known] === this.pass) continue;
      this.stamp[known] = this.pass;
      const start = Math.max(this.baseTime[known], frame.time - SPAN_MS);
      const alpha = (now - start) / (frame.time - start);
      if (alpha > 0) this.mix(frame, k, known * POSE, Math.min(alpha, 1), frame.time - start);
      else this.mixed.set(this.base.subarray(known * POSE, known * POSE + POSE));
      sink(frame.ids[k], this.mixed, 0);
    }
  }

  /** A node seen for the first time has nowhere to come from: it is shown where it is. */
  private adopt(frame: Pending, k: number, sink: PoseSink): void {
    const slot = this.slot(frame.ids[k]);
    for (let c = 0; c < POSE; c++) this.base[slot * POSE + c] = frame.poses[k * POSE + c];
    this.baseTime[slot] = frame.time;
    this.stamp[slot] = this.pass;
    sink(frame.ids[k], frame.poses, k * POSE);
  }

  /** Nodes that reached the end of what is known rest there. */
  private settle(frame: Pending, sink: PoseSink): void {
    for (let k = 0; k < frame.ids.length; k++) {
      const slot = this.slot(frame.ids[k]);
      if (this.stamp[slot] === this.pass) continue;
      this.stamp[slot] = this.pass;
      sink(frame.ids[k], this.base, slot * POSE);
    }
  }

  private mix(frame: Pending, k: number, from: number, alpha: number, spanMs: number): void {
    const { base, mixed } = this;
    const { poses } = frame;
    const to = k * POSE;
    const distance = Math.hypot(poses[to] - base[from], poses[to + 1] - base[from + 1], poses[to + 2] - base[from + 2]);
    if (distance > (JUMP_SPEED * spanMs) / 1000 && distance > 0.5) {
      mixed.set(base.subarray(from, from + POSE));
      return;
    }
    for (let c = 0; c < POSE; c++) mixed[c] = base[from + c] + alpha * (poses[to + c] - base[from + c]);
    mixQuaternion(mixed, base, from + 3, poses, to + 3, alpha);
  }

  private slot(node: number): number {
    const known = this.slotOf.get(node);
    if (known !== undefined) return known;
    const slot = this.slotOf.size;
    this.slotOf.set(node, slot);
    if (slot >= this.baseTime.length) this.grow();
    this.stamp[slot] = 0;
    return slot;
  }

  private grow(): void {
    const n = this.baseTime.length * 2;
    const base = new Float64Array(n * POSE);
    base.set(this.base);
    const baseTime = new Float64Array(n);
    baseTime.set(this.baseTime);
    const stamp = new Int32Array(n);
    stamp.set(this.stamp);
    [this.base, this.baseTime, this.stamp] = [base, baseTime, stamp];
  }
}

/** Normalised linear interpolation along the shorter arc, into out[3..7]; the steps are small. */
function mixQuaternion(
  out: Float64Array,
  a: Float64Array,
  ai: number,
  b: Float64Array,
  bi: number,
  alpha: number,
): void {
  let dot = 0;
  for (let c = 0; c < 4; c++) dot += a[ai + c] * b[bi + c];
  const sign = dot < 0 ? -1 : 1;
  let norm = 0;
  for (let c = 0; c < 4; c++) {
    out[3 + c] = (1 - alpha) * a[ai + c] + alpha * sign * b[bi + c];
    norm += out[3 + c] ** 2;
  }
  norm = Math.sqrt(norm) || 1;
  for (let c = 0; c < 4; c++) out[3 + c] /= norm;
}
