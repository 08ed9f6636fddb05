/** Alarms as plain data: their words (ISA-18.2), what is shown of them, in which order, and what is new. No DOM. */
import { printedUnit } from "../../core/units.ts";

export type Priority = "low" | "medium" | "high" | "critical";

export const PRIORITIES: readonly Priority[] = ["critical", "high", "medium", "low"];

/** As `GET /api/v1/alarms` tells one (docs/alarms.md). */
export interface Alarm {
  readonly id: string;
  readonly state: "normal" | "unacknowledged" | "acknowledged" | "returned";
  readonly active: boolean;
  readonly condition: boolean;
  readonly priority: Priority;
  readonly signal: string;
  readonly expr: string;
  readonly kind: string;
  readonly limit: number | string | boolean | null;
  readonly value: number | null;
  readonly unit: string;
  readonly raised: string | null;
  readonly shelvedUntil: string | null;
  readonly suppressed: boolean;
  readonly outOfService: boolean;
  readonly message: string;
  readonly response: string;
}

export interface Alarms {
  readonly mode: string | null;
  readonly flooded: boolean;
  readonly count: number;
  readonly alarms: readonly Alarm[];
}

export interface AlarmRecord {
  readonly number: number | null;
  readonly at: string;
  readonly what: string;
  readonly alarm: string;
  readonly priority: string;
  readonly value: number | null;
  readonly unit: string;
  readonly by: string;
  readonly comment: string;
  readonly until: string | null;
}

/** Which alarms are listed: those that are active, those of them that nobody has seen, those put aside, or every one. */
export type Show = "active" | "unacknowledged" | "aside" | "all";
export type Order = "priority" | "newest" | "oldest" | "name";

export interface Filter {
  readonly show: Show;
  /** Of this priority or a higher one. */
  readonly least: Priority;
  /** Path of a prim: only alarms on it and below; "" for all. */
  readonly area: string;
  readonly order: Order;
}

export const NO_FILTER: Filter = { show: "active", least: "low", area: "", order: "priority" };

/** A filter from what was kept; what is not understood is as at first. */
export function filterFrom(kept: unknown): Filter {
  const told = (typeof kept === "object" && kept !== null ? kept : {}) as Partial<Record<keyof Filter, unknown>>;
  const pick = <T extends string>(value: unknown, of: readonly T[], usual: T): T =>
    of.includes(value as T) ? (value as T) : usual;
  return {
    show: pick(told.show, ["active", "unacknowledged", "aside", "all"], NO_FILTER.show),
    least: pick(told.least, PRIORITIES, NO_FILTER.least),
    area: typeof told.area === "string" ? told.area : "",
    order: pick(told.order, ["priority", "newest", "oldest", "name"], NO_FILTER.order),
  };
}

export function urgency(priority: string): number {
  return PRIORITIES.length - Math.max(0, PRIORITIES.indexOf(priority as Priority));
}

/** Waits for somebody to see it. */
export function isUnseen(alarm: Alarm): boolean {
  return alarm.active && alarm.state !== "acknowledged" && alarm.state !== "normal";
}

/** Shelved, suppressed by design or out of service: silent. */
export function isAside(alarm: Alarm): boolean {
  return alarm.shelvedUntil !== null || alarm.suppressed || alarm.outOfService;
}

/** The state in the words of ISA-18.2. */
export function stateWords(alarm: Alarm): string {
  if (alarm.outOfService) return "Out of service";
  if (alarm.shelvedUntil !== null) return "Shelved";
  if (alarm.suppressed) return "Suppressed by design";
  if (alarm.state === "returned") return "Returned to normal, unacknowledged";
  return alarm.state === "unacknowledged" ? "Unacknowledged" : alarm.state === "acknowledged" ? "Acknowledged" : "Normal";
}

const SIGNS: Readonly<Record<string, string>> = { above: ">", below: "<", rise: "rises >", fall: "falls >", equals: "=" };

/** The same in few letters, for a narrow column. */
export function stateInShort(alarm: Alarm): string {
  const words = stateWords(alarm);
  return words.startsWith("Returned") ? "Returned, unack." : words === "Suppressed by design" ? "Suppressed" : words;
}

/** "92.1 °C > 80", the value against what it is judged by; the rule's words where there is no number. */
export function againstLimit(alarm: Alarm): string {
  const value = alarm.value === null ? "" : `${figure(alarm.value)}${alarm.unit ? ` ${printedUnit(alarm.unit)}` : ""}`;
  const sign = SIGNS[alarm.kind];
  if (sign !== undefined && alarm.limit !== null) {
    const limit = typeof alarm.limit === "number" ? figure(alarm.limit) : String(alarm.limit);
    const shown = alarm.kind === "equals" ? "" : value;
    return `${shown} ${sign} ${limit}${alarm.kind === "rise" || alarm.kind === "fall" ? " a second" : ""}`.trim();
  }
  if (alarm.kind === "stale") return value ? `stale, last ${value}` : "stale";
  if (alarm.kind === "quality") return `quality ${String(alarm.limit)}${value ? `, ${value}` : ""}`;
  return alarm.kind === "expr" ? alarm.expr : value;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Signals that an alarm is judged by: its own, or those in its expression. */
export function signalsOf(alarm: Alarm, known: { has(id: string): boolean }): string[] {
  if (alarm.signal) return [alarm.signal];
  const names = alarm.expr.match(/[A-Za-z_][\w-]*(?:[./:][\w-]+)*/g) ?? [];
  return [...new Set(names)].filter((name) => known.has(name));
}

/**
 * Prim of each alarm among those that its signals are bound to: the one that is called as the signal is (`Motor` for `motor.fault`,
 * not the lamp that the same signal lights), even where only its other signals are bound to it; else the deepest; "" where none is.
 */
export function primsOf(
  alarms: readonly Alarm[],
  bindings: Readonly<Record<string, readonly string[]>>,
  known: { has(id: string): boolean },
): Map<string, string> {
  const bySignal = new Map<string, string>();
  const namesakes = new Map<string, string>();
  for (const [path, ids] of Object.entries(bindings))
    for (const id of ids) {
      if (lastName(path) === firstWord(id)) namesakes.set(firstWord(id), path);
      const other = bySignal.get(id);
      if (other === undefined || kinship(path, id) > kinship(other, id)) bySignal.set(id, path);
    }
  const pairs = alarms.map((alarm): [string, string] => {
    const bound = signalsOf(alarm, known).find((id) => bySignal.has(id));
    if (bound === undefined) return [alarm.id, ""];
    const path = bySignal.get(bound) as string;
    return [alarm.id, kinship(path, bound) >= ALIKE ? path : (namesakes.get(firstWord(bound)) ?? path)];
  });
  return new Map(pairs);
}

const ALIKE = 1000;

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).toLowerCase();
}

function firstWord(id: string): string {
  return id.toLowerCase().split(/[./:]/)[0];
}

/** How well a prim's name fits a signal's id; among equals the deeper one. */
function kinship(path: string, id: string): number {
  const names = path.toLowerCase().split("/");
  const words = id.toLowerCase().split(/[./:]/);
  const alike = words.includes(names[names.length - 1]) ? 2 : names.some((name) => name && words.includes(name)) ? 1 : 0;
  return ALIKE * alike + names.length;
}

/** Whether `path` is `area` or below it. */
export function isUnder(path: string, area: string): boolean {
  return area === "" || area === "/" || path === area || path.startsWith(`${area}/`);
}

/** What a filter lets through, in its order. `primOf`: path of each alarm's prim. */
export function listed(alarms: readonly Alarm[], filter: Filter, primOf: ReadonlyMap<string, string>): Alarm[] {
  const least = urgency(filter.least);
  const passes = (alarm: Alarm): boolean =>
    urgency(alarm.priority) >= least &&
    (filter.area === "" || isUnder(primOf.get(alarm.id) || " ", filter.area)) &&
    (filter.show === "all" ||
      (filter.show === "aside" ? isAside(alarm) : filter.show === "active" ? alarm.active : isUnseen(alarm)));
  return alarms.filter(passes).sort(ORDERS[filter.order]);
}

type Compare = (a: Alarm, b: Alarm) => number;

const byNewest: Compare = (a, b) => (b.raised ?? "").localeCompare(a.raised ?? "");
const byName: Compare = (a, b) => a.id.localeCompare(b.id);

const ORDERS: Readonly<Record<Order, Compare>> = {
  priority: (a, b) =>
    Number(b.active) - Number(a.active) ||
    urgency(b.priority) - urgency(a.priority) ||
    Number(isUnseen(b)) - Number(isUnseen(a)) ||
    byNewest(a, b) ||
    byName(a, b),
  newest: (a, b) => byNewest(a, b) || byName(a, b),
  oldest: (a, b) => -byNewest(a, b) || byName(a, b),
  name: byName,
};

/** Prims that can be chosen as an area: those of alarms and what is above them, but for the root. */
export function areasOf(primOf: ReadonlyMap<string, string>): string[] {
  const areas = new Set<string>();
  for (const path of primOf.values())
    for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) areas.add(path.slice(0, end));
  return [...areas].sort();
}

/** Raised since `before` was told: unseen now, and then not, or raised anew. */
export function raisedSince(before: readonly Alarm[], now: readonly Alarm[]): Alarm[] {
  const then = new Map(before.map((alarm) => [alarm.id, alarm]));
  return now.filter((alarm) => {
    if (!isUnseen(alarm) || alarm.state !== "unacknowledged") return false;
    const old = then.get(alarm.id);
    return !old || !isUnseen(old) || old.raised !== alarm.raised;
  });
}

/** Highest priority of unseen and of seen alarms on each prim. */
export interface PrimAlarm {
  readonly priority: Priority;
  readonly unseen: boolean;
  readonly count: number;
}

export function alarmsByPrim(alarms: readonly Alarm[], primOf: ReadonlyMap<string, string>): Map<string, PrimAlarm> {
  const out = new Map<string, PrimAlarm>();
  for (const alarm of alarms) {
    const path = alarm.active ? (primOf.get(alarm.id) ?? "") : "";
    if (!path) continue;
    const old = out.get(path);
    const unseen = isUnseen(alarm);
    const higher = !old || urgency(alarm.priority) > urgency(old.priority);
    out.set(path, {
      priority: higher ? alarm.priority : old.priority,
      unseen: unseen || (old?.unseen ?? false),
      count: (old?.count ?? 0) + 1,
    });
  }
  return out;
}

const DID: Readonly<Record<string, string>> = {
  raised: "Raised",
  returned: "Returned to normal",
  acknowledged: "Acknowledged",
  shelved: "Shelved",
  unshelved: "No longer shelved",
  suppressed: "Suppressed by design",
  unsuppressed: "No longer suppressed",
  out_of_service: "Out of service",
  in_service: "Back in service",
  flood_began: "Flood of alarms began",
  flood_ended: "Flood of alarms ended",
};

export function recordWords(record: AlarmRecord): string {
  return DID[record.what] ?? record.what;
}

/** "now", "45 s", "12 min", "3 h 05 min", "2 d 4 h". */
export function ageText(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return s < 2 ? "now" : `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
