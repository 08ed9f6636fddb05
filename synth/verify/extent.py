"""`bbox_full` against the model: the box of all that its vertices and edges project to, seen or not.

A silhouette of pixel centres leaves a box a pixel of play, more where a tip lies between centres; the vertices leave none.
"""

from typing import Any

import numpy as np

from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.report import Judge

PIXELS = 0.02
"""Pixels by which an edge of the box may differ: float32 vertices, and what a lens bends between middles of edges."""
ROW_PIXELS = 0.3
"""The same for a camera that moves while it reads its rows: a place may lie between two of them."""
ROUNDS = 6
PLACES = 9
"""Places along an edge that a lens bends."""


def check_extent(
    item: dict[str, Any], eye: Eye, world: np.ndarray, triangles: np.ndarray, where: str, judge: Judge
) -> None:
    """`bbox_full` is the box of its model's projection; not judged where near, far views or the lens cut something off."""
    box = item.get("bbox_full")
    bounds = None if box is None else extent(eye, world, triangles)
    if box is None or bounds is None:
        return
    low, high, slack = bounds
    edges = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    off = float(np.abs(edges - [*low, *high]).max())
    judge.check(
        off <= slack,
        "box.full_model",
        where,
        f"an edge of bbox_full is {off:.3f} px away from that of its model's projection, expected {slack:.3f} at most",
    )


def extent(eye: Eye, world: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Lowest and highest pixels f8[2] of a model f8[n, 3] [m], and how far off they may be; None where that is unclear."""
    if eye.kind not in ("pinhole", "orthographic", "opencv"):
        return None
    corners = world[np.unique(triangles)]
    pixels = _seen(eye, corners)
    if pixels is None:
        return None
    slack = ROW_PIXELS if eye.moving else PIXELS
    if eye.kind == "opencv":
        found = _bent(eye, world, triangles)
        if found is None:
            return None
        pixels, sag = found
        slack += sag
    low, high = pixels.min(0), pixels.max(0)
    size = np.array([eye.width, eye.height])
    return (low, high, slack) if (low >= -size).all() and (high <= 2 * size).all() else None


def _bent(eye: Eye, world: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Pixels of places along all edges, f8[n, 2], and how far the edges stray from straight lines between them."""
    sides = np.concatenate([triangles[:, k] for k in ([0, 1], [1, 2], [2, 0])])
    edges = np.unique(np.sort(sides, axis=1), axis=0)
    share = np.linspace(0.0, 1.0, PLACES)[:, None, None]
    places = world[edges[:, 0]] * (1 - share) + world[edges[:, 1]] * share
    pixels = _seen(eye, places.reshape(-1, 3))
    if pixels is None:
        return None
    rows = pixels.reshape(PLACES, -1, 2)
    # A parabola through three places strays a quarter as far between two of them as the middle one does.
    sag = float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).max()) / 4
    return pixels, sag


def _seen(eye: Eye, points: np.ndarray) -> np.ndarray | None:
    """Pixels of points, each from the pose of the row that it falls into; None where one is not safely in front."""
    pixels, local = eye.project(points)
    for _ in range(ROUNDS if eye.moving else 0):
        if not np.isfinite(pixels).all():
            return None
        rows = np.clip(np.floor(pixels[:, 1]), 0, eye.height - 1).astype(int)
        pixels, local = eye.project(points, rows)
    in_front = local[:, 2] > eye.near + 0.01 * abs(eye.near)
    return pixels if np.isfinite(pixels).all() and in_front.all() else None
