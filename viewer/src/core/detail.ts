/**
 * How closely a cell of instances is drawn, by how large one of them is on screen. Pure.
 *
 * Only where the whole stage is too much for the machine; a stage that fits is always drawn as it is.
 */

/** 0: as it is; 1: with fewer triangles; 2: as its box. */
export type Shape = 0 | 1 | 2;

export interface Detail {
  readonly shape: Shape;
  /** Share of the instances that is drawn. */
  readonly share: number;
}

export const FULL: Detail = { shape: 0, share: 1 };
/** Triangles that a machine with a GPU draws at ease, and one without. */
export const AT_EASE = { gpu: 3_000_000, cpu: 250_000 } as const;
/** Size below which triangles are left out, and below which the box does [px]. */
const COARSE_PX = 36;
const BOX_PX = 7;
/** Size below which instances are left out: smaller ones cover each other's pixels [px]. */
const SHARE_PX = 1.6;
const LEAST_SHARE = 1 / 64;

/** `px`: size of the largest of the cell's instances on screen; `lean`: without a GPU. */
export function detailOf(px: number, lean: boolean): Detail {
  const scale = lean ? 2 : 1;
  const shape = px < BOX_PX * scale ? 2 : px < COARSE_PX * scale ? 1 : 0;
  const share = Math.min(1, Math.max(LEAST_SHARE, (px / (SHARE_PX * scale)) ** 2));
  return { shape, share };
}

/** Pixels that one metre takes at a distance [m]; `slope`: tangent of half the vertical angle. */
export function pixelsPerMetre(height: number, slope: number, distance: number): number {
  return height / (2 * slope * Math.max(distance, 0.05));
}
