/** World matrices by hierarchy, against plain matrix products from the root down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { composePose, determinant3, POSE } from "../src/core/matrix.ts";
import { SceneModel, worldFromLocals } from "../src/core/scene-model.ts";
import { random } from "./random.ts";

type M = number[];

/** Textbook 4x4 product, row-major: the oracle. */
function product(a: M, b: M): M {
  return Array.from({ length: 16 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < 4; k++) sum += a[(i >> 2) * 4 + k] * b[k * 4 + (i & 3)];
    return sum;
  });
}

function pose(next: () => number): Float64Array {
  const q = Array.from({ length: 4 }, () => next() - 0.5);
  const norm = Math.hypot(...q);
  return Float64Array.from([
    ...Array.from({ length: 3 }, () => 200 * next() - 100),
    ...q.map((c) => c / norm),
    ...Array.from({ length: 3 }, () => 0.5 + next()),
  ]);
}

function tree(n: number, next: () => number): { parent: Int32Array; local: Float64Array } {
  const parent = Int32Array.from({ length: n }, (_, i) => (i === 0 || next() < 0.1 ? -1 : Math.floor(next() * i)));
  const local = new Float64Array(16 * n);
  for (let i = 0; i < n; i++) composePose(local, i * 16, pose(next), 0);
  return { parent, local };
}

function oracle(parent: Int32Array, local: Float64Array, node: number): M {
  const own = [...local.subarray(node * 16, node * 16 + 16)];
  return parent[node] < 0 ? own : product(oracle(parent, local, parent[node]), own);
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  for (let i = 0; i < 16; i++) {
    const scale = Math.max(1, Math.abs(expected[i]));
    assert.ok(Math.abs(actual[i] - expected[i]) < 1e-9 * scale, `element ${i}: ${actual[i]} instead of ${expected[i]}`);
  }
}

test("a pose becomes T * R * S", () => {
  const m = new Float64Array(16);
  const s = Math.SQRT1_2;
  composePose(m, 0, Float64Array.from([1, 2, 3, s, 0, 0, s, 2, 3, 4]), 0); // a quarter turn about Z
  const expected = [0, -3, 0, 1, 2, 0, 0, 2, 0, 0, 4, 3, 0, 0, 0, 1];
  m.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-12));
  assert.ok(Math.abs(determinant3(m, 0) - 24) < 1e-9);
});

test("worlds equal products from the root, before and after moves", () => {
  const next = random(7);
  for (let round = 0; round < 20; round++) {
    const { parent, local } = tree(60, next);
    const model = new SceneModel(parent, local);
    const moved = new Set(Array.from({ length: 8 }, () => Math.floor(next() * 60)));
    for (const node of moved) model.setPose(node, pose(next), 0);
    const changed = new Set(model.update());
    const locals = new Float64Array(16 * 60);
    for (let node = 0; node < 60; node++) model.localOf(node, locals, 16 * node);
    for (let node = 0; node < 60; node++) {
      if (!moved.has(node)) assertClose(locals.subarray(node * 16), local.subarray(node * 16));
      assertClose(model.world.subarray(node * 16, node * 16 + 16), oracle(parent, locals, node));
      const held = (n: number, out: Float64Array): void => model.localOf(n, out);
      assertClose(worldFromLocals(parent, node, held), oracle(parent, locals, node));
      // Exactly what hangs below a moved node is reported.
      let below = false;
      for (let p = node; p >= 0; p = parent[p]) below ||= moved.has(p);
      assert.equal(changed.has(node), below);
    }
  }
});

test("each changed node is reported once, however many ancestors moved", () => {
  const model = new SceneModel(Int32Array.from([-1, 0, 1, 2]), new Float64Array(64));
  const still = Float64Array.from([0, 0, 0, 1, 0, 0, 0, 1, 1, 1]);
  assert.equal(still.length, POSE);
  for (const node of [3, 1, 0, 1]) model.setPose(node, still, 0);
  assert.deepEqual([...model.update()].sort(), [0, 1, 2, 3]);
  assert.equal(model.update().length, 0);
});

test("reset takes back every move", () => {
  const next = random(3);
  const { parent, local } = tree(20, next);
  const model = new SceneModel(parent, local);
  const before = model.world.slice();
  model.setPose(0, pose(next), 0);
  model.update();
  model.setPose(5, pose(next), 0);
  model.reset();
  assert.deepEqual(new Set(model.update()).has(5), true);
  assert.deepEqual(model.world, before);
  assert.equal(model.update().length, 0);
});

test("a parent after its child is refused", () => {
  assert.throws(() => new SceneModel(Int32Array.from([1, -1]), new Float64Array(32)), /before its parent/);
});

test("float64 keeps a tenth of a millimetre at ten thousand kilometres", () => {
  const local = new Float64Array(32);
  composePose(local, 0, Float64Array.from([1e7, 0, 0, 1, 0, 0, 0, 1, 1, 1]), 0);
  composePose(local, 16, Float64Array.from([1e-4, 0, 0, 1, 0, 0, 0, 1, 1, 1]), 0);
  const model = new SceneModel(Int32Array.from([-1, 0]), local);
  assert.ok(Math.abs(model.world[16 + 3] - 1e7 - 1e-4) < 1e-8);
});
