"""Key points against the camera, the masks and the depth image."""

from typing import Any

import numpy as np

from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.masks import Masks
from twinstage.synth.verify.report import Judge

PLACE_TOLERANCE = 1e-3
"""Pixels between a key point and where the camera projects its place to."""

NEAR_MASK = 2
"""Pixels around a key point in which its object's mask is looked for."""

DEPTH_TOLERANCE = 5e-3
"""Metres by which a surface may lie before a key point that is seen, over what pixels beside it show."""


def check_keypoints(
    item: dict[str, Any],
    names: list[str],
    eye: Eye,
    masks: Masks | None,
    depth: np.ndarray | None,
    where: str,
    judge: Judge,
) -> None:
    """All key points of one object; `names` are its class's, `depth` what rays are measured by, f4[h, w], or None."""
    points = item.get("keypoints")
    if points is None:
        judge.check(
            not names, "keypoint.missing", where, f"its class has key points {names}, but it lists none"
        )
        return
    given = [p["name"] for p in points]
    right = len(set(given)) == len(given) and set(given) <= set(names)
    judge.check(right, "keypoint.names", where, f"key points {given}, its class has {names}")
    for point in points:
        label = f"{where} key point {point['name']!r}"
        with judge.guard("keypoint.malformed", label):
            _check_point(point, eye, masks, depth, label, judge)


def _check_point(
    point: dict[str, Any],
    eye: Eye,
    masks: Masks | None,
    depth: np.ndarray | None,
    where: str,
    judge: Judge,
) -> None:
    v, px = point["v"], point["px"]
    world = np.array(point["world"], np.float64)[None]
    if not judge.check(v in (0, 1, 2), "keypoint.v", where, f"v is {v!r}, expected 0, 1 or 2"):
        return
    if px is None:
        judge.check(v == 0, "keypoint.place", where, f"v is {v}, but it has no place")
        return
    place = np.array(px, np.float64)
    row = np.clip(np.floor(place[1:]), 0, eye.height - 1).astype(int)
    pixels, local = eye.project(world, row)
    off = float(np.abs(pixels[0] - place).max())
    inside = bool((place >= 0).all() and place[0] < eye.width and place[1] < eye.height)
    if inside or not eye.moving:  # beyond the image there is no row that it is seen by
        size = max(1.0, float(np.abs(place).max()) * 1e-6)
        judge.check(
            off <= PLACE_TOLERANCE * size,
            "keypoint.place",
            where,
            f"it is said to be at {np.round(place, 3).tolist()}, the camera sees it at {np.round(pixels[0], 3).tolist()}",
        )
    reach = float(eye.reach(local)[0])
    shown = inside and eye.near <= reach <= eye.far
    judge.check(
        (v > 0) == shown,
        "keypoint.v",
        where,
        f"v is {v} at {np.round(place, 2).tolist()}, {reach:.4g} m away, in an image of {eye.width} x {eye.height}",
    )
    if v > 0 and shown:
        column = int(place[0])
        if masks is not None and v == 2:
            _check_mask(masks, int(row[0]), column, where, judge)
        if depth is not None:
            _check_depth(depth, int(row[0]), column, reach, v, where, judge)


def _window(image: np.ndarray, row: int, column: int, radius: int) -> np.ndarray:
    return image[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]


def _check_mask(masks: Masks, row: int, column: int, where: str, judge: Judge) -> None:
    """Who is seen near a key point that is seen: its object, unless the mark floats beside it."""
    if _window(masks.amodal, row, column, NEAR_MASK).any():
        seen = _window(masks.visible, row, column, NEAR_MASK).any()
        judge.check(seen, "keypoint.hidden", where, "v is 2, but its object is hidden all around it")


def _check_depth(
    depth: np.ndarray, row: int, column: int, reach: float, v: int, where: str, judge: Judge
) -> None:
    around = _window(depth, row, column, 1)
    slack = DEPTH_TOLERANCE + 1e-4 * reach
    if v == 2:
        judge.check(
            float(around.max()) >= reach - slack - _spread(around),
            "keypoint.hidden",
            where,
            f"v is 2, but surfaces lie {reach - float(around.max()):.4f} m before it",
        )
    else:
        judge.check(
            float(around.min()) <= reach + slack,
            "keypoint.seen",
            where,
            f"v is 1, but nothing lies before it: {float(around.min()):.4f} m, it is {reach:.4f} m away",
        )


def _spread(around: np.ndarray) -> float:
    """How much depth changes from pixel to pixel [m]: that much it may differ within a pixel."""
    finite = around[np.isfinite(around)]
    return float(np.ptp(finite)) if finite.size > 1 else 0.0
