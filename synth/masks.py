"""Masks as COCO's compressed run lengths, and back."""

import warnings
from typing import Any

import numpy as np

from twinstage.synth.runs import runs_of


def encode(mask: np.ndarray) -> dict[str, Any]:
    """A bool mask [height, width] as `{"size": [h, w], "counts": str}` (column-major, first run zeros)."""
    height, width = mask.shape
    return {"size": [height, width], "counts": runs_of([mask], [(0, 0)]).counts((height, width))[0]}


def decode(rle: dict[str, Any]) -> np.ndarray:
    """The mask, bool[height, width]."""
    from pycocotools import mask as coco

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its arrays lack NumPy 2's `copy` keyword
        out: np.ndarray = coco.decode({"size": rle["size"], "counts": rle["counts"].encode("ascii")})
    return out.astype(bool)


def box(rle: dict[str, Any]) -> list[float] | None:
    """[x, y, width, height] in pixel edges, as COCO's toolkit finds it; None for an empty mask."""
    from pycocotools import mask as coco

    packed = {"size": rle["size"], "counts": rle["counts"].encode("ascii")}
    return [float(v) for v in coco.toBbox(packed)] if int(coco.area(packed)) else None
