"""A camera for stages that have none: all that is drawn, seen from the front, a little from the side and above."""

from itertools import product

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at, orbit_eye
from twinstage.render.capture import Camera
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

AZIMUTH, ELEVATION = np.radians(-60.0), np.radians(25.0)
FOV = np.radians(45.0)
_CORNERS = np.array(list(product((0, 1), repeat=3)))


def frame_scene(snapshot: Snapshot, width: int, height: int) -> Camera:
    """A camera of that image size [px] that sees all visible drawings. Raises UserError where nothing is drawn."""
    return framed(drawn_bounds(snapshot), width, height)


def framed(
    bounds: tuple[F8, F8],
    width: int,
    height: int,
    *,
    azimuth: float = float(AZIMUTH),
    elevation: float = float(ELEVATION),
    name: str = "frame",
    distance: float | None = None,
) -> Camera:
    """A camera that sees a world box (low, high) [m] from that azimuth and elevation [rad].

    `distance`: of the camera from the middle [m]; None is far enough for the whole ball around the box.
    """
    low, high = bounds
    centre, radius = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-6)
    if distance is None:
        narrow = min(FOV, 2 * np.arctan(np.tan(FOV / 2) * height / width))
        distance = float(radius / np.sin(narrow / 2))
    return look_at(
        orbit_eye(centre, distance, azimuth, elevation),
        centre,
        width=width,
        height=height,
        fov=float(FOV),
        name=name,
        near=distance * 1e-3,
        far=distance + 2 * radius,
    )


def drawn_bounds(snapshot: Snapshot) -> tuple[F8, F8]:
    """Lowest and highest world corner [m] around the bounding boxes of all visible drawings."""
    rows = np.flatnonzero(snapshot.instances.visible)
    if not len(rows):
        raise UserError(
            f"{snapshot.stage.path} draws nothing, so there is nothing to take a picture of{what_went_wrong(snapshot)}"
        )
    boxes = np.array([(p.points.min(0), p.points.max(0)) for p in snapshot.prototypes], np.float64)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for start in range(0, len(rows), 100_000):  # a million instances are not unfolded at once
        part = rows[start : start + 100_000]
        box = boxes[snapshot.instances.prototype[part]]
        corners = np.where(_CORNERS[None], box[:, 1, None], box[:, 0, None])
        node = snapshot.node_world[snapshot.instances.node[part]]
        world = node @ snapshot.instances.frames.take(part)
        points = np.einsum("nij,ncj->nci", world[:, :3, :3], corners) + world[:, None, :3, 3]
        low, high = np.minimum(low, points.min((0, 1))), np.maximum(high, points.max((0, 1)))
    return low, high


def what_went_wrong(snapshot: Snapshot) -> str:
    """The end of a sentence that says nothing is there: what went wrong when the stage was read, if anything did."""
    found = [f.message for f in snapshot.findings if f.severity == "error"]
    found += [
        f.message for f in snapshot.findings if f.code == "usd.diagnostic"
    ]  # such as files that are missing
    return (
        f" ({found[0].rstrip('.')}{'' if len(found) == 1 else f'; and {len(found) - 1} more'})"
        if found
        else ""
    )
