"""Cameras that go round a scene once, for turntables and thumbnails."""

import math
from itertools import product

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.framing import AZIMUTH, ELEVATION, drawn_bounds, framed
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

START = float(AZIMUTH)
"""Azimuth of the first camera: where `frame_scene` stands, too."""

MOST_VIEWS = 100_000

MARGIN = 0.04
"""Room around what is seen, as a share of the distance."""

CORNERS = np.array(list(product((False, True), repeat=3)))


def turntable(
    snapshot: Snapshot, views: int, width: int, height: int, *, elevation: float = float(ELEVATION)
) -> list[Camera]:
    """`views` cameras evenly round all that is drawn, counter-clockwise seen from above; each sees the whole of it.

    The last one stands a step before the first, so that a film of them runs in a loop. `elevation`: above the ground
    [rad]. All have the same distance, the least at which the box around everything fits, and the lens of
    `framing.frame_scene`.

    Raises:
        UserError: no view or too many, an elevation beyond the poles, or a scene that draws nothing.
    """
    if not 1 <= views <= MOST_VIEWS:
        raise UserError(f"a turntable of {views} views cannot be made; from 1 to {MOST_VIEWS} were expected")
    if not (math.isfinite(elevation) and abs(elevation) < math.pi / 2):
        raise UserError(
            f"an elevation of {math.degrees(elevation):g} degrees was given; between -90 and 90 was expected"
        )
    bounds = drawn_bounds(snapshot)
    azimuths = START + 2 * np.pi * np.arange(views) / views
    far = [
        framed(bounds, width, height, azimuth=float(a), elevation=elevation, name="turntable")
        for a in azimuths
    ]
    distance = max(_least_distance(camera, bounds) for camera in far) * (1 + MARGIN)
    return [
        framed(
            bounds, width, height, azimuth=float(a), elevation=elevation, name="turntable", distance=distance
        )
        for a in azimuths
    ]


def _least_distance(camera: Camera, bounds: tuple[F8, F8]) -> float:
    """How near to the middle of a box the camera may come along its line of sight, with all corners in the picture [m]."""
    low, high = bounds
    middle = (low + high) / 2
    corners = (np.where(CORNERS, high, low) - middle) @ camera.world_from_camera[:3, :3]
    tangents = np.array([camera.width / 2 / camera.K[0, 0], camera.height / 2 / camera.K[1, 1]])
    least = np.abs(corners[:, :2]) / tangents - corners[:, 2:]
    # Never into the box, however flat it is seen.
    return float(max(least.max(), 1.01 * np.linalg.norm(high - low) / 2, 1e-6))
