/** What goes on live while the rest is shown as it was: nodes and signals of some twins, and their rows of a tick. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OP } from "../src/wire/frames.ts";
import { framesOf, livePart, posesOf } from "../src/wire/live-part.ts";
import type { SceneData } from "../src/wire/scene-data.ts";
import type { Tick, ValueFrame } from "../src/wire/session.ts";

const PATHS = ["/P", "/P/One", "/P/One/Arm", "/P/Three", "/P/Three/Arm", "/P/ThreeAndMore"];
const scene = {
  nodeCount: 7, // the last one is a point of /P/Three/Arm
  primOf: (node: number) => (node < 6 ? node : 4),
  json: { nodes: { path: PATHS }, signals: [{ id: "P.One.x" }, { id: "P.Three.x" }, { id: "P.ThreeAndMore.x" }] },
} as unknown as SceneData;

test("prims below a twin's path, their points, and signals called after it", () => {
  assert.equal(livePart(scene, []), null);
  const part = livePart(scene, ["/P/Three"]);
  assert.deepEqual([...part!.nodes], [0, 0, 0, 1, 1, 0, 1]);
  assert.deepEqual([...part!.signals], [0, 1, 0]);
});

test("rows of a tick that belong to it", () => {
  const part = livePart(scene, ["/P/Three"])!;
  const batch = { n: 3, ids: Uint32Array.of(1, 4, 6, 4), poses: new Float64Array(40) };
  assert.deepEqual(posesOf(batch, part), [1, 2], "rows behind the end of a batch do not count");
  const header = {} as ValueFrame["header"];
  const frames = [
    { op: OP.style, header, ids: Uint32Array.of(2, 3), rgba: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
    { op: OP.visibility, header, ids: Uint32Array.of(4, 1), visible: Uint8Array.of(1, 0) },
    {
      ...{ op: OP.signals, header, ids: Uint32Array.of(0, 1), values: Float64Array.of(7, 8), eventMs: Float64Array.of(1, 2) },
      ...{ eventNs: BigInt64Array.of(1n, 2n), quality: Uint32Array.of(0, 9) },
    },
    { op: OP.text, header, ids: Uint32Array.of(0), texts: ["a"], eventNs: BigInt64Array.of(1n), eventMs: Float64Array.of(1), quality: Uint32Array.of(0) },
    { op: OP.entity, header, ids: Uint32Array.of(6), entities: BigInt64Array.of(5n) },
  ] as unknown as ValueFrame[];
  const kept = framesOf({ frames } as unknown as Tick, part) as unknown as Record<string, ArrayLike<number>>[];
  assert.deepEqual(kept.map(({ ids }) => [...(ids as Uint32Array)]), [[3], [4], [1], [], [6]]);
  assert.deepEqual([...(kept[0].rgba as Uint8Array)], [5, 6, 7, 8]);
  assert.deepEqual([...(kept[2].values as Float64Array)], [8]);
  assert.deepEqual([...(kept[2].quality as Uint32Array)], [9]);
});
