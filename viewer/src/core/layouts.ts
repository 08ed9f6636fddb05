/** Layouts with a name: which panels are open, how large, the theme, what features keep. Plain data that a file can hold. */
import { LARGEST, SMALLEST, type Side, type Theme, type UiState } from "./ui-state.ts";

export interface Layout {
  readonly name: string;
  /** Role that begins with it; null: none does. */
  readonly role: string | null;
  readonly open: Readonly<Record<Side, string | null>>;
  readonly places: Readonly<Record<string, Side>>;
  readonly sizes: Readonly<Record<Side, number>>;
  readonly theme: Theme;
  readonly extra: Readonly<Record<string, unknown>>;
}

const FORMAT = "twinstage.layouts";
const SIDES: readonly Side[] = ["left", "right", "bottom"];
const MOST = 50;
const MOST_NAME = 60;

export function layoutOf(name: string, role: string | null, state: UiState): Layout {
  const { open, places, sizes, theme, extra } = state;
  return { name: name.trim().slice(0, MOST_NAME), role, open, places, sizes, theme, extra };
}

/** The list with one more, or with another in the place of the one of that name. */
export function withLayout(layouts: readonly Layout[], one: Layout): Layout[] {
  // One layout a role.
  const others = layouts
    .filter(({ name }) => name !== one.name)
    .map((other) => (one.role !== null && other.role === one.role ? { ...other, role: null } : other));
  return [...others, one].sort((a, b) => a.name.localeCompare(b.name));
}

export function toFile(layouts: readonly Layout[]): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, layouts }, null, 2)}\n`;
}

/** What `toFile` wrote. Throws an Error with one sentence where it is something else. */
export function fromFile(text: string): Layout[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("This file is no JSON.");
  }
  const { format, version, layouts } = record(value);
  if (format !== FORMAT) throw new Error("This file holds no layouts of this viewer.");
  if (version !== 1) throw new Error(`This file holds layouts of version ${String(version)}; this viewer knows version 1.`);
  if (!Array.isArray(layouts) || layouts.length > MOST) throw new Error(`This file must hold a list of at most ${MOST} layouts.`);
  return layouts.map((one, i) => readLayout(record(one), i));
}

function readLayout(one: Record<string, unknown>, i: number): Layout {
  const { name, role, theme } = one;
  if (typeof name !== "string" || !name.trim()) throw new Error(`Layout ${i + 1} of this file has no name.`);
  const [open, sizes] = [record(one.open), record(one.sizes)];
  const panel = (side: Side): string | null => (typeof open[side] === "string" ? open[side] : null);
  const size = (side: Side): number => Math.round(Math.min(LARGEST, Math.max(SMALLEST, Number(sizes[side]) || 280)));
  return {
    name: name.trim().slice(0, MOST_NAME),
    role: typeof role === "string" && role ? role : null,
    open: { left: panel("left"), right: panel("right"), bottom: panel("bottom") },
    places: placesFrom(one.places),
    sizes: Object.fromEntries(SIDES.map((side) => [side, size(side)])) as Record<Side, number>,
    theme: theme === "light" || theme === "system" ? theme : "dark",
    extra: record(one.extra),
  };
}

/** Sides by panel; what is no side is left out. */
export function placesFrom(value: unknown): Record<string, Side> {
  const told = Object.entries(record(value)).filter(([, side]) => SIDES.includes(side as Side));
  return Object.fromEntries(told) as Record<string, Side>;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
