"""Bytes in, state out, everything counted.

    ingest = Ingest(contract)
    ingest.offer("robot", chunk, now_ns)     # as bytes arrive, any split
    ingest.advance(now_ns)                   # once a tick: what is due is applied to ingest.state

For every source and at all times: received = applied + late + duplicate + quarantined + pending. A line that cannot be
read counts as one. Beside these, `unmapped` counts rows that no signal asks for and `blank` cells without a value.

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

`ingest_ns` and `now_ns` come from the caller's clock; nothing here reads one, and nothing raises for what the bytes say.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twinstage.base.clock import NS
from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.contract import Contract, SourceSpec
from twinstage.telemetry.layouts import Batch, RawEvent, Rejected
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.order import NO_WATERMARK, SourceOrder
from twinstage.telemetry.quarantine import Quarantine, QuarantineMemory, QuarantineRecord
from twinstage.telemetry.readers import Decoder, open_decoder
from twinstage.telemetry.reading import Event, Reading
from twinstage.telemetry.state import StateTable

Listener = Callable[[list[Reading]], None]
_FAR = (1 << 63) - 1


@dataclass(slots=True)
class _Source:
    """One source's way through the ingest."""

    name: str
    spec: SourceSpec
    lines: LineBuffer
    decoder: Decoder
    order: SourceOrder
    base_ns: int | None
    idle: bool = True
    heard_ns: int = 0
    shift_ns: int = 0
    first_ns: int | None = None
    boundaries: list[int] = field(default_factory=list)
    begins_again: bool = False
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("received", "applied", "late", "duplicate", "quarantined", "unmapped", "blank"), 0
        )
    )


class Ingest:
    """The door of a twin.

    Attributes:
        state: the last known values.
        restarts: how many replays have begun again so far (see above).
        quarantine: where refused records go.
    """

    def __init__(
        self,
        contract: Contract,
        quarantine: Quarantine | None = None,
        *,
        on_applied: Listener | None = None,
        on_late: Listener | None = None,
    ) -> None:
        """`on_applied` and `on_late` get the readings themselves, in SI, for a history; they cost time a reading."""
        self.contract = contract
        self.state = StateTable(contract)
        self.quarantine: Quarantine = QuarantineMemory() if quarantine is None else quarantine
        self.restarts = 0
        self._on_applied = on_applied
        self._on_late = on_late
        self._hash = contract.hash
        self._sources = {name: self._open(name, spec) for name, spec in contract.sources.items()}

    def _open(self, name: str, spec: SourceSpec) -> _Source:
        return _Source(
            name=name,
            spec=spec,
            lines=LineBuffer(spec.max_line),
            decoder=open_decoder(self.contract, name),
            order=SourceOrder(spec.lateness_ns, max_pending=spec.max_pending),
            base_ns=_base_ns(spec),
        )

    def offer(self, source: str, chunk: bytes, ingest_ns: int) -> None:
        """Take bytes of a source as they arrived at `ingest_ns` [ns since 1970, UTC]; lines may be split anywhere."""
        found = self._source(source)
        found.heard_ns = ingest_ns
        found.idle = False
        first = found.lines.line
        self._read(found, found.lines.feed(chunk), first, ingest_ns)

    def finish(self, source: str, ingest_ns: int) -> None:
        """The source has ended: its last line needs no line feed, and nothing waits for it any longer."""
        found = self._source(source)
        self._end_stream(found, ingest_ns)
        found.order.catch_up()
        found.idle = True

    def reconnect(self, source: str, ingest_ns: int) -> None:
        """The source starts over after a failure: what it left unfinished is judged, a header is expected again."""
        found = self._source(source)
        self._end_stream(found, ingest_ns)
        found.decoder.restart()
        found.lines.restart()

    def restart(self, source: str, shift_ns: int, ingest_ns: int) -> None:
        """A replay begins again; from now on its event times count `shift_ns` more than before."""
        self.reconnect(source, ingest_ns)
        found = self._source(source)
        found.shift_ns += shift_ns
        if found.first_ns is not None:
            found.boundaries.append(found.first_ns + found.shift_ns)

    def begin_again(self, source: str, ingest_ns: int) -> None:
        """A replay is opened anew and will tell everything from its start; harmless before the first reading.

        All that waits of the earlier run is released; what follows counts as a restart, later than all that was before.
        """
        self.reconnect(source, ingest_ns)
        found = self._source(source)
        found.order.catch_up()
        if found.order.newest_ns == NO_WATERMARK:  # nothing has passed yet
            found.first_ns, found.shift_ns, found.boundaries = None, 0, []
            found.base_ns = _base_ns(found.spec)
        else:
            found.begins_again = True

    def close(self) -> None:
        """Close the quarantine. May be called more than once; readings may still come afterwards."""
        self.quarantine.close()

    def advance(self, now_ns: int) -> int:
        """Apply every reading that is due; returns their number.

        Due is what the watermark of its source has reached. A source that has been silent for its `idle_after` lets go
        of all that waits. Readings of several sources are applied in event-time order.
        """
        due: list[Event] = []
        for source in self._sources.values():
            order = source.order
            if not source.idle and now_ns - source.heard_ns >= source.spec.idle_after_ns:
                source.idle = True
                order.catch_up()
            if order.pending:
                released = order.release()
                if released:
                    source.counts["applied"] += len(released)
                    due = released if not due else due + released
                    self._pass_boundaries(source, released[-1][0])
        if due:
            due.sort()
            self.state.apply(due, now_ns)
            self._tell(self._on_applied, due)
        return len(due)

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """Exact counts by source: received, applied, late, duplicate, quarantined, pending; unmapped, blank."""
        return {
            name: source.counts | {"pending": source.order.pending} for name, source in self._sources.items()
        }

    @property
    def watermark_ns(self) -> int:
        """No source that is heard from expects an event older than this [ns since 1970, UTC]; 0 before any event."""
        known = [s for s in self._sources.values() if s.order.watermark_ns != NO_WATERMARK]
        active = [s.order.watermark_ns for s in known if not s.idle]
        if active:
            return min(active)
        return max((s.order.watermark_ns for s in known), default=0)

    def _source(self, name: str) -> _Source:
        found = self._sources.get(name)
        if found is None:
            raise UserError(f"the contract has no source {name!r}{did_you_mean(name, self._sources)}")
        return found

    def _end_stream(self, source: _Source, ingest_ns: int) -> None:
        first = source.lines.line
        self._read(source, source.lines.flush(), first, ingest_ns)

    def _read(self, source: _Source, lines: Sequence[bytes], first: int, ingest_ns: int) -> None:
        if not lines:
            return
        batch = source.decoder.decode(lines, first)
        counts = source.counts
        counts["received"] += batch.received
        counts["unmapped"] += batch.unmapped
        counts["blank"] += batch.blank
        if batch.events:
            self._order(source, batch, ingest_ns)
        if batch.rejects:
            counts["quarantined"] += len(batch.rejects)
            records = [self._record(source, r, lines[r.line - first], ingest_ns) for r in batch.rejects]
            self.quarantine.put(records)

    def _order(self, source: _Source, batch: Batch, ingest_ns: int) -> None:
        events = batch.events
        if source.begins_again:
            self._rebase(source, events[0][0], ingest_ns)
        if source.first_ns is None:
            if source.base_ns is None:  # epoch: now
                source.base_ns = ingest_ns - events[0][0]
            source.first_ns = events[0][0] + source.base_ns
        assert source.base_ns is not None
        ahead = source.spec.max_ahead
        latest = _FAR if ahead is None else ingest_ns + round(ahead * 1e9)
        base = source.base_ns + source.shift_ns
        late, duplicates, future, overflow = source.order.accept(events, base, latest)
        source.counts["late"] += len(late)
        source.counts["duplicate"] += duplicates
        self._tell(self._on_late, late)
        if future or overflow:
            self._refuse(source, future, "future", f"at most {ahead} s ahead of its arrival", ingest_ns)
            most = f"at most {source.spec.max_pending} readings waiting"
            self._refuse(source, overflow, "overflow", most, ingest_ns)

    def _rebase(self, source: _Source, time: int, ingest_ns: int) -> None:
        """Move event times on so that a row of that time, the first of a new run, comes after all of the old one.

        By more than the lateness: rows that the first one has overtaken may not fall into the old run.
        """
        source.begins_again = False
        assert source.base_ns is not None
        start = source.order.newest_ns + source.spec.lateness_ns + NS // 1000
        if source.spec.clock.epoch == "now":
            start = max(start, ingest_ns)
        source.shift_ns = start - time - source.base_ns
        source.first_ns = time + source.base_ns
        source.boundaries.append(start)

    def _refuse(
        self, source: _Source, events: Sequence[RawEvent], reason: str, expected: str, ingest_ns: int
    ) -> None:
        """Quarantine readings that could be read but may not pass; their lines are no longer at hand."""
        source.counts["quarantined"] += len(events)
        records = []
        for time, signal, _, value, _ in events:
            spec = self.contract.signals[signal]
            got = f"{value!r} at {time} ns"
            reject = Rejected(source.lines.line - 1, reason, ", ".join(spec.field), expected, got, spec.id)
            records.append(self._record(source, reject, b"", ingest_ns))
        if records:
            self.quarantine.put(records)

    def _record(self, source: _Source, reject: Rejected, raw: bytes, ingest_ns: int) -> QuarantineRecord:
        return QuarantineRecord(
            reason=reject.reason,
            source=source.name,
            line=reject.line,
            field=reject.field,
            signal=reject.signal,
            expected=reject.expected,
            got=reject.got,
            raw_b64=base64.b64encode(raw).decode(),
            received_ns=ingest_ns,
            contract=self._hash,
        )

    def _pass_boundaries(self, source: _Source, newest_ns: int) -> None:
        while source.boundaries and newest_ns >= source.boundaries[0]:
            source.boundaries.pop(0)
            self.restarts += 1

    def _tell(self, listener: Listener | None, events: Sequence[Event]) -> None:
        if listener is None or not events:
            return
        names = self.state.signal_ids
        listener(
            [Reading(names[signal], value, time, quality) for time, signal, _, _, value, quality in events]
        )


def _base_ns(spec: SourceSpec) -> int | None:
    """What makes UTC of a source's own times [ns]; None where the first row decides."""
    if spec.clock.epoch == "now":
        return None
    return (spec.clock.epoch_ns or 0) if spec.reader.time.epoch == "relative" else 0
