"""Texels at texture coordinates, as USD wraps them."""

import numpy as np

from twinstage.render.border import border
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import TextureInput


def nearest_texels(image: F4, uv: np.ndarray, source: TextureInput) -> F4:
    """Texels f4[n, channels] of an image (row 0 on top) at coordinates [n, 2] whose v points up; nearest texel."""
    cos, sin = np.cos(source.uv_rotation), np.sin(source.uv_rotation)
    x, y = uv[:, 0] * source.uv_scale[0], uv[:, 1] * source.uv_scale[1]
    u = cos * x - sin * y + source.uv_translation[0]
    v = sin * x + cos * y + source.uv_translation[1]
    height, width = image.shape[:2]
    column = _wrapped(np.floor(u * width).astype(np.int64), width, source.wrap_s)
    row = _wrapped(np.floor((1 - v) * height).astype(np.int64), height, source.wrap_t)
    texels = np.array(image[row, column])
    outside = _outside(u, source.wrap_s) | _outside(v, source.wrap_t)
    if outside.any():
        texels[outside] = border(source)
    return texels


def _outside(coordinate: np.ndarray, mode: str) -> np.ndarray:
    """Where a wrap mode shows the border, bool[n]."""
    if mode != "black":
        return np.zeros(len(coordinate), bool)
    return np.asarray((coordinate < 0) | (coordinate > 1))


def _wrapped(index: np.ndarray, size: int, mode: str) -> np.ndarray:
    """Whole texel positions brought into the image."""
    if mode in ("clamp", "black"):
        return np.asarray(np.clip(index, 0, size - 1))
    if mode == "mirror":
        rest = index % (2 * size)
        return np.asarray(np.minimum(rest, 2 * size - 1 - rest))
    return np.asarray(index % size)
