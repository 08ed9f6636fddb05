"""Texels at texture coordinates, as USD wraps them."""

import numpy as np

from twinstage.render.border import border
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import TextureInput


def nearest_texels(image: F4, uv: np.ndarray, source: TextureInput) -> F4:
    """Texels f4[n, channels] of an image (row 0 on top) at coordinates [n, 2] whose v points up; nearest texel.

    Exact in float64, for labels; pictures have `colors_at`.
    """
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


def colors_at(image: F4, uv: F4, source: TextureInput, share: float = 1.0) -> F4:
    """What an input reads at coordinates f4[2, n] whose v points up: f4[3, n], the nearest texel, times `share`.

    `image` f4[h, w, 3 or 1] (row 0 on top) is without the input's scale and bias.
    """
    u, v = uv
    if source.uv_scale != (1.0, 1.0) or source.uv_rotation != 0 or source.uv_translation != (0.0, 0.0):
        cos, sin = np.float32(np.cos(source.uv_rotation)), np.float32(np.sin(source.uv_rotation))
        x, y = u * np.float32(source.uv_scale[0]), v * np.float32(source.uv_scale[1])
        u = cos * x - sin * y + np.float32(source.uv_translation[0])
        v = sin * x + cos * y + np.float32(source.uv_translation[1])
    height, width, channels = image.shape
    index = _place(1 - v, height, source.wrap_t)
    index *= width
    index += _place(u, width, source.wrap_s)
    texels = np.ascontiguousarray(image.reshape(-1, channels).take(index, axis=0).T)
    first = 0 if channels == 3 else "rgba".index(source.channel)
    for k in range(channels):
        scale, bias = source.scale[first + k] * share, source.bias[first + k] * share
        if scale != 1:
            texels[k] *= np.float32(scale)
        if bias != 0:
            texels[k] += np.float32(bias)
    if channels == 1:
        texels = np.repeat(texels, 3, axis=0)
    outside = _outside(u, source.wrap_s) | _outside(v, source.wrap_t)
    if outside.any():
        texels[:, outside] = border(source)[:, None] * np.float32(share)
    return texels


def _outside(coordinate: np.ndarray, mode: str) -> np.ndarray:
    """Where a wrap mode shows the border, bool[n] (or one for all)."""
    if mode != "black":
        return np.zeros(1, bool)
    return np.asarray((coordinate < 0) | (coordinate > 1))


def _wrapped(index: np.ndarray, size: int, mode: str) -> np.ndarray:
    """Whole texel positions brought into the image."""
    if mode in ("clamp", "black"):
        return np.asarray(np.clip(index, 0, size - 1))
    if mode == "mirror":
        rest = index % (2 * size)
        return np.asarray(np.minimum(rest, 2 * size - 1 - rest))
    return np.asarray(index % size)


def _place(coordinate: F4, size: int, mode: str) -> np.ndarray:
    """Which of `size` texels along a side a coordinate falls in, i8[n], wrapped into the image."""
    if mode in ("clamp", "black"):
        inside = coordinate
    elif mode == "mirror":
        inside = 1 - np.abs(1 - (coordinate - 2 * np.floor(coordinate / 2)))
    else:
        inside = coordinate - np.floor(coordinate)
    at = np.fmax(inside * np.float32(size), 0)  # 0 for what is no number
    return np.asarray(np.fmin(at, size - 1), np.intp)
