/**
 * How bright each light is on screen. Pure.
 *
 * UsdLux radiances span ten orders of magnitude, and a viewer has no exposure control. So the proportions between the
 * lights are kept and their sum is scaled to a fixed level: what a white surface in the middle of the scene sends
 * back. It depends on the scene's lights only, never on pixels, so the picture does not breathe.
 */
import type { LightJson } from "../wire/scene-data.ts";
import { closedShare, entering, returned, type Surround } from "./indirect.ts";

/** Radiance that a white surface facing all lights should send back. */
const TARGET = 1.1;
/** Least and greatest share from all sides, from other surfaces too: nothing is black, nothing glows, and things keep their form. */
const AMBIENT = [0.36, 0.6] as const;
/** Least and greatest share from the one light that casts shadows. */
const SUN = [0.3, 0.9] as const;
/** The same of the environment where the share from all sides is known: reflections are to be seen in metals. */
const MIRRORED = 0.1;
/** All that comes from all sides is at least this, so that shadows can be read. */
const LEGIBLE = 0.22;
/** Less of the light than this comes from lamps: then a weak sun gives things their form. */
const LAMPLIT = 0.3;

export interface LocalLight {
  readonly kind: "spot" | "point";
  readonly position: readonly [number, number, number];
  readonly direction: readonly [number, number, number];
  readonly color: readonly [number, number, number];
  /** [cd], scaled. */
  readonly intensity: number;
}

export interface LightLevels {
  /** Radiance of the environment. */
  readonly ambient: number;
  /** Radiance that a white surface gets beside it, evenly from all sides: from other surfaces. */
  readonly bounce: number;
  /** Where light comes from: a unit vector towards the light; illuminance [lx], scaled. */
  readonly sun: {
    readonly towards: [number, number, number];
    readonly color: readonly [number, number, number];
    readonly intensity: number;
  };
  readonly locals: readonly LocalLight[];
}

interface Rated {
  readonly light: LightJson;
  /** What it adds to the radiance of a white surface in the middle of the scene. */
  readonly radiance: number;
}

/**
 * `world`: world_from_node of all nodes, row-major; `middle`, `radius`: of the scene [m]. `maxLocal`: local lights that
 * get a light of their own; the others go into the ambient share. `surround`: what throws light back; null: not looked at,
 * and a fixed share stands for it.
 */
export function lightLevels(
  lights: readonly LightJson[],
  world: Float64Array,
  middle: readonly [number, number, number],
  radius: number,
  maxLocal: number,
  surround: Surround | null = null,
): LightLevels {
  const rated = lights
    .map((light) => ({ light, radiance: contribution(light, world, middle, radius) }))
    .filter((r) => r.radiance > 0);
  const total = rated.reduce((sum, r) => sum + r.radiance, 0);
  if (total === 0)
    return {
      ambient: 0.55,
      bounce: 0,
      sun: { towards: unit([0.45, -0.6, 1]), color: [1, 0.98, 0.95], intensity: 0.62 * Math.PI },
      locals: [],
    };
  const domes = rated.filter((r) => r.light.kind === "dome");
  const suns = rated.filter((r) => r.light.kind === "distant").sort((a, b) => b.radiance - a.radiance);
  const locals = rated
    .filter((r) => r.light.kind !== "dome" && r.light.kind !== "distant")
    .sort((a, b) => b.radiance - a.radiance);
  const sky = sumOf(domes) * (surround ? 1 - closedShare(surround) : 1);
  const spread = sky + sumOf(suns.slice(1)) + sumOf(locals.slice(maxLocal));
  const back = surround ? returned(fluxIn(rated, world, surround), surround) : 0;
  const scale = TARGET / (total - sumOf(domes) + sky + back);
  const sides = surround ? fromAllSides(spread * scale, back * scale) : { ambient: clamp(spread * scale, AMBIENT), bounce: 0, dimmed: 1 };
  const lamplit = surround !== null && maxLocal > 0 && sumOf(locals) > LAMPLIT * total;
  const sun = suns.length > 0 ? sunOf(suns[0], world, clamp(suns[0].radiance * scale, SUN)) : overhead(lamplit ? 0 : SUN[0]);
  const lamps = locals.slice(0, maxLocal).map((r) => localOf(r.light, world, sides.dimmed * scale));
  return { ambient: sides.ambient, bounce: sides.bounce, sun, locals: lamps };
}

/**
 * Radiances of the environment and of other surfaces, and by what lamps are dimmed with them. In a bright room TARGET comes from
 * all sides, so every white wall would be as bright as elsewhere the one that faces the sun: there the picture is exposed less, as
 * a camera's meter would, and the proportions stay.
 */
function fromAllSides(spread: number, back: number): { ambient: number; bounce: number; dimmed: number } {
  const dimmed = Math.min(1, AMBIENT[1] / (spread + back));
  const ambient = Math.max(spread * dimmed, MIRRORED);
  const bounce = Math.max(Math.min(back * dimmed, AMBIENT[1] - ambient), LEGIBLE - ambient);
  return { ambient, bounce, dimmed };
}

function sumOf(rated: readonly Rated[]): number {
  return rated.reduce((sum, r) => sum + r.radiance, 0);
}

/** Flux of all lights that is in the scene's box, as far as its sides let it in. */
function fluxIn(rated: readonly Rated[], world: Float64Array, surround: Surround): number {
  let sum = 0;
  for (const { light, radiance } of rated) {
    const at = light.node * 16;
    if (light.kind === "dome")
      surround.areas.forEach((area, k) => (sum += radiance * Math.PI * area * (1 - surround.closed[k])));
    else if (light.kind === "distant")
      sum += radiance * Math.PI * entering(unit([world[at + 2], world[at + 6], world[at + 10]]), surround);
    else sum += luminance(light.radiance) * projectedArea(light) * solidAngle(light);
  }
  return sum;
}

/** Flux over the greatest intensity [sr]: of what shines evenly from its surface. */
function solidAngle({ kind, coneAngle }: LightJson): number {
  if (kind === "sphere") return 4 * Math.PI;
  if (kind === "cylinder") return Math.PI ** 2;
  const cone = coneAngle ?? Math.PI / 2;
  return Math.PI * Math.sin(Math.min(cone, Math.PI / 2)) ** 2;
}

/** Without a distant light, a weak one from above gives things their form and a shadow. */
function overhead(radiance: number): LightLevels["sun"] {
  return { towards: unit([0.25, -0.35, 1]), color: [1, 1, 1], intensity: radiance * Math.PI };
}

function clamp(value: number, [low, high]: readonly [number, number]): number {
  return Math.max(low, Math.min(high, value));
}

function sunOf(sun: Rated, world: Float64Array, radiance: number): LightLevels["sun"] {
  const at = sun.light.node * 16;
  return {
    towards: unit([world[at + 2], world[at + 6], world[at + 10]]),
    color: chroma(sun.light.radiance),
    intensity: radiance * Math.PI,
  };
}

function localOf(light: LightJson, world: Float64Array, scale: number): LocalLight {
  const at = light.node * 16;
  const directed = light.kind === "rect" || light.kind === "disk";
  return {
    kind: directed ? "spot" : "point",
    position: [world[at + 3], world[at + 7], world[at + 11]],
    direction: unit([-world[at + 2], -world[at + 6], -world[at + 10]]),
    color: chroma(light.radiance),
    intensity: luminance(light.radiance) * projectedArea(light) * scale,
  };
}

function contribution(light: LightJson, world: Float64Array, middle: readonly number[], radius: number): number {
  const brightness = luminance(light.radiance);
  if (light.kind === "dome") return brightness;
  if (light.kind === "distant")
    return light.normalize ? brightness / Math.PI : brightness * Math.sin(light.angle / 2) ** 2;
  const at = light.node * 16;
  const distance = Math.hypot(world[at + 3] - middle[0], world[at + 7] - middle[1], world[at + 11] - middle[2]);
  // Close lights are judged from some way off: the scene's middle may be right below one.
  const effective = Math.max(distance, 0.35 * radius, 0.5);
  return (brightness * projectedArea(light)) / (Math.PI * effective * effective);
}

/** Area seen from the direction of greatest intensity [m2]; 1 where the light is normalised by its area. */
function projectedArea(light: LightJson): number {
  if (light.normalize) return light.kind === "sphere" ? 0.25 : light.kind === "cylinder" ? 1 / Math.PI : 1;
  switch (light.kind) {
    case "rect":
      return light.width * light.height;
    case "cylinder":
      return 2 * light.radius * light.length;
    default:
      return Math.PI * light.radius ** 2;
  }
}

export function luminance(rgb: readonly number[]): number {
  return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

function chroma(rgb: readonly [number, number, number]): [number, number, number] {
  const y = luminance(rgb) || 1;
  return [rgb[0] / y, rgb[1] / y, rgb[2] / y];
}

function unit(v: readonly [number, number, number]): [number, number, number] {
  const length = Math.hypot(...v) || 1;
  return [v[0] / length, v[1] / length, v[2] / length];
}
