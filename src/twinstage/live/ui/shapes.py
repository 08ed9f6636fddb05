"""What a program gives, checked and made into items of the board. Pure, but for reading the bytes of a picture.

Lengths in metres, angles in radians, quaternions w, x, y, z; colours "#rrggbb", or u8[n, 3], or numbers from 0 to 1.
"""

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from twinstage.base.errors import UserError
from twinstage.sync.overlay.board import Data, Item

MOST_NAME: Final = 200
MOST_TEXT: Final = 1000
MOST_SIDE: Final = 4096
"""Longest side of a picture [px]."""
MOST_POSES: Final = 100
"""Of one ghost."""
FARTHEST: Final = 1e9


def checked_name(name: str) -> str:
    """A name as it may be."""
    if not isinstance(name, str) or not re.fullmatch(rf"[^\x00-\x1f\x7f]{{1,{MOST_NAME}}}", name):
        raise UserError(f"an overlay's name is 1 to {MOST_NAME} printable characters, not {name!r}")
    return name


def text_of(text: object, what: str) -> str:
    """A text that is not too long."""
    told = str(text)
    if len(told) > MOST_TEXT:
        raise UserError(f"{what} has {len(told)} characters; at most {MOST_TEXT} are shown")
    return told


def floats(values: ArrayLike, shape: Sequence[int], what: str) -> np.ndarray:
    """f32 of a shape, where -1 is any number; every value is finite and within a million kilometres."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{what} must be numbers") from None
    fits = array.ndim == len(shape) and all(
        n in (-1, have) for n, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if n < 0 else str(n) for n in shape)
        raise UserError(f"{what} must have the shape [{wanted}], not {list(array.shape)}")
    if not (np.abs(array) < FARTHEST).all():  # also NaN
        raise UserError(f"{what} holds a value that is not finite, or beyond {FARTHEST:g} m")
    return array


def array_data(array: np.ndarray) -> Data:
    """As it is sent."""
    kind = "u8" if array.dtype == np.uint8 else "f32"
    return Data(array.astype("<f4" if kind == "f32" else np.uint8).tobytes(), kind, array.shape)


def spread(positions: np.ndarray) -> tuple[list[float], Data]:
    """Where float32 positions start from [m], and the positions from there: exact far from the origin, too."""
    flat = positions.reshape(-1, 3)
    middle = np.round((flat.min(axis=0) + flat.max(axis=0)) / 2, 3) if len(flat) else np.zeros(3)
    return [float(x) for x in middle], array_data((positions - middle).astype(np.float32))


def color_of(color: str, what: str) -> str:
    """One colour."""
    if not isinstance(color, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise UserError(f"the colour of {what} must look like #ff8800, got {color!r}")
    return color.lower()


def colors_of(colors: "str | ArrayLike", count: int, what: str) -> tuple[Item, dict[str, Data]]:
    """One colour for all, or one each: u8[n, 3], or from 0 to 1."""
    if isinstance(colors, str):
        return {"color": color_of(colors, what)}, {}
    array = np.asarray(colors)
    if array.ndim == 1 and array.shape == (3,):
        array = np.broadcast_to(array, (count, 3))
    if array.shape != (count, 3):
        raise UserError(f"the colours of {what} must have the shape [{count}, 3], not {list(array.shape)}")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            if array.size and (array.min() < 0 or array.max() > 255):
                raise UserError(f"the colours of {what} must be from 0 to 255")
        elif not ((array >= 0) & (array <= 1)).all():
            raise UserError(f"the colours of {what} are not whole numbers, so they must be from 0 to 1")
        else:
            array = np.round(array * 255)
        array = array.astype(np.uint8)
    return {}, {"colors": array_data(array)}


def pose_of(
    position: Sequence[float], rotation: Sequence[float] = (1.0, 0.0, 0.0, 0.0), what: str = "it"
) -> list[float]:
    """x, y, z, w, x, y, z with a unit quaternion."""
    place = floats(position, (3,), f"the position of {what}")
    turn = floats(rotation, (4,), f"the rotation of {what}")
    length = math.sqrt(float(turn @ turn))
    if length < 1e-9:
        raise UserError(f"the rotation of {what} is a zero quaternion, which is no rotation")
    return [float(x) for x in (*place, *(turn / length))]


def poses_of(poses: Mapping[str, Sequence[float]], what: str) -> dict[str, list[float]]:
    """Local poses by prim: x, y, z, w, x, y, z."""
    if not poses or len(poses) > MOST_POSES:
        raise UserError(f"{what} has {len(poses)} poses; it needs 1 to {MOST_POSES}")
    out = {}
    for path, pose in poses.items():
        if len(pose) != 7:
            raise UserError(f"a pose is x, y, z, qw, qx, qy, qz, but {path} was given {len(pose)} numbers")
        out[path] = pose_of(pose[:3], pose[3:], path)
    return out


def positive(value: float, what: str) -> float:
    """A finite number above 0."""
    if not isinstance(value, int | float) or not 0 < value < FARTHEST:
        raise UserError(f"{what} must be a number above 0, not {value!r}")
    return float(value)


def picture(image: "bytes | ArrayLike", what: str) -> tuple[Data, float]:
    """PNG or JPEG bytes as they are, or u8[h, w], [h, w, 3 or 4] as PNG; and width by height."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(image, bytes | bytearray):
        try:
            with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as opened:
                kind, (width, height) = opened.format, opened.size
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            kind, width, height = None, 1, 1
        if kind not in ("PNG", "JPEG"):
            raise UserError(f"the picture of {what} must be PNG or JPEG bytes, or an array")
        _check_size(width, height, what)
        return Data(bytes(image), f"image/{kind.lower()}"), width / height
    array = np.asarray(image)
    if np.issubdtype(array.dtype, np.floating):
        array = np.round(np.clip(array, 0, 1) * 255)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or not array.size:
        raise UserError(
            f"the picture of {what} must have the shape [h, w], [h, w, 3] or [h, w, 4], not {list(array.shape)}"
        )
    height, width = array.shape[:2]
    _check_size(width, height, what)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array, np.uint8)).save(out, "PNG", compress_level=3)
    return Data(out.getvalue(), "image/png"), width / height


def _check_size(width: int, height: int, what: str) -> None:
    if max(width, height) > MOST_SIDE:
        raise UserError(f"the picture of {what} is {width} x {height}; at most {MOST_SIDE} a side are shown")
