"""Many masks at once as runs: upright stretches of pixels, from which run lengths, boxes and hulls follow.

A frame has hundreds of masks, most of them small: one pass over all of them costs a tenth of a few numpy calls for each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8

_MOST_PIXELS = 1 << 24
"""Pixels of windows that are looked at together; keeps memory small where hundreds of windows are as large as the image."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of `count` masks i8[n] by mask, column and row: `first` <= row < `end` of column `x` in the image."""

    count: int
    mask: np.ndarray
    x: np.ndarray
    first: np.ndarray
    end: np.ndarray

    def boxes(self) -> list[list[float] | None]:
        """[x, y, width, height] in pixel edges of each mask; None for an empty one."""
        out: list[list[float] | None] = [None] * self.count
        begin = _begins(self.mask)
        if not len(begin):
            return out
        x0, x1 = self.x[begin], self.x[np.append(begin[1:], len(self.x)) - 1] + 1
        y0, y1 = np.minimum.reduceat(self.first, begin), np.maximum.reduceat(self.end, begin)
        found = np.stack([x0, y0, x1 - x0, y1 - y0], -1).astype(np.float64).tolist()
        for mask, box in zip(self.mask[begin].tolist(), found, strict=True):
            out[mask] = box
        return out

    def counts(self, shape: tuple[int, int]) -> list[str]:
        """COCO's compressed run lengths (column-major, first run zeros) of each mask in an image (height, width)."""
        height, total = shape[0], shape[0] * shape[1]
        begin, end = self.x * height + self.first, self.x * height + self.end
        mask = self.mask
        # A run that ends at the bottom of a column and one that begins at the top of the next are one.
        joined = (mask[1:] == mask[:-1]) & (begin[1:] == end[:-1])
        opens, closes = np.append(True, ~joined)[: len(mask)], np.append(~joined, True)[: len(mask)]
        mask, begin, end = mask[opens], begin[opens], end[closes]
        # Each mask has its limits [0, begin, end, begin, end, ..., total], and lengths between them.
        last = 2 * np.cumsum(np.bincount(mask, minlength=self.count)) + 2 * np.arange(self.count) + 1
        place = 2 * np.arange(len(mask)) + 2 * mask + 1
        limits = np.zeros(last[-1] + 1 if self.count else 0, np.int64)
        limits[place], limits[place + 1], limits[last] = begin, end, total
        lengths = np.diff(limits, append=0)
        per_mask = np.diff(last, prepend=-1) - 1
        keep = np.ones(len(lengths), bool)
        keep[last] = False
        ends_full = (lengths[last - 1] == 0) & (per_mask > 1)
        keep[last[ends_full] - 1] = False
        return _coco_texts(lengths[keep], per_mask - ends_full)

    def hulls(self) -> list[F8]:
        """The convex hull f8[n, 2] [px] of the pixels (their corners) of each mask, as `render.boxes.mask_hull` has it."""
        out = [np.empty((0, 2))] * self.count
        columns = _begins(self.mask, self.x)
        if not len(columns):
            return out
        mask, x = self.mask[columns], self.x[columns]
        top, bottom = self.first[columns], self.end[np.append(columns[1:], len(self.x)) - 1]
        # On the line between two columns only the outermost corner of both can be on the hull.
        mask, x, top, bottom = (
            np.concatenate(two) for two in ((mask, mask), (x, x + 1), (top, top), (bottom, bottom))
        )
        order = np.lexsort((x, mask))
        mask, x, top, bottom = mask[order], x[order], top[order], bottom[order]
        lines = _begins(mask, x)
        mask, x = mask[lines], x[lines]
        top, bottom = np.minimum.reduceat(top, lines), np.maximum.reduceat(bottom, lines)
        upper, lower = _chains(mask, x, top), _chains(mask, x, -bottom)
        for k in upper:
            back = lower[k][::-1] * [1, -1]
            out[k] = np.concatenate([upper[k], back]).astype(np.float64)
        return out


def runs_of(parts: Sequence[np.ndarray], corners: Sequence[tuple[int, int]]) -> Runs:
    """The runs of masks bool[h, w] that lie at (x, y) in an image."""
    found = [_runs(group, parts) for group in _groups(parts)]
    none = np.zeros((4, 0), np.int64)
    mask, x, first, end = np.concatenate([none, *found], axis=1)
    at = np.array(corners, np.int64).reshape(-1, 2)[mask]
    return Runs(len(parts), mask, x + at[:, 0], first + at[:, 1], end + at[:, 1])


def _groups(parts: Sequence[np.ndarray]) -> Iterable[list[int]]:
    group: list[int] = []
    pixels = 0
    for k, part in enumerate(parts):
        if group and pixels + part.size > _MOST_PIXELS:
            yield group
            group, pixels = [], 0
        group.append(k)
        pixels += part.size
    if group:
        yield group


def _runs(group: list[int], parts: Sequence[np.ndarray]) -> np.ndarray:
    """Mask, column, first row and end i8[4, n] of the runs of those masks, each from its own corner."""
    shape = np.array([parts[k].shape for k in group], np.int64)
    size = (shape[:, 0] + 1) * shape[:, 1]
    start = np.cumsum(size) - size
    changes = np.empty(size.sum(), bool)  # along each column, from the zeros above it to those below
    for k, at, (height, width) in zip(group, start.tolist(), shape.tolist(), strict=True):
        part, steps = parts[k], changes[at : at + (height + 1) * width].reshape(height + 1, width)
        if part.size:
            steps[0], steps[-1] = part[0], part[-1]
            np.not_equal(part[1:], part[:-1], out=steps[1:-1])
    found = np.flatnonzero(changes)
    which = np.searchsorted(start, found, side="right") - 1
    row, column = np.divmod(found - start[which], shape[which, 1])
    highest, widest = shape.max(0).tolist()
    order = (which * widest + column) * (highest + 1) + row  # one number is sorted faster than three
    by_column = np.argsort(order)
    which, row, column = which[by_column], row[by_column], column[by_column]
    return np.stack([np.array(group)[which[::2]], column[::2], row[::2], row[1::2]])


def _begins(*keys: np.ndarray) -> np.ndarray:
    """Where rows begin that differ from the one before in any of the keys, i8[n]."""
    new = np.zeros(max(len(keys[0]) - 1, 0), bool)
    for key in keys:
        new |= key[1:] != key[:-1]
    return np.flatnonzero(np.append(True, new)[: len(keys[0])])


def _chains(mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[int, np.ndarray]:
    """The hull's corners i8[n, 2] on the side of low y, by mask, of points by mask and ascending x.

    A point on or above the line between two others is no corner. All such go at once, until none is left.
    """
    while len(x) > 2:
        dx, dy = np.diff(x), np.diff(y)
        bend = dx[:-1] * dy[1:] - dy[:-1] * dx[1:]
        inner = (mask[2:] == mask[1:-1]) & (mask[:-2] == mask[1:-1])
        keep = np.ones(len(x), bool)
        keep[1:-1] = ~inner | (bend > 0)
        if keep.all():
            break
        mask, x, y = mask[keep], x[keep], y[keep]
    begin = _begins(mask)
    return dict(zip(mask[begin].tolist(), np.split(np.stack([x, y], -1), begin[1:]), strict=True))


def _coco_texts(lengths: np.ndarray, per_mask: np.ndarray) -> list[str]:
    """Run lengths as COCO writes them: from the fourth on as the difference to the last but one, five bits a letter."""
    place = np.arange(len(lengths)) - np.repeat(np.cumsum(per_mask) - per_mask, per_mask)
    values = lengths.astype(np.int64)
    later = np.flatnonzero(place > 2)
    values[later] -= lengths[later - 2]
    letters, there = [], []
    more = np.ones(len(values), bool)
    while more.any():
        there.append(more)
        bits, values = values & 31, values >> 5
        more = more & np.where(bits & 16, values != -1, values != 0)
        letters.append(bits + 32 * more + 48)
    if not there:
        return [""] * len(per_mask)
    used = np.stack(there, -1)
    text = np.stack(letters, -1)[used].astype(np.uint8).tobytes().decode("ascii")
    until = np.cumsum(used.sum(1))[np.cumsum(per_mask) - 1].tolist()
    return [text[a:b] for a, b in zip([0, *until[:-1]], until, strict=True)]
