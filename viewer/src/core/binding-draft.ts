/**
 * A binding as it is put together by hand: what it drives, by which signal, and what that looks like now. Pure.
 *
 * What it says is what a bindings file says (docs/commands.md, `bind`); `effectOf` shows the same by the same arithmetic.
 */
import { anglesOf, rotationOf, timesQuaternion, type Trs } from "./trs.ts";

export type Drives =
  | "x"
  | "y"
  | "z"
  | "roll"
  | "pitch"
  | "yaw"
  | "scaleX"
  | "scaleY"
  | "scaleZ"
  | "turn"
  | "slide"
  | "visibility"
  | "color"
  | "attribute";

export const DRIVES: readonly { readonly value: Drives; readonly title: string; readonly group: string }[] = [
  { value: "x", title: "Position x", group: "Position" },
  { value: "y", title: "Position y", group: "Position" },
  { value: "z", title: "Position z", group: "Position" },
  { value: "roll", title: "Turn about x (roll)", group: "Rotation" },
  { value: "pitch", title: "Turn about y (pitch)", group: "Rotation" },
  { value: "yaw", title: "Turn about z (yaw)", group: "Rotation" },
  { value: "turn", title: "Joint: turn about an axis", group: "Joint" },
  { value: "slide", title: "Joint: slide along an axis", group: "Joint" },
  { value: "scaleX", title: "Scale x", group: "Scale" },
  { value: "scaleY", title: "Scale y", group: "Scale" },
  { value: "scaleZ", title: "Scale z", group: "Scale" },
  { value: "visibility", title: "Shown or hidden", group: "Look" },
  { value: "color", title: "Colour by value", group: "Look" },
  { value: "attribute", title: "An attribute", group: "Data" },
];

export interface Draft {
  /** A prim, or a point such as "/Cell/Parcels[3]". */
  readonly path: string;
  readonly signal: string;
  readonly drives: Drives;
  /** What is driven = value (SI) * scale + offset. */
  readonly scale: number;
  readonly offset: number;
  readonly frame: "parent" | "world";
  readonly axis: "X" | "Y" | "Z";
  /** Of `visibility` and `color`: the unit of threshold and stops, a UCUM code; value in it = (SI - offset) / scale. */
  readonly unit: { readonly contractUnit: string; readonly unitScale: number; readonly unitOffset: number };
  readonly threshold: number;
  readonly invert: boolean;
  /** Of `color`: [value, #rrggbb], rising. */
  readonly stops: readonly (readonly [number, string])[];
  readonly attribute: string;
}

export function draftFor(path: string): Draft {
  return {
    path,
    signal: "",
    drives: "x",
    scale: 1,
    offset: 0,
    frame: "parent",
    axis: "Z",
    unit: { contractUnit: "1", unitScale: 1, unitOffset: 0 },
    threshold: 0.5,
    invert: false,
    stops: [
      [0, "#2f7f5f"],
      [1, "#e02810"],
    ],
    attribute: "twin:value",
  };
}

const AXES: Partial<Record<Drives, "x" | "y" | "z" | "roll" | "pitch" | "yaw">> = {
  x: "x",
  y: "y",
  z: "z",
  roll: "roll",
  pitch: "pitch",
  yaw: "yaw",
  scaleX: "x",
  scaleY: "y",
  scaleZ: "z",
};

/** What is wrong with a draft, in a sentence; null: it can be saved. */
export function problemOf(draft: Draft): string | null {
  if (draft.path === "") return "Select the prim that is to be driven.";
  if (draft.signal === "") return "Choose a signal.";
  if (!Number.isFinite(draft.scale) || !Number.isFinite(draft.offset)) return "Factor and offset have to be numbers.";
  const point = isPoint(draft.path);
  if (point && !["x", "y", "z", "roll", "pitch", "yaw", "scaleX", "scaleY", "scaleZ"].includes(draft.drives))
    return "Of a point of an instancer, position, rotation and scale can be driven.";
  if (draft.drives === "color") {
    if (draft.stops.length === 0) return "A colour needs at least one stop.";
    if (draft.stops.some(([value], k) => !Number.isFinite(value) || (k > 0 && value <= draft.stops[k - 1][0])))
      return "The values of the colours have to rise.";
  }
  if (draft.drives === "attribute" && !/^[A-Za-z_][\w:]*$/.test(draft.attribute)) return "Name the attribute.";
  return null;
}

function isPoint(path: string): boolean {
  return /\[-?\d+\]$/.test(path);
}

/** Ids that an expression takes as they are; others are quoted. */
const PLAIN_ID = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** The number or expression that drives: the signal alone where it is taken as it is. */
function driven({ signal, scale, offset }: Draft): string {
  if (scale === 1 && offset === 0) return signal;
  const name = PLAIN_ID.test(signal) ? signal : `signal(${JSON.stringify(signal)})`;
  const scaled = scale === 1 ? name : `${name} * ${number(scale)}`;
  return offset === 0 ? scaled : `${scaled} ${offset < 0 ? "-" : "+"} ${number(Math.abs(offset))}`;
}

function number(value: number): string {
  const text = String(value);
  return value < 0 ? `(${text})` : text;
}

/** One value, as `signal` or `expr`. */
function oneValue(draft: Draft): { signal: string } | { expr: string } {
  const text = driven(draft);
  return text === draft.signal ? { signal: text } : { expr: text };
}

/** The fields of the binding. */
export function bindingOf(draft: Draft): Record<string, unknown> {
  const point = /^(.*)\[(-?\d+)\]$/.exec(draft.path);
  const target = point ? { prim: point[1], id: Number(point[2]) } : { prim: draft.path };
  const kind = point ? "instance" : "pose";
  const frame = draft.frame === "world" ? { frame: "world" } : {};
  const axis = AXES[draft.drives];
  const unit = draft.unit.contractUnit === "1" ? {} : { unit: draft.unit.contractUnit };
  switch (draft.drives) {
    case "x":
    case "y":
    case "z":
      return { kind, ...target, ...frame, position: { [axis as string]: driven(draft) } };
    case "roll":
    case "pitch":
    case "yaw":
      return { kind, ...target, ...frame, rotation: { [axis as string]: driven(draft) } };
    case "scaleX":
    case "scaleY":
    case "scaleZ":
      return { kind, ...target, scale: { [axis as string]: driven(draft) } };
    case "turn":
    case "slide":
      return { kind: "joint", ...target, ...jointValue(draft), axis: draft.axis, motion: draft.drives === "turn" ? "rotate" : "slide" };
    case "visibility":
      return {
        kind: "visibility",
        ...target,
        ...oneValue(draft),
        ...unit,
        ...(draft.threshold === 0.5 ? {} : { threshold: draft.threshold }),
        ...(draft.invert ? { invert: true } : {}),
      };
    case "color":
      return { kind: "style", ...target, ...oneValue(draft), ...unit, colormap: draft.stops.map(([value, color]) => [value, color]) };
    case "attribute":
      return { kind: "attribute", ...target, ...oneValue(draft), attribute: draft.attribute };
  }
}

/** A joint has a sign and an offset of its own; any other factor makes an expression. */
function jointValue(draft: Draft): Record<string, unknown> {
  if (Math.abs(draft.scale) !== 1) return oneValue(draft);
  return {
    signal: draft.signal,
    ...(draft.scale < 0 ? { sign: -1 } : {}),
    ...(draft.offset === 0 ? {} : { offset: draft.offset }),
  };
}

export interface Effect {
  readonly pose?: Trs;
  readonly visible?: boolean;
  readonly rgba?: [number, number, number, number];
}

/** What the target looks like at a value (SI). `authored`: its pose to its parent in the files. World frames are not shown. */
export function effectOf(draft: Draft, value: number, authored: Trs): Effect {
  const shown = value * draft.scale + draft.offset;
  if (!Number.isFinite(shown)) return {};
  const axis = "xyz".indexOf(AXES[draft.drives] ?? "");
  const turn = ["roll", "pitch", "yaw"].indexOf(AXES[draft.drives] ?? "");
  const inUnit = (shown - draft.unit.unitOffset) / draft.unit.unitScale;
  if (draft.drives === "visibility") return { visible: inUnit >= draft.threshold !== draft.invert };
  if (draft.drives === "color") return { rgba: colorAt(draft.stops, inUnit) };
  if (draft.drives === "attribute") return {};
  if (draft.drives === "turn" || draft.drives === "slide") return { pose: joint(draft, shown, authored) };
  if (turn >= 0) {
    const angles = anglesOf(authored.rotation);
    angles[turn] = shown;
    return { pose: { ...authored, rotation: rotationOf(...angles) } };
  }
  const part = draft.drives.startsWith("scale") ? "scale" : "position";
  const vector: [number, number, number] = [...authored[part]];
  vector[axis] = shown;
  return { pose: { ...authored, [part]: vector } };
}

/** The authored pose, turned about or slid along an axis of its own frame. */
function joint(draft: Draft, q: number, authored: Trs): Trs {
  const k = "XYZ".indexOf(draft.axis);
  const unit: [number, number, number] = [Number(k === 0), Number(k === 1), Number(k === 2)];
  if (draft.drives === "turn") {
    const half = Math.sin(q / 2);
    const step: [number, number, number, number] = [Math.cos(q / 2), unit[0] * half, unit[1] * half, unit[2] * half];
    return { ...authored, rotation: timesQuaternion(authored.rotation, step) };
  }
  const along = rotated(authored.rotation, unit.map((value, i) => value * authored.scale[i] * q) as [number, number, number]);
  return { ...authored, position: authored.position.map((value, i) => value + along[i]) as [number, number, number] };
}

function rotated(
  q: readonly [number, number, number, number],
  v: readonly [number, number, number],
): [number, number, number] {
  const p = timesQuaternion(timesQuaternion(q, [0, ...v]), [q[0], -q[1], -q[2], -q[3]]);
  return [p[1], p[2], p[3]];
}

/** Piecewise linear in sRGB between the stops, as a style binding has it. */
export function colorAt(stops: readonly (readonly [number, string])[], value: number): [number, number, number, number] {
  const bytes = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  let after = stops.findIndex(([stop]) => stop > value);
  if (after < 0) after = stops.length;
  if (after === 0) return [...bytes(stops[0][1]), 255] as [number, number, number, number];
  if (after === stops.length) return [...bytes(stops[after - 1][1]), 255] as [number, number, number, number];
  const [low, high] = [stops[after - 1], stops[after]];
  const t = (value - low[0]) / (high[0] - low[0]);
  const [a, b] = [bytes(low[1]), bytes(high[1])];
  return [...a.map((from, k) => Math.round(from + t * (b[k] - from))), 255] as [number, number, number, number];
}
