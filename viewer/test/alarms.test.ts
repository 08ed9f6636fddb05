import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ageText,
  againstLimit,
  type Alarm,
  alarmsByPrim,
  areasOf,
  filterFrom,
  listed,
  NO_FILTER,
  primsOf,
  raisedSince,
  signalsOf,
  stateWords,
} from "../src/features/alarms/model.ts";

function alarm(id: string, more: Partial<Alarm> = {}): Alarm {
  return {
    id,
    state: "unacknowledged",
    active: true,
    condition: true,
    priority: "medium",
    signal: `${id}.signal`,
    expr: "",
    kind: "above",
    limit: 80,
    value: 92.123,
    unit: "Cel",
    raised: "2026-01-01T00:00:00Z",
    shelvedUntil: null,
    suppressed: false,
    outOfService: false,
    message: "",
    response: "",
    ...more,
  };
}

const ids = (alarms: readonly Alarm[]): string => alarms.map(({ id }) => id).join(" ");
const NONE = new Map<string, string>();

test("the most urgent comes first, then what nobody has seen, then the newest", () => {
  const alarms = [
    alarm("low", { priority: "low" }),
    alarm("seen", { priority: "high", state: "acknowledged", raised: "2026-01-01T09:00:00Z" }),
    alarm("old", { priority: "high" }),
    alarm("new", { priority: "high", raised: "2026-01-01T08:00:00Z" }),
    alarm("worst", { priority: "critical" }),
  ];
  assert.equal(ids(listed(alarms, NO_FILTER, NONE)), "worst new old seen low");
  assert.equal(ids(listed(alarms, { ...NO_FILTER, order: "newest" }, NONE)), "seen new low old worst");
  assert.equal(ids(listed(alarms, { ...NO_FILTER, order: "name" }, NONE)), "low new old seen worst");
});

test("filters: unacknowledged, priority, what is put aside, and an area of the scene", () => {
  const alarms = [
    alarm("a"),
    alarm("b", { state: "acknowledged", priority: "high" }),
    alarm("c", { state: "normal", active: false, shelvedUntil: "2026-01-01T10:00:00Z" }),
    alarm("d", { state: "returned", priority: "critical" }),
  ];
  const primOf = new Map([["a", "/Cell/Arm/Link"], ["b", "/Cell/Armature"], ["d", "/Cell/Arm"]]);
  const show = (filter: Partial<typeof NO_FILTER>): string => ids(listed(alarms, { ...NO_FILTER, order: "name", ...filter }, primOf));
  assert.equal(show({}), "a b d");
  assert.equal(show({ show: "unacknowledged" }), "a d");
  assert.equal(show({ show: "aside" }), "c");
  assert.equal(show({ show: "all" }), "a b c d");
  assert.equal(show({ least: "high" }), "b d");
  assert.equal(show({ area: "/Cell/Arm" }), "a d"); // not /Cell/Armature
  assert.deepEqual(filterFrom({ show: "rubbish", least: "high", order: 3 }), { ...NO_FILTER, least: "high" });
});

test("states have the words of ISA-18.2", () => {
  assert.equal(stateWords(alarm("a")), "Unacknowledged");
  assert.equal(stateWords(alarm("a", { state: "returned" })), "Returned to normal, unacknowledged");
  assert.equal(stateWords(alarm("a", { shelvedUntil: "2026-01-01T10:00:00Z" })), "Shelved");
  assert.equal(stateWords(alarm("a", { suppressed: true })), "Suppressed by design");
  assert.equal(stateWords(alarm("a", { outOfService: true })), "Out of service");
});

test("a value stands against its limit", () => {
  assert.equal(againstLimit(alarm("a")), "92.12 °C > 80");
  assert.equal(againstLimit(alarm("a", { kind: "rise", limit: 2 })), "92.12 °C rises > 2 a second");
  assert.equal(againstLimit(alarm("a", { kind: "equals", limit: "fault", value: 3 })), "= fault");
  assert.equal(againstLimit(alarm("a", { kind: "stale", limit: null, value: null })), "stale");
  assert.equal(againstLimit(alarm("a", { kind: "expr", signal: "", expr: "x > 1 and y", value: null, limit: null })), "x > 1 and y");
});

test("an alarm belongs to the deepest prim that its signal is bound to", () => {
  const known = new Set(["m.hot", "m.speed"]);
  const bindings = { "/Cell": ["m.hot"], "/Cell/Motor": ["m.hot"], "/Cell/Belt": ["m.speed"] };
  const alarms = [
    alarm("hot", { signal: "m.hot" }),
    alarm("jam", { signal: "", expr: "abs(m.speed) < 0.1 and not off" }),
    alarm("nowhere", { signal: "elsewhere" }),
  ];
  assert.deepEqual(signalsOf(alarms[1], known), ["m.speed"]);
  const primOf = primsOf(alarms, bindings, known);
  assert.deepEqual([...primOf.values()], ["/Cell/Motor", "/Cell/Belt", ""]);
  assert.deepEqual(areasOf(primOf), ["/Cell"]);
});

test("a prim that is called as the signal is comes before a lamp that the signal lights", () => {
  const bindings = { "/Cell/Belt/Beacon/Lamp": ["motor.fault"], "/Cell/Belt/Motor": ["motor.fault"], "/Cell/Motor/Deep/Part": ["motor.fault"] };
  const primOf = primsOf([alarm("jam", { signal: "motor.fault" })], bindings, new Set(["motor.fault"]));
  assert.equal(primOf.get("jam"), "/Cell/Belt/Motor");
  const lampOnly = { "/Cell/Belt/Beacon/Lamp": ["motor.fault"], "/Cell/Belt/Motor": ["motor.current"] };
  assert.equal(primsOf([alarm("jam", { signal: "motor.fault" })], lampOnly, new Set(["motor.fault"])).get("jam"), "/Cell/Belt/Motor");
});

test("an alarm is new when nobody had seen it, or when it was raised again", () => {
  const old = [alarm("a"), alarm("b", { state: "acknowledged" }), alarm("c", { state: "returned" })];
  const now = [
    alarm("a"),
    alarm("b", { raised: "2026-01-01T01:00:00Z" }),
    alarm("c", { raised: "2026-01-01T02:00:00Z" }),
    alarm("d"),
    alarm("e", { state: "acknowledged" }),
  ];
  assert.equal(ids(raisedSince(old, now)), "b c d");
  assert.equal(ids(raisedSince(now, now)), "");
});

test("a prim shows the highest priority of its active alarms", () => {
  const primOf = new Map([["a", "/M"], ["b", "/M"], ["c", "/M"], ["d", "/N"]]);
  const alarms = [
    alarm("a", { priority: "low" }),
    alarm("b", { priority: "high", state: "acknowledged" }),
    alarm("c", { priority: "critical", active: false, state: "normal" }),
    alarm("d", { state: "acknowledged" }),
  ];
  assert.deepEqual(alarmsByPrim(alarms, primOf).get("/M"), { priority: "high", unseen: true, count: 2 });
  assert.deepEqual(alarmsByPrim(alarms, primOf).get("/N"), { priority: "medium", unseen: false, count: 1 });
});

test("ages are short", () => {
  assert.deepEqual([0, 45, 725, 11100, 187200].map(ageText), ["now", "45 s", "12 min", "3 h 05 min", "2 d 4 h"]);
});
