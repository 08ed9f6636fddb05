/** Tables as CSV (RFC 4180): lines end with CR LF, cells are quoted where they must be. Pure. */
import type { Course, Span } from "./chart-data.ts";

type Cell = string | number | null;

export function csvText(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellText).join(",")}\r\n`).join("");
}

function cellText(cell: Cell): string {
  const text = cell === null ? "" : String(cell);
  // A cell that begins like a formula is one to spreadsheets, whoever wrote it.
  const safe = typeof cell === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export interface CsvPart {
  readonly course: Course;
  /** As people read it, and how to convert to it. */
  readonly unit: string;
  readonly scale: number;
  readonly offset: number;
}

export interface CsvStates {
  readonly signal: string;
  readonly spans: readonly Span[];
}

/** What a chart shows between two moments: one row a point, times in ISO 8601 UTC, qualities as OPC UA StatusCodes. */
export function chartCsv(parts: readonly CsvPart[], states: readonly CsvStates[], fromMs: number, toMs: number): string {
  const rows: Cell[][] = [["time", "signal", "unit", "value", "min", "max", "readings", "quality"]];
  for (const { course, unit, scale, offset } of parts)
    course.ms.forEach((at, k) => {
      if (at < fromMs || at > toMs) return;
      const shown = (value: number | null): number | null => (value === null ? null : Number((value * scale + offset).toPrecision(12)));
      const values = [course.last[k], course.min[k], course.max[k]].map(shown);
      rows.push([isoText(at), course.signal, unit, ...values, course.count[k], qualityText(course.quality[k])]);
    });
  for (const { signal, spans } of states)
    for (const span of spans) rows.push([isoText(span.fromMs), signal, "", span.text, null, null, null, span.grade]);
  return csvText(rows);
}

/** `2026-11-24T09:14:00.250Z`. */
export function isoText(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}

/** `0x40900000`. */
export function qualityText(quality: number): string {
  return `0x${quality.toString(16).padStart(8, "0")}`;
}
