/** Rows of the table of values: filtered and sorted. Pure. */
import { formatAge, formatValue } from "./format.ts";
import type { Store } from "./store.ts";

export type Column = "signal" | "value" | "unit" | "quality" | "age";
export const COLUMNS: readonly Column[] = ["signal", "value", "unit", "quality", "age"];

export interface Order {
  readonly by: Column;
  readonly falling: boolean;
}

export interface ValueRow {
  readonly index: number;
  readonly signal: string;
  readonly text: string;
  readonly unit: string;
  readonly quality: string;
  readonly age: string;
}

const GRADES = ["good", "uncertain", "stale", "bad", "none"] as const;

/** Rows whose signal, unit or quality has all words of `filter`; a word that begins with - must not be there. */
export function valueRows(store: Store, nowMs: number, filter: string, order: Order): ValueRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found: { readonly row: ValueRow; readonly keys: Readonly<Record<Column, string | number>> }[] = [];
  store.signals.forEach(({ id, unit, type, labels }, index) => {
    const grade = store.grade(index, nowMs);
    const name = (labels as Readonly<Record<string, string>> | null | undefined)?.[String(store.value[index])];
    const [number, shown] = formatValue(store.value[index], unit, type, store.display(index));
    const text = grade === "none" ? "–" : (store.text[index] ?? name ?? number);
    const hay = `${id} ${shown} ${grade}`.toLowerCase();
    if (!words.every((word) => (word.startsWith("-") && word.length > 1 ? !hay.includes(word.slice(1)) : hay.includes(word)))) return;
    const ageMs = grade === "none" ? Number.POSITIVE_INFINITY : nowMs - store.eventMs[index];
    const row = { index, signal: id, text, unit: shown, quality: grade === "none" ? "no value" : grade, age: formatAge(ageMs) };
    const value = store.text[index] === undefined && Number.isFinite(store.value[index]) ? store.value[index] : text;
    found.push({ row, keys: { signal: id, value, unit: shown, quality: GRADES.indexOf(grade), age: ageMs } });
  });
  const sign = order.falling ? -1 : 1;
  found.sort((a, b) => sign * compare(a.keys[order.by], b.keys[order.by]) || compare(a.keys.signal, b.keys.signal));
  return found.map(({ row }) => row);
}

/** Numbers before texts; texts with numbers in their natural order. */
function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a - b;
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}
