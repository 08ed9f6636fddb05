/** In which unit a signal's value is shown: the contract's own, or SI. Pure. */
import { displayOf, formatValue } from "./format.ts";

/** What the API tells of a signal's unit: SI = written * scale + offset. */
export interface UnitFacts {
  readonly contractUnit: string;
  readonly unitScale: number;
  readonly unitOffset: number;
}

export type UnitChoice = "contract" | "si";

/** UCUM codes as they are printed. */
const PRINTED: Readonly<Record<string, string>> = {
  "1": "",
  Cel: "°C",
  "[degF]": "°F",
  deg: "°",
  "deg/s": "°/s",
  Ohm: "Ω",
  um: "µm",
};

export function printedUnit(code: string): string {
  return PRINTED[code] ?? code.replace(/\./g, "·").replace(/([a-zA-Z])2\b/g, "$1²").replace(/([a-zA-Z])3\b/g, "$1³");
}

/** A number in SI as [text, unit]. Without facts the page's own choice of a unit stands in for the contract's. */
export function shownValue(
  value: number,
  unit: string,
  type: string,
  choice: UnitChoice,
  facts: UnitFacts | undefined,
): [string, string] {
  if (type === "bool") return formatValue(value, unit, type);
  if (choice === "si") return [formatValue(value, "1", type)[0], printedUnit(unit)];
  if (!facts) return formatValue(value, unit, type);
  const written = (value - facts.unitOffset) / facts.unitScale;
  return [formatValue(written, "1", type)[0], printedUnit(facts.contractUnit)];
}

/** The unit alone, for headings. */
export function shownUnit(unit: string, choice: UnitChoice, facts: UnitFacts | undefined): string {
  if (choice === "si") return printedUnit(unit);
  return facts ? printedUnit(facts.contractUnit) : displayOf(unit).unit;
}
