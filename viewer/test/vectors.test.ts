/** The decoder and what is held against the conformance vectors, which were packed by an independent hand. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32OfText } from "../src/wire/crc.ts";
import type { Mirror } from "../src/wire/mirror.ts";
import { Decoder } from "../src/wire/protocol.ts";
import { unpackQuaternion } from "../src/wire/quaternion.ts";
import { DeltaColumns } from "../src/wire/delta.ts";
import { digestOf } from "../src/wire/digest.ts";
import { FrameError, OP, type Frame, type PoseFrame } from "../src/wire/frames.ts";
import { Session } from "../src/wire/session.ts";

declare const VIEWER_ROOT: string;
const folder = process.env["TWIN_VECTORS"] ?? join(VIEWER_ROOT, "../tests/sync/vectors");

interface VectorFrame {
  op: number;
  flags: number;
  n: number;
  seq: number | string;
  eventNs: string;
  watermarkNs: string;
  tickNs: string;
  baseSeq: number;
  epochCrc: number;
  size: number;
  ids: number[];
  translation: number[][];
  words: number[][];
  rotation: number[][];
  scale: number[][] | null;
  quantum: number;
  move: number[][];
  turn: number[][];
  value: (number | null)[];
  text: string[];
  entity: string[];
  eventNsColumn: string[];
  quality: number[];
  rgba: number[][];
  visible: (number | boolean)[];
}

interface Step {
  hex: string;
  error?: boolean;
  seq: number;
  digest: string;
  state: { poses: [id: number, translation: number[], words: number[], scale: number[]][] };
}

interface Vector {
  name: string;
  hex: string;
  error?: boolean;
  skipped: number;
  frames?: VectorFrame[];
  chain?: Step[];
  epoch: string;
  nodes: number;
  signals: number;
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
  assert.equal(header.flags, expected.flags);
  assert.equal(header.keyframe, (expected.flags & 1) !== 0);
  assert.equal(header.n, expected.n);
  assert.equal(header.seq, Number(expected.seq));
  assert.equal(String(header.eventNs), expected.eventNs);
  assert.equal(String(header.watermarkNs), expected.watermarkNs);
  assert.equal(String(header.tickNs), expected.tickNs);
  assert.equal(header.baseSeq, expected.baseSeq);
  assert.equal(header.epochCrc, expected.epochCrc);
  assert.equal(header.size, expected.size);
}

const threes = (flat: ArrayLike<number>, n: number): number[][] =>
  Array.from({ length: n }, (_, k) => [flat[3 * k], flat[3 * k + 1], flat[3 * k + 2]]);

function checkPoses(frame: PoseFrame, expected: VectorFrame): void {
  const { ids, origin, quantum, quanta, scales, words } = frame;
  assert.deepEqual([...ids], expected.ids);
  const translation = threes(quanta, ids.length).map((row) => row.map((steps, c) => origin[c] + steps * quantum));
  assert.deepEqual(translation, expected.translation);
  assert.deepEqual(threes(words, ids.length), expected.words);
  assert.deepEqual(scales && threes(scales, ids.length), expected.scale);
  const quaternion = new Float64Array(4);
  ids.forEach((_, k) => {
    unpackQuaternion(quaternion, 0, words, 3 * k);
    quaternion.forEach((value, c) => near(value, expected.rotation[k][c], 1e-6));
  });
}

function checkBody(frame: Frame, expected: VectorFrame): void {
  switch (frame.op) {
    case OP.pose:
      return checkPoses(frame, expected);
    case OP.delta: {
      const columns = new DeltaColumns();
      columns.read(frame);
      assert.equal(frame.quantum, expected.quantum);
      assert.deepEqual([...columns.ids.subarray(0, columns.n)], expected.ids);
      assert.deepEqual(threes(columns.moves, columns.n), expected.move);
      const modulo = (rows: number[][]): number[][] => rows.map((row) => row.map((turn) => turn & 0xffff));
      assert.deepEqual(modulo(threes(columns.turns, columns.n)), modulo(expected.turn));
      return;
    }
    case OP.signals:
      assert.deepEqual(
        [...frame.values].map((value) => (Number.isNaN(value) ? null : value)),
        expected.value,
      );
      break;
    case OP.text:
      assert.deepEqual([...frame.texts], expected.text);
      break;
    case OP.entity:
      assert.deepEqual([...frame.entities].map(String), expected.entity);
      break;
    case OP.style:
      assert.deepEqual([...frame.rgba], expected.rgba.flat());
      break;
    case OP.visibility:
      assert.deepEqual([...frame.visible].map(Boolean), expected.visible.map(Boolean));
      break;
    default:
      return;
  }
  assert.deepEqual([...frame.ids], expected.ids);
  if (frame.op !== OP.signals && frame.op !== OP.text) return;
  assert.deepEqual([...frame.eventNs].map(String), expected.eventNsColumn);
  frame.eventMs.forEach((value, k) => near(value, Number(expected.eventNsColumn[k]) / 1e6, 0.001));
  assert.deepEqual([...frame.quality], expected.quality);
}

const read = (name: string): Vector => JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector;
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

test("there are vectors of all sorts", () => {
  const vectors = names.map(read);
  assert.ok(vectors.some(({ error }) => error) && vectors.some(({ frames }) => frames));
  assert.ok(vectors.some(({ chain }) => chain));
});

/** Message by message, as a session takes them. */
function checkChain({ chain, epoch, nodes, signals }: Vector): void {
  const session = new Session();
  session.opened();
  session.text(JSON.stringify({ type: "welcome", protocol: "twin.v1", epoch, revision: 0 }));
  session.sceneLoaded(epoch, 0, nodes, signals);
  for (const step of chain ?? []) {
    const [effect] = session.binary(bytes(step.hex));
    if (step.error) {
      assert.ok(effect.kind === "close" && effect.code === 4400);
      assert.equal(session.closed(4400, ""), true);
      const [hello] = session.opened();
      assert.ok(hello.kind === "send" && hello.message["have"] === null);
      return;
    }
    assert.ok(effect.kind === "tick", effect.kind === "close" ? effect.reason : effect.kind);
    assert.equal(effect.tick.seq, step.seq);
    checkHeld(session.mirror, step);
  }
}

function checkHeld(mirror: Mirror, { state, digest }: Step): void {
  const held = [...mirror.posed.keys()]
    .filter((id) => mirror.posed[id])
    .map((id) => [id, ...[mirror.translation, mirror.words, mirror.scale].map((column) => [...column.subarray(3 * id, 3 * id + 3)])]);
  assert.deepEqual(held, state.poses);
  assert.equal(digestOf(mirror), digest);
}

for (const name of names) {
  test(`vector ${name}`, () => {
    const vector = read(name);
    const decoder = new Decoder();
    const all = (): Frame[] => {
      const frames = decoder.decode(bytes(vector.hex));
      for (const frame of frames) if (frame.op === OP.delta) new DeltaColumns().read(frame);
      return frames;
    };
    if (vector.chain) return checkChain(vector);
    if (vector.error) return void assert.throws(all, FrameError);
    const frames = all();
    assert.equal(frames.length, vector.frames?.length);
    assert.equal(decoder.unknown, vector.skipped);
    frames.forEach((frame, i) => {
      const expected = (vector.frames as VectorFrame[])[i];
      checkHeader(frame, expected);
      checkBody(frame, expected);
    });
  });
}

test("the vectors are of epoch e1", () => assert.equal(crc32OfText("e1"), 0x088d8d27));
