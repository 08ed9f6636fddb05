"""The grammar of UCUM, the unified code for units of measure (case-sensitive form), as far as telemetry needs it.

    term      := ['/'] component (('.' | '/') component)*
    component := (symbol [exponent] | integer | '(' term ')') [annotation]
    symbol    := [prefix] atom           atom is one of ATOMS; a prefix only where the atom is metric
    annotation:= '{' anything '}'        carries no meaning

Atoms are named as the units library names them; this module knows only text, never a factor. `deg` and `rad` keep a
dimension of their own, angle, so that degrees can never slip into a ratio or a length.
"""

import re
from collections.abc import Iterator

PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

METRIC = {
    "m": "meter", "g": "gram", "s": "second", "A": "ampere", "K": "kelvin", "mol": "mole", "cd": "candela",
    "rad": "radian", "Hz": "hertz", "N": "newton", "Pa": "pascal", "J": "joule", "W": "watt", "V": "volt",
    "C": "coulomb", "F": "farad", "Ohm": "ohm", "S": "siemens", "Wb": "weber", "T": "tesla", "H": "henry",
    "Bq": "becquerel", "Gy": "gray", "Sv": "sievert", "lm": "lumen", "lx": "lux", "L": "liter", "l": "liter",
    "bar": "bar", "t": "metric_ton", "eV": "electron_volt", "cal": "calorie", "By": "byte", "bit": "bit",
}  # fmt: skip

PLAIN = {
    "1": "dimensionless", "%": "percent", "[ppm]": "ppm", "deg": "degree", "'": "arcminute", "''": "arcsecond",
    "circ": "turn", "gon": "grade", "min": "minute", "h": "hour", "d": "day", "wk": "week", "a": "julian_year",
    "har": "hectare", "[in_i]": "inch", "[ft_i]": "foot", "[yd_i]": "yard", "[mi_i]": "mile", "[nmi_i]": "nautical_mile",
    "[kn_i]": "knot", "[lb_av]": "pound", "[oz_av]": "ounce", "[lbf_av]": "force_pound", "[psi]": "psi",
    "[gal_us]": "gallon", "[HP]": "horsepower", "[Btu_IT]": "british_thermal_unit", "atm": "standard_atmosphere",
    "mm[Hg]": "millimeter_Hg", "[g]": "standard_gravity",
}  # fmt: skip

ATOMS = METRIC | PLAIN

OFFSET = {"Cel": "degC", "[degF]": "degF", "[degRe]": "degRe"}
"""Scales with an offset: they stand alone, never in a product, a power or behind a prefix."""

HINTS = {
    "{rpm}": "/min (a frequency) or circ/min (an angular velocity)",
    "rpm": "/min (a frequency) or circ/min (an angular velocity)",
    "RPM": "/min (a frequency) or circ/min (an angular velocity)",
    "degC": "Cel", "°C": "Cel", "celsius": "Cel", "Celsius": "Cel", "degF": "[degF]", "°F": "[degF]", "°": "deg",
    "degree": "deg", "degrees": "deg", "radian": "rad", "radians": "rad", "meter": "m", "meters": "m",
    "metre": "m", "metres": "m", "millimeter": "mm", "sec": "s", "second": "s", "seconds": "s", "hour": "h",
    "hr": "h", "minute": "min", "psi": "[psi]", "ft": "[ft_i]", "in": "[in_i]", "inch": "[in_i]", "lb": "[lb_av]",
    "lbs": "[lb_av]", "kph": "km/h", "kmh": "km/h", "mph": "[mi_i]/h", "knot": "[kn_i]", "kn": "[kn_i]",
    "percent": "%", "ppm": "[ppm]", "none": "1", "": "1", "-": "1", "ratio": "1", "ohm": "Ohm", "Ω": "Ohm",
    "µm": "um", "μm": "um", "hz": "Hz", "HZ": "Hz", "mmHg": "mm[Hg]", "hp": "[HP]", "kelvin": "K",
    "g_n": "[g]", "kw": "kW", "KW": "kW", "Kw": "kW", "amp": "A", "volt": "V", "watt": "W",
}  # fmt: skip

_TOKEN = re.compile(r"\{[^{}]*\}|[./()]|10\*[+-]?\d+|(?:[A-Za-z%']|\[[A-Za-z_]+\])+[+-]?\d*|\d+")


class UcumError(ValueError):
    """The code is not UCUM; the message is the reason, in a few words."""


def parse(code: str) -> Iterator[tuple[str, int, int]]:
    """Factors of a code as (atom, power of ten, exponent).

    `km/h` gives ("m", 3, 1), ("h", 0, -1). Offset scales are not parsed here. Raises UcumError.
    """
    tokens = _tokens(code)
    factors, rest = _term(tokens, 1, code)
    if rest:
        raise UcumError(f"unexpected {rest[0]!r}")
    return iter(factors)


def _tokens(code: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None:
            raise UcumError(f"unexpected {code[at]!r}")
        at = match.end()
        tokens.append(match.group())
    return tokens


def _term(tokens: list[str], sign: int, code: str) -> tuple[list[tuple[str, int, int]], list[str]]:
    factors: list[tuple[str, int, int]] = []
    sense = sign
    if tokens and tokens[0] == "/":
        sense, tokens = -sign, tokens[1:]
    while True:
        part, tokens = _component(tokens, sense, code)
        factors += part
        if not tokens or tokens[0] not in "./":
            return factors, tokens
        sense = sign if tokens[0] == "." else -sign
        tokens = tokens[1:]


def _component(tokens: list[str], sense: int, code: str) -> tuple[list[tuple[str, int, int]], list[str]]:
    if not tokens:
        raise UcumError("a unit is missing at the end")
    head, rest = tokens[0], tokens[1:]
    if head == "(":
        factors, rest = _term(rest, sense, code)
        if not rest or rest[0] != ")":
            raise UcumError("a bracket is not closed")
        rest = rest[1:]
    elif head.startswith("{"):
        return [("1", 0, 1)], rest
    elif head in {".", "/", ")"}:
        raise UcumError(f"unexpected {head!r}")
    else:
        factors = [_factor(head, sense)]
    if rest and rest[0].startswith("{"):
        rest = rest[1:]
    return factors, rest


def _factor(token: str, sense: int) -> tuple[str, int, int]:
    if token.startswith("10*"):
        return "1", int(token[3:]) * sense, 1
    if token.isdigit():
        if token.strip("0") == "1":  # 1, 10, 100, ...
            return "1", (len(token) - 1) * sense, 1
        raise UcumError(f"the number {token}; only 1 and powers of ten (10*3) are supported")
    match = re.fullmatch(r"(.*?)([+-]?\d+)?", token)
    assert match is not None
    symbol, exponent = match.group(1), int(match.group(2) or 1) * sense
    if symbol in ATOMS:
        return symbol, 0, exponent
    for length in (1, 2):
        prefix, atom = symbol[:length], symbol[length:]
        if prefix in PREFIXES and atom in METRIC:
            return atom, PREFIXES[prefix], exponent
    raise UcumError(f"unknown symbol {symbol!r}")
