/** Predictions against motions of which the future is known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Misses, Motion, type Pose7 } from "../src/core/predict.ts";

/** Turned about z by an angle. */
const about = (angle: number): [number, number, number, number] => [Math.cos(angle / 2), 0, 0, Math.sin(angle / 2)];
const near = (got: readonly number[], want: readonly number[], within = 1e-9): void =>
  got.forEach((value, k) => assert.ok(Math.abs(value - want[k]) <= within, `${k}: ${got.join()} for ${want.join()}`));

function told(pose: (s: number) => Pose7, everyMs = 50, count = 10): Motion {
  const motion = new Motion();
  for (let k = 0; k < count; k++) motion.add(1000 + k * everyMs, pose((k * everyMs) / 1000));
  return motion;
}

test("who moves and turns steadily is met exactly", () => {
  const path = (s: number): Pose7 => [1 + 2 * s, -s, 0.5 * s, ...about(1.5 * s)];
  const motion = told(path);
  near(motion.at(1450 + 2000, 1450) as Pose7, path(2.45));
  near(motion.rates().velocity, [2, -1, 0.5]);
  near(motion.rates().turn, [0, 0, 1.5]);
});

test("a joint that turns fast is not taken for one that turns back", () => {
  const path = (s: number): Pose7 => [0, 0, 0, ...about(-20 * s)];
  const [, , , w, , , z] = told(path, 100).at(1900 + 1000, 1900) as Pose7;
  const [ww, , , wz] = about(-20 * 1.9);
  assert.ok(Math.abs(Math.abs(w * ww + z * wz) - 1) < 1e-9);
});

test("a little noise is averaged out", () => {
  const noise = [1, -1, -1, 1, 1, -1, 1, -1, -1, 1].map((sign) => sign * 0.002);
  const motion = told((s) => [s + noise[Math.round(s / 0.05)], 0, 0, 1, 0, 0, 0]);
  assert.ok(Math.abs(motion.rates().velocity[0] - 1) < 0.01);
});

test("who is told nothing any more stands, and so does who was told once", () => {
  const motion = told((s) => [s, 0, 0, 1, 0, 0, 0]);
  assert.ok(motion.moves(1600));
  assert.ok(!motion.moves(1800));
  near(motion.at(3800, 1800) as Pose7, [0.45, 0, 0, 1, 0, 0, 0]);
  const once = new Motion();
  assert.equal(once.at(2000, 1000), null);
  once.add(1000, [3, 0, 0, 1, 0, 0, 0]);
  assert.ok(!once.moves(1000));
  near(once.at(3000, 1000) as Pose7, [3, 0, 0, 1, 0, 0, 0]);
});

test("two readings a second are a motion, too", () => {
  const motion = told((s) => [s, 0, 0, 1, 0, 0, 0], 500, 5);
  assert.ok(motion.moves(3900));
  near(motion.at(5000, 3400) as Pose7, [4, 0, 0, 1, 0, 0, 0]);
});

test("a stop is seen soon", () => {
  const motion = told((s) => [Math.min(s, 0.5), 0, 0, 1, 0, 0, 0], 50, 25);
  assert.ok(!motion.moves(2200));
});

test("a jump and a clock that is set back begin anew", () => {
  const motion = told((s) => [s, 0, 0, 1, 0, 0, 0]);
  motion.add(1500, [90, 0, 0, 1, 0, 0, 0]);
  assert.ok(!motion.moves(1500), "nothing is known of its motion there");
  near(motion.at(3500, 1500) as Pose7, [90, 0, 0, 1, 0, 0, 0]);
  motion.add(1550, [90.05, 0, 0, 1, 0, 0, 0]);
  assert.ok(motion.moves(1550));
  motion.add(700, [1, 0, 0, 1, 0, 0, 0]);
  assert.ok(!motion.moves(700));
});

test("predictions are judged when their time has come, by the point that was off most", () => {
  const misses = new Misses();
  for (let k = 0; k < 10; k++) misses.expect(2000 + 100 * k, () => [k, 0, 0, k, 0, 0]);
  assert.equal(misses.median, null);
  for (let k = 0; k < 10; k++) misses.happened(2000 + 100 * k, () => [k, 0, 0, k, 0.25, 0]);
  assert.equal(misses.median, 0.25);
  misses.expect(4000, () => [0, 0, 0]);
  misses.happened(9000, () => assert.fail("nobody looked when that time came"));
  assert.equal(misses.median, 0.25);
});
