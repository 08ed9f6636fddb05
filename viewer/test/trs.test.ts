/** Matrices to position, rotation, scale and angles, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { composePose, multiplyAffine } from "../src/core/matrix.ts";
import { anglesOf, invertAffine, matrixOf, rotationOf, timesQuaternion, trsOf } from "../src/core/trs.ts";
import { random } from "./random.ts";

const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance = 1e-9): void => {
  for (let k = 0; k < a.length; k++) assert.ok(Math.abs(a[k] - b[k]) <= tolerance, `${[...Array.from(a)]} is not ${[...Array.from(b)]}`);
};

test("a matrix comes back from its parts, as the stream composes it", () => {
  const next = random(7);
  for (let k = 0; k < 200; k++) {
    const spin = (): number => (next() - 0.5) * 6;
    const rotation = rotationOf(spin(), (next() - 0.5) * 3, spin());
    const trs = { position: [spin(), spin(), spin()], rotation, scale: [0.5 + next(), 0.5 + next(), 0.5 + next()] } as const;
    const m = matrixOf({ ...trs, position: [...trs.position], scale: [...trs.scale] });
    const pose = Float64Array.from([...trs.position, ...rotation, ...trs.scale]);
    const streamed = new Float64Array(16);
    composePose(streamed, 0, pose, 0);
    near(m, streamed);
    const back = trsOf(m);
    near(back.position, trs.position);
    near(back.scale, trs.scale);
    near(matrixOf(back), m);
    near(rotationOf(...anglesOf(back.rotation)).map((v) => v * Math.sign(rotationOf(...anglesOf(back.rotation))[0] || 1)),
      back.rotation.map((v) => v * Math.sign(back.rotation[0] || 1)), 1e-6);
  }
});

test("a mirror image keeps its place: the scale along x is negative", () => {
  const m = Float64Array.from([-2, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
  const { scale } = trsOf(m);
  assert.deepEqual(scale, [-2, 1, 1]);
  near(matrixOf(trsOf(m)), m);
});

test("angles are turns about the fixed axes x, then y, then z", () => {
  const [roll, pitch, yaw] = [0.3, -0.7, 1.9];
  const x = [Math.cos(0.15), Math.sin(0.15), 0, 0] as const;
  const y = [Math.cos(-0.35), 0, Math.sin(-0.35), 0] as const;
  const z = [Math.cos(0.95), 0, 0, Math.sin(0.95)] as const;
  near(rotationOf(roll, pitch, yaw), timesQuaternion(timesQuaternion(z, y), x));
  near(anglesOf(rotationOf(roll, pitch, yaw)), [roll, pitch, yaw]);
  near(rotationOf(...anglesOf(rotationOf(0.4, Math.PI / 2, 0.1))), rotationOf(0.4, Math.PI / 2, 0.1), 1e-6);
});

test("the inverse undoes; a flat matrix has none", () => {
  const m = matrixOf({ position: [4, -2, 9], rotation: rotationOf(1, 0.4, -2), scale: [2, 3, 0.5] });
  const out = new Float64Array(16);
  multiplyAffine(out, 0, m, 0, invertAffine(m) as Float64Array, 0);
  near(out, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  assert.equal(invertAffine(matrixOf({ position: [0, 0, 0], rotation: [1, 0, 0, 0], scale: [1, 0, 1] })), null);
});
