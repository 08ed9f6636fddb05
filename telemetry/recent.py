"""Which readings came lately and what they said, so that one that comes again is known.

A reading's key is (signal, event time, sequence); what it said is 64 bits (`order.contents`). Exactly the last `limit` keys
are known, whatever pieces they came in. Keys come in columns or one by one and lie in pieces of some thousands; a piece
becomes a table only when something looks for a key, so those who bring columns in order never pay for it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.column_data import columns_data, data_columns
from twinstage.telemetry.columns import I8, EventColumns

Key = tuple[int, int, int]
UNKNOWN = -(1 << 63) + 1
"""The content of a key of which only is known that it came (a checkpoint of an older version)."""

_PIECE = 8192
LOW = (1 << 64) - 1
_SIGN = 1 << 63


@dataclass(slots=True)
class _Piece:
    """Keys that came one after the other. `last`: arrival number of the newest.

    All of them lie in `fresh` and `tabled`, as rows of i8[5, n]: signal, event time, sequence, arrival, content. Those of
    `tabled` are in the table, too, where arrival and content are one number (`packed`).
    """

    last: int = 0
    count: int = 0
    fresh: list[NDArray[np.int64]] = field(default_factory=list)
    tabled: list[NDArray[np.int64]] = field(default_factory=list)
    table: dict[Key, int] = field(default_factory=dict)

    def find(self, key: Key) -> int | None:
        """Arrival and content of a key."""
        if self.fresh:
            for rows in self.fresh:
                signal, time, sequence, arrival, content = rows.tolist()
                keys = zip(signal, time, sequence, strict=True)
                self.table.update(zip(keys, map(packed, arrival, content), strict=True))
            self.tabled += self.fresh
            self.fresh = []
        return self.table.get(key)

    def rows(self) -> NDArray[np.int64]:
        """All of it in order of arrival, i8[5, n]."""
        for some in (self.tabled, self.fresh):
            if len(some) > 1:
                some[:] = [np.concatenate(some, axis=1)]
        both = [*self.tabled, *self.fresh]
        rows = np.concatenate(both, axis=1)
        return rows[:, np.argsort(rows[3], kind="stable")] if len(both) > 1 else rows


class RecentKeys:
    """The last `limit` keys of one source; arrival numbers rise."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[_Piece] = deque()

    @property
    def pieces(self) -> int:
        """How many pieces a look-up may have to go through."""
        return len(self._pieces)

    def known(self, key: Key, arrival: int) -> int | None:
        """What the key said, if it is among the last for the reading that would have that arrival number; else None."""
        for piece in reversed(self._pieces):
            found = piece.find(key)
            if found is not None:
                return _signed(found) if found >> 64 >= arrival - self._limit else None
        return None

    def open(self) -> dict[Key, int]:
        """The table for keys that come one by one, each with its `packed` number; `close` then tells all of them again."""
        if not self._pieces or self._pieces[-1].count >= _PIECE:
            self._pieces.append(_Piece())
        return self._pieces[-1].table

    def close(self, columns: EventColumns, contents: I8) -> None:
        """The keys that were put into the table since `open`, in order of arrival."""
        if len(columns):
            self._pieces[-1].tabled.append(self._rows(columns, contents))

    def add_columns(self, columns: EventColumns, contents: I8) -> None:
        """Many more, in order of arrival."""
        if len(columns):
            self.open()
            self._pieces[-1].fresh.append(self._rows(columns, contents))

    def parts(self) -> dict[str, Any]:
        """All keys as plain data."""
        pieces = [piece.rows() for piece in self._pieces if piece.count]
        found = np.concatenate(pieces, axis=1) if pieces else np.zeros((5, 0), np.int64)
        signal, time, sequence, arrival, content = found
        quality = np.zeros(len(signal), np.uint32)
        columns = EventColumns(signal.astype(np.uint32), time, sequence, arrival, content, quality)
        return {**columns_data(columns), "contents": True}

    def take_parts(self, data: dict[str, Any]) -> None:
        """Know those keys, too."""
        keys = {name: value for name, value in data.items() if name != "contents"}
        columns = data_columns(keys)
        for at in range(0, len(columns), _PIECE):
            piece = columns.take(slice(at, at + _PIECE))
            told = piece.bits if "contents" in data else np.full(len(piece), UNKNOWN, np.int64)
            self.add_columns(piece, told)

    def _rows(self, columns: EventColumns, contents: I8) -> NDArray[np.int64]:
        """Keys of the newest piece as its rows; it is counted, and what is too long ago is forgotten."""
        piece, arrival = self._pieces[-1], int(columns.arrival[-1])
        piece.count += len(columns)
        piece.last = arrival
        while self._pieces[0].last <= arrival - self._limit:
            self._pieces.popleft()
        rows = (columns.signal, columns.event_ns, columns.sequence, columns.arrival, contents)
        return np.stack([row.astype(np.int64, copy=False) for row in rows])


def packed(arrival: int, content: int) -> int:
    """Both as one number."""
    return arrival << 64 | (content & LOW)


def _signed(number: int) -> int:
    """The content of a packed number."""
    low = number & LOW
    return low - (1 << 64) if low & _SIGN else low
