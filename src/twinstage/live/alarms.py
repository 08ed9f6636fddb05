"""The alarms of a running twin: judged at each tick, journalled, shown to viewers, sent out, and answered by operators.

Everything but `page` and `commit` belongs to the thread of the twin. A journal or a sink that fails never stops the twin:
it is logged and shown, once for each failure.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from twinstage.base.clock import Clock
from twinstage.base.errors import TwinstageError, UserError, did_you_mean
from twinstage.live.api.reading import without_places
from twinstage.sync.alarms import UnknownAlarm
from twinstage.sync.api.alarms import Action
from twinstage.telemetry.alarms.engine import AlarmEngine
from twinstage.telemetry.alarms.journal import AlarmJournal, open_journal
from twinstage.telemetry.alarms.mode import mode_reader
from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.alarms.spec import PRIORITIES
from twinstage.telemetry.alarms.told import Teller
from twinstage.telemetry.columns import U4
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.state import StateTable

if TYPE_CHECKING:
    from twinstage.sync.hub import Hub

log = logging.getLogger("twinstage.alarms")

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "info"}
_SHOWN = ("raised", "flood_began", "flood_ended")
_MOST_SHOWN_AT_ONCE = 5
_MOST_IN_ONE_EVENT = 20
COMMIT_EVERY_S = 0.1


class Outlet(Protocol):
    """Something that records are handed to; it must not wait."""

    def take(self, records: Sequence[AlarmRecord], at_ns: int) -> None:
        """Records of a tick, and what time it is; called at every tick, also without records."""
        ...

    def stop(self) -> None:
        """Begin to end: send what can be sent in a short time."""
        ...

    def close(self) -> None:
        """Wait for that end, for a short time."""
        ...

    def counts(self) -> Mapping[str, Any]:
        """Its name, and how many messages were sent, failed, were dropped, and wait."""
        ...


class AlarmDesk:
    """Alarms of one twin. Implements `sync.alarms.AlarmSource`.

    Attributes:
        engine: the alarms.
        journal: where records go.
        notify: shows a text to all viewers: level and text.
    """

    def __init__(
        self,
        contract: Contract,
        state: StateTable,
        *,
        clock: Clock,
        journal: AlarmJournal,
        outlets: Sequence[Outlet] = (),
        notify: Callable[[str, str], None] = lambda level, text: None,
        on_records: Callable[[Mapping[str, Any]], object] = lambda data: None,
    ) -> None:
        """Takes up what the journal tells of earlier runs."""
        self.engine = AlarmEngine(contract)
        self.journal = journal
        self.notify = notify
        self._on_records = on_records
        self._state = state
        self._clock = clock
        self._outlets = tuple(outlets)
        self._teller = Teller(contract)
        self._ids = [spec.id for spec in contract.alarms]
        self._mode = mode_reader(contract, state)
        self._uncommitted = False
        self._last_failure = ""
        self.engine.restore(journal.records())

    def tick(self, now_ns: int, quality: U4 | None = None) -> list[AlarmRecord]:
        """Judge all alarms, with the effective qualities where they are known; what happened."""
        records = self.engine.tick(self._state, now_ns, self._mode(), quality)
        if records:
            self._tell(records)
        for outlet in self._outlets:
            outlet.take(records, now_ns)
        return records

    def pass_time(self, now_ns: int) -> None:
        """It is that time by now, and nothing was judged."""
        for outlet in self._outlets:
            outlet.take([], now_ns)

    def commit(self) -> None:
        """Make safe what was told; on any thread. A failure is logged once; nothing is lost by it."""
        self._uncommitted = False
        try:
            self.journal.commit()
            self._last_failure = ""
        except OSError as error:
            self._uncommitted = True
            self._failed(str(error.strerror or error))

    async def keep(self) -> None:
        """Make safe what was told, about ten times a second, until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            if self._uncommitted:
                await asyncio.to_thread(self.commit)

    def close(self) -> None:
        """End outlets, all at the same time, and the journal."""
        for outlet in self._outlets:
            outlet.stop()
        for outlet in self._outlets:
            outlet.close()
        try:
            self.journal.close()
        except OSError as error:
            self._failed(str(error.strerror or error))

    # ------------------------------------------------------------------ for operators

    def listing(self, *, every: bool) -> Mapping[str, Any]:
        """Active alarms in the order of the engine, or every one in the contract's."""
        items = self.engine.listed() if every else self.engine.active()
        mode = self._mode()
        told = [self._teller.listed(item, self._value(item.spec.signal), mode) for item in items]
        return {
            "mode": mode,
            "flooded": self.engine.flooded,
            "count": len(self.engine),
            "alarms": told,
        }

    def counts(self) -> Mapping[str, Any]:
        """How many are active, by priority, how many of them nobody has acknowledged, and whether there is a flood."""
        active = self.engine.active()
        by_priority = {priority: sum(i.spec.priority == priority for i in active) for priority in PRIORITIES}
        unseen = sum(item.alarm.state != "acknowledged" for item in active)
        told = {"active": by_priority, "unacknowledged": unseen, "flooded": self.engine.flooded}
        return told | ({"sinks": [outlet.counts() for outlet in self._outlets]} if self._outlets else {})

    def page(self, *, before: int | None, alarm: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Committed records, the newest first."""
        found = self.journal.page(before=before, alarm=alarm, limit=limit)
        return [{"number": kept.number, **self._teller.record(kept.record)} for kept in found]

    async def act(
        self, action: Action, alarm: str, *, by: str, comment: str, seconds: float | None
    ) -> Mapping[str, Any]:
        """Do what an operator wants; the record of it, once it is safe."""
        if self._teller.spec(alarm) is None:
            raise UnknownAlarm(f"there is no alarm {alarm!r}{did_you_mean(alarm, self._ids)}")
        now = self._clock.now_ns()
        records = self._done(action, alarm, now, by=by, comment=comment, seconds=seconds)
        if not records:
            raise UserError(f"alarm {alarm!r} is that already")
        self._tell(records)
        for outlet in self._outlets:
            outlet.take(records, now)
        try:
            await asyncio.to_thread(self.journal.commit)
        except OSError as error:
            why = without_places(str(error.strerror or error))
            raise TwinstageError(f"done, but not kept yet: {why}") from None
        return self._teller.record(records[0])

    def _done(
        self, action: Action, alarm: str, now: int, *, by: str, comment: str, seconds: float | None
    ) -> list[AlarmRecord]:
        engine = self.engine
        if action == "acknowledge":
            return engine.acknowledge(alarm, now, by=by, comment=comment)
        if action == "shelve":
            return engine.shelve(alarm, now, seconds=seconds or 0.0, by=by, comment=comment)
        if action == "unshelve":
            return engine.unshelve(alarm, now, by=by)
        return engine.set_service(alarm, now, out=action == "out-of-service", by=by, comment=comment)

    def _value(self, signal: str | None) -> float | None:
        if signal is None:
            return None
        value = float(self._state.numeric[self._state.index(signal)])
        return value if np.isfinite(value) else None

    # ------------------------------------------------------------------ out

    def _tell(self, records: Sequence[AlarmRecord]) -> None:
        self._uncommitted = True
        try:
            self.journal.tell(records)
        except OSError as error:
            self._failed(f"{error.strerror or error}; {len(records)} records are not kept")
        shown = [r for r in records if r.what in _SHOWN and not r.quiet]
        for record in shown[:_MOST_SHOWN_AT_ONCE]:
            self.notify(_LEVELS.get(record.priority, "warning"), self._teller.text(record))
        if len(shown) > _MOST_SHOWN_AT_ONCE:
            self.notify("error", f"and {len(shown) - _MOST_SHOWN_AT_ONCE} more alarms at the same time")
        newest = [dict(self._teller.record(record)) for record in records[-_MOST_IN_ONE_EVENT:]]
        self._on_records(
            {"count": len(records), "records": newest}
        )  # one event, however many: they must not pile up
        for record in records:
            log.info("%s", self._teller.text(record))

    def _failed(self, text: str) -> None:
        if text != self._last_failure:
            self._last_failure = text
            log.error("%s", text)


def open_desk(
    contract: Contract,
    state: StateTable,
    *,
    clock: Clock,
    hub: "Hub",
    history: Path | None = None,
    notify_file: Path | None = None,
) -> AlarmDesk | None:
    """The desk of a contract's alarms, None where it has none.

    `history`: folder whose SQLite file keeps the journal; `notify_file`: whom to tell. UserError for what is wrong there.
    """
    if not contract.alarms:
        if notify_file is not None:
            raise UserError(f"{notify_file} says whom to tell of alarms, but the contract has no alarms")
        return None
    from twinstage.telemetry.history.hotlog import DATABASE
    from twinstage.telemetry.sinks import Outlet, load_sinks

    sinks = () if notify_file is None else load_sinks(notify_file)
    journal = open_journal(None if history is None else history / DATABASE)
    teller = Teller(contract)
    outlets = [Outlet(sink, teller) for sink in sinks]
    return AlarmDesk(
        contract,
        state,
        clock=clock,
        journal=journal,
        outlets=outlets,
        notify=hub.notice,
        on_records=lambda data: hub.event("alarm", data),
    )
