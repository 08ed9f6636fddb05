/** Saved views as text, units and axes of the stage, and distances. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measure, rowsOf, snapped } from "../src/core/measure.ts";
import { plainNumber, StageUnits } from "../src/core/stage-units.ts";
import { freeName, readView, readViews, withView, writeView, writeViews, type NamedView } from "../src/core/views.ts";

const VIEW: NamedView = { name: "Cell; 50 % @ dusk", position: [1, -2.5, 3], target: [0, 0, 0.125], fov: 42, half: 0 };

test("views come back from their text, to the millimetre", () => {
  assert.deepEqual(readView(writeView(VIEW)), { position: [1, -2.5, 3], target: [0, 0, 0.125], fov: 42, half: 0 });
  assert.equal(readView(writeView({ ...VIEW, half: 4.25 }))?.half, 4.25);
  assert.deepEqual(readViews(writeViews([VIEW, { ...VIEW, name: "B" }])).map((view) => view.name), [VIEW.name, "B"]);
});

test("text that is no view gives none", () => {
  for (const text of ["", "1,2,3", "1,2,3,4,5,6,x", "0,0,0,0,0,0,42", "1,2,3,4,5,6,0", "1,2,3,4,5,6,42,-1", "1,2,3,4,5,6,,"])
    assert.equal(readView(text), null, text);
  assert.deepEqual(readViews("x;@1,2,3;a@1,2"), []);
});

test("a view of the same name takes the other's place, and names that are free are found", () => {
  const views = withView(withView([], { ...VIEW, name: "View 1" }), { ...VIEW, name: "View 1", fov: 20 });
  assert.equal(views.length, 1);
  assert.equal(views[0].fov, 20);
  assert.equal(freeName(views), "View 2");
});

test("a Y-up stage in centimetres names its own axes and lengths", () => {
  const units = new StageUnits(0.01, "Y");
  assert.equal(units.name, "cm");
  // The page's (x, y, z) is the stage's (x, -z, y): docs/protocol.md.
  assert.deepEqual(units.vector([1, 2, 3]), [100, 300, -200]);
  assert.deepEqual([0, 1, 2].map((c) => units.axis(c as 0 | 1 | 2).name), ["X", "Z", "Y"]);
  assert.equal(units.axis(1).sign, -1);
  assert.deepEqual(new StageUnits(1, "Z").vector([1, 2, 3]), [1, 2, 3]);
  assert.equal(new StageUnits(0.3048, "Z").name, "ft");
  assert.equal(new StageUnits(0.123, "Z").name, "units");
});

test("steps of a grid are 1, 2 or 5 times a power of ten, and not smaller than asked", () => {
  for (const perUnit of [1, 0.01, 0.0254])
    for (const metres of [0.003, 0.7, 1, 1.01, 4.9, 60, 1234]) {
      const step = new StageUnits(perUnit, "Z").step(metres);
      assert.ok(step * perUnit >= metres * (1 - 1e-6) && step * perUnit < metres * 2.6);
      const digits = Number((step / 10 ** Math.floor(Math.log10(step) + 1e-9)).toPrecision(3));
      assert.ok([1, 2, 5, 10].includes(digits), `${step}`);
    }
});

test("distances are told in metres, and in stage units where those are others", () => {
  const units = new StageUnits(0.01, "Y");
  const found = measure([0, 0, 0], [3, -4, 0], units);
  assert.equal(found.distance, 5);
  assert.deepEqual(found.delta.map((value) => Number(value.toFixed(9))), [3, 0, 4]);
  assert.deepEqual(rowsOf(found, units)[0], ["Distance", "5 m  (500 cm)"]);
  assert.deepEqual(rowsOf(measure([0, 0, 0], [0, 0, -1.5], new StageUnits(1, "Z")), new StageUnits(1, "Z"))[3], ["ΔZ", "−1.5 m"]);
});

test("the nearest corner within reach is meant, else none", () => {
  const corners = [{ x: 0, y: 0 }, null, { x: 10, y: 0 }];
  assert.equal(snapped(corners, 7, 0, 5), 2);
  assert.equal(snapped(corners, 3, 1, 5), 0);
  assert.equal(snapped(corners, 5, 40, 5), null);
});

test("numbers are plain", () => {
  assert.deepEqual([1.5, 2, -0.0001, 0.12345, -3, 1200].map((value) => plainNumber(value)), ["1.5", "2", "0", "0.123", "−3", "1200"]);
});
