/** Where labels stand on the picture so that none hides another: the important ones first, near what they are about. No DOM. */

export interface Wish {
  readonly id: string;
  /** The place that it is about [px]. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Higher ones get their place first. */
  readonly priority: number;
  /** Stays at the picture's edge where its place is outside. */
  readonly sticky: boolean;
}

export interface Placed {
  readonly id: string;
  /** Left upper corner [px]. */
  readonly left: number;
  readonly top: number;
  /** Whether a line to its place helps: it stands off, or at the edge. */
  readonly leader: boolean;
}

const GAP = 3;
const NEAR = 10;
const FAR = 44;
const EDGE = 4;

/** Steps from the place to the label's middle, in half widths, half heights and pixels: [x, y, dx, dy, stands off]. */
const SPOTS: readonly (readonly [number, number, number, number, boolean])[] = [
  [0, -1, 0, -NEAR, false],
  [1, 0, NEAR, 0, false],
  [-1, 0, -NEAR, 0, false],
  [0, 1, 0, NEAR, false],
  [1, -1, FAR * 0.6, -FAR * 0.6, true],
  [-1, -1, -FAR * 0.6, -FAR * 0.6, true],
  [0, -1, 0, -FAR, true],
  [1, 1, FAR * 0.6, FAR * 0.6, true],
  [-1, 1, -FAR * 0.6, FAR * 0.6, true],
  [0, -1, 0, -2 * FAR, true],
];

/**
 * Places of those that have room; the others are left out. `before`: where they stood, which they keep while they can, so that
 * labels do not jump. `most`: more than that are too many to read.
 */
export function arrange(
  wishes: readonly Wish[],
  width: number,
  height: number,
  before: ReadonlyMap<string, number> = new Map(),
  most = 60,
): { placed: Placed[]; spots: Map<string, number> } {
  const order = [...wishes].sort(
    (a, b) => b.priority - a.priority || Number(before.has(b.id)) - Number(before.has(a.id)) || (a.id < b.id ? -1 : 1),
  );
  const placed: Placed[] = [];
  const boxes: (readonly [number, number, number, number])[] = [];
  const spots = new Map<string, number>();
  for (const wish of order) {
    if (placed.length >= most) break;
    const inside = wish.x >= 0 && wish.x <= width && wish.y >= 0 && wish.y <= height;
    if (!inside && !wish.sticky) continue;
    const first = before.get(wish.id) ?? 0;
    for (let k = 0; k < SPOTS.length; k++) {
      const spot = k === 0 ? first : k <= first ? k - 1 : k;
      const [kx, ky, dx, dy, off] = SPOTS[spot];
      const middleX = wish.x + (kx * wish.width) / 2 + dx;
      const middleY = wish.y + (ky * wish.height) / 2 + dy;
      const left = clamp(middleX - wish.width / 2, EDGE, width - wish.width - EDGE);
      const top = clamp(middleY - wish.height / 2, EDGE, height - wish.height - EDGE);
      const pushed = Math.abs(left + wish.width / 2 - middleX) + Math.abs(top + wish.height / 2 - middleY);
      const box = [left - GAP, top - GAP, left + wish.width + GAP, top + wish.height + GAP] as const;
      if (boxes.some((other) => overlap(box, other))) continue;
      boxes.push(box);
      spots.set(wish.id, spot);
      placed.push({ id: wish.id, left: Math.round(left), top: Math.round(top), leader: off || pushed > NEAR });
      break;
    }
  }
  return { placed, spots };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

function overlap(a: readonly [number, number, number, number], b: readonly [number, number, number, number]): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
