/** Numbers of prims that can be compared with each other: all of one unit and one sort. Pure. */
import type { Target } from "./settings.ts";

/** What a signal's number is: in which unit, and whether it measures, counts steps of an enum, or is on and off. */
export interface NumberFacts {
  readonly value: number;
  readonly unit: string;
  readonly type: string;
}

/** Numbers that go together. */
export interface Group {
  /** As it is kept in the settings. */
  readonly key: string;
  readonly title: string;
  /** How many prims have one. */
  readonly prims: number;
}

export interface PrimNumber {
  readonly path: string;
  readonly id: string;
  readonly value: number;
}

const SORTS: Readonly<Record<string, string>> = { bool: "on and off", enum: "states" };

/** The group of a number. */
export function keyOf({ unit, type }: NumberFacts): string {
  return SORTS[type] ? type : unit || "1";
}

function titleOf(key: string): string {
  return SORTS[key] ?? (key === "1" ? "without a unit" : key);
}

/** One number of each prim, of the group `wanted`, or of the one that most prims have; and all groups, the largest first. */
export function comparable(
  targets: readonly Target[],
  factsOf: (id: string) => NumberFacts,
  wanted: string,
): { readonly numbers: PrimNumber[]; readonly groups: Group[]; readonly chosen: string } {
  const all = targets.flatMap(({ path, signals }) =>
    signals.flatMap((id) => {
      const facts = factsOf(id);
      return Number.isFinite(facts.value) ? [{ path, id, value: facts.value, key: keyOf(facts) }] : [];
    }),
  );
  const prims = new Map<string, Set<string>>();
  for (const { path, key } of all) prims.set(key, (prims.get(key) ?? new Set()).add(path));
  const groups = [...prims].map(([key, paths]): Group => ({ key, title: titleOf(key), prims: paths.size }));
  // What measures comes before what only is on or off, however many.
  groups.sort((a, b) => Number(a.key in SORTS) - Number(b.key in SORTS) || b.prims - a.prims);
  const chosen = prims.has(wanted) ? wanted : (groups[0]?.key ?? "");
  const seen = new Set<string>();
  const numbers = all.flatMap(({ path, id, value, key }) => {
    if (key !== chosen || seen.has(path)) return [];
    seen.add(path);
    return [{ path, id, value }];
  });
  return { numbers, groups, chosen };
}
