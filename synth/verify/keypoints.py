"""Key points against the camera, the masks and the depth image."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.solids import Solid

PLACE_TOLERANCE = 1e-3
"""Pixels between a key point and where the camera projects its place to."""

NEAR = 2
"""Pixels around a key point that one other object may not cover."""

COARSE = 0.02
"""Width of a pixel [m] beyond which pixels around a key point do not tell whether it is seen: a rail that hides it, or a gap
that shows it, may lie between them."""

POKE = 0.01
"""Metres from another object's 3D box within which a mark may poke out of it by less than a pixel."""

DEPTH_TOLERANCE = 5e-3
"""Metres by which a surface may lie before a key point that is seen, over what pixels beside it show."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What key points are compared with.

    `owner`: place from 1 of the object that each pixel shows, i4[h, w]; `depth`: what rays are measured by, f8[h, w], or None;
    `holed`: places of objects with holes cut out by their materials, which may be finer than any pixel.
    """

    eye: Eye
    owner: np.ndarray
    solids: list[Solid | None]
    depth: np.ndarray | None
    holed: frozenset[int] = frozenset()


def check_keypoints(
    item: dict[str, Any], place: int, names: list[str], around: Surroundings, where: str, judge: Judge
) -> None:
    """All key points of the object at that place (from 1) of the record; `names` are its class's."""
    points = item.get("keypoints")
    if points is None:
        judge.check(
            not names, "keypoint.missing", where, f"its class has key points {names}, but it lists none"
        )
        return
    given = [p["name"] for p in points]
    right = given == [name for name in names if name in set(given)]
    judge.check(right, "keypoint.names", where, f"key points {given}, its class has {names}")
    for point in points:
        label = f"{where} key point {point['name']!r}"
        with judge.guard("keypoint.malformed", label):
            _check_point(point, place, around, label, judge)


def _check_point(point: dict[str, Any], place: int, around: Surroundings, where: str, judge: Judge) -> None:
    v, px, eye = point["v"], point["px"], around.eye
    world = np.array(point["world"], np.float64)[None]
    if not judge.check(v in (0, 1, 2), "keypoint.v", where, f"v is {v!r}, expected 0, 1 or 2"):
        return
    if px is None:
        judge.check(v == 0, "keypoint.place", where, f"v is {v}, but it has no place")
        return
    at = np.array(px, np.float64)
    row = np.clip(np.floor(at[1:]), 0, eye.height - 1).astype(int)
    pixels, local = _projected(eye, world, at, row)
    inside = bool((at >= 0).all() and at[0] < eye.width and at[1] < eye.height)
    if inside or not eye.moving:  # beyond the image there is no row that it is seen by
        size = max(1.0, float(np.abs(at).max()) * 1e-6)
        judge.check(
            float(np.abs(pixels[0] - at).max()) <= PLACE_TOLERANCE * size,
            "keypoint.place",
            where,
            f"it is said to be at {np.round(at, 3).tolist()}, the camera sees it at {np.round(pixels[0], 3).tolist()}",
        )
    reach = float(eye.reach(local)[0])
    shown = inside and eye.near <= reach <= eye.far
    judge.check(
        (v > 0) == shown,
        "keypoint.v",
        where,
        f"v is {v} at {np.round(at, 2).tolist()}, {reach:.4g} m away, in an image of {eye.width} x {eye.height}",
    )
    if v > 0 and shown and eye.footprint(reach) <= COARSE:
        spot = int(row[0]), int(at[0])
        if around.holed.intersection(_window(around.owner, *spot, NEAR).ravel().tolist()):
            return
        if v == 2:
            _check_cover(world, place, at, spot, around, where, judge)
        if around.depth is not None:
            _check_depth(place, spot, reach, v, around, where, judge)


def _projected(eye: Eye, world: np.ndarray, at: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the camera sees a point by the row at `at`; of a moving camera by the best of three rows.

    While a camera moves with its rows, a point can fall between two of them and be seen by neither; its place is then that
    of one of the two.
    """
    if not eye.moving:
        return eye.project(world, row)
    found = [eye.project(world, np.clip(row + step, 0, eye.height - 1)) for step in (0, -1, 1)]
    return min(found, key=lambda one: float(np.nan_to_num(np.abs(one[0][0] - at).max(), nan=np.inf)))


def _window(image: np.ndarray, row: int, column: int, radius: int) -> np.ndarray:
    return image[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]


def _check_cover(
    world: np.ndarray,
    place: int,
    at: np.ndarray,
    spot: tuple[int, int],
    around: Surroundings,
    where: str,
    judge: Judge,
) -> None:
    """Not all pixels around a key point that is seen show one other object that lies before it.

    An object lies within its 3D box: what is inside of the box, or before it, may be seen though it is thinner than a pixel.
    """
    shown = np.unique(_window(around.owner, *spot, NEAR))
    other = int(shown[0]) if len(shown) == 1 else 0
    solid = around.solids[other - 1] if other else None
    covered = other not in (0, place) and solid is not None and _beyond(around.eye, world, at, solid)
    judge.check(not covered, "keypoint.hidden", where, f"v is 2, but object {other} covers all around it")


def _beyond(eye: Eye, world: np.ndarray, at: np.ndarray, solid: Solid) -> bool:
    """Whether the way from the camera to a point [1, 3] leads through the box and out again."""
    origin, _ = eye.rays(at[:1], at[1:])
    through = ~solid.frame.missed(origin, world - origin, 0.0, np.zeros(1), np.ones(1))
    return bool(through[0]) and float(solid.frame.outside(world)[0]) > POKE


def _check_depth(
    place: int, spot: tuple[int, int], reach: float, v: int, around: Surroundings, where: str, judge: Judge
) -> None:
    """Something lies before a key point that is hidden; nothing of others before one that is seen.

    Its own object may lie before it: a mark that its body encloses cannot be hidden by it (docs/label-pass.md).
    """
    assert around.depth is not None
    near = _window(around.depth, *spot, 1)
    if np.isnan(near).any():  # where z tells nothing of how far a ray goes
        return
    slack = DEPTH_TOLERANCE + 1e-4 * reach + around.eye.footprint(reach)
    if v == 1:
        judge.check(
            float(near.min()) <= reach + slack,
            "keypoint.seen",
            where,
            f"v is 1, but nothing lies before it: {float(near.min()):.4f} m, it is {reach:.4f} m away",
        )
    elif v == 2 and not (_window(around.owner, *spot, 1) == place).any():
        judge.check(
            float(near.max()) >= reach - slack - _spread(near),
            "keypoint.hidden",
            where,
            f"v is 2, but surfaces of others lie {reach - float(near.max()):.4f} m before it",
        )


def _spread(around: np.ndarray) -> float:
    """How much depth changes from pixel to pixel [m]: that much it may differ within a pixel."""
    finite = around[np.isfinite(around)]
    return float(np.ptp(finite)) if finite.size > 1 else 0.0
