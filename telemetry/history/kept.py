"""A history for somebody who asks again and again, nearby: what was read and made into columns once is kept.

    history = KeptHistory(folder, contract)
    history.look()                     # before each question: what has been written meanwhile
    history.state_at(contract, at_ns)  # answers are those of `History`, to the bit

Readings are kept in reels, one from a snapshot to the next, a few at a time. What is written meanwhile goes into those that it
belongs to; where the archive changes, all are read anew. Not for two threads at once.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.clock import NS
from twinstage.telemetry.columns import I8, NOTHING, EventColumns, joined, kinds_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.archive import Part, archived_upto
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.history.taken import (
    FIRST,
    LAST,
    PartReadings,
    part_readings,
    renumberings,
    taken_hot,
    taken_parts,
)
from twinstage.telemetry.state import StateTable

MOST_READINGS = 1_000_000
"""Readings in all reels, about 44 B each."""
MOST_PARTS = 2
"""Parts of the archive, of half a million readings at most."""
AHEAD_NS = 20 * NS
"""How much more is read than what is asked for [ns of event time]."""


@dataclass(slots=True)
class _Reel:
    """Readings from a snapshot on.

    base: parts of the state then; marks: by source, from where on readings are in `columns`, in order; first_ns: moment of
    the snapshot: readings up to it are the first `lead` of them; last_ns: that of the next one; upto_ns: up to where it was
    read; seen: number of the
    newest entry by then; behind: whether later ones belong to it.
    """

    base: dict[str, Any]
    marks: dict[str, int]
    first_ns: int
    last_ns: int
    upto_ns: int = FIRST
    seen: int = 0
    behind: bool = False
    columns: EventColumns = NOTHING
    lead: int = 0


class KeptHistory(History):
    """See the module.

    Attributes:
        seen: number of the newest entry at the last `look`.
    """

    def __init__(self, folder: Path, contract: Contract) -> None:
        super().__init__(folder)
        self._contract = contract
        self._kinds = kinds_of([signal.type for signal in contract.quantities])
        names = list(contract.sources)
        self._source_of: I8 = np.array([names.index(s.source) for s in contract.signals], np.int64)
        self._names = names
        self.seen = 0
        self._form: tuple[object, ...] = ()
        self._known: tuple[int, int] | None = None
        self._begun: list[int] = []
        self._reels: OrderedDict[int, _Reel] = OrderedDict()
        self._parts: OrderedDict[str, PartReadings] = OrderedDict()
        self._useful: tuple[str, ...] = ()
        self._renumber: dict[int, Renumbering] = {}

    def look(self) -> int:
        """What has been written since the last time: the earliest event time of it, LAST where that moves nothing.

        Answers between two looks are those of the time of the first.
        """
        with self.log.one_view():
            form = self._form_now()
            anew = form != self._form
            missed = anew and bool(self._form) and archived_upto(self.log) > self.seen
            low = self._take_news()
            if anew:
                self._begin_anew(form)
            return FIRST if missed else low

    def _form_now(self) -> tuple[object, ...]:
        """What changes when the archive, or the contract that is written, does."""
        parts = "SELECT count(*), total(first_ns), total(last_ns), total(count) FROM parts"
        (sessions,) = self.log.query("SELECT max(id) FROM sessions")[0]
        return (*self.log.query(parts)[0], sessions)

    def _take_news(self) -> int:
        after = (self.seen,)
        news = "SELECT max(id), min(first_ns), max(last_ns) FROM entries WHERE id > ? AND count > 0"
        _, low, high = self.log.query(news, after)[0]
        begun = "SELECT first_ns FROM entries WHERE id > ? AND count = 0 AND first_ns IS NOT NULL"
        self._begun = sorted([*self._begun, *(row[0] for row in self.log.query(begun, after))])
        self.seen = int(self.log.query("SELECT coalesce(max(id), ?) FROM entries", after)[0][0])
        if low is None:
            return LAST
        known = self._known or (low, high)
        self._known = min(known[0], low), max(known[1], high)
        for reel in self._reels.values():
            reel.behind |= low <= reel.upto_ns
        return int(low)

    def _begin_anew(self, form: tuple[object, ...]) -> None:
        self._form = form
        self._reels.clear()
        self._parts.clear()
        self._known, self._begun = self.log.span(), self.log.begun_again()
        self._renumber = renumberings(self.log, self._contract)
        self._useful = super()._serving(self._contract)

    # ------------------------------------------------------------------ answers of `History`

    def span(self) -> tuple[int, int] | None:
        return self._known

    def begun_again(self) -> list[int]:
        return list(self._begun)

    def state_at(self, contract: Contract, at_ns: int) -> StateTable:
        reel = self._reel(at_ns)
        table = StateTable(contract)
        table.take_parts(reel.base)
        due = reel.columns.take(slice(0, _place(reel.columns, at_ns)))
        if len(due):
            table.apply(due, at_ns)
        table.derive(at_ns)
        return table

    def taken(self, contract: Contract, since: dict[str, int], last_ns: int) -> EventColumns:
        first, reel = min(since.values(), default=FIRST), None
        found: list[EventColumns] = []
        while reel is None or reel.last_ns < last_ns:
            begin = first if reel is None else reel.last_ns
            reel = self._reel(begin, last_ns)
            low = int(np.searchsorted(reel.columns.event_ns, first)) if not found else reel.lead
            found.append(reel.columns.take(slice(low, _place(reel.columns, min(last_ns, reel.last_ns)))))
        whole = joined(found, self._kinds)
        if len(set(since.values())) > 1:
            mark = np.array([since.get(name, LAST) for name in self._names], np.int64)
            whole = whole.take(whole.event_ns >= mark[self._source_of[whole.signal]])
        return whole

    # ------------------------------------------------------------------ reels

    def _reel(self, at_ns: int, upto_ns: int | None = None) -> _Reel:
        """The reel of a moment, read up to there, or up to another or its end."""
        first, last = self._between(at_ns)
        reel = self._reels.pop(first, None)
        if reel is None:
            state, marks = self._from_snapshot(self._contract, first)
            reel = _Reel(state.parts(), marks, first, last)
        reel.last_ns = last
        with self.log.one_view():
            self._read(reel, min(at_ns if upto_ns is None else upto_ns, last))
        self._reels[first] = reel
        while len(self._reels) > 1 and sum(len(one.columns) for one in self._reels.values()) > MOST_READINGS:
            self._reels.popitem(last=False)
        return reel

    def _serving(self, contract: Contract) -> tuple[str, ...]:
        return self._useful

    def _between(self, at_ns: int) -> tuple[int, int]:
        """Moments of the snapshots before and after one; FIRST and LAST where there are none."""
        marks = ", ".join("?" * len(self._useful))
        of = f"FROM snapshots WHERE contract IN ({marks}) AND at_ns"
        before = f"SELECT coalesce(max(at_ns), {FIRST}) {of} <= ?"
        after = f"SELECT coalesce(min(at_ns), {LAST}) {of} > ?"
        asked = (*self._useful, at_ns)
        return int(self.log.query(before, asked)[0][0]), int(self.log.query(after, asked)[0][0])

    def _read(self, reel: _Reel, wanted_ns: int) -> None:
        since = {name: reel.marks.get(name, FIRST) for name in self._names}
        found = [reel.columns]
        if reel.behind:
            span = (reel.seen, self.seen)
            found += taken_hot(self.log, self._renumber, since, reel.upto_ns, span)
        if wanted_ns > reel.upto_ns:
            upto = max(wanted_ns, min(wanted_ns + AHEAD_NS, reel.last_ns, self._end_ns()))
            more = {name: max(mark, reel.upto_ns + 1) for name, mark in since.items()}
            found += taken_hot(self.log, self._renumber, more, upto, (0, self.seen))
            found += taken_parts(self.log, self._renumber, more, upto, self._part)
            reel.upto_ns = upto
        reel.behind = False
        reel.seen = self.seen
        if len(found) > 1:
            reel.columns = joined(found, self._kinds).in_order()
            reel.lead = _place(reel.columns, reel.first_ns)

    def _part(self, reader: LogReader, part: Part) -> PartReadings:
        """One of the archive's, of which the last few that were read are kept."""
        found = self._parts.pop(part.name, None) or part_readings(reader, part)
        self._parts[part.name] = found
        while len(self._parts) > MOST_PARTS:
            self._parts.popitem(last=False)
        return found

    def _end_ns(self) -> int:
        return self._known[1] if self._known is not None else FIRST


def _place(columns: EventColumns, until_ns: int) -> int:
    """How many of them happened up to a moment."""
    return int(np.searchsorted(columns.event_ns, until_ns, side="right"))
