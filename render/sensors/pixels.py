"""What an image sensor's pixels look at: one ray through each pixel centre, with the surface it meets.

The rays are the camera's own (`Camera.rays_at`), so depths are those of the label pass; rows of a rolling shutter meet
the scene at their own time.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.sensors.base import View
from twinstage.render.sensors.casting import Caster, RayHits
from twinstage.render.sensors.surfaces import Surfaces, joined, surfaces
from twinstage.scene.columns import F8, I4

LAYERS = 8
"""Most surfaces that a ray looks through, plus one."""

_ROWS_AT_ONCE = 400_000
_SKIP = 1e-5


@dataclass(frozen=True, slots=True)
class Pixels:
    """n = height * width pixels, row by row.

    Attributes:
        t: ray parameter f8[n], inf for the background: depth z [m] where the lens says so, else range [m].
        instance: row of the instance table or -1, i4[n].
        point: world point f8[n, 3] [m], NaN for the background.
        distance: from the camera f8[n] [m], inf for the background.
        look: the surfaces.
    """

    t: F8
    instance: I4
    point: F8
    distance: F8
    look: Surfaces


def looked_at(view: View, caster: Caster, *, transparent_below: float) -> Pixels:
    """All pixels; surfaces whose opacity is below that are looked through."""
    camera = view.camera
    rows = max(_ROWS_AT_ONCE // camera.width, 1)
    parts = [
        _rows(view, caster, first, min(first + rows, camera.height), transparent_below)
        for first in range(0, camera.height, rows)
    ]
    return Pixels(
        t=np.concatenate([part.t for part in parts]),
        instance=np.concatenate([part.instance for part in parts]),
        point=np.concatenate([part.point for part in parts]),
        distance=np.concatenate([part.distance for part in parts]),
        look=joined([part.look for part in parts]),
    )


def caster_of(view: View) -> Caster:
    """The scene while the view's camera exposes its rows."""
    if view.motion is None:
        return Caster(view.snapshot)
    times = view.camera.shutter.row_times(view.camera.height)
    # A shutter may read from the bottom.
    first, last = float(times.min()), float(times.max())
    if last <= first:
        return Caster(view.motion.at(first))
    keys = [t for t in view.motion.seconds if first < t < last]
    return Caster(view.snapshot, view.motion, sorted({*np.linspace(first, last, 17).tolist(), *keys}))


def _rows(view: View, caster: Caster, first: int, last: int, transparent_below: float) -> Pixels:
    camera = view.camera
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(first, last) + 0.5)
    origins, directions = camera.rays_at(np.stack([x.ravel(), y.ravel()], -1))
    seconds = np.repeat(camera.shutter.row_times(camera.height)[first:last], camera.width)
    hits = caster.cast(origins, directions, seconds=seconds, near=camera.near, far=camera.far)
    look = surfaces(caster, hits, directions, seconds)
    for _ in range(LAYERS):
        clear = np.flatnonzero((hits.instance >= 0) & (look.opacity < transparent_below))
        if clear.size == 0:
            break
        start = hits.t[clear] * (1 + 1e-6) + _SKIP
        o, d, s = origins[clear], directions[clear], seconds[clear]
        behind = caster.cast(o, d, seconds=s, near=start, far=camera.far)
        _replace(hits, clear, behind)
        _replace(look, clear, surfaces(caster, behind, d, s))
    with np.errstate(invalid="ignore"):
        point = origins + directions * np.where(np.isfinite(hits.t), hits.t, np.nan)[:, None]
    distance = hits.t * np.linalg.norm(directions, axis=1)
    return Pixels(hits.t, hits.instance, point, np.where(np.isnan(distance), np.inf, distance), look)


def _replace(table: RayHits | Surfaces, rows: np.ndarray, values: RayHits | Surfaces) -> None:
    for name in table.__dataclass_fields__:
        getattr(table, name)[rows] = getattr(values, name)
