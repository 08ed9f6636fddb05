"""From the hot log into hourly Parquet, and what may go again.

    archive/2026-11-24/09/000000000001-000000004711-0.parquet

A part holds readings of one session and one hour of event time, at most `PART` of them, sorted by signal and time; parts of
one compaction do not overlap in time. Its metadata names the contract. The table `parts` of the hot log says which parts
there are: it changes in the same transaction as the mark up to where the hot log is archived, so a crash at any point leaves
every reading in exactly one place, and at worst a file that nobody names (`orphans` finds those).

Entries go from the hot log only when they are archived and two checkpoints no longer need them.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path

import msgspec
import numpy as np

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.telemetry.history.hotlog import Logged, LogReader, Session
from twinstage.telemetry.history.rows import Rows, rows_of, table_of
from twinstage.telemetry.history.store import Store
from twinstage.telemetry.journal import Arrived

log = logging.getLogger("twinstage.history")

HOUR_NS = 3600 * NS
PART = 524_288
GROUP = 65_536
"""Most readings of a part, and of a row group in it."""

KEEP_HOT = 200_000
"""Readings that stay in the hot log alone, unless all are asked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part as the hot log knows it. `name`: in the store."""

    name: str
    session: int
    first_ns: int
    last_ns: int
    count: int
    sources: tuple[str, ...]


def parts_of(reader: LogReader) -> list[Part]:
    """All parts, oldest first."""
    rows = reader.query(
        "SELECT name, session, first_ns, last_ns, count, sources FROM parts ORDER BY first_ns, name"
    )
    return [
        Part(name, session, first, last, count, tuple(msgspec.json.decode(sources, type=list[str])))
        for name, session, first, last, count, sources in rows
    ]


def archived_upto(reader: LogReader) -> int:
    """Number of the last entry whose readings are in the archive; 0 before the first."""
    found = reader.query("SELECT value FROM meta WHERE name = 'archived'")
    return int(found[0][0]) if found else 0


def store_of(reader: LogReader) -> Store:
    """The archive of a history."""
    found = reader.query("SELECT value FROM meta WHERE name = 'archive'")
    return Store(found[0][0] if found else str(reader.path.parent / "archive"))


def use_archive(reader: LogReader, url: str) -> None:
    """From now on the archive lies there. Raises UserError where parts lie elsewhere already."""
    Store(url)
    if parts_of(reader) and store_of(reader).url != url:
        raise UserError(
            f"the archive of this history is {store_of(reader).url!r} and has parts; move them first"
        )
    reader.change(("INSERT OR REPLACE INTO meta VALUES ('archive', ?)", (url,)))


def compact(reader: LogReader, *, all_: bool = False) -> int:
    """Move readings into the archive; returns how many. Without `all_` some hundred thousand stay in the hot log.

    Raises OSError where the store or the disk does not take them; then they stay where they are.
    """
    moved = 0
    store, sessions = store_of(reader), reader.sessions()
    while True:
        after = archived_upto(reader)
        if reader.waiting(after) < (1 if all_ else KEEP_HOT + PART):
            break
        batch = list(reader.readings(after, PART))
        parts = [part for part in _written(store, sessions, batch)]
        reader.change(
            *(("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", _row(part)) for part in parts),
            ("INSERT OR REPLACE INTO meta VALUES ('archived', ?)", (str(batch[-1].number),)),
        )
        moved += sum(part.count for part in parts)
    _forget_archived(reader)
    return moved


def retain(reader: LogReader, before_ns: int) -> tuple[int, int]:
    """Remove parts that end before a moment, and snapshots of that time; returns how many parts and readings went."""
    store = store_of(reader)
    old = [part for part in parts_of(reader) if part.last_ns < before_ns]
    reader.change(
        *(("DELETE FROM parts WHERE name = ?", (part.name,)) for part in old),
        ("DELETE FROM snapshots WHERE at_ns < ?", (before_ns,)),
    )
    for part in old:
        store.remove(part.name)
    return len(old), sum(part.count for part in old)


def _written(store: Store, sessions: dict[int, Session], batch: Sequence[Logged]) -> Iterator[Part]:
    name = f"{batch[0].number:012d}-{batch[-1].number:012d}"
    number = 0
    for session, group in groupby(batch, lambda logged: logged.session):
        entries = [logged.entry for logged in group if isinstance(logged.entry, Arrived)]
        for rows in _by_time(rows_of(entries, sessions[session])):
            yield _write(store, rows, f"{_hour(int(rows.columns.event_ns[0]))}/{name}-{number}.parquet")
            number += 1


def _by_time(rows: Rows) -> Iterator[Rows]:
    """Pieces of one hour and at most PART rows, in time's order."""
    time = rows.columns.event_ns
    order = np.argsort(time, kind="stable")
    rows = rows.take(order)
    hours = rows.columns.event_ns // HOUR_NS
    edges = [0, *(np.flatnonzero(hours[1:] != hours[:-1]) + 1).tolist(), len(rows)]
    for start, end in pairwise(edges):
        for at in range(start, end, PART):
            yield rows.take(slice(at, min(end, at + PART)))


def _write(store: Store, rows: Rows, name: str) -> Part:
    import pyarrow.parquet as pq

    columns, session = rows.columns, rows.session
    first, last = int(columns.event_ns[0]), int(columns.event_ns[-1])
    rank = np.argsort(np.argsort(np.array(session.signals)))[columns.signal]
    rows = rows.take(np.lexsort((columns.arrival, columns.sequence, columns.event_ns, rank)))
    table = table_of(rows).replace_schema_metadata(
        {"twinstage.contract": session.contract, "twinstage.session": str(session.id)}
    )
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        row_group_size=GROUP,
        compression="zstd",
        use_dictionary=["source", "signal", "text"],
        column_encoding={"event_ns": "DELTA_BINARY_PACKED", "ingest_ns": "DELTA_BINARY_PACKED",
                         "sequence": "DELTA_BINARY_PACKED", "arrival": "DELTA_BINARY_PACKED"},
    )  # fmt: skip
    store.write(name, buffer.getvalue())
    used = tuple(rows.sources[k] for k in np.unique(rows.source).tolist())
    return Part(name, session.id, first, last, len(rows), used)


def _row(part: Part) -> tuple[object, ...]:
    sources = msgspec.json.encode(part.sources).decode()
    return part.name, part.session, part.first_ns, part.last_ns, part.count, sources


def _hour(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // HOUR_NS * 3600, UTC).strftime("%Y-%m-%d/%H")


def _forget_archived(reader: LogReader) -> None:
    """Drop entries that are archived and that no checkpoint needs; where replays began again is kept."""
    oldest = reader.query("SELECT min(after) FROM checkpoints")[0][0] or 0
    upto = min(oldest, archived_upto(reader))
    gone = "DELETE FROM entries WHERE id <= ? AND (count > 0 OR first_ns IS NULL)"
    reader.change((gone, (upto,)))


def compact_file(path: Path, *, all_: bool = False) -> int:
    """`compact` of a hot log by its path."""
    reader = LogReader(path)
    try:
        return compact(reader, all_=all_)
    finally:
        reader.close()
