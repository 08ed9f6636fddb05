/** Units as people read them: UCUM codes in print, and in which unit a number is shown. Pure. */

/** What the API tells of a signal's unit: SI = written * scale + offset. */
export interface UnitFacts {
  readonly contractUnit: string;
  readonly unitScale: number;
  readonly unitOffset: number;
}

/** Shown = SI * scale + offset. */
export interface Display {
  readonly unit: string;
  readonly scale: number;
  readonly offset: number;
}

/** UCUM codes that are not printed as they are written (ucum.org). */
const PRINTED: Readonly<Record<string, string>> = {
  "1": "",
  Cel: "°C",
  "[degF]": "°F",
  "[degRe]": "°Ré",
  deg: "°",
  "'": "′",
  "''": "″",
  Ohm: "Ω",
  "[psi]": "psi",
  "[in_i]": "in",
  "[ft_i]": "ft",
  "[yd_i]": "yd",
  "[mi_i]": "mi",
  "[lb_av]": "lb",
  "[oz_av]": "oz",
  "[lbf_av]": "lbf",
  "[gal_us]": "gal",
  "[pH]": "pH",
  "[ppm]": "ppm",
  "[ppth]": "‰",
  "m[H2O]": "mH₂O",
  "m[Hg]": "mHg",
  "dB[SPL]": "dB",
  "B[SPL]": "B",
};
const PREFIXES = "YZEPTGMkhdcmunpfazy";
/** Units that take the prefix of a millionth. */
const MICRO = /^u(?=(m|g|s|A|V|W|F|H|L|l|C|N|Pa|Hz|S|T|bar|mol|rad|Ohm)$)/;
const RAISED: Readonly<Record<string, string>> = {
  ...{ "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴" },
  ...{ "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹" },
};

/** A UCUM code as it is printed: `Cel` is °C, `m3/h` m³/h, `{rev}/min` rev/min. */
export function printedUnit(code: string): string {
  const whole = PRINTED[code];
  if (whole !== undefined) return whole;
  const text = code
    .split(/([./()])/)
    .map((part) => (part === "." ? "·" : /^[/()]$/.test(part) ? part : factor(part)))
    .join("");
  return text.startsWith("/") ? `1${text}` : text;
}

/** One factor of a unit, such as `uOhm`, `s-2`, `10*3`, `{rpm}`, `kg{dry}`. */
function factor(text: string): string {
  const power = /^10[*^]([+-]?\d+)$/.exec(text);
  if (power) return `10${raised(power[1])}`;
  const [, bare, exponent, note] = /^(.*?)([+-]?\d+)?(\{[^}]*\})?$/.exec(text) ?? [text, text, undefined, undefined];
  if (bare === "" && exponent === undefined) return note?.slice(1, -1) ?? "";
  if (bare === "") return exponent ?? "";
  return atom(bare) + (exponent === undefined ? "" : raised(exponent));
}

function atom(text: string): string {
  const known = PRINTED[text];
  if (known !== undefined) return known;
  if (PREFIXES.includes(text[0]) && PRINTED[text.slice(1)] !== undefined && text.length > 2)
    return (text[0] === "u" ? "µ" : text[0]) + PRINTED[text.slice(1)];
  const inner = /^\[([A-Za-z0-9]+)(?:_[a-z]+)?\]$/.exec(text);
  return inner ? inner[1] : text.replace(MICRO, "µ");
}

function raised(digits: string): string {
  return [...digits.replace("+", "")].map((one) => RAISED[one] ?? one).join("");
}

/** Canonical (SI) units that people read in another one, where the contract's is not known. */
const SHOWN: Readonly<Record<string, Display>> = {
  rad: { unit: "°", scale: 180 / Math.PI, offset: 0 },
  "rad/s": { unit: "°/s", scale: 180 / Math.PI, offset: 0 },
  K: { unit: "°C", scale: 1, offset: -273.15 },
};

/** The unit a value of that canonical unit is shown in, and how to convert to it. */
export function displayOf(unit: string): Display {
  return SHOWN[unit] ?? { unit: printedUnit(unit), scale: 1, offset: 0 };
}

/** The unit in which the contract has a signal. */
export function displayFrom({ contractUnit, unitScale, unitOffset }: UnitFacts): Display {
  return { unit: printedUnit(contractUnit), scale: 1 / unitScale, offset: -unitOffset / unitScale };
}
