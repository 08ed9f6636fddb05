/** The decoder against the conformance vectors that the server's codec wrote. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { POSE } from "../src/core/matrix.ts";
import { decode, FrameError, OP, type Frame } from "../src/wire/protocol.ts";

declare const VIEWER_ROOT: string;
const folder = process.env["TWIN_VECTORS"] ?? join(VIEWER_ROOT, "../tests/sync/vectors");

interface VectorFrame {
  op: number;
  flags: number;
  n: number;
  seq: number | string;
  eventNs: string;
  watermarkNs: string;
  baseSeq: number;
  epochCrc: number;
  ids: number[];
  translation: number[][];
  rotation: number[][];
  scale: number[][] | null;
  value: (number | null)[];
  eventNsColumn: string[];
  quality: number[];
  rgba: number[][];
  visible: (number | boolean)[];
}

interface Vector {
  name: string;
  hex: string;
  error?: boolean;
  frames?: VectorFrame[];
}

function bytes(hex: string): ArrayBuffer {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer;
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

function checkHeader(frame: Frame, expected: VectorFrame): void {
  const { header } = frame;
  assert.equal(header.op, expected.op);
  assert.equal(header.keyframe, (expected.flags & 1) !== 0);
  assert.equal(header.n, expected.n);
  assert.equal(header.seq, Number(expected.seq));
  assert.equal(String(header.eventNs), expected.eventNs);
  assert.equal(String(header.watermarkNs), expected.watermarkNs);
  assert.equal(header.baseSeq, expected.baseSeq);
  assert.equal(header.epochCrc, expected.epochCrc);
}

function checkBody(frame: Frame, expected: VectorFrame): void {
  if (frame.op === OP.tickEnd) return;
  assert.deepEqual([...frame.ids], expected.ids);
  if (frame.op === OP.pose) {
    for (let k = 0; k < frame.ids.length; k++) {
      const pose: number[] = [...frame.poses.subarray(k * POSE, (k + 1) * POSE)];
      assert.deepEqual(pose.slice(0, 3), expected.translation[k]);
      pose.slice(3, 7).forEach((value, c) => near(value, expected.rotation[k][c], 1e-6));
      pose.slice(7).forEach((value, c) => near(value, expected.scale ? expected.scale[k][c] : 1, 1e-6));
    }
  } else if (frame.op === OP.signals) {
    assert.deepEqual(
      [...frame.values].map((value) => (Number.isNaN(value) ? null : value)),
      expected.value,
    );
    frame.eventMs.forEach((value, k) => near(value, Number(expected.eventNsColumn[k]) / 1e6, 0.001));
    assert.deepEqual([...frame.quality], expected.quality);
  } else if (frame.op === OP.style) assert.deepEqual([...frame.rgba], expected.rgba.flat());
  else assert.deepEqual([...frame.visible].map(Boolean), expected.visible.map(Boolean));
}

const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

test("there are vectors of both kinds", () => {
  const vectors = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector);
  assert.ok(vectors.some((vector) => vector.error) && vectors.some((vector) => !vector.error));
});

for (const name of names) {
  test(`vector ${name}`, () => {
    const vector = JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector;
    if (vector.error) {
      assert.throws(() => decode(bytes(vector.hex)), FrameError);
      return;
    }
    const frames = decode(bytes(vector.hex));
    assert.equal(frames.length, vector.frames?.length);
    frames.forEach((frame, i) => {
      const expected = (vector.frames as VectorFrame[])[i];
      checkHeader(frame, expected);
      checkBody(frame, expected);
    });
  });
}
