"""The opacity rule, read from its declaration and written once more: which triangles are not there, and where are holes.

constant opacity 0, or below opacityThreshold > 0     the triangle is not there
opacityThreshold > 0 and opacity from an image         the nearest texel decides
everything else                                        there, glass, too
"""

import io
from functools import cache
from typing import Any

import numpy as np


def gone(material: Any) -> bool:
    """Whether nothing of that material is there."""
    if dict(material.textures).get("opacity") is not None:
        return False
    return bool(material.opacity == 0 or material.opacity < material.opacity_threshold)


def pierced(material: Any) -> bool:
    """Whether an image decides ray by ray."""
    return dict(material.textures).get("opacity") is not None and material.opacity_threshold > 0


def solid(snapshot: Any, material: Any, uv: np.ndarray) -> np.ndarray:
    """Whether texels at texture coordinates f8[n, 2] reach the threshold, bool[n]."""
    source = dict(material.textures)["opacity"]
    image = _texels(snapshot.textures[source.texture].data)
    height, width = image.shape[:2]
    angle = source.uv_rotation
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    at = (uv * source.uv_scale) @ turn.T + source.uv_translation
    u, out_u = _wrapped(at[:, 0], source.wrap_s)
    v, out_v = _wrapped(at[:, 1], source.wrap_t)
    column = np.clip(np.floor(u * width), 0, width - 1).astype(int)
    row = np.clip(np.floor((1 - v) * height), 0, height - 1).astype(int)
    k = {"rgb": 0, "r": 0, "g": 1, "b": 2, "a": 3}[source.channel]
    value = np.where(out_u | out_v, 0.0, image[row, column, k]) * source.scale[k] + source.bias[k]
    return np.asarray(value.astype(np.float32) >= np.float32(material.opacity_threshold))


def _wrapped(x: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in [0, 1], and which lie outside of the image for good."""
    outside = np.zeros(len(x), bool)
    if mode == "repeat":
        return x - np.floor(x), outside
    if mode == "mirror":
        folded = np.mod(x, 2.0)
        return np.where(folded > 1, 2 - folded, folded), outside
    if mode == "black":
        outside = (x < 0) | (x > 1)
    return np.clip(x, 0, 1), outside


@cache
def _texels(data: bytes) -> np.ndarray:
    """RGBA f8[h, w, 4] from 0 to 1, row 0 on top, as stored; no more than 1,024 a side, as labels look at it."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as file:
        values = file.convert("RGBA")
        factor = -(-max(values.size) // 1024)
        return np.asarray(values.reduce(factor) if factor > 1 else values, np.float64) / 255
