"""KITTI's 15 columns of an object.

    type truncated occluded alpha  left top right bottom  h w l  x y z  rotation_y

The 3D box is upright: it stands on the bottom face's middle (x, y, z) and turns about y only (which points down), l along
the object's forward axis. For an object that stands upright on any of its faces it is the object's own box; around a tilted
one it is fitted, and counted. alpha = rotation_y - atan2(x, z).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, pi
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.synth.dataset import is_annotated
from twinstage.synth.writers.cameras import camera_from_world
from twinstage.synth.writers.views import Tally, View

DONT_CARE = "DontCare -1 -1 -10 {} -1 -1 -1 -1000 -1000 -1000 -10"

THINNEST = 0.001
"""Least side of a box [m]: one of none has no volume, which readers refuse."""

TILTED = np.sin(np.radians(0.1))
"""Sine of the angle from which an object counts as tilted."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How rows are made; see `KittiWriter`. `types`: type by class."""

    types: Mapping[str, str]
    levels: tuple[float, float]
    box: str
    forward: str
    accept: dict[str, Any]
    tally: Tally


def label_file(view: View, turn: F8, columns: Columns) -> str:
    """The rows of a picture; `turn`: rectified from camera, f8[3, 3]."""
    into = camera_from_world(view)
    rows, cares = [], []
    for item in view.camera["objects"]:
        if is_annotated(item, columns.accept):
            corners = (np.array(item["bbox_3d"], np.float64) @ into[:3, :3].T + into[:3, 3]) @ turn.T
            rows.append(_row(item, corners, view.size, columns))
        elif item["visible_px"]:
            cares.append(DONT_CARE.format(_pixels(item["bbox_amodal"], view.size)))
    hidden = len(view.camera["objects"]) - len(rows) - len(cares)
    for what, number in (("objects", len(rows)), ("dont_care", len(cares)), ("objects_hidden", hidden)):
        columns.tally.add(what, number)
    return "".join(f"{row}\n" for row in [*rows, *cares])


def _row(item: dict[str, Any], corners: F8, size: tuple[int, int], columns: Columns) -> str:
    sides, (x, y, z), angle, tilted = upright_box(corners, columns.forward)
    h, w, length = (max(side, THINNEST) for side in sides)
    columns.tally.add("boxes_of_flat_objects_made_1_mm_thick", int(min(sides) < THINNEST))
    columns.tally.add("boxes_fitted_around_tilted_objects", int(tilted))
    columns.tally.add("objects_whose_middle_is_behind_the_camera", int(z <= 0))
    occluded = sum(item["occlusion"] >= level for level in columns.levels)
    box = item["bbox_amodal" if columns.box == "amodal" else "bbox_visible"]
    alpha = _angle(angle - atan2(x, z))
    return (
        f"{columns.types[item['class']]} {item['truncation']:.4f} {occluded} {alpha} {_pixels(box, size)} "
        f"{h:.6f} {w:.6f} {length:.6f} {x:.6f} {y:.6f} {z:.6f} {_angle(angle)}"
    )


def upright_box(corners: F8, forward: str) -> tuple[tuple[float, float, float], F8, float, bool]:
    """(h, w, l), (x, y, z), rotation_y and whether the object is tilted, of its box's corners f8[8, 3].

    Corners come in the order of the records: 4, 2 and 1 are along x, y and z from 0; the axes are a camera's.
    """
    edges = [corners[k] - corners[0] for k in (4, 2, 1)]
    ahead = _heading(edges, forward)
    aside = np.array([-ahead[2], 0.0, ahead[0]])
    down = np.array([0.0, 1.0, 0.0])
    spans = corners @ np.stack([ahead, aside, down]).T
    low, high = spans.min(0), spans.max(0)
    middle = (low + high) / 2
    foot = middle[0] * ahead + middle[1] * aside + high[2] * down
    length, w, h = (float(v) for v in high - low)
    return (h, w, length), foot, atan2(-ahead[2], ahead[0]), _tilted(edges)


def _heading(edges: list[F8], forward: str) -> F8:
    """A level unit vector along the forward axis, or where that stands upright along the next one that does not."""
    sign = -1.0 if forward.startswith("-") else 1.0
    order = [0, 1, 2] if forward.endswith("x") else [1, 0, 2]
    for k in order:
        level = np.hypot(edges[k][0], edges[k][2])
        if level > abs(edges[k][1]) and level > 0:
            out: F8 = np.array([edges[k][0], 0.0, edges[k][2]]) / level * (sign if k == order[0] else 1.0)
            return out
    return np.array([1.0, 0.0, 0.0])


def _tilted(edges: list[F8]) -> bool:
    """Whether some edge is neither upright nor level."""
    for edge in edges:
        length = float(np.linalg.norm(edge))
        if length > 0 and min(abs(edge[1]), np.hypot(edge[0], edge[2])) > TILTED * length:
            return True
    return False


def _angle(value: float) -> str:
    wrapped = (value + pi) % (2 * pi) - pi
    return f"{min(max(wrapped, -3.141592), 3.141592) + 0.0:.6f}"


def _pixels(box: list[float], size: tuple[int, int]) -> str:
    """left top right bottom: the box's edges where the middle of the first pixel is (0, 0), and no further than the
    middles of the outermost pixels, as KITTI has it."""
    x, y, w, h = box
    ends = (size[0] - 1, size[1] - 1) * 2
    edges = (x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5)
    return " ".join(f"{min(max(v, 0), end):.2f}" for v, end in zip(edges, ends, strict=True))
