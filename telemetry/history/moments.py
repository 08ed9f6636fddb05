"""Moments as people write them: a date and time with its zone, or seconds from the beginning of a history."""

from contextlib import suppress
from datetime import UTC, datetime

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.telemetry.times import LIMIT_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ns(text: str, began_ns: int, *, where: str) -> int:
    """`2026-11-24T09:14:00.5Z` or `12.5` as ns since 1970, UTC. Raises UserError; `where` says what was given wrong."""
    seconds: float | None = None
    with suppress(ValueError):
        seconds = float(text)
    if seconds is not None:
        if not abs(seconds) <= LIMIT_NS / NS:
            raise UserError(f"{where} {text} lies outside any history")
        return began_ns + round(seconds * NS)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{where} {text!r} is no moment; expected seconds from the beginning of the history, or a date and time with "
            "its zone such as 2026-11-24T09:14:00Z"
        ) from None
    if moment.tzinfo is None:
        raise UserError(f"{where} {text!r} names no zone; write {text}Z for UTC")
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * NS + passed.microseconds * 1000


def iso_ns(time_ns: int) -> str:
    """`2026-11-24T09:14:00.500Z`; as many digits as there are, at least three."""
    seconds, rest = divmod(time_ns, NS)
    digits = f"{rest:09d}".rstrip("0").ljust(3, "0")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{digits}Z"
