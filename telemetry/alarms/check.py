"""Whether an alarm of a contract can hold: its signal is there, and its condition fits the signal."""

from collections.abc import Mapping, Sequence
from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.alarms.spec import AlarmSpec
from twinstage.telemetry.derived_spec import input_unit
from twinstage.telemetry.expression_units import Mismatch, infer
from twinstage.telemetry.expressions import parse_expression
from twinstage.telemetry.units import Unit


def check_alarm(alarm: AlarmSpec, signals: Mapping[str, Any], derived: Mapping[str, Unit]) -> None:
    """Raise ValueError, one sentence, where it cannot. `signals`: by id; `derived`: units of derived ones by id."""
    name = f"alarm {alarm.id!r}"
    if alarm.expr is not None:
        _check_expression(alarm, name, signals, derived)
        return
    signal = signals.get(str(alarm.signal))
    if signal is None and alarm.signal not in derived:
        near = did_you_mean(str(alarm.signal), [*signals, *derived])
        raise ValueError(f"{name} watches {alarm.signal!r}, which is no signal{near}")
    kind = "f64" if signal is None else signal.type
    if alarm.condition in ("above", "below", "rise", "fall") and kind not in ("f64", "i64"):
        raise ValueError(f"{name}: {alarm.condition} needs a number, and {alarm.signal!r} is a {kind}")
    if alarm.condition == "stale" and (signal is None or signal.max_age is None):
        raise ValueError(f"{name}: {alarm.signal!r} has no max_age, so it never grows stale")
    if alarm.condition == "equals":
        _check_equals(alarm, name, kind, {} if signal is None else signal.enum_codes)


def check_mode(mode: str | None, signals: Mapping[str, Any], alarms: Sequence[AlarmSpec]) -> None:
    """Raise ValueError where `mode` is no signal that names operating modes, or alarms speak of modes that there are not."""
    used = [(alarm.id, name, "is suppressed") for alarm in alarms for name in alarm.suppress_in]
    used += [(alarm.id, name, "has a limit") for alarm in alarms for name in alarm.limit_in]
    if mode is None:
        for alarm, name, what in used:
            raise ValueError(
                f"alarm {alarm!r} {what} in {name!r}, but no signal tells the operating mode; mode: SIGNAL was expected"
            )
        return
    signal = signals.get(mode)
    if signal is None:
        raise ValueError(f"the mode {mode!r} is no signal{did_you_mean(mode, signals)}")
    if signal.type not in ("enum", "string", "bool", "i64"):
        raise ValueError(f"the mode {mode!r} is a {signal.type}; enum, string, bool or i64 was expected")
    known = modes_of(mode, signals)
    for alarm, name, _ in used:
        if known is not None and name not in known:
            raise ValueError(f"alarm {alarm!r}: {mode!r} is never {name!r}{did_you_mean(name, known)}")


def modes_of(mode: str | None, signals: Mapping[str, Any]) -> list[str] | None:
    """The modes that there are; None where the contract cannot know them."""
    if mode is None:
        return None
    signal = signals[mode]
    return {"enum": list(signal.enum_codes), "bool": ["true", "false"]}.get(signal.type)


def _check_equals(alarm: AlarmSpec, name: str, kind: str, codes: Mapping[str, int]) -> None:
    value = alarm.equals
    if kind == "enum":
        if isinstance(value, str) and value not in codes:
            raise ValueError(f"{name}: {alarm.signal!r} is never {value!r}{did_you_mean(value, codes)}")
        if not isinstance(value, str) and (isinstance(value, bool) or value not in codes.values()):
            raise ValueError(
                f"{name}: {alarm.signal!r} is never {value!r}; one of {', '.join(codes)} was expected"
            )
    elif kind == "bool":
        if isinstance(value, str) or value not in (0, 1):
            raise ValueError(f"{name}: {alarm.signal!r} is true or false, never {value!r}")
    elif kind != "i64" or not isinstance(value, int):
        raise ValueError(f"{name}: equals is for enum, bool and i64, and {alarm.signal!r} is a {kind}")


def _check_expression(
    alarm: AlarmSpec, name: str, signals: Mapping[str, Any], derived: Mapping[str, Unit]
) -> None:
    try:
        parsed = parse_expression(str(alarm.expr))
        dimensions = [input_unit(name, part, signals, derived).dimension for part in parsed.signals]
        infer(parsed.shape, tuple(dimensions))
    except Mismatch as error:
        raise ValueError(f"{name}: in {alarm.expr!r} {error}") from None
    except UserError as error:
        raise ValueError(f"{name}: {error}") from None
