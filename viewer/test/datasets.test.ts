import assert from "node:assert/strict";
import { test } from "node:test";
import { boxLines, EDGES, project } from "../src/datasets/lens.ts";
import { lookOf } from "../src/features/datasets/look.ts";
import { rangeOf, toggleWord, withRange, withTerm, wordsOf } from "../src/datasets/query.ts";
import { decode, runLengths } from "../src/datasets/rle.ts";
import type { RecordCamera } from "../src/datasets/types.ts";

test("filters change the line of the query and leave the rest", () => {
  const query = 'class:parcel occlusion>0.5 "two words"';
  assert.equal(withTerm(query, "occlusion", ""), 'class:parcel "two words"');
  assert.equal(toggleWord(query, "class", "Tote box"), 'occlusion>0.5 "two words" class:parcel,"tote box"');
  assert.deepEqual(wordsOf('class:parcel,"tote box"', "class"), ["parcel", "tote box"]);
  assert.equal(toggleWord("class:parcel", "class", "parcel"), "");
  assert.deepEqual(rangeOf("size:10..20.5 size<18", "size"), [10, 18]);
  assert.deepEqual(rangeOf("lamps.intensity:1.5..", "lamps.intensity"), [1.5, Infinity]);
  assert.equal(rangeOf("-size:10..20", "size"), null);
  assert.equal(withRange("class:a size>3", "size", 0.123456, Infinity), "class:a size:0.1235..");
  assert.equal(withRange("class:a size>3", "size", -Infinity, Infinity), "class:a");
});

test("run lengths of a mask that wraps from column to column", () => {
  // 2 rows, 3 columns: zeros 1, ones 3, zeros 2.
  assert.deepEqual(runLengths("132"), [1, 3, 2]);
  assert.deepEqual([...decode({ size: [2, 3], counts: "132" })], [0, 1, 0, 1, 1, 0]);
  assert.throws(() => decode({ size: [2, 3], counts: "131" }), /do not fill/);
  assert.throws(() => runLengths("\u0001"), /no run lengths/);
});

function camera(projection: RecordCamera["projection"]): RecordCamera {
  const K = [
    [100, 0, 50],
    [0, 120, 40],
    [0, 0, 1],
  ];
  const pose = [
    [1, 0, 0, 1],
    [0, 1, 0, 2],
    [0, 0, 1, 3],
    [0, 0, 0, 1],
  ];
  return { name: "c", prim_path: "/c", resolution: [100, 80], K, projection, world_from_camera: pose, images: {}, objects: [] };
}

test("points are where each lens sees them", () => {
  const at = [1.5, 2.25, 4] as const; // 0.5 right, 0.25 down, 1 ahead
  assert.deepEqual(project(camera({ kind: "pinhole" }), at), [100, 70]);
  assert.deepEqual(project(camera({ kind: "orthographic" }), at), [100, 70]);
  assert.equal(project(camera({ kind: "pinhole" }), [1, 2, 2]), null);
  const bent = project(camera({ kind: "opencv", coefficients: [0.1] }), at);
  const f = 1 + 0.1 * (0.25 + 0.0625);
  assert.ok(bent && Math.abs(bent[0] - (50 + 50 * f)) < 1e-9 && Math.abs(bent[1] - (40 + 30 * f)) < 1e-9);
  assert.equal(project(camera({ kind: "opencv", coefficients: [-0.9] }), [2, 3, 4]), null, "where the lens folds back");
  const fish = project(camera({ kind: "fisheye", max_angle: 3 }), [2, 2, 3]); // 90 degrees to the right
  assert.ok(fish && Math.abs(fish[0] - (50 + 100 * (Math.PI / 2))) < 1e-9 && Math.abs(fish[1] - 40) < 1e-9);
});

test("a box has twelve edges, and what lies behind the eye is not drawn", () => {
  assert.equal(EDGES.length, 12);
  const corners = [...Array(8).keys()].map((k) => [k & 4 ? 2 : 0, k & 2 ? 3 : 1, k & 1 ? 5 : 1] as const);
  const lines = boxLines(camera({ kind: "pinhole" }), corners);
  assert.equal(lines.length, 8, "four edges lie behind");
  assert.ok(lines.flat().every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
});

test("the 3D view looks as the record's camera does", () => {
  const { json, world } = lookOf(camera({ kind: "pinhole" }));
  // OpenCV's y goes down and its z ahead; USD's go up and back.
  assert.deepEqual([...world], [1, -0, -0, 1, 0, -1, -0, 2, 0, -0, -1, 3, 0, -0, -0, 1]);
  assert.ok(Math.abs(Math.tan(json.verticalFov / 2) - 80 / 240) < 1e-12);
  assert.ok(Math.abs(json.horizontalAperture / json.verticalAperture - 1 / (80 / 120)) < 1e-12);
});
