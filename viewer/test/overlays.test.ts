import assert from "node:assert/strict";
import { test } from "node:test";
import { composePose, POSE } from "../src/core/matrix.ts";
import { childrenOf } from "../src/core/scene-model.ts";
import { applied, isControl, type Item, mayUse, NOTHING, whole } from "../src/features/overlays/board.ts";
import { ghostWorlds } from "../src/core/ghost.ts";

test("events build on each other; one that does not fit is asked for, and an old one changes nothing", () => {
  const first = whole({ version: 3, items: [{ name: "a", kind: "text" }, { broken: true }] });
  assert.deepEqual([...first.items.keys()], ["a"]);
  const second = applied(first, { version: 4, base: 3, set: [{ name: "b", kind: "points" }], gone: ["a"] })!;
  assert.deepEqual([second.version, ...second.items.keys()], [4, "b"]);
  assert.equal(applied(second, { version: 4, base: 3, set: [], gone: [] }), second);
  assert.equal(applied(second, { version: 6, base: 5, set: [], gone: [] }), null); // one was missed
  assert.equal(applied(second, { version: 5 }), null); // too long to be told
  assert.equal(applied(NOTHING, "rubbish"), NOTHING);
});

test("who may use a control", () => {
  const item = (role?: string): Item => ({ name: "x", kind: "slider", ...(role ? { role } : {}) });
  assert.ok(isControl(item()) && !isControl({ name: "x", kind: "points" }));
  assert.deepEqual(["viewer", "operator", "engineer", ""].map((role) => mayUse(role, item())), [false, true, true, false]);
  assert.ok(mayUse("viewer", item("viewer")) && !mayUse("operator", item("engineer")));
});

test("a ghost has its own poses, what is not named keeps its place to its parent, and scales stay", () => {
  const parent = Int32Array.from([-1, 0, 1]);
  const local = new Float64Array(48);
  const pose = (x: number, scale: number): Float64Array => Float64Array.from([x, 0, 0, 1, 0, 0, 0, scale, scale, scale]);
  [pose(10, 1), pose(1, 2), pose(1, 1)].forEach((one, k) => composePose(local, 16 * k, one, 0));
  assert.equal(POSE, 10);
  const world = new Float64Array(48);
  world.set(local.subarray(0, 16)); // of the root; the ghost begins below it
  const model = {
    parent,
    children: childrenOf(parent),
    world,
    localOf: (node: number, out: Float64Array) => out.set(local.subarray(16 * node, 16 * node + 16)),
  };
  const half = Math.SQRT1_2;
  const worlds = ghostWorlds(model, 1, new Map([[1, [5, 0, 0, half, 0, 0, half]]])); // a quarter turn about z
  assert.deepEqual([...worlds.keys()], [1, 2]);
  const at = (node: number): number[] => [3, 7, 11].map((k) => Math.round(1e6 * worlds.get(node)![k]) / 1e6);
  assert.deepEqual(at(1), [15, 0, 0]);
  assert.deepEqual(at(2), [15, 2, 0]); // twice as far along, since the parent doubles
});
