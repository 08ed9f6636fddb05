"""Cameras that a randomizer places: which ones are meant, where they look, and how they see before a frame is labelled."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import USD_FROM_OPENCV, look_at_matrix, optics
from twinstage.render.capture import Camera
from twinstage.render.lens import ORTHOGRAPHIC
from twinstage.scene.columns import F8, frozen
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.paths import matching

_NOMINAL = 1000
"""Width of the picture in which framing is judged [px]."""
_ROUNDS = 50


def cameras_of(snapshot: Snapshot, patterns: Sequence[str], who: str) -> list[SceneCamera]:
    """The stage's cameras of those names or path patterns, by path. Raises UserError for one that means none."""
    paths = {snapshot.prims.path[c.prim]: c for c in snapshot.cameras}
    out: dict[str, SceneCamera] = {}
    for pattern in patterns:
        hits = [p for p in paths if p.rsplit("/", 1)[1] == pattern] or [
            list(paths)[i] for i in matching([pattern], list(paths))
        ]
        if not hits:
            names = [p.rsplit("/", 1)[1] for p in paths]
            raise UserError(f"{who}: there is no camera {pattern!r}{did_you_mean(pattern, names)}")
        out.update((path, paths[path]) for path in hits)
    return [out[path] for path in sorted(out)]


def view_matrix(eye: np.ndarray, target: np.ndarray, roll: float = 0.0) -> F8:
    """world_from_camera f8[4, 4] in USD's camera axes (looks along -z, +y up), level unless `roll` [rad]."""
    return look_at_matrix(eye, target, roll=roll) @ USD_FROM_OPENCV


def nominal_camera(
    camera: SceneCamera, path: str, usd_pose: np.ndarray, aspect: float | None = None
) -> Camera:
    """The camera at a pose (USD's axes) with an image of its apertures' shape, or of `aspect` and square pixels.

    Where things lie in it as a share of its width and height is where they lie in any other image of that shape.
    """
    shape = camera.vertical_aperture / camera.horizontal_aperture if aspect is None else 1 / aspect
    if camera.lens is not None and camera.lens.image_size is not None and aspect is None:
        shape = camera.lens.image_size[1] / camera.lens.image_size[0]
    width, height = _NOMINAL, max(round(_NOMINAL * shape), 1)
    k, lens = optics(camera, path, width, height, square_pixels=aspect is not None)
    pose = frozen(np.asarray(usd_pose) @ USD_FROM_OPENCV, np.float64)
    return Camera(camera.name, width, height, k, pose, camera.near, camera.far, lens=lens)


def aimed_off_centre(camera: Camera, eye: F8, aim: F8, place: tuple[float, float], roll: float) -> F8:
    """The pose (USD's axes) at `eye` in which `aim` [m] lies at `place` of the picture: (0, 0) the middle, 1 right or bottom.

    Level but for `roll` [rad]. Which way the lens looks there is asked of the lens; then the point that is looked at is
    moved until the direction fits. Raises UserError where the lens does not see forward there.
    """
    pixel = np.array([[camera.width * (1 + place[0]) / 2, camera.height * (1 + place[1]) / 2]])
    if camera.lens is ORTHOGRAPHIC:
        raise UserError(f"camera {camera.name} is orthographic: off_centre needs a lens with a view angle")
    _, wanted = camera.local_rays(pixel)
    direction = wanted[0]
    if not np.isfinite(direction).all() or direction[2] <= 1e-3 * np.linalg.norm(direction):
        raise UserError(f"camera {camera.name} does not see forward at {place} of its picture")
    tangent = direction[:2] / direction[2]
    distance = float(np.linalg.norm(aim - eye))
    looked, pose = np.array(aim, np.float64), look_at_matrix(eye, aim, roll=roll)
    for _ in range(_ROUNDS):
        local = pose[:3, :3].T @ (aim - eye)
        if local[2] <= 0:
            break
        error = tangent - local[:2] / local[2]
        if np.abs(error).max() < 1e-12:
            break
        looked = looked - distance * (error[0] * pose[:3, 0] + error[1] * pose[:3, 1])
        looked = eye + (looked - eye) * (distance / np.linalg.norm(looked - eye))
        pose = look_at_matrix(eye, looked, roll=roll)
    return pose @ USD_FROM_OPENCV


def with_focal_length(camera: SceneCamera, focal: float) -> SceneCamera:
    """The camera with that focal length [mm]."""
    return replace(camera, focal_length=focal)


def focal_length_of(camera: SceneCamera, fov: float, model: str = "pinhole") -> float:
    """The focal length [mm] at which the camera's film spans `fov` [degrees] across, before any distortion."""
    if model == "fisheye":  # angles lie evenly on its picture
        return camera.horizontal_aperture / float(np.radians(min(max(fov, 1.0), 360.0)))
    return camera.horizontal_aperture / (2 * float(np.tan(np.radians(min(max(fov, 1.0), 170.0)) / 2)))
