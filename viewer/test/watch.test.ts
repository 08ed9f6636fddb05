import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, changedText, filesText, heard, NOT_WATCHED } from "../src/features/watch/model.ts";

test("what a save changed is told in words", () => {
  assert.equal(changedText({ shapes: 1, images: 0, materials: 2, added: 0, removed: 1 }), "1 shape, 2 materials, 1 prim removed");
  assert.equal(changedText({ shapes: 0, materials: 1, moved: 1 }), "1 material, 1 prim moved");
  assert.equal(changedText({ shapes: 0 }), "nothing that is drawn");
  assert.equal(changedText({ shapes: 0, bindings: 2 }), "2 bindings");
  assert.equal(changedText(null), "nothing that is drawn");
  assert.equal(filesText(["a.usda", "b.usda", "c.usda", "d.usda"]), "a.usda, b.usda and 2 more");
  assert.equal(filesText([]), "The stage");
});

test("a broken save stands until a good one comes", () => {
  const broken = heard(NOT_WATCHED, { state: "broken", text: "cell.usda, line 3: Expected }", files: ["cell.usda"] });
  assert.equal(broken.broken, "cell.usda, line 3: Expected }");
  assert.deepEqual(broken.files, ["cell.usda"]);
  const good = heard(broken, { state: "watching", saves: 4, changed: { shapes: 1 }, files: ["cell.usda"] });
  assert.equal(good.broken, "");
  assert.equal(good.saved, "1 shape");
  assert.equal(good.saves, 4);
});

test("a page that comes later learns it from the status", () => {
  const late = asked(NOT_WATCHED, { watch: { state: "broken", text: "gone", saves: 2 } });
  assert.equal(late.on && late.broken, "gone");
  assert.equal(asked(late, { watch: { state: "watching", text: "", saves: 3 } }).broken, "");
  assert.deepEqual(asked(late, { sources: {} }), NOT_WATCHED);
});
