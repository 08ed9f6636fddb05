"""Which readings came lately, so that one that comes again is known.

A reading's key is (signal, event time, sequence). Exactly the last `limit` keys are known, whatever pieces they came in.
Keys come in columns or one by one; a piece of columns becomes a table of keys only when something looks for one there.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.column_data import columns_data, data_columns
from twinstage.telemetry.columns import EventColumns

Key = tuple[int, int, int]
_PIECE = 8192


@dataclass(slots=True)
class _Piece:
    """Keys that came one after the other. `last`: arrival number of the newest."""

    last: int
    columns: EventColumns | None = None
    arrivals: dict[Key, int] = field(default_factory=dict)

    def find(self, key: Key) -> int | None:
        """Arrival number of a key."""
        if self.columns is not None:
            c = self.columns
            keys = zip(c.signal.tolist(), c.event_ns.tolist(), c.sequence.tolist(), strict=True)
            self.arrivals = dict(zip(keys, c.arrival.tolist(), strict=True))
            self.columns = None
        return self.arrivals.get(key)


class RecentKeys:
    """The last `limit` keys of one source; arrival numbers rise."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[_Piece] = deque()

    def knows(self, key: Key, arrival: int) -> bool:
        """Whether the key is among the last, for the reading that would have that arrival number."""
        for piece in reversed(self._pieces):
            found = piece.find(key)
            if found is not None:
                return found >= arrival - self._limit
        return False

    def add(self, key: Key, arrival: int) -> None:
        """One key more."""
        piece = self._pieces[-1] if self._pieces else None
        if piece is None or piece.columns is not None or len(piece.arrivals) >= _PIECE:
            piece = _Piece(arrival)
            self._pieces.append(piece)
            self._forget(arrival)
        piece.arrivals[key] = arrival
        piece.last = arrival

    def add_columns(self, columns: EventColumns) -> None:
        """Many more, in order of arrival."""
        if len(columns):
            last = int(columns.arrival[-1])
            self._pieces.append(_Piece(last, columns))
            self._forget(last)

    def parts(self) -> dict[str, Any]:
        """All keys as plain data."""
        pieces = [_rows(piece) for piece in self._pieces]
        found = np.concatenate(pieces, axis=1) if pieces else np.zeros((4, 0), np.int64)
        signal, time, sequence, arrival = found
        zeros = np.zeros(len(signal), np.int64)
        narrow = zeros.astype(np.uint32)
        return columns_data(EventColumns(signal.astype(np.uint32), time, sequence, arrival, zeros, narrow))

    def take_parts(self, data: dict[str, Any]) -> None:
        """Know those keys, too."""
        self.add_columns(data_columns(data))

    def _forget(self, arrival: int) -> None:
        while self._pieces and self._pieces[0].last <= arrival - self._limit:
            self._pieces.popleft()


def _rows(piece: _Piece) -> NDArray[np.int64]:
    """Signal, event time, sequence and arrival of the keys of a piece, i8[4, n]."""
    c = piece.columns
    if c is not None:
        return np.stack([c.signal.astype(np.int64), c.event_ns, c.sequence, c.arrival])
    found = [(*key, arrival) for key, arrival in piece.arrivals.items()]
    return np.array(found, np.int64).reshape(-1, 4).T
