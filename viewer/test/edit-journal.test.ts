/** What the journal of edits says, and what may be taken back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { changeText, journalRows, type TransactionJson } from "../src/edit/journal.ts";

const change = (property: string, after: unknown, path = "/Cell/Table") => ({ path, property, before: null, after });
const edit = (version: number, author: string, property: string, after: unknown): TransactionJson => ({
  version,
  at: "2026-11-26T10:00:00.000Z",
  author,
  id: `i${version}`,
  did: "edit",
  of: null,
  changes: [change(property, after)],
});
const back = (version: number, did: "undo" | "redo", of: number): TransactionJson => ({
  ...edit(version, "anna", "pose", null),
  did,
  of,
});

test("one's own edits can be taken back, once; those of others cannot", () => {
  const rows = journalRows([back(4, "undo", 1), edit(3, "ben", "pose", []), edit(2, "anna", "pose", []), edit(1, "anna", "pose", [])], "anna");
  assert.deepEqual(rows.map(({ locked }) => locked === null), [false, false, true, false]);
  assert.match(rows[1].locked ?? "", /Only ben/);
  assert.equal(rows[3].undone, true);
});

test("what was done again stands", () => {
  const rows = journalRows([back(3, "redo", 1), back(2, "undo", 1), edit(1, "anna", "pose", [])], "anna");
  assert.equal(rows[2].undone, false);
  assert.equal(rows[2].locked, null);
  assert.deepEqual(rows.slice(0, 2).map(({ title }) => title), ["Did again version 1", "Took back version 1"]);
});

test("titles say what was done", () => {
  const title = (property: string, after: unknown): string => journalRows([edit(1, "a", property, after)], "a")[0].title;
  assert.equal(title("pose", [1]), "Moved Table");
  assert.equal(title("pose", null), "Cleared the pose of Table");
  assert.equal(title("visibility", false), "Hid Table");
  assert.equal(title("variant:open", "yes"), "open of Table: yes");
  assert.equal(title("primvars:displayColor", "#ff0000"), "Set colour of Table");
  assert.equal(title("binding:pose /A", { kind: "pose", prim: "/A" }), "Bound /A (pose)");
  assert.equal(title("binding:3", "removed"), "Unbound 3");
  const two = { ...edit(1, "a", "pose", []), changes: [change("pose", [1]), change("visibility", true)] };
  assert.equal(journalRows([two], "a")[0].title, "Moved Table, and 1 more");
});

test("a pose tells what has changed of it, in metres and degrees", () => {
  const half = Math.SQRT1_2;
  const from = [1, 2, 0, 1, 0, 0, 0, 1, 1, 1];
  const text = (before: unknown, after: unknown): string => changeText({ path: "/A", property: "pose", before, after });
  assert.equal(text(from, [1.5, 2, 0, 1, 0, 0, 0, 1, 1, 1]), "1 2 0 m → 1.5 2 0 m");
  assert.equal(text(from, [1, 2, 0, half, 0, 0, half, 1, 1, 1]), "0 0 0° → 0 0 90°");
  assert.equal(text(from, [1, 2, 0, 1, 0, 0, 0, 2, 1, 1]), "× 1 1 1 → × 2 1 1");
  assert.equal(text(null, from), "as designed → 1 2 0 m");
  assert.equal(changeText({ path: "/A", property: "note", before: null, after: "x" }), "as designed → x");
});
