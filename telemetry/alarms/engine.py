"""All alarms of a contract: fed once a tick, asked by operators, everything told as records.

Records are what a journal keeps and what sinks send; `restore` brings an engine to where its journal ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from twinstage.base.clock import NS
from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.quality import is_bad
from twinstage.telemetry.alarms.conditions import Conditions
from twinstage.telemetry.alarms.flood import FloodWatch
from twinstage.telemetry.alarms.machine import AlarmState, acknowledge, due_ns, follow, quieted
from twinstage.telemetry.alarms.records import AlarmRecord, What
from twinstage.telemetry.alarms.spec import PRIORITIES, AlarmSpec
from twinstage.telemetry.columns import U4
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.state import StateTable

LONGEST_SHELF_S = 7 * 86_400.0
"""Longest time that an alarm may be shelved [s]."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An alarm with where it stands."""

    spec: AlarmSpec
    alarm: AlarmState


class AlarmEngine:
    """Alarms of a contract."""

    def __init__(self, contract: Contract) -> None:
        self._specs: tuple[AlarmSpec, ...] = contract.alarms
        self._place = {spec.id: k for k, spec in enumerate(self._specs)}
        self._alarms = [AlarmState() for _ in self._specs]
        self._conditions = Conditions(contract, self._specs)
        self._signal = [contract.quantity_index(s.signal) if s.signal else -1 for s in self._specs]
        self._is_derived = [signal >= len(contract.signals) for signal in self._signal]
        self._flood = FloodWatch()

    def __len__(self) -> int:
        return len(self._specs)

    def tick(
        self, state: StateTable, at_ns: int, mode: str | None = None, quality: U4 | None = None
    ) -> list[AlarmRecord]:
        """Judge every alarm at `at_ns`; `mode`: the operating mode, None where there is none; `quality`: the effective
        qualities at that moment, u4[n], where somebody knows them already. Returns what happened."""
        if not self._specs:
            return []
        records = self._modes(at_ns, mode) + self._ends_of_shelves(at_ns)
        held = np.array([alarm.condition for alarm in self._alarms], bool)
        holds = self._conditions.look(state, at_ns, held, quality, mode)
        for k, spec in enumerate(self._specs):
            alarm = self._alarms[k]
            if not holds[k] and not alarm.condition and alarm.state in ("normal", "returned"):
                continue  # the usual case, at every tick
            delays = {"on_ns": round(spec.on_delay * NS), "off_ns": round(spec.off_delay * NS)}
            self._alarms[k], happened = follow(alarm, bool(holds[k]), at_ns, latch=spec.latch, **delays)
            if happened is not None:
                records.append(self._record(k, happened, at_ns, value=self._value(k, state)))
        return self._with_floods(records, at_ns)

    def acknowledge(self, alarm: str, at_ns: int, *, by: str, comment: str = "") -> list[AlarmRecord]:
        """Someone has seen it. UserError where there is nothing to acknowledge."""
        k = self._find(alarm)
        after = acknowledge(self._alarms[k])
        if after is None:
            raise UserError(f"alarm {alarm!r} is {self._alarms[k].state}: there is nothing to acknowledge")
        self._alarms[k] = after
        return [self._record(k, "acknowledged", at_ns, by=by, comment=comment)]

    def shelve(
        self, alarm: str, at_ns: int, *, seconds: float, by: str, comment: str = ""
    ) -> list[AlarmRecord]:
        """Silence it for a time [s]. UserError for a time that is too long."""
        k = self._find(alarm)
        if not 0 < seconds <= LONGEST_SHELF_S:
            raise UserError(
                f"alarm {alarm!r} can be shelved for up to {LONGEST_SHELF_S:g} s, not for {seconds:g} s"
            )
        until = at_ns + round(seconds * NS)
        self._alarms[k] = replace(quieted(self._alarms[k]), shelved_until_ns=until)
        return [self._record(k, "shelved", at_ns, by=by, comment=comment, until_ns=until)]

    def unshelve(self, alarm: str, at_ns: int, *, by: str) -> list[AlarmRecord]:
        """End the silence before its time. UserError where it is not shelved."""
        k = self._find(alarm)
        if not self._alarms[k].shelved_until_ns:
            raise UserError(f"alarm {alarm!r} is not shelved")
        self._alarms[k] = replace(self._alarms[k], shelved_until_ns=0)
        return [self._record(k, "unshelved", at_ns, by=by)]

    def set_service(
        self, alarm: str, at_ns: int, *, out: bool, by: str, comment: str = ""
    ) -> list[AlarmRecord]:
        """Take it out of service, or back in."""
        k = self._find(alarm)
        if self._alarms[k].out_of_service == out:
            return []
        self._alarms[k] = replace(quieted(self._alarms[k]), out_of_service=out)
        return [self._record(k, "out_of_service" if out else "in_service", at_ns, by=by, comment=comment)]

    def listed(self) -> list[Listed]:
        """All alarms in the contract's order."""
        return [Listed(spec, alarm) for spec, alarm in zip(self._specs, self._alarms, strict=True)]

    def active(self) -> list[Listed]:
        """Active alarms: unacknowledged first, then by priority, then the newest first."""
        found = [item for item in self.listed() if item.alarm.active]
        rank = {priority: k for k, priority in enumerate(PRIORITIES)}
        return sorted(
            found,
            key=lambda i: (
                i.alarm.state == "acknowledged",
                -rank[i.spec.priority],
                -i.alarm.raised_ns,
                i.spec.id,
            ),
        )

    @property
    def flooded(self) -> bool:
        """Whether more are raised than people can follow."""
        return self._flood.flooded

    def wake_ns(self, looked_ns: int) -> int:
        """When a look could see something new though no value changes or grows stale, after the last look."""
        due = [self._flood.over_ns, self._conditions.first_word_ns(looked_ns)]
        for spec, alarm in zip(self._specs, self._alarms, strict=True):
            if alarm.shelved_until_ns:
                due.append(alarm.shelved_until_ns)
            elif not alarm.silent:
                due.append(due_ns(alarm, on_ns=round(spec.on_delay * NS), off_ns=round(spec.off_delay * NS)))
        return min(due)

    def restore(self, records: Iterable[AlarmRecord]) -> None:
        """Become what an engine was whose records these are, in order; those of alarms that are gone are passed over."""
        for record in records:
            if record.what == "raised":
                self._flood.raised(record.at_ns)
            self._flood.look(record.at_ns)
            k = self._place.get(record.alarm)
            if k is not None:
                self._alarms[k] = _after(self._alarms[k], record, self._specs[k].latch)

    def _find(self, alarm: str) -> int:
        found = self._place.get(alarm)
        if found is None:
            raise UserError(f"there is no alarm {alarm!r}{did_you_mean(alarm, self._place)}")
        return found

    def _modes(self, at_ns: int, mode: str | None) -> list[AlarmRecord]:
        records = []
        for k, spec in enumerate(self._specs):
            suppressed = mode is not None and mode in spec.suppress_in
            if suppressed != self._alarms[k].suppressed:
                self._alarms[k] = replace(quieted(self._alarms[k]), suppressed=suppressed)
                records.append(
                    self._record(k, "suppressed" if suppressed else "unsuppressed", at_ns, comment=mode or "")
                )
        return records

    def _ends_of_shelves(self, at_ns: int) -> list[AlarmRecord]:
        records = []
        for k, alarm in enumerate(self._alarms):
            if alarm.shelved_until_ns and at_ns >= alarm.shelved_until_ns:
                self._alarms[k] = replace(alarm, shelved_until_ns=0)
                records.append(self._record(k, "unshelved", at_ns))
        return records

    def _with_floods(self, records: Sequence[AlarmRecord], at_ns: int) -> list[AlarmRecord]:
        out = []
        for record in records:
            if record.what == "raised":
                self._flood.raised(at_ns)
                if self._flood.flooded and record.priority in PRIORITIES[:2]:
                    record = msgspec.structs.replace(record, quiet=True)
            out.append(record)
        change = self._flood.look(at_ns)
        if change is not None:
            out.append(
                AlarmRecord(at_ns, "flood_began" if change else "flood_ended", comment=str(self._flood.count))
            )
        return out

    def _value(self, k: int, state: StateTable) -> float | None:
        signal = self._signal[k]
        if signal < 0 or (self._is_derived[k] and is_bad(int(state.quality[signal]))):
            return None  # of a bad derived value the last good one is chance
        value = float(state.numeric[signal])
        return value if np.isfinite(value) else None

    def _record(
        self,
        k: int,
        what: What,
        at_ns: int,
        *,
        value: float | None = None,
        by: str = "",
        comment: str = "",
        until_ns: int = 0,
    ) -> AlarmRecord:
        spec = self._specs[k]
        return AlarmRecord(at_ns, what, spec.id, spec.priority, value, by, comment, until_ns)


def _after(alarm: AlarmState, record: AlarmRecord, latch: bool) -> AlarmState:
    """The alarm after what a record tells."""
    what, at = record.what, record.at_ns
    if what == "raised":
        return replace(alarm, condition=True, since_ns=at, state="unacknowledged", raised_ns=at)
    if what == "returned":
        after: Literal["returned", "normal"] = (
            "returned" if latch and alarm.state == "unacknowledged" else "normal"
        )
        return replace(alarm, condition=False, since_ns=at, state=after)
    if what == "acknowledged":
        return acknowledge(alarm) or alarm
    if what == "shelved":
        return replace(quieted(alarm), shelved_until_ns=record.until_ns)
    if what == "unshelved":
        return replace(alarm, shelved_until_ns=0)
    if what in ("suppressed", "unsuppressed"):
        return replace(quieted(alarm), suppressed=what == "suppressed")
    if what in ("out_of_service", "in_service"):
        return replace(quieted(alarm), out_of_service=what == "out_of_service")
    return alarm
