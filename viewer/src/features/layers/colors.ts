/**
 * Colours for values, on scales whose steps look equal: viridis, cividis, magma (matplotlib's, CC0) and Moreland's cool to warm for
 * what has a middle. No DOM.
 */
import type { ColorMap } from "./settings.ts";

const STOPS: Readonly<Record<ColorMap, readonly string[]>> = {
  viridis: ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"],
  cividis: ["00204d", "00336f", "39486b", "575c6d", "707173", "8a8779", "a69d75", "c4b56c", "e4cf5b", "ffea46"],
  magma: ["000004", "180f3d", "440f76", "721f81", "9e2f7f", "cd4071", "f1605d", "fd9668", "feca8d", "fcfdbf"],
  coolwarm: ["3b4cc0", "5d7ce6", "82a6fb", "a7c5fe", "c9d8f0", "e2dad5", "f3c4ad", "f5a081", "e16852", "b40426"],
};

const TABLES = new Map(
  Object.entries(STOPS).map(([name, stops]) => [
    name,
    stops.map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))),
  ]),
);

/** sRGB, 0 to 255, at a place from 0 to 1 of the scale; beyond it the end. */
export function colorAt(map: ColorMap, at: number): [number, number, number] {
  const stops = TABLES.get(map) as number[][];
  const place = Math.min(1, Math.max(0, at)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  return [0, 1, 2].map((c) => Math.round(stops[low][c] + (place - low) * (stops[low + 1][c] - stops[low][c]))) as [
    number,
    number,
    number,
  ];
}

/** Where a value lies in a range, 0 to 1; the middle where the range is a point. */
export function placeIn(value: number, [low, high]: readonly [number, number]): number {
  return high > low ? (value - low) / (high - low) : 0.5;
}

/** sRGB byte to linear light. */
export function linear(byte: number): number {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

/** A range that has seen all values so far: it grows, and never shrinks by itself, so that a colour keeps its meaning. */
export function grown(range: readonly [number, number] | null, values: Iterable<number>): readonly [number, number] | null {
  let [low, high] = range ?? [Infinity, -Infinity];
  for (const value of values)
    if (Number.isFinite(value)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  if (low > high) return null;
  return range && range[0] === low && range[1] === high ? range : [low, high];
}
