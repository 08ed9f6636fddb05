/** What one scene leaves to the next: batches of the same triangles go on, and nothing of the old scene stays in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferAttribute, BufferGeometry, MeshBasicMaterial, type Material } from "three";
import { InstanceBatch, type InstanceSource, type Part } from "../src/view/instance-batch.ts";
import { Leftovers } from "../src/view/leftovers.ts";
import { TINT_ATTRIBUTE } from "../src/view/material-patch.ts";
import type { Materials } from "../src/view/materials.ts";
import { sharedAttributes, SharedGeometry } from "../src/view/shared-geometry.ts";

function triangle(): SharedGeometry {
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array([0, 0, 0, 1, 0, 0, 0, 1, 0]), 3));
  return new SharedGeometry(geometry);
}

/** Nodes at x = 10 * node + shift. */
function source(count: number, shift: number, red = 0): InstanceSource {
  const worlds = new Float64Array(16 * count);
  for (let k = 0; k < count; k++) {
    for (const c of [0, 5, 10, 15]) worlds[16 * k + c] = 1;
    worlds[16 * k + 3] = 10 * k + shift;
  }
  const nodes = Int32Array.from({ length: count }, (_, k) => k);
  return { origin: [0, 0, 0], worlds, nodes, isOffset: false, worldOf: () => undefined, tintOf: () => [red, 0, 0, 1] };
}

const parts = (geometry: SharedGeometry, material: Material = new MeshBasicMaterial()): Part[] => [{ slot: 0, geometry, material }];
class Worn {
  gone = 0;
  dispose(): void {
    this.gone++;
  }
}
const worn = (): Materials & Worn => new Worn() as unknown as Materials & Worn;

test("a batch of the same triangles and rows goes on, dressed and placed anew", () => {
  const shape = triangle();
  const batch = new InstanceBatch(Int32Array.of(0, 1), parts(shape), false, source(2, 0));
  batch.setVisible(1, false);
  batch.flush();
  const left = new Leftovers();
  left.add([batch], worn());
  assert.equal(left.take(parts(triangle()), 2), undefined, "other triangles");
  assert.equal(left.take(parts(shape), 3), undefined, "other rows");
  const paint = new MeshBasicMaterial({ transparent: true });
  assert.equal(left.take(parts(shape, paint), 2), batch);
  assert.equal(left.take(parts(shape), 2), undefined, "it is taken once");
  batch.renew(Int32Array.of(0, 1), parts(shape, paint), false, source(2, 5));
  batch.flush();
  const out = new Float32Array(16);
  assert.ok(batch.isVisible(1) && batch.readMatrix(1, out));
  assert.equal(out[12], 15);
  assert.equal(batch.meshes[0].material, paint);
  assert.equal(batch.meshes[0].castShadow, false);
  assert.equal(batch.shownCount, 2);
});

test("the GPU gets only what is another", () => {
  const shape = triangle();
  const batch = new InstanceBatch(Int32Array.of(0, 1), parts(shape), false, source(2, 0));
  batch.flush();
  const [matrices, tints] = [batch.meshes[0].instanceMatrix, batch.meshes[0].geometry.getAttribute(TINT_ATTRIBUTE) as BufferAttribute];
  for (const column of [matrices, tints]) column.onUploadCallback();
  const versions = (): number[] => [matrices.version, tints.version];
  const before = versions();
  batch.renew(Int32Array.of(0, 1), parts(shape), false, source(2, 0));
  batch.flush();
  assert.deepEqual(versions(), before);
  batch.renew(Int32Array.of(0, 1), parts(shape), false, source(2, 0, 0.5));
  batch.flush();
  assert.deepEqual(versions(), [before[0], before[1] + 1], "its tint alone");
  batch.renew(Int32Array.of(0, 1), parts(shape), false, source(2, 1, 0.5));
  batch.flush();
  assert.deepEqual(versions(), [before[0] + 1, before[1] + 2], "what is not uploaded yet is sent whole");
});

test("what nobody takes goes with its materials, and holds nothing", () => {
  const before = sharedAttributes();
  const shape = triangle();
  const batch = new InstanceBatch(Int32Array.of(0), parts(shape), false, source(1, 0));
  const materials = worn();
  const left = new Leftovers();
  left.add([batch], materials);
  assert.equal(materials.gone, 0, "until the new scene is drawn");
  left.dispose();
  assert.equal(materials.gone, 1);
  assert.equal(sharedAttributes(), before);
  left.dispose();
  assert.equal(materials.gone, 1);
});
