/**
 * World points -> pixel positions, by the record's camera: the same formulas as the label pass (docs/cameras.md). Pure.
 *
 * Pixel edges: the middle of the first pixel is (0.5, 0.5).
 */
import type { Projection, RecordCamera } from "./types.ts";

export type Point = readonly [number, number];
type Vector = readonly [number, number, number];

/** Place of a world point in the picture, null where the lens does not see it. */
export function project(camera: RecordCamera, point: Vector): Point | null {
  const m = camera.world_from_camera;
  const d = [0, 1, 2].map((axis) => point[axis] - m[axis][3]);
  const local = [0, 1, 2].map((c) => d[0] * m[0][c] + d[1] * m[1][c] + d[2] * m[2][c]);
  const xy = normalised(camera.projection, local as unknown as Vector);
  if (!xy) return null;
  const K = camera.K;
  return [K[0][0] * xy[0] + K[0][1] * xy[1] + K[0][2], K[1][0] * xy[0] + K[1][1] * xy[1] + K[1][2]];
}

/** Coordinates before K of a point in camera axes. */
function normalised(lens: Projection, [x, y, z]: Vector): Point | null {
  switch (lens.kind) {
    case "orthographic":
      return [x, y];
    case "equirectangular":
      return [Math.atan2(x, z), Math.atan2(y, Math.hypot(x, z))];
    case "fisheye":
      return fisheye(lens, [x, y, z]);
    case "opencv":
      return z > 0 ? distorted(lens.coefficients ?? [], x / z, y / z) : null;
    default:
      return z > 0 ? [x / z, y / z] : null;
  }
}

function fisheye(lens: Projection, [x, y, z]: Vector): Point | null {
  const [k1 = 0, k2 = 0, k3 = 0, k4 = 0] = lens.coefficients ?? [];
  const across = Math.hypot(x, y);
  const theta = Math.atan2(across, z);
  if (theta > (lens.max_angle ?? Math.PI) || (across === 0 && z <= 0)) return null;
  const s = theta * theta;
  // Beyond the angle at which the image stops growing the lens sees nothing.
  if (1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4))) <= 0) return null;
  const far = theta * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))));
  return across === 0 ? [0, 0] : [(x * far) / across, (y * far) / across];
}

/** OpenCV's model with up to 14 coefficients; null where it folds back. */
function distorted(c: readonly number[], x: number, y: number): Point | null {
  const [k1 = 0, k2 = 0, p1 = 0, p2 = 0, k3 = 0, k4 = 0, k5 = 0, k6 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, tx = 0, ty = 0] = c;
  const s = x * x + y * y;
  const above = 1 + s * (k1 + s * (k2 + s * k3));
  const below = 1 + s * (k4 + s * (k5 + s * k6));
  const f = above / below;
  const slope = (k1 + s * (2 * k2 + 3 * s * k3) - f * (k4 + s * (2 * k5 + 3 * s * k6))) / below;
  // Straight out from the axis the image has to go on growing.
  if (below <= 0 || f + 2 * s * slope <= 0) return null;
  const u = x * f + 2 * p1 * x * y + p2 * (s + 2 * x * x) + s * (s1 + s * s2);
  const v = y * f + p1 * (s + 2 * y * y) + 2 * p2 * x * y + s * (s3 + s * s4);
  return tx || ty ? tilted(tx, ty, u, v) : [u, v];
}

function tilted(tx: number, ty: number, u: number, v: number): Point | null {
  const [cx, sx, cy, sy] = [Math.cos(tx), Math.sin(tx), Math.cos(ty), Math.sin(ty)];
  // R = Ry Rx, then the projection back onto the plane z = 1 (OpenCV's computeTiltProjectionMatrix).
  const r = [
    [cy, sy * sx, -sy * cx],
    [0, cx, sx],
    [sy, -cy * sx, cy * cx],
  ];
  const [a, b, w] = r.map((row) => row[0] * u + row[1] * v + row[2]);
  if (w <= 0) return null;
  return [(r[2][2] * a - r[0][2] * w) / w, (r[2][2] * b - r[1][2] * w) / w];
}

/** Pairs of corners of a 3D box (bit 2: x, bit 1: y, bit 0: z at the high end) that an edge joins. */
export const EDGES: readonly (readonly [number, number])[] = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((a) =>
  [1, 2, 4].filter((bit) => (a & bit) === 0).map((bit) => [a, a | bit] as const),
);

/** Lines of a 3D box in the picture, bent as the lens bends them; parts that it does not see are left out. */
export function boxLines(camera: RecordCamera, corners: readonly Vector[], steps = 16): Point[][] {
  const straight = camera.projection.kind === "pinhole" || camera.projection.kind === "orthographic";
  const width = camera.projection.kind === "equirectangular" ? camera.resolution[0] : Infinity;
  const lines: Point[][] = [];
  for (const [a, b] of EDGES) {
    let line: Point[] = [];
    const count = straight ? Math.max(steps, 2) : steps;
    for (let k = 0; k <= count; k++) {
      const t = k / count;
      const at = project(camera, [0, 1, 2].map((c) => corners[a][c] + t * (corners[b][c] - corners[a][c])) as unknown as Vector);
      const last = line[line.length - 1];
      // A panorama's line that leaves at one side comes in at the other.
      if (at && last && Math.abs(at[0] - last[0]) > width / 2) {
        if (line.length > 1) lines.push(line);
        line = [];
      }
      if (at) line.push(at);
      else {
        if (line.length > 1) lines.push(line);
        line = [];
      }
    }
    if (line.length > 1) lines.push(line);
  }
  return lines;
}
