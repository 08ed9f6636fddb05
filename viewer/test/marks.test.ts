import assert from "node:assert/strict";
import { test } from "node:test";
import { Appearance, GREY_TINT, NO_TINT } from "../src/core/appearance.ts";
import { Marks } from "../src/core/marks.ts";

test("the worst sign of a prim is shown, and only a change is told", () => {
  const marks = new Marks();
  let told = 0;
  marks.changed.add(() => told++);
  const high = { level: "error", word: "high", title: "one alarm" } as const;
  const note = { level: "info", word: "edited", title: "by ben" } as const;
  marks.set("edit", new Map([["/A", note], ["/B", note]]));
  marks.set("alarms", new Map([["/A", high]]));
  assert.deepEqual([marks.of("/A"), marks.of("/B"), marks.of("/C")], [high, note, null]);
  assert.deepEqual(marks.paths().sort(), ["/A", "/B"]);
  marks.set("alarms", new Map([["/A", { ...high }]]));
  assert.equal(told, 2);
  marks.set("alarms", new Map());
  assert.deepEqual([marks.of("/A"), told], [note, 3]);
});

test("a tint by value paints over a style and below grey, goes down the tree, and leaves the style when it goes", () => {
  const look = new Appearance(Int32Array.from([-1, 0, 1]));
  look.setStyle(Uint32Array.from([0]), Uint8Array.from([255, 0, 0, 255]));
  look.setValues(new Map([[1, [0, 1, 0, 0.9]]]));
  look.update();
  assert.deepEqual([look.tint(0), look.tint(1), look.tint(2)], [[1, 0, 0, 1], [0, 1, 0, 0.9], [0, 1, 0, 0.9]]);
  look.setValues(new Map([[1, [0, 0, 1, 0.9]]]));
  assert.ok(look.stale);
  look.update();
  assert.deepEqual([...look.changed], [1, 2]); // nothing else is painted anew
  look.setValues(new Map([[1, [0, 0, 1, 0.9]]]));
  assert.ok(!look.stale);
  look.setDoubtful(new Set([1]));
  look.update();
  assert.equal(look.tint(2), GREY_TINT);
  look.setDoubtful(new Set());
  look.setValues(new Map());
  look.update();
  assert.deepEqual(look.tint(2), [1, 0, 0, 1]);
  assert.deepEqual(new Appearance(Int32Array.from([-1])).tint(0), NO_TINT);
});
