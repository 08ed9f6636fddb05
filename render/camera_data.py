"""A camera as plain data (JSON) and back."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.lens import lens_data, lens_of_data
from twinstage.render.motion import Shutter, Trajectory
from twinstage.scene.columns import F8, frozen

Number = Annotated[float, Field(allow_inf_nan=False)]
Row3 = tuple[Number, Number, Number]
Row4 = tuple[Number, Number, Number, Number]
Matrix4 = tuple[Row4, Row4, Row4, Row4]
RIGID = 1e-6
"""How far a pose may be from a rotation and a translation."""
MOST_PIXELS = 65_536
"""Of a side."""
MOST_OF_ALL = 1 << 28
"""Of the whole picture, as engines take it."""
MOST_KEYS = 10_000
"""Of a path."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ShutterData(_Model):
    open: Number = 0.0
    close: Number = 0.0
    readout: Number = 0.0


class _PathData(_Model):
    seconds: tuple[Number, ...] = Field(min_length=2, max_length=MOST_KEYS)
    world_from_camera: tuple[Matrix4, ...]


class _CameraData(_Model):
    """Fields of `Camera` by their names."""

    name: str = "camera"
    width: int = Field(ge=1, le=MOST_PIXELS)
    height: int = Field(ge=1, le=MOST_PIXELS)
    K: tuple[Row3, Row3, Row3]
    world_from_camera: Matrix4
    near: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    far: float = Field(default=1e6, gt=0, allow_inf_nan=False)
    exposure: Number = 0.0
    lens: dict[str, Any] = {"kind": "pinhole"}
    shutter: _ShutterData = _ShutterData()
    path: _PathData | None = None
    aperture_radius: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    focus_distance: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def camera_data(camera: Camera) -> dict[str, Any]:
    """Plain data that `camera_of_data` turns into an equal camera; matrices as lists of rows."""
    out: dict[str, Any] = {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "K": camera.K.tolist(),
        "world_from_camera": camera.world_from_camera.tolist(),
        "near": camera.near,
        "far": camera.far,
        "exposure": camera.exposure,
        "lens": lens_data(camera.lens),
        "shutter": {
            "open": camera.shutter.open,
            "close": camera.shutter.close,
            "readout": camera.shutter.readout,
        },
        "aperture_radius": camera.aperture_radius,
        "focus_distance": camera.focus_distance,
    }
    if camera.path is not None:
        out["path"] = {
            "seconds": camera.path.seconds.tolist(),
            "world_from_camera": camera.path.world_from_camera.tolist(),
        }
    return out


def camera_of_data(data: object) -> Camera:
    """The camera of `camera_data`; what is left out takes `Camera`'s own values. Raises UserError for what is none."""
    try:
        read = _CameraData.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        raise UserError(f"this is no camera: {field}: {first['msg']}") from None
    if read.width * read.height > MOST_OF_ALL:
        raise UserError(
            f"this is no camera: {read.width} x {read.height} pixels; at most {MOST_OF_ALL:,} in all were expected"
        )
    if read.far <= read.near:
        raise UserError(f"this is no camera: far ({read.far:g}) is not beyond near ({read.near:g})")
    k = np.array(read.K)
    if not (k[0, 0] > 0 and k[1, 1] > 0) or k[1, 0] != 0 or k[2].tolist() != [0.0, 0.0, 1.0]:
        raise UserError(
            "this is no camera: K is [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with fx and fy above 0"
        )
    return Camera(
        name=read.name,
        width=read.width,
        height=read.height,
        K=frozen(k, np.float64),
        world_from_camera=_pose(read.world_from_camera, "world_from_camera"),
        near=read.near,
        far=read.far,
        exposure=read.exposure,
        lens=lens_of_data(read.lens),
        shutter=Shutter(read.shutter.open, read.shutter.close, read.shutter.readout),
        path=None if read.path is None else _path(read.path),
        aperture_radius=read.aperture_radius,
        focus_distance=read.focus_distance,
    )


def _path(data: _PathData) -> Trajectory:
    seconds = np.array(data.seconds)
    if len(data.world_from_camera) != len(seconds) or (np.diff(seconds) <= 0).any():
        raise UserError("this is no camera: its path needs rising seconds and a pose for each")
    poses = np.array([_pose(pose, "path.world_from_camera") for pose in data.world_from_camera])
    return Trajectory(frozen(seconds, np.float64), frozen(poses, np.float64))


def _pose(rows: Matrix4, where: str) -> F8:
    pose = np.array(rows)
    rotation = pose[:3, :3]
    rigid = np.abs(rotation @ rotation.T - np.eye(3)).max() <= RIGID and np.linalg.det(rotation) > 0
    if not rigid or pose[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise UserError(f"this is no camera: {where} is not a rotation and a translation")
    return frozen(pose, np.float64)
