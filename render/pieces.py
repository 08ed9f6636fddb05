"""Boxes that hold many boxes. numpy only."""

import numpy as np

from twinstage.scene.columns import F8

PIECES = 64
"""Most boxes that hold a prototype's triangles."""


def split(low: F8, high: F8, most: int = PIECES) -> tuple[F8, F8]:
    """Middles and half extents f8[n, 3] of at most `most` boxes that hold all of the boxes low, high f8[t, 3].

    The widest is halved again and again; what lies on both sides is cut in two.
    """
    leaves = [(low, high)]
    closed: list[tuple[F8, F8]] = []
    while leaves and len(leaves) + len(closed) < most:
        spans = [float((end.max(0) - start.min(0)).max()) for start, end in leaves]
        widest = int(np.argmax(spans))
        low, high = leaves.pop(widest)
        start, end = low.min(0), high.max(0)
        axis = int(np.argmax(end - start))
        middle = (start[axis] + end[axis]) / 2
        left = (low[:, axis] < middle) | (high[:, axis] <= middle)
        right = high[:, axis] > middle
        if not (left.any() and right.any()):
            closed.append((low, high))
            continue
        upper, lower = high[left].copy(), low[right].copy()
        upper[:, axis] = np.minimum(upper[:, axis], middle)
        lower[:, axis] = np.maximum(lower[:, axis], middle)
        leaves += [(low[left], upper), (lower, high[right])]
    boxes = [(low.min(0), high.max(0)) for low, high in leaves + closed]
    starts, ends = np.array([b[0] for b in boxes]), np.array([b[1] for b in boxes])
    return (starts + ends) / 2, (ends - starts) / 2
