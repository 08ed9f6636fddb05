import assert from "node:assert/strict";
import { test } from "node:test";
import { colorAt, grown, placeIn } from "../src/features/layers/colors.ts";
import { arrange, type Wish } from "../src/core/declutter.ts";
import { spread } from "../src/features/layers/heat.ts";
import { comparable, type NumberFacts } from "../src/features/layers/numbers.ts";
import { fits, layersFrom, START, targetsOf } from "../src/features/layers/settings.ts";
import { Tracks } from "../src/features/layers/tracks.ts";
import { rateOf, vectorsOf } from "../src/features/layers/vectors.ts";

function wish(id: string, x: number, y: number, more: Partial<Wish> = {}): Wish {
  return { id, x, y, width: 80, height: 20, priority: 0, sticky: false, ...more };
}

test("labels never overlap, whatever the crowd, and the important ones are there", () => {
  const wishes = [...Array(80).keys()].map((k) => wish(`w${k}`, 200 + (k % 9) * 7, 150 + (k % 11) * 5, { priority: k === 79 ? 5 : 0 }));
  const { placed } = arrange(wishes, 400, 300);
  assert.ok(placed.length > 5 && placed.length < 60);
  assert.equal(placed[0].id, "w79");
  for (const a of placed)
    for (const b of placed)
      if (a !== b) assert.ok(Math.abs(a.left - b.left) >= 80 || Math.abs(a.top - b.top) >= 20, `${a.id} hides ${b.id}`);
});

test("a label keeps the spot that it has, and goes back to none that is taken", () => {
  const first = arrange([wish("a", 100, 100), wish("b", 110, 104)], 400, 300);
  const again = arrange([wish("b", 110, 104), wish("a", 100, 100)], 400, 300, first.spots);
  const at = (placed: typeof first.placed): string => placed.map(({ id, left, top }) => `${id} ${left} ${top}`).sort().join();
  assert.equal(at(again.placed), at(first.placed));
});

test("what is outside is left out, but a sticky label stays at the edge with a line", () => {
  const { placed } = arrange([wish("out", -50, 100), wish("alarm", 900, 150, { sticky: true })], 400, 300);
  assert.deepEqual(placed, [{ id: "alarm", left: 400 - 80 - 4, top: 120, leader: true }]);
  const near = arrange([wish("corner", 2, 2)], 400, 300).placed[0];
  assert.ok(near.left >= 4 && near.top >= 4);
});

test("colours begin and end where the map does, and values beyond the range have those of its ends", () => {
  assert.deepEqual(colorAt("viridis", 0), [0x44, 0x01, 0x54]);
  assert.deepEqual(colorAt("viridis", 1), [0xfd, 0xe7, 0x25]);
  assert.deepEqual(colorAt("viridis", 7), colorAt("viridis", 1));
  assert.equal(placeIn(15, [10, 20]), 0.5);
  assert.equal(placeIn(10, [10, 10]), 0.5);
});

test("maps get lighter or have their middle, step by step", () => {
  const light = (at: number, map: "viridis" | "cividis" | "magma"): number => {
    const [r, g, b] = colorAt(map, at);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (const map of ["viridis", "cividis", "magma"] as const)
    for (let k = 0; k < 20; k++) assert.ok(light((k + 1) / 20, map) > light(k / 20, map), `${map} at ${k / 20}`);
});

test("an automatic range grows only, and is the same object where nothing grew", () => {
  const range = grown(null, [5, Number.NaN, 7]);
  assert.deepEqual(range, [5, 7]);
  assert.equal(grown(range, [6]), range);
  assert.deepEqual(grown(range, [2]), [2, 7]);
  assert.equal(grown(null, [Number.NaN]), null);
});

test("patterns, prims and what was kept", () => {
  assert.ok(fits("")("x") && fits("*.temp*, belt.speed")("motor.temperature") && !fits("*.temp*")("belt.speed"));
  assert.ok(!fits("a.c")("abc"));
  const bindings = { "/Cell/B": ["b.temperature", "b.speed"], "/Cell/A": ["a.speed"], "/Other": ["o.temperature"] };
  assert.deepEqual(targetsOf({ on: true, under: "/Cell", signals: "*.temperature" }, bindings), [{ path: "/Cell/B", signals: ["b.temperature"] }]);
  assert.deepEqual(layersFrom(undefined), START);
  const kept = layersFrom({ color: { on: true, map: "rainbow", range: [5, 1] }, trails: { seconds: 9999 } });
  assert.deepEqual(kept.color, { on: true, under: "", signals: "", map: "viridis", range: null, of: "" });
  assert.equal(kept.trails.seconds, 120);
});

test("a heat map has each sensor's value where it stands, and between two equal distances their mean", () => {
  const field = spread([{ x: 0, y: 0, value: 10 }, { x: 10, y: 0, value: 30 }], 60, 2)!;
  const at = (x: number, y: number): number => {
    const column = Math.floor(((x - field.x) / field.width) * field.columns);
    const row = Math.floor(((y - field.y) / field.height) * field.rows);
    return row * field.columns + column;
  };
  assert.ok(Math.abs(field.values[at(0.01, 0.01)] - 10) < 0.3);
  assert.ok(Math.abs(field.values[at(5, 0.01)] - 20) < 0.7);
  assert.ok(field.trust[at(0.01, 0.01)] > 0.9 && field.trust[at(5, 3.8)] < 0.2);
  assert.equal(spread([{ x: 0, y: 0, value: Number.NaN }], 10, 1), null);
});

test("tracks keep the last seconds, begin anew after a jump, and tell the speed", () => {
  const tracks = new Tracks();
  for (let k = 0; k <= 10; k++) tracks.add(3, 0.2 * k, 0, 1, 100 * k);
  assert.deepEqual(tracks.velocity(3, 1000)!.map((v) => Math.round(v * 1e6) / 1e6), [2, 0, 0]);
  assert.equal(tracks.velocity(3, 5000), null); // it has stood since
  tracks.forget(1000, 0.5);
  assert.equal(tracks.timesOf(3).length, 6);
  tracks.add(3, 50, 0, 1, 1100, true);
  assert.deepEqual(tracks.placesOf(3), [50, 0, 1]);
  tracks.forget(9000, 0.5);
  assert.deepEqual(tracks.nodes, []);
});

test("parts of a vector are found, and a rate is the slope", () => {
  assert.deepEqual(vectorsOf(["wind.x", "wind.z", "wind.y", "belt.speed", "vx", "vy"]), [["wind.x", "wind.y", "wind.z"]]);
  assert.equal(rateOf([0, 1000, 2000], [1, 3, 5], 10_000), 2);
  assert.equal(rateOf([0, 1000, 2000], [9, 3, 5], 1000), 2); // only the newest second
  assert.equal(rateOf([0], [1], 1000), null);
});

test("numbers that are compared are of one unit and one sort, and the user may choose which", () => {
  const facts: Record<string, NumberFacts> = {
    t1: { value: 40, unit: "°C", type: "f64" },
    t2: { value: 50, unit: "°C", type: "f64" },
    level: { value: 70, unit: "%", type: "f64" },
    on: { value: 1, unit: "", type: "bool" },
    state: { value: 3, unit: "", type: "enum" },
    ratio: { value: 0.5, unit: "", type: "f64" },
    gone: { value: Number.NaN, unit: "°C", type: "f64" },
  };
  const targets = [
    { path: "/A", signals: ["on", "t1", "level"] },
    { path: "/B", signals: ["state", "on", "t2"] },
    { path: "/C", signals: ["on", "ratio"] },
    { path: "/D", signals: ["gone", "on"] },
  ];
  const told = comparable(targets, (id) => facts[id], "");
  assert.deepEqual(told.numbers.map(({ id }) => id), ["t1", "t2"], "what measures comes before what is only on or off");
  assert.deepEqual(
    told.groups.map(({ key, title, prims }) => [key, title, prims]),
    [["°C", "°C", 2], ["%", "%", 1], ["1", "without a unit", 1], ["bool", "on and off", 4], ["enum", "states", 1]],
  );
  assert.deepEqual(comparable(targets, (id) => facts[id], "%").numbers, [{ path: "/A", id: "level", value: 70 }]);
  assert.deepEqual(comparable(targets, (id) => facts[id], "bool").numbers.length, 4);
  assert.equal(comparable(targets, (id) => facts[id], "kg").chosen, "°C");
  assert.deepEqual(comparable([], (id) => facts[id], ""), { numbers: [], groups: [], chosen: "" });
});
