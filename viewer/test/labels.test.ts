import assert from "node:assert/strict";
import { test } from "node:test";
import { Appearance } from "../src/core/appearance.ts";
import { AMBIGUOUS_RGB, classRgb, tintOf, UNLABELLED_RGB } from "../src/features/labels/colors.ts";
import { coverageOf, percent } from "../src/features/labels/coverage.ts";
import { classesOf, standingOf, standings, taxonomiesOf } from "../src/features/labels/standing.ts";
import { grouped, labelEdits, matching, objectTarget, drawnBelow, patternRegex, suggestedLabel, targetOf } from "../src/features/labels/targets.ts";
import { readScene, type SceneJson } from "../src/wire/scene-data.ts";

const UNIT = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

/** Prims by path: type, kind, own labels of taxonomy class, inside an instance; shapes are Cubes. */
function sceneOf(prims: readonly [string, string, string, string[], boolean?][], objects: readonly { prim: string; levels: Record<string, string[]>[]; of: string[] }[]) {
  const path = prims.map(([one]) => one);
  const row = (one: string): number => path.indexOf(one);
  const drawn = objects.flatMap(({ of }, object) => of.map((one) => ({ prim: row(one), object })));
  const n = prims.length;
  const column = <T>(value: T): T[] => Array.from({ length: drawn.length }, () => value);
  return readScene({
    protocol: "twin.v1",
    epoch: "1",
    revision: 0,
    stage: { name: "t", hash: "", metersPerUnit: 1, upAxis: "Z" },
    nodes: {
      count: n,
      path,
      parent: path.map((one) => row(one.slice(0, one.lastIndexOf("/")))),
      resets: path.map(() => false),
      type: prims.map(([, type]) => type),
      kind: prims.map(([, , kind]) => kind),
      purpose: path.map(() => "default"),
      label: prims.map(([, , , own]) => own),
      visible: path.map(() => true),
      proxy: prims.map(([, , , , proxy]) => proxy === true),
      local: path.flatMap(() => UNIT),
    },
    points: { count: 0, instancer: [], id: [], visible: [], local: [] },
    prototypes: [],
    instances: { count: drawn.length, prototype: column(0), node: drawn.map(({ prim }) => prim), prim: drawn.map(({ prim }) => prim), point: column(-1), local: null, materialSet: column(0), object: drawn.map(({ object }) => object), visible: column(true) },
    objects: objects.map(({ prim, levels }, k) => ({ id: k + 1, prim: row(prim), path: prim, point: -1, class: "", labels: [], levels })),
    materialSets: [],
    materials: [],
    textures: [],
    cameras: [],
    lights: [],
    signals: [],
    bindings: {},
  } as unknown as SceneJson);
}

const SCENE = sceneOf(
  [
    ["/W", "Xform", "assembly", []],
    ["/W/Bin_1", "Xform", "", []],
    ["/W/Bin_1/Shape", "Cube", "", []],
    ["/W/Bin_2", "Xform", "", []],
    ["/W/Bin_2/Shape", "Cube", "", []],
    ["/W/Both", "Cube", "", ["a", "b"]],
    ["/W/Part", "Xform", "", []],
    ["/W/Part/Lid", "Cube", "", [], true],
    ["/W/Rack", "Cube", "", ["rack"]],
  ],
  [
    { prim: "/W/Bin_1/Shape", levels: [], of: ["/W/Bin_1/Shape"] },
    { prim: "/W/Bin_2/Shape", levels: [], of: ["/W/Bin_2/Shape"] },
    { prim: "/W/Both", levels: [{ class: ["a", "b"] }], of: ["/W/Both"] },
    { prim: "/W/Part/Lid", levels: [{ color: ["red"] }], of: ["/W/Part/Lid"] },
    { prim: "/W/Rack", levels: [{ class: ["rack"], color: ["blue"] }], of: ["/W/Rack"] },
  ],
);

test("the nearest level that has labels decides, and several on it are ambiguous", () => {
  assert.deepEqual(standingOf([{ class: ["gripper"] }, { class: ["robot", "arm"] }], "class"), { state: "labelled", name: "gripper", rivals: [] });
  assert.deepEqual(standingOf([{ color: ["red"] }, { class: ["robot", "arm"] }], "class"), { state: "ambiguous", name: "", rivals: ["robot", "arm"] });
  assert.equal(standingOf([{ class: ["a", "a", ""] }], "class").name, "a");
  assert.equal(standingOf([{ class: [""] }], "class").state, "unlabelled");
  assert.equal(standingOf([], "class").state, "unlabelled");
});

test("pixels are counted by class, by what is ambiguous, and by the prim to label", () => {
  const stand = standings(SCENE, "class");
  const found = coverageOf(SCENE, stand, new Map([[0, 30], [1, 50], [2, 7], [3, 11], [4, 2]]));
  assert.deepEqual([found.visible, found.unlabelled, found.ambiguous], [100, 91, 7]);
  assert.deepEqual([...found.byClass], [["rack", 2]]);
  assert.deepEqual(found.groups, [
    { name: "/W/Bin_*", paths: ["/W/Bin_1", "/W/Bin_2"], pixels: 80 },
    { name: "/W/Part", paths: ["/W/Part"], pixels: 11 },
  ]);
  assert.deepEqual(found.ambiguousPrims, [{ path: "/W/Both", labels: ["a", "b"], pixels: 7 }]);
});

test("another taxonomy has classes of its own", () => {
  assert.deepEqual(taxonomiesOf(SCENE), ["class", "color"]);
  const stand = standings(SCENE, "color");
  assert.deepEqual(classesOf(stand.rows), ["blue", "red"]);
  assert.equal(coverageOf(SCENE, stand, new Map([[3, 5], [4, 6]])).unlabelled, 0);
});

test("a label goes to the instance, and to the Xform of a lone shape", () => {
  const row = (path: string): number => SCENE.primIndex.get(path) as number;
  const below = drawnBelow(SCENE);
  assert.equal(targetOf(SCENE, row("/W/Part/Lid")), row("/W/Part"));
  assert.equal(objectTarget(SCENE, row("/W/Bin_1/Shape"), below), row("/W/Bin_1"));
  assert.equal(objectTarget(SCENE, row("/W/Rack"), below), row("/W/Rack"));
});

test("patterns mean what they mean on the command line", () => {
  assert.deepEqual(matching(SCENE, "/W/Bin_*"), { paths: ["/W/Bin_1", "/W/Bin_2"], inside: 0 });
  assert.deepEqual(matching(SCENE, "/W/Part/**"), { paths: ["/W/Part"], inside: 1 });
  assert.deepEqual(matching(SCENE, "/W/B?th/"), { paths: ["/W/Both"], inside: 0 });
  assert.ok(patternRegex("/A/**/Lid").test("/A/Lid") && patternRegex("/A/**/Lid").test("/A/b/c/Lid"));
  assert.ok(!patternRegex("/A/*").test("/A/b/c") && !patternRegex("/A.b").test("/Axb"));
});

test("prims that are alike go together under a pattern", () => {
  assert.deepEqual(grouped(new Map([["/W/R_12", 1], ["/W/R_1", 2], ["/W/Q", 9], ["/V/R_1", 1]])).map(({ name }) => name), ["/W/Q", "/W/R_*", "/V/R_1"]);
  assert.equal(suggestedLabel("/W/TallRack_07"), "tall_rack");
  assert.equal(suggestedLabel("/W/AGV1"), "agv");
});

test("many prims are several transactions of at most 100 edits", () => {
  const made = labelEdits(Array.from({ length: 230 }, (_, k) => `/W/P${k}`), "class", ["bin"]);
  assert.deepEqual(made.map(({ kind, edits }) => [kind, edits.length]), [["transaction", 100], ["transaction", 100], ["transaction", 30]]);
  assert.deepEqual(made[2].edits[29], { kind: "set", path: "/W/P229", property: "semantics:labels:class", value: ["bin"] });
  assert.deepEqual(labelEdits(["/W"], "color", [])[0].edits, [{ kind: "set", path: "/W", property: "semantics:labels:color", value: [] }]);
});

test("no class has one of the two striking colours", () => {
  const far = ([r, g, b]: readonly number[], [x, y, z]: readonly number[]): number => Math.hypot(r - x, g - y, b - z);
  for (let place = 0; place < 60; place++) for (const rgb of [UNLABELLED_RGB, AMBIGUOUS_RGB]) assert.ok(far(classRgb(place), rgb) > 100, String(place));
});

test("a mode paints over values, styles and doubts, and gives them back", () => {
  const look = new Appearance(Int32Array.of(-1, 0));
  look.setValues(new Map([[0, [0, 1, 0, 0.9]]]));
  look.setDoubtful(new Set([1]));
  look.update();
  const before = [look.tint(0), look.tint(1)];
  look.setMode((node) => tintOf(node === 0 ? UNLABELLED_RGB : AMBIGUOUS_RGB));
  assert.ok(look.update());
  assert.deepEqual(look.changed, [0, 1]);
  assert.deepEqual(look.tint(1), tintOf(AMBIGUOUS_RGB));
  look.setMode(null);
  assert.ok(look.update());
  assert.deepEqual([look.tint(0), look.tint(1)], before);
});

test("per cent never says all or nothing where it is not", () => {
  assert.equal(percent(1, 100_000), "< 0.1 %");
  assert.equal(percent(99_999, 100_000), "> 99.9 %");
  assert.equal(percent(0, 100), "0.0 %");
  assert.equal(percent(100, 100), "100.0 %");
  assert.equal(percent(0, 0), "–");
});
