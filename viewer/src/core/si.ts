/** SI values of what contracts say in other units, as far as limits of alarms need them. Pure. */

const TO_SI: Readonly<Record<string, readonly [scale: number, offset: number]>> = {
  Cel: [1, 273.15],
  "[degF]": [5 / 9, 273.15 - 160 / 9],
  "%": [0.01, 0],
  mm: [0.001, 0],
  cm: [0.01, 0],
  km: [1000, 0],
  um: [1e-6, 0],
  "mm/s": [0.001, 0],
  "km/h": [1 / 3.6, 0],
  deg: [Math.PI / 180, 0],
  "deg/s": [Math.PI / 180, 0],
  "{rpm}": [Math.PI / 30, 0],
  ms: [0.001, 0],
  min: [60, 0],
  h: [3600, 0],
  kW: [1000, 0],
  mA: [0.001, 0],
  kV: [1000, 0],
  mV: [0.001, 0],
  bar: [1e5, 0],
  mbar: [100, 0],
  kPa: [1000, 0],
  MPa: [1e6, 0],
  g: [0.001, 0],
  t: [1000, 0],
  L: [0.001, 0],
};

/** A value of that unit in `siUnit`; null where the unit is not known here. */
export function toSi(value: number, unit: string, siUnit: string): number | null {
  if (unit === siUnit) return value;
  const known = TO_SI[unit];
  return known ? value * known[0] + known[1] : null;
}
