/** What charts, tables and logs are made of: gaps, bands, quality, states, CSV, layouts, messages in words. */
import assert from "node:assert/strict";
import { spaced } from "../src/core/spaced.ts";
import { test } from "node:test";
import { aligned, type ChartAnswer, courseOf, gapMs, pointAt, shadesOf, spansOf } from "../src/core/chart-data.ts";
import { chartsState, NO_CHARTS, withLayout, without, withSignals } from "../src/core/charts-state.ts";
import { chartCsv, csvText } from "../src/core/csv.ts";
import { logLine, Ring, wireLine } from "../src/core/journal.ts";
import { toSi } from "../src/core/si.ts";
import { Store } from "../src/core/store.ts";
import { valueRows } from "../src/core/table-model.ts";
import { frame, joined } from "./wire.ts";

const BAD = 0x80000000;

function answer(last: (number | null)[], quality: (number | null)[] = last.map((v) => (v === null ? null : 0))): ChartAnswer {
  const count = quality.map((q) => (q === null ? 0 : 2));
  const shift = (by: number) => last.map((v) => (v === null ? null : v + by));
  return { signal: "a", unit: "K", firstNs: "1000000000000", stepNs: "1000000000", count, min: shift(-1), max: shift(1), last, quality };
}

test("spans without readings are no points, and a bad one is a point without a value", () => {
  const course = courseOf(answer([5, null, null, 7], [0, null, BAD, 0]));
  assert.deepEqual(course.ms, [1_000_500, 1_002_500, 1_003_500]);
  assert.deepEqual(course.last, [5, null, 7]);
  assert.deepEqual(course.max, [6, null, 8]);
});

test("readings that came since the answer go on from it, and none counts twice", () => {
  const tail = [
    { ms: 1_000_900, value: 9, quality: 0 },
    { ms: 1_004_100, value: 8, quality: 0 },
    { ms: 1_004_200, value: 3, quality: BAD },
  ];
  const course = courseOf(answer([5, null, null, 7]), tail);
  assert.deepEqual(course.ms, [1_000_500, 1_003_500, 1_004_100, 1_004_200]);
  assert.deepEqual(course.last, [5, 7, 8, null]);
});

test("a silence beyond max_age, or beyond four usual ones, is a gap; others are not", () => {
  assert.equal(gapMs([0, 100, 200], 10, 2), 2000);
  assert.equal(gapMs([0, 100, 200, 900], 10, 0), 400);
  const course = courseOf(answer([1, 2, 3, null, null, null, null, null, 4]));
  const { seconds, columns } = aligned([{ course, gapMs: 4000, scale: 1, offset: -273.15 }]);
  assert.deepEqual(seconds, [1000.5, 1001.5, 1002.5, 1005.5, 1008.5]);
  assert.deepEqual(columns[0].map((value) => (typeof value === "number" ? Math.round(value + 273.15) : value)), [1, 2, 3, null, 4]);
  assert.deepEqual(aligned([{ course, gapMs: 7000, scale: 1, offset: 0 }]).columns[0], [1, 2, 3, 4]);
});

test("signals that speak at other times do not cut each other's lines", () => {
  const [a, b] = [courseOf(answer([1, null, 2])), courseOf(answer([null, 5, null]))];
  const part = { gapMs: 9000, scale: 1, offset: 0 };
  const { columns } = aligned([{ course: a, ...part }, { course: b, ...part }]);
  assert.deepEqual(columns[0], [1, undefined, 2]);
  assert.deepEqual(columns[3], [undefined, 5, undefined]);
});

test("what is not good is shaded: bad until the next reading, stale after max_age", () => {
  const course = courseOf(answer([1, null, null, null, 4, 5], [0, null, null, null, BAD, 0x40000000]));
  const shades = shadesOf(course, 2, 1_007_000);
  assert.deepEqual(shades.map(({ fromMs, toMs, grade }) => [fromMs, toMs, grade]), [
    [1_002_500, 1_004_500, "stale"],
    [1_004_500, 1_005_500, "bad"],
    [1_005_500, 1_007_000, "uncertain"],
  ]);
});

test("a state holds until the next, within the window", () => {
  const readings = [
    { ms: 0, text: "idle", quality: 0 },
    { ms: 500, text: "idle", quality: 0 },
    { ms: 800, text: "run", quality: 0 },
  ];
  const told = spansOf(readings, 100, 1000).map(({ fromMs, toMs, text }) => [fromMs, toMs, text]);
  assert.deepEqual(told, [[100, 800, "idle"], [800, 1000, "run"]]);
});

test("the point up to a moment", () => {
  assert.deepEqual([5, 10, 15, 30, 99].map((ms) => pointAt([10, 20, 30], ms)), [-1, 0, 0, 2, 2]);
});

test("CSV quotes what it must, and no text of a plant becomes a formula", () => {
  assert.equal(csvText([["a,b", 'say "x"', "=1+1", -2, null]]), '"a,b","say ""x""",\'=1+1,-2,\r\n');
  const course = courseOf(answer([300, null], [0, BAD]));
  const rows = chartCsv([{ course, unit: "°C", scale: 1, offset: -273.15 }], [], 0, 1e12).trim().split("\r\n");
  assert.equal(rows[1], "1970-01-01T00:16:40.500Z,a,°C,26.85,25.85,27.85,2,0x00000000");
  assert.equal(rows[2], "1970-01-01T00:16:41.500Z,a,°C,,,,2,0x80000000");
});

test("limits of contracts in SI", () => {
  assert.equal(toSi(80, "Cel", "K"), 353.15);
  assert.equal(toSi(5, "m", "m"), 5);
  assert.equal(toSi(5, "furlong", "m"), null);
});

test("charts are added, joined, taken away and kept as layouts; what was kept may be anything", () => {
  let state = withSignals(NO_CHARTS, ["a", "b", "a"], null);
  state = withSignals(state, ["c"], null);
  state = withSignals(state, ["a", "d"], state.charts[0].id);
  assert.deepEqual(state.charts.map(({ signals }) => signals), [["a", "b", "d"], ["c"]]);
  state = withLayout(state, "mine", true);
  state = without(without(state, state.charts[1].id, "c"), state.charts[0].id, "b");
  assert.deepEqual(state.charts.map(({ signals }) => signals), [["a", "d"]]);
  assert.deepEqual(state.layouts.mine.map(({ signals }) => signals), [["a", "b", "d"], ["c"]]);
  assert.deepEqual(chartsState(JSON.parse(JSON.stringify(state))).layouts.mine.length, 2);
  for (const broken of [null, 5, "x", { charts: 3 }, { charts: [null, { signals: 5 }, { signals: [] }], spanMs: "no" }])
    assert.deepEqual(chartsState(broken), NO_CHARTS);
});

test("the table of values: filtered by words, sorted by numbers, the natural order of names", () => {
  const meta = (id: string, unit: string) => ({ id, unit, type: "f64", maxAge: 0, labels: null });
  const store = new Store([meta("m10", "K"), meta("m2", "K"), meta("x", "m"), meta("silent", "m")]);
  const rows = { ids: Uint32Array.of(0, 1, 2), values: Float64Array.of(300, 310, 5), eventMs: Float64Array.of(1, 2, 3), quality: Uint32Array.of(0, BAD, 0) };
  store.apply(rows);
  const ids = (filter: string, by: "signal" | "value" | "quality", falling = false): string[] =>
    valueRows(store, 10, filter, { by, falling }).map(({ signal }) => signal);
  assert.deepEqual(ids("", "signal"), ["m2", "m10", "silent", "x"]);
  assert.deepEqual(ids("m -bad", "value"), ["x", "m10", "silent"]);
  assert.deepEqual(ids("", "value", true).slice(-3), ["m2", "m10", "x"]);
  assert.deepEqual(ids("", "quality", true).slice(0, 2), ["silent", "m2"]);
});

test("messages in words", () => {
  const data = joined([frame(2, new Uint8Array(72), { seq: 7, keyframe: true, n: 3 }), frame(5, new Uint8Array(0), { seq: 7, keyframe: true })]);
  const line = wireLine("in", data, 5);
  assert.deepEqual([line.kind, line.seq, line.rows, line.text], ["keyframe", 7, 3, "3 values"]);
  assert.match(wireLine("in", new ArrayBuffer(9), 0).text, /not to be read/);
  const said = (value: object): string | undefined => logLine("in", JSON.stringify(value), 0)?.text;
  assert.equal(said({ type: "event", event: "alarm", data: { records: [{ alarm: "hot", what: "raised" }] } }), "hot raised");
  assert.equal(said({ type: "answer", ok: false, code: "conflict", error: "ben was faster" }), "Refused (conflict): ben was faster");
  assert.equal(said({ type: "pong" }), undefined);
  assert.equal(said({ type: "event", event: "new kind" }), undefined);
  const ring = new Ring<number>(3);
  for (let k = 0; k < 20; k++) ring.push(k);
  assert.deepEqual(ring.list, [17, 18, 19]);
});

test("names of limits never lie over each other, and stay inside", () => {
  assert.deepEqual(spaced([100, 20, 101, 60], 11, 0, 200), [100, 20, 111, 60]);
  assert.deepEqual(spaced([198, 199, 197], 11, 0, 200), [189, 200, 178]);
  assert.deepEqual(spaced([-5, 0], 11, 0, 200), [11, 22]);
  assert.deepEqual(spaced([], 11, 0, 200), []);
});
