/** The client's half of the protocol: greeting, ticks, acknowledgements, reconnecting; no socket involved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as nodeCrc32 } from "node:zlib";
import { Latency } from "../src/core/latency.ts";
import { Backoff } from "../src/wire/backoff.ts";
import { ClockSync } from "../src/wire/clock-sync.ts";
import { crc32, crc32OfText } from "../src/wire/crc.ts";
import { digestOf } from "../src/wire/digest.ts";
import { Session, type Effect } from "../src/wire/session.ts";
import { frame, joined, message, poseBody } from "./wire.ts";

const welcome = (epoch: string, revision = 0): string =>
  JSON.stringify({
    type: "welcome",
    protocol: "twin.v1",
    epoch,
    revision,
    seq: 9,
    caps: ["delta", "digest"],
    rate: 60,
    role: "operator",
    serverTimeNs: "1",
    limits: { window: 2 },
  });

const sent = (effects: Effect[]): Record<string, unknown>[] =>
  effects.flatMap((effect) => (effect.kind === "send" ? [effect.message] : []));

/** A session that streams and holds tick 9. */
function live(epoch = "e1"): Session {
  const session = new Session();
  session.opened();
  session.text(welcome(epoch));
  session.sceneLoaded(epoch, 0, 8, 2);
  session.binary(message([5], 9, epoch, true));
  session.applied(9);
  return session;
}

const HELLO = {
  type: "hello",
  protocol: { min: 1, max: 1 },
  token: null,
  want: ["pose", "scalar", "style", "entity", "event"],
  caps: ["delta", "zstd", "digest", "playhead"],
  interest: null,
  rate: null,
};

test("hello, welcome, fetch, ready", () => {
  const session = new Session();
  assert.deepEqual(sent(session.opened()), [{ ...HELLO, have: null }]);
  assert.deepEqual(session.text(welcome("e1")), [{ kind: "fetch", epoch: "e1" }]);
  assert.equal(session.phase, "loading");
  assert.deepEqual(sent(session.sceneLoaded("e1", 3, 8, 2)), [{ type: "ready", revision: 3 }]);
  assert.equal(session.phase, "live");
});

test("the shared playhead is passed on, and forgotten with the connection", () => {
  const session = live();
  const told = { type: "playhead", leader: "ana", part: "none", atNs: "5", saidNs: "6" };
  assert.deepEqual(session.text(JSON.stringify(told)), [{ kind: "event", name: "playhead", data: told }]);
  assert.deepEqual(sent(session.usePlayhead({ do: "lead", atNs: null, playing: true, speed: -2 })), [
    { type: "playhead", do: "lead", atNs: null, playing: true, speed: -2 },
  ]);
  session.closed(1006, "");
  assert.deepEqual(session.usePlayhead({ do: "follow" }), []);
  assert.ok(session.opened().some((effect) => effect.kind === "event" && effect.name === "playhead" && effect.data === null));
});

test("what the server has, where it says so", () => {
  const session = live();
  assert.equal(session.serves, null);
  session.closed(1006, "");
  session.opened();
  session.text(welcome("e1").replace('"seq":9', '"seq":9,"serves":["past"]'));
  assert.deepEqual(session.serves, ["past"]);
});

test("since when the twin behind a relay is away, until it is back or another connection begins", () => {
  const session = live();
  assert.ok(Number.isNaN(session.awayMs));
  session.text('{"type":"away","sinceNs":"1700000000000000000","twins":["/P/One"]}');
  assert.deepEqual([session.awayMs, session.awayTwins, session.phase], [1.7e12, ["/P/One"], "live"]);
  session.text('{"type":"away","sinceNs":null,"twins":[]}');
  assert.ok(Number.isNaN(session.awayMs));
  session.text('{"type":"away","sinceNs":"5000000"}');
  assert.equal(session.awayMs, 5);
  session.closed(1006, "");
  session.opened();
  session.text(welcome("e1"));
  assert.ok(Number.isNaN(session.awayMs));
  assert.equal(session.unknownMessages, 0);
});

test("events that a relay has lost are a reason to ask for alarms anew", () => {
  assert.deepEqual(live().text('{"type":"event","event":"missed","n":7,"data":{"count":2}}'), [{ kind: "alarm", count: 7 }]);
});

test("overlays are told on with their data, and a control that is used goes to the server, but not before it greets", () => {
  const session = live();
  const data = { version: 2, base: 1, set: [], gone: ["a"] };
  assert.deepEqual(session.text(JSON.stringify({ type: "event", event: "overlay", n: 8, data })), [{ kind: "event", name: "overlay", data }]);
  assert.equal(session.unknownMessages, 0);
  assert.deepEqual(sent(session.useControl("speed", { value: 1.5 })), [{ type: "control", name: "speed", value: 1.5 }]);
  assert.deepEqual(new Session().useControl("speed", {}), []);
});

test("a time of the server as the local clock has it", () => {
  const clock = new ClockSync();
  assert.equal(clock.localTime(50, 1000), 50);
  clock.add(1000, 1010, 2005);
  assert.equal(clock.localTime(2500, 3000), 1500);
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
    effect.tick.frames.map((part) => part.op),
    [2, 4],
  );
  assert.equal(effect.tick.poses.length, 1);
  assert.equal(effect.tick.eventMs, 1_700_000_000_000);
  assert.equal(effect.tick.madeMs, 1_700_000_000_005);
});

test("a tick is acknowledged only once it was applied", () => {
  const session = live();
  assert.deepEqual(sent(session.binary(message([1, 5], 10, "e1"))), []);
  assert.deepEqual(sent(session.applied(10)), [{ type: "ack", seq: 10 }]);
  const pace = { fps: 59.9, applyMs: 2.5 };
  assert.deepEqual(sent(session.applied(10, pace)), [{ type: "ack", seq: 10, fps: 59.9, applyMs: 2.5 }]);
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
  assert.deepEqual(sent(session.opened()), [{ ...HELLO, have: { epoch: "e1", revision: 0, seq: 10 } }]);
  // Same epoch and revision: nothing is fetched, and nothing of the broken tick is left.
  assert.deepEqual(session.text(welcome("e1")), [{ kind: "send", message: { type: "ready", revision: 0 } }]);
  const [effect] = session.binary(message([2, 5], 11, "e1"));
  assert.ok(effect.kind === "tick");
  assert.deepEqual(
    effect.tick.frames.map((part) => part.op),
    [2],
  );
});

test("a restarted server means another scene, and nothing is held of it", () => {
  const session = live();
  session.closed(1012, "restarting");
  session.opened();
  assert.deepEqual(session.text(welcome("e2")), [{ kind: "fetch", epoch: "e2" }]);
  session.sceneLoaded("e2", 0, 8, 2);
  assert.equal(session.seq, -1);
  session.closed(1006, "");
  assert.equal(sent(session.opened())[0]["have"], null);
});

test("a replaced scene is fetched again, and no tick is taken until then", () => {
  const session = live();
  assert.deepEqual(session.text('{"type":"event","event":"scene","revision":1}'), [{ kind: "fetch", epoch: "e1" }]);
  assert.deepEqual(session.binary(message([1, 5], 12, "e1")), []);
  assert.deepEqual(session.applied(11), []); // an ack that was under way
  assert.deepEqual(sent(session.sceneLoaded("e1", 1, 8, 2)), [{ type: "ready", revision: 1 }]);
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

/** The state of `session` is in doubt: the connection ends, and the next one takes everything anew. */
function assertResync(session: Session, effects: Effect[]): void {
  const [effect] = effects;
  assert.ok(effect?.kind === "close", "the connection goes on");
  assert.equal(effect.code, 4400);
  assert.equal(session.phase, "down");
  assert.deepEqual(session.applied(9), []); // what is still to be drawn is not claimed
  assert.equal(session.closed(4400, "echo"), true);
  assert.equal(sent(session.opened())[0]["have"], null);
  assert.deepEqual(sent(session.text(welcome("e1"))), [{ type: "ready", revision: 0 }]);
  assert.equal(session.binary(message([1, 5], 30, "e1", true)).length, 1);
}

test("bytes that are no frames close the connection", () => {
  const session = live();
  assertResync(session, session.binary(new ArrayBuffer(7)));
});

test("a wrong checksum closes the connection", () => {
  for (const at of [9, 17, 33, 53, 57]) {
    const session = live();
    const bytes = frame(1, poseBody([]), { seq: 10 });
    bytes[at] ^= 1;
    assertResync(session, session.binary(bytes.buffer as ArrayBuffer));
  }
});

test("changes are taken only on top of the tick that they build on", () => {
  assert.equal(live().binary(message([6, 5], 12, "e1", false, 9)).length, 1);
  for (const base of [8, 10]) {
    const session = live();
    assertResync(session, session.binary(message([6, 5], 12, "e1", false, base)));
  }
  // Absolute rows may go back further, but not leave a gap.
  assert.equal(live().binary(message([1, 5], 12, "e1", false, 3)).length, 1);
  const session = live();
  assertResync(session, session.binary(message([1, 5], 12, "e1", false, 11)));
});

test("frames of two ticks in one, and a tick that is older, are refused", () => {
  for (const [seq, base] of [[8, 7], [9, 12]] as const) {
    const session = live();
    assertResync(session, session.binary(message([1, 5], seq, "e1", false, base)));
  }
  const session = live();
  const parts = [message([1], 10, "e1"), message([5], 11, "e1", false, 9)].map((part) => new Uint8Array(part));
  assertResync(session, session.binary(joined(parts)));
  assert.equal(live().binary(message([1, 5], 9, "e1", false, 8)).length, 1); // the same tick again, as after a resume
});

test("a state of which something was left out is not claimed", () => {
  const session = live();
  const have = (): unknown => {
    session.closed(1006, "");
    const [hello] = sent(session.opened());
    session.text(welcome("e1"));
    return hello["have"];
  };
  assert.notEqual(have(), null);
  session.setInterest({ prims: ["/A"] });
  assert.equal(have(), null);
  session.setInterest(null);
  assert.equal(have(), null);
  session.binary(message([5], 20, "e1", true));
  session.applied(20);
  assert.deepEqual(have(), { epoch: "e1", revision: 0, seq: 20 });
});

test("frames and messages of a later protocol are skipped and counted", () => {
  const session = live();
  const later = frame(77, Uint8Array.from([1, 2, 3]), { seq: 10, n: 9 });
  const rest = new Uint8Array(message([1, 5], 10, "e1"));
  assert.equal(session.binary(joined([later, rest])).length, 1);
  assert.equal(session.decoder.unknown, 1);
  session.text('{"type":"later"}');
  session.text('{"type":"event","event":"later"}');
  assert.equal(session.unknownMessages, 2);
});

test("the server's rate, its caps and alarms are passed on", () => {
  const session = live();
  assert.equal(session.hz, 60);
  assert.equal(session.role, "operator");
  assert.deepEqual(session.text('{"type":"tier","hz":10,"reason":"acks are late"}'), []);
  assert.deepEqual([session.hz, session.hzReason], [10, "acks are late"]);
  assert.deepEqual(session.text('{"type":"event","event":"alarm","n":3}'), [{ kind: "alarm", count: 3 }]);
});

test("interest and rate are sent at once and again with each greeting", () => {
  const session = live();
  const interest = { prims: ["/A/**"], signals: null };
  assert.deepEqual(sent(session.setInterest(interest)), [
    { type: "interest", prims: ["/A/**"], labels: null, signals: null, view: null },
  ]);
  assert.deepEqual(sent(session.setRate(10)), [{ type: "rate", hz: 10 }]);
  session.closed(1006, "");
  assert.deepEqual(session.setRate(30), []);
  const [hello] = sent(session.opened());
  assert.deepEqual([hello["interest"], hello["rate"]], [interest, 30]);
});

test("a digest that differs means that everything is taken anew", () => {
  const session = live();
  assert.deepEqual(sent(session.askDigest()), [{ type: "digest" }]);
  const answer = (seq: number, sha256: string): string => JSON.stringify({ type: "digest", seq, sha256 });
  assert.deepEqual(session.text(answer(9, digestOf(session.mirror))), []);
  assert.deepEqual(session.text(answer(8, "of another tick")), []);
  assert.deepEqual(session.digests, { checked: 1, wrong: 0 });
  assertResync(session, session.text(answer(9, "0".repeat(64))));
  assert.deepEqual(session.digests, { checked: 2, wrong: 1 });
});

test("a tick of an earlier connection is not acknowledged on this one", () => {
  const session = live();
  session.binary(message([1, 5], 10, "e1"));
  session.closed(1006, "");
  session.opened();
  session.text(welcome("e1"));
  assert.deepEqual(session.applied(10), []);
  assert.equal(session.seq, 10);
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
  assert.equal(crc32OfText("e1"), 0x088d8d27);
  for (const text of ["", "18a3f", "Wärme", "123456789"])
    if (nodeCrc32) assert.equal(crc32OfText(text), nodeCrc32(text));
  const data = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
  for (const cut of [0, 1, 3, 50, 99]) assert.equal(crc32(data, cut, 100, crc32(data, 0, cut)), crc32(data));
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

test("the latency is the median of the last three seconds", () => {
  const latency = new Latency();
  assert.ok(Number.isNaN(latency.median(0)));
  [900, 30, 20, 25].forEach((value, k) => latency.add(value, 1000 * k));
  assert.equal(latency.median(3000), 30);
  assert.equal(latency.median(3500), 25);
  assert.ok(Number.isNaN(latency.median(9000)));
});
