// The link without a server: greeting, acknowledgements, states in doubt, closes. A socket of ours plays the server's part.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CommandError, connect } from "../twin.js";

const folder = process.env.TWIN_VECTORS ?? new URL("../../../tests/sync/vectors", import.meta.url).pathname;
const vector = (name) => JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16)).buffer;
const [first, second] = vector("chain_deltas").chain.map(({ hex }) => bytes(hex));
const wrong = bytes(vector("chain_wrong_base").chain.at(-1).hex);
const WELCOME = { type: "welcome", protocol: "twin.v1", epoch: "e1", revision: 0, rate: 30, tiers: [60, 30, 10, 2] };

const table = (count) => ({ count, path: [], parent: [], resets: [], local: [], instancer: [], id: [] });
const SCENE = { epoch: "e1", revision: 0, nodes: table(8), points: table(0), signals: [1, 2, 3, 4, 5] };
let fetched = 0;
globalThis.fetch = async () => ({ ok: true, json: async () => (fetched++, SCENE) });

class Socket {
  static all = [];
  readyState = 1;
  sent = [];
  closed = null;
  constructor(address, protocol) {
    [this.address, this.protocol] = [address, protocol];
    Socket.all.push(this);
    queueMicrotask(() => this.onopen());
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close(code, reason = "") {
    this.closed = code;
    queueMicrotask(() => this.onclose?.({ code, reason }));
  }
  say(message) {
    this.onmessage({ data: message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  }
}

const soon = (ms = 0) => new Promise((done) => setTimeout(done, ms));

async function greeted(options) {
  const link = connect("http://twin.test:8000", { WebSocket: Socket, ...options });
  await soon();
  const socket = Socket.all.at(-1);
  socket.say(WELCOME);
  await soon();
  return [link, socket];
}

test("greeting, first tick, acknowledgement", async () => {
  const [link, socket] = await greeted({ token: "t", interest: { prims: ["/A/**"] } });
  assert.deepEqual([socket.address, socket.protocol], ["ws://twin.test:8000/ws", "twin.v1"]);
  const [hello, ready] = socket.sent;
  assert.deepEqual(hello, {
    type: "hello", protocol: { min: 1, max: 1 }, token: "t", want: null, caps: ["delta", "digest"], have: null,
    interest: { prims: ["/A/**"] }, rate: null,
  });
  assert.deepEqual(ready, { type: "ready", revision: 0 });
  socket.say(first);
  const twin = await link;
  socket.say(second);
  assert.deepEqual(socket.sent.slice(2), [{ type: "ack", seq: 10 }, { type: "ack", seq: 13 }]);
  assert.deepEqual([twin.state, twin.model.seq, twin.counts.deltaRows, twin.tier.hz], ["live", 13, 3, 30]);
  socket.say({ type: "tier", hz: 2, reason: "acknowledgements are late" });
  socket.say({ type: "news" });
  assert.deepEqual([twin.tier, twin.counts.unknown], [{ hz: 2, reason: "acknowledgements are late" }, 1]);
  twin.close();
  await soon(300);
  assert.equal(Socket.all.at(-1), socket);
});

for (const [name, bad] of [["a delta on another tick", wrong], ["half a frame", first.slice(0, 100)]])
  test(`${name}: begins anew without have, and with it after a mere break`, async () => {
    const [link, socket] = await greeted({});
    socket.say(first);
    const twin = await link;
    const before = fetched;
    socket.say(bad);
    assert.deepEqual([socket.closed, twin.state, twin.counts.resyncs], [4400, "down", 1]);
    await soon(300);
    const next = Socket.all.at(-1);
    assert.notEqual(next, socket);
    assert.equal(next.sent[0].have, null);
    next.say(WELCOME);
    await soon();
    next.say(first);
    assert.deepEqual([twin.state, twin.model.seq, fetched], ["live", 10, before]);
    next.close(1012);
    await soon(300);
    assert.deepEqual(Socket.all.at(-1).sent[0].have, { epoch: "e1", revision: 0, seq: 10 });
    twin.close();
  });

test("what an interest left out is not claimed", async () => {
  const [link, socket] = await greeted({});
  socket.say(first);
  const twin = await link;
  twin.send({ type: "interest", prims: ["/A"] });
  socket.close(1012);
  await soon(300);
  assert.equal(Socket.all.at(-1).sent[0].have, null);
  twin.close();
});

test("a question to a link that goes is answered, too", async () => {
  const [link, socket] = await greeted({});
  socket.say(first);
  const twin = await link;
  const asked = twin.verify();
  socket.close(1012);
  assert.deepEqual(await asked, { seq: -1, ours: "", theirs: "", equal: false });
  twin.close();
});

test("a command is answered, and said again with the same id after a lost connection", async () => {
  const [link, socket] = await greeted({});
  socket.say({ ...WELCOME, edits: 4 });
  await soon();
  socket.say(first);
  const twin = await link;
  assert.equal(twin.edits, 4);
  const moved = twin.command("move", { path: "/A", position: [1, 2, 3], base: twin.edits });
  const said = socket.sent.at(-1);
  assert.match(said.id, /^[0-9a-f]{32}$/);
  assert.deepEqual({ ...said, id: 0 }, { type: "command", id: 0, kind: "move", path: "/A", position: [1, 2, 3], base: 4 });
  socket.close(1012);
  await soon(300);
  const next = Socket.all.at(-1);
  assert.ok(!next.sent.some(({ type }) => type === "command")); // not before it is greeted
  next.say({ ...WELCOME, edits: 5 });
  await soon();
  assert.deepEqual(next.sent.at(-1), said);
  const another = twin.command("undo");
  next.say({ type: "answer", id: next.sent.at(-1).id, ok: false, version: 6, code: "conflict", error: "ben has", current: { version: 6 } });
  next.say({ type: "answer", id: "somebody else's", ok: true, version: 6 });
  next.say({ type: "answer", id: said.id, ok: true, version: 6, undo: 1 });
  next.say({ type: "answer", id: said.id, ok: true, version: 6, undo: 1 });
  assert.equal((await moved).version, 6);
  await assert.rejects(another, (error) => {
    assert.ok(error instanceof CommandError);
    assert.deepEqual([error.message, error.code, error.current], ["ben has", "conflict", { version: 6 }]);
    return true;
  });
  next.say({ type: "event", event: "edit", n: 1, data: { version: 9 } });
  assert.equal(twin.edits, 9);
  const lost = assert.rejects(twin.command("undo"), { code: "ended" });
  twin.close();
  await lost;
  await assert.rejects(twin.command("undo"), { code: "ended" });
});

test("since when a relay's twin is away, until it is back", async () => {
  const states = [];
  const [link, socket] = await greeted({ onState: (state, reason) => states.push(`${state} ${reason}`.trim()) });
  socket.say(first);
  const twin = await link;
  socket.say({ type: "away", sinceNs: "1700000000000000000", twins: [] });
  assert.deepEqual([twin.state, twin.away.sinceNs], ["live", "1700000000000000000"]);
  assert.equal(states.at(-1), "live twin away since 2023-11-14T22:13:20.000Z");
  socket.say({ type: "away", sinceNs: null, twins: [] });
  assert.deepEqual([twin.away, states.at(-1), twin.counts.unknown], [null, "live", 0]);
  socket.say({ type: "away", sinceNs: "1", twins: [] });
  socket.say(WELCOME);
  assert.equal(twin.away, null);
  twin.close();
});

test("a connection on which nothing is heard is given up for another one", async () => {
  const [link, socket] = await greeted({ patience: 40 });
  socket.say(first);
  const twin = await link;
  socket.close = () => undefined; // a network that has forgotten it tells nobody
  await soon(400);
  assert.ok(socket.sent.filter(({ type }) => type === "ping").length >= 4);
  assert.notEqual(Socket.all.at(-1), socket);
  assert.deepEqual(Socket.all.at(-1).sent[0].have, { epoch: "e1", revision: 0, seq: 10 });
  twin.close();
});

test("a refusal ends the link", async () => {
  const [link, socket] = await greeted({});
  socket.close(4401, "this server asks for a token");
  await assert.rejects(link, /asks for a token/);
  const count = Socket.all.length;
  await soon(300);
  assert.equal(Socket.all.length, count);
});
