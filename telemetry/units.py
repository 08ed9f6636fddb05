"""UCUM codes compiled to (scale, offset) towards SI, once, at load time.

`value_si = value * scale + offset`. The factors of single units come from pint, which is imported on the first use and
never on the hot path; products, powers and prefixes are composed here in exact fractions.
Angle counts as a dimension, so `deg` converts to `rad` but neither to `1` nor to `%`.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import Any

from twinstage.base.errors import UserError
from twinstage.telemetry import ucum

Dimension = tuple[tuple[str, int], ...]
"""Base dimensions with their exponents, sorted by SI base unit: (("m", 1), ("s", -1))."""

_BASE = {
    "[length]": "m", "[mass]": "kg", "[time]": "s", "[current]": "A", "[temperature]": "K", "[substance]": "mol",
    "[luminosity]": "cd", "[angle]": "rad",
}  # fmt: skip

_ANGLES = frozenset({"rad", "deg", "'", "''", "circ", "gon"})
_INFORMATION = frozenset({"bit", "By"})

_NAMED: dict[Dimension, str] = {
    (("kg", 1), ("m", 1), ("s", -2)): "N",
    (("kg", 1), ("m", -1), ("s", -2)): "Pa",
    (("kg", 1), ("m", 2), ("s", -2)): "J",
    (("kg", 1), ("m", 2), ("s", -3)): "W",
    (("A", -1), ("kg", 1), ("m", 2), ("s", -3)): "V",
    (("A", -2), ("kg", 1), ("m", 2), ("s", -3)): "Ohm",
    (("A", 1), ("s", 1)): "C",
    (("s", -1),): "Hz",
}


@dataclass(frozen=True, slots=True)
class Linear:
    """`y = x * scale + offset`."""

    scale: float
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        return value * self.scale + self.offset


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit ready for the hot path: `value_si = value * scale + offset`.

    Attributes:
        code: the UCUM code as written.
        scale, offset: towards SI.
        dimension: for people and for comparison, such as `m.s-1`; `1` for a ratio.
        si: UCUM code of the SI unit that values are held in, such as `m`, `rad`, `Pa`, `m/s`, `1`.
    """

    code: str
    scale: float
    offset: float
    dimension: str
    si: str

    def to_si(self, value: float) -> float:
        return value * self.scale + self.offset

    def from_si(self, value: float) -> float:
        return (value - self.offset) / self.scale


@lru_cache(maxsize=4096)
def compile_unit(code: str) -> Unit:
    """The unit of a UCUM code. Raises UserError (one sentence, with a near miss) for a code that is not one."""
    if code in ucum.OFFSET:
        scale, offset = _offset_scale(ucum.OFFSET[code])
        return Unit(code, scale, offset, "K", "K")
    if code in ucum.HINTS:
        raise UserError(f"unit {code!r} is not a UCUM code; write {ucum.HINTS[code]}")
    try:
        scale, dimension = _compose(code)
    except ucum.UcumError as error:
        raise UserError(f"unit {code!r} is not a UCUM code: {error}{_near(code)}") from None
    return Unit(code, scale, 0.0, _product(dimension), _si_code(dimension))


def convert(from_code: str, to_code: str) -> Linear:
    """The map from values in one unit to values in another.

    Raises UserError if either is no UCUM code or the dimensions differ.
    """
    source, target = compile_unit(from_code), compile_unit(to_code)
    require_same(source, target)
    if source == target:
        return Linear(1.0, 0.0)
    return Linear(source.scale / target.scale, (source.offset - target.offset) / target.scale)


def require_same(source: Unit, target: Unit) -> None:
    """Raise UserError unless both measure the same thing."""
    if source.dimension != target.dimension:
        raise UserError(
            f"unit {source.code!r} measures {_noun(source)} and cannot become {target.code!r}, "
            f"which measures {_noun(target)}"
        )


_NOUNS = {
    "1": "a ratio", "m": "a length", "rad": "an angle", "s": "a time", "kg": "a mass", "K": "a temperature",
    "A": "a current", "m.s-1": "a speed", "rad.s-1": "an angular velocity", "s-1": "a frequency", "m2": "an area",
    "m3": "a volume", "m.s-2": "an acceleration", "kg.m-1.s-2": "a pressure", "kg.m.s-2": "a force",
    "kg.m2.s-2": "an energy or torque", "kg.m2.s-3": "a power", "A-1.kg.m2.s-3": "a voltage",
}  # fmt: skip


def _noun(unit: Unit) -> str:
    return _NOUNS.get(unit.dimension, unit.dimension)


def _compose(code: str) -> tuple[float, Dimension]:
    exact = Fraction(1)
    powers: dict[str, int] = {}
    for atom, ten, exponent in ucum.parse(code):
        factor, dimension = _atom(atom)
        if abs(exponent) > 20 or abs(ten) > 99:
            raise ucum.UcumError("the exponent is too large")
        exact *= (Fraction(10) ** ten * factor) ** exponent
        for base, power in dimension:
            powers[base] = powers.get(base, 0) + power * exponent
    try:
        scale = float(exact)
    except OverflowError:
        scale = 0.0
    if scale == 0.0:
        raise ucum.UcumError("its factor is too large or too small for a number")
    return scale, tuple(sorted((base, power) for base, power in powers.items() if power))


@lru_cache(maxsize=256)
def _atom(atom: str) -> tuple[Fraction, Dimension]:
    quantity = _registry().Quantity(Fraction(1), ucum.ATOMS[atom]).to_base_units()
    magnitude = Fraction(quantity.magnitude)
    dimension = {str(base): int(power) for base, power in quantity.dimensionality.items()}
    if atom in _ANGLES:  # to pint an angle is a bare number
        dimension = {"[angle]": 1}
    elif set(dimension) - set(_BASE) or atom in _INFORMATION:
        return magnitude, (("bit", 1),)
    return magnitude, tuple(sorted((_BASE[base], power) for base, power in dimension.items()))


def _offset_scale(pint_name: str) -> tuple[float, float]:
    registry = _registry()
    zero = float(registry.Quantity(Fraction(0), pint_name).to("kelvin").magnitude)
    step = float(registry.Quantity(Fraction(1), f"delta_{pint_name}").to("kelvin").magnitude)
    return step, zero


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


def _product(dimension: Dimension) -> str:
    return ".".join(f"{base}{power if power != 1 else ''}" for base, power in dimension) or "1"


def _si_code(dimension: Dimension) -> str:
    if dimension in _NAMED:
        return _NAMED[dimension]
    above = [(base, power) for base, power in dimension if power > 0]
    below = [(base, -power) for base, power in dimension if power < 0]
    if not dimension:
        return "1"
    if not above:
        return _product(dimension)
    return _product(tuple(above)) + "".join(f"/{_product((one,))}" for one in below)


def _near(code: str) -> str:
    known = [*ucum.ATOMS, *ucum.OFFSET, *ucum.HINTS]
    known += [prefix + atom for prefix in ("k", "m", "u", "c") for atom in ucum.METRIC]
    close = get_close_matches(code, known, n=1, cutoff=0.6)
    if not close:
        return " (known, for example: m, mm, deg, rad, s, Cel, K, A, V, bar, Pa, %, m/s, /min, 1)"
    return f"; did you mean {ucum.HINTS.get(close[0], close[0])!r}?"
