/** Boxes around instances in the world, in Float64. Pure. */
import { multiplyAffine } from "./matrix.ts";

export interface Box {
  readonly min: [number, number, number];
  readonly max: [number, number, number];
}

export function emptyBox(): Box {
  return { min: [Infinity, Infinity, Infinity], max: [-Infinity, -Infinity, -Infinity] };
}

export function isEmpty(box: Box): boolean {
  return !(box.min[0] <= box.max[0]);
}

export function center(box: Box): [number, number, number] {
  return [0, 1, 2].map((c) => (box.min[c] + box.max[c]) / 2) as [number, number, number];
}

/** Length of the diagonal [m]; 0 of an empty box. */
export function diagonal(box: Box): number {
  return isEmpty(box) ? 0 : Math.hypot(box.max[0] - box.min[0], box.max[1] - box.min[1], box.max[2] - box.min[2]);
}

export function include(box: Box, other: Box): void {
  for (let c = 0; c < 3; c++) {
    box.min[c] = Math.min(box.min[c], other.min[c]);
    box.max[c] = Math.max(box.max[c], other.max[c]);
  }
}

/** The box in the world of local bounds [xmin, ymin, zmin, xmax, ymax, zmax] under m[at..]. */
export function boxOf(m: Float64Array, at: number, bounds: ArrayLike<number>): Box {
  const box = emptyBox();
  for (let r = 0; r < 3; r++) {
    let low = m[at + 4 * r + 3];
    let high = low;
    for (let c = 0; c < 3; c++) {
      const a = m[at + 4 * r + c] * bounds[c];
      const b = m[at + 4 * r + c] * bounds[c + 3];
      low += Math.min(a, b);
      high += Math.max(a, b);
    }
    box.min[r] = low;
    box.max[r] = high;
  }
  return box;
}

/** world_from_geometry of an instance: its node's world times its own local, if it has one. */
export function instanceWorld(
  out: Float64Array,
  world: Float64Array,
  node: number,
  local: Float64Array | null,
  instance: number,
): void {
  if (local) multiplyAffine(out, 0, world, node * 16, local, instance * 16);
  else out.set(world.subarray(node * 16, node * 16 + 16));
}

/** A thing this much larger than all smaller ones together is scenery. */
const DWARFS = 2.5;
/** Such things that may be left out. */
const MAX_SCENERY = 4;

/** The box worth looking at: without the few things that dwarf all others, such as a ground plane of 200 m. */
export function framingBox(boxes: readonly Box[]): Box {
  const sorted = boxes.filter((box) => !isEmpty(box)).sort((a, b) => diagonal(a) - diagonal(b));
  const grown: Box[] = [];
  const union = emptyBox();
  for (const box of sorted) {
    include(union, box);
    grown.push({ min: [...union.min], max: [...union.max] });
  }
  let best = grown.length - 1;
  for (let k = grown.length - 1; k > Math.max(0, grown.length - 1 - MAX_SCENERY); k--) {
    const rest = diagonal(grown[k - 1]);
    if (rest > 0 && diagonal(sorted[k]) > DWARFS * rest) best = k - 1;
  }
  return best >= 0 ? grown[best] : emptyBox();
}
