"""What a camera has to be before an engine looks through it, and what is said where the memory is not enough."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.heap import tidy_heap
from twinstage.render.capture import Camera

MOST_PIXELS = 1 << 28
"""Pixels of a picture: 16,384 x 16,384."""


def check_camera(camera: Camera) -> None:
    """Raise UserError for a camera that nothing can be seen with."""
    what = f"camera {camera.name!r}"
    if camera.width < 1 or camera.height < 1 or camera.width * camera.height > MOST_PIXELS:
        raise UserError(
            f"{what} has {camera.width} x {camera.height} pixels; 1 to {MOST_PIXELS:,} in all were expected"
        )
    path = camera.path
    single = (camera.near, camera.exposure, camera.aperture_radius, camera.focus_distance)
    arrays = [camera.K, camera.world_from_camera, np.array(single)]
    arrays += [] if path is None else [path.world_from_camera, path.seconds]
    if not all(np.isfinite(array).all() for array in arrays) or np.isnan(camera.far):
        raise UserError(f"{what} holds numbers that are not finite, so it cannot see")
    if abs(np.linalg.det(camera.K)) <= 1e-15 * np.abs(camera.K).max() ** 3:
        raise UserError(f"{what} has intrinsics without an inverse, so its pixels are no places")
    if abs(np.linalg.det(camera.world_from_camera[:3, :3])) < 1e-12:
        raise UserError(f"{what} has a transform that squashes space flat, so it cannot see")
    if not 0 <= camera.near < camera.far:
        raise UserError(f"{what} sees from {camera.near:g} m to {camera.far:g} m, which is nothing")
    if camera.aperture_radius < 0 or (camera.aperture_radius > 0 and camera.focus_distance <= 0):
        raise UserError(
            f"{what} has an aperture of {camera.aperture_radius:g} m and focuses at {camera.focus_distance:g} m; "
            "an open aperture needs a distance above zero"
        )


@contextmanager
def enough_memory(camera: Camera) -> Iterator[None]:
    """Say in one sentence that the memory is not enough. What earlier pictures left of it goes back now and then."""
    tidy_heap()
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise UserError(
            f"there is not enough memory for a picture of {camera.width} x {camera.height} pixels of this scene; "
            "try a smaller one, or lighter meshes and textures"
        ) from None
