/** Units in print, and the unit in which a number is shown. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatValue } from "../src/core/format.ts";
import { Store } from "../src/core/store.ts";
import { displayFrom, displayOf, printedUnit } from "../src/core/units.ts";
import { againstLimit, type Alarm } from "../src/features/alarms/model.ts";

declare const VIEWER_ROOT: string;
/** The viewer may lie elsewhere than the vectors, in a copy. */
const streams = process.env["TWIN_VECTORS"] ?? join(VIEWER_ROOT, "../tests/sync/vectors");

test("UCUM codes as they are printed", () => {
  // The server prints them so, too (telemetry/printed.py): one list for both.
  const file = join(streams, "../../vectors/printed_units.json");
  const codes = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  assert.deepEqual(Object.fromEntries(Object.keys(codes).map((code) => [code, printedUnit(code)])), codes);
});

test("a number is shown in the contract's unit where that is known, else in the one that people read", () => {
  const fahrenheit = displayFrom({ contractUnit: "[degF]", unitScale: 5 / 9, unitOffset: 273.15 - (32 * 5) / 9 });
  assert.deepEqual(formatValue(373.15, "K", "f64", fahrenheit), ["212.0", "°F"]);
  assert.deepEqual(formatValue(373.15, "K", "f64"), ["100.0", "°C"]);
  assert.deepEqual(formatValue(1.5, "m/s2", "f64"), ["1.50", "m/s²"]);
  const store = new Store([{ id: "a", unit: "1", type: "f64", maxAge: 0 }]);
  assert.equal(store.display(0).unit, "");
  store.facts = new Map([["a", { contractUnit: "%", unitScale: 0.01, unitOffset: 0 }]]);
  assert.deepEqual(formatValue(0.5, "1", "f64", store.display(0)), ["50.00", "%"]);
  assert.deepEqual(displayOf("rad").unit, "°");
});

test("an alarm's value has its unit in print", () => {
  const alarm = { kind: "above", limit: 80, value: 92.1, unit: "Cel" } as unknown as Alarm;
  assert.equal(againstLimit(alarm), "92.1 °C > 80");
});
