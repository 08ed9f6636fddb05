/** Light that surfaces throw back, against closed forms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { albedoOf, closedShare, entering, returned, SurroundCount, type Surround } from "../src/core/indirect.ts";
import { lightLevels } from "../src/core/light-levels.ts";
import type { LightJson, MaterialJson } from "../src/wire/scene-data.ts";

const ROOM = { min: [-3, -3, 0], max: [3, 3, 3] } as { min: [number, number, number]; max: [number, number, number] };

/** Two triangles: a rectangle at `at` along an axis, from one corner of the box to the other. */
function wall(count: SurroundCount, axis: number, at: number, albedo: number): void {
  const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
  const corner = (a: number, b: number): number[] => {
    const p = [0, 0, 0];
    [p[axis], p[u], p[v]] = [at, a ? ROOM.max[u] : ROOM.min[u], b ? ROOM.max[v] : ROOM.min[v]];
    return p;
  };
  count.add([...corner(0, 0), ...corner(1, 0), ...corner(1, 1)], albedo);
  count.add([...corner(0, 0), ...corner(1, 1), ...corner(0, 1)], albedo);
}

function room(albedo: number, open: readonly number[] = []): Surround {
  const count = new SurroundCount(ROOM);
  for (let axis = 0; axis < 3; axis++)
    for (const [k, at] of [ROOM.min[axis], ROOM.max[axis]].entries())
      if (!open.includes(2 * axis + k)) wall(count, axis, at, albedo);
  return count.done();
}

function light(kind: string, radiance: number, more: Partial<LightJson> = {}): LightJson {
  const rest = { path: "/L", node: 0, normalize: false, radius: 0.1, length: 1, angle: 0.0093, texture: null, nodeFromMap: [] };
  return { ...rest, kind, radiance: [radiance, radiance, radiance], width: 0.6, height: 0.6, ...more };
}
// Under the ceiling, shining down.
const LAMP = Float64Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2.95, 0, 0, 0, 1]);

test("a closed room is an integrating sphere", () => {
  const closed = room(0.6);
  assert.deepEqual(closed.closed, [1, 1, 1, 1, 1, 1]);
  assert.equal(closedShare(closed), 1);
  assert.ok(Math.abs(closed.albedo - 0.6) < 1e-12);
  // E = P r / (A (1 - r)), on 2 * 36 + 4 * 18 = 144 m2; a white surface sends E / pi back.
  assert.ok(Math.abs(returned(100, closed) - (100 * 0.6) / (144 * 0.4 * Math.PI)) < 1e-12);
  assert.equal(entering([0, 0, 1], closed), 0);
});

test("openings take light away and let it in", () => {
  const roofless = room(0.6, [5]);
  assert.ok(Math.abs(closedShare(roofless) - 108 / 144) < 1e-12);
  assert.ok(returned(100, roofless) < 0.6 * returned(100, room(0.6)));
  assert.ok(Math.abs(entering([0, 0.6, 0.8], roofless) - 0.8 * 36) < 1e-9);
  assert.equal(returned(100, room(0)), 0);
});

test("what stands in the middle closes nothing", () => {
  const count = new SurroundCount(ROOM);
  wall(count, 2, 1.5, 0.5);
  assert.equal(closedShare(count.done()), 0);
});

test("in a lamplit room there is no light from outside, and the walls' albedo decides how bright shadows are", () => {
  const levels = (albedo: number): ReturnType<typeof lightLevels> =>
    lightLevels([light("rect", 30)], LAMP, [0, 0, 1.5], 4.5, 6, room(albedo));
  const white = levels(0.8);
  assert.equal(white.sun.intensity, 0);
  assert.equal(white.locals.length, 1);
  const sides = (l: typeof white): number => l.ambient + l.bounce;
  assert.ok(sides(white) > 1.25 * sides(levels(0.5)));
  assert.ok(sides(levels(0.02)) > 0.2, "a black room can still be read");
  // The same room a thousand times brighter looks the same.
  const bright = lightLevels([light("rect", 30_000)], LAMP, [0, 0, 1.5], 4.5, 6, room(0.8));
  assert.ok(Math.abs(bright.bounce - white.bounce) < 1e-9);
});

test("a dome does not shine through walls, and without a look at the surroundings all is as before", () => {
  const lights = [light("dome", 1), light("rect", 30)];
  const shut = lightLevels(lights, LAMP, [0, 0, 1.5], 4.5, 6, room(0.5));
  const open = lightLevels(lights, LAMP, [0, 0, 1.5], 4.5, 6, room(0.5, [5]));
  assert.ok(open.ambient > shut.ambient);
  assert.equal(lightLevels(lights, LAMP, [0, 0, 1.5], 4.5, 6).bounce, 0);
});

test("an albedo is a luminance; what is painted by pictures is taken for grey", () => {
  const plain = { diffuseColor: [0.2, 0.4, 0.6], textures: {} } as unknown as MaterialJson;
  assert.ok(Math.abs(albedoOf(plain) - (0.2126 * 0.2 + 0.7152 * 0.4 + 0.0722 * 0.6)) < 1e-12);
  assert.equal(albedoOf({ ...plain, textures: { diffuseColor: {} as never } }), albedoOf(undefined));
});

test("a hall that is bright from all sides is exposed less: its white walls keep their form, and proportions stay", () => {
  // A dome that shines in through an open roof, as in examples/warehouse; a hall whose many lamps spread their light.
  const open = lightLevels([light("dome", 1)], LAMP, [0, 0, 1.5], 4.5, 6, room(0.9, [5]));
  const many = [...Array(60).keys()].map((k) => light("rect", 30, { node: k }));
  const worlds = Float64Array.from(many.flatMap((_, k) => [1, 0, 0, (k % 10) - 4.5, 0, 1, 0, k / 10 - 3, 0, 0, 1, 2.95, 0, 0, 0, 1]));
  const lamps = (albedo: number): ReturnType<typeof lightLevels> =>
    lightLevels(many, worlds, [0, 0, 1.5], 4.5, 6, room(albedo));
  for (const { ambient, bounce } of [open, lamps(0.8), lamps(0.5)]) {
    // What the shader adds up: the environment, a little of it once more (view/lighting.ts), and other surfaces.
    const white = 1.08 * ambient + bounce;
    assert.ok(white > 0.4 && white < 0.66, `${white}: below the shoulder of the tone map, at 0.8`);
  }
  // As much less for the lamps themselves as for what their walls throw back.
  const ratio = (l: ReturnType<typeof lightLevels>): number => l.locals[0].intensity / l.ambient;
  assert.ok(Math.abs(ratio(lamps(0.8)) / ratio(lamps(0.5)) - 1) < 1e-9);
});
