"""Lenses and cameras that a user has as a file or a few words, put in front of a camera of the scene. Touches files.

A lens: `fisheye:0.01,-0.002,0,0`, or a .json or .yaml file of `kind`, `coefficients`, `max_angle`, and, for a calibrated
camera, `intrinsics` (fx, fy, cx, cy) with `image_size` (width, height) [px]; or ROS's camera_info file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.camera_data import camera_of_data
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import Lens, lens_from, lens_of_data
from twinstage.scene.columns import F8

FILES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A lens, and where it was measured its K f8[3, 3] for images of `size` (width, height) [px]."""

    lens: Lens
    K: F8 | None = None
    size: tuple[float, float] | None = None


def read_calibration(text: str) -> Calibration:
    """The lens of a file or of `kind:coefficients`; raises UserError (one sentence) for what is none."""
    path = Path(text)
    if path.suffix.lower() in FILES:
        data = read_data(path, "lens file")
        try:
            return _of_ros(data) if "camera_matrix" in data else _of_data(data)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
    kind, _, listed = text.partition(":")
    parts = [part for part in listed.split(",") if part.strip()]
    return Calibration(lens_from(kind, parts))  # type: ignore[arg-type]  # it reads numbers, or says what is none


def read_camera(path: Path) -> Camera:
    """The camera of a JSON or YAML file (`camera_data`); raises UserError for what is none."""
    try:
        return camera_of_data(read_data(path, "camera file"))
    except UserError as error:
        raise error if str(path) in str(error) else UserError(f"{path}: {error}") from None


def read_data(path: Path, noun: str) -> dict[str, Any]:
    """The mapping that a JSON or YAML file holds; raises UserError where it cannot be read or holds something else."""
    import yaml

    from twinstage.telemetry.yamlfile import read_text

    try:
        data = yaml.safe_load(read_text(path, noun))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"{path}{where}: this is neither YAML nor JSON") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: a {noun} is a mapping of names to values")
    return data


def calibrated(camera: Camera, calibration: Calibration) -> Camera:
    """The camera with that lens in front of it: the same place, size and, unless it was measured, focal length.

    A measured K is scaled to the picture's size. A panorama covers the whole sphere. Raises UserError for a lens that the
    camera's focal length says nothing about.
    """
    lens, k = calibration.lens, calibration.K
    if lens.kind == "orthographic" or camera.lens.kind == "orthographic":
        raise UserError(f"--lens cannot turn camera {camera.name} into or out of an orthographic one")
    if k is not None and calibration.size is not None:
        scale = np.diag([camera.width / calibration.size[0], camera.height / calibration.size[1], 1.0])
        return replace(camera, lens=lens, K=scale @ k)
    if lens.kind == "equirectangular":
        width, height = camera.width, camera.height
        return replace(
            camera, lens=lens, K=pinhole(width / (2 * np.pi), height / np.pi, width / 2, height / 2)
        )
    return replace(camera, lens=lens)


def _of_data(data: Mapping[str, Any]) -> Calibration:
    plain = {key: value for key, value in data.items() if key not in ("intrinsics", "image_size")}
    lens = lens_of_data(plain)
    if "intrinsics" not in data and "image_size" not in data:
        return Calibration(lens)
    intrinsics = _numbers(data.get("intrinsics"), 4, "intrinsics are fx, fy, cx, cy [px]")
    size = _numbers(data.get("image_size"), 2, "image_size is width, height [px]")
    return Calibration(lens, *_checked(pinhole(*intrinsics), size))


def _of_ros(data: Mapping[str, Any]) -> Calibration:
    """ROS's camera_info: the centre of the upper left pixel is (0, 0) there."""
    matrix = _numbers(_rows(data.get("camera_matrix")), 9, "camera_matrix holds 9 numbers")
    size = _numbers(
        [data.get("image_width"), data.get("image_height")], 2, "image_width and image_height are numbers"
    )
    lens = lens_from(
        str(data.get("distortion_model", "plumb_bob")), _rows(data.get("distortion_coefficients")) or ()
    )
    k = np.array(matrix).reshape(3, 3)
    k[:2, 2] += 0.5
    return Calibration(lens, *_checked(k, size))


def _rows(data: Any) -> Any:
    return data.get("data") if isinstance(data, Mapping) else data


def _numbers(values: Any, count: int, expected: str) -> tuple[float, ...]:
    try:
        out = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        out = ()
    if len(out) != count or not np.isfinite(out).all():
        raise UserError(f"{expected}, not {values!r}")
    return out


def _checked(k: F8, size: tuple[float, ...]) -> tuple[F8, tuple[float, float]]:
    if not (k[0, 0] > 0 and k[1, 1] > 0 and min(size) > 0):
        raise UserError("focal lengths and the image's size are above 0")
    return k, (size[0], size[1])
