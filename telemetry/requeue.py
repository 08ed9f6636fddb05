"""Quarantined lines once more, after a fix: what passes now, what is still refused, what was known already.

A line is read once, however many of its values were refused. Of a line of which single values were refused, only these count;
the others passed when it came. So the accounts are exact, whatever the ingest remembers:

    requeued = applied + history_only + late + duplicate + quarantined

Nothing here touches a file.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.layouts import Batch, Rejected
from twinstage.telemetry.quarantine import QuarantineRecord
from twinstage.telemetry.readers import Decoder, open_decoder

SAME_ROW = 1
"""In a decoder's numbering the header is line 1, so rows begin with the next."""


@dataclass
class Requeued:
    """What came of it.

    Attributes:
        records: how many were read. lines: how many different lines they hold.
        counts: by source: received, and where each reading went.
        known: values of these lines that had passed already and are left alone.
        unread: records without a line (they came as columns, or the line was longer than allowed), by reason.
    """

    records: int = 0
    lines: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    known: int = 0
    unread: dict[str, int] = field(default_factory=dict)


@dataclass
class _Line:
    raw: bytes
    refused: set[str] | None = field(default_factory=set)  # ids of signals; None: all of the line


def requeue(
    contract: Contract,
    records: Sequence[QuarantineRecord],
    ingest: Ingest,
    *,
    now_ns: int,
    headers: Mapping[str, bytes] | None = None,
) -> Requeued:
    """Offer the lines of records to an ingest, in the order of their event times, and apply what passes.

    `ingest`: of `contract`; what it refuses goes to its quarantine. `headers`: first lines of the CSV sources that have one.
    Raises UserError for a source that is not in the contract, or whose lines cannot be read without what came before.
    """
    done = Requeued(records=len(records))
    by_source = defaultdict[str, list[QuarantineRecord]](list)
    for record in records:
        by_source[record.source].append(record)
    for source in by_source:
        _check(contract, source)
    for source, own in by_source.items():
        lines = _lines(contract, own, done)
        done.lines += len(lines)
        before = dict(ingest.counters[source])
        _offer(contract, source, lines, ingest, now_ns, (headers or {}).get(source), done)
        ingest.finish(source, now_ns)
        ingest.advance(now_ns)
        done.counts[source] = {name: n - before[name] for name, n in ingest.counters[source].items()}
    return done


def _check(contract: Contract, source: str) -> None:
    spec = contract.sources.get(source)
    if spec is None:
        near = did_you_mean(source, contract.sources)
        raise UserError(f"quarantined lines are of the source {source!r}, which the contract lacks{near}")
    if spec.clock.epoch == "now":
        raise UserError(
            f"source {source!r} counts its times from the moment of arrival (clock.epoch: now), so its lines cannot be read "
            "later; name the instant of its time zero"
        )


def _lines(contract: Contract, records: Sequence[QuarantineRecord], done: Requeued) -> list[_Line]:
    """Each line once, in the order of arrival, with the signals that were refused of it."""
    found: dict[tuple[int, int, str], _Line] = {}
    for record in sorted(records, key=lambda r: (r.received_ns, r.line)):
        if not record.raw_b64 or record.reason == "line_too_long":
            done.unread[record.reason] = done.unread.get(record.reason, 0) + 1
            continue
        key = (record.received_ns, record.line, record.raw_b64)
        line = found.setdefault(key, _Line(record.raw))
        signals = _signals(contract, record)
        if not signals:
            line.refused = None
        elif line.refused is not None:
            line.refused |= signals
    return list(found.values())


def _signals(contract: Contract, record: QuarantineRecord) -> set[str]:
    """Which signals a record speaks of by today's names; none where it speaks of the line."""
    if not record.signal or record.signal in contract.by_id:
        return {record.signal} - {""}
    named = (s for s in contract.signals if s.source == record.source)
    return {s.id for s in named if ", ".join(s.field) == record.field} or {record.signal}


def _offer(
    contract: Contract,
    source: str,
    lines: Sequence[_Line],
    ingest: Ingest,
    now_ns: int,
    header: bytes | None,
    done: Requeued,
) -> None:
    decoder = open_decoder(contract, source)
    start = _begin(contract, source, decoder, header, lines)
    batch = decoder.decode([line.raw for line in lines], start)
    ids = [signal.id for signal in contract.signals]

    def wanted(number: int, signal: str) -> bool:
        refused = lines[number - start].refused
        return refused is None or not signal or signal in refused

    kept = [
        k
        for k, (event, n) in enumerate(zip(batch.events, batch.lines, strict=True))
        if wanted(n, ids[event[1]])
    ]
    done.known += len(batch.events) - len(kept)
    kept.sort(key=lambda k: batch.events[k][0])
    rejects: list[Rejected] = []
    for reject in batch.rejects:
        if wanted(reject.line, reject.signal):
            rejects.append(reject)
        else:
            done.known += 1
    out = Batch(
        [batch.events[k] for k in kept], [batch.lines[k] for k in kept], rejects, batch.unmapped, batch.blank
    )
    ingest.offer_batch(source, out, lambda number: lines[number - start].raw, now_ns)


def _begin(
    contract: Contract, source: str, decoder: Decoder, header: bytes | None, lines: Sequence[_Line]
) -> int:
    """Tell the decoder the header; returns the number of the first line that follows."""
    reader = contract.sources[source].reader
    if reader.format != "csv" or reader.layout == "record" or not reader.header:
        return SAME_ROW
    if header is None:
        if reader.columns is None:
            raise UserError(
                f"the lines of source {source!r} belong to a table with a header; name a file of it as {source}=FILE"
            )
        header = contract.sources[source].reader.delimiter.join(reader.columns).encode()
    above = [header, header] if reader.units_row else [header]  # what the units row says does not matter
    told = decoder.decode(above, 1)
    if told.rejects:
        raise UserError(
            f"the header of source {source!r} lacks what the contract names: {told.rejects[0].expected}"
        )
    return SAME_ROW + len(above)
