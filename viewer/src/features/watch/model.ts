/** What is known of a stage that is being watched (`serve --watch`), from status and events. Pure. */

export interface WatchState {
  /** Whether files are watched at all. */
  readonly on: boolean;
  /** Why the last save cannot be shown; empty: it is shown. */
  readonly broken: string;
  /** Files of the last save, by name. */
  readonly files: readonly string[];
  /** What the last good save changed, in words; empty before the first. */
  readonly saved: string;
  readonly saves: number;
}

export const NOT_WATCHED: WatchState = { on: false, broken: "", files: [], saved: "", saves: 0 };

const WORDS: readonly (readonly [key: string, one: string, many: string])[] = [
  ["shapes", "shape", "shapes"],
  ["images", "image", "images"],
  ["materials", "material", "materials"],
  ["moved", "prim moved", "prims moved"],
  ["added", "prim added", "prims added"],
  ["removed", "prim removed", "prims removed"],
  ["bindings", "binding", "bindings"],
];

/** "1 shape, 2 materials"; what is not drawn is said so. */
export function changedText(changed: unknown): string {
  const counts = record(changed);
  const parts = WORDS.flatMap(([key, one, many]) => {
    const n = Number(counts[key] ?? 0);
    return n > 0 ? [`${n} ${n === 1 ? one : many}`] : [];
  });
  return parts.join(", ") || "nothing that is drawn";
}

/** "cell.usda, looks.usda and 2 more". */
export function filesText(files: readonly string[]): string {
  const more = files.length > 2 ? ` and ${files.length - 2} more` : "";
  return files.slice(0, 2).join(", ") + more || "The stage";
}

/** After an event `watch`. */
export function heard(state: WatchState, data: unknown): WatchState {
  const told = record(data);
  const files = names(told.files);
  if (told.state === "broken") return { ...state, on: true, broken: String(told.text ?? ""), files };
  return { on: true, broken: "", files, saved: changedText(told.changed), saves: Number(told.saves ?? state.saves) };
}

/** From the `watch` of `/api/status`; absent: nothing is watched. */
export function asked(state: WatchState, status: unknown): WatchState {
  const watch = record(status).watch;
  if (watch === undefined) return NOT_WATCHED;
  const told = record(watch);
  const broken = told.state === "broken" ? String(told.text ?? "") : "";
  return { ...state, on: true, broken, files: broken === state.broken ? state.files : [], saves: Number(told.saves ?? 0) };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
