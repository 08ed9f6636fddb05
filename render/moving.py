"""Cameras and scenes while a shutter is open, from snapshots of several moments."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene, camera_pose, find_camera
from twinstage.render.capture import Camera
from twinstage.render.motion import Motion, Trajectory, same_things
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import Snapshot

if TYPE_CHECKING:
    from twinstage.scene.labels import LabelPolicy
    from twinstage.scene.stage import OpenedStage

MOST_KEYS = 64


def moving_camera(
    moments: Sequence[tuple[float, Snapshot]],
    name: str,
    width: int,
    height: int,
    *,
    square_pixels: bool = False,
) -> tuple[Camera, Motion]:
    """The camera of that name or prim path with its path, and the scene's motion, of snapshots at rising times.

    `moments`: (seconds from the frame's time, snapshot of the same stage). The lens is that at the frame's time (of the
    last moment not after it); the pose there is interpolated. A camera that rests gets no path. Raises UserError as
    `camera_from_scene` does, for moments that do not rise, and for a camera that is missing at one of them.
    """
    seconds = [float(t) for t, _ in moments]
    if not seconds or not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        raise UserError(f"the moments of a moving camera rise and are finite, unlike {seconds}")
    snapshots = tuple(snapshot for _, snapshot in moments)
    if not same_things(snapshots):
        raise UserError(
            f"things appear or vanish while the shutter of camera {name} is open, so they have no way"
        )
    motion = Motion(tuple(seconds), snapshots)
    base = moments[max(int(np.searchsorted(seconds, 0.0, side="right")) - 1, 0)][1]
    camera = camera_from_scene(base, find_camera(base, name), width, height, square_pixels=square_pixels)
    return along(camera, name, moments), motion


def along(camera: Camera, name: str, moments: Sequence[tuple[float, Snapshot]]) -> Camera:
    """The camera on the path that the stage's camera of that name or prim path takes through those moments.

    `moments` as in `moving_camera`. The pose is that at the frame's time; a camera that rests is given back as it is.
    """
    poses = np.array([camera_pose(snapshot, find_camera(snapshot, name)) for _, snapshot in moments])
    if len(moments) == 1 or (poses == poses[0]).all():
        return camera
    path = Trajectory(frozen(np.array([t for t, _ in moments]), np.float64), frozen(poses, np.float64))
    return replace(camera, path=path, world_from_camera=frozen(path.at(np.zeros(1))[0], np.float64))


def camera_at(
    opened: "OpenedStage",
    name: str,
    width: int,
    height: int,
    *,
    time_code: float | None = None,
    keys: int = 2,
    square_pixels: bool = False,
    policy: "LabelPolicy | None" = None,
) -> tuple[Camera, Motion]:
    """The stage's camera at a time code with the path that it takes while its shutter is open, and the scene's motion.

    The stage is read at `keys` moments, evenly from shutter:open to shutter:close and on to the last row's exposure, and
    at the frame's time, whose snapshot is `motion.at(0.0)`. Where the shutter opens and closes at once, that is the only one.
    """
    from twinstage.scene.read import read_snapshot, time_at

    if not 2 <= keys <= MOST_KEYS:
        raise UserError(f"a motion is read at 2 to {MOST_KEYS} moments, not at {keys}")
    base = read_snapshot(opened, time_code, policy)
    scene_camera = find_camera(base, name)
    ends = [scene_camera.shutter_open, scene_camera.shutter_close]
    ends += [end + scene_camera.readout for end in ends]
    code = time_at(opened.stage, time_code)
    if max(ends) <= min(ends) or not code.IsNumeric() or code.IsEarliestTime():
        return moving_camera([(0.0, base)], name, width, height, square_pixels=square_pixels)
    per_second = float(opened.time_codes_per_second)
    wanted = sorted({0.0, *np.linspace(min(ends), max(ends), keys).tolist()})
    moments = [
        (t, base if t == 0.0 else read_snapshot(opened, code.GetValue() + t * per_second, policy))
        for t in wanted
    ]
    return moving_camera(moments, name, width, height, square_pixels=square_pixels)
