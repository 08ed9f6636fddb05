"""Which rows of the state one client is shown: its channels and its interest, as masks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twinstage.scene.columns import Bool

if TYPE_CHECKING:
    from twinstage.sync.state import Column

KINDS = ("pose", "style", "visibility", "signals", "texts", "entities")
"""Columns of the state."""
CHANNEL_OF = {
    "pose": "pose",
    "style": "style",
    "visibility": "style",
    "signals": "scalar",
    "texts": "scalar",
    "entities": "entity",
}
_BY_SIGNAL = ("signals", "texts")

Masks = Mapping[str, Bool]
"""Rows by kind, bool[n]."""


@dataclass(frozen=True, eq=False)
class View:
    """Channels, and the nodes bool[nodes] and signals bool[signals] of interest (None: all).

    Compared by identity: whoever asks for the same gets the same object, so that one encoding serves them all.
    """

    want: frozenset[str]
    nodes: Bool | None = None
    signals: Bool | None = None

    @property
    def whole(self) -> bool:
        """Whether it is no filter but of channels."""
        return self.nodes is None and self.signals is None

    def mask(self, kind: str) -> Bool | None:
        """Rows of interest; None: all."""
        return self.signals if kind in _BY_SIGNAL else self.nodes

    def shows(self, kind: str, rows: np.ndarray) -> Bool:
        """Which of the rows are shown."""
        if CHANNEL_OF[kind] not in self.want:
            return np.zeros(len(rows), np.bool_)
        mask = self.mask(kind)
        return np.ones(len(rows), np.bool_) if mask is None else mask[rows]

    def rows(self, kind: str, column: "Column", base: int, also: Masks | None = None) -> np.ndarray:
        """Rows changed after tick `base` that are shown, and those of `also` that ever had a value; ascending."""
        if CHANNEL_OF[kind] not in self.want:
            return np.empty(0, np.intp)
        rows, mask = column.since(base), self.mask(kind)
        if mask is not None:
            rows = rows[mask[rows]]
        if also and kind in also:
            rows = np.union1d(rows, np.flatnonzero(also[kind] & (column.seq > 0)))
        return rows

    def told(self, kind: str, column: "Column", seq: int) -> Bool:
        """Rows of which a client of this view was told by tick `seq`, bool[n]."""
        told: Bool = (column.first > 0) & (column.first <= seq)
        if CHANNEL_OF[kind] not in self.want:
            told[:] = False
        mask = self.mask(kind)
        return told if mask is None else told & mask


def entered(
    old: View, new: View, column_of: "Callable[[str], Column]", base: int, held: Masks
) -> tuple[dict[str, Bool], dict[str, Bool]]:
    """Of a client that turns from one view to another, having been told all by tick `base`: rows that enter, to be told whole,
    and rows that it holds from before (`held`, and those that leave)."""
    entering, left = dict[str, Bool](), dict[str, Bool]()
    for kind in KINDS:
        told = old.told(kind, column_of(kind), base)
        earlier, before, after = held.get(kind), old.mask(kind), new.mask(kind)
        told = told if earlier is None else told | earlier
        everything = np.ones(len(told), np.bool_)
        inside = everything if after is None else after
        left[kind] = told & ~inside
        entering[kind] = inside & ~(everything if before is None else before)
    return entering, left
