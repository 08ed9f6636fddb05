"""Alarms and their records in words and plain data, with values in the units of the contract: for people and programs."""

from collections.abc import Mapping
from typing import Any

from twinstage.telemetry.alarms.engine import Listed
from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.alarms.spec import AlarmSpec
from twinstage.telemetry.contract import Contract, utc
from twinstage.telemetry.printed import with_unit

_WORDS = {
    "raised": "raised",
    "returned": "returned to normal",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "unshelved": "no longer shelved",
    "suppressed": "suppressed by design",
    "unsuppressed": "no longer suppressed",
    "out_of_service": "taken out of service",
    "in_service": "back in service",
    "flood_began": "more alarms than people can follow: those of low and medium priority are summed up",
    "flood_ended": "the flood of alarms is over",
}


class Teller:
    """Knows the specifications and units of a contract's alarms."""

    def __init__(self, contract: Contract) -> None:
        self._specs = {spec.id: spec for spec in contract.alarms}
        self._units = {spec.id: _unit(contract, spec) for spec in contract.alarms}

    def spec(self, alarm: str) -> AlarmSpec | None:
        """What the contract says of it; None where it says nothing (any more)."""
        return self._specs.get(alarm)

    def value(self, alarm: str, value_si: float | None) -> tuple[float | None, str]:
        """The value in the signal's unit, and the unit (UCUM)."""
        scale, offset, code = self._units.get(alarm, (1.0, 0.0, ""))
        return (None if value_si is None else (value_si - offset) / scale), code

    def text(self, record: AlarmRecord) -> str:
        """One line, as a viewer shows it: no time in it."""
        if not record.alarm:
            return f"{_WORDS[record.what]} ({record.comment} in 10 minutes)"
        spec = self._specs.get(record.alarm)
        value, unit = self.value(record.alarm, record.value)
        parts = [f"{record.priority} alarm {record.alarm} {_WORDS[record.what]}"]
        if spec is not None and spec.message and record.what == "raised":
            parts.append(spec.message)
        text = ": ".join(parts)
        if value is not None and (spec is None or spec.condition != "equals"):
            text += f" ({with_unit(f'{value:.6g}', unit)})"
        if record.by:
            text += f" by {record.by}"
        return f"{text}: {record.comment}" if record.comment else text

    def record(self, record: AlarmRecord) -> dict[str, Any]:
        """Plain data of a record; times as ISO 8601 and, exactly, as strings of ns."""
        value, unit = self.value(record.alarm, record.value)
        out: dict[str, Any] = {
            "at": utc(record.at_ns),
            "atNs": str(record.at_ns),
            "what": record.what,
            "alarm": record.alarm,
            "priority": record.priority,
            "value": value,
            "unit": unit,
            "by": record.by,
            "comment": record.comment,
        }
        return out | ({"until": utc(record.until_ns)} if record.until_ns else {})

    def listed(self, item: Listed, value_si: float | None, mode: str | None = None) -> dict[str, Any]:
        """Plain data of an alarm as it stands; `value_si`: its signal's value now, None for none; `mode`: the one now."""
        spec, alarm = item.spec, item.alarm
        value, unit = self.value(spec.id, value_si)
        return {
            "id": spec.id,
            "state": alarm.state,
            "active": alarm.active,
            "condition": alarm.condition,
            "priority": spec.priority,
            "signal": spec.signal or "",
            "expr": spec.expr or "",
            "kind": spec.condition,
            "limit": spec.limit(mode),
            "value": value,
            "unit": unit,
            "raised": utc(alarm.raised_ns) if alarm.raised_ns else None,
            "shelvedUntil": utc(alarm.shelved_until_ns) if alarm.shelved_until_ns else None,
            "suppressed": alarm.suppressed,
            "outOfService": alarm.out_of_service,
            "message": spec.message,
            "response": spec.response,
        }


def summed_up(counts: Mapping[str, int]) -> str:
    """Many alarms in one line: those raised most often first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{alarm} ({count})" for alarm, count in ranked[:10])
    more = f" and {len(ranked) - 10} others" if len(ranked) > 10 else ""
    total = sum(counts.values())
    return f"{total} alarm{'s' if total != 1 else ''} of low and medium priority: {named}{more}"


def _unit(contract: Contract, spec: AlarmSpec) -> tuple[float, float, str]:
    signal = contract.by_id.get(spec.signal or "")
    if signal is not None:
        if signal.type != "f64":
            return 1.0, 0.0, ""
        unit = signal.compiled_unit
        return unit.scale, unit.offset, _shown(signal.unit)
    return 1.0, 0.0, _shown(contract.si_unit(spec.signal)) if spec.signal else ""


def _shown(unit: str) -> str:
    return "" if unit == "1" else unit
