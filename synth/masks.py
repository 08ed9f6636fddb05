"""Masks as COCO's compressed run lengths, and back."""

import warnings
from typing import Any

import numpy as np


def encode(mask: np.ndarray) -> dict[str, Any]:
    """A bool mask [height, width] as `{"size": [h, w], "counts": str}` (column-major, first run zeros).

    Runs are found within the mask's own columns only: most masks are small, and a frame has hundreds of them.
    """
    from pycocotools import mask as coco

    height, width = mask.shape
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        runs = np.array([height * width])
    else:
        first, last = int(columns[0]), int(columns[-1]) + 1
        flat = mask[:, first:last].T.ravel()
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        # The runs begin with zeros, and a mask that reaches the last of its columns' pixels ends there.
        inner = [*([0] if flat[0] else []), *edges.tolist(), *([len(flat)] if flat[-1] else [])]
        bounds = [0, *(first * height + at for at in inner), height * width]
        if bounds[-2] == bounds[-1]:
            bounds.pop()
        runs = np.diff(bounds)
    rle = coco.frPyObjects({"size": [height, width], "counts": runs.astype(int).tolist()}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


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
