/** A prim as `GET /api/v1/prims/{path}` tells it (docs/api.md). */
import type { AttributeJson } from "../../core/attribute-text.ts";
import type { UnitFacts } from "../../core/signal-units.ts";

export interface PoseJson {
  readonly translation: readonly [number, number, number];
  readonly rotation: readonly [number, number, number, number] | null;
  readonly scale: readonly [number, number, number] | null;
}

export interface ValueJson extends UnitFacts {
  readonly id: string;
  readonly type: string;
  readonly unit: string;
  readonly value: unknown;
  readonly level: string;
  readonly qualityName: string;
  readonly source: string;
  readonly description: string;
}

export interface PrimJson {
  readonly path: string;
  readonly type: string;
  readonly kind: string;
  readonly purpose: string;
  readonly labels: readonly string[];
  readonly visible: boolean;
  readonly signals: readonly string[];
  readonly local: PoseJson;
  readonly world: PoseJson;
  readonly authored: PoseJson;
  readonly moved: boolean;
  readonly childCount: number;
  readonly points: number;
  readonly attributes: readonly AttributeJson[];
  readonly values: readonly ValueJson[];
  readonly variantSets: readonly { name: string; variants: readonly string[]; selected: string }[];
  readonly material: string | null;
  readonly metadata: readonly { name: string; value: string }[];
  readonly poseLocked: string | null;
  readonly visibilityLocked: string | null;
}

/** `GET /api/v1/history/chart`: equal spans of time, nulls where there were no readings. */
export interface ChartJson {
  readonly firstNs: string;
  readonly stepNs: string;
  readonly last: readonly (number | null)[];
}

/** Points of a chart, each at the end of its span: [ms since 1970, value in SI]. */
export function pointsOf({ firstNs, stepNs, last }: ChartJson): [number, number][] {
  const [first, step] = [Number(BigInt(firstNs) / 1000n) / 1000, Number(BigInt(stepNs) / 1000n) / 1000];
  return last.flatMap((value, k) => (value === null ? [] : [[first + (k + 1) * step, value] as [number, number]]));
}

/** Address of a prim's details; each part of its path on its own. */
export function primAddress(path: string): string {
  return `api/v1/prims/${path.split("/").slice(1).map(encodeURIComponent).join("/")}`;
}
