"""Readings as rows of an Arrow table: what the archive holds and queries see.

source, signal              names
event_ns, ingest_ns         source time and time of arrival [ns since 1970, UTC]
sequence, arrival           the source's own count or 0; number of the reading among those of its source
value                       f64, in SI; null for other types and where the quality is bad
whole                       i64, bool (0, 1) and enum (its code)
text, vector                string; vec, quat (wxyz) and pose (x, y, z, wxyz)
quality                     OPC UA StatusCode
history_only                whether it came too late to move the state
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.columns import FLOAT, OTHER, WHOLE, EventColumns, joined, kinds_of
from twinstage.telemetry.history.hotlog import Session
from twinstage.telemetry.journal import Arrived

if TYPE_CHECKING:
    import pyarrow as pa

I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one session. `source`: place of each in `sources`, i8[n]; `ingest_ns` i8[n]; `history_only` bool[n]."""

    session: Session
    columns: EventColumns
    sources: tuple[str, ...]
    source: I8
    ingest_ns: I8
    history_only: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, index: Any) -> "Rows":
        """Some of them."""
        return Rows(
            self.session,
            self.columns.take(index),
            self.sources,
            self.source[index],
            self.ingest_ns[index],
            self.history_only[index],
        )


def rows_of(entries: Iterable[Arrived], session: Session) -> Rows:
    """All readings of journal entries, in their order."""
    sources: dict[str, int] = {}
    parts: list[EventColumns] = []
    counts, source, ingest, late = [], [], [], []
    for entry in entries:
        number = sources.setdefault(entry.source, len(sources))
        for columns, too_late in ((entry.taken, False), (entry.history_only, True)):
            if len(columns):
                parts.append(columns)
                counts.append(len(columns))
                source.append(number)
                ingest.append(entry.ingest_ns)
                late.append(too_late)
    repeat = np.array(counts, np.int64)
    return Rows(
        session,
        joined(parts, kinds_of(session.types)),
        tuple(sources),
        np.repeat(np.array(source, np.int64), repeat),
        np.repeat(np.array(ingest, np.int64), repeat),
        np.repeat(np.array(late, np.bool_), repeat),
    )


def schema() -> "pa.Schema":
    """The columns above."""
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("source", name),
            ("signal", name),
            ("event_ns", pa.int64()),
            ("ingest_ns", pa.int64()),
            ("sequence", pa.int64()),
            ("arrival", pa.int64()),
            ("value", pa.float64()),
            ("whole", pa.int64()),
            ("text", pa.string()),
            ("vector", pa.list_(pa.float64())),
            ("quality", pa.uint32()),
            ("history_only", pa.bool_()),
        ]
    )


def table_of(rows: Rows) -> "pa.Table":
    """The rows as a table."""
    import pyarrow as pa

    columns, count = rows.columns, len(rows)
    kind, has = kinds_of(rows.session.types)[columns.signal], columns.good_enough
    names = pa.array(rows.session.signals, pa.string())
    text, vector = _others(columns, (kind == OTHER) & has)
    whole = has & (kind == WHOLE)
    arrays = [
        pa.DictionaryArray.from_arrays(rows.source.astype(np.int32), pa.array(rows.sources, pa.string())),
        pa.DictionaryArray.from_arrays(columns.signal.astype(np.int32), names),
        columns.event_ns,
        rows.ingest_ns,
        columns.sequence,
        columns.arrival,
        pa.array(columns.numbers, pa.float64(), mask=~(has & (kind == FLOAT))),
        pa.array(columns.bits, pa.int64(), mask=~whole) if whole.any() else pa.nulls(count, pa.int64()),
        pa.nulls(count, pa.string()) if text is None else pa.array(text, pa.string()),
        pa.nulls(count, pa.list_(pa.float64()))
        if vector is None
        else pa.array(vector, pa.list_(pa.float64())),
        columns.quality,
        rows.history_only,
    ]
    return pa.Table.from_arrays(
        [pa.array(a) if isinstance(a, np.ndarray) else a for a in arrays], schema=schema()
    )


def columns_of(table: "pa.Table", session: Session) -> EventColumns:
    """The columns of a table, in its order; signals are numbered as in `session`, which must know all of them."""
    import pyarrow.compute as pc

    table = table.combine_chunks()
    signal = signal_numbers(table["signal"], session)
    quality = table["quality"].to_numpy().astype(np.uint32)
    bits = table["value"].fill_null(0.0).to_numpy().astype(np.float64).view(np.int64).copy()
    whole = table["whole"]
    if whole.null_count < len(whole):
        is_whole = kinds_of(session.types)[signal] == WHOLE
        bits[is_whole] = whole.fill_null(0).to_numpy()[is_whole]
    others: list[Any] = []
    for name in ("text", "vector"):
        column = table[name]
        if column.null_count < len(column):
            at = np.flatnonzero(pc.is_valid(column).to_numpy())
            bits[at] = np.arange(len(others), len(others) + len(at))
            found = column.take(at).to_pylist()
            others += found if name == "text" else [tuple(vector) for vector in found]
    return EventColumns(
        signal,
        table["event_ns"].to_numpy(),
        table["sequence"].to_numpy(),
        table["arrival"].to_numpy(),
        bits,
        quality,
        tuple(others),
    )


def signal_numbers(column: "pa.ChunkedArray", session: Session) -> NDArray[np.uint32]:
    """Names as they are numbered in a session that knows all of them."""
    import pyarrow as pa

    if not len(column):
        return np.zeros(0, np.uint32)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chunk = column.unify_dictionaries().combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    index = {name: k for k, name in enumerate(session.signals)}
    number = np.array([index.get(name, 0) for name in chunk.dictionary.to_pylist()], np.uint32)
    out: NDArray[np.uint32] = number[chunk.indices.to_numpy()]
    return out


def _others(columns: EventColumns, which: NDArray[np.bool_]) -> tuple[list[Any] | None, list[Any] | None]:
    """Texts and vectors as lists with None where there are none; None where there are none at all."""
    text: list[Any] | None = None
    vector: list[Any] | None = None
    for place in np.flatnonzero(which).tolist():
        value = columns.others[int(columns.bits[place])]
        if isinstance(value, str):
            text = [None] * len(columns) if text is None else text
            text[place] = value
        else:
            vector = [None] * len(columns) if vector is None else vector
            vector[place] = value
    return text, vector
