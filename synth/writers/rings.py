"""Masks as rings of points: traced along the edges of pixels, so exactly; simplified; and filled again to compare.

Coordinates are pixel edges: a single pixel in the corner of a picture is the ring (0,0) (1,0) (1,1) (0,1).
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, Bool


@dataclass(frozen=True, slots=True)
class Ring:
    """Points f8[n, 2] [px], clockwise as one sees the picture; of a hole, too. Neighbours differ, the end is not the start."""

    points: F8
    hole: bool

    @property
    def area(self) -> float:
        """Within the ring [px^2]."""
        x, y = self.points.T
        return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def trace(mask: Bool) -> list[Ring]:
    """The rings of a mask, corners only, in the order of their topmost points. Pixels that touch at a corner are apart.

    A corner of a ring lies where one or three of four pixels are set, and two where they are set crosswise. Along a row,
    corners pair up as horizontal sides, along a column as vertical ones; a ring goes along both in turn.
    """
    m = np.pad(mask, 1)
    above_left, above_right, left, right = m[:-1, :-1], m[:-1, 1:], m[1:, :-1], m[1:, 1:]
    number = above_left.astype(np.int8) + above_right + left + right
    cross = (number == 2) & (above_left == right)
    y1, x1 = np.nonzero((number == 1) | (number == 3))
    y2, x2 = np.nonzero(cross)
    falling = above_left[y2, x2]  # set pixels above left and below right
    x = np.concatenate([x1, x2, x2])
    y = np.concatenate([y1, y2, y2])
    # Of two corners at a place, one has the side to the left (0), the other that to the right (1); likewise up and down.
    across = np.concatenate([np.zeros(len(x1) + len(x2), int), np.ones(len(x2), int)])
    down = np.concatenate([np.zeros(len(x1), int), np.where(falling, 0, 1), np.where(falling, 1, 0)])
    along_row = _pairs(np.lexsort((across, x, y)))
    along_column = _pairs(np.lexsort((down, y, x)))
    return _follow(x, y, along_row, along_column, m)


def _pairs(order: np.ndarray) -> np.ndarray:
    partner = np.empty(len(order), int)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner


def _follow(
    x: np.ndarray, y: np.ndarray, along_row: np.ndarray, along_column: np.ndarray, m: Bool
) -> list[Ring]:
    rows, columns, seen = along_row.tolist(), along_column.tolist(), np.zeros(len(x), bool)
    out = []
    for start in np.lexsort((x, y)).tolist():
        # The first corner of a ring has its sides to the right and down.
        if seen[start] or x[rows[start]] < x[start] or y[columns[start]] < y[start]:
            continue
        places, at = [], start
        while not seen[at]:
            other = rows[at]
            seen[at] = seen[other] = True
            places += [at, other]
            at = columns[other]
        points: F8 = np.column_stack([x[places], y[places]]).astype(np.float64)
        out.append(Ring(points, hole=not m[y[start] + 1, x[start] + 1]))
    return out


def simplified(points: F8, tolerance: float) -> F8:
    """The ring without points that lie within `tolerance` [px] of the line that goes on without them (Douglas-Peucker).

    A ring that would be left with fewer than three points stays as it is.
    """
    count = len(points)
    if count <= 4 or tolerance <= 0:
        return points
    far = int(((points - points[0]) ** 2).sum(1).argmax())
    keep = np.zeros(count + 1, bool)
    keep[[0, far, count]] = True
    closed = np.concatenate([points, points[:1]])
    todo = [(0, far), (far, count)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        distances = _from_line(closed[first + 1 : last], closed[first], closed[last])
        worst = int(distances.argmax())
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            todo += [(first, middle), (middle, last)]
    out = points[keep[:-1]]
    return out if len(out) >= 3 else points


def _from_line(points: F8, start: F8, end: F8) -> F8:
    along = end - start
    length = float(np.hypot(*along))
    offset = points - start
    if length == 0:
        apart: F8 = np.hypot(*offset.T)
        return apart
    out: F8 = np.abs(offset[:, 0] * along[1] - offset[:, 1] * along[0]) / length
    return out


def joined(rings: list[Ring]) -> F8:
    """One ring out of several: parts and holes hang on bridges of no width, so the area within stays the same."""
    ordered = sorted(rings, key=lambda ring: (ring.hole, -ring.area))
    points = ordered[0].points
    for ring in ordered[1:]:
        other = ring.points[::-1] if ring.hole else ring.points
        here, there = _nearest(points, other)
        loop = np.roll(other, -there, axis=0)
        points = np.concatenate([points[: here + 1], loop, loop[:1], points[here:]])
    return points


def _nearest(a: F8, b: F8) -> tuple[int, int]:
    """Places in a and b of two points that are as near as any; the first ones."""
    best, out = np.inf, (0, 0)
    step = max(1, 2**20 // len(b))
    for begin in range(0, len(a), step):
        part = a[begin : begin + step]
        gaps = (part[:, None, 0] - b[None, :, 0]) ** 2 + (part[:, None, 1] - b[None, :, 1]) ** 2
        at = int(gaps.argmin())
        if gaps.flat[at] < best:
            best, out = float(gaps.flat[at]), (begin + at // len(b), at % len(b))
    return out


def filled(points: F8, width: int, height: int) -> Bool:
    """bool[height, width]: pixels whose centre lies within the ring (even-odd rule)."""
    start, end = points, np.roll(points, -1, axis=0)
    rising = start[:, 1] > end[:, 1]
    low, high = np.where(rising[:, None], end, start), np.where(rising[:, None], start, end)
    # Rows whose centre lies in [low, high): each row is crossed once where two sides meet.
    first = np.clip(np.ceil(low[:, 1] - 0.5), 0, height).astype(int)
    last = np.clip(np.ceil(high[:, 1] - 0.5), 0, height).astype(int)
    side = np.repeat(np.arange(len(points)), last - first)
    row = (
        np.arange(len(side)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[side]
    )
    share = (row + 0.5 - low[side, 1]) / (high[side, 1] - low[side, 1])
    crossing = low[side, 0] + share * (high[side, 0] - low[side, 0])
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)
    toggles = np.zeros((height, width + 1), np.int32)
    np.add.at(toggles, (row, column), 1)
    inside: Bool = np.cumsum(toggles, axis=1)[:, :width] % 2 == 1
    return inside


def overlap(a: Bool, b: Bool) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0
