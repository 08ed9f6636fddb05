/**
 * What the server has said so far, exactly: poses in their packed form (deltas build on it), colours, switches, values.
 * Plain columns, no DOM. What is shown follows later and smoothly; see `player.ts`.
 *
 * Memory is taken when the scene is set; a tick of poses allocates nothing but its frame objects.
 */
import { POSE } from "../core/matrix.ts";
import { type PoseBatch, PosePool } from "../core/pose-pool.ts";
import { DeltaColumns } from "./delta.ts";
import {
  type DeltaFrame,
  type EntityFrame,
  type Frame,
  FrameError,
  OP,
  type PoseFrame,
  type SignalFrame,
  type StyleFrame,
  type TextFrame,
  type VisibilityFrame,
} from "./frames.ts";
import { unpackQuaternion } from "./quaternion.ts";

export class Mirror {
  /** The newest tick taken in whole, -1 = none. */
  seq = -1;
  readonly pool = new PosePool();
  /** Which nodes were ever sent, and how they stand: [m], packed words, factors. */
  posed = new Uint8Array(0);
  translation = new Float64Array(0);
  words = new Uint16Array(0);
  scale = new Float32Array(0);
  styled = new Uint8Array(0);
  rgba = new Uint8Array(0);
  switched = new Uint8Array(0);
  visible = new Uint8Array(0);
  shown = new Uint8Array(0);
  /** Entity that a node shows, where `shown`; -1 none. */
  entity = new BigInt64Array(0);
  /** Signals that were sent, and their values; texts lie apart. */
  seen = new Uint8Array(0);
  value = new Float64Array(0);
  eventNs = new BigInt64Array(0);
  quality = new Uint32Array(0);
  texts = new Map<number, { text: string; quality: number }>();
  private readonly delta = new DeltaColumns();

  /** Another scene, of which nothing was said yet. */
  reset(nodes: number, signals: number): void {
    this.seq = -1;
    this.posed = new Uint8Array(nodes);
    this.translation = new Float64Array(3 * nodes);
    this.words = new Uint16Array(3 * nodes);
    this.scale = new Float32Array(3 * nodes);
    this.styled = new Uint8Array(nodes);
    this.rgba = new Uint8Array(4 * nodes);
    this.switched = new Uint8Array(nodes);
    this.visible = new Uint8Array(nodes);
    this.shown = new Uint8Array(nodes);
    this.entity = new BigInt64Array(nodes);
    this.seen = new Uint8Array(signals);
    this.value = new Float64Array(signals);
    this.eventNs = new BigInt64Array(signals);
    this.quality = new Uint32Array(signals);
    this.texts.clear();
  }

  /** Nothing of what was said holds any more; the columns stay. */
  private forget(): void {
    for (const flags of [this.posed, this.styled, this.switched, this.shown, this.seen]) flags.fill(0);
    this.texts.clear();
  }

  /**
   * Takes in one whole tick; returns the poses that it changed, one batch a frame, each to be given back to `pool`.
   * Throws FrameError where the tick does not go on from what is held: nothing of it is then to be relied on.
   */
  apply(seq: number, keyframe: boolean, frames: readonly Frame[]): PoseBatch[] {
    for (const frame of frames) this.check(frame, seq);
    if (keyframe) this.forget();
    const batches: PoseBatch[] = [];
    for (const frame of frames) {
      if (frame.op === OP.delta) batches.push(this.move(frame));
      else if (frame.op === OP.pose) batches.push(this.place(frame));
      else this.note(frame);
    }
    this.seq = seq;
    return batches;
  }

  private check({ op, header }: Frame, seq: number): void {
    if (header.seq !== seq) throw new FrameError(`a frame of tick ${header.seq} within tick ${seq}`);
    if (header.keyframe && op !== OP.delta) return;
    const behind = (this.seq - header.baseSeq) | 0;
    if (this.seq < 0 || seq < this.seq || behind < 0 || (op === OP.delta && (behind !== 0 || header.keyframe)))
      throw new FrameError(`tick ${seq} builds on ${header.baseSeq}, but ${this.seq} is held`);
  }

  private place(frame: PoseFrame): PoseBatch {
    const { ids, quanta, origin, quantum, scales, words } = frame;
    const batch = this.pool.take(ids.length);
    for (let k = 0; k < ids.length; k++) {
      const id = ids[k];
      if (id >= this.posed.length) throw unknownRow("node", id);
      this.posed[id] = 1;
      for (let c = 0; c < 3; c++) {
        this.translation[3 * id + c] = origin[c] + quanta[3 * k + c] * quantum;
        this.words[3 * id + c] = words[3 * k + c];
        this.scale[3 * id + c] = scales ? scales[3 * k + c] : 1;
      }
      this.write(batch, k, id);
    }
    return batch;
  }

  private move(frame: DeltaFrame): PoseBatch {
    const { delta, translation, words } = this;
    delta.read(frame);
    const { n, ids, moves, turns } = delta;
    const { quantum } = frame;
    const batch = this.pool.take(n);
    for (let k = 0; k < n; k++) {
      const id = ids[k];
      if (!this.posed[id]) throw unknownRow("node", id);
      const to = 3 * id;
      const from = 3 * k;
      translation[to] += moves[from] * quantum;
      translation[to + 1] += moves[from + 1] * quantum;
      translation[to + 2] += moves[from + 2] * quantum;
      words[to] += turns[from];
      words[to + 1] += turns[from + 1];
      words[to + 2] += turns[from + 2];
      this.write(batch, k, id);
    }
    return batch;
  }

  private write(batch: PoseBatch, k: number, id: number): void {
    batch.ids[k] = id;
    this.poseOf(id, batch.poses, k * POSE);
  }

  /** The pose of a node that was sent, as `POSE` values. */
  poseOf(id: number, out: Float64Array, at: number): void {
    const { translation, scale } = this;
    out[at] = translation[3 * id];
    out[at + 1] = translation[3 * id + 1];
    out[at + 2] = translation[3 * id + 2];
    unpackQuaternion(out, at + 3, this.words, 3 * id);
    out[at + 7] = scale[3 * id];
    out[at + 8] = scale[3 * id + 1];
    out[at + 9] = scale[3 * id + 2];
  }

  private note(frame: Exclude<Frame, PoseFrame | DeltaFrame>): void {
    if (frame.op === OP.signals) this.noteSignals(frame);
    else if (frame.op === OP.text) this.noteTexts(frame);
    else if (frame.op === OP.style) this.noteStyles(frame);
    else if (frame.op === OP.visibility) this.noteSwitches(frame);
    else if (frame.op === OP.entity) this.noteEntities(frame);
  }

  private noteSignals({ ids, values, eventNs, quality }: SignalFrame): void {
    ids.forEach((id, k) => {
      if (id >= this.seen.length) throw unknownRow("signal", id);
      this.seen[id] = 1;
      this.value[id] = values[k];
      this.quality[id] = quality[k];
      this.eventNs[id] = eventNs[k];
    });
  }

  private noteTexts({ ids, texts, quality }: TextFrame): void {
    ids.forEach((id, k) => {
      if (id >= this.seen.length) throw unknownRow("signal", id);
      this.texts.set(id, { text: texts[k], quality: quality[k] });
    });
  }

  private noteStyles({ ids, rgba }: StyleFrame): void {
    ids.forEach((id, k) => {
      if (id >= this.styled.length) throw unknownRow("node", id);
      this.styled[id] = 1;
      this.rgba.set(rgba.subarray(4 * k, 4 * k + 4), 4 * id);
    });
  }

  private noteSwitches({ ids, visible }: VisibilityFrame): void {
    ids.forEach((id, k) => {
      if (id >= this.switched.length) throw unknownRow("node", id);
      this.switched[id] = 1;
      this.visible[id] = visible[k] ? 1 : 0;
    });
  }

  private noteEntities({ ids, entities }: EntityFrame): void {
    ids.forEach((id, k) => {
      if (id >= this.shown.length) throw unknownRow("node", id);
      this.shown[id] = 1;
      this.entity[id] = entities[k];
    });
  }
}

function unknownRow(kind: string, id: number): FrameError {
  return new FrameError(`a tick names ${kind} ${id}, which the scene or this viewer does not hold`);
}
