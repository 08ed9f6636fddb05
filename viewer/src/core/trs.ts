/** Position, rotation and scale of a row-major 4 x 4 matrix, and angles as people read them. Pure, Float64. */

export interface Trs {
  readonly position: [number, number, number];
  /** w, x, y, z. */
  readonly rotation: [number, number, number, number];
  readonly scale: [number, number, number];
}

/** `at`: first of the 16 values. A mirror image has a negative scale along x. Shear is left out. */
export function trsOf(m: ArrayLike<number>, at = 0): Trs {
  const column = (c: number): number[] => [m[at + c], m[at + 4 + c], m[at + 8 + c]];
  const columns = [column(0), column(1), column(2)];
  const scale = columns.map((v) => Math.hypot(...v)) as [number, number, number];
  const [a, b, c] = columns;
  const det =
    a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1]);
  if (det < 0) scale[0] = -scale[0];
  const r = columns.map((v, k) => v.map((value) => (scale[k] === 0 ? 0 : value / scale[k])));
  return { position: [m[at + 3], m[at + 7], m[at + 11]], rotation: quaternionOf(r), scale };
}

/** `r[c][i]`: row i of column c of a rotation. */
function quaternionOf(r: number[][]): [number, number, number, number] {
  const [m00, m10, m20] = r[0];
  const [m01, m11, m21] = r[1];
  const [m02, m12, m22] = r[2];
  const trace = m00 + m11 + m22;
  let q: [number, number, number, number];
  if (trace > 0) {
    const s = 2 * Math.sqrt(1 + trace);
    q = [s / 4, (m21 - m12) / s, (m02 - m20) / s, (m10 - m01) / s];
  } else if (m00 >= m11 && m00 >= m22) {
    const s = 2 * Math.sqrt(1 + m00 - m11 - m22);
    q = [(m21 - m12) / s, s / 4, (m01 + m10) / s, (m02 + m20) / s];
  } else if (m11 >= m22) {
    const s = 2 * Math.sqrt(1 + m11 - m00 - m22);
    q = [(m02 - m20) / s, (m01 + m10) / s, s / 4, (m12 + m21) / s];
  } else {
    const s = 2 * Math.sqrt(1 + m22 - m00 - m11);
    q = [(m10 - m01) / s, (m02 + m20) / s, (m12 + m21) / s, s / 4];
  }
  const size = Math.hypot(...q) || 1;
  return q.map((value) => value / size) as [number, number, number, number];
}

/** Roll, pitch and yaw [rad]: turns about the fixed axes x, y and z, in that order (docs of bindings). */
export function anglesOf([w, x, y, z]: readonly [number, number, number, number]): [number, number, number] {
  const sine = Math.max(-1, Math.min(1, 2 * (w * y - z * x)));
  const pitch = Math.asin(sine);
  if (Math.abs(sine) > 0.9999999) return [2 * Math.sign(sine) * Math.atan2(x, w), pitch, 0];
  return [
    Math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)),
    pitch,
    Math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)),
  ];
}

/** The quaternion w, x, y, z of roll, pitch and yaw [rad]. */
export function rotationOf(roll: number, pitch: number, yaw: number): [number, number, number, number] {
  const [cr, sr] = [Math.cos(roll / 2), Math.sin(roll / 2)];
  const [cp, sp] = [Math.cos(pitch / 2), Math.sin(pitch / 2)];
  const [cy, sy] = [Math.cos(yaw / 2), Math.sin(yaw / 2)];
  return [
    cr * cp * cy + sr * sp * sy,
    sr * cp * cy - cr * sp * sy,
    cr * sp * cy + sr * cp * sy,
    cr * cp * sy - sr * sp * cy,
  ];
}

/** a then b in the frame of a: a * b, of w, x, y, z. */
export function timesQuaternion(
  [aw, ax, ay, az]: readonly [number, number, number, number],
  [bw, bx, by, bz]: readonly [number, number, number, number],
): [number, number, number, number] {
  return [
    aw * bw - ax * bx - ay * by - az * bz,
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
  ];
}

/** T * R * S, row-major. */
export function matrixOf({ position, rotation: [w, x, y, z], scale }: Trs): Float64Array {
  const r = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  const m = new Float64Array(16);
  for (let i = 0; i < 3; i++) {
    for (let c = 0; c < 3; c++) m[i * 4 + c] = r[i][c] * scale[c];
    m[i * 4 + 3] = position[i];
  }
  m[15] = 1;
  return m;
}

/** The inverse of an affine row-major matrix; null where it has none. */
export function invertAffine(m: ArrayLike<number>, at = 0): Float64Array | null {
  const e = (i: number, c: number): number => m[at + i * 4 + c];
  const minor = (i: number, c: number): number => {
    const [i1, i2] = [(i + 1) % 3, (i + 2) % 3];
    const [c1, c2] = [(c + 1) % 3, (c + 2) % 3];
    return e(i1, c1) * e(i2, c2) - e(i1, c2) * e(i2, c1);
  };
  const det = e(0, 0) * minor(0, 0) + e(0, 1) * minor(0, 1) + e(0, 2) * minor(0, 2);
  if (!(Math.abs(det) > 1e-30)) return null;
  const out = new Float64Array(16);
  for (let i = 0; i < 3; i++) {
    for (let c = 0; c < 3; c++) out[i * 4 + c] = minor(c, i) / det;
    out[i * 4 + 3] = -(out[i * 4] * e(0, 3) + out[i * 4 + 1] * e(1, 3) + out[i * 4 + 2] * e(2, 3));
  }
  out[15] = 1;
  return out;
}
