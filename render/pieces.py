"""Boxes that hold many boxes. numpy only."""

import numpy as np

from twinstage.scene.columns import F8

PIECES = 64
"""Most boxes that hold a prototype's triangles."""


def split(low: F8, high: F8, most: int = PIECES) -> tuple[F8, F8]:
    """Middles and half extents f8[n, 3] of at most `most` boxes that hold all of the boxes low, high f8[3, t].

    The widest is halved again and again; what lies on both sides is cut in two.
    """
    leaves = [_Leaf(low, high)]
    closed: list[_Leaf] = []
    while leaves and len(leaves) + len(closed) < most:
        leaf = leaves.pop(int(np.argmax([leaf.span for leaf in leaves])))
        low, high, axis = leaf.low, leaf.high, int(np.argmax(leaf.end - leaf.start))
        middle = (leaf.start[axis] + leaf.end[axis]) / 2
        left = np.flatnonzero((low[axis] < middle) | (high[axis] <= middle))
        right = np.flatnonzero(high[axis] > middle)
        if not (len(left) and len(right)):
            closed.append(leaf)
            continue
        upper, lower = high.take(left, 1), low.take(right, 1)
        upper[axis] = np.minimum(upper[axis], middle)
        lower[axis] = np.maximum(lower[axis], middle)
        leaves += [_Leaf(low.take(left, 1), upper), _Leaf(lower, high.take(right, 1))]
    starts, ends = (np.array([getattr(leaf, side) for leaf in leaves + closed]) for side in ("start", "end"))
    return (starts + ends) / 2, (ends - starts) / 2


class _Leaf:
    """Boxes low, high f8[3, t], and the box around them all: each is measured once, however often leaves are compared."""

    def __init__(self, low: F8, high: F8) -> None:
        self.low, self.high = low, high
        self.start, self.end = low.min(1), high.max(1)
        self.span = float((self.end - self.start).max())
