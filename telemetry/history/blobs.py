"""Journal entries as bytes, and back: MessagePack around the plain data of `column_data`."""

from typing import Any

import msgspec

from twinstage.telemetry.column_data import columns_data, data_columns
from twinstage.telemetry.journal import Advanced, Arrived, BeganAgain, CaughtUp, Entry

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def entry_bytes(entry: Entry) -> bytes:
    """A journal entry as bytes."""
    if isinstance(entry, Arrived):
        data: dict[str, Any] = {
            "source": entry.source,
            "ingest_ns": entry.ingest_ns,
            "taken": columns_data(entry.taken),
            "history_only": columns_data(entry.history_only),
            "counts": dict(entry.counts),
        }
    elif isinstance(entry, CaughtUp):
        data = {"source": entry.source, "at_ns": entry.at_ns}
    elif isinstance(entry, BeganAgain):
        data = {"source": entry.source, "boundary_ns": entry.boundary_ns}
    else:
        data = {"now_ns": entry.now_ns, "count": entry.count}
    return _encode([type(entry).__name__, data])


def bytes_entry(blob: bytes) -> Entry:
    """The entry of bytes. Raises ValueError for bytes that are none."""
    try:
        kind, data = _decode(blob)
        if kind == "Arrived":
            taken, late = data_columns(data["taken"]), data_columns(data["history_only"])
            return Arrived(data["source"], data["ingest_ns"], taken, late, data["counts"])
        if kind == "CaughtUp":
            return CaughtUp(**data)
        if kind == "BeganAgain":
            return BeganAgain(**data)
        if kind == "Advanced":
            return Advanced(**data)
    except (msgspec.DecodeError, TypeError, KeyError) as error:
        raise ValueError(f"these bytes are no journal entry: {error}") from None
    raise ValueError(f"no journal entry is of kind {kind!r}")
