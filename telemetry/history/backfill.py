"""Readings that were missed, from a file, into the archive.

They go through the contract as live ones do: units, ranges, refusals. What the history has already (same signal, event time
and sequence) is counted and left out, so the same file may be given twice. They count as `history_only` with the moment of
the backfill as time of arrival: no state of the past is changed by them, and a question `known_at` an earlier moment does
not see them. They lie in parts of their own and not in the hot log, so the accounts of the twin are not touched either.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError
from twinstage.telemetry.columns import EventColumns, joined, kinds_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.archive import by_time, insert, lock_of, store_of, write_part
from twinstage.telemetry.history.hotlog import Session, session_of
from twinstage.telemetry.history.locks import alone
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.rows import rows_of, signal_numbers
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived, Entry
from twinstage.telemetry.quarantine import Quarantine

CHUNK = 1 << 20
FLUSH = 500_000
"""Readings that are held before they are written."""


@dataclass(slots=True)
class Backfilled:
    """received = stored + known + refused; known: what was there already, or twice in the file."""

    received: int = 0
    stored: int = 0
    known: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Taken:
    """A journal that holds readings until they are fetched."""

    parts: list[EventColumns] = field(default_factory=list)
    count: int = 0

    def tell(self, entry: Entry) -> None:
        if isinstance(entry, Arrived):
            self.parts += [part for part in (entry.taken, entry.history_only) if len(part)]
            self.count += len(entry.taken) + len(entry.history_only)

    def commit(self) -> None:
        """Nothing to make safe yet."""

    def close(self) -> None:
        """Nothing to let go of."""


def backfill(
    folder: Path,
    contract: Contract,
    source: str,
    chunks: Iterable[bytes],
    now_ns: int,
    *,
    quarantine: Quarantine | None = None,
) -> Backfilled:
    """Add what a source told. `now_ns`: the moment of the backfill.

    Raises UserError where the history or the source is missing, or the source's times are relative to when it is played.
    """
    spec = contract.sources.get(source)
    if spec is not None and spec.clock.epoch == "now":
        raise UserError(
            f"source {source!r} happens when it is played (clock.epoch: now), so it has no place in the past; "
            "give its epoch as a date"
        )
    free = {name: one.model_copy(update={"history": None}) for name, one in contract.sources.items()}
    taken = _Taken()
    reader = Ingest(contract.model_copy(update={"sources": free}), quarantine, journal=taken)
    stored = 0
    with History(folder) as history, alone(lock_of(history.log)):
        session = session_of(history.log, contract)
        for chunk in chunks:
            reader.offer(source, chunk, now_ns)
            reader.advance(now_ns)
            if taken.count >= FLUSH:
                stored += _store(history, contract, session, source, taken, now_ns)
        reader.finish(source, now_ns)
        reader.advance(now_ns)
        stored += _store(history, contract, session, source, taken, now_ns)
    counts = reader.counters[source]
    passed = counts["applied"] + counts["history_only"]
    known = passed - stored + counts["duplicate"]
    return Backfilled(counts["received"], stored, known, counts["received"] - stored - known)


def read_chunks(path: Path) -> Iterable[bytes]:
    """The bytes of a file. Raises UserError where it cannot be read."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UserError(f"the telemetry file {str(path)!r} cannot be read: {error.strerror}") from None


def _store(
    history: History, contract: Contract, session: Session, source: str, taken: _Taken, now_ns: int
) -> int:
    columns = joined(taken.parts, kinds_of(session.types))
    taken.parts, taken.count = [], 0
    if not len(columns):
        return 0
    columns = columns.take(_unknown(history, session, columns))
    entry = Arrived(source, now_ns, history_only=columns)
    store, parts = store_of(history.log), []
    for number, rows in enumerate(by_time(rows_of([entry], session))):
        what = rows.columns.event_ns.tobytes() + rows.columns.signal.tobytes() + rows.columns.bits.tobytes()
        digest = hashlib.sha256(what).hexdigest()[:12]
        parts.append(write_part(store, rows, f"b{now_ns}-{digest}-{number}.parquet"))
    history.log.change(*map(insert, parts))
    return len(columns)


def _unknown(history: History, session: Session, columns: EventColumns) -> np.ndarray:
    """Which of the readings the history does not have, bool[n]."""
    names = sorted({session.signals[k] for k in np.unique(columns.signal).tolist()} & set(history.signals()))
    span = int(columns.event_ns.min()), int(columns.event_ns.max())
    if not names:
        return np.ones(len(columns), np.bool_)
    known = history.keys(names, *span)
    keys = np.empty(known.num_rows + len(columns), [("signal", "u4"), ("event_ns", "i8"), ("sequence", "i8")])
    keys["signal"] = np.concatenate([signal_numbers(known["signal"], session), columns.signal])
    keys["event_ns"] = np.concatenate([known["event_ns"].to_numpy(), columns.event_ns])
    keys["sequence"] = np.concatenate([known["sequence"].to_numpy(), columns.sequence])
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    out: np.ndarray = first[known.num_rows :]
    return out
