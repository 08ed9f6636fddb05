/** The client's half of the protocol: greeting, ticks, acknowledgements, reconnecting; no socket involved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as nodeCrc32 } from "node:zlib";
import { Backoff } from "../src/wire/backoff.ts";
import { ClockSync } from "../src/wire/clock-sync.ts";
import { crc32, Session, type Effect } from "../src/wire/session.ts";

/** Frames of `ops` without rows, as the server would send them. */
function message(ops: number[], seq: number, epoch: string, keyframe = false): ArrayBuffer {
  const sizes = ops.map((op) => 40 + (op === 1 ? 32 : 0));
  const view = new DataView(new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0)));
  let at = 0;
  ops.forEach((op, i) => {
    view.setUint8(at, op);
    view.setUint8(at + 1, 1);
    view.setUint16(at + 2, keyframe ? 1 : 0, true);
    view.setBigUint64(at + 8, BigInt(seq), true);
    view.setBigInt64(at + 16, 1_700_000_000_000_000_000n, true);
    view.setUint32(at + 36, crc32(epoch), true);
    at += sizes[i];
  });
  return view.buffer;
}

const welcome = (epoch: string, revision = 0): string =>
  JSON.stringify({
    type: "welcome",
    protocol: "twin.v1",
    epoch,
    revision,
    seq: 9,
    serverTimeNs: "1",
    limits: { window: 2 },
  });

const sent = (effects: Effect[]): Record<string, unknown>[] =>
  effects.flatMap((effect) => (effect.kind === "send" ? [effect.message] : []));

/** A session that streams. */
function live(epoch = "e1"): Session {
  const session = new Session();
  session.opened();
  session.text(welcome(epoch));
  session.sceneLoaded(epoch, 0);
  return session;
}

test("hello, welcome, fetch, ready", () => {
  const session = new Session();
  assert.deepEqual(sent(session.opened()), [
    { type: "hello", token: null, want: ["pose", "scalar", "style"], have: null },
  ]);
  assert.deepEqual(session.text(welcome("e1")), [{ kind: "fetch", epoch: "e1" }]);
  assert.equal(session.phase, "loading");
  assert.deepEqual(sent(session.sceneLoaded("e1", 3)), [{ type: "ready", revision: 3 }]);
  assert.equal(session.phase, "live");
});

test("the frames of a tick are applied together at its end, over several messages", () => {
  const session = live();
  assert.deepEqual(session.binary(message([1, 2], 10, "e1")), []);
  const effects = session.binary(message([4, 5], 10, "e1"));
  assert.equal(effects.length, 1);
  const [effect] = effects;
  assert.ok(effect.kind === "tick");
  assert.equal(effect.tick.seq, 10);
  assert.deepEqual(
    effect.tick.frames.map((frame) => frame.op),
    [1, 2, 4],
  );
  assert.equal(effect.tick.eventMs, 1_700_000_000_000);
});

test("a tick is acknowledged only once it was applied", () => {
  const session = live();
  assert.deepEqual(sent(session.binary(message([1, 5], 10, "e1"))), []);
  assert.deepEqual(sent(session.applied(10)), [{ type: "ack", seq: 10 }]);
});

test("frames of another epoch are ignored", () => {
  assert.deepEqual(live("e1").binary(message([1, 5], 10, "other")), []);
});

test("a new connection goes on from what is held", () => {
  const session = live();
  session.binary(message([1, 5], 10, "e1"));
  session.applied(10);
  session.binary(message([1], 11, "e1")); // cut off in the middle of a tick
  assert.equal(session.closed(1006, ""), true);
  assert.deepEqual(sent(session.opened()), [
    { type: "hello", token: null, want: ["pose", "scalar", "style"], have: { epoch: "e1", revision: 0, seq: 10 } },
  ]);
  // Same epoch and revision: nothing is fetched, and nothing of the broken tick is left.
  assert.deepEqual(session.text(welcome("e1")), [{ kind: "send", message: { type: "ready", revision: 0 } }]);
  const [effect] = session.binary(message([2, 5], 11, "e1"));
  assert.ok(effect.kind === "tick");
  assert.deepEqual(
    effect.tick.frames.map((frame) => frame.op),
    [2],
  );
});

test("a restarted server means another scene, and nothing is held of it", () => {
  const session = live();
  session.applied(10);
  session.closed(1012, "restarting");
  session.opened();
  assert.deepEqual(session.text(welcome("e2")), [{ kind: "fetch", epoch: "e2" }]);
  session.sceneLoaded("e2", 0);
  assert.equal(session.seq, -1);
  session.closed(1006, "");
  assert.equal(sent(session.opened())[0]["have"], null);
});

test("a replaced scene is fetched again, and no tick is taken until then", () => {
  const session = live();
  assert.deepEqual(session.text('{"type":"event","event":"scene","revision":1}'), [{ kind: "fetch", epoch: "e1" }]);
  assert.deepEqual(session.binary(message([1, 5], 12, "e1")), []);
  assert.deepEqual(session.applied(11), []); // an ack that was under way
  assert.deepEqual(sent(session.sceneLoaded("e1", 1)), [{ type: "ready", revision: 1 }]);
  assert.equal(session.binary(message([1, 5], 12, "e1", true)).length, 1);
});

test("a hidden tab pauses, also when it connects while hidden", () => {
  const session = live();
  assert.deepEqual(sent(session.setHidden(true)), [{ type: "pause" }]);
  assert.deepEqual(session.setHidden(true), []);
  session.closed(1006, "");
  assert.deepEqual(session.setHidden(false), []);
  session.setHidden(true);
  session.opened();
  assert.deepEqual(
    sent(session.text(welcome("e1"))).map((m) => m["type"]),
    ["ready", "pause"],
  );
  assert.deepEqual(sent(session.setHidden(false)), [{ type: "resume" }]);
});

test("only closes that can mend themselves are retried", () => {
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429])
    assert.equal(new Session().closed(code, ""), true);
  for (const code of [1000, 1009, 4400, 4401, 4406, 4409]) {
    const session = new Session();
    assert.equal(session.closed(code, "why"), false);
    assert.equal(session.phase, "ended");
    assert.equal(session.reason, "why");
  }
});

test("bytes that are no frames close the connection", () => {
  const [effect] = live().binary(new ArrayBuffer(7));
  assert.ok(effect.kind === "close");
  assert.equal(effect.code, 4400);
});

test("unknown and malformed messages are ignored", () => {
  const session = live();
  for (const text of ["{", "null", "[]", '{"type":"later"}', '{"type":"event","event":"later"}'])
    assert.deepEqual(session.text(text), []);
});

test("notices and goodbyes reach the user", () => {
  const session = live();
  assert.deepEqual(session.text('{"type":"event","event":"notice","level":"info","text":"hello"}'), [
    { kind: "notice", level: "info", text: "hello" },
  ]);
  session.text('{"type":"bye","reason":"the server is stopping"}');
  assert.equal(session.reason, "the server is stopping");
});

test("the checksum of an epoch is CRC-32", () => {
  assert.equal(crc32("e1"), 0x088d8d27);
  for (const text of ["", "18a3f", "Wärme"]) if (nodeCrc32) assert.equal(crc32(text), nodeCrc32(text));
});

test("waiting doubles up to five seconds and starts over", () => {
  const backoff = new Backoff();
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map(() => backoff.delay()),
    [250, 500, 1000, 2000, 4000, 5000, 5000],
  );
  backoff.reset();
  assert.equal(backoff.delay(), 250);
});

test("the server's clock comes from the shortest round trip", () => {
  const clock = new ClockSync();
  assert.ok(Number.isNaN(clock.serverTime(0)));
  clock.add(1000, 1200, 5150); // 200 ms there and back, not symmetric
  clock.add(2000, 2010, 6005); // offset 4000
  assert.equal(clock.serverTime(3000), 7000);
  assert.equal(clock.rtt, 10);
});
