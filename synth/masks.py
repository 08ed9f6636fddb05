"""Masks as COCO's compressed run lengths, and back."""

import warnings
from typing import Any

import numpy as np

from twinstage.render.boxes import tight_box
from twinstage.render.capture import ObjectMask


def encode(mask: np.ndarray) -> dict[str, Any]:
    """A bool mask [height, width] as `{"size": [h, w], "counts": str}` (column-major, first run zeros)."""
    height, width = mask.shape
    return {"size": [height, width], "counts": counts(mask, (height, width), (0, 0))}


def encode_window(item: ObjectMask, part: np.ndarray | None) -> dict[str, Any]:
    """The same of one of an object's masks, of which only what lies in its window is kept."""
    assert part is not None  # both masks were asked for
    return {"size": list(item.shape), "counts": counts(part, item.shape, item.window[:2])}


def counts(part: np.ndarray, shape: tuple[int, int], corner: tuple[int, int]) -> str:
    """Compressed run lengths of an image of `shape` (height, width) that is zero but for `part` bool[h, w] at (x, y).

    Only the part is looked at: most masks are small, and a frame has hundreds of them.
    """
    from pycocotools import mask as coco

    height, total = shape[0], shape[0] * shape[1]
    x, y = corner
    # A column of zeros on top of each column: no run reaches from one column to the next unless both touch.
    padded = np.zeros((part.shape[1], part.shape[0] + 1), np.int8)
    padded[:, :-1] = part.T
    steps = np.flatnonzero(np.diff(padded.ravel(), prepend=0))
    column, row = np.divmod(steps, part.shape[0] + 1)
    at = (column + x) * height + row + y
    # A run that ends at the bottom of a column and one that begins at the top of the next are one.
    bounds = np.concatenate([[0], at, [total]])
    lengths = np.diff(bounds)
    joined = np.flatnonzero(lengths[1:-1] == 0) + 1
    if len(joined):
        keep = np.ones(len(bounds), bool)
        keep[joined] = keep[joined + 1] = False
        lengths = np.diff(bounds[keep])
    if lengths[-1] == 0 and len(lengths) > 1:
        lengths = lengths[:-1]
    rle = coco.frPyObjects({"size": list(shape), "counts": lengths.tolist()}, *shape)
    text: str = rle["counts"].decode("ascii")
    return text


def window_box(item: ObjectMask, part: np.ndarray | None) -> list[float] | None:
    """[x, y, width, height] in pixel edges of one of an object's masks; None for an empty one."""
    assert part is not None
    found = tight_box(part)
    if found is None:
        return None
    x, y = item.window[:2]
    x0, y0, x1, y1 = found
    return [float(x + x0), float(y + y0), float(x1 - x0), float(y1 - y0)]


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
