"""Cameras that go round a scene once, for turntables and thumbnails."""

import math

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.framing import AZIMUTH, ELEVATION, drawn_bounds, framed
from twinstage.scene.snapshot import Snapshot

START = float(AZIMUTH)
"""Azimuth of the first camera: where `frame_scene` stands, too."""

MOST_VIEWS = 100_000


def turntable(
    snapshot: Snapshot, views: int, width: int, height: int, *, elevation: float = float(ELEVATION)
) -> list[Camera]:
    """`views` cameras evenly round all that is drawn, counter-clockwise seen from above; each sees the whole of it.

    The last one stands a step before the first, so that a film of them runs in a loop. `elevation`: above the ground
    [rad]. All have the distance and the lens of `framing.frame_scene`.

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
    return [
        framed(bounds, width, height, azimuth=float(a), elevation=elevation, name="turntable")
        for a in azimuths
    ]
