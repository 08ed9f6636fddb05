"""Bytes in, state out, everything counted.

    ingest = Ingest(contract)
    ingest.offer("robot", chunk, now_ns)     # as bytes arrive, any split
    ingest.advance(now_ns)                   # once a tick: what is due is applied to ingest.state

For every source and at all times: received = applied + history_only + late + duplicate + quarantined + pending
(`accounts`). A late reading goes to the history only, or is refused where it comes later than the contract allows.

Time. A row's own time becomes UTC by the source's clock: Unix time as it is; relative time counted from `clock.epoch`;
and with `epoch: now` the first row is taken to happen at the moment it is offered, later ones as much later as the rows
say. Ages are then the ages of a live plant.

Replays that loop. A source that begins again says so (`sources.Restart`), and the pump calls `restart(source, shift_ns)`:
the reader expects a header again and event times move on by whole cycles, so they never run backwards. Because readings
of the old cycle may still wait, the restart takes effect when the first reading of the new cycle is due: then `restarts`
goes up by one, and whoever keeps state of their own across readings (attached parts, counters) begins again.

A replay may also be opened again from its start, in a second run or after a failure in mid-file; then the pump calls
`begin_again`. The first reading that follows decides how far its times move on: with `epoch: now` it happens when it
arrives, else right after the newest reading so far. From there it is as with any other restart.

A `journal` is told everything that the state depends on; `commit` makes it safe and says what may be acknowledged. What it
kept, told to `retell` of a new ingest, gives the same state.

`ingest_ns` and `now_ns` come from the caller's clock; nothing here reads one, and nothing raises for what the bytes say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.clock import NS
from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.columns import EventColumns, joined, kinds_of, values_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.intake import Intake, Parts
from twinstage.telemetry.journal import Advanced, Arrived, BeganAgain, CaughtUp, Entry, Journal
from twinstage.telemetry.layouts import Batch
from twinstage.telemetry.modes import ModeRanges
from twinstage.telemetry.numbers import ColumnBatch, ColumnReader
from twinstage.telemetry.order import NO_WATERMARK
from twinstage.telemetry.quarantine import Quarantine, QuarantineMemory
from twinstage.telemetry.reading import Reading
from twinstage.telemetry.refusals import RawLine, Refusals
from twinstage.telemetry.state import NEVER, StateTable

Listener = Callable[[list[Reading]], None]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How a source is doing: exact counts; its watermark (NO_WATERMARK before any reading) and when it was heard from last
    (0: never) [ns since 1970, UTC]; whether nothing waits for it."""

    counts: dict[str, int]
    watermark_ns: int
    heard_ns: int
    idle: bool

    def ages(self, now_ns: int) -> dict[str, float]:
        """How far the watermark lies `behind` the clock, and how long the source has been `silent` [s]; what is known of it."""
        known = {}
        if self.watermark_ns != NO_WATERMARK:
            known["behind"] = (now_ns - self.watermark_ns) / NS
        if self.heard_ns:
            known["silent"] = (now_ns - self.heard_ns) / NS
        return known


class Ingest:
    """The door of a twin.

    Attributes:
        state: the last known values.
        restarts: how many replays have begun again so far (see above).
        quarantine: where refused records go.
        journal: who is told what the state depends on, or None.
        fed_by_sources: whether the contract's sources feed it; a playback of the past feeds itself.
        received_ns: when the oldest of the readings arrived that `advance` applied last [ns since 1970, UTC]; None where it
            applied none, or it is not known.
        signal_heard_ns: when a reading of each signal arrived last that was taken, late ones included [ns], i8[n]; NEVER
            before the first, and for derived signals.
    """

    fed_by_sources = True

    def __init__(
        self,
        contract: Contract,
        quarantine: Quarantine | None = None,
        *,
        journal: Journal | None = None,
        on_applied: Listener | None = None,
        on_late: Listener | None = None,
    ) -> None:
        """`on_applied` and `on_late` get the readings themselves, in SI; they cost time a reading."""
        self.contract = contract
        self.state = StateTable(contract)
        self.quarantine: Quarantine = QuarantineMemory() if quarantine is None else quarantine
        self.journal = journal
        self.restarts = 0
        self.received_ns: int | None = None
        self.signal_heard_ns = np.full(len(self.state.signal_ids), NEVER, np.int64)
        self._on_applied = on_applied
        self._on_late = on_late
        self._kinds = kinds_of(self.state.types)
        refusals = Refusals(contract, self.quarantine)
        parts = Parts(contract, self._kinds, ColumnReader(contract), refusals)
        self._modes = ModeRanges(contract)
        self._intakes = {name: Intake(name, parts) for name in contract.sources}

    def offer(self, source: str, chunk: bytes, ingest_ns: int) -> None:
        """Take bytes of a source as they arrived at `ingest_ns` [ns since 1970, UTC]; lines may be split anywhere."""
        intake = self._intake(source)
        self._arrived(intake, intake.offer(chunk, ingest_ns))

    def offer_columns(self, source: str, batch: ColumnBatch, ingest_ns: int) -> None:
        """Take readings that are columns already, as they arrived; values are in the contract's units."""
        intake = self._intake(source)
        self._arrived(intake, intake.offer_columns(batch, ingest_ns))

    def offer_batch(self, source: str, batch: Batch, raw: RawLine, ingest_ns: int) -> None:
        """Take what a decoder of that source made of lines; `raw`: the line of a number, for what is refused."""
        intake = self._intake(source)
        self._arrived(intake, intake.take(batch, raw, ingest_ns))

    def finish(self, source: str, ingest_ns: int) -> None:
        """The source has ended: its last line needs no line feed, and nothing waits for it any longer."""
        intake = self._intake(source)
        self._arrived(intake, intake.end_stream(ingest_ns))
        self._catch_up(intake, ingest_ns)
        intake.idle = True

    def reconnect(self, source: str, ingest_ns: int) -> None:
        """The source starts over after a failure: what it left unfinished is judged, a header is expected again."""
        intake = self._intake(source)
        self._arrived(intake, intake.end_stream(ingest_ns))
        intake.expect_header()

    def restart(self, source: str, shift_ns: int, ingest_ns: int) -> None:
        """A replay begins again; from now on its event times count `shift_ns` more than before."""
        self.reconnect(source, ingest_ns)
        intake = self._intake(source)
        intake.shift(shift_ns)
        self._tell_boundaries(intake)

    def begin_again(self, source: str, ingest_ns: int) -> None:
        """A replay is opened anew and will tell everything from its start; harmless before the first reading.

        All that waits of the earlier run is released; what follows counts as a restart, later than all that was before.
        """
        self.reconnect(source, ingest_ns)
        intake = self._intake(source)
        self._catch_up(intake, ingest_ns)
        intake.begin_again()

    def time_ns(self, now_ns: int) -> int:
        """What time it is for the values: the caller's, or in a playback the moment that has been reached."""
        return now_ns

    def advance(self, now_ns: int) -> int:
        """Apply every reading that is due; returns their number.

        Due is what the watermark of its source has reached. A source that has been silent for its `idle_after` lets go
        of all that waits. Readings of several sources are applied in event-time order.
        """
        for intake in self._intakes.values():
            if not intake.idle and now_ns - intake.heard_ns >= intake.spec.idle_after_ns:
                intake.idle = True
                self._catch_up(intake, now_ns)
        return self._advance(now_ns)

    def commit(self) -> None:
        """Return when all that was taken so far is as safe as the journal is: then a source may be told so."""
        if self.journal is not None:
            self.journal.commit()

    def retell(self, entry: Entry) -> None:
        """Do again what a journal kept; entries come in their order, before anything is offered."""
        if isinstance(entry, Advanced):
            self._advance(entry.now_ns)
        elif isinstance(entry, Arrived):
            self._intake(entry.source).retell(entry)
            self._heard(entry)
        elif isinstance(entry, CaughtUp):
            self._intake(entry.source).order.catch_up()
        else:
            self._intake(entry.source).boundaries.append(entry.boundary_ns)

    def parts(self) -> dict[str, Any]:
        """Everything that what follows depends on, as plain data: with `take_parts` a checkpoint."""
        intakes = {name: intake.parts() for name, intake in self._intakes.items()}
        return {"state": self.state.parts(), "intakes": intakes, "restarts": self.restarts}

    def take_parts(self, data: dict[str, Any]) -> None:
        """Become what another ingest of the same contract was; only before anything was offered or retold."""
        self.state.take_parts(data["state"])
        for name, parts in data["intakes"].items():
            self._intake(name).take_parts(parts)
        self.restarts = data["restarts"]

    def close(self) -> None:
        """Close the quarantine. May be called more than once; readings may still come afterwards."""
        self.quarantine.close()

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """Exact counts by source, see `accounts`."""
        return {name: intake.counts for name, intake in self._intakes.items()}

    @property
    def contradictions(self) -> dict[str, dict[str, int]]:
        """By source and signal: how many readings of this run say something else than an earlier one of the same moment."""
        names = self.state.signal_ids
        return {
            name: {names[signal]: count for signal, count in intake.contradicted.items()}
            for name, intake in self._intakes.items()
        }

    @property
    def watermarks(self) -> dict[str, int]:
        """The watermark of each source that was heard from [ns since 1970, UTC]."""
        known = {name: intake.order.watermark_ns for name, intake in self._intakes.items()}
        return {name: mark for name, mark in known.items() if mark != NO_WATERMARK}

    def sources(self) -> dict[str, SourceReport]:
        """How each source is doing."""
        return {
            name: SourceReport(intake.counts, intake.order.watermark_ns, intake.heard_ns, intake.idle)
            for name, intake in self._intakes.items()
        }

    @property
    def watermark_ns(self) -> int:
        """No source that is heard from expects an event older than this [ns since 1970, UTC]; 0 before any event."""
        known = [i for i in self._intakes.values() if i.order.watermark_ns != NO_WATERMARK]
        active = [intake.order.watermark_ns for intake in known if not intake.idle]
        if active:
            return min(active)
        return max((intake.order.watermark_ns for intake in known), default=0)

    def _intake(self, name: str) -> Intake:
        found = self._intakes.get(name)
        if found is None:
            raise UserError(f"the contract has no source {name!r}{did_you_mean(name, self._intakes)}")
        return found

    def _arrived(self, intake: Intake, arrived: Arrived | None) -> None:
        if arrived is None:
            return
        self._tell(arrived)
        self._heard(arrived)
        self._tell_boundaries(intake)
        self._hand_to(self._on_late, arrived.history_only)

    def _heard(self, arrived: Arrived) -> None:
        self.signal_heard_ns[arrived.taken.signal] = arrived.ingest_ns
        self.signal_heard_ns[arrived.history_only.signal] = arrived.ingest_ns

    def _catch_up(self, intake: Intake, now_ns: int) -> None:
        intake.order.catch_up()
        if intake.order.pending:
            self._tell(CaughtUp(intake.name, now_ns))

    def _advance(self, now_ns: int) -> int:
        parts, self.received_ns = [], None
        for intake in self._intakes.values():
            released = intake.release()
            if len(released):
                parts.append(released)
                arrived = intake.received_ns(released)
                if arrived is not None:
                    self.received_ns = arrived if self.received_ns is None else min(arrived, self.received_ns)
                self.restarts += intake.passed(int(released.event_ns[-1]))
        if not parts:
            return 0
        due = parts[0] if len(parts) == 1 else joined(parts, self._kinds).in_order()
        due = self._modes.judge(due, self.state)
        self.state.apply(due, now_ns)
        self.state.derive(now_ns)
        self._tell(Advanced(now_ns, len(due)))
        self._hand_to(self._on_applied, due)
        return len(due)

    def _tell(self, entry: Entry) -> None:
        if self.journal is not None:
            self.journal.tell(entry)

    def _tell_boundaries(self, intake: Intake) -> None:
        for boundary in intake.new_boundaries():
            self._tell(BeganAgain(intake.name, boundary))

    def _hand_to(self, listener: Listener | None, columns: EventColumns) -> None:
        if listener is None or not len(columns):
            return
        names, values = self.state.signal_ids, values_of(columns, self._kinds)
        lists = (columns.signal.tolist(), values, columns.event_ns.tolist(), columns.quality.tolist())
        listener(
            [Reading(names[i], value, time, quality) for i, value, time, quality in zip(*lists, strict=True)]
        )
