/**
 * Affine transforms in Float64: 4x4 matrices, row-major, column-vector (`parent_from_node`), as on the wire.
 *
 * three.js keeps its matrices column-major in Float32; only `view/` converts.
 */

/** out[oi..] = a[ai..] * b[bi..]; all three are affine (last row 0 0 0 1). `out` must not overlap the inputs. */
export function multiplyAffine(
  out: Float64Array,
  oi: number,
  a: Float64Array,
  ai: number,
  b: Float64Array,
  bi: number,
): void {
  multiplyRows(out, oi, a, ai, b, bi);
  lastRow(out, oi);
}

/** The upper three rows of the same. */
export function multiplyRows(
  out: Float64Array,
  oi: number,
  a: Float64Array,
  ai: number,
  b: Float64Array,
  bi: number,
): void {
  const b0 = b[bi],
    b1 = b[bi + 1],
    b2 = b[bi + 2],
    b3 = b[bi + 3],
    b4 = b[bi + 4],
    b5 = b[bi + 5],
    b6 = b[bi + 6],
    b7 = b[bi + 7],
    b8 = b[bi + 8],
    b9 = b[bi + 9],
    b10 = b[bi + 10],
    b11 = b[bi + 11];
  for (let r = 0; r < 12; r += 4) {
    const a0 = a[ai + r],
      a1 = a[ai + r + 1],
      a2 = a[ai + r + 2],
      a3 = a[ai + r + 3];
    out[oi + r] = a0 * b0 + a1 * b4 + a2 * b8;
    out[oi + r + 1] = a0 * b1 + a1 * b5 + a2 * b9;
    out[oi + r + 2] = a0 * b2 + a1 * b6 + a2 * b10;
    out[oi + r + 3] = a0 * b3 + a1 * b7 + a2 * b11 + a3;
  }
}

/** Number of values in one pose: translation xyz, quaternion wxyz, scale xyz. */
export const POSE = 10;

/** out[oi..] = the matrix of the pose at pose[pi..] (translation, unit quaternion wxyz, scale). */
export function composePose(out: Float64Array, oi: number, pose: Float64Array, pi: number): void {
  const w = pose[pi + 3],
    x = pose[pi + 4],
    y = pose[pi + 5],
    z = pose[pi + 6];
  const sx = pose[pi + 7],
    sy = pose[pi + 8],
    sz = pose[pi + 9];
  out[oi] = (1 - 2 * (y * y + z * z)) * sx;
  out[oi + 1] = 2 * (x * y - w * z) * sy;
  out[oi + 2] = 2 * (x * z + w * y) * sz;
  out[oi + 3] = pose[pi];
  out[oi + 4] = 2 * (x * y + w * z) * sx;
  out[oi + 5] = (1 - 2 * (x * x + z * z)) * sy;
  out[oi + 6] = 2 * (y * z - w * x) * sz;
  out[oi + 7] = pose[pi + 1];
  out[oi + 8] = 2 * (x * z - w * y) * sx;
  out[oi + 9] = 2 * (y * z + w * x) * sy;
  out[oi + 10] = (1 - 2 * (x * x + y * y)) * sz;
  out[oi + 11] = pose[pi + 2];
  out[oi + 12] = 0;
  out[oi + 13] = 0;
  out[oi + 14] = 0;
  out[oi + 15] = 1;
}

/**
 * The upper three rows of a pose `alpha` of the way from a[ai..] to b[bi..]: straight, and turning the shorter way (the
 * quaternions are mixed and normalised, so steps have to be small).
 */
export function blendPose(
  out: Float64Array,
  oi: number,
  a: Float64Array,
  ai: number,
  b: Float64Array,
  bi: number,
  alpha: number,
): void {
  const aw = a[ai + 3],
    ax = a[ai + 4],
    ay = a[ai + 5],
    az = a[ai + 6];
  const bw = b[bi + 3],
    bx = b[bi + 4],
    by = b[bi + 5],
    bz = b[bi + 6];
  const rest = 1 - alpha,
    beta = aw * bw + ax * bx + ay * by + az * bz < 0 ? -alpha : alpha;
  let w = rest * aw + beta * bw,
    x = rest * ax + beta * bx,
    y = rest * ay + beta * by,
    z = rest * az + beta * bz;
  const norm = Math.sqrt(w * w + x * x + y * y + z * z) || 1;
  w /= norm;
  x /= norm;
  y /= norm;
  z /= norm;
  const px = a[ai],
    py = a[ai + 1],
    pz = a[ai + 2],
    ux = a[ai + 7],
    uy = a[ai + 8],
    uz = a[ai + 9];
  const sx = ux + alpha * (b[bi + 7] - ux),
    sy = uy + alpha * (b[bi + 8] - uy),
    sz = uz + alpha * (b[bi + 9] - uz);
  out[oi] = (1 - 2 * (y * y + z * z)) * sx;
  out[oi + 1] = 2 * (x * y - w * z) * sy;
  out[oi + 2] = 2 * (x * z + w * y) * sz;
  out[oi + 3] = px + alpha * (b[bi] - px);
  out[oi + 4] = 2 * (x * y + w * z) * sx;
  out[oi + 5] = (1 - 2 * (x * x + z * z)) * sy;
  out[oi + 6] = 2 * (y * z - w * x) * sz;
  out[oi + 7] = py + alpha * (b[bi + 1] - py);
  out[oi + 8] = 2 * (x * z - w * y) * sx;
  out[oi + 9] = 2 * (y * z + w * x) * sy;
  out[oi + 10] = (1 - 2 * (x * x + y * y)) * sz;
  out[oi + 11] = pz + alpha * (b[bi + 2] - pz);
}

/** The last row of an affine matrix at out[oi..]. */
export function lastRow(out: Float64Array, oi: number): void {
  out[oi + 12] = 0;
  out[oi + 13] = 0;
  out[oi + 14] = 0;
  out[oi + 15] = 1;
}

/** Determinant of the linear part of m[i..]; negative where the matrix mirrors. */
export function determinant3(m: Float64Array, i: number): number {
  return (
    m[i] * (m[i + 5] * m[i + 10] - m[i + 6] * m[i + 9]) -
    m[i + 1] * (m[i + 4] * m[i + 10] - m[i + 6] * m[i + 8]) +
    m[i + 2] * (m[i + 4] * m[i + 9] - m[i + 5] * m[i + 8])
  );
}
