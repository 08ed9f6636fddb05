"""AOVs as files, each in the form that its readers expect. The same array always gives the same bytes.

                          .png                                            .exr
    rgb                   8 bits                                          -
    linear                16 bits, sRGB curve, clipped at 1               R G B, float
    depth, range          16 bits, millimetres, 0 = nothing               Z (depth) or range, float, inf = nothing
    normal...             16 bits, (n + 1) / 2, black = nothing           X Y Z, float, 0 = nothing
    object, instance,     16 bits, 0 = nothing                            one channel of that name, unsigned
    semantic, part,
    material
    nocs                  16 bits, black = no object                      X Y Z, float, NaN = no object
    uv                    -                                               U V, float
    flow, flow_back       16 bits as KITTI has it: (64 dx + 2^15,         X Y, float, NaN = unknown
                          64 dy + 2^15, 1 where known)
    position, motion      -                                               X Y Z, float
    ..._occluded          8 bits, 255 = yes                               one channel, unsigned

What lies further than 65.535 m, or cannot be said in KITTI's range, counts as nothing in a PNG.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import AOVS, Camera
from twinstage.render.picture import exr_bytes, png_bytes
from twinstage.render.whole import write_whole
from twinstage.scene.color import srgb_from_linear

SUFFIXES = (".png", ".exr")

_CHANNELS: Mapping[str, str] = {
    "linear": "RGB",
    "normal": "XYZ",
    "normal_camera": "XYZ",
    "nocs": "XYZ",
    "position": "XYZ",
    "motion": "XYZ",
    "uv": "UV",
    "flow": "XY",
    "flow_back": "XY",
}


def save_aov(
    path: Path, name: str, array: np.ndarray, camera: Camera | None = None, *, half: bool = False
) -> None:
    """Write an AOV to a file of the kind that the path's suffix names, whole or not at all.

    Raises UserError where that kind cannot hold it, or the file cannot be written.
    """
    write_whole(path, aov_bytes(path.suffix.lower(), name, array, camera, half=half))


def aov_bytes(
    suffix: str, name: str, array: np.ndarray, camera: Camera | None = None, *, half: bool = False
) -> bytes:
    """The bytes of that file. `camera`: for the shape of its pixels. `half`: floats of 16 bits in an EXR file.

    Names that are none of `capture.AOVS` are stored as their kind of numbers is. Raises UserError.
    """
    if suffix not in SUFFIXES:
        raise UserError(f"an image file ends in {' or '.join(SUFFIXES)}, not in {suffix!r}")
    if suffix == ".exr":
        return _exr(name, array, camera, half)
    return png_bytes(_png_pixels(name, array))


def _exr(name: str, array: np.ndarray, camera: Camera | None, half: bool) -> bytes:
    if name == "rgb":
        raise UserError("rgb is a .png file; its light before the tone map is the AOV 'linear'")
    values = array.astype(np.float16) if half and array.dtype.kind == "f" else array
    if values.ndim == 2:
        channels = {"Z" if name == "depth" else name: values}
    else:
        letters = _CHANNELS.get(name, "XYZW")[: values.shape[2]]
        channels = {letter: values[..., k] for k, letter in enumerate(letters)}
    return exr_bytes(channels, pixel_aspect=_pixel_aspect(camera))


def _pixel_aspect(camera: Camera | None) -> float:
    if camera is None or not camera.lens.affine:
        return 1.0
    return float(camera.K[1, 1] / camera.K[0, 0])


def _png_pixels(name: str, array: np.ndarray) -> np.ndarray:
    make = _PNG.get(name)
    if make is not None:
        return make(array)
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu" and array.ndim == 2:
        return _ids(name, array)
    known = "" if name in AOVS else " of that kind"
    raise UserError(f"a PNG cannot hold {name}{known} without loss; name an .exr file")


def _ids(name: str, array: np.ndarray) -> np.ndarray:
    if array.size and (array.max() > 65535 or array.min() < 0):
        raise UserError(
            f"{name} has numbers from {array.min()} to {array.max()}, but a PNG holds 0 to 65535; name an .exr file"
        )
    return array.astype(np.uint16)


def _millimetres(array: np.ndarray) -> np.ndarray:
    mm = np.rint(np.asarray(array, np.float64) * 1000)
    return np.where((mm >= 0) & (mm <= 65535), mm, 0).astype(np.uint16)


def _unit_range(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values in [0, 1] over 16 bits; 0 where not known."""
    steps = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 65535)
    return np.where(known[..., None], steps, 0).astype(np.uint16)


def _normals(array: np.ndarray) -> np.ndarray:
    return _unit_range((np.asarray(array, np.float64) + 1) / 2, (array != 0).any(-1))


def _nocs(array: np.ndarray) -> np.ndarray:
    return _unit_range(np.asarray(array, np.float64), np.isfinite(array).all(-1))


def _light(array: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(np.asarray(array, np.float64), nan=0.0, posinf=1.0)
    return np.asarray(np.rint(srgb_from_linear(finite) * 65535), np.uint16)


def _kitti_flow(array: np.ndarray) -> np.ndarray:
    steps = np.rint(np.asarray(array, np.float64) * 64 + 32768)
    known = np.isfinite(steps).all(-1) & (steps >= 0).all(-1) & (steps <= 65535).all(-1)
    out = np.zeros((*array.shape[:2], 3), np.uint16)
    out[known, :2] = steps[known]
    out[..., 2] = known
    return out


_PNG: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": _light,
    "depth": _millimetres,
    "range": _millimetres,
    "normal": _normals,
    "normal_camera": _normals,
    "nocs": _nocs,
    "flow": _kitti_flow,
    "flow_back": _kitti_flow,
}
