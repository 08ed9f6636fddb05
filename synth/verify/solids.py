"""An object in space against its masks: 3D box, pose, the box of its whole silhouette, the oriented box."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.synth.verify import geometry
from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.masks import Masks
from twinstage.synth.verify.report import Judge

OUTLINE_TOLERANCE = 0.05
"""Pixels by which a silhouette may reach beyond its 3D box: rays are traced in float32."""

CENTRE_TOLERANCE = 0.02
"""Pixels by which pixel centres of a silhouette may lie outside of `bbox_full`."""

BEYOND_TOLERANCE = 0.1
"""Pixels by which `bbox_full` may reach beyond the projected 3D box."""

BEND = 0.02
"""Pixels by which an edge may stray from the straight line between the points that it is followed by."""

EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if a ^ b in (1, 2, 4)]


@dataclass(frozen=True, slots=True)
class Solid:
    """What is known of an object in space. `corners` f8[8, 3] [m], `world` world_from_object."""

    corners: np.ndarray
    world: np.ndarray
    frame: geometry.BoxFrame


def check_solid(item: dict[str, Any], where: str, judge: Judge) -> Solid | None:
    """The 3D box in itself: eight corners along the object's axes, and its size."""
    corners, world = np.array(item["bbox_3d"], np.float64), np.array(item["world_from_object"], np.float64)
    shaped = corners.shape == (8, 3) and world.shape == (4, 4)
    finite = shaped and bool(np.isfinite(corners).all() and np.isfinite(world).all())
    if not judge.check(
        finite, "box3d.shape", where, "bbox_3d is not eight corners, or world_from_object no 4 x 4"
    ):
        return None
    size = [float(np.linalg.norm(corners[i] - corners[0])) for i in (4, 2, 1)]
    judge.check(
        np.allclose(item["size"], size, rtol=1e-9, atol=1e-12),
        "box3d.size",
        where,
        f"size is {item['size']}, the box's edges are {size} long",
    )
    judge.check(
        abs(np.linalg.det(world[:3, :3])) < 1e-30 or geometry.is_box(corners, world),
        "box3d.axes",
        where,
        "bbox_3d is no box along the axes of world_from_object",
    )
    return Solid(corners, world, geometry.box_frame(corners))


def check_silhouette(eye: Eye, solid: Solid, masks: Masks, where: str, judge: Judge) -> None:
    """Each ray through a pixel of the whole silhouette meets the 3D box between near and far, whatever the lens."""
    origins, directions = (rays[masks.amodal] for rays in eye.world_rays)
    if not len(origins):
        return
    if not judge.check(
        np.isfinite(directions).all(), "mask.unseen", where, "silhouette where the lens sees nothing"
    ):
        return
    distance = float(np.linalg.norm(solid.corners - eye.pose[:3, 3], axis=1).max())
    margin = OUTLINE_TOLERANCE * eye.footprint(distance) + 2e-6 * distance
    low = np.full(len(origins), eye.near * (1 - 1e-5))
    missed = solid.frame.missed(origins, directions, margin, low, np.full(len(origins), eye.far * (1 + 1e-5)))
    judge.check(
        not missed.any(),
        "box3d.silhouette",
        where,
        f"{int(missed.sum())} of {len(missed)} silhouette pixels look past the 3D box by over {OUTLINE_TOLERANCE} px",
    )


def check_pose(item: dict[str, Any], eye: Eye, solid: Solid, where: str, judge: Judge) -> None:
    """`pose` is the rotation and translation of the object in the camera; None where it is mirrored or flat."""
    if "pose" not in item:
        return
    seen = np.linalg.inv(eye.pose) @ solid.world
    scale = np.linalg.norm(seen[:3, :3], axis=0)
    volume = float(np.linalg.det(seen[:3, :3]) / max(float(scale.prod()), 1e-300))
    upright = volume > 1e-9
    pose = item["pose"]
    judge.check(
        (pose is not None) == upright or abs(volume) < 1e-6,
        "pose.given",
        where,
        f"pose is {'given' if pose else 'null'}, the object's matrix has determinant {volume:.3g} (of unit axes)",
    )
    if pose is None or not upright:
        return
    R, t = np.array(pose["R"], np.float64), np.array(pose["t"], np.float64)
    good = R.shape == (3, 3) and t.shape == (3,) and geometry.is_rotation(R)
    if not judge.check(good, "pose.rotation", where, "R is no rotation of determinant +1"):
        return
    tolerance = 1e-6 * max(1.0, float(np.abs(t).max()))
    off = float(np.abs(t - seen[:3, 3]).max())
    judge.check(
        off <= tolerance,
        "pose.translation",
        where,
        f"t is {off:.6g} m off camera_from_world world_from_object",
    )
    turned = float(np.abs(R - geometry.nearest_rotation(seen[:3, :3])).max())
    judge.check(
        turned <= 1e-6, "pose.axes", where, f"R differs by {turned:.3g} from the object's axes in the camera"
    )


def check_full_box(
    item: dict[str, Any], eye: Eye, solid: Solid, masks: Masks, where: str, judge: Judge
) -> None:
    """`bbox_full` holds all pixel centres of the silhouette and stays within the projected 3D box."""
    box = item.get("bbox_full")
    if box is None:
        judge.check(
            "bbox_full" not in item or not masks.amodal.any(),
            "box.full",
            where,
            "bbox_full is null, but it is seen",
        )
        return
    rows, columns = np.flatnonzero(masks.amodal.any(1)), np.flatnonzero(masks.amodal.any(0))
    inside = np.array([columns[0] + 0.5, rows[0] + 0.5, columns[-1] + 0.5, rows[-1] + 0.5])
    edges = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    short = np.concatenate([edges[:2] - inside[:2], inside[2:] - edges[2:]])
    judge.check(
        (short <= CENTRE_TOLERANCE).all(),
        "box.full",
        where,
        f"bbox_full {_rounded(box)} leaves out pixel centres by {short.max():.3f} px",
    )
    total, amodal = item["amodal_px_total"], item["amodal_px_in_frame"]
    straight = (
        eye.kind in ("pinhole", "orthographic") and not eye.moving
    )  # else corners alone do not bound it
    within = straight and edges.min() >= 0 and edges[2] <= eye.width and edges[3] <= eye.height
    judge.check(
        not within or total == amodal,
        "count.total_inside",
        where,
        f"its whole silhouette lies inside the image, but amodal_px_total is {total} and {amodal} px are inside",
    )
    bounds = projected_bounds(eye, solid.corners)
    if bounds is not None:
        beyond = np.concatenate([bounds[:2] - edges[:2], edges[2:] - bounds[2:]])
        judge.check(
            (beyond <= BEYOND_TOLERANCE + (1.0 if eye.moving else 0.0)).all(),
            "box.full_beyond",
            where,
            f"bbox_full {_rounded(box)} reaches {beyond.max():.3f} px beyond the projected 3D box",
        )


def projected_bounds(eye: Eye, corners: np.ndarray) -> np.ndarray | None:
    """(x0, y0, x1, y1) [px] of a 3D box's edges; None where not all of them are seen from in front of near."""
    first = np.stack([corners[a] for a, _ in EDGES])
    last = np.stack([corners[b] for _, b in EDGES])
    rows = np.unique(np.linspace(0, eye.height - 1, 9).astype(int)) if eye.moving else np.array([0])
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for row in rows.tolist():
        pixels = _edge_pixels(eye, first, last, row)
        if pixels is None or (eye.kind == "equirectangular" and np.ptp(pixels[:, 0]) > eye.width / 2):
            return None  # not all in front, or around the back
        low, high = np.minimum(low, pixels.min(0)), np.maximum(high, pixels.max(0))
    return np.concatenate([low, high])


def _edge_pixels(eye: Eye, a: np.ndarray, b: np.ndarray, row: int) -> np.ndarray | None:
    """Pixels of straight edges a to b f8[n, 3], halved where the lens bends them; None where not all are seen."""

    def place(points: np.ndarray) -> np.ndarray:
        pixels, local = eye.project(points, np.full(len(points), row))
        # Behind a fisheye the whole ring is one direction, so edges do not bound what lies between them.
        before = (eye.reach(local) >= eye.near) & ((eye.kind != "fisheye") | (local[:, 2] > 0))
        return np.where(before[:, None], pixels, np.nan)

    share = np.linspace(0, 1, 2 if eye.kind in ("pinhole", "orthographic") else 17)[:, None, None]
    points = a + share * (b - a)
    a, b = points[:-1].reshape(-1, 3), points[1:].reshape(-1, 3)
    pa, pb = place(a), place(b)
    found = [pa, pb]
    while len(a) and len(found) < 14 and eye.kind not in ("pinhole", "orthographic"):
        middle = (a + b) / 2
        pm = place(middle)
        found.append(pm)
        bent = ~(np.abs(pm - (pa + pb) / 2).max(1) <= BEND)
        a, b = np.concatenate([a[bent], middle[bent]]), np.concatenate([middle[bent], b[bent]])
        pa, pb = np.concatenate([pa[bent], pm[bent]]), np.concatenate([pm[bent], pb[bent]])
        if np.isnan(pm).any():
            return None
    pixels = np.concatenate(found)
    return pixels if np.isfinite(pixels).all() else None


def check_oriented_box(item: dict[str, Any], masks: Masks, where: str, judge: Judge) -> None:
    """`obb` is the smallest rectangle that holds the corners of all visible pixels."""
    if "obb" not in item:
        return
    given = item["obb"]
    seen = bool(masks.visible.any())
    if not judge.check(
        (given is not None) == seen, "obb.given", where, "obb is null where it is seen, or the reverse"
    ):
        return
    if given is None:
        return
    corners = np.array(given, np.float64)
    if not judge.check(corners.shape == (4, 2), "obb.shape", where, "obb is not four corners"):
        return
    area, skew = geometry.rectangle(corners)
    judge.check(skew <= 1e-6, "obb.shape", where, f"obb is no rectangle: {skew:.3g} px askew")
    points = geometry.pixel_corners(masks.visible)
    beyond = geometry.outside_rectangle(points, corners)
    judge.check(beyond <= 1e-6, "obb.holds", where, f"visible pixels reach {beyond:.4f} px outside of obb")
    least = geometry.least_area(points)
    judge.check(
        area <= least * (1 + 1e-9) + 1e-6,
        "obb.area",
        where,
        f"obb has {area:.3f} px2, the smallest has {least:.3f}",
    )


def _rounded(box: list[float]) -> list[float]:
    return [round(float(v), 3) for v in box]
