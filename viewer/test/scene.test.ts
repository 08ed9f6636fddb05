/** The scene's description, boxes, light levels and texture channels. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOf, center, diagonal, framingBox, isEmpty, type Box } from "../src/core/bounds.ts";
import { lightLevels } from "../src/core/light-levels.ts";
import { Quality } from "../src/view/quality.ts";
import { channelSwaps } from "../src/view/material-patch.ts";
import { readScene, type LightJson, type SceneJson, type TextureInputJson } from "../src/wire/scene-data.ts";

const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

function scene(): SceneJson {
  return {
    protocol: "twin.v1",
    epoch: "e1",
    revision: 0,
    stage: { name: "s.usda", hash: "", metersPerUnit: 1, upAxis: "Z" },
    nodes: {
      count: 3,
      path: ["/A", "/A/B", "/A/P"],
      parent: [-1, 0, 0],
      resets: [false, true, false],
      type: ["Xform", "Mesh", "PointInstancer"],
      kind: ["", "", ""],
      purpose: ["default", "guide", "default"],
      label: [[], [], []],
      visible: [true, true, true],
      local: [...IDENTITY, ...IDENTITY, ...IDENTITY],
    },
    points: { count: 1, instancer: [2], id: [7], visible: [true], local: [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7] },
    prototypes: [],
    objects: [],
    materialSets: [],
    materials: [],
    textures: [],
    cameras: [],
    lights: [],
    signals: [],
    bindings: {},
    instances: {
      count: 2,
      prototype: [0, 0],
      node: [1, 3],
      prim: [1, 2],
      point: [-1, 7],
      local: null,
      materialSet: [0, 0],
      object: [-1, -1],
      visible: [true, true],
    },
  };
}

test("nodes are prims, then points; resetting nodes hang from the world but stay in the tree", () => {
  const data = readScene(scene());
  assert.equal(data.nodeCount, 4);
  assert.deepEqual([...data.treeParent], [-1, 0, 0, 2]);
  assert.deepEqual([...data.transformParent], [-1, -1, 0, 2]);
  const local = new Float64Array(16);
  data.local.read(3, local, 0);
  assert.deepEqual([...local], [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7, 0, 0, 0, 1]);
});

test("paths name prims and points", () => {
  const data = readScene(scene());
  for (let node = 0; node < 4; node++) assert.equal(data.nodeAt(data.nodePath(node)), node);
  assert.equal(data.nodePath(3), "/A/P[7]");
  for (const path of ["/A/P[8]", "/A/B[7]", "/nowhere", ""]) assert.equal(data.nodeAt(path), -1);
  assert.equal(data.primOf(3), 2);
});

test("guides are not drawn", () => {
  assert.deepEqual([...readScene(scene()).instances.drawable], [0, 1]);
});

test("a server of another protocol is named", () => {
  assert.throws(() => readScene({ ...scene(), protocol: "twin.v2" }), /twin\.v2/);
});

test("the box of a turned box holds all its corners", () => {
  const angle = 0.6,
    [c, s] = [Math.cos(angle), Math.sin(angle)];
  const m = Float64Array.from([c, -s, 0, 10, s, c, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1]);
  const bounds = [-1, -2, -3, 1, 2, 3];
  const box = boxOf(m, 0, bounds);
  const corners = Array.from({ length: 8 }, (_, k) => [0, 1, 2].map((axis) => bounds[axis + ((k >> axis) & 1) * 3]));
  const world = corners.map(([x, y, z]) =>
    [0, 1, 2].map((r) => m[4 * r] * x + m[4 * r + 1] * y + m[4 * r + 2] * z + m[4 * r + 3]),
  );
  for (let axis = 0; axis < 3; axis++) {
    assert.ok(Math.abs(box.min[axis] - Math.min(...world.map((v) => v[axis]))) < 1e-12);
    assert.ok(Math.abs(box.max[axis] - Math.max(...world.map((v) => v[axis]))) < 1e-12);
  }
});

test("a huge ground plane does not decide what is looked at", () => {
  const cube = (x: number): Box => ({ min: [x, 0, 0], max: [x + 1, 1, 1] });
  const plane: Box = { min: [-500, -500, 0], max: [500, 500, 0] };
  assert.deepEqual(center(framingBox([cube(0), plane, cube(4)])), [2.5, 0.5, 0.5]);
  assert.equal(diagonal(framingBox([plane])), diagonal(plane));
  // More than half of what there is cannot be scenery.
  const bolt: Box = { min: [0.4, 0.4, 0.4], max: [0.5, 0.5, 0.5] };
  assert.deepEqual(center(framingBox([cube(0), bolt, cube(4)])), [2.5, 0.5, 0.5]);
  assert.ok(isEmpty(framingBox([])));
});

function light(kind: string, radiance: number, more: Partial<LightJson> = {}): LightJson {
  return {
    path: "/L",
    node: 0,
    kind,
    radiance: [radiance, radiance, radiance],
    normalize: false,
    width: 1,
    height: 1,
    radius: 0.1,
    length: 1,
    angle: 0.0093,
    texture: null,
    nodeFromMap: [],
    ...more,
  };
}
// A light 4 m up, shining down its -Z.
const WORLD = Float64Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1]);

test("scenes a million times brighter look the same", () => {
  const lights = [light("dome", 1), light("distant", 50_000), light("rect", 100)];
  const bright = lights.map((l) => ({ ...l, radiance: l.radiance.map((v) => v * 1e6) as [number, number, number] }));
  const [a, b] = [lights, bright].map((list) => lightLevels(list, WORLD, [0, 0, 0], 5, 6));
  assert.ok(Math.abs(a.ambient - b.ambient) < 1e-9);
  assert.ok(Math.abs(a.sun.intensity - b.sun.intensity) < 1e-9);
  assert.ok(Math.abs(a.locals[0].intensity - b.locals[0].intensity) < 1e-9);
});

test("no scene is black or blown out, and every one has a light that casts shadows", () => {
  const scenes = [
    [],
    [light("dome", 1e9)],
    [light("distant", 1e-6)],
    [light("rect", 5)],
    Array.from({ length: 40 }, () => light("sphere", 10)),
  ];
  for (const lights of scenes) {
    const { ambient, sun, locals } = lightLevels(lights, WORLD, [0, 0, 0], 5, 6);
    assert.ok(ambient >= 0.3 && ambient <= 0.8);
    assert.ok(sun.intensity / Math.PI >= 0.3 && sun.intensity / Math.PI <= 1.1);
    assert.ok(Math.abs(Math.hypot(...sun.towards) - 1) < 1e-12);
    assert.ok(locals.length <= 6);
  }
});

test("the sun shines along its node's -Z", () => {
  const { sun } = lightLevels([light("distant", 1000)], WORLD, [0, 0, 0], 5, 6);
  assert.deepEqual(sun.towards, [0, 0, 1]);
});

test("texture channels are swapped only where they differ from three's", () => {
  const input = (channel: string, scale = 1, bias = 0): TextureInputJson => ({
    texture: 0,
    channel,
    wrapS: "repeat",
    wrapT: "repeat",
    colorSpace: "raw",
    scale: [scale, scale, scale, scale],
    bias: [bias, bias, bias, bias],
    uvScale: [1, 1],
    uvRotation: 0,
    uvTranslation: [0, 0],
  });
  assert.deepEqual(channelSwaps({ roughness: input("g"), metallic: input("b"), occlusion: input("r") }), []);
  const [swap] = channelSwaps({ roughness: input("r", 0.5, 0.25) });
  assert.deepEqual(swap, {
    chunk: "roughnessmap_fragment",
    from: "texelRoughness.g",
    to: "( texelRoughness.r * 0.500000 + 0.250000 )",
  });
});

test("quality goes down step by step where frames are slow, and only there", () => {
  const fast = new Quality(false, true);
  for (let k = 0; k < 500; k++) assert.equal(fast.frame(16), false);
  const slow = new Quality(false, true);
  const before = slow.level.pixelRatio;
  const changes = Array.from({ length: 200 }, () => slow.frame(300)).filter(Boolean).length;
  assert.equal(changes, 3);
  assert.ok(slow.level.pixelRatio < before);
  const idle = new Quality(true, true);
  for (let k = 0; k < 100; k++) assert.equal(idle.frame(5000), false);
  const pinned = new Quality(false, false);
  for (let k = 0; k < 100; k++) assert.equal(pinned.frame(900), false);
});
