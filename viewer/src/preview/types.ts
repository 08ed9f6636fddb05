/** What the server answers about a recipe that is tried (docs/api.md). */
import type { Box } from "../datasets/types.ts";

export interface Range {
  readonly id: string;
  readonly field: string;
  readonly kind: string;
  readonly written: string;
  readonly form: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, number | null>>;
  readonly of: string;
  readonly nominal: number | null;
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  readonly changed: boolean;
}

export interface Randomizer {
  readonly name: string;
  readonly kind: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly ranges: readonly Range[];
}

export interface Recipe {
  readonly name: string;
  readonly frames: number;
  readonly seed: number;
  readonly resolution: readonly [number, number];
  readonly cameras: readonly string[];
  readonly engine: string;
  readonly classes: readonly string[];
  readonly randomizers: readonly Randomizer[];
  readonly set: readonly string[];
  readonly command: string;
  readonly out: string | null;
}

export interface PreviewFrame {
  readonly frame: number;
  readonly split: string | null;
  readonly attempts: number;
  readonly rejected: string | null;
  readonly rules: readonly string[];
  readonly draws: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly views: readonly { readonly camera: string; readonly width: number; readonly height: number; readonly boxes: readonly { readonly label: number; readonly box: Box }[] }[];
}
