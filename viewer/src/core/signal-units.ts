/** In which unit a signal's value is shown: the contract's own, or SI. Pure. */
import { formatValue } from "./format.ts";
import { displayFrom, displayOf, printedUnit, type UnitFacts } from "./units.ts";

export { printedUnit, type UnitFacts };

export type UnitChoice = "contract" | "si";

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
  return formatValue(value, unit, type, displayFrom(facts));
}

/** The unit alone, for headings. */
export function shownUnit(unit: string, choice: UnitChoice, facts: UnitFacts | undefined): string {
  if (choice === "si") return printedUnit(unit);
  return facts ? printedUnit(facts.contractUnit) : displayOf(unit).unit;
}
