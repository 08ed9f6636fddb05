/** Which layers are shown, for which prims and signals: plain data as it is kept, and what of the scene it means. No DOM. */

export type ColorMap = "viridis" | "cividis" | "magma" | "coolwarm";
export const COLOR_MAPS: readonly ColorMap[] = ["viridis", "cividis", "magma", "coolwarm"];
export type ArrowsOf = "motion" | "rate" | "vector";

/** Of each layer: whether it is shown, below which prim ("" everywhere), and of which signals ("" all; `*` any characters). */
export interface Layer {
  readonly on: boolean;
  readonly under: string;
  readonly signals: string;
}

export interface Layers {
  readonly tags: Layer & { readonly behind: boolean };
  readonly color: Layer & { readonly map: ColorMap; readonly range: readonly [number, number] | null; readonly of: string };
  readonly icons: Layer;
  readonly arrows: Layer & { readonly of: ArrowsOf };
  readonly trails: Layer & { readonly seconds: number };
  /** `of`: which numbers, by their unit (see numbers.ts); "" those that most prims have. */
  readonly heat: Layer & { readonly map: ColorMap; readonly of: string };
  readonly entities: Layer;
  readonly overlays: Layer;
}

export type LayerName = keyof Layers;

const OFF: Layer = { on: false, under: "", signals: "" };

export const START: Layers = {
  tags: { ...OFF, behind: false },
  color: { ...OFF, map: "viridis", range: null, of: "" },
  icons: OFF,
  arrows: { ...OFF, of: "motion" },
  trails: { ...OFF, seconds: 10 },
  heat: { ...OFF, map: "magma", of: "" },
  entities: OFF,
  overlays: { ...OFF, on: true },
};

type Json = Record<string, unknown>;

/** Settings from what was kept; what is not understood is as at first. */
export function layersFrom(kept: unknown): Layers {
  const told = object(kept);
  const read = <T extends Layer>(name: LayerName, more: (told: Json) => Omit<T, keyof Layer>): T => {
    const start = START[name];
    const one = object(told[name]);
    return {
      on: typeof one.on === "boolean" ? one.on : start.on,
      under: typeof one.under === "string" ? one.under : "",
      signals: typeof one.signals === "string" ? one.signals : "",
      ...more(one),
    } as T;
  };
  const map = (one: Json, usual: ColorMap): ColorMap => (COLOR_MAPS.includes(one.map as ColorMap) ? (one.map as ColorMap) : usual);
  return {
    tags: read<Layers["tags"]>("tags", (one) => ({ behind: one.behind === true })),
    color: read<Layers["color"]>("color", (one) => ({ map: map(one, "viridis"), range: rangeFrom(one.range), of: textFrom(one.of) })),
    icons: read<Layer>("icons", () => ({})),
    arrows: read<Layers["arrows"]>("arrows", (one) => ({ of: one.of === "rate" || one.of === "vector" ? one.of : "motion" })),
    trails: read<Layers["trails"]>("trails", (one) => ({ seconds: within(one.seconds, 1, 120, 10) })),
    heat: read<Layers["heat"]>("heat", (one) => ({ map: map(one, "magma"), of: textFrom(one.of) })),
    entities: read<Layer>("entities", () => ({})),
    overlays: read<Layer>("overlays", () => ({})),
  };
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function textFrom(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function within(value: unknown, low: number, high: number, usual: number): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : usual;
}

function rangeFrom(value: unknown): readonly [number, number] | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [low, high] = value as unknown[];
  return typeof low === "number" && typeof high === "number" && low < high ? [low, high] : null;
}

/** Whether a signal's id fits a pattern: `*` stands for any characters, several patterns are parted by spaces or commas. */
export function fits(pattern: string): (id: string) => boolean {
  const parts = pattern.split(/[\s,]+/).filter(Boolean);
  if (parts.length === 0) return () => true;
  const whole = parts.map((part) => new RegExp(`^${part.split("*").map(escape).join(".*")}$`));
  return (id) => whole.some((one) => one.test(id));
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

export function isUnder(path: string, area: string): boolean {
  return area === "" || area === "/" || path === area || path.startsWith(`${area}/`) || path.startsWith(`${area}[`);
}

/** A prim and those of its signals that a layer is about. */
export interface Target {
  readonly path: string;
  readonly signals: readonly string[];
}

/** Prims that have signals of a layer, in the order of their paths. */
export function targetsOf(layer: Layer, bindings: Readonly<Record<string, readonly string[]>>): Target[] {
  const fit = fits(layer.signals);
  return Object.entries(bindings)
    .filter(([path]) => isUnder(path, layer.under))
    .map(([path, ids]) => ({ path, signals: ids.filter(fit) }))
    .filter(({ signals }) => signals.length > 0)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is behind an id's last dot, as words: `motor.winding_temperature` is "winding temperature". */
export function shortName(id: string): string {
  return id.slice(id.lastIndexOf(".") + 1).replaceAll("_", " ");
}
