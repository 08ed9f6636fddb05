/** What the server answers about the catalogue (docs/catalogue.md). */
import type { Triple } from "../../core/standing.ts";
import type { Facet } from "../../datasets/types.ts";

export interface Asset {
  readonly asset: string;
  readonly library: string;
  readonly title: string;
  readonly kind: string;
  readonly tags: readonly string[];
  readonly labels: readonly string[];
  readonly license: string;
  readonly size: Triple;
  readonly low: Triple;
  readonly upAxis: string;
  readonly triangles: number;
  readonly bytes: number;
  readonly animated: boolean;
  readonly version: string;
  readonly problem: string;
  /** By field, how much of what it says is left out: characters of a text, entries of a list. */
  readonly cut?: Readonly<Record<string, number>>;
}

export interface AssetDetail extends Asset {
  readonly doc: string;
  readonly variants: Readonly<Record<string, readonly string[]>>;
  readonly materials: number;
  readonly joints: number;
  readonly metersPerUnit: number;
  readonly files: readonly string[];
  readonly usedBy: readonly string[];
  readonly usedHere: { readonly stage: string; readonly prims: readonly string[]; readonly total: number; readonly problem?: string } | null;
}

export interface CataloguePage {
  readonly total: number;
  readonly next: string | null;
  readonly assets: readonly Asset[];
  readonly libraries: readonly string[];
  readonly facets: readonly Facet[];
  readonly reading: { readonly done: number; readonly of: number } | null;
}
