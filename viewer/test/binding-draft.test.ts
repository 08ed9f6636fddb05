/** A binding put together by hand: what it says, and what it looks like. The server's arithmetic is checked in the browser tests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bindingOf, colorAt, draftFor, type Draft, effectOf, problemOf } from "../src/core/binding-draft.ts";
import { rotationOf, type Trs } from "../src/core/trs.ts";

const make = (more: Partial<Draft>): Draft => ({ ...draftFor("/Cell/Agv"), signal: "agv.x", ...more });
const AUTHORED: Trs = { position: [1, 2, 3], rotation: rotationOf(0, 0, Math.PI / 2), scale: [1, 1, 1] };
const CEL = { contractUnit: "Cel", unitScale: 1, unitOffset: 273.15 };

test("a draft becomes the fields of a binding", () => {
  assert.deepEqual(bindingOf(make({})), { kind: "pose", prim: "/Cell/Agv", position: { x: "agv.x" } });
  assert.deepEqual(bindingOf(make({ drives: "yaw", frame: "world", scale: -1 })), {
    kind: "pose",
    prim: "/Cell/Agv",
    frame: "world",
    rotation: { yaw: "agv.x * (-1)" },
  });
  assert.deepEqual(bindingOf(make({ drives: "scaleZ", scale: 0.5, offset: -0.1 })), {
    kind: "pose",
    prim: "/Cell/Agv",
    scale: { z: "agv.x * 0.5 - 0.1" },
  });
  assert.deepEqual(bindingOf(make({ path: "/Cell/Parcels[7]" })), {
    kind: "instance",
    prim: "/Cell/Parcels",
    id: 7,
    position: { x: "agv.x" },
  });
});

test("a joint has sign and offset of its own; another factor makes an expression", () => {
  assert.deepEqual(bindingOf(make({ drives: "turn", scale: -1, offset: 0.2, axis: "X" })), {
    kind: "joint",
    prim: "/Cell/Agv",
    signal: "agv.x",
    sign: -1,
    offset: 0.2,
    axis: "X",
    motion: "rotate",
  });
  assert.deepEqual(bindingOf(make({ drives: "slide", scale: 2 })), {
    kind: "joint",
    prim: "/Cell/Agv",
    expr: "agv.x * 2",
    axis: "Z",
    motion: "slide",
  });
});

test("colours and thresholds are in the contract's unit; ids that are no names are quoted", () => {
  assert.deepEqual(bindingOf(make({ drives: "color", unit: CEL, stops: [[20, "#0000ff"], [80, "#ff0000"]] })), {
    kind: "style",
    prim: "/Cell/Agv",
    signal: "agv.x",
    unit: "Cel",
    colormap: [
      [20, "#0000ff"],
      [80, "#ff0000"],
    ],
  });
  assert.deepEqual(bindingOf(make({ drives: "visibility", signal: "line-1/m", offset: 1, threshold: 3, invert: true })), {
    kind: "visibility",
    prim: "/Cell/Agv",
    expr: 'signal("line-1/m") + 1',
    threshold: 3,
    invert: true,
  });
});

test("what cannot be saved says why", () => {
  assert.equal(problemOf(make({})), null);
  assert.match(problemOf(make({ signal: "" })) ?? "", /signal/);
  assert.match(problemOf(make({ path: "/P[1]", drives: "color" })) ?? "", /point/);
  assert.match(problemOf(make({ drives: "color", stops: [[1, "#000000"], [1, "#ffffff"]] })) ?? "", /rise/);
  assert.match(problemOf(make({ scale: Number.NaN })) ?? "", /numbers/);
});

test("the preview leaves alone what is not driven", () => {
  assert.deepEqual(effectOf(make({ drives: "z", scale: 2, offset: 1 }), 4, AUTHORED).pose, {
    ...AUTHORED,
    position: [1, 2, 9],
  });
  const yaw = effectOf(make({ drives: "yaw" }), 0.5, AUTHORED).pose as Trs;
  assert.deepEqual(yaw.position, AUTHORED.position);
  rotationOf(0, 0, 0.5).forEach((value, k) => assert.ok(Math.abs(value - yaw.rotation[k]) < 1e-12));
  assert.deepEqual(effectOf(make({}), Number.NaN, AUTHORED), {});
});

test("a joint moves about or along its own axis", () => {
  // Its X looks along the parent's y, so sliding goes there.
  const slid = effectOf(make({ drives: "slide", axis: "X" }), 5, AUTHORED).pose as Trs;
  [1, 7, 3].forEach((value, k) => assert.ok(Math.abs(value - slid.position[k]) < 1e-12));
  const turned = effectOf(make({ drives: "turn", axis: "Z" }), 0.25, AUTHORED).pose as Trs;
  rotationOf(0, 0, Math.PI / 2 + 0.25).forEach((value, k) => assert.ok(Math.abs(value - turned.rotation[k]) < 1e-12));
});

test("colours are linear in sRGB between the stops and hold outside", () => {
  const stops = [
    [20, "#000000"],
    [40, "#ff8040"],
  ] as const;
  assert.deepEqual(colorAt(stops, 30), [128, 64, 32, 255]);
  assert.deepEqual(colorAt(stops, 0), [0, 0, 0, 255]);
  assert.deepEqual(colorAt(stops, 99), [255, 128, 64, 255]);
  assert.deepEqual(effectOf(make({ drives: "color", unit: CEL, stops }), 303.15, AUTHORED).rgba, [128, 64, 32, 255]);
  assert.deepEqual(effectOf(make({ drives: "visibility", unit: CEL, threshold: 30 }), 303.16, AUTHORED), { visible: true });
});
