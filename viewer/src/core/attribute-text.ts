/** Values of USD attributes as texts that people read and write. Pure. */
import { formatNumber } from "./format.ts";

export type AttributeValue = boolean | number | string | readonly number[] | null;

export interface AttributeJson {
  readonly name: string;
  readonly type: string;
  readonly authored: AttributeValue;
  readonly live: AttributeValue;
  readonly size: number | null;
  readonly animated: boolean;
  readonly changed: boolean;
  /** The stage's number times this is in SI. */
  readonly siFactor: number;
  readonly locked: string | null;
}

/** As a reader wants it: short numbers, arrays by their size. */
export function attributeText({ live, size, type }: Pick<AttributeJson, "live" | "size" | "type">): string {
  if (live === null) return size === null ? "none" : `${size} × ${type.replace("[]", "")}`;
  if (typeof live === "boolean") return live ? "true" : "false";
  if (typeof live === "number") return short(live);
  if (typeof live === "string") return live === "" ? "empty" : live;
  const numbers = live.map(short);
  if (/^matrix/.test(type)) return rows(numbers, Math.round(Math.sqrt(numbers.length)));
  return numbers.join("  ");
}

function rows(numbers: readonly string[], n: number): string {
  return Array.from({ length: n }, (_, r) => numbers.slice(r * n, r * n + n).join("  ")).join("\n");
}

function short(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e7 ? String(value).replace("-", "−") : formatNumber(value);
}

/** What stands in the field while it is edited: all digits. */
export function editText({ live }: Pick<AttributeJson, "live">): string {
  if (live === null) return "";
  return Array.isArray(live) ? live.map(digits).join(", ") : typeof live === "number" ? digits(live) : String(live);
}

/** A float32 that was widened reads as what was meant: 0.1, not 0.10000000149. */
function digits(value: number): string {
  const narrow = Number(value.toPrecision(7));
  return String(Math.fround(narrow) === Math.fround(value) ? narrow : value);
}

const WHOLE = /^(u?int(64)?|uchar)$/;
const REAL = /^(double|float|half)$/;
const VECTOR = /^(?:(?:double|float|half|int)([234])|(?:color|vector|point|normal|texCoord)([234])[fdh]|quat[fdh])$/;

/** The value that a text means for a USD type, in SI; or a sentence that says what was expected. */
export function parseAttribute(text: string, type: string, siFactor: number): { value: unknown } | { error: string } {
  const trimmed = text.trim();
  if (type === "bool") {
    if (/^(true|yes|on|1)$/i.test(trimmed)) return { value: true };
    if (/^(false|no|off|0)$/i.test(trimmed)) return { value: false };
    return { error: "Write true or false." };
  }
  if (type === "string" || type === "token") return { value: text };
  if (type === "string[]" || type === "token[]")
    return { value: trimmed === "" ? [] : trimmed.split(",").map((one) => one.trim()) };
  const scalar = WHOLE.test(type) || REAL.test(type);
  const numbers = trimmed
    .replace(/[−–]/g, "-")
    .split(/[\s,;()[\]]+/)
    .filter(Boolean)
    .map(Number);
  if (numbers.some((value) => !Number.isFinite(value))) return { error: `Write ${scalar ? "a number" : "numbers"}.` };
  if (WHOLE.test(type.replace("[]", "")) && numbers.some((value) => !Number.isInteger(value)))
    return { error: "Write a whole number." };
  if (scalar)
    return numbers.length === 1 ? { value: numbers[0] * siFactor } : { error: "Write one number." };
  const vector = VECTOR.exec(type);
  const count = vector ? Number(vector[1] ?? vector[2] ?? 4) : Number.NaN;
  if (vector && numbers.length !== count) return { error: `Write ${count} numbers.` };
  return { value: numbers.map((value) => value * siFactor) };
}

/** Linear parts to `#rrggbb`. */
export function hexOfLinear(rgb: readonly number[]): string {
  const byte = (c: number): string => {
    const v = Math.max(0, Math.min(1, c));
    const s = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
    return Math.round(s * 255)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${rgb.slice(0, 3).map(byte).join("")}`;
}

/** `#rrggbb` to linear parts. */
export function linearOfHex(hex: string): [number, number, number] {
  return [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
}
