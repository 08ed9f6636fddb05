/** Distances between two points. Pure. */
import { plainNumber, type StageUnits } from "./stage-units.ts";

type Triple = readonly [number, number, number];

export interface Measured {
  /** [m] */
  readonly distance: number;
  /** In the axes of the stage [m]. */
  readonly delta: Triple;
}

/** From a to b, points of the page's world [m]. */
export function measure(a: readonly number[], b: readonly number[], units: StageUnits): Measured {
  const delta = units.vector([b[0] - a[0], b[1] - a[1], b[2] - a[2]]).map((value) => value * units.metresPerUnit);
  return { distance: Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]), delta: delta as unknown as Triple };
}

/** Rows of name and text, lengths in metres and, where they are others, in the stage's units. */
export function rowsOf({ distance, delta }: Measured, units: StageUnits): [name: string, text: string][] {
  const both = (metres: number): string => {
    const own = units.isMetres ? "" : `  (${plainNumber(units.length(metres), 2)} ${units.name})`;
    return `${plainNumber(metres, 4)} m${own}`;
  };
  return [["Distance", both(distance)], ...delta.map((value, c): [string, string] => [`Δ${"XYZ"[c]}`, both(value)])];
}

/** The corner that is nearest to the pointer on screen, if one is near; else null. `corners`: on screen [px]. */
export function snapped(
  corners: readonly ({ readonly x: number; readonly y: number } | null)[],
  x: number,
  y: number,
  reach: number,
): number | null {
  let best: number | null = null;
  let least = reach;
  corners.forEach((corner, k) => {
    const away = corner ? Math.hypot(corner.x - x, corner.y - y) : Infinity;
    if (away <= least) [best, least] = [k, away];
  });
  return best;
}
