/** Lengths and axes as the stage was authored in; the page itself has metres, Z up. Pure. */

const NAMES: readonly (readonly [metres: number, name: string])[] = [
  [1, "m"],
  [0.01, "cm"],
  [0.001, "mm"],
  [0.0254, "in"],
  [0.3048, "ft"],
  [1000, "km"],
];

export class StageUnits {
  constructor(
    readonly metresPerUnit: number,
    readonly upAxis: string,
  ) {}

  /** "cm", or "units" where the unit has no common name. */
  get name(): string {
    const found = NAMES.find(([metres]) => Math.abs(metres - this.metresPerUnit) < 1e-9 * metres + 1e-12);
    return found ? found[1] : "units";
  }

  get isMetres(): boolean {
    return this.name === "m";
  }

  length(metres: number): number {
    return metres / this.metresPerUnit;
  }

  /** A point or difference of the page's world, in the stage's units and axes. */
  vector([x, y, z]: readonly number[]): [number, number, number] {
    const v: [number, number, number] = this.upAxis === "Y" ? [x, z, -y] : [x, y, z];
    return [this.length(v[0]) || 0, this.length(v[1]) || 0, this.length(v[2]) || 0];
  }

  /** What the stage calls the axis that is the page's x, y or z, and whether it points the other way. */
  axis(c: 0 | 1 | 2): { readonly name: string; readonly sign: 1 | -1 } {
    if (this.upAxis !== "Y") return { name: "XYZ"[c], sign: 1 };
    return [{ name: "X", sign: 1 } as const, { name: "Z", sign: -1 } as const, { name: "Y", sign: 1 } as const][c];
  }

  /** Stage units a step of a grid whose lines are at least so far apart [m]: 1, 2 or 5 times a power of ten. */
  step(metres: number): number {
    const least = Math.max(1e-9, this.length(metres));
    const power = 10 ** Math.floor(Math.log10(least));
    const factor = [1, 2, 5, 10].find((f) => f * power >= least * (1 - 1e-9)) ?? 10;
    return Number((factor * power).toPrecision(3));
  }
}

/** Up to so many digits after the point, no trailing zeros, a real minus sign. */
export function plainNumber(value: number, digits = 3): string {
  const text = value.toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return /^-0(\.0*)?$/.test(text) ? "0" : text.replace("-", "−");
}
