"""Columns as plain data, for journals and checkpoints.

Raw little-endian arrays. Columns that say nothing are left out: one signal, quality or sequence for all is one number, and
arrival numbers that count up are their first. So a reading of a float takes 20 bytes, not 40.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.columns import NOTHING, EventColumns


def columns_data(columns: EventColumns) -> dict[str, Any]:
    """Plain data of columns; {} where there are none."""
    if not len(columns):
        return {}
    arrival = columns.arrival
    counting = len(arrival) == 1 or bool((np.diff(arrival) == 1).all())
    return {
        "n": len(columns),
        "signal": _narrow(columns.signal, "<u4"),
        "event_ns": columns.event_ns.astype("<i8").tobytes(),
        "sequence": _narrow(columns.sequence, "<i8"),
        "arrival": int(arrival[0]) if counting else arrival.astype("<i8").tobytes(),
        "bits": columns.bits.astype("<i8").tobytes(),
        "quality": _narrow(columns.quality, "<u4"),
        **({"others": columns.others} if columns.others else {}),
    }


def data_columns(data: dict[str, Any]) -> EventColumns:
    """The columns of plain data. Arrays are read-only."""
    if not data:
        return NOTHING
    count = data["n"]
    arrival = data["arrival"]
    if isinstance(arrival, int):
        numbers: NDArray[np.int64] = np.arange(arrival, arrival + count, dtype=np.int64)
    else:
        numbers = np.frombuffer(arrival, "<i8")
    others = tuple(item if isinstance(item, str) else tuple(item) for item in data.get("others", ()))
    return EventColumns(
        _wide(data["signal"], "<u4", count),
        np.frombuffer(data["event_ns"], "<i8"),
        _wide(data["sequence"], "<i8", count),
        numbers,
        np.frombuffer(data["bits"], "<i8"),
        _wide(data["quality"], "<u4", count),
        others,
    )


def _narrow(column: NDArray[Any], kind: str) -> int | bytes:
    """One number where all are equal, else the bytes."""
    first = column[0]
    return int(first) if bool((column == first).all()) else column.astype(kind).tobytes()


def _wide(data: int | bytes, kind: str, count: int) -> NDArray[Any]:
    if isinstance(data, int):
        return np.full(count, data, kind)
    return np.frombuffer(data, kind)
