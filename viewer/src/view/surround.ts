/** What of a scene's surfaces throws light back (core/indirect.ts), from the geometry that is there; once a scene, never a frame. */
import { emptyBox, include, isEmpty, type Box } from "../core/bounds.ts";
import { albedoOf, SurroundCount, type Surround } from "../core/indirect.ts";
import type { StageView } from "./stage-view.ts";

/** Parts whose box is smaller than this share of the scene's are left out. */
const SMALL = 0.002;
/** Most instances and triangles that are looked at: more are taken as samples. */
const MOST_INSTANCES = 4000;
const MOST_TRIANGLES = 200_000;

const known = new WeakMap<StageView, { readonly loaded: number; readonly surround: Surround | null }>();

/** Null where there is nothing. */
export function surroundOf(stage: StageView): Surround | null {
  const found = known.get(stage);
  if (found && found.loaded === stage.loaded) return found.surround;
  const surround = count(stage);
  known.set(stage, { loaded: stage.loaded, surround });
  return surround;
}

function sizeOf({ min, max }: Box): number {
  const [x, y, z] = [0, 1, 2].map((c) => max[c] - min[c]);
  return x * y + y * z + z * x;
}

function count(stage: StageView): Surround | null {
  const { instances, json } = stage.scene;
  const step = Math.max(1, Math.ceil(instances.count / MOST_INSTANCES));
  const there: number[] = [];
  // Not the box worth looking at: that leaves a hall out whose walls are what counts here.
  const whole = emptyBox();
  for (let k = 0; k < instances.count; k += step) {
    if (!instances.drawable[k] || !stage.drawing(k)) continue;
    there.push(k);
    include(whole, stage.instanceBox(k));
  }
  if (isEmpty(whole)) return null;
  const large = there.filter((k) => sizeOf(stage.instanceBox(k)) >= SMALL * sizeOf(whole));
  const triangles = large.reduce((sum, k) => sum + json.prototypes[instances.prototype[k]].triangles, 0);
  const total = new SurroundCount(whole);
  const stride = Math.max(1, Math.ceil(triangles / MOST_TRIANGLES));
  for (const k of large) add(total, stage, k, stride);
  return total.done();
}

const world = new Float64Array(16);
const corners = new Float64Array(9);

function add(total: SurroundCount, stage: StageView, instance: number, stride: number): void {
  const { instances, json } = stage.scene;
  stage.worldOf(instance, world);
  const set = json.materialSets[instances.materialSet[instance]] ?? [];
  const mirrored = stage.drawing(instance)!.batch.isMirrored ? -1 : 1;
  const { parts, bones } = stage.drawing(instance)!.batch;
  if (bones) return;
  parts.forEach(({ geometry, slot }) => {
    const albedo = albedoOf(json.materials[set[slot] ?? set[0] ?? -1]);
    const position = geometry.full.getAttribute("position");
    const index = geometry.full.getIndex();
    const n = index?.count ?? position.count;
    for (let t = 0; t + 2 < n; t += 3 * stride) {
      for (let v = 0; v < 3; v++) {
        const i = index ? index.getX(t + v) : t + v;
        const [x, y, z] = [mirrored * position.getX(i), position.getY(i), position.getZ(i)];
        for (let r = 0; r < 3; r++)
          corners[3 * v + r] = world[4 * r] * x + world[4 * r + 1] * y + world[4 * r + 2] * z + world[4 * r + 3];
      }
      total.add(corners, albedo, stride);
    }
  });
}
