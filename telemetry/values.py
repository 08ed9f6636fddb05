"""One value as it is written, turned into SI, checked against type and range.

`compile_value` builds one closure a signal at load; it takes a cell (CSV: text) or a JSON value, and returns the value
for the state or raises `Reject`. Bounds are compared in the declared unit, before conversion, so that a bound means
exactly what the contract says.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence

from twinstage.telemetry.contract import SignalSpec
from twinstage.telemetry.reader_spec import ReaderSpec
from twinstage.telemetry.reading import Value
from twinstage.telemetry.units import compile_unit, convert

Convert = Callable[[object], Value]
"""From one cell or JSON value (or a list of them for vec, quat and pose) to a value in SI."""

_TRUE = {"1", "true", "on", "yes", "1.0"}
_FALSE = {"0", "false", "off", "no", "0.0"}
_INT64 = 1 << 63


class Reject(ValueError):
    """A value that may not pass. `reason` is the quarantine code, the message what was expected."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(expected)
        self.reason = reason
        self.expected = expected


def compile_value(signal: SignalSpec, *, text: bool, decimal: str = ".") -> Convert:
    """The converter of a signal; `text` for CSV cells, else JSON values."""
    kind = signal.type
    unit = signal.compiled_unit
    if kind == "f64":
        return _number(signal, unit.scale, unit.offset, text, decimal)
    if kind == "i64":
        return _integer(signal, text)
    if kind == "bool":
        return _boolean_text if text else _boolean_json
    if kind == "enum":
        return _enum(signal.enum_codes)
    if kind == "string":
        return _string
    plain = _number(signal, 1.0, 0.0, text, decimal)
    if kind == "quat":
        return _Many([plain] * 4, lambda v: _unit_quaternion(v, signal.order))
    if signal.units is not None:
        units = [signal.unit_of(k) for k in range(signal.width)]
        return _Many([_number(signal, u.scale, u.offset, text, decimal) for u in units], lambda v: v)
    scaled = _number(signal, unit.scale, unit.offset, text, decimal)
    if kind == "pose":
        return _Many([scaled] * 3 + [plain] * 4, lambda v: v[:3] + _unit_quaternion(v[3:], signal.order))
    return _Many([scaled] * signal.width, lambda v: v)


def compile_units(signal: SignalSpec, reader: ReaderSpec, *, text: bool) -> Mapping[str, Convert] | None:
    """Converters by what a row's unit column may say; None where the signal's unit is the only one.

    The range stays that of the contract: its bounds are converted, so a value is judged the same in every unit.
    """
    if reader.unit is None or signal.type in ("bool", "enum", "string", "quat"):
        return None
    own = signal.compiled_unit
    spelled = {code: code for code in (*reader.units.values(), signal.unit)} | reader.units
    return {
        word: compile_value(_in_unit(signal, code), text=text, decimal=reader.decimal)
        for word, code in spelled.items()
        if compile_unit(code).dimension == own.dimension
        and (signal.type != "i64" or (compile_unit(code).scale, compile_unit(code).offset) == (1.0, 0.0))
    }


def _in_unit(signal: SignalSpec, code: str) -> SignalSpec:
    if code == signal.unit or signal.range is None:
        return signal.model_copy(update={"unit": code})
    to = convert(signal.unit, code)
    slack = 1e-12 * max(abs(to(bound)) for bound in signal.range)  # of rounding: 120 Cel must be 248 [degF]
    return signal.model_copy(
        update={"unit": code, "range": (to(signal.range[0]) - slack, to(signal.range[1]) + slack)}
    )


def bounds(signal: SignalSpec, scale: float) -> tuple[float, float]:
    """Inclusive bounds in the declared unit; without a range, what stays finite in SI."""
    if signal.range is not None:
        return signal.range
    largest = sys.float_info.max / max(1.0, scale) / 2
    return -largest, largest


def _out_of_bounds(signal: SignalSpec, value: float) -> Reject:
    if not math.isfinite(value):
        return Reject("not_finite", "a finite number")
    if signal.range is None:
        return Reject("not_finite", "a number that stays finite in SI units")
    low, high = signal.range
    return Reject("range", f"{low:g} to {high:g} {signal.unit}")


def _number(signal: SignalSpec, scale: float, offset: float, text: bool, decimal: str) -> Convert:
    low, high = bounds(signal, scale)
    comma = decimal == ","

    def from_text(raw: object) -> float:
        assert isinstance(raw, str)
        try:
            value = float(raw.replace(",", ".") if comma else raw)
        except ValueError:
            raise Reject("type", "a number") from None
        if not low <= value <= high:
            raise _out_of_bounds(signal, value)
        # float() also takes 1_000 and digits of other scripts, and the wrong decimal mark must not pass.
        if "_" in raw or not raw.isascii() or (comma and "." in raw):
            raise Reject("type", "a number")
        return value * scale + offset

    def from_json(raw: object) -> float:
        if type(raw) is not float:
            if type(raw) is not int:
                raise Reject("type", "a number")
            if not -_INT64 <= raw < 2 * _INT64:
                raise Reject("type", "a number of at most 64 bits")
            raw = float(raw)
        if not low <= raw <= high:
            raise _out_of_bounds(signal, raw)
        return raw * scale + offset

    return from_text if text else from_json


def _integer(signal: SignalSpec, text: bool) -> Convert:
    low, high = signal.range or (-math.inf, math.inf)

    def convert(raw: object) -> int:
        try:
            if text and isinstance(raw, str):
                if "_" in raw or not raw.isascii():
                    raise ValueError
                value = int(raw)
            elif type(raw) is float and raw.is_integer():
                value = int(raw)
            elif type(raw) is int:
                value = raw
            else:
                raise ValueError
        except ValueError:
            raise Reject("type", "a whole number") from None
        if not -_INT64 <= value < _INT64:
            raise Reject("type", "a whole number of 64 bits")
        if not low <= value <= high:
            raise Reject("range", f"{low:g} to {high:g} {signal.unit}")
        return value

    return convert


def _boolean_text(raw: object) -> int:
    word = str(raw).lower()
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise Reject("type", "true or false (or 1, 0, on, off, yes, no)")


def _boolean_json(raw: object) -> int:
    if isinstance(raw, str):
        return _boolean_text(raw)
    if isinstance(raw, bool | int | float) and raw in (0, 1):
        return int(raw)
    raise Reject("type", "true or false (or 1, 0)")


def _enum(codes: dict[str, int]) -> Convert:
    known = set(codes.values())
    names = ", ".join(list(codes)[:8])

    def convert(raw: object) -> int:
        if isinstance(raw, str):
            if raw in codes:
                return codes[raw]
            if raw.isascii() and raw.removeprefix("-").isdigit() and int(raw) in known:
                return int(raw)
        elif type(raw) is int and raw in known:
            return raw
        raise Reject("range", f"one of {names}")

    return convert


def _string(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    raise Reject("type", "a text")


class _Many:
    """Several numbers to one tuple."""

    def __init__(
        self, parts: Sequence[Convert], finish: Callable[[tuple[float, ...]], tuple[float, ...]]
    ) -> None:
        self._parts = parts
        self._finish = finish

    def __call__(self, raw: object) -> tuple[float, ...]:
        if not isinstance(raw, list | tuple) or len(raw) != len(self._parts):
            raise Reject("type", f"{len(self._parts)} numbers")
        return self._finish(tuple(convert(item) for convert, item in zip(self._parts, raw, strict=True)))  # type: ignore[misc]


def _unit_quaternion(value: tuple[float, ...], order: str) -> tuple[float, ...]:
    """wxyz of length 1. Rounded quaternions pass; anything far from unit length is a mistake, not rounding."""
    if order == "xyzw":
        value = (value[3], value[0], value[1], value[2])
    length = math.sqrt(math.fsum(part * part for part in value))
    if not 0.5 <= length <= 2.0:
        raise Reject("quaternion", "a quaternion of length 1")
    return tuple(part / length for part in value)
