import assert from "node:assert/strict";
import { test } from "node:test";
import { changeOf, limitsOf, placeOf, valueAt, withChange, without } from "../src/preview/changes.ts";
import type { Range } from "../src/preview/types.ts";

const range: Range = {
  ...{ id: "lamps.intensity", field: "intensity", kind: "uniform", written: "[1, 2]", of: "", nominal: 1.5, low: 1, high: 2, counts: [], changed: false },
  form: { kind: "uniform", low: 1, high: 2 },
  parameters: { low: 1, high: 2 },
};

test("a change is the whole distribution, and takes the place of the one before", () => {
  const one = changeOf(range, { low: 0.5, high: 2 });
  assert.equal(one, 'lamps.intensity={"kind":"uniform","low":0.5,"high":2}');
  const two = changeOf(range, { low: 0.5, high: null });
  assert.equal(two, 'lamps.intensity={"kind":"uniform","low":0.5}');
  assert.deepEqual(withChange(["walk.distance=[1, 2]", one], two), ["walk.distance=[1, 2]", two]);
  assert.deepEqual(without([one, "walk.distance=3"], "lamps.intensity"), ["walk.distance=3"]);
});

test("sliders go beyond the range, but not over nothing", () => {
  assert.deepEqual(limitsOf(2, 6, "uniform"), [0, 10]);
  assert.deepEqual(limitsOf(10, 12, "uniform"), [8, 14]);
  assert.deepEqual(limitsOf(-3, -1, "uniform"), [-5, 0]);
  assert.deepEqual(limitsOf(0.5, 2, "loguniform"), [0.125, 8]);
  assert.deepEqual(limitsOf(3, 3, "uniform"), [0, 6]);
});

test("a place on the line and its value belong together", () => {
  const line = [0.125, 8] as const;
  assert.ok(Math.abs(placeOf(1, line, "loguniform") - 0.5) < 1e-9);
  assert.equal(valueAt(0.5, line, "loguniform"), 1);
  assert.equal(valueAt(0.26, [0, 10], "integers"), 3);
  for (const value of [0, 2.5, 7.3, 10]) assert.ok(Math.abs(valueAt(placeOf(value, [0, 10], "uniform"), [0, 10], "uniform") - value) < 0.06);
  assert.equal(placeOf(20, [0, 10], "uniform"), 1);
});
