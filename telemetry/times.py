"""Times as they are written, turned into integer nanoseconds without passing through floating point.

A double holds today's Unix time only to about 200 ns, so decimal text stays decimal: `1305031098.6659` s is exactly
1305031098665900000 ns. Numbers that a JSON parser has already made doubles are read through their shortest text.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from twinstage.telemetry.reader_spec import TimeSpec

LIMIT_NS = 1 << 62
"""Times beyond this (about 146 years from 1970) are refused, so that sums of two never overflow an int64."""

_DIGITS = {"ns": 0, "us": 3, "ms": 6, "s": 9}
_FACTOR = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_TEN: list[int] = [10**power for power in range(10)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)
_FRACTION = re.compile(r"([.,])(\d{7,})")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")

TimeParser = Callable[[object], int]
Ambiguous = Literal["refuse", "first", "second"]


class TimeError(ValueError):
    """A time that cannot be read. `reason` is the quarantine code, the message what was expected."""

    def __init__(self, expected: str, reason: str = "time") -> None:
        super().__init__(expected)
        self.reason = reason


@lru_cache(maxsize=64)
def load_zone(name: str) -> tzinfo:
    """The time zone of an IANA name, `UTC`, `Z` or an offset such as `+01:00`. Raises ValueError."""
    if name in {"UTC", "Z"}:
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        delta = timedelta(hours=int(offset.group(2)), minutes=int(offset.group(3)))
        if delta < timedelta(hours=24):
            return timezone(delta if offset.group(1) == "+" else -delta)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        message = (
            f"zone {name!r} is unknown here; expected an IANA name such as 'Europe/Berlin', 'UTC' or '+01:00'"
        )
        raise ValueError(message) from None


def iso_ns(text: str, zone: tzinfo | None, ambiguous: Ambiguous = "refuse") -> int:
    """Nanoseconds since 1970 UTC of ISO-8601 text. `zone` serves text without one; None refuses it.

    `ambiguous`: which of the two instants a local time means that a zone's clocks show twice; see `ClockSpec`.
    """
    extra = 0
    fraction = _FRACTION.search(text)
    if fraction:  # datetime knows microseconds only
        digits = fraction.group(2)[:9].ljust(9, "0")
        extra = int(digits[6:])
        text = f"{text[: fraction.start()]}.{digits[:6]}{text[fraction.end() :]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TimeError("an ISO-8601 date and time") from None
    return _instant_ns(moment, zone, ambiguous) + extra


def _instant_ns(moment: datetime, zone: tzinfo | None, ambiguous: Ambiguous) -> int:
    if moment.tzinfo is None:
        if zone is None:
            raise TimeError("a time with its zone (or clock.zone in the contract)", "time_zone")
        if zone is UTC:
            return _total_ns(moment - _EPOCH_NAIVE)
        moment = _in_zone(moment, zone, ambiguous)
    return _total_ns(moment - _EPOCH)


def _in_zone(moment: datetime, zone: tzinfo, ambiguous: Ambiguous) -> datetime:
    """A local time in its zone. Where clocks are set forward some times do not exist, where back some come twice."""
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after or before is None or after is None:
        return first
    if before < after:
        raise TimeError(f"a time that exists in {zone}, where clocks are set forward over it", "time_zone")
    if ambiguous == "refuse":
        message = f"a time that comes once in {zone}, where clocks are set back (or clock.ambiguous in the contract)"
        raise TimeError(message, "time_zone")
    return first if ambiguous == "first" else second


def _total_ns(delta: timedelta) -> int:
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def decimal_ns(text: str, unit: str) -> int:
    """Nanoseconds of a decimal number in `unit`, rounded half to even."""
    digits = _DIGITS.get(unit)
    if digits is not None:
        whole, _, fraction = text.partition(".")
        if len(fraction) <= digits and whole.isdigit() and whole.isascii() and len(whole) < 20:
            if not fraction:
                return int(whole) * _FACTOR[unit]
            if fraction.isdigit() and fraction.isascii():
                return int(whole) * _FACTOR[unit] + int(fraction) * _TEN[digits - len(fraction)]
    try:
        number = Decimal(text)
        if not number.is_finite() or number.adjusted() > 20 or "_" in text or not text.isascii():
            raise TimeError(f"a number of {unit}")
        return int((number * _FACTOR[unit]).to_integral_value())
    except InvalidOperation:
        raise TimeError(f"a number of {unit}") from None


def compile_time(
    spec: TimeSpec, *, zone: tzinfo | None, decimal: str = ".", ambiguous: Ambiguous = "refuse"
) -> TimeParser:
    """A function from a cell or JSON value to nanoseconds; it raises TimeError for what is no time."""
    if spec.format is not None:
        return _Strptime(spec.format, zone, ambiguous)
    if spec.unit == "iso8601":
        return _Iso(zone, ambiguous)
    return _Number(spec.unit, decimal)


class _Number:
    def __init__(self, unit: str, decimal: str) -> None:
        self._unit = unit
        self._factor = _FACTOR[unit]
        self._comma = decimal == ","

    def __call__(self, raw: object) -> int:
        if type(raw) is int:
            ns = raw * self._factor
        elif type(raw) is str:
            ns = decimal_ns(raw.replace(",", ".") if self._comma else raw, self._unit)
        elif type(raw) is float:
            ns = decimal_ns(repr(raw), self._unit)
        else:
            raise TimeError(f"a number of {self._unit}")
        if -LIMIT_NS < ns < LIMIT_NS:
            return ns
        raise TimeError("a time within 146 years of its epoch", "time_range")


class _Iso:
    def __init__(self, zone: tzinfo | None, ambiguous: Ambiguous) -> None:
        self._zone = zone
        self._ambiguous: Ambiguous = ambiguous

    def __call__(self, raw: object) -> int:
        if type(raw) is not str:
            raise TimeError("an ISO-8601 date and time")
        return _limited(iso_ns(raw, self._zone, self._ambiguous))


class _Strptime:
    def __init__(self, pattern: str, zone: tzinfo | None, ambiguous: Ambiguous) -> None:
        self._pattern = pattern
        self._zone = zone
        self._ambiguous: Ambiguous = ambiguous

    def __call__(self, raw: object) -> int:
        if type(raw) is not str:
            raise TimeError(f"a time like {self._pattern!r}")
        try:
            moment = datetime.strptime(raw, self._pattern)
        except ValueError:
            raise TimeError(f"a time like {self._pattern!r}") from None
        return _limited(_instant_ns(moment, self._zone, self._ambiguous))


def _limited(ns: int) -> int:
    if -LIMIT_NS < ns < LIMIT_NS:
        return ns
    raise TimeError("a time within 146 years of 1970", "time_range")
