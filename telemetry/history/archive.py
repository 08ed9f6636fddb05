"""From the hot log into hourly Parquet, and what may go again.

    archive/2026-11-24/09/000000000001-000000004711-0.parquet

A part holds readings of one session and one hour of event time (or day, where that has few), at most `PART` of them, sorted
by signal and time; parts of one compaction do not overlap in time. Its metadata names the contract. The table `parts` of the
hot log says which parts there are: it changes in the same transaction as the mark up to where the hot log is archived, so a
crash at any point leaves every reading in exactly one place, and at worst a file that nobody names.

What moves by itself: hours (or days with few readings) that are complete, with an hour for those who are late; and what is
more than some hundred thousand readings. An hour that came in many pieces is put together again.

Entries go from the hot log only when they are archived and two checkpoints no longer need them.
"""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.base.heap import trim_heap
from twinstage.telemetry.history.hotlog import Logged, LogReader, Session
from twinstage.telemetry.history.locks import alone
from twinstage.telemetry.history.rows import Rows, rows_of, table_of
from twinstage.telemetry.history.store import Store
from twinstage.telemetry.journal import Arrived

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("twinstage.history")
Statement: TypeAlias = tuple[str, tuple[object, ...]]

HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
PART = 524_288
GROUP = 65_536
"""Most readings of a part, and of a row group in it."""

KEEP_HOT = 200_000
"""Readings that stay in the hot log alone, unless all are asked for."""

HOURLY = 20_000
"""A day with fewer readings is one part: a file for each hour of a slow plant would be mostly file."""

PIECES = 8
"""An hour of so many parts is put together, where they fit into one."""


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


def lock_of(reader: LogReader) -> Path:
    """Whoever writes parts holds this lock."""
    return reader.path.parent / "archive.lock"


def use_archive(reader: LogReader, url: str) -> None:
    """From now on the archive lies there. Raises UserError where parts lie elsewhere already."""
    Store(url)
    if parts_of(reader) and store_of(reader).url != url:
        raise UserError(
            f"the archive of this history is {store_of(reader).url!r} and has parts; move them first"
        )
    reader.change(("INSERT OR REPLACE INTO meta VALUES ('archive', ?)", (url,)))


def compact(reader: LogReader, *, all_: bool = False) -> int:
    """Move readings into the archive, all or those whose time has come; returns how many.

    Raises OSError where the store or the disk does not take them; then they stay where they are.
    """
    moved = 0
    store = store_of(reader)
    with alone(lock_of(reader)):
        while True:
            after = archived_upto(reader)
            batch = list(reader.readings(after, PART, _due_upto(reader, after, all_)))
            if not batch:
                break
            parts = list(_written(store, reader.sessions(), batch))
            reader.change(*map(insert, parts), _mark(batch[-1].number))
            moved += sum(part.count for part in parts)
        _merge(reader)
        _forget_archived(reader)
    return moved


def _merge(reader: LogReader) -> int:
    """Put hours together that came in many pieces; returns how many."""
    store, sessions = store_of(reader), reader.sessions()
    by_hour: dict[tuple[int, str], list[Part]] = {}
    for part in parts_of(reader):
        by_hour.setdefault((part.session, part.name.rpartition("/")[0]), []).append(part)
    merged = 0
    for (session, hour), parts in by_hour.items():
        if len(parts) >= PIECES and sum(part.count for part in parts) <= PART:
            whole = _joined(store, sessions[session], hour, parts)
            gone = [("DELETE FROM parts WHERE name = ?", (part.name,)) for part in parts]
            reader.change(*gone, insert(whole))
            for part in parts:
                store.remove(part.name)
            merged += 1
    return merged


def by_time(rows: Rows) -> Iterator[Rows]:
    """Pieces of one hour, or of one day where that has few readings; at most PART rows, sorted by time, in time's order."""
    order = np.argsort(rows.columns.event_ns, kind="stable")
    rows = rows.take(order)
    time = rows.columns.event_ns
    for start, end in _runs(time // DAY_NS, 0):
        hours = _runs(time[start:end] // HOUR_NS, start) if end - start >= HOURLY else [(start, end)]
        for first, last in hours:
            for at in range(first, last, PART):
                yield rows.take(slice(at, min(last, at + PART)))


def _runs(values: NDArray[np.int64], offset: int) -> list[tuple[int, int]]:
    """Start and end of each run of equal values, moved by an offset."""
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return [(start + offset, end + offset) for start, end in pairwise(edges)] if len(values) else []


def write_part(store: Store, rows: Rows, name: str) -> Part:
    """Write rows of one hour or day, sorted by time, as a part of it."""
    columns, session = rows.columns, rows.session
    name = f"{_folder(int(columns.event_ns[0]), int(columns.event_ns[-1]))}/{name}"
    first, last = int(columns.event_ns[0]), int(columns.event_ns[-1])
    rank = np.argsort(np.argsort(np.array(session.signals)))[columns.signal]
    rows = rows.take(np.lexsort((columns.arrival, columns.sequence, columns.event_ns, rank)))
    store.write(name, _parquet(table_of(rows), session))
    used = tuple(rows.sources[k] for k in np.unique(rows.source).tolist())
    return Part(name, session.id, first, last, len(rows), used)


def insert(part: Part) -> Statement:
    """What names a part in the hot log."""
    return "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", _row(part)


def _due_upto(reader: LogReader, after: int, all_: bool) -> int:
    """Number of the last entry whose time has come."""
    span = reader.span()
    if all_ or span is None or reader.waiting(after) >= KEEP_HOT + PART:
        return 1 << 62
    upto = _before(reader, after, span[1] // HOUR_NS * HOUR_NS - HOUR_NS)
    if reader.waiting(after) - reader.waiting(upto) >= HOURLY:
        return upto
    return _before(reader, after, (span[1] - HOUR_NS) // DAY_NS * DAY_NS)


def _before(reader: LogReader, after: int, time_ns: int) -> int:
    """Number of the last entry, of those after a number, before the first one that reaches a moment of event time."""
    first = "SELECT min(id) FROM entries WHERE count > 0 AND id > ? AND last_ns >= ?"
    found = reader.query(first, (after, time_ns))[0][0]
    return after if found is None else int(found) - 1


def _joined(store: Store, session: Session, hour: str, parts: Sequence[Part]) -> Part:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = []
    for part in parts:
        with store.open(part.name) as file:
            tables.append(pq.read_table(file, use_threads=False))
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    names = ("signal", "event_ns", "sequence", "arrival")
    keys = table.select(names).set_column(0, "signal", table["signal"].cast(pa.string()))
    table = table.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in names]))
    ends = [part.name.rpartition("/")[2].split("-")[:2] for part in parts]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    data = _parquet(table, session)
    name = f"{hour}/{low}-{high}-m{hashlib.sha256(data).hexdigest()[:12]}.parquet"
    store.write(name, data)
    sources = tuple(sorted({source for part in parts for source in part.sources}))
    first, last = min(part.first_ns for part in parts), max(part.last_ns for part in parts)
    return Part(name, session.id, first, last, table.num_rows, sources)


def retain(reader: LogReader, before_ns: int) -> tuple[int, int]:
    """Remove parts that end before a moment, and snapshots of that time; returns how many parts and readings went."""
    with alone(lock_of(reader)):
        return _retain(reader, before_ns)


def _retain(reader: LogReader, before_ns: int) -> tuple[int, int]:
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
        for rows in by_time(rows_of(entries, sessions[session])):
            yield write_part(store, rows, f"{name}-{number}.parquet")
            number += 1


def _parquet(table: "pa.Table", session: Session) -> bytes:
    import pyarrow.parquet as pq

    counting = ("event_ns", "ingest_ns", "sequence", "arrival")
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(
            {"twinstage.contract": session.contract, "twinstage.session": str(session.id)}
        ),
        buffer,
        row_group_size=GROUP,
        compression="zstd",
        use_dictionary=["source", "signal", "text"],
        column_encoding=dict.fromkeys(counting, "DELTA_BINARY_PACKED"),
    )
    return buffer.getvalue()


def _mark(number: int) -> Statement:
    return "INSERT OR REPLACE INTO meta VALUES ('archived', ?)", (str(number),)


def _row(part: Part) -> tuple[object, ...]:
    sources = msgspec.json.encode(part.sources).decode()
    return part.name, part.session, part.first_ns, part.last_ns, part.count, sources


def _folder(first_ns: int, last_ns: int) -> str:
    """`2026-11-24/09`, or `2026-11-24` for what is in several hours of it."""
    one = first_ns // HOUR_NS == last_ns // HOUR_NS
    moment = datetime.fromtimestamp(first_ns // HOUR_NS * 3600, UTC)
    return moment.strftime("%Y-%m-%d/%H" if one else "%Y-%m-%d")


def _forget_archived(reader: LogReader) -> None:
    """Drop entries that are archived and that no checkpoint needs; where replays began again is kept.

    Some at a time, so that whoever else writes never waits for long.
    """
    oldest = reader.query("SELECT min(after) FROM checkpoints")[0][0] or 0
    upto = min(oldest, archived_upto(reader))
    gone = "id <= ? AND (count > 0 OR first_ns IS NULL)"
    while True:
        some = f"SELECT max(id) FROM (SELECT id FROM entries WHERE {gone} ORDER BY id LIMIT 500)"
        last = reader.query(some, (upto,))[0][0]
        if last is None:
            return
        reader.change((f"DELETE FROM entries WHERE {gone}", (last,)))


def compact_file(path: Path, *, all_: bool = False) -> int:
    """`compact` of a hot log by its path, in a process that goes on: the memory that it took goes back to the system."""
    reader = LogReader(path)
    try:
        moved = compact(reader, all_=all_)
    finally:
        reader.close()
    if moved:
        _give_memory_back()
    return moved


def _give_memory_back() -> None:
    """A part of half a million readings takes some 200 MB, which Arrow and the C library would keep until the next one."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim_heap()
