/** Colours of classes: quiet hues from green by blue to violet, and two that no class has. Pure. */
import type { Tint } from "../../core/appearance.ts";
import { AMBIGUOUS, type Standing, UNLABELLED } from "./standing.ts";

/** sRGB, 0 to 255. */
export type Rgb = readonly [number, number, number];
export const UNLABELLED_RGB: Rgb = [255, 45, 155];
export const AMBIGUOUS_RGB: Rgb = [255, 157, 0];
const GOLDEN = 0.61803398875;

/** By place in the sorted list, so that neighbours differ. */
export function classRgb(place: number): Rgb {
  return fromHsv(0.25 + 0.5 * ((place * GOLDEN) % 1), 0.55 - 0.15 * (place % 2), 0.88 - 0.16 * (place % 3));
}

export function rgbOf({ state, name }: Standing, classes: readonly string[]): Rgb {
  if (state === UNLABELLED) return UNLABELLED_RGB;
  return state === AMBIGUOUS ? AMBIGUOUS_RGB : classRgb(classes.indexOf(name));
}

/** The colour alone, whatever the material. */
export function tintOf(rgb: Rgb): Tint {
  const [r, g, b] = rgb.map((byte) => {
    const c = byte / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return [r, g, b, 1];
}

export function hexOf(rgb: Rgb): string {
  return `#${rgb.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function fromHsv(hue: number, saturation: number, value: number): Rgb {
  const channel = (n: number): number => {
    const k = (n + hue * 6) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}
