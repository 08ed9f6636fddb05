/** Changes of ranges, as `--set` has them; and how far a slider goes. Pure. */
import type { Range } from "./types.ts";

/** `lamps.intensity={"kind":"uniform",...}`: JSON is YAML. */
export function changeOf(range: Range, parameters: Readonly<Record<string, number | null>>): string {
  const form: Record<string, unknown> = { ...range.form };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null) delete form[name];
    else form[name] = value;
  }
  return `${range.id}=${JSON.stringify(form)}`;
}

/** What a change is about. */
export function idOf(change: string): string {
  return change.slice(0, change.indexOf("="));
}

/** The changes with that one in place of others of the same range. */
export function withChange(changes: readonly string[], change: string): string[] {
  return [...changes.filter((one) => idOf(one) !== idOf(change)), change];
}

export function without(changes: readonly string[], id: string): string[] {
  return changes.filter((one) => idOf(one) !== id);
}

/** Kinds whose `low` and `high` are two thumbs on one line. */
export const PAIRS: readonly string[] = ["uniform", "loguniform", "integers", "halton", "sobol"];

/** Ends of the line that a range is on: its own width more on both sides, and 0 is not crossed. */
export function limitsOf(low: number, high: number, kind: string): [number, number] {
  if (kind === "loguniform" && low > 0) {
    const factor = Math.max(4, high / low);
    return [low / factor, high * factor];
  }
  const width = high - low || Math.abs(high) || 1;
  const from = low >= 0 ? Math.max(0, low - width) : low - width;
  const until = high <= 0 ? Math.min(0, high + width) : high + width;
  return kind === "integers" ? [Math.floor(from), Math.ceil(until)] : [from, until];
}

/** Place from 0 to 1 of a value on that line, and back. */
export function placeOf(value: number, [low, high]: readonly [number, number], kind: string): number {
  const at = kind === "loguniform" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, at));
}

export function valueAt(place: number, [low, high]: readonly [number, number], kind: string): number {
  const value = kind === "loguniform" ? low * (high / low) ** place : low + (high - low) * place;
  if (kind === "integers") return Math.round(value);
  // Three digits of the line's length are what a hand can mean.
  const step = 10 ** Math.floor(Math.log10(Math.max(1e-12, kind === "loguniform" ? value : high - low)) - 2);
  return Number((Math.round(value / step) * step).toPrecision(6));
}
