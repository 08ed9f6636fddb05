/** Closed surfaces: what a section fills. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isClosed } from "../src/core/closed.ts";
import { boxShape } from "../src/core/simplify.ts";

test("a box is closed, in one part or in several; without a side it is not, and neither is a sheet", () => {
  const { position, index } = boxShape([0, 0, 0, 1, 2, 3]);
  assert.ok(isClosed([{ position, index }]));
  const half = index.length / 2;
  assert.ok(isClosed([{ position, index: index.slice(0, half) }, { position, index: index.slice(half) }]));
  assert.ok(!isClosed([{ position, index: index.slice(0, half) }]));
  assert.ok(!isClosed([{ position, index: index.slice(6) }]), "the box has no lid");
  assert.ok(!isClosed([{ position: [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0], index: [0, 1, 2, 0, 2, 3] }]));
  assert.ok(!isClosed([]));
});

test("a tube without ends is open although its faces cancel out", () => {
  const n = 12;
  const position: number[] = [];
  const index: number[] = [];
  for (let k = 0; k < n; k++) {
    const angle = (2 * Math.PI * k) / n;
    position.push(Math.cos(angle), Math.sin(angle), 0, Math.cos(angle), Math.sin(angle), 1);
    const [a, b, c, d] = [2 * k, 2 * k + 1, (2 * k + 2) % (2 * n), (2 * k + 3) % (2 * n)];
    index.push(a, c, b, c, d, b);
  }
  assert.ok(!isClosed([{ position, index }]));
});
