/** The zstd decoder against frames by libzstd: their content by its hash, and frames that were spoiled. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inflate, outline } from "../src/wire/inflate.ts";
import { random } from "./random.ts";
import FRAMES from "./zstd-frames.json" with { type: "json" };

const between = (next: () => number, low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
const frames = FRAMES.map((one) => ({ ...one, data: new Uint8Array(Buffer.from(one.frame, "base64")) }));

function content(data: Uint8Array): Uint8Array | null {
  const found = outline(data);
  return found && inflate(data, found, (size) => new Uint8Array(size));
}

for (const { name, data, size, sha256 } of frames)
  test(`zstd: ${name}`, () => {
    assert.equal(outline(data)?.size, size);
    const out = content(data);
    assert.ok(out);
    assert.equal(createHash("sha256").update(out).digest("hex"), sha256);
  });

test("a buffer that was used before does not show through", () => {
  const [{ data, size, sha256 }] = frames.filter(({ name }) => name === "words");
  const dirty = new Uint8Array(size + 100).fill(0xa5);
  const found = outline(data);
  assert.ok(found);
  const out = inflate(data, found, (length) => dirty.subarray(50, 50 + length));
  assert.ok(out);
  assert.equal(createHash("sha256").update(out).digest("hex"), sha256);
  assert.ok(dirty.subarray(0, 50).every((byte) => byte === 0xa5) && dirty.subarray(50 + size).every((byte) => byte === 0xa5));
});

test("a content that is longer or shorter than was stated is refused", () => {
  for (const { data, size } of frames.filter((one) => one.size > 300))
    for (const wrong of [size - 1, size + 1]) {
      const blocks = outline(data)!.blocks;
      assert.equal(inflate(data, { size: wrong, blocks }, (length) => new Uint8Array(length)), null);
    }
});

test("spoiled frames are refused or give as many bytes as they state, and nothing is thrown", () => {
  const next = random(20);
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const { data } = frames[between(next, 0, frames.length - 1)];
    const spoiled = data.slice();
    for (let k = between(next, 1, 3); k > 0; k--) spoiled[between(next, 5, spoiled.length - 1)] = between(next, 0, 255);
    const stated = outline(spoiled)?.size ?? 0;
    if (stated > 1 << 20) continue;
    const out = content(spoiled);
    if (out) assert.equal(out.length, stated);
    else refused++;
  }
  assert.ok(refused > 1000);
});
