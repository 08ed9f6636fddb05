"""What a row of a YOLO label holds after its class, by task; all values are shares of the picture's width or height.

detect    xc yc w h                      box of the visible mask
segment   x1 y1 x2 y2 ...                one ring: parts and holes of a mask hang together on bridges of no width
pose      xc yc w h (px py v) a point    v 0 not labelled or outside (then 0 0 0), 1 hidden, 2 visible
obb       x1 y1 x2 y2 x3 y3 x4 y4        the smallest rectangle around the visible mask that lies in the picture
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.hull import convex_hull
from twinstage.scene.columns import F8, Bool
from twinstage.synth.writers.pixels import bounding_box, decode
from twinstage.synth.writers.rings import Ring, filled, joined, overlap, simplified, trace
from twinstage.synth.writers.views import Tally

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows are made. `keypoints`: names in their order."""

    min_iou: float
    tolerance: float
    keypoints: tuple[str, ...]
    tally: Tally


def number(value: float) -> str:
    """A share with 8 places at most, which is 0.0001 px of a picture of 16,384; no end in zeros."""
    return f"{value:.8f}".rstrip("0").rstrip(".")


def detect(item: dict[str, Any], size: Size, shape: Shape) -> list[float]:
    """See the module."""
    x, y, w, h = item["bbox_visible"]
    width, height = size
    return [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]


def pose(item: dict[str, Any], size: Size, shape: Shape) -> list[float]:
    """See the module."""
    found = {point["name"]: point for point in item.get("keypoints") or ()}
    out = detect(item, size, shape)
    for name in shape.keypoints:
        point = found.get(name)
        if point is None or point["v"] == 0 or point["px"] is None or not _within(point["px"], size):
            out += [0.0, 0.0, 0.0]
        else:
            out += [point["px"][0] / size[0], point["px"][1] / size[1], point["v"]]
    return out


def _within(place: list[float], size: Size) -> bool:
    return 0 <= place[0] <= size[0] and 0 <= place[1] <= size[1]


def segment(item: dict[str, Any], size: Size, shape: Shape) -> list[float]:
    """See the module; the lowest IoU of a ring with its mask is reported."""
    mask, left, top = _cut_out(item, size)
    rings = trace(mask)
    ring, iou = _ring(rings, mask, shape.tolerance)
    if iou < shape.min_iou:
        ring, iou = _ring(rings, mask, 0.0)
        shape.tally.add("rings_that_follow_every_pixel")
    shape.tally.add("rings_with_bridges", int(len(rings) > 1))
    shape.tally.lowest("iou_of_rings", iou)
    return _shares(ring + np.array([left, top]), size)


def _ring(rings: list[Ring], mask: Bool, tolerance: float) -> tuple[F8, float]:
    ring = joined([Ring(simplified(r.points, tolerance), r.hole) for r in rings])
    return ring, overlap(filled(ring, mask.shape[1], mask.shape[0]), mask)


def obb(item: dict[str, Any], size: Size, shape: Shape) -> list[float]:
    """See the module. The loader refuses a picture with a corner outside, so another rectangle stands in for such ones."""
    corners = item.get("obb")
    if corners is not None and all(_within(corner, size) for corner in corners):
        return _shares(np.array(corners, np.float64), size)
    mask, left, top = _cut_out(item, size)
    # Only the ends of each row can be on the hull.
    rows = np.flatnonzero(mask.any(1))
    ends = [mask[rows].argmax(1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(1)]
    pixels = np.concatenate([np.column_stack([end + left, rows + top]) for end in ends])
    hull = convex_hull(np.concatenate([pixels + step for step in ((0, 0), (1, 0), (0, 1), (1, 1))]))
    found = rectangle_within(hull, size)
    if corners is not None:
        shape.tally.add("rectangles_turned_to_lie_in_the_picture")
    return _shares(found, size)


def rectangle_within(hull: F8, size: Size) -> F8:
    """Corners f8[4, 2] of the smallest rectangle on an edge of the hull whose corners lie in the picture; there is always
    the upright one."""
    low, high = hull.min(0), hull.max(0)
    upright = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    best, least = upright, float(np.prod(high - low))
    edges = np.roll(hull, -1, axis=0) - hull
    for along in edges / np.linalg.norm(edges, axis=1)[:, None]:
        across = np.array([-along[1], along[0]])
        u, v = hull @ along, hull @ across
        area = float(np.ptp(u) * np.ptp(v))
        places = [(u.min(), v.min()), (u.max(), v.min()), (u.max(), v.max()), (u.min(), v.max())]
        corners = np.array([a * along + b * across for a, b in places])
        inside = (corners >= -1e-9).all() and (corners <= np.array(size) + 1e-9).all()
        if inside and area < least * (1 - 1e-9):
            best, least = corners, area
    return best


def _cut_out(item: dict[str, Any], size: Size) -> tuple[Bool, int, int]:
    """The visible mask within its own box, and the box's corner [px]."""
    mask = decode(item["visible_rle"], size)
    box = bounding_box(mask)
    assert box is not None  # annotated objects are visible
    left, top, width, height = box
    return mask[top : top + height, left : left + width], left, top


def _shares(points: F8, size: Size) -> list[float]:
    out: list[float] = np.clip(points / np.array(size), 0, 1).ravel().tolist()
    return out


ROWS: Mapping[str, Callable[[dict[str, Any], Size, Shape], list[float]]] = {
    "detect": detect,
    "segment": segment,
    "pose": pose,
    "obb": obb,
}
"""The values of a row by task."""
