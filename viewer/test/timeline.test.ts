/** Interpolated motion and the times that frames are placed at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { blendPose, composePose, POSE } from "../src/core/matrix.ts";
import { PlayoutClock } from "../src/core/playout-clock.ts";
import type { PoseBatch } from "../src/core/pose-pool.ts";
import { SPAN_MS, Timeline } from "../src/core/timeline.ts";
import { trsOf } from "../src/core/trs.ts";
import { random } from "./random.ts";

function at(x: number, yaw = 0): number[] {
  return [x, 0, 0, Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2), 1, 1, 1];
}

function batch(rows: Record<number, number[]>): PoseBatch {
  const ids = Object.keys(rows).map(Number);
  return { n: ids.length, ids: Uint32Array.from(ids), poses: Float64Array.from(ids.flatMap((id) => rows[id])) };
}

function sampled(timeline: Timeline, now: number): Map<number, number[]> {
  const out = new Map<number, number[]>();
  const keep = (node: number, pose: number[]): void => {
    assert.ok(!out.has(node), `node ${node} was handed out twice`);
    out.set(node, pose);
  };
  timeline.sample(now, {
    setPose: (node, pose, index) => keep(node, [...pose.subarray(index, index + POSE)]),
    setBlend: (node, from, index, to, toIndex, alpha) => {
      const matrix = new Float64Array(16);
      blendPose(matrix, 0, from, index, to, toIndex, alpha);
      const { position, rotation, scale } = trsOf(matrix);
      keep(node, [...position, ...rotation, ...scale]);
    },
  });
  return out;
}

const x = (poses: Map<number, number[]>, node = 4): number | undefined => poses.get(node)?.[0];

test("between two frames the pose is in proportion, afterwards it holds", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(0) }), 100);
  assert.equal(x(sampled(timeline, 100)), 0);
  timeline.push(batch({ 4: at(1) }), 200);
  assert.ok(Math.abs((x(sampled(timeline, 125)) ?? NaN) - 0.25) < 1e-12);
  assert.ok(Math.abs((x(sampled(timeline, 175)) ?? NaN) - 0.75) < 1e-12);
  assert.equal(x(sampled(timeline, 200)), 1);
  assert.equal(timeline.pending, false);
  assert.equal(sampled(timeline, 500).size, 0); // nothing is extrapolated, and nothing needs drawing
});

test("a node seen for the first time is shown where it is", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(5) }), 1000);
  assert.equal(x(sampled(timeline, 0)), 5);
});

test("after a long rest motion does not start in the past", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(0) }), 0);
  sampled(timeline, 0);
  timeline.push(batch({ 4: at(1) }), 10_000);
  assert.equal(x(sampled(timeline, 10_000 - SPAN_MS - 1)), 0);
  assert.ok(Math.abs((x(sampled(timeline, 10_000 - SPAN_MS / 2)) ?? NaN) - 0.5) < 1e-9);
});

test("skipped frames are passed through in order, the last one wins", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(0), 9: at(7) }), 0);
  sampled(timeline, 0);
  timeline.push(batch({ 4: at(0.1) }), 50);
  timeline.push(batch({ 4: at(0.2) }), 100);
  timeline.push(batch({ 4: at(0.4) }), 150);
  const poses = sampled(timeline, 125);
  assert.ok(Math.abs((x(poses) ?? NaN) - 0.3) < 1e-12);
  assert.equal(poses.has(9), false);
});

test("a jump is shown as a jump", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(0) }), 0);
  sampled(timeline, 0);
  timeline.push(batch({ 4: at(40) }), 100);
  assert.equal(x(sampled(timeline, 99)), 0);
  assert.equal(x(sampled(timeline, 100)), 40);
});

test("rotations take the shorter way and stay of unit length", () => {
  const timeline = new Timeline();
  timeline.push(batch({ 4: at(0, 0) }), 0);
  sampled(timeline, 0);
  const far = at(0, 0.2).map((value, c) => (c >= 3 && c < 7 ? -value : value)); // the same rotation, other sign
  timeline.push(batch({ 4: far }), 100);
  const pose = sampled(timeline, 50).get(4) as number[];
  assert.ok(Math.abs(Math.hypot(...pose.slice(3, 7)) - 1) < 1e-12);
  assert.ok(Math.abs(2 * Math.atan2(pose[6], pose[3]) - 0.1) < 1e-4);
});

test("many nodes are kept apart when the columns grow", () => {
  const timeline = new Timeline();
  const rows: Record<number, number[]> = {};
  for (let node = 0; node < 500; node++) rows[node] = at(node / 100);
  timeline.push(batch(rows), 0);
  const poses = sampled(timeline, 0);
  for (let node = 0; node < 500; node++) assert.equal(poses.get(node)?.[0], node / 100);
});

test("a node that becomes something else is not moved there", () => {
  const timeline = new Timeline();
  timeline.cut(4, 50); // not seen yet
  timeline.push(batch({ 4: at(0), 5: at(0) }), 0);
  sampled(timeline, 0);
  timeline.push(batch({ 4: at(0.4), 5: at(0.4) }), 100);
  timeline.cut(4, 100);
  timeline.push(batch({ 4: at(0.8), 5: at(0.8) }), 200);
  assert.deepEqual([4, 5].map((node) => x(sampled(timeline, 50 + node / 1e6), node)), [0, 0.4 * (0.50000005)]);
  assert.equal(x(sampled(timeline, 100)), 0.4);
  assert.ok(Math.abs((x(sampled(timeline, 150)) ?? NaN) - 0.6) < 1e-12);
});

test("batches are given back once, when they are shown or forgotten", () => {
  const released: PoseBatch[] = [];
  const timeline = new Timeline((given) => released.push(given));
  const batches = [0, 50, 100].map((time) => batch({ 4: at(time) }));
  batches.forEach((given, k) => timeline.push(given, 50 * k));
  sampled(timeline, 60);
  assert.deepEqual(released, batches.slice(0, 2));
  timeline.reset();
  assert.deepEqual(released, batches);
});

test("jitter of the network is taken out for a source at real-time speed", () => {
  const clock = new PlayoutClock();
  const next = random(5);
  const times: number[] = [];
  for (let k = 0; k < 100; k++) times.push(clock.place(1000 + k * 50 + 30 * next(), 77_000 + k * 50));
  const steps = times.slice(40).map((time, k) => time - times[39 + k]);
  for (const step of steps) assert.ok(step > 35 && step < 65, `a step of ${step} ms instead of 50`);
});

test("a frame is never placed after it arrived, nor before the one before it", () => {
  for (const speed of [0, 0.5, 1, 2, -1]) {
    const clock = new PlayoutClock();
    const next = random(11);
    let last = -Infinity;
    for (let k = 0; k < 200; k++) {
      const arrival = 1000 + k * 50 + 40 * next();
      const time = clock.place(arrival, 5000 + speed * k * 50);
      assert.ok(time <= arrival && time >= last);
      if (speed !== 1) assert.equal(time, arrival);
      last = time;
    }
  }
});

test("a blend is the matrix of the blended pose: at both ends, between, and the shorter way round", () => {
  const next = random(12);
  const number = (): number => 2 * next() - 1;
  const pose = (): Float64Array => {
    const q = [number(), number(), number(), number()];
    const size = Math.hypot(...q);
    return Float64Array.from([1e4 * number(), number(), number(), ...q.map((c) => c / size), 1 + next(), 1 + next(), 1 + next()]);
  };
  for (let round = 0; round < 50; round++) {
    const [a, b] = [pose(), pose()];
    for (const alpha of [0, 0.25, 1]) {
      // The plain way: mix all ten numbers, normalise, compose.
      const dot = [3, 4, 5, 6].reduce((sum, c) => sum + a[c] * b[c], 0);
      const mixed = a.map((value, c) => (1 - alpha) * value + alpha * (c > 2 && c < 7 && dot < 0 ? -b[c] : b[c]));
      const size = Math.hypot(mixed[3], mixed[4], mixed[5], mixed[6]);
      for (let c = 3; c < 7; c++) mixed[c] /= size;
      const [expected, got] = [new Float64Array(16), new Float64Array(16)];
      composePose(expected, 0, mixed, 0);
      blendPose(got, 0, a, 0, b, 0, alpha);
      for (let c = 0; c < 12; c++) assert.ok(Math.abs(got[c] - expected[c]) < 1e-9, `${round} ${alpha} ${c}`);
      assert.deepEqual([...got.subarray(12)], [0, 0, 0, 0]); // whose rows are only the upper three
    }
  }
});
