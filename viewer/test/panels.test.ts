/** What the panels show: numbers, ages, trust in values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Appearance, FADED_TINT, GREY_TINT, NO_TINT } from "../src/core/appearance.ts";
import { formatAge, formatCount, formatNumber, formatValue } from "../src/core/format.ts";
import { HISTORY, Store } from "../src/core/store.ts";
import { TwinTime } from "../src/core/twin-time.ts";

const rows = (ids: number[], values: number[], eventMs: number[], quality: number[]) => ({
  ids: Uint32Array.from(ids),
  values: Float64Array.from(values),
  eventMs: Float64Array.from(eventMs),
  quality: Uint32Array.from(quality),
});

test("numbers read well", () => {
  assert.deepEqual([0, -0.0001, 1.23456, -12.3456, 345.678, 12345.6, 3e9, NaN].map(formatNumber), [
    "0.000",
    "0.000",
    "1.23",
    "−12.35",
    "345.7",
    "12346",
    "3.00e+9",
    "–",
  ]);
});

test("SI values are shown in the units people use", () => {
  assert.deepEqual(formatValue(Math.PI / 2, "rad", "f64"), ["90.00", "°"]);
  assert.deepEqual(formatValue(293.15, "K", "f64"), ["20.00", "°C"]);
  assert.deepEqual(formatValue(1, "1", "bool"), ["on", ""]);
  assert.deepEqual(formatValue(NaN, "1", "bool"), ["–", ""]);
  assert.deepEqual(formatValue(7, "1", "enum"), ["7", ""]);
  assert.deepEqual(formatValue(2.5, "A", "f64"), ["2.50", "A"]);
});

test("ages and counts are short", () => {
  assert.deepEqual([-5, 42, 3210, 125_000, 7_300_000, 200_000_000, NaN].map(formatAge), [
    "0 ms",
    "40 ms",
    "3.2 s",
    "2 min",
    "2 h",
    "2 d",
    "–",
  ]);
  assert.equal(formatCount(1234567), "1\u2009234\u2009567");
});

test("trust follows quality and age", () => {
  const store = new Store([
    { id: "a", unit: "m", type: "f64", maxAge: 2 },
    { id: "b", unit: "m", type: "f64", maxAge: 0 },
  ]);
  assert.equal(store.grade(0, 0), "none");
  store.apply(rows([0, 1], [1, 2], [1000, 1000], [0, 0]));
  assert.equal(store.grade(0, 2900), "good");
  assert.equal(store.grade(0, 3100), "stale");
  assert.equal(store.grade(1, 1e9), "good");
  store.apply(rows([0], [1], [3000], [0x40000000]));
  assert.equal(store.grade(0, 3000), "uncertain");
  store.apply(rows([0], [1], [4000], [0x80000000]));
  assert.equal(store.grade(0, 4000), "bad");
  store.apply(rows([1], [2], [4000], [0x40900000])); // Uncertain_LastUsableValue: the server says that it is stale
  assert.equal(store.grade(1, 4000), "stale");
  store.apply(rows([1], [2], [4000], [0x40940000])); // Uncertain_EngineeringUnitsExceeded
  assert.equal(store.grade(1, 4000), "uncertain");
  store.forget();
  assert.equal(store.grade(0, 4000), "none");
});

test("texts have an age and a quality as numbers have", () => {
  const store = new Store([{ id: "a", unit: "", type: "string", maxAge: 2 }]);
  const texts = { ids: Uint32Array.of(0), texts: ["run"], eventMs: Float64Array.of(1000), quality: Uint32Array.of(0) };
  store.applyTexts(texts);
  assert.equal(store.text[0], "run");
  assert.equal(store.grade(0, 2900), "good");
  assert.equal(store.grade(0, 3100), "stale");
  store.forget();
  assert.equal(store.text[0], undefined);
  assert.equal(store.grade(0, 2900), "none");
});

test("history keeps the newest samples, one an event", () => {
  const store = new Store([{ id: "a", unit: "m", type: "f64", maxAge: 0 }]);
  for (let k = 0; k < HISTORY + 10; k++) {
    store.apply(rows([0], [k], [1000 + k], [0]));
    store.apply(rows([0], [k], [1000 + k], [0])); // the same value again, as after a reconnect
  }
  const ring = store.history(0);
  assert.equal(ring?.length, HISTORY);
  assert.equal(ring?.value[ring.at(0)], 10);
  assert.equal(ring?.value[ring.at(HISTORY - 1)], HISTORY + 9);
});

test("hiding and colouring go down the tree, the nearest colour wins", () => {
  const look = new Appearance(Int32Array.from([-1, 0, 1, 1, -1]));
  assert.equal(look.update(), false);
  look.setVisible(Uint32Array.from([1]), Uint8Array.from([0]));
  look.setStyle(Uint32Array.from([0, 3]), Uint8Array.from([255, 0, 0, 255, 0, 0, 255, 51]));
  assert.equal(look.update(), true);
  assert.deepEqual([...look.hidden], [0, 1, 1, 1, 0]);
  assert.deepEqual(look.tint(2), [1, 0, 0, 1]);
  assert.deepEqual(look.tint(3), [0, 0, 1, 0.2]);
  assert.deepEqual(look.tint(4), NO_TINT);
  look.setStyle(Uint32Array.from([0]), Uint8Array.from([0, 0, 0, 0]));
  look.setVisible(Uint32Array.from([1]), Uint8Array.from([1]));
  look.update();
  assert.deepEqual([...look.hidden], [0, 0, 0, 0, 0]);
  assert.deepEqual(look.tint(2), NO_TINT);
});

test("bad data greys out all below, whatever its colour; stale data fades it", () => {
  const look = new Appearance(Int32Array.from([-1, 0, -1, 2]));
  look.setStyle(Uint32Array.from([1]), Uint8Array.from([255, 0, 0, 255]));
  look.setDoubtful(new Set([0]), new Set([2]));
  look.update();
  assert.deepEqual(look.tint(1), GREY_TINT);
  assert.deepEqual(look.tint(3), FADED_TINT);
  look.setDoubtful(new Set(), new Set([0]));
  look.update();
  const [red, green, , strength] = look.tint(1);
  assert.ok(red > 0.5 && red < 0.6 && green > 0.06 && green < 0.07, "half red, half grey");
  assert.equal(strength, 1);
  look.setDoubtful(new Set([0]), new Set([1]));
  look.update();
  assert.deepEqual(look.tint(1), GREY_TINT, "the worst of a node and its ancestors");
  look.setDoubtful(new Set());
  look.update();
  assert.deepEqual(look.tint(1), [1, 0, 0, 1]);
  look.setDoubtful(new Set());
  assert.equal(look.update(), false);
});

test("the twin's time goes on between events and follows a recording back to its start", () => {
  const time = new TwinTime();
  assert.ok(Number.isNaN(time.at(0)));
  time.observe(100_000, 10);
  assert.equal(time.at(510), 100_500);
  time.observe(100_000, 700); // nothing newer: time goes on
  assert.equal(time.at(1010), 101_000);
  assert.equal(time.silence(1010), 1000);
  time.observe(99_000, 1010); // merely late
  assert.equal(time.at(1010), 101_000);
  time.observe(2_000, 1010);
  assert.equal(time.at(1010), 2_000);
});
