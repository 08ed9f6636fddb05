/**
 * How much light comes back from the surfaces of a scene. Pure.
 *
 * The scene's box is taken for an integrating sphere: light that enters it, of flux P, is spread evenly over its area A, and each
 * time a mean share r of it comes back, so that surfaces receive E = P r / (A (1 - r)) beside what lamps send them directly
 * (Ulbricht's sphere; in graphics the ambient term of Cohen, Chen, Wallace and Greenberg, "A progressive refinement approach to
 * fast radiosity image generation", SIGGRAPH 1988, section 5). Openings send nothing back: r = albedo times the share that is closed.
 */
import type { Box } from "./bounds.ts";
import type { MaterialJson } from "../wire/scene-data.ts";

/** Sides: -x, +x, -y, +y, -z, +z. */
export interface Surround {
  /** Of each side, the share that surfaces close. */
  readonly closed: readonly number[];
  /** Of each side [m2]. */
  readonly areas: readonly number[];
  /** Mean share of light that surfaces send back. */
  readonly albedo: number;
}

/** A surface within this share of the box's extent of a side belongs to it. */
const NEAR = 0.12;
/** Of what a picture or the vertices say is not looked at. */
const UNKNOWN_ALBEDO = 0.4;
/** Even white walls of a closed room do not glow. */
const MOST_REFLECTED = 0.85;

/** Adds up triangles; `done` tells what they close. */
export class SurroundCount {
  private readonly covered = new Float64Array(6);
  private readonly extent: readonly number[];
  private sum = 0;
  private weight = 0;

  constructor(private readonly box: Box) {
    this.extent = [0, 1, 2].map((c) => Math.max(box.max[c] - box.min[c], 1e-6));
  }

  /** A triangle of the world, which stands for `times` of its size; p: nine coordinates [m]. */
  add(p: ArrayLike<number>, albedo: number, times = 1): void {
    const [ux, uy, uz] = [p[3] - p[0], p[4] - p[1], p[5] - p[2]];
    const [vx, vy, vz] = [p[6] - p[0], p[7] - p[1], p[8] - p[2]];
    const vector = [(uy * vz - uz * vy) / 2, (uz * vx - ux * vz) / 2, (ux * vy - uy * vx) / 2];
    const area = Math.hypot(vector[0], vector[1], vector[2]);
    if (!(area > 0)) return;
    this.sum += area * albedo * times;
    this.weight += area * times;
    for (let c = 0; c < 3; c++) {
      const shadow = Math.abs(vector[c]);
      if (shadow < 0.5 * area) continue;
      const at = ((p[c] + p[3 + c] + p[6 + c]) / 3 - this.box.min[c]) / this.extent[c];
      if (at <= NEAR) this.covered[2 * c] += shadow * times;
      else if (at >= 1 - NEAR) this.covered[2 * c + 1] += shadow * times;
    }
  }

  done(): Surround {
    const [x, y, z] = this.extent;
    const areas = [y * z, y * z, x * z, x * z, x * y, x * y];
    return {
      areas,
      closed: areas.map((area, k) => Math.min(1, this.covered[k] / area)),
      albedo: this.weight > 0 ? this.sum / this.weight : 0,
    };
  }
}

/** Share of light that a material sends back. */
export function albedoOf(material: MaterialJson | undefined): number {
  if (!material || material.vertexColor || "diffuseColor" in material.textures) return UNKNOWN_ALBEDO;
  const [r, g, b] = material.diffuseColor;
  return Math.max(0, Math.min(0.95, 0.2126 * r + 0.7152 * g + 0.0722 * b));
}

/** Share of the box that is closed. */
export function closedShare({ areas, closed }: Surround): number {
  const total = areas.reduce((sum, area) => sum + area, 0);
  return areas.reduce((sum, area, k) => sum + area * closed[k], 0) / total;
}

/** Radiance that a white surface gets from other surfaces, where so much light [lm] is in the box. */
export function returned(flux: number, surround: Surround): number {
  const total = surround.areas.reduce((sum, area) => sum + area, 0);
  const share = Math.min(MOST_REFLECTED, surround.albedo * closedShare(surround));
  return (flux * share) / (Math.PI * total * (1 - share));
}

/** Flux of a distant light of illuminance 1 lx that enters the box through what is open; `towards`: unit vector to the light. */
export function entering(towards: readonly number[], { areas, closed }: Surround): number {
  let sum = 0;
  for (let c = 0; c < 3; c++) {
    const side = towards[c] < 0 ? 2 * c : 2 * c + 1;
    sum += Math.abs(towards[c]) * areas[side] * (1 - closed[side]);
  }
  return sum;
}
