/** What the server answers about datasets (docs/api.md, docs/records.md); fields that the page does not use are left out. */

export interface DatasetRow {
  readonly name: string;
  readonly frames: number | null;
}

export interface ClassSummary {
  readonly name: string;
  readonly objects: number;
  readonly listed: number;
  readonly pictures: number;
  readonly size: number | null;
  readonly occlusion: number | null;
  readonly truncation: number | null;
  readonly distance: number | null;
  readonly small: number | null;
  readonly cut: number | null;
}

export interface LabelClass {
  readonly id: number;
  readonly name: string;
  readonly keypoints?: readonly string[];
  readonly skeleton?: readonly (readonly [number | string, number | string])[];
}

export interface Summary {
  readonly dataset: string;
  readonly version: string;
  readonly frames: number;
  readonly pictures: number;
  readonly objects: number;
  readonly rejected: number;
  readonly unreadable: readonly string[];
  readonly cameras: readonly string[];
  readonly annotate: readonly string[];
  readonly stages: readonly { readonly name?: string; readonly hash?: string }[];
  readonly seed: number | null;
  readonly labels: { readonly classes?: readonly LabelClass[] };
  readonly classes: readonly ClassSummary[];
  readonly sorts: readonly string[];
  readonly fields: readonly string[];
}

export type Box = readonly [number, number, number, number];

export interface FoundPicture {
  readonly frame: number;
  readonly camera: string | null;
  readonly image: string | null;
  readonly width: number;
  readonly height: number;
  readonly objects: number;
  readonly split: string | null;
  readonly rejected: string | null;
  readonly boxes: readonly { readonly label: number; readonly box: Box }[];
}

export interface FoundPictures {
  readonly total: number;
  readonly frames: number;
  readonly objects: number;
  readonly offset: number;
  readonly pictures: readonly FoundPicture[];
}

export interface Facet {
  readonly id: string;
  readonly about: "objects" | "pictures" | "frames" | "draws" | "assets";
  readonly low: number;
  readonly high: number;
  readonly all: readonly number[];
  readonly found: readonly number[];
  readonly whole: boolean;
  readonly words: readonly { readonly word: string; readonly all: number; readonly found: number }[];
  readonly more: number;
}

export interface Rle {
  readonly size: readonly [number, number];
  readonly counts: string;
}

export interface Projection {
  readonly kind: string;
  readonly coefficients?: readonly number[];
  readonly max_angle?: number;
}

export interface RecordObject {
  readonly instance_id: number;
  readonly prim_path: string;
  readonly point_id: number | null;
  readonly class: string;
  readonly visible_px: number;
  readonly amodal_px_in_frame: number;
  readonly amodal_px_total: number;
  readonly occlusion: number;
  readonly truncation: number;
  readonly visible_rle: Rle;
  readonly amodal_rle: Rle;
  readonly bbox_visible: Box | null;
  readonly bbox_amodal: Box | null;
  readonly obb: readonly (readonly [number, number])[] | null;
  readonly size: readonly number[];
  readonly bbox_3d: readonly (readonly [number, number, number])[];
  readonly keypoints?: readonly { readonly name: string; readonly px: readonly [number, number] | null; readonly v: number }[];
}

export interface RecordCamera {
  readonly name: string;
  readonly prim_path: string;
  readonly resolution: readonly [number, number];
  readonly K: readonly (readonly number[])[];
  readonly projection: Projection;
  readonly world_from_camera: readonly (readonly number[])[];
  readonly images: Readonly<Record<string, string>>;
  readonly objects: readonly RecordObject[];
}

export interface FrameRecord {
  readonly frame: number;
  readonly split: string | null;
  readonly stage: string;
  readonly time: number | null;
  readonly attempt: number;
  readonly rejected: boolean;
  readonly rejected_attempts: readonly { readonly attempt: number; readonly rule: string; readonly reason: string }[];
  readonly draws: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly cameras: readonly RecordCamera[];
}

export interface FrameNotes {
  readonly remake: string;
  readonly exact: boolean;
  readonly layer: string | null;
}

export interface FrameFindings {
  readonly checks: number;
  readonly findings: readonly { readonly code: string; readonly where: string; readonly message: string }[];
}
