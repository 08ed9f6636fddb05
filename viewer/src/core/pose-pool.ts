/**
 * Batches of poses whose memory is used again: ten thousand poses sixty times a second would be 50 MB of garbage a
 * second. Pure.
 */
import { POSE } from "./matrix.ts";

/** Poses of some nodes: the first `n` rows, `POSE` values each, ids strictly increasing. */
export interface PoseBatch {
  n: number;
  readonly ids: Uint32Array;
  readonly poses: Float64Array;
}

/** Free batches that are kept at most. */
const KEPT = 32;

export class PosePool {
  private free: PoseBatch[] = [];

  /** A batch with room for n rows; what is in it is not defined. */
  take(n: number): PoseBatch {
    const found = this.free.findIndex((batch) => batch.ids.length >= n && batch.ids.length <= 64 + 8 * n);
    if (found >= 0) {
      const [batch] = this.free.splice(found, 1);
      batch.n = n;
      return batch;
    }
    const room = n + (n >> 2) + 16;
    return { n, ids: new Uint32Array(room), poses: new Float64Array(room * POSE) };
  }

  give(batch: PoseBatch): void {
    this.free.push(batch);
    if (this.free.length > KEPT) this.free.shift();
  }
}
