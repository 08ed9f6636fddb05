/** How something of known size stands on a point, before it is there. Z up, metres. Pure. */

export type Triple = readonly [number, number, number];

/** A box in the axes of its own stage, from the origin of what is in it [m]. */
export interface Extent {
  readonly size: Triple;
  readonly low: Triple;
  readonly upAxis: string;
}

export interface Bounds {
  readonly min: Triple;
  readonly max: Triple;
}

/** The same box with Z up. */
export function uprightBox({ size, low, upAxis }: Extent): Bounds {
  const high = low.map((value, c) => value + size[c]);
  if (upAxis !== "Y") return { min: low, max: [high[0], high[1], high[2]] };
  // Turned by 90 degrees about x: y goes up, z comes from behind to the front.
  return { min: [low[0], -high[2], low[1]], max: [high[0], -low[2], high[1]] };
}

/**
 * Where the origin goes, so that the box stands on the point: by its origin where that lies within what it covers, else by the middle
 * of that.
 */
export function standsAt(box: Bounds, point: Triple): Triple {
  const inside = [0, 1].every((c) => box.min[c] <= 1e-6 && box.max[c] >= -1e-6);
  const [x, y] = inside ? [0, 0] : [0, 1].map((c) => (box.min[c] + box.max[c]) / 2);
  return [point[0] - x, point[1] - y, point[2] - box.min[2]];
}

/** Where a ray meets the plane z = `height`, no further away than `farthest` [m]; null where it does not. */
export function onGround(from: Triple, direction: Triple, height: number, farthest: number): Triple | null {
  const along = (height - from[2]) / direction[2];
  if (!(along > 0) || !Number.isFinite(along) || along * Math.hypot(...direction) > farthest) return null;
  return [from[0] + along * direction[0], from[1] + along * direction[1], height];
}

/** Metres without what nobody reads: to a tenth of a millimetre. */
export function rounded([x, y, z]: Triple): Triple {
  const round = (value: number): number => Math.round(value * 1e4) / 1e4 || 0;
  return [round(x), round(y), round(z)];
}
