"""Masks out of records: run lengths that are not trusted, since a dataset to convert may come from anywhere."""

from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import Bool


def decode(rle: dict[str, Any], size: tuple[int, int]) -> Bool:
    """The mask bool[height, width] of COCO's compressed run lengths; `size` is (width, height).

    Raises UserError where the runs do not fill the picture: COCO's own decoder would write past its memory.
    """
    width, height = size
    runs = _runs(rle["counts"])
    if list(rle["size"]) != [height, width] or (runs < 0).any() or int(runs.sum()) != width * height:
        raise UserError(f"the run lengths of a mask do not fill {width} x {height} pixels")
    values = np.arange(len(runs)) % 2 == 1
    mask: Bool = np.repeat(values, runs).reshape(width, height).T
    return mask


def _runs(text: str) -> np.ndarray:
    """i8[n] of 5 bits a character, low first, the sign in the last; from the third on differences to the one before the
    last."""
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(codes & 32 == 0)
    if (
        not len(codes)
        or (codes < 0).any()
        or (codes > 63).any()
        or not len(ends)
        or ends[-1] != len(codes) - 1
    ):
        raise UserError("the run lengths of a mask are broken")
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 11:
        raise UserError("a run length of a mask is longer than any picture")
    values = np.add.reduceat((codes & 31) << (5 * place), starts)
    negative = codes[ends] & 16 != 0
    values[negative] -= np.int64(1) << (5 * (place[ends[negative]] + 1))
    # Runs 1, 3, 5, ... and 2, 4, 6, ... are sums of their differences; the first one stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def bounding_box(mask: Bool) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) in pixel edges; None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return None
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
