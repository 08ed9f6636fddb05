"""Textures that are read outside [0, 1] though nobody said what lies there: OpenUSD shows black, authors mostly mean repeat."""

from typing import Any

import numpy as np

from twinstage.scene.columns import F4
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.materials import BoundMaterial
from twinstage.scene.snapshot import TextureInput

_SLACK = 1e-3


class WrapCheck:
    """Tells each material once; each pair of material and prototype is looked at once."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._seen: set[tuple[str, int]] = set()
        self._told: set[str] = set()

    def look(self, prim: Any, bound: BoundMaterial | None, prototype: int, uv: F4 | None) -> None:
        """`uv`: of that prototype, f4[v, 2]."""
        if bound is None or not bound.bare or uv is None or bound.key in self._told:
            return
        if (bound.key, prototype) in self._seen:
            return
        self._seen.add((bound.key, prototype))
        if any(outside(source, uv) for source in bound.bare):
            self._told.add(bound.key)
            self._context.finding(
                "texture.wrap",
                f"material {bound.key} has a texture without wrap mode, which {prim.GetPath()} reads outside 0 to 1: "
                "it is black there, as in OpenUSD",
                bound.key,
            )


def outside(source: TextureInput, uv: F4) -> bool:
    """Whether texture coordinates [n, 2] leave the image."""
    cos, sin = np.cos(source.uv_rotation), np.sin(source.uv_rotation)
    x, y = (uv * np.array(source.uv_scale)).T
    u, v = cos * x - sin * y + source.uv_translation[0], sin * x + cos * y + source.uv_translation[1]
    finite = np.isfinite(u) & np.isfinite(v)
    both = np.concatenate([u[finite], v[finite]])
    return bool(both.size and (both.min() < -_SLACK or both.max() > 1 + _SLACK))
