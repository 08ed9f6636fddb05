"""One source's way through the ingest: its stream of bytes, its clock, its order, its counts."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.clock import NS
from twinstage.telemetry.accounts import Accounts
from twinstage.telemetry.arrivals import Arrivals
from twinstage.telemetry.columns import I1, NOTHING, EventColumns, joined
from twinstage.telemetry.contract import Contract, SourceSpec, utc
from twinstage.telemetry.journal import Arrived
from twinstage.telemetry.layouts import Batch, Rejected
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.numbers import ColumnBatch, ColumnReader
from twinstage.telemetry.order import NO_LIMIT, NO_WATERMARK, Judged, SourceOrder
from twinstage.telemetry.readers import open_decoder
from twinstage.telemetry.refusals import RawLine, Refusals

log = logging.getLogger("twinstage.telemetry.intake")

_FAR = (1 << 63) - 1
TOLD = 20
"""Signals of a source that are named in the log when they contradict themselves."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What all intakes of a contract share."""

    contract: Contract
    kinds: I1
    columns: ColumnReader
    refusals: Refusals


class Intake:
    """Takes what a source brings.

    Attributes:
        order: what waits, and the watermark.
        accounts: where every reading went.
        idle: whether nothing waits for this source, for it is silent, or has not begun.
        heard_ns: when it was heard from last [ns since 1970, UTC].
        contradicted: how many readings of this run contradict an earlier one of the same moment, by signal.
    """

    def __init__(self, name: str, parts: Parts) -> None:
        self.name = name
        self.spec: SourceSpec = parts.contract.sources[name]
        self.idle = True
        self.heard_ns = 0
        self.accounts = Accounts()
        self.contradicted: dict[int, int] = {}
        self._arrivals = Arrivals()
        self.order = SourceOrder(
            self.spec.lateness_ns,
            kinds=parts.kinds,
            max_pending=self.spec.max_pending,
            history_ns=NO_LIMIT if self.spec.history_ns is None else self.spec.history_ns,
        )
        self.boundaries: list[int] = []
        self._parts = parts
        self._lines = LineBuffer(self.spec.max_line)
        self._decoder = open_decoder(parts.contract, name)
        self._base_ns = base_ns(self.spec)
        self._shift_ns = 0
        self._first_ns: int | None = None
        self._begins_again = False
        self._untold: list[int] = []

    @property
    def counts(self) -> dict[str, int]:
        """Exact counts, those that still wait included."""
        return self.accounts.total | {"pending": self.order.pending}

    # what comes in

    def offer(self, chunk: bytes, ingest_ns: int) -> Arrived | None:
        """Take bytes, split anywhere; returns what the journal should know."""
        self.heard_ns, self.idle = ingest_ns, False
        first = self._lines.line
        return self._read(self._lines.feed(chunk), first, ingest_ns)

    def offer_columns(self, batch: ColumnBatch, ingest_ns: int) -> Arrived | None:
        """Take columns."""
        self.heard_ns, self.idle = ingest_ns, False
        columns, rejects = self._parts.columns.read(self.name, batch)
        self.accounts.add(received=len(batch), quarantined=len(rejects))
        self._parts.refusals.put(self.name, rejects, _no_line, ingest_ns)
        judged = self.order.accept_columns(columns, self._latest(ingest_ns))
        signal, time = columns.signal, columns.event_ns
        self._refuse(judged, lambda k: (k + 1, int(signal[k]), int(time[k])), _no_line, ingest_ns)
        return self._arrived(judged, ingest_ns)

    def end_stream(self, ingest_ns: int) -> Arrived | None:
        """Judge a last line that has no line feed."""
        first = self._lines.line
        return self._read(self._lines.flush(), first, ingest_ns)

    def expect_header(self) -> None:
        """The next line is the first of a stream."""
        self._decoder.restart()
        self._lines.restart()

    def retell(self, entry: Arrived) -> None:
        """Take what a journal kept."""
        self.heard_ns, self.idle = entry.ingest_ns, False
        both = joined([entry.taken, entry.history_only], self._parts.kinds)
        if len(entry.history_only):
            both = both.take(np.argsort(both.arrival, kind="stable"))
        self.order.accept_columns(both, _FAR)
        self.accounts.add_known(entry.counts)

    # what is due

    def release(self) -> EventColumns:
        """Readings that are due, sorted; they count as applied."""
        if not self.order.pending:
            return NOTHING
        released = self.order.release()
        self.accounts.add_known({"applied": len(released)})  # the journal is told of the moment instead
        return released

    def received_ns(self, released: EventColumns) -> int | None:
        """When the oldest of those readings arrived [ns since 1970, UTC]; None where it is not known."""
        return self._arrivals.when(int(released.arrival.min()), waiting=bool(self.order.pending))

    def passed(self, newest_ns: int) -> int:
        """How many times a replay began again up to that event time."""
        count = 0
        while self.boundaries and newest_ns >= self.boundaries[0]:
            self.boundaries.pop(0)
            count += 1
        return count

    # replays

    def shift(self, by_ns: int) -> None:
        """A replay begins again: from now on event times count that much more."""
        self._shift_ns += by_ns
        if self._first_ns is not None:
            self._bound(self._first_ns + self._shift_ns)

    def new_boundaries(self) -> list[int]:
        """Event times at which replays begin again, that were not told before."""
        out, self._untold = self._untold, []
        return out

    def begin_again(self) -> None:
        """What follows is a new run from its start."""
        if self.order.newest_ns == NO_WATERMARK:  # nothing has passed yet
            self._first_ns, self._shift_ns, self.boundaries = None, 0, []
            self._base_ns = base_ns(self.spec)
        else:
            self._begins_again = True

    # as plain data

    def parts(self) -> dict[str, Any]:
        """Everything that what follows depends on, but for an unfinished line: after a restart, streams begin anew."""
        return {
            "order": self.order.parts(),
            "counts": dict(self.accounts.total),
            "boundaries": list(self.boundaries),
            "heard_ns": self.heard_ns,
            "idle": self.idle,
            "base_ns": self._base_ns,
            "shift_ns": self._shift_ns,
            "first_ns": self._first_ns,
        }

    def take_parts(self, data: dict[str, Any]) -> None:
        """Become what another of the same source was; only before anything was taken."""
        self.order.take_parts(data["order"])
        self.accounts.add_known(data["counts"])
        self.boundaries = list(data["boundaries"])
        self.heard_ns, self.idle = data["heard_ns"], data["idle"]
        self._base_ns, self._shift_ns, self._first_ns = data["base_ns"], data["shift_ns"], data["first_ns"]

    # inside

    def _read(self, lines: Sequence[bytes], first: int, ingest_ns: int) -> Arrived | None:
        if not lines:
            return None
        return self.take(self._decoder.decode(lines, first), lambda line: lines[line - first], ingest_ns)

    def take(self, batch: Batch, raw: RawLine, ingest_ns: int) -> Arrived | None:
        """Take what some lines gave; `raw`: the line of a number. Returns what the journal should know."""
        self.accounts.add(
            received=batch.received,
            quarantined=len(batch.rejects),
            unmapped=batch.unmapped,
            blank=batch.blank,
        )
        judged = self._judge(batch, raw, ingest_ns) if batch.events else Judged()
        self._parts.refusals.put(self.name, batch.rejects, raw, ingest_ns)
        return self._arrived(judged, ingest_ns)

    def _judge(self, batch: Batch, raw: RawLine, ingest_ns: int) -> Judged:
        events = batch.events
        if self._begins_again:
            self._rebase(events[0][0], ingest_ns)
        if self._first_ns is None:
            if self._base_ns is None:  # epoch: now
                self._base_ns = ingest_ns - events[0][0]
            self._first_ns = events[0][0] + self._base_ns
        assert self._base_ns is not None
        base = self._base_ns + self._shift_ns
        if base:
            events = [(time + base, *rest) for time, *rest in events]  # type: ignore[misc]
        judged = self.order.accept(events, self._latest(ingest_ns))
        self._refuse(judged, lambda k: (batch.lines[k], events[k][1], events[k][0]), raw, ingest_ns)
        return judged

    def _latest(self, ingest_ns: int) -> int:
        ahead = self.spec.max_ahead
        return _FAR if ahead is None else ingest_ns + round(ahead * NS)

    def _rebase(self, time: int, ingest_ns: int) -> None:
        """Move event times on so that a row of that time, the first of a new run, comes after all of the old one.

        By more than the lateness: rows that the first one has overtaken may not fall into the old run.
        """
        self._begins_again = False
        if self._base_ns is None:  # a journal told of the run before, and not when its zero was
            self._base_ns = 0
        start = self.order.newest_ns + self.spec.lateness_ns + NS // 1000
        if self.spec.clock.epoch == "now":
            start = max(start, ingest_ns)
        self._shift_ns = start - time - self._base_ns
        self._first_ns = time + self._base_ns
        self._bound(start)

    def _bound(self, boundary_ns: int) -> None:
        self.boundaries.append(boundary_ns)
        self._untold.append(boundary_ns)

    def _refuse(self, judged: Judged, at: "_At", raw: RawLine, ingest_ns: int) -> None:
        """Count what does not wait, and quarantine what is not merely told twice. `at`: (line, signal, event time)."""
        if not judged.refused:
            return
        self.accounts.add(
            duplicate=len(judged.duplicate_at),
            contradicting=len(judged.contradicts_at),
            late=len(judged.too_late_at),
            quarantined=len(judged.future_at) + len(judged.overflow_at),
        )
        for place in judged.contradicts_at:
            self._contradicted(*at(place))
        spec = self.spec
        allowed = spec.lateness + (spec.history or 0)
        reasons = {
            "late": (judged.too_late_at, f"at most {allowed:g} s after newer readings"),
            "future": (judged.future_at, f"at most {spec.max_ahead} s ahead of its arrival"),
            "overflow": (judged.overflow_at, f"at most {spec.max_pending} readings waiting"),
        }
        for reason, (places, expected) in reasons.items():
            rejects = [self._rejected(reason, expected, *at(place)) for place in places]
            self._parts.refusals.put(self.name, rejects, raw, ingest_ns)

    def _contradicted(self, line: int, signal: int, time_ns: int) -> None:
        """Two readings of one moment that say different things: told at the first one of each signal."""
        told = self.contradicted
        told[signal] = told.get(signal, 0) + 1
        if told[signal] > 1 or len(told) > TOLD + 1:
            return
        if len(told) > TOLD:
            log.warning(
                "source %r contradicts itself in more than %d signals: only counted now", self.name, TOLD
            )
            return
        name, moment = self._parts.contract.signals[signal].id, utc(time_ns)
        log.warning(
            "source %r, line %d: signal %r comes a second time for %s, with another value; the first one stands"
            " (said once a signal, then counted)",
            *(self.name, line, name, moment),
        )  # fmt: skip

    def _rejected(self, reason: str, expected: str, line: int, signal: int, time_ns: int) -> Rejected:
        spec = self._parts.contract.signals[signal]
        return Rejected(line, reason, ", ".join(spec.field), expected, utc(time_ns), spec.id)

    def _arrived(self, judged: Judged, ingest_ns: int) -> Arrived | None:
        self.accounts.add(history_only=len(judged.history_only))
        if len(judged.taken):
            self._arrivals.note(int(judged.taken.arrival.max()), ingest_ns)
        news = self.accounts.news()
        if not news:
            return None
        return Arrived(self.name, ingest_ns, judged.taken, judged.history_only, news)


_At = Callable[[int], tuple[int, int, int]]


def _no_line(_: int) -> bytes:
    return b""


def base_ns(spec: SourceSpec) -> int | None:
    """What makes UTC of a source's own times [ns]; None where the first row decides."""
    if spec.clock.epoch == "now":
        return None
    return (spec.clock.epoch_ns or 0) if spec.reader.time.epoch == "relative" else 0
