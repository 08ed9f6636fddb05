"""Which unit a value was probably written in, where it cannot be in the one that the contract names."""

import re
from functools import lru_cache

import numpy as np

from twinstage.base.errors import UserError
from twinstage.telemetry.columns import F8
from twinstage.telemetry.units import compile_unit, convert

COMMON = (
    "Cel", "[degF]", "K", "Pa", "kPa", "MPa", "bar", "mbar", "[psi]", "atm", "deg", "rad", "circ", "m", "mm", "cm", "km",
    "[in_i]", "[ft_i]", "s", "ms", "us", "min", "h", "m/s", "km/h", "mm/s", "[mi_i]/h", "[ft_i]/min", "circ/min", "rad/s",
    "deg/s", "Hz", "W", "kW", "[HP]", "A", "mA", "V", "mV", "kg", "g", "[lb_av]", "N", "kN", "[lbf_av]", "N.m", "m3/s",
    "m3/h", "L/min", "L/s", "[gal_us]/min", "%", "1", "m/s2", "[g]", "kW.h", "J", "L", "m3", "[gal_us]",
)  # fmt: skip
"""Units that plants write."""

LEAST_SHARE = 0.8
"""Of the values in question so many have to fit for a unit to be named."""

_SPELLED = {
    "degrees": "deg", "degree": "deg", "deg": "deg", "radians": "rad", "rad": "rad", "meters": "m", "metres": "m", "m": "m",
    "mm": "mm", "cm": "cm", "km": "km", "degc": "Cel", "°c": "Cel", "celsius": "Cel", "degf": "[degF]", "°f": "[degF]",
    "fahrenheit": "[degF]", "kelvin": "K", "psi": "[psi]", "bar": "bar", "kpa": "kPa", "mpa": "MPa", "pa": "Pa",
    "rpm": "circ/min", "m/s": "m/s", "km/h": "km/h", "rad/s": "rad/s", "deg/s": "deg/s", "m/s2": "m/s2", "m/s^2": "m/s2",
    "%": "%", "kw": "kW", "w": "W", "volt": "V", "volts": "V", "amps": "A", "ampere": "A", "hz": "Hz", "l/min": "L/min",
    "m3/h": "m3/h", "seconds": "s", "sec": "s", "ms": "ms",
}  # fmt: skip
_LETTERS = {
    "K": "K",
    "V": "V",
    "A": "A",
    "W": "W",
    "N": "N",
    "C": "Cel",
    "F": "[degF]",
    "s": "s",
    "g": "g",
    "kg": "kg",
}
_BRACKETS = re.compile(r"[(\[{]\s*([^()\[\]{}]{1,20})\s*[)\]}]\s*$")


def unit_of_header(name: str) -> str | None:
    """UCUM code of the unit that a column's name states, as in `speed(m/s)`, `T [degC]`, `J1_deg`; None without one.

    A bare last word counts only where it could hardly be anything else: of `flow_m` nobody knows.
    """
    bracket = _BRACKETS.search(name)
    if bracket:
        return unit_of_word(bracket.group(1))
    word = re.split(r"[_\s]", name.strip())[-1].lower()
    return _SPELLED.get(word) if len(word) > 2 and word != name.strip().lower() else None


def unit_of_word(text: str) -> str | None:
    """UCUM code of a unit as people spell it, such as `degC` or `[psi]`; None for what is none."""
    word = text.strip().strip("()[]{} ")
    return _LETTERS.get(word) or _SPELLED.get(word.lower())


def same_quantity(first: str, second: str) -> bool:
    """Whether both codes are one unit."""
    try:
        a, b = compile_unit(first), compile_unit(second)
    except UserError:
        return False
    return (
        a.dimension == b.dimension
        and bool(np.isclose(a.scale, b.scale))
        and bool(np.isclose(a.offset, b.offset))
    )


def suspect(values: F8, good: F8, unit: str) -> tuple[str, int] | None:
    """The unit that makes values of `unit` that cannot be true fit among the good ones, and how many fit.

    values f8[n] and good f8[m] are both as written. The unit whose converted values come nearest to the middle of the good
    ones is named; None where no known unit fits most of them.
    """
    if not len(values) or len(good) < 5:
        return None
    low, high = np.quantile(good, (0.005, 0.995))
    margin = max((high - low) * 0.25, abs(low) * 1e-6)
    middle, spread = float(np.median(good)), max(float(high - low), 1e-300)
    best: tuple[float, str, int] | None = None
    for code in _alternatives(unit):
        to = convert(code, unit)
        there = values * to.scale + to.offset
        fits = int(((there >= low - margin) & (there <= high + margin)).sum())
        if fits < LEAST_SHARE * len(values):
            continue
        distance = abs(float(np.median(there)) - middle) / spread
        if best is None or distance < best[0]:
            best = (distance, code, fits)
    return best[1:] if best is not None else None


@lru_cache(maxsize=256)
def _alternatives(unit: str) -> tuple[str, ...]:
    own = compile_unit(unit)
    out = []
    for code in COMMON:
        try:
            other = compile_unit(code)
        except UserError:
            continue
        if other.dimension == own.dimension and not same_quantity(code, unit):
            out.append(code)
    return tuple(out)
