/** Meshes that bones bend, against the formula written out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deform, SkinPose, type SkinJson } from "../src/core/skin.ts";

const FAR = 10_000;
// Bone 0 stays at (FAR, 0, 0); bone 1, two metres on, turns by 90 degrees about z.
const WORLD = Float64Array.from([
  ...[1, 0, 0, FAR, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[0, -1, 0, FAR + 2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
]);
const SKIN: SkinJson = {
  bones: 2,
  boneFromGprim: [...[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], ...[1, 0, 0, -2, 0, 1, 0, 0, 0, 0, 1, 0]],
  boxes: [[0, 0, 0, 2, 1, 0], [2, 0, 0, 4, 1, 0]],
};

function bent(pose: SkinPose, points: number[], joints: number[], weights: number[]): number[] {
  const out = new Float32Array(points.length);
  deform(pose.matrices, points, joints, weights, out);
  return Array.from(out, (value, k) => value + pose.middle[k % 3]);
}

test("a vertex goes with its bones, ten kilometres away to a hundredth of a millimetre", () => {
  const pose = new SkinPose(SKIN, [0, 2]);
  pose.update(WORLD);
  const points = [1, 0.5, 0, 4, 0, 0, 3, 0, 0];
  const found = bent(pose, points, [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0, 0.25, 0.75, 0, 0]);
  // (4, 0) lies 2 before bone 1, so 2 along +y; (3, 0): a quarter of (3, 0), three quarters of (2, 1).
  const wanted = [FAR + 1, 0.5, 0, FAR + 2, 2, 0, FAR + 2.25, 0.75, 0];
  found.forEach((value, k) => assert.ok(Math.abs(value - wanted[k]) < 1e-5, `${k}: ${value}`));
});

test("the box holds all that is bent, and follows", () => {
  const pose = new SkinPose(SKIN, [0, 2]);
  pose.update(WORLD);
  assert.deepEqual([pose.box.min, pose.box.max], [[FAR, 0, 0], [FAR + 2, 2, 0]]);
  assert.ok(Math.abs(pose.reach - Math.hypot(2, 2) / 2) < 1e-12);
  const still = WORLD.slice();
  still.set([1, 0, 0, FAR + 2, 0, 1, 0, 0, 0, 0, 1, 0], 32);
  pose.update(still);
  assert.deepEqual([pose.box.min, pose.box.max], [[FAR, 0, 0], [FAR + 4, 1, 0]]);
  assert.equal(pose.version, 2);
});
