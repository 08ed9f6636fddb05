/** Commands: numbered, answered, sent again after a lost connection, and never more at once than the server takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newId } from "../src/wire/commands.ts";
import { Session, type Effect } from "../src/wire/session.ts";

const welcome = (edits: number): string =>
  JSON.stringify({ type: "welcome", protocol: "twin.v1", epoch: "e1", revision: 0, role: "engineer", edits });

const commandsIn = (effects: Effect[]): unknown[] =>
  effects.flatMap((effect) => (effect.kind === "send" && effect.message.type === "command" ? [effect.message.id] : []));

function live(): Session {
  const session = new Session();
  session.opened();
  session.text(welcome(4));
  session.sceneLoaded("e1", 0, 1, 0);
  return session;
}

test("a command goes out with its fields, and its answer comes back as an effect", () => {
  const session = live();
  assert.equal(session.commands.version, 4);
  const move = { kind: "move", base: 4, path: "/A", position: [1, 0, 0] };
  assert.deepEqual(session.command("c1", move), [{ kind: "send", message: { type: "command", id: "c1", ...move } }]);
  const [effect] = session.text(JSON.stringify({ type: "answer", id: "c1", ok: true, version: 5, undo: 2 }));
  assert.deepEqual(effect, {
    kind: "answer",
    answer: {
      id: "c1",
      ok: true,
      version: 5,
      undo: 2,
      redo: 0,
      kept: true,
      note: "",
      placed: [],
      code: null,
      error: null,
      current: null,
    },
  });
  assert.equal(session.commands.version, 5);
});

test("what was not answered is sent again with the same id, what was is not", () => {
  const session = live();
  session.command("c1", { kind: "undo" });
  session.command("c2", { kind: "redo" });
  session.text(JSON.stringify({ type: "answer", id: "c1", ok: true, version: 5 }));
  session.closed(1006, "");
  assert.deepEqual(session.command("c3", { kind: "undo" }), [], "nobody is there to take it");
  session.opened();
  assert.deepEqual(commandsIn(session.text(welcome(5))), ["c2", "c3"]);
});

test("at most 16 are left unanswered; each answer lets the next one go", () => {
  const session = live();
  const sent = Array.from({ length: 20 }, (_, k) => session.command(`c${k}`, { kind: "undo" })).flat();
  assert.equal(commandsIn(sent).length, 16);
  const after = session.text(JSON.stringify({ type: "answer", id: "c3", ok: false, version: 4, code: "refused" }));
  assert.deepEqual(commandsIn(after), ["c16"]);
});

test("edits by others raise the version; an answer that nobody waits for is counted and does nothing", () => {
  const session = live();
  const transactions = [{ version: 9, author: "ben", did: "edit", count: 1, edits: [["/A", "pose"]] }];
  const effects = session.text(
    JSON.stringify({ type: "event", event: "edit", n: 3, data: { version: 9, transactions } }),
  );
  assert.deepEqual(effects, [{ kind: "edit", edit: { version: 9, transactions } }]);
  assert.equal(session.commands.version, 9);
  assert.equal(session.unknownMessages, 0);
  assert.deepEqual(session.text(JSON.stringify({ type: "answer", id: "nobody", ok: true, version: 10 })), []);
  assert.equal(session.unknownMessages, 1);
});

test("ids are printable, of 32 characters, and differ", () => {
  const ids = new Set(Array.from({ length: 50 }, newId));
  assert.equal(ids.size, 50);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});
