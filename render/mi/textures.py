"""UsdUVTexture -> numbers, and Mitsuba's `bitmap`; decoded once per image and use."""

from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.render.images import is_plain, texture_values
from twinstage.render.kept import KeptArrays
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot, TextureInput

# Mitsuba has one wrap mode for both axes and no black border; s decides, and black becomes the edge's colour.
_WRAP = {"repeat": "repeat", "mirror": "mirror", "clamp": "clamp", "black": "clamp"}
_CHANNEL = {name: (k, k + 1) for k, name in enumerate("rgba")}
_FLIP = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, 1.0]])


class TextureCache:
    """Images by content and use, at most `largest` pixels a side; the latest ones kept."""

    def __init__(self, mi: Any, largest: int) -> None:
        self._mi = mi
        self._largest = largest
        self._values = KeptArrays()

    def key(self, snapshot: Snapshot, name: str, source: TextureInput) -> tuple[object, ...]:
        """What `values` depends on."""
        texture = snapshot.textures[source.texture]
        return texture.hash, source.channel, source.color_space, source.scale, source.bias, name

    def values(self, snapshot: Snapshot, name: str, source: TextureInput) -> F4:
        """What the material input `name` reads, f4[h, w, 3 or 1], in [0, 1] but for emission; row 0 on top.

        Normal maps come as (n + 1) / 2.
        """
        color = name in ("diffuseColor", "emissiveColor", "specularColor")

        def make() -> F4:
            return stored(name, self._tinted(snapshot, source, color))

        return self._values.get(self.key(snapshot, name, source), make, passing=not is_plain(source))

    def _tinted(self, snapshot: Snapshot, source: TextureInput, color: bool) -> F4:
        """`texture_values`, decoded once for all scales and biases: those are drawn anew for each frame."""
        texture = snapshot.textures[source.texture]
        if is_plain(source):
            return texture_values(texture, source, color=color, largest=self._largest)
        plain = replace(source, scale=(1.0,) * 4, bias=(0.0,) * 4)
        key = texture.hash, source.channel, source.color_space, color
        pixels = self._values.get(
            key, lambda: texture_values(texture, plain, color=color, largest=self._largest)
        )
        chosen = slice(0, 3) if source.channel == "rgb" else slice(*_CHANNEL[source.channel])
        scale, bias = np.array(source.scale, np.float32), np.array(source.bias, np.float32)
        return pixels * scale[chosen] + bias[chosen]

    def turn(self) -> None:
        """Other images than before are about to be asked for."""
        self._values.turn()

    def node(
        self, snapshot: Snapshot, name: str, source: TextureInput, threshold: float = 0.0
    ) -> dict[str, Any]:
        """The dictionary of a `bitmap` texture for the material input `name`.

        `threshold` > 0 turns the values into 0 below and 1 from it on.
        """
        values = self.values(snapshot, name, source)
        if threshold > 0:
            values = (values >= threshold).astype(np.float32)
        return {
            "type": "bitmap",
            "bitmap": self._mi.Bitmap(np.ascontiguousarray(values, np.float16)),
            "raw": True,
            # Interpolating after the threshold would make edges half transparent.
            "filter_type": "nearest" if threshold > 0 else "bilinear",
            "wrap_mode": _WRAP.get(source.wrap_s, "repeat"),
            "to_uv": self._mi.ScalarTransform3f(uv_transform(source)),
        }


def stored(name: str, values: F4) -> F4:
    """Values of an input as buffers hold them: in [0, 1] but for emission, normals as (n + 1) / 2."""
    if name == "emissiveColor":
        return np.maximum(values, np.float32(0.0))
    if name == "normal":
        values = (values + np.float32(1.0)) / np.float32(2.0)
    return np.clip(values, np.float32(0.0), np.float32(1.0))


def uv_transform(source: TextureInput) -> np.ndarray:
    """Mitsuba's `to_uv` f8[3, 3] for meshes that carry (u, 1 - v), so that v = 0 is the image's top row.

    UsdTransform2d scales, then rotates counter-clockwise, then translates coordinates whose v points up.
    """
    cos, sin = np.cos(source.uv_rotation), np.sin(source.uv_rotation)
    rotate = np.array(
        [[cos, -sin, source.uv_translation[0]], [sin, cos, source.uv_translation[1]], [0, 0, 1]]
    )
    scale = np.diag([*source.uv_scale, 1.0])
    out: np.ndarray = _FLIP @ rotate @ scale @ _FLIP
    return out
