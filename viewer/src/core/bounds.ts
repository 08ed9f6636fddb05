/** Boxes around instances in the world, in Float64. Pure. */
import type { Affines } from "./affine.ts";
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

const ownLocal = new Float64Array(16);

/** world_from_geometry of an instance: its node's world times its own local, if it has one. */
export function instanceWorld(
  out: Float64Array,
  world: Float64Array,
  node: number,
  local: Affines | null,
  instance: number,
): void {
  if (!local) {
    for (let c = 0, at = node * 16; c < 16; c++) out[c] = world[at + c];
    return;
  }
  local.read(instance, ownLocal, 0);
  multiplyAffine(out, 0, world, node * 16, ownLocal, 0);
}

/** A thing this much larger than all smaller ones together is scenery. */
const DWARFS = 2.5;
/** Such things that may be left out. */
const MAX_SCENERY = 4;

/** The box worth looking at: without the few things that dwarf all others, such as a ground plane of 200 m. */
export function framingBox(boxes: readonly Box[]): Box {
  const flat = new Float64Array(boxes.length * 6);
  boxes.forEach((box, k) => flat.set([...box.min, ...box.max], 6 * k));
  return framingOf(flat, boxes.length);
}

/** The same of `count` boxes, six numbers each: min xyz, max xyz. */
export function framingOf(flat: Float64Array, count: number): Box {
  const size = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const at = 6 * k;
    size[k] = Math.hypot(flat[at + 3] - flat[at], flat[at + 4] - flat[at + 1], flat[at + 5] - flat[at + 2]);
    if (!(flat[at] <= flat[at + 3])) size[k] = Number.NaN;
  }
  const largest = largestOf(size, MAX_SCENERY);
  const left = new Uint8Array(count);
  for (const k of largest) left[k] = 1;
  const union = emptyBox();
  let any = false;
  for (let k = 0; k < count; k++)
    if (!left[k] && !Number.isNaN(size[k])) any = grow(union, flat, k) || any;
  // From the smallest of the largest on: what comes next, and whether it dwarfs all before.
  let best: Box | null = any ? copyOf(union) : null;
  let [within, more] = [size.filter((one) => !Number.isNaN(one)).length - largest.length, largest.length];
  for (const k of largest) {
    const rest = any ? diagonal(union) : 0;
    // Two boxes are no scenery of one bolt.
    if (rest > 0 && size[k] > DWARFS * rest && more <= within) break;
    [within, more] = [within + 1, more - 1];
    any = grow(union, flat, k) || any;
    best = copyOf(union);
  }
  return best ?? emptyBox();
}

/** Rows of the n largest sizes, the smallest of them first. */
function largestOf(size: Float64Array, n: number): number[] {
  const out: number[] = [];
  for (let k = 0; k < size.length; k++) {
    if (Number.isNaN(size[k]) || (out.length === n && size[k] <= size[out[0]])) continue;
    let at = 0;
    while (at < out.length && size[out[at]] < size[k]) at++;
    out.splice(at, 0, k);
    if (out.length > n) out.shift();
  }
  return out;
}

function grow(box: Box, flat: Float64Array, k: number): true {
  for (let c = 0; c < 3; c++) {
    box.min[c] = Math.min(box.min[c], flat[6 * k + c]);
    box.max[c] = Math.max(box.max[c], flat[6 * k + c + 3]);
  }
  return true;
}

function copyOf(box: Box): Box {
  return { min: [...box.min], max: [...box.max] };
}
