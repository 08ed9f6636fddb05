"""The one rule of what labels see of surfaces that are not opaque.

    opacity is the constant 0                     the surface is not there
    opacityThreshold > 0, constant opacity        below the threshold it is not there, else it is opaque
    opacityThreshold > 0, opacity from an image   a cut-out: the texel at the hit decides, ray by ray
    otherwise opacity < 1, constant or image      transparent: by `Transparency.SURFACE` (the rule) the surface is what
                                                  is labelled, glass as a whole; by `BEHIND` what is behind it, wherever
                                                  opacity is below `SOLID`

Visible and full masks, depth and every other AOV obey it. The texel is the nearest one of the image as the picture
engines read it (shrunk to at most `LARGEST` pixels a side, scale and bias applied, clipped to [0, 1]); an opacity at
the threshold is opaque, as in USD. A prototype without texture coordinates has no holes.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twinstage.base.finding import Finding
from twinstage.render.images import texture_values, tolerating
from twinstage.render.texels import nearest_texels
from twinstage.scene.columns import F4, Bool
from twinstage.scene.snapshot import Material, Prototype, Snapshot, Texture, TextureInput

Transparency = Literal["surface", "behind"]
"""What is labelled where a surface is transparent."""

LARGEST = 1024
"""Longest side of the images that decide cut-outs [px]: what engines use unless told otherwise."""

SOLID = 0.99
"""From this opacity on a surface hides what is behind it, where `behind` is asked for."""

_KEPT_BYTES = 256_000_000


def invisible(material: Material, transparent: Transparency = "surface") -> bool:
    """Whether nobody sees any surface of that material."""
    if material.texture("opacity") is not None:
        return False
    if material.opacity == 0.0:
        return True
    if material.opacity_threshold > 0.0:
        return material.opacity < material.opacity_threshold
    return transparent == "behind" and material.opacity < SOLID


def cut_at(material: Material, transparent: Transparency = "surface") -> float:
    """The opacity below which a texel of that material is a hole; 0 where it has no holes."""
    if material.texture("opacity") is None:
        return 0.0
    if material.opacity_threshold > 0.0:
        return material.opacity_threshold
    return SOLID if transparent == "behind" else 0.0


def hidden_slots(snapshot: Snapshot, transparent: Transparency = "surface") -> list[tuple[int, ...]]:
    """Slots that nobody sees, for each material set."""
    gone = [invisible(material, transparent) for material in snapshot.materials]
    return [tuple(s for s, m in enumerate(row) if gone[m]) for row in snapshot.material_sets]


class OpacityImages:
    """Decoded opacity images by content and use, the least recently used dropped first."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._held = 0
        self._images: OrderedDict[tuple[object, ...], F4] = OrderedDict()

    def get(self, texture: Texture, source: TextureInput) -> F4:
        """Opacities f4[h, w, 1 or 3] in [0, 1], row 0 on top. Raises UserError as `images.texture_values` does."""
        key = (texture.hash, source.channel, source.color_space, source.scale, source.bias)
        image = self._images.get(key)
        if image is None:
            damaged: dict[str, Finding] = {}
            with tolerating(damaged):
                values = texture_values(texture, source, color=False, largest=self._largest)
            if damaged:
                # Whether that is an error is the caller's matter, every time: what stands in for it is not kept.
                return texture_values(texture, source, color=False, largest=self._largest)
            image = self._images[key] = np.clip(values, 0.0, 1.0)
            self._held += image.nbytes
            while self._held > _KEPT_BYTES and len(self._images) > 1:
                self._held -= self._images.popitem(last=False)[1].nbytes
        else:
            self._images.move_to_end(key)
        return image


SHARED_IMAGES = OpacityImages()
"""One cache a process: entries are found by content, so sharing it cannot change a result."""


@dataclass(frozen=True, slots=True)
class Cutouts:
    """The slots of one prototype, as one instance wears it, that have holes: slot -> (image, its input, threshold)."""

    prototype: Prototype
    slots: tuple[tuple[int, F4, TextureInput, float], ...]

    def solid(self, triangle: np.ndarray, barycentric: np.ndarray) -> Bool:
        """Whether there is a surface at those places, bool[n]: triangles [n], weights of corners 2 and 3 [n, 2]."""
        out = np.ones(len(triangle), bool)
        slot = self.prototype.slot[triangle]
        assert self.prototype.uv is not None
        for wanted, image, source, threshold in self.slots:
            here = np.flatnonzero(slot == wanted)
            if here.size:
                corners = self.prototype.uv[self.prototype.triangles[triangle[here]]].astype(np.float64)
                u, v = barycentric[here, :1].astype(np.float64), barycentric[here, 1:].astype(np.float64)
                uv = corners[:, 0] + u * (corners[:, 1] - corners[:, 0]) + v * (corners[:, 2] - corners[:, 0])
                # float32 on both sides, as engines compare: an opacity of 0.3 reaches a threshold of 0.3.
                texels = nearest_texels(image, uv, source)[:, 0]
                out[here] = texels >= np.float32(threshold)
        return out


def cutouts(
    snapshot: Snapshot,
    prototype: Prototype,
    materials: tuple[int, ...],
    transparent: Transparency = "surface",
    images: OpacityImages = SHARED_IMAGES,
) -> Cutouts | None:
    """The holes of a prototype whose slots have those materials (rows), None where it has none."""
    if prototype.uv is None:
        return None
    found = []
    used: set[int] | None = None
    for slot, row in enumerate(materials[: len(prototype.slots)]):
        material = snapshot.materials[row]
        threshold, source = cut_at(material, transparent), material.texture("opacity")
        if threshold <= 0.0 or source is None:
            continue
        if used is None:
            used = set(np.unique(prototype.slot).tolist())
        if slot in used:
            found.append((slot, images.get(snapshot.textures[source.texture], source), source, threshold))
    return Cutouts(prototype, tuple(found)) if found else None
