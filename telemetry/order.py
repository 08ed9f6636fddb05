"""Event-time order within one source.

The watermark is the newest event time seen, less the source's lateness. A reading older than the watermark is late; one
that is not waits until the watermark has reached it. Both are judged when a reading arrives, against what arrived before
it, so the outcome depends only on the order of arrival: neither on how the bytes were split, nor on when `release` runs.

A late reading still belongs to the history, unless it is older than the watermark by more than `history_ns`: that is too
late. A reading is a duplicate if one with the same signal, event time and sequence came before, among the last `memory` that
were taken; the first one counts. One that says something else than the first is told apart: it contradicts.

Few readings are judged one by one. Many at once are judged in columns where all of them are newer than what their signal
has told so far, for then none can be a duplicate; the verdicts are the same.
"""

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twinstage.telemetry.column_data import columns_data, data_columns
from twinstage.telemetry.columns import (
    FIRST_BAD,
    FLOAT,
    I1,
    I8,
    NOTHING,
    OTHER,
    Bool,
    EventColumns,
    compact,
    joined,
    pack,
)
from twinstage.telemetry.reading import Value
from twinstage.telemetry.recent import UNKNOWN, RecentKeys, packed

NO_WATERMARK = -(1 << 63)
NO_LIMIT = 1 << 62

MANY = 64
"""From so many readings on, columns are faster."""

NO_VALUE = (1 << 63) - 1
"""What a reading of bad quality said: as a float it is no number, and equals none."""

SAME = 1e-9
"""Floats that differ by no more than this part say the same: one may have been converted from another unit."""

Arriving = tuple[int, int, int, Value, int]
"""(event time [ns], signal, sequence, value, quality)."""


@dataclass(slots=True)
class Judged:
    """What became of readings: those that wait for the watermark, those that only the history takes, both in order of
    arrival; and of all others their places in what was judged. `contradicts_at`: duplicates that say something else than
    the first."""

    taken: EventColumns = NOTHING
    history_only: EventColumns = NOTHING
    too_late_at: list[int] = field(default_factory=list)
    duplicate_at: list[int] = field(default_factory=list)
    contradicts_at: list[int] = field(default_factory=list)
    future_at: list[int] = field(default_factory=list)
    overflow_at: list[int] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether any reading neither waits nor goes into the history."""
        return bool(self.too_late_at or self.duplicate_at or self.future_at or self.overflow_at)


class SourceOrder:
    """Watermark, waiting room and memory of one source. Times are int64 nanoseconds. `kinds`: of all signals."""

    def __init__(
        self,
        lateness_ns: int,
        *,
        kinds: I1,
        max_pending: int,
        history_ns: int = NO_LIMIT,
        memory: int = 262_144,
    ) -> None:
        self.lateness_ns = lateness_ns
        self.history_ns = history_ns
        self.max_pending = max_pending
        self.newest_ns = NO_WATERMARK
        self.watermark_ns = NO_WATERMARK
        self.arrivals = 0
        self._kinds = kinds
        self._recent = RecentKeys(memory)
        # Newest event time of each signal: in Python's own array for single readings, and the same memory for columns.
        self._newest_of = array("q", [NO_WATERMARK]) * len(kinds)
        self._newest_column = np.frombuffer(self._newest_of, np.int64)
        self._waiting = NOTHING  # sorted
        self._fresh: list[EventColumns] = []  # as they came
        self._pending = 0

    @property
    def pending(self) -> int:
        """Readings that wait."""
        return self._pending

    def accept(self, events: Sequence[Arriving], latest_ns: int) -> Judged:
        """Judge readings in order of arrival; none may be dated after `latest_ns`."""
        columns = pack([(*event[:3], 0, *event[3:]) for event in events], self._kinds)
        if len(events) >= MANY:
            return self.accept_columns(columns, latest_ns)
        return self._one_by_one(columns, latest_ns)

    def accept_columns(self, columns: EventColumns, latest_ns: int) -> Judged:
        """The same for columns; their arrival numbers are given here."""
        if len(columns) and not self._surely_new(columns):
            return self._one_by_one(columns, latest_ns)
        return self._all_at_once(columns, latest_ns)

    def catch_up(self) -> None:
        """Nothing older is expected any more (idle, or ended): the watermark moves to the newest time."""
        self.watermark_ns = max(self.watermark_ns, self.newest_ns)

    def release(self) -> EventColumns:
        """Readings that the watermark has reached, sorted by time, signal, sequence; they wait no longer."""
        self._settle()
        waiting = self._waiting
        end = int(np.searchsorted(waiting.event_ns, self.watermark_ns, side="right"))
        self._pending -= end
        if end == len(waiting):
            self._waiting = NOTHING
            return waiting
        self._waiting = compact(waiting.take(slice(end, None)), self._kinds)
        return waiting.take(slice(0, end))

    def parts(self) -> dict[str, Any]:
        """Everything that later verdicts depend on, as plain data."""
        self._settle()
        return {
            "newest_ns": self.newest_ns,
            "watermark_ns": self.watermark_ns,
            "arrivals": self.arrivals,
            "newest_of": self._newest_column.astype("<i8").tobytes(),
            "waiting": columns_data(self._waiting),
            "recent": self._recent.parts(),
        }

    def take_parts(self, data: dict[str, Any]) -> None:
        """Become what another was; only before anything was judged."""
        self.newest_ns, self.watermark_ns = data["newest_ns"], data["watermark_ns"]
        self.arrivals = data["arrivals"]
        self._newest_column[:] = np.frombuffer(data["newest_of"], "<i8")
        self._waiting = data_columns(data["waiting"])
        self._pending = len(self._waiting)
        self._recent.take_parts(data["recent"])

    def _surely_new(self, columns: EventColumns) -> bool:
        """Whether each reading is newer than all others of its signal that came before."""
        signal = columns.signal
        narrow = signal.astype(np.uint16) if len(self._kinds) < 1 << 16 else signal  # sorted by radix
        by_signal = np.argsort(narrow, kind="stable")
        signal, time = signal[by_signal], columns.event_ns[by_signal]
        same = signal[1:] == signal[:-1]
        first = np.append(True, ~same)
        rising = bool((~same | (time[1:] > time[:-1])).all())
        return rising and bool((time[first] > self._newest_column[signal[first]]).all())

    def _all_at_once(self, columns: EventColumns, latest_ns: int) -> Judged:
        time = columns.event_ns
        future: Bool = time > latest_ns
        watermark = self._watermarks(np.where(future, NO_WATERMARK, time))
        late = ~future & (time < watermark)
        taken = ~future & ~late
        if np.count_nonzero(taken) > self.max_pending - self.pending:
            return self._one_by_one(columns, latest_ns)
        too_late = late & (time < np.maximum(watermark, NO_WATERMARK + NO_LIMIT) - self.history_ns)
        kept = ~future & ~too_late
        numbers = self.arrivals + np.cumsum(kept)
        numbered = replace(columns, arrival=numbers)
        self.arrivals = int(numbers[-1]) if len(numbers) else self.arrivals
        known = numbered if kept.all() else numbered.take(kept)
        self._recent.add_columns(known, contents(known, self._kinds))
        self._newest_column[known.signal] = known.event_ns  # they rise, and the last one stays
        judged = Judged(
            numbered if taken.all() else numbered.take(taken),
            numbered.take(late & ~too_late) if late.any() else NOTHING,
            too_late_at=np.flatnonzero(too_late).tolist(),
            future_at=np.flatnonzero(future).tolist(),
        )
        if len(judged.taken):
            self._fresh.append(judged.taken)
            self._pending += len(judged.taken)
            self.newest_ns = max(self.newest_ns, int(judged.taken.event_ns.max()))
            self.watermark_ns = max(self.watermark_ns, self.newest_ns - self.lateness_ns)
        return judged

    def _watermarks(self, time: I8) -> I8:
        """The watermark that each reading met."""
        newest = np.maximum.accumulate(np.append(np.int64(self.newest_ns), time))[:-1]
        # No subtraction where nothing was seen yet: it would wrap round.
        moved = np.where(newest > NO_WATERMARK + NO_LIMIT, newest - self.lateness_ns, NO_WATERMARK)
        out: I8 = np.maximum(moved, self.watermark_ns)
        return out

    def _one_by_one(self, columns: EventColumns, latest_ns: int) -> Judged:
        judged = Judged()
        kept: list[int] = []  # places
        taken: list[tuple[int, int]] = []  # places and arrival numbers
        late: list[tuple[int, int]] = []
        newest, watermark, lateness = self.newest_ns, self.watermark_ns, self.lateness_ns
        newest_of, recent, count = self._newest_of, self._recent, self.arrivals
        table = recent.open()
        room = self.max_pending - self.pending
        said = contents(columns, self._kinds)
        lists = (a.tolist() for a in (columns.event_ns, columns.signal, columns.sequence, said))
        for place, (time, signal, sequence, says) in enumerate(zip(*lists, strict=True)):
            if time > latest_ns:
                judged.future_at.append(place)
                continue
            key = (signal, time, sequence)
            if time <= newest_of[signal] and (first := recent.known(key, count + 1)) is not None:
                judged.duplicate_at.append(place)
                if first != says and self._contradict(signal, first, says):
                    judged.contradicts_at.append(place)
                continue
            if time < watermark - self.history_ns:
                judged.too_late_at.append(place)
                continue
            if time >= watermark and room <= 0:
                judged.overflow_at.append(place)
                continue
            count += 1
            table[key] = packed(count, says)
            kept.append(place)
            newest_of[signal] = max(newest_of[signal], time)
            if time < watermark:
                late.append((place, count))
                continue
            if time > newest:
                newest = time
                watermark = max(watermark, time - lateness)
            room -= 1
            taken.append((place, count))
        if kept:
            known = replace(columns.take(np.array(kept)), arrival=np.arange(count - len(kept), count) + 1)
            recent.close(known, said[kept])
        self.newest_ns, self.watermark_ns, self.arrivals = newest, watermark, count
        judged.taken, judged.history_only = self._numbered(columns, taken), self._numbered(columns, late)
        if taken:
            self._fresh.append(judged.taken)
            self._pending += len(judged.taken)
        return judged

    def _numbered(self, columns: EventColumns, places: list[tuple[int, int]]) -> EventColumns:
        """Some of the columns with their arrival numbers."""
        if not places:
            return NOTHING
        place, arrival = np.array(places, np.int64).T
        return replace(compact(columns.take(place), self._kinds), arrival=arrival.copy())

    def _contradict(self, signal: int, first: int, again: int) -> bool:
        """Whether two contents that are not equal say different things."""
        if UNKNOWN in (first, again):
            return False
        if self._kinds[signal] != FLOAT:
            return True
        a, b = np.array([first, again]).view(np.float64).tolist()
        return not abs(a - b) <= SAME * max(abs(a), abs(b))

    def _settle(self) -> None:
        """Merge what is fresh; only the part of the waiting room that it overlaps is sorted again."""
        if not self._fresh:
            return
        fresh = joined(self._fresh, self._kinds).in_order()
        self._fresh = []
        waiting = self._waiting
        start = int(np.searchsorted(waiting.event_ns, fresh.event_ns[0], side="left")) if len(fresh) else 0
        tail = joined([waiting.take(slice(start, None)), fresh], self._kinds).in_order()
        self._waiting = joined([waiting.take(slice(0, start)), tail], self._kinds)


def contents(columns: EventColumns, kinds: I1) -> I8:
    """What each reading says, as 64 bits: its own, or a check sum of a text or vector; NO_VALUE where quality is bad."""
    bad = columns.quality >= FIRST_BAD
    if not columns.others and not bad.any():
        return columns.bits
    out = columns.bits.copy()
    for place in np.flatnonzero((kinds[columns.signal] == OTHER) & ~bad).tolist():
        out[place] = zlib.crc32(repr(columns.others[int(columns.bits[place])]).encode())
    out[bad] = NO_VALUE
    return out
