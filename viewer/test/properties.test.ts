/** Texts of attributes, units of signals, sentences of edits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attributeText, editText, hexOfLinear, linearOfHex, parseAttribute } from "../src/core/attribute-text.ts";
import { pointsOf, primAddress } from "../src/features/properties/detail.ts";
import { shownValue } from "../src/core/signal-units.ts";
import { fixFor, propertyName, refusal, sentence, whyNot } from "../src/edit/sentences.ts";

const text = (live: never, type: string, size: number | null = null): string => attributeText({ live, type, size });

test("values read short, arrays by their size, matrices row by row", () => {
  assert.equal(text(2.5 as never, "double"), "2.50");
  assert.equal(text([1, -0.5, 0] as never, "double3"), "1  −0.500  0");
  assert.equal(text(null as never, "point3f[]", 1200), "1200 × point3f");
  assert.equal(text([1, 0, 0, 1] as never, "matrix2d"), "1  0\n0  1");
  assert.equal(text("" as never, "token"), "empty");
});

test("what is edited keeps its digits, and a float32 reads as what was meant", () => {
  assert.equal(editText({ live: Math.fround(0.1) }), "0.1");
  assert.equal(editText({ live: [1.25, Math.fround(-0.7)] }), "1.25, -0.7");
  assert.equal(editText({ live: 1.23456789012 }), "1.23456789012");
});

test("a text becomes a value of its type, in SI", () => {
  assert.deepEqual(parseAttribute("250", "double", 0.01), { value: 2.5 });
  assert.deepEqual(parseAttribute("1, −2 3", "float3", 1), { value: [1, -2, 3] });
  assert.deepEqual(parseAttribute("(0, 0, 1, 0)", "quatf", 1), { value: [0, 0, 1, 0] });
  assert.deepEqual(parseAttribute("off", "bool", 1), { value: false });
  assert.deepEqual(parseAttribute("a, b", "token[]", 1), { value: ["a", "b"] });
  assert.deepEqual(parseAttribute("ten", "int", 1), { error: "Write a number." });
  assert.deepEqual(parseAttribute("1.5", "int", 1), { error: "Write a whole number." });
  assert.deepEqual(parseAttribute("1 2", "color3f", 1), { error: "Write 3 numbers." });
  assert.deepEqual(parseAttribute("", "double", 1), { error: "Write one number." });
});

test("colours go there and back", () => {
  assert.equal(hexOfLinear([1, 0, 0.2158605]), "#ff0080");
  assert.equal(hexOfLinear(linearOfHex("#3fa07c")), "#3fa07c");
});

test("a value is shown in the contract's unit or in SI", () => {
  const cel = { contractUnit: "Cel", unitScale: 1, unitOffset: 273.15 };
  assert.deepEqual(shownValue(333.15, "K", "f64", "contract", cel), ["60.00", "°C"]);
  assert.deepEqual(shownValue(333.15, "K", "f64", "si", cel), ["333.1", "K"]);
  const feed = { contractUnit: "m/min", unitScale: 1 / 60, unitOffset: 0 };
  assert.deepEqual(shownValue(0.5, "m/s", "f64", "contract", feed), ["30.00", "m/min"]);
  assert.deepEqual(shownValue(1, "1", "bool", "si", undefined), ["on", ""]);
});

test("who may not edit reads why", () => {
  assert.equal(whyNot("live", "engineer"), null);
  assert.match(whyNot("live", "operator") ?? "", /role engineer; yours is operator/);
  assert.match(whyNot("live", "engineer", true) ?? "", /past/);
  assert.match(whyNot("down", "engineer") ?? "", /twin is away/);
});

test("a refusal is a sentence with what stands in the way", () => {
  const current = { path: "/A", property: "pose", value: [2, 0, 0], version: 5, author: "ben" };
  assert.equal(
    refusal({ code: "conflict", error: "ben has changed pose of /A in version 5", current }),
    "Ben has changed pose of /A in version 5. Now it is 2 0 0; look at it and do it again if it is still wanted.",
  );
  assert.equal(fixFor({ code: "refused", error: "/A is moved by its binding", current: null }), "");
  assert.equal(sentence("/A is moved by its binding"), "/A is moved by its binding.");
  assert.equal(propertyName("binding:0"), "binding 0");
});

test("a chart of the history becomes points at the ends of its spans; gaps are left out", () => {
  const chart = { firstNs: "1700000000000000000", stepNs: "5000000000", last: [1, null, 3] };
  assert.deepEqual(pointsOf(chart), [
    [1700000005000, 1],
    [1700000015000, 3],
  ]);
});

test("an address quotes each part of a path", () => {
  assert.equal(primAddress("/Cell/A b/C"), "api/v1/prims/Cell/A%20b/C");
});
