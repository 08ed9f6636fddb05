"""Readings that moved the state, out of the hot log and the archive, many entries at once.

A log of a twin that hears of its plant two hundred times a second has as many entries, of a few readings each: made into
columns one by one they would cost most of a seek.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Any

import msgspec
import numpy as np

from twinstage.telemetry.column_data import data_columns
from twinstage.telemetry.columns import I8, EventColumns
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.archive import Part, archived_upto, parts_of, store_of
from twinstage.telemetry.history.faults import HistoryFault
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.history.rows import columns_of

FIRST, LAST = -(1 << 62), 1 << 62
"""Before and after everything."""

_COLUMNS = [
    "source",
    "signal",
    "event_ns",
    "sequence",
    "arrival",
    "value",
    "whole",
    "text",
    "vector",
    "quality",
    "history_only",
]
_decode = msgspec.msgpack.Decoder().decode
_u4, _i8 = Struct("<I").pack, Struct("<q").pack


def renumberings(reader: LogReader, contract: Contract) -> dict[int, Renumbering]:
    """Of each session, to the signals of a contract."""
    return {number: Renumbering(session, contract) for number, session in reader.sessions().items()}


def taken_hot(
    reader: LogReader,
    renumber: dict[int, Renumbering],
    since: dict[str, int],
    last_ns: int,
    numbers: tuple[int, int] = (0, LAST),
) -> Iterator[EventColumns]:
    """What moved the state, by source from a moment on (it included) up to another, of entries that are not archived and
    come after a number, up to another; in no order. UserError for an entry that was damaged."""
    first = min(since.values(), default=FIRST)
    found = reader.blobs(first, last_ns, max(numbers[0], archived_upto(reader)), numbers[1])
    for session, rows in groupby(found, lambda row: row[1]):
        for source, columns in _columns(reader, rows):
            mark = _marks(source, since)
            inside = (columns.event_ns >= mark) & (columns.event_ns <= last_ns)
            if inside.any():
                yield renumber[session].columns(columns if inside.all() else columns.take(inside))


@dataclass(frozen=True, slots=True)
class PartReadings:
    """What moved the state of one part, by time: the names of sources, the source of each, the columns."""

    sources: tuple[str, ...]
    source: I8
    columns: EventColumns


def part_readings(reader: LogReader, part: Part) -> PartReadings:
    """Reads a part of the archive; signals are numbered as in its session."""
    import pyarrow.parquet as pq

    with store_of(reader).open(part.name) as file:
        table = pq.read_table(file, columns=_COLUMNS, use_threads=False)
    late = table["history_only"].to_numpy()
    if late.any():
        table = table.take(np.flatnonzero(~late))
    source = table["source"].combine_chunks()
    source = source.chunk(0) if hasattr(source, "chunk") else source
    columns = columns_of(table, reader.sessions()[part.session])
    order = np.argsort(columns.event_ns, kind="stable")
    number = source.indices.to_numpy().astype(np.int64)
    return PartReadings(tuple(source.dictionary.to_pylist()), number[order], columns.take(order))


def taken_parts(
    reader: LogReader,
    renumber: dict[int, Renumbering],
    since: dict[str, int],
    last_ns: int,
    read: Callable[[LogReader, Part], PartReadings] = part_readings,
) -> Iterator[EventColumns]:
    """The same of the archive. `read`: how a part comes to be read."""
    for part in parts_of(reader):
        named = {name: since[name] for name in part.sources if name in since}
        if part.first_ns > last_ns or not any(part.last_ns >= mark for mark in named.values()):
            continue
        found = read(reader, part)
        time = found.columns.event_ns
        span = slice(*np.searchsorted(time, [min(named.values()), last_ns + 1]).tolist())
        columns = found.columns.take(span)
        inside = columns.event_ns >= _marks((found.sources, found.source[span]), since)
        if inside.any():
            yield renumber[part.session].columns(columns if inside.all() else columns.take(inside))


def _marks(source: "str | tuple[Sequence[str], I8]", since: dict[str, int]) -> Any:
    """From where on readings count: one moment, or one for each."""
    if isinstance(source, str):
        return since.get(source, LAST)
    names, number = source
    return np.array([since.get(name, LAST) for name in names], np.int64)[number]


def _columns(
    reader: LogReader, rows: Iterator[tuple[int, int, int, bytes]]
) -> Iterator[tuple["str | tuple[Sequence[str], I8]", EventColumns]]:
    """Readings of entries of one session, with their sources: of most of them at once, of those that hold more than numbers
    one by one."""
    names: dict[str, int] = {}
    many = _Many()
    for number, _, crc, blob in rows:
        if zlib.crc32(blob) != crc:
            raise HistoryFault(
                f"the history {str(reader.path)!r} is damaged: entry {number} is not what was written"
            )
        try:
            kind, data = _decode(blob)
            taken = data["taken"] if kind == "Arrived" else None
        except (msgspec.DecodeError, TypeError, KeyError, ValueError):
            raise HistoryFault(
                f"the history {str(reader.path)!r} is damaged: entry {number} is no journal entry"
            ) from None
        if not taken:
            continue
        if "others" in taken:
            yield data["source"], data_columns(taken)
        else:
            many.add(names.setdefault(data["source"], len(names)), taken)
    if many.counts:
        source, columns = many.columns()
        yield (list(names), source), columns


class _Many:
    """Plain data of columns (`column_data`), put end to end."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self._sources: list[int] = []
        self._first: list[int] = []
        self._odd: list[tuple[int, bytes]] = []
        self._parts: tuple[list[bytes], ...] = ([], [], [], [], [])

    def add(self, source: int, data: dict[str, Any]) -> None:
        """Those of an entry."""
        count = data["n"]
        signal, time, sequence, bits, quality = self._parts
        signal.append(_wide(data["signal"], _u4, count))
        time.append(data["event_ns"])
        sequence.append(_wide(data["sequence"], _i8, count))
        bits.append(data["bits"])
        quality.append(_wide(data["quality"], _u4, count))
        arrival = data["arrival"]
        if isinstance(arrival, bytes):
            self._odd.append((len(self.counts), arrival))
            arrival = 0
        self._first.append(arrival)
        self._sources.append(source)
        self.counts.append(count)

    def columns(self) -> tuple[I8, EventColumns]:
        """All of them, and the source of each."""
        count = np.array(self.counts, np.int64)
        begin = np.cumsum(count) - count
        arrival = np.repeat(np.array(self._first, np.int64) - begin, count) + np.arange(int(count.sum()))
        for place, data in self._odd:
            arrival[begin[place] : begin[place] + count[place]] = np.frombuffer(data, "<i8")
        signal, time, sequence, bits, quality = (b"".join(part) for part in self._parts)
        return np.repeat(np.array(self._sources, np.int64), count), EventColumns(
            np.frombuffer(signal, "<u4"),
            np.frombuffer(time, "<i8"),
            np.frombuffer(sequence, "<i8"),
            arrival,
            np.frombuffer(bits, "<i8"),
            np.frombuffer(quality, "<u4"),
        )


def _wide(data: "int | bytes", pack: Any, count: int) -> bytes:
    return data if isinstance(data, bytes) else pack(data) * count
