"""Files of a dataset -> pictures for a page: small ones, and numbers as colours. Touches files.

Depths become shades of one scale (near is bright), unit vectors and places red, green and blue, ids the colours of a palette.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.synth.contact_sheet import PALETTE

MOST_PIXELS = 1 << 26
"""Larger pictures are refused."""
MOST_COLORED = 1 << 24
"""The same where numbers become colours, which takes some 60 bytes a pixel."""
MOST_FILE = 1 << 30
WIDTHS = (96, 160, 240, 320, 480)
"""Widths that thumbnails come in [px]."""

_TALLEST = 4096
"""Pixels of a thumbnail from top to bottom."""

_VIRIDIS = np.array(
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
        (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
    ],
    np.float64,
)  # fmt: skip


def thumbnail(path: Path, width: int) -> bytes:
    """A JPEG of a picture that is at most so wide [px]. UserError for what is no picture."""
    from PIL import Image

    image = _opened(path)
    width = min(width, image.width)
    small = image.resize(
        (width, min(_TALLEST, max(1, round(image.height * width / image.width)))),
        Image.Resampling.BOX,
        reducing_gap=None,
    )
    out = io.BytesIO()
    small.save(out, "JPEG", quality=82)
    return out.getvalue()


def shown(path: Path) -> bytes:
    """A PNG of 8 bits that shows what a file of the dataset holds, pixel by pixel. UserError for what is no picture."""
    out = io.BytesIO()
    _opened(path).save(out, "PNG", compress_level=3)
    return out.getvalue()


def kind_of(path: Path) -> str:
    """What an image of the dataset shows, by its name: `rgb`, `depth`, ..."""
    from twinstage.synth.dataset import SUFFIX

    for kind, suffix in sorted(SUFFIX.items(), key=lambda item: -len(item[1])):
        if path.name.endswith(f"_{suffix}"):
            return kind
    return ""


def _opened(path: Path) -> Any:
    """The picture as RGB."""
    from PIL import Image

    try:
        if path.stat().st_size > MOST_FILE:
            raise UserError(f"{path.name} is too large a file to be shown")
        if path.suffix.lower() == ".exr":
            return Image.fromarray(_colored(_exr(path), kind_of(path)))
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            plain = image.mode in ("RGB", "RGBA", "L", "P") and kind_of(path) not in _IDS
            if image.width * image.height > (MOST_PIXELS if plain else MOST_COLORED):
                raise UserError(_too_many(path))
            if plain:
                return image.convert("RGB")
            return Image.fromarray(_colored({"Z": np.asarray(image)}, kind_of(path)))
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path.name} is no picture that can be read ({type(error).__name__})") from None


def _exr(path: Path) -> dict[str, np.ndarray]:
    from twinstage.synth.verify.exr import read_exr

    channels = read_exr(path, 4 * MOST_COLORED)
    if next(iter(channels.values())).size > MOST_COLORED:
        raise UserError(_too_many(path))
    return channels


def _too_many(path: Path) -> str:
    return f"{path.name} has more pixels than can be shown"


_IDS = ("instance", "semantic", "part", "material")


def _colored(channels: dict[str, np.ndarray], kind: str) -> np.ndarray:
    first = next(iter(channels.values()))
    if kind in _IDS:
        return _palette(first)
    if len(channels) >= 2:
        return _vectors(channels, kind)
    return _depths(first.astype(np.float64), kind)


def _palette(ids: np.ndarray) -> np.ndarray:
    colors = np.array(PALETTE, np.uint8)
    ids = ids.astype(np.int64)
    # Ids beyond the palette differ in brightness.
    shade = 1 - 0.18 * (((ids - 1) // len(colors)) % 4)
    out: np.ndarray = (colors[(ids - 1) % len(colors)] * shade[..., None]).astype(np.uint8)
    out[ids == 0] = (24, 27, 30)
    return out


def _vectors(channels: dict[str, np.ndarray], kind: str) -> np.ndarray:
    names = (
        ("X", "Y", "Z")
        if "X" in channels
        else ("R", "G", "B")
        if "R" in channels
        else tuple(sorted(channels))
    )
    planes = [channels[name].astype(np.float64) for name in names if name in channels][:3]
    planes += [np.zeros_like(planes[0])] * (3 - len(planes))
    stacked = np.stack(planes, -1)
    scale = _SCALES.get(kind, _spread)
    with np.errstate(invalid="ignore"):
        unit = np.nan_to_num(scale(stacked), nan=0.0, posinf=1.0, neginf=0.0)
    out: np.ndarray = (np.clip(unit, 0, 1) * 255 + 0.5).astype(np.uint8)
    return out


def _normal(values: np.ndarray) -> np.ndarray:
    none = (values == 0).all(-1, keepdims=True)
    return np.asarray(np.where(none, 0.1, values * 0.5 + 0.5))


def _light(values: np.ndarray) -> np.ndarray:
    """sRGB of linear light."""
    v = np.clip(values, 0, 1)
    return np.asarray(np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055))


def _spread(values: np.ndarray) -> np.ndarray:
    """Each channel over its own range."""
    out = np.zeros_like(values)
    for axis in range(values.shape[-1]):
        known = values[..., axis][np.isfinite(values[..., axis])]
        if len(known) and known.max() > known.min():
            out[..., axis] = (values[..., axis] - known.min()) / (known.max() - known.min())
    return out


_SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": _normal,
    "normal_camera": _normal,
    "linear": _light,
    "nocs": lambda values: values,
    "uv": lambda values: values - np.floor(values),
}


def _depths(values: np.ndarray, kind: str) -> np.ndarray:
    known = np.isfinite(values) & (values > 0 if kind in ("depth", "depth_mm", "range") else True)
    out = np.full((*values.shape, 3), (24, 27, 30), np.uint8)
    if known.any():
        low, high = np.percentile(values[known], [1, 99])
        unit = np.clip((values[known] - low) / (high - low if high > low else 1.0), 0, 1)
        at = (1 - unit if kind in ("depth", "depth_mm", "range") else unit) * (len(_VIRIDIS) - 1)
        base = np.minimum(at.astype(int), len(_VIRIDIS) - 2)
        part = (at - base)[:, None]
        out[known] = (_VIRIDIS[base] * (1 - part) + _VIRIDIS[base + 1] * part + 0.5).astype(np.uint8)
    return out
