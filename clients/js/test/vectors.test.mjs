// The client against the conformance vectors of the protocol: `node --test` in clients/js.
//
// TWIN_VECTORS names another folder than tests/sync/vectors. Compressed bodies are inflated by Node's own zstd (from 22.15).
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { decode, FrameError, Model, quaternion } from "../twin.js";

const folder = process.env.TWIN_VECTORS ?? new URL("../../../tests/sync/vectors", import.meta.url).pathname;
const inflate = zlib.zstdDecompressSync ? (stored) => zlib.zstdDecompressSync(stored) : null;

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer;
const rows = (column, width) =>
  Array.from({ length: column.length / width }, (_, k) => [...column.subarray(width * k, width * k + width)]);

function checkFrame(frame, expected) {
  for (const name of ["op", "flags", "n", "baseSeq", "epochCrc"]) assert.equal(frame[name], expected[name], name);
  assert.equal(frame.seq, Number(expected.seq));
  for (const name of ["eventNs", "watermarkNs", "tickNs"]) assert.equal(String(frame[name]), expected[name], name);
  if (frame.op === 5) return;
  assert.deepEqual([...frame.ids], expected.ids);
  for (const name of ["text", "quality", "quantum"])
    if (expected[name] !== undefined) assert.deepEqual(name === "quality" ? [...frame.quality] : frame[name], expected[name]);
  for (const name of ["entity", "eventNsColumn"])
    if (expected[name]) assert.deepEqual([...frame[name]].map(String), expected[name]);
  if (expected.value) assert.deepEqual([...frame.value].map((v) => (Number.isNaN(v) ? null : v)), expected.value);
  if (expected.visible) assert.deepEqual([...frame.visible].map(Boolean), expected.visible.map(Boolean));
  if (expected.rgba) assert.deepEqual(rows(frame.rgba, 4), expected.rgba);
  if (frame.op === 6) {
    assert.deepEqual(rows(frame.move, 3), expected.move);
    const modulo = (turns) => turns.map((turn) => turn.map((word) => word & 0xffff));
    assert.deepEqual(modulo(rows(frame.turn, 3)), modulo(expected.turn));
  }
  if (frame.op !== 1) return;
  assert.deepEqual(rows(frame.translation, 3), expected.translation);
  assert.deepEqual(rows(frame.words, 3), expected.words);
  assert.deepEqual(frame.scale && rows(frame.scale, 3), expected.scale);
  expected.rotation.forEach((rotation, k) =>
    quaternion(frame.words, 3 * k).forEach((value, c) => assert.ok(Math.abs(value - rotation[c]) < 1e-6)),
  );
}

async function checkChain({ chain, nodes, signals }) {
  const model = new Model(nodes, signals);
  for (const step of chain) {
    const { frames } = decode(bytes(step.hex), inflate);
    if (step.error) return assert.throws(() => model.apply(frames), FrameError);
    model.apply(frames);
    assert.equal(model.seq, step.seq);
    const held = [...model.poses].sort(([a], [b]) => a - b);
    assert.deepEqual(
      held.map(([id, pose]) => [id, [...pose.translation], [...pose.words], [...pose.scale]]),
      step.state.poses,
    );
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", model.canonical()));
    assert.equal(Buffer.from(hash).toString("hex"), step.digest);
  }
}

for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
  const vector = JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
  const zstd = !inflate && vector.frames?.some(({ flags }) => flags & 4);
  test(name, { skip: zstd ? "this Node has no zstd" : false }, async () => {
    if (vector.chain) return checkChain(vector);
    if (vector.error) return assert.throws(() => decode(bytes(vector.hex), inflate), FrameError);
    const { frames, skipped } = decode(bytes(vector.hex), inflate);
    assert.equal(skipped, vector.skipped);
    assert.equal(frames.length, vector.frames.length);
    frames.forEach((frame, k) => checkFrame(frame, vector.frames[k]));
  });
}
