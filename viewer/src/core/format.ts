/** Numbers, units and ages as an operator reads them. Pure. */

import { type Display, displayOf } from "./units.ts";

/** A number with about four significant digits and no exponent in everyday ranges; a true minus sign. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(2).replace("-", "−");
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A signal's value, in SI, as [text, unit]: in the unit of `display`, else in the one that people read. */
export function formatValue(value: number, unit: string, type: string, display: Display = displayOf(unit)): [string, string] {
  if (type === "bool") return [Number.isFinite(value) ? (value >= 0.5 ? "on" : "off") : "–", ""];
  if (type === "i64" || type === "enum")
    return [Number.isFinite(value) ? String(value).replace("-", "−") : "–", display.unit];
  return [formatNumber(value * display.scale + display.offset), display.unit];
}

/** A duration in ms as a short age: "40 ms", "3.2 s", "5 min", "2 h", "3 d". */
export function formatAge(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** 12345 -> "12 345" (thin spaces). */
export function formatCount(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
}

/** UTC time of day, "14:03:07". */
export function formatClock(ms: number): string {
  return Number.isFinite(ms) && ms > 0 ? new Date(ms).toISOString().slice(11, 19) : "--:--:--";
}
