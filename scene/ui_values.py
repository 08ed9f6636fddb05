"""Values of edits as JSON <-> what USD holds: typed, bounded, in SI. Touches pxr in `to_usd` and `from_usd`.

float, double, half, int, uint, int64, bool, token, string
color3f, float2, ..., vector3d, ...: as many numbers; quatf, quatd: w, x, y, z
double[], float[], int[], string[], token[]: up to 1,000 of them
"""

import math
from collections.abc import Mapping
from typing import Any

from twinstage.base.errors import UserError

MOST_TEXT = 4096
MOST_ELEMENTS = 1000
_WHOLE: Mapping[str, tuple[int, int]] = {
    "uchar": (0, 2**8 - 1),
    "int": (-(2**31), 2**31 - 1),
    "uint": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_REAL: Mapping[str, float] = {"double": math.inf, "float": 3.4028234e38, "half": 65504.0}
_TEXT = ("token", "string")
_SUFFIX = {"f": "float", "d": "double", "h": "half", "i": "int"}
_ARRAYS = ("double", "float", "int", "int64", "string", "token", "bool")
LENGTHS = ("inputs:width", "inputs:height", "inputs:radius", "inputs:length")
"""Light inputs that are lengths: metres outside, stage units in USD."""
ANGLES = ("inputs:angle",)
"""Light inputs that are angles: radians outside, degrees in USD."""


def si_factor(name: str, meters_per_unit: float) -> float:
    """USD's number times this is in SI."""
    if name in LENGTHS or name.startswith("xformOp:translate"):
        return meters_per_unit
    if name in ANGLES or name.startswith("xformOp:rotate"):
        return math.pi / 180.0
    return 1.0


def checked(where: str, type_name: str, value: Any) -> Any:
    """The value as JSON holds it, checked against a USD type; UserError for another one, or a type that cannot be set."""
    if type_name.endswith("[]"):
        element = type_name[:-2]
        if element not in _ARRAYS:
            raise UserError(f"{where} is of type {type_name}, which cannot be set here")
        if not isinstance(value, list | tuple) or len(value) > MOST_ELEMENTS:
            raise UserError(f"{where} is of type {type_name}: up to {MOST_ELEMENTS} values were expected")
        return [_scalar(where, element, each) for each in value]
    shape = _vector(type_name)
    if shape is None:
        return _scalar(where, type_name, value)
    element, n = shape
    if not isinstance(value, list | tuple) or len(value) != n:
        raise UserError(f"{where} is of type {type_name}: {n} numbers were expected, got {_short(value)}")
    numbers = [_scalar(where, element, each) for each in value]
    if type_name.startswith("quat") and not math.hypot(*numbers) > 1e-9:
        raise UserError(f"{where} is the zero quaternion, which is no rotation")
    return numbers


def _scalar(where: str, type_name: str, value: Any) -> Any:
    fits = {"bool": bool, "token": str, "string": str}
    wrong = UserError(f"{where} is of type {type_name}; {_short(value)} is no such value")
    if type_name in fits:
        if not isinstance(value, fits[type_name]):
            raise wrong
        if isinstance(value, str) and (len(value) > MOST_TEXT or "\0" in value):
            raise UserError(f"{where}: a text of up to {MOST_TEXT} characters was expected")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        if type_name in _WHOLE or type_name in _REAL:
            raise wrong
        raise UserError(f"{where} is of type {type_name}, which cannot be set here")
    if type_name in _WHOLE:
        low, high = _WHOLE[type_name]
        if value != int(value) if math.isfinite(value) else True:
            raise wrong
        if not low <= value <= high:
            raise UserError(f"{where} is of type {type_name}, which holds {low} to {high}; got {value}")
        return int(value)
    if type_name in _REAL:
        if not (math.isfinite(value) and abs(value) <= _REAL[type_name]):
            raise UserError(f"{where} is of type {type_name}; {value!r} is no number that it can hold")
        return float(value)
    raise UserError(f"{where} is of type {type_name}, which cannot be set here")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _vector(type_name: str) -> tuple[str, int] | None:
    """Element type and length of a vector type; None for others."""
    if type_name in ("quatf", "quatd", "quath"):
        return _SUFFIX[type_name[-1]], 4
    for element in ("float", "double", "half", "int"):
        if type_name in (f"{element}2", f"{element}3", f"{element}4"):
            return element, int(type_name[-1])
    for role in ("color", "vector", "point", "normal", "texCoord"):
        if type_name.startswith(role) and type_name[-1:] in _SUFFIX and type_name[-2:-1] in "234":
            return _SUFFIX[type_name[-1]], int(type_name[-2])
    return None


def scaled(value: Any, factor: float) -> Any:
    """Numbers times a factor; everything else as it is."""
    if factor == 1.0:
        return value
    if isinstance(value, list | tuple):
        return [scaled(each, factor) for each in value]
    return value * factor if isinstance(value, float) else value


def to_usd(type_name: str, value: Any) -> Any:
    """A checked value, in USD's units, as pxr has it."""
    from pxr import Gf, Vt

    if type_name.endswith("[]"):
        names = {"int64": "Int64Array", "bool": "BoolArray"}
        array = getattr(Vt, names.get(type_name[:-2], type_name[:-2].capitalize() + "Array"))
        return array(value)
    shape = _vector(type_name)
    if shape is None:
        return value
    element, n = shape
    letter = element[0]
    if type_name.startswith("quat"):
        return getattr(Gf, f"Quat{letter}")(value[0], *value[1:])
    return getattr(Gf, f"Vec{n}{letter}")(*value)


def from_usd(value: Any) -> Any:
    """A value of pxr as JSON holds it; None for what JSON cannot hold."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value).__name__.startswith("Quat"):
        return [float(value.GetReal()), *map(float, value.GetImaginary())]
    try:
        return [from_usd(each) for each in value]
    except TypeError:
        return None
