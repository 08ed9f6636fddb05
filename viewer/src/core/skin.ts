/**
 * Meshes that bones bend, in Float64. Pure.
 *
 * A point p at rest is drawn at sum of w_j world_from_bone_j bone_from_gprim_j p, relative to a middle of the drawing's own, so
 * that float32 stays exact far from the world's origin.
 */
import { boxOf, emptyBox, include, isEmpty, type Box } from "./bounds.ts";
import { lastRow, multiplyAffine } from "./matrix.ts";

export interface SkinJson {
  readonly bones: number;
  /** 12 numbers a bone. */
  readonly boneFromGprim: readonly number[];
  /** Around what hangs on each bone, at rest; null where nothing does. */
  readonly boxes: readonly (readonly number[] | null)[];
}

export class SkinPose {
  /** world_from_gprim of each bone, 16 values row-major. */
  private readonly bent: Float64Array;
  private readonly rest: Float64Array;
  /** The same for the GPU: columns first, around `middle`. */
  readonly matrices: Float32Array<ArrayBuffer>;
  readonly middle: [number, number, number] = [0, 0, 0];
  box: Box = emptyBox();
  /** Counts the poses taken over. */
  version = 0;

  constructor(
    private readonly json: SkinJson,
    readonly nodes: readonly number[],
  ) {
    const { bones, boneFromGprim } = json;
    this.rest = new Float64Array(16 * bones);
    for (let j = 0; j < bones; j++) {
      for (let c = 0; c < 12; c++) this.rest[16 * j + c] = boneFromGprim[12 * j + c];
      lastRow(this.rest, 16 * j);
    }
    this.bent = new Float64Array(16 * bones);
    for (let j = 0; j < bones; j++) lastRow(this.bent, 16 * j);
    this.matrices = new Float32Array(16 * bones);
  }

  /** Takes over where the bones are; `world`: world_from_node of all nodes. */
  update(world: Float64Array): void {
    const { bent, rest, json, nodes, matrices, middle } = this;
    this.box = emptyBox();
    for (let j = 0; j < nodes.length; j++) {
      multiplyAffine(bent, 16 * j, world, 16 * nodes[j], rest, 16 * j);
      const box = json.boxes[j];
      if (box) include(this.box, boxOf(bent, 16 * j, box));
    }
    for (let c = 0; c < 3; c++) middle[c] = isEmpty(this.box) ? 0 : (this.box.min[c] + this.box.max[c]) / 2;
    for (let j = 0; j < nodes.length; j++)
      for (let r = 0; r < 3; r++)
        for (let c = 0; c < 4; c++) matrices[16 * j + 4 * c + r] = bent[16 * j + 4 * r + c] - (c === 3 ? middle[r] : 0);
    for (let j = 0; j < nodes.length; j++) matrices[16 * j + 15] = 1;
    this.version++;
  }

  /** Distance from the middle to the farthest corner of the box [m]. */
  get reach(): number {
    const { min, max } = this.box;
    return isEmpty(this.box) ? 0 : Math.hypot(max[0] - min[0], max[1] - min[1], max[2] - min[2]) / 2;
  }
}

/** Bent positions around the middle [m], as the GPU works them out. */
export function deform(
  matrices: ArrayLike<number>,
  position: ArrayLike<number>,
  joints: ArrayLike<number>,
  weights: ArrayLike<number>,
  out: Float32Array,
): void {
  for (let v = 0; 3 * v < position.length; v++) {
    const [px, py, pz] = [position[3 * v], position[3 * v + 1], position[3 * v + 2]];
    let [x, y, z] = [0, 0, 0];
    for (let k = 0; k < 4; k++) {
      const w = weights[4 * v + k];
      if (w === 0) continue;
      const m = 16 * joints[4 * v + k];
      x += w * (matrices[m] * px + matrices[m + 4] * py + matrices[m + 8] * pz + matrices[m + 12]);
      y += w * (matrices[m + 1] * px + matrices[m + 5] * py + matrices[m + 9] * pz + matrices[m + 13]);
      z += w * (matrices[m + 2] * px + matrices[m + 6] * py + matrices[m + 10] * pz + matrices[m + 14]);
    }
    [out[3 * v], out[3 * v + 1], out[3 * v + 2]] = [x, y, z];
  }
}
