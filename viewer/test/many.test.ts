/** Cells, detail, ranges, fewer triangles and compact columns: what keeps a million instances light. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JoinedAffines, PartAffines, RowAffines } from "../src/core/affine.ts";
import { cellCount, split, TOGETHER } from "../src/core/cells.ts";
import { detailOf, pixelsPerMetre } from "../src/core/detail.ts";
import { Ranges } from "../src/core/ranges.ts";
import { boxShape, clustered } from "../src/core/simplify.ts";
import { readColumns } from "../src/wire/scene-columns.ts";
import { readScene } from "../src/wire/scene-data.ts";
import { random } from "./random.ts";

test("the number of cells is bounded, and one where there are few", () => {
  assert.equal(cellCount(TOGETHER - 1, 10_000), 1);
  for (const count of [TOGETHER, 60_000, 1_000_000, 50_000_000])
    for (const triangles of [12, 400, 100_000]) {
      const cells = cellCount(count, triangles);
      assert.ok(cells >= 1 && cells <= 32 && Number.isInteger(Math.log2(cells)));
    }
  assert.equal(cellCount(1_000_000, 12), 32);
});

test("cells hold every row once, are as large as each other, and do not overlap along the axis of the first cut", () => {
  const next = random(5);
  const n = 10_000;
  const at = Float32Array.from({ length: 3 * n }, (_, k) => next() * (k % 3 === 1 ? 100 : 10));
  const cells = split(Int32Array.from({ length: n }, (_, k) => k), at, 8);
  assert.equal(cells.length, 8);
  assert.deepEqual([...cells.flatMap((cell) => [...cell])].sort((a, b) => a - b), Array.from({ length: n }, (_, k) => k));
  for (const cell of cells) assert.equal(cell.length, n / 8);
  // The longest axis is y: the first four cells lie below the others.
  const y = (cell: Int32Array): number[] => [...cell].map((k) => at[3 * k + 1]);
  assert.ok(Math.max(...cells.slice(0, 4).flatMap(y)) <= Math.min(...cells.slice(4).flatMap(y)));
});

test("the first tenth of a cell is a fair picture of all of it", () => {
  const n = 20_000;
  const at = Float32Array.from({ length: 3 * n }, (_, k) => (k % 3 === 0 ? Math.floor(k / 3) : 0));
  const [cell] = split(Int32Array.from({ length: n }, (_, k) => k), at, 1);
  const parts = new Array<number>(10).fill(0);
  for (const row of cell.subarray(0, n / 10)) parts[Math.floor((10 * row) / n)]++;
  for (const count of parts) assert.ok(count > 140 && count < 260, `${count} of 200`);
});

test("small things are drawn coarser, then fewer", () => {
  assert.deepEqual(detailOf(100, false), { shape: 0, share: 1 });
  assert.deepEqual(detailOf(20, false), { shape: 1, share: 1 });
  assert.deepEqual(detailOf(5, false), { shape: 2, share: 1 });
  assert.ok(detailOf(0.8, false).share < 0.3 && detailOf(1e-6, false).share > 0);
  assert.equal(detailOf(50, true).shape, 1);
  assert.ok(Math.abs(pixelsPerMetre(1000, Math.tan(Math.PI / 8), 10) * 20 * Math.tan(Math.PI / 8) - 1000) < 1e-9);
});

test("ranges hold all rows that changed, few others, and are few", () => {
  const next = random(9);
  for (const count of [1, 10, 500, 5000]) {
    const ranges = new Ranges();
    const rows = Array.from({ length: count }, () => Math.floor(next() * 60_000));
    for (const row of rows) ranges.add(row);
    const taken = ranges.take();
    assert.ok(ranges.isEmpty && taken.length <= 24);
    for (const row of rows) assert.equal(taken.filter(([start, end]) => row >= start && row < end).length, 1);
    for (let k = 1; k < taken.length; k++) assert.ok(taken[k][0] > taken[k - 1][1]);
    if (count === 10) assert.ok(taken.reduce((sum, [start, end]) => sum + end - start, 0) <= 10 + 9 * 33);
  }
});

test("a finely divided sheet has far fewer triangles when clustered, over the same extent", () => {
  const n = 100;
  const positions = new Float32Array(3 * (n + 1) ** 2);
  for (let i = 0; i <= n; i++) for (let j = 0; j <= n; j++) positions.set([i / n, j / n, 0], 3 * (i * (n + 1) + j));
  const index: number[] = [];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      const a = i * (n + 1) + j;
      index.push(a, a + n + 1, a + 1, a + 1, a + n + 1, a + n + 2);
    }
  const fewer = clustered(positions, index, [0, 0, 0, 1, 1, 0]);
  assert.ok(fewer.length > 300 && fewer.length < index.length / 15);
  const area = (list: ArrayLike<number>): number => {
    let sum = 0;
    for (let k = 0; k < list.length; k += 3) {
      const [a, b, c] = [list[k], list[k + 1], list[k + 2]].map((v) => [positions[3 * v], positions[3 * v + 1]]);
      sum += ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2;
    }
    return sum;
  };
  // Wound as before, and nearly the whole sheet.
  assert.ok(area(fewer) > 0.9 * area(index));
});

test("a box's triangles look outwards", () => {
  const { position, normal, index } = boxShape([-1, -2, -3, 4, 5, 6]);
  assert.equal(index.length, 36);
  for (let k = 0; k < 36; k += 3) {
    const [a, b, c] = [0, 1, 2].map((i) => [...position.subarray(3 * index[k + i], 3 * index[k + i] + 3)]);
    const [u, v] = [b, c].map((p) => p.map((value, i) => value - a[i]));
    const cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const n = normal.subarray(3 * index[k], 3 * index[k] + 3);
    assert.ok(cross[0] * n[0] + cross[1] * n[1] + cross[2] * n[2] > 0);
  }
});

test("columns of matrices read alike, however they are kept", () => {
  const rows = [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7, 2, 0, 0, 8, 0, 2, 0, 9, 0, 0, 2, 10];
  const parts = Array.from({ length: 12 }, (_, c) => (rows[c] === rows[12 + c] ? rows[c] : [rows[c], rows[12 + c]]));
  const joined = new JoinedAffines(new RowAffines(rows.slice(0, 12)), new RowAffines(rows.slice(12)));
  for (const column of [new RowAffines(rows), new PartAffines(2, parts), joined]) {
    assert.equal(column.count, 2);
    const out = new Float64Array(20);
    column.read(1, out, 4);
    assert.deepEqual([...out.subarray(4)], [...rows.slice(12), 0, 0, 0, 1]);
  }
});

/** A document as docs/protocol.md describes it. */
function packed(): ArrayBuffer {
  const xs = new Float64Array([0.5, 1.5, 2.5]);
  const head = JSON.stringify({
    protocol: "twin.v1",
    nodes: {
      count: 1,
      path: ["/P"],
      purpose: ["default"],
      parent: { column: "constant", n: 1, value: -1 },
      resets: { column: "constant", n: 1, value: false },
      visible: { column: "constant", n: 1, value: true },
      local: { column: "affine", n: 1, parts: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0].map((value) => ({ column: "constant", n: 1, value })) },
    },
    points: {
      count: 3,
      instancer: { column: "constant", n: 3, value: 0 },
      id: { column: "range", n: 3, from: 7 },
      visible: { column: "u1", n: 3, at: 24 },
      local: {
        column: "affine",
        n: 3,
        parts: [1, 0, 0, null, 0, 1, 0, 4, 0, 0, 1, 0].map((value) =>
          value === null ? { column: "f8", n: 3, at: 0 } : { column: "constant", n: 3, value },
        ),
      },
    },
    instances: {
      count: 3,
      local: null,
      node: { column: "range", n: 3, from: 1 },
      prototype: { column: "constant", n: 3, value: 0 },
      prim: { column: "constant", n: 3, value: 0 },
      materialSet: { column: "constant", n: 3, value: 0 },
      point: { column: "range", n: 3, from: 7 },
      object: { column: "range", n: 3, from: 7 },
      visible: { column: "u1", n: 3, at: 24 },
    },
    objects: {
      count: 2,
      prim: { column: "constant", n: 2, value: 0 },
      point: { column: "range", n: 2, from: 7 },
      set: { column: "constant", n: 2, value: 0 },
      sets: [{ class: "box", labels: ["box"], levels: [{ class: ["box"] }] }],
    },
    prototypes: [],
  });
  const text = new TextEncoder().encode(head.padEnd(8 * Math.ceil(head.length / 8)));
  const out = new Uint8Array(16 + text.length + 32);
  out.set(new TextEncoder().encode("twincol1"));
  new DataView(out.buffer).setBigUint64(8, BigInt(text.length), true);
  out.set(text, 16);
  out.set(new Uint8Array(xs.buffer), 16 + text.length);
  out.set([1, 0, 1], 16 + text.length + 24);
  return out.buffer;
}

test("a scene in columns is read like one in JSON", () => {
  const scene = readScene(readColumns(packed()));
  assert.equal(scene.nodeCount, 4);
  assert.equal(scene.nodePath(2), "/P[8]");
  assert.equal(scene.nodeAt("/P[9]"), 3);
  assert.equal(scene.nodeAt("/P[10]"), -1);
  const local = new Float64Array(16);
  scene.local.read(3, local, 0);
  assert.deepEqual([...local], [1, 0, 0, 2.5, 0, 1, 0, 4, 0, 0, 1, 0, 0, 0, 0, 1]);
  assert.deepEqual([...scene.instances.drawable], [1, 0, 1]);
  const objects = [...scene.json.objects];
  assert.deepEqual(objects[1], { id: 2, prim: 0, path: "/P", point: 8, class: "box", labels: ["box"], levels: [{ class: ["box"] }] });
  assert.equal(scene.json.objects.find((object) => object.point === 8)?.id, 2);
});

test("what is no such document, or is cut off, is told", () => {
  assert.throws(() => readColumns(new ArrayBuffer(4)), /do not begin/);
  assert.throws(() => readColumns(packed().slice(0, 100)), /cut off/);
});
