/** Deltas against what they are to give, digests against Node's own, and what a tick costs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { POSE } from "../src/core/matrix.ts";
import { digestOf } from "../src/wire/digest.ts";
import { FrameError } from "../src/wire/frames.ts";
import { outline } from "../src/wire/inflate.ts";
import { Mirror } from "../src/wire/mirror.ts";
import { Decoder } from "../src/wire/protocol.ts";
import { sha256 } from "../src/wire/sha256.ts";
import { deltaBody, frame, joined, poseBody, QUANTUM, type Row } from "./wire.ts";
import { random } from "./random.ts";

const decoder = new Decoder();

function take(mirror: Mirror, message: ArrayBuffer, keyframe = false) {
  const frames = decoder.decode(message);
  return mirror.apply(frames[0].header.seq, keyframe, frames);
}

const between = (next: () => number, low: number, high: number): number => low + Math.floor(next() * (high - low + 1));

/** Smallest-three words to a quaternion wxyz, as the protocol's text says. */
function quaternion(words: readonly number[]): number[] {
  const k = (words[0] >> 15) | ((words[1] >> 15) << 1);
  const q = words.map((word) => ((word & 0x7fff) - 16383) / (16383 * Math.SQRT2));
  q.splice(k, 0, Math.sqrt(Math.max(0, 1 - q.reduce((sum, v) => sum + v * v, 0))));
  return q;
}

for (const [name, widths, reach, turn] of [
  ["bytes", [1, 1, 1, 1, 1, 1, 1], 127, 127],
  ["words, one axis at rest", [2, 2, 0, 2, 2, 0, 2], 32767, 32767],
  ["wide", [4, 4, 4, 4, 2, 2, 2], 2 ** 31 - 1, 32767],
] as const) {
  test(`a walk in deltas of ${name} ends where it should`, () => {
    const next = random(3);
    const mirror = new Mirror();
    mirror.reset(500, 0);
    const rows: Row[] = Array.from({ length: 100 }, (_, k) => ({
      id: 5 * k + 2,
      at: [k, -k, 3],
      words: [16383, 16383, k],
    }));
    take(mirror, joined([frame(1, poseBody(rows), { seq: 1, n: 100, keyframe: true })]), true);
    const held = new Map(rows.map(({ id, at, words }) => [id, { at: [...at], words: [...words] }]));
    for (let seq = 2; seq < 40; seq++) {
      const moved: Row[] = rows
        .filter(() => next() < 0.7)
        .map(({ id }) => ({
          id,
          at: [1, 2, 3].map((c) => (widths[c] ? between(next, -reach - 1, reach) : 0)) as Row["at"],
          words: [4, 5, 6].map((c) => (widths[c] ? between(next, -turn - 1, turn) : 0)) as Row["words"],
        }));
      const body = deltaBody(moved, [...widths, 0]);
      const [batch] = take(mirror, joined([frame(6, body, { seq, n: moved.length })]));
      for (const { id, at, words } of moved) {
        const own = held.get(id)!;
        for (let c = 0; c < 3; c++) {
          own.at[c] += at[c];
          own.words[c] = (own.words[c] + words[c]) & 0xffff;
        }
      }
      assert.deepEqual(
        [...batch.ids.subarray(0, batch.n)],
        moved.map(({ id }) => id),
      );
      moved.forEach(({ id }, k) => {
        const pose = [...batch.poses.subarray(k * POSE, (k + 1) * POSE)];
        const own = held.get(id)!;
        assert.deepEqual(
          pose.slice(0, 3),
          own.at.map((steps) => steps * QUANTUM),
        );
        quaternion(own.words).forEach((value, c) => assert.ok(Math.abs(value - pose[3 + c]) < 1e-12));
      });
      mirror.pool.give(batch);
    }
  });
}

test("a delta of a node that was never sent, ids that do not grow and odd widths are refused", () => {
  const held: Row = { id: 3, at: [0, 0, 0], words: [16383, 16383, 16383] };
  const fresh = (): Mirror => {
    const mirror = new Mirror();
    mirror.reset(10, 0);
    take(mirror, joined([frame(1, poseBody([held]), { seq: 1, n: 1, keyframe: true })]), true);
    return mirror;
  };
  const plain = [1, 1, 1, 1, 1, 1, 1, 0];
  const refused = (rows: Row[], widths: number[], n = rows.length): void =>
    void assert.throws(
      () => take(fresh(), joined([frame(6, deltaBody(rows, widths), { seq: 2, n })])),
      FrameError,
      JSON.stringify([rows, widths, n]),
    );
  take(fresh(), joined([frame(6, deltaBody([held], plain), { seq: 2, n: 1 })]));
  refused([{ ...held, id: 4 }], plain);
  refused([{ ...held, id: 200 }], plain);
  refused([held, held], plain);
  refused([held], plain, 2);
  for (const [c, width] of [[0, 0], [0, 3], [1, 3], [2, 5], [4, 4], [6, 3], [7, 1]] as const)
    refused([held], plain.map((old, k) => (k === c ? width : old)));
  assert.throws(() => take(fresh(), joined([frame(1, poseBody([{ ...held, id: 10 }]), { seq: 2, n: 1 })])), FrameError);
});

test("a keyframe forgets what was held", () => {
  const mirror = new Mirror();
  mirror.reset(4, 0);
  const row = (id: number): Row => ({ id, at: [1, 2, 3], words: [16383, 16383, 16383] });
  take(mirror, joined([frame(1, poseBody([row(1)]), { seq: 1, n: 1, keyframe: true })]), true);
  take(mirror, joined([frame(1, poseBody([row(2)]), { seq: 5, n: 1, keyframe: true })]), true);
  assert.deepEqual([...mirror.posed], [0, 0, 1, 0]);
});

test("SHA-256 is Node's own", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const data = Uint8Array.from({ length }, (_, i) => i * 31 + 7);
    assert.equal(sha256(data), createHash("sha256").update(data).digest("hex"));
  }
});

/** A signal's row, as in op 2 and 7. */
function columns(...parts: (readonly [size: number, values: readonly number[]])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, [size, values]) => sum + Math.abs(size) * values.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [size, values] of parts)
    for (const value of values) {
      if (size === -8) view.setFloat64(at, value, true);
      else if (size === 8) view.setBigInt64(at, BigInt(value), true);
      else if (size === -4) view.setFloat32(at, value, true);
      else if (size === 4) view.setUint32(at, value, true);
      else if (size === 2) view.setUint16(at, value, true);
      else view.setUint8(at, value);
      at += Math.abs(size);
    }
  return out;
}

test("the digest is that of the rows in order", () => {
  const mirror = new Mirror();
  mirror.reset(6, 4);
  const at: Row["at"] = [-1, 2 ** 31 - 1, -(2 ** 31)];
  const poses = poseBody([{ id: 2, at, words: [1, 2, 3], scale: [1, 2, 0.5] }], true);
  const text = new TextEncoder().encode("läuftok");
  take(
    mirror,
    joined([
      frame(1, poses, { seq: 1, n: 1, keyframe: true, flags: 2 }),
      frame(3, columns([4, [5]], [1, [9, 8, 7, 6]]), { seq: 1, n: 1, keyframe: true }),
      frame(4, columns([4, [0, 4]], [1, [0, 1]]), { seq: 1, n: 2, keyframe: true }),
      frame(2, columns([-8, [1.5, NaN]], [8, [7, -9]], [4, [1, 3]], [4, [0, 0x80000000]]), { seq: 1, n: 2, keyframe: true }),
      frame(7, joinedBytes(columns([8, [5, 6]], [4, [0, 2]], [4, [0, 64]], [4, [6, 8]]), text), { seq: 1, n: 2, keyframe: true }),
      frame(8, columns([8, [77, -1]], [4, [1, 3]]), { seq: 1, n: 2, keyframe: true }),
    ]),
    true,
  );
  const expected = columns(
    [4, [1, 2]], [8, at], [2, [1, 2, 3]], [-4, [1, 2, 0.5]],
    [4, [1, 5]], [1, [9, 8, 7, 6]],
    [4, [2, 0]], [1, [0]], [4, [4]], [1, [1]],
    [4, [2, 1]], [-8, [1.5]], [8, [7]], [4, [0]], [4, [3]], [4, [0, 0x7ff80000]], [8, [-9]], [4, [0x80000000]],
    [4, [2, 0, 6]], [1, [...text.subarray(0, 6)]], [4, [0]], [4, [2, 2]], [1, [...text.subarray(6)]], [4, [64]],
    [4, [2, 1]], [8, [77]], [4, [3]], [8, [-1]],
  );
  assert.equal(digestOf(mirror), createHash("sha256").update(expected).digest("hex"));
});

function joinedBytes(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(joined(parts));
}

/** zstd of 5000 bytes (k * k) % 7 by libzstd, level 3, content size stated. */
const SQUARES =
  "28b52ffd6088127d0000380001040202040101007ea3be1801";

test("compressed bodies are inflated, and only to the size that op and n allow", () => {
  const stored = Uint8Array.from(SQUARES.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  assert.equal(outline(stored)?.size, 5000);
  // 5000 bytes as 1000 rows of op 4 (ids, shown) and as 625 of op 3.
  const [shown] = decoder.decode(joined([frame(4, stored, { seq: 1, n: 1000, flags: 4 })]));
  assert.ok(shown.op === 4);
  const whole = new Uint8Array(shown.ids.buffer, shown.ids.byteOffset, 5000);
  assert.deepEqual(
    [...whole],
    Array.from({ length: 5000 }, (_, k) => (k * k) % 7),
  );
  for (const n of [0, 999, 1001, 2 ** 32 - 1])
    assert.throws(() => decoder.decode(joined([frame(4, stored, { seq: 1, n, flags: 4 })])), /does not fit/);
  const bomb = stored.slice();
  bomb[4] = 0xe0; // the content size has eight bytes now: 0x3800000075128860...
  assert.throws(() => decoder.decode(joined([frame(4, bomb, { seq: 1, n: 1000, flags: 4 })])), FrameError);
  for (const cut of [5, 6, 12, stored.length - 1])
    assert.throws(() => decoder.decode(joined([frame(4, stored.subarray(0, cut), { seq: 1, n: 1000, flags: 4 })])), FrameError);
  assert.equal(outline(Uint8Array.from({ length: 30 }, (_, k) => k)), null);
});

test("ten thousand poses are decoded and taken in well under 4 ms", () => {
  const n = 10_000;
  const next = random(9);
  const mirror = new Mirror();
  mirror.reset(n, 0);
  const rows: Row[] = Array.from({ length: n }, (_, id) => ({
    id,
    at: [between(next, -1e6, 1e6), between(next, -1e6, 1e6), 0],
    words: [16383, 16383, between(next, 0, 32766)],
  }));
  take(mirror, joined([frame(1, poseBody(rows), { seq: 1, n, keyframe: true })]), true);
  const moved: Row[] = rows.map(({ id }) => ({
    id,
    at: [between(next, -300, 300), between(next, -300, 300), between(next, -9, 9)],
    words: [between(next, -99, 99), between(next, -99, 99), between(next, -99, 99)],
  }));
  const body = deltaBody(moved, [1, 2, 2, 1, 1, 1, 1, 0]);
  const times: number[] = [];
  for (let seq = 2; seq < 80; seq++) {
    const message = joined([frame(6, body, { seq, n })]);
    const begin = performance.now();
    for (const batch of take(mirror, message)) mirror.pool.give(batch);
    decoder.free();
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  console.log(`10,000 poses as deltas: median ${times[39].toFixed(2)} ms, best ${times[0].toFixed(2)} ms`);
  assert.ok(times[0] < 4);
});
