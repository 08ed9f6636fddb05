"""COCO's compressed run lengths, decoded by the format's definition.

Own code, because the toolkit's decoder trusts its input: counts that do not add up make it write past its memory.
"""

from typing import Any

import numpy as np


def run_lengths(text: str) -> list[int]:
    """The runs of a compressed string: 5 bits a character, low first, sign in the last; from the third run on,
    differences from the run two before."""
    runs: list[int] = []
    value = shift = 0
    for character in text.encode("ascii"):
        bits = character - 48
        if not 0 <= bits < 64:
            raise ValueError(f"character {chr(character)!r} does not occur in run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            if shift > 60:
                raise ValueError("a run length is longer than any image")
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the last run length is cut off")
    return runs


def decode(rle: dict[str, Any]) -> np.ndarray:
    """The mask bool[height, width]. Raises ValueError where the runs do not fill the image exactly."""
    height, width = rle["size"]
    runs = run_lengths(rle["counts"])
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise ValueError(f"the run lengths do not add up to {height} x {width} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def tight_box(mask: np.ndarray) -> list[float] | None:
    """[x, y, width, height] in pixel edges, or None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return None
    x, y = int(columns[0]), int(rows[0])
    return [float(x), float(y), float(columns[-1] - x + 1), float(rows[-1] - y + 1)]
