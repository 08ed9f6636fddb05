"""Changes all that a UsdPreviewSurface material is made of: colour, finish, images, and the dust or rust on it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.images import is_hdr
from twinstage.scene.edit_looks import DRAWN, MATERIAL_FIELDS, TEXTURED, TextureUse
from twinstage.scene.edits import Edit, ImageFile, apply_edits, batch
from twinstage.scene.snapshot import Material, Snapshot, TextureInput
from twinstage.synth.distributions import Positive, Share, bounded
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import Model, SomeFields
from twinstage.synth.randomizers.base import RANDOMIZERS
from twinstage.synth.randomizers.color import Recoloring
from twinstage.synth.randomizers.images import ImageRandomizer
from twinstage.synth.randomizers.paint import HexColor, drawn_color, editable_materials, linear_hex

Mapped = Literal["diffuseColor", "emissiveColor", "roughness", "metallic", "normal"]

LIMITS: Mapping[str, tuple[float, float]] = {
    "roughness": (0.0, 1.0),
    "metallic": (0.0, 1.0),
    "clearcoat": (0.0, 1.0),
    "clearcoatRoughness": (0.0, 1.0),
    "opacity": (0.01, 1.0),
    "ior": (1.0, 3.0),
}
"""What is drawn is brought into these. An opacity of 0 would be a surface that is not there, and no longer labelled."""


class Wear(Model):
    """An even film of dust, rust or grease.

    `amount`: how much of the film is seen, 0 to 1: base colour, roughness and metalness become
    (1 - amount) of themselves plus amount of the film's. An image is mixed in the same way, texel by texel; one that feeds
    several inputs stays as it is.
    """

    amount: Share
    color: HexColor = "#8c7a63"
    roughness: float = Field(default=0.9, ge=0, le=1)
    metallic: float = Field(default=0.0, ge=0, le=1)


class Placement(SomeFields):
    """How an image lies on a surface, after what the material does already to its coordinates.

    `scale`: factor on the coordinates (2 shows the image twice along each axis); `rotation` [degrees]; `offset`: for each
    axis, in images.
    """

    scale: Positive | None = None
    rotation: Distribution | None = None
    offset: Distribution | None = None


_NORMAL: Mapping[str, Any] = {"scale": (2.0, 2.0, 2.0, 1.0), "bias": (-1.0, -1.0, -1.0, 0.0)}
"""From 8 bits to unit vectors, as UsdPreviewSurface has it."""


@RANDOMIZERS.register
class MaterialRandomizer(Recoloring, ImageRandomizer):
    """Changes materials.

    Attributes:
        materials, diffuse, palette, textured, roughness, metallic: as in `color`.
        clearcoat, clearcoat_roughness, opacity, ior: numbers; an image there is dropped.
        images: image files by the input that they feed: diffuseColor, emissiveColor, roughness, metallic, normal. Files are
            names, patterns or folders, relative to the recipe's folder.
        matched: the lists of `images` belong together, entry by entry, as files of one surface do.
        placement: of these images.
        wear: dust, rust or grease over all of it.
    """

    kind: Literal["material"] = "material"
    clearcoat: Share | None = None
    clearcoat_roughness: Share | None = None
    opacity: Share | None = None
    ior: Annotated[Distribution, bounded(1, 3)] | None = None
    images: dict[Mapped, tuple[str, ...]] = Field(default_factory=dict)
    matched: bool = False
    placement: Placement | None = None
    wear: Wear | None = None

    @model_validator(mode="after")
    def _does_something(self) -> "MaterialRandomizer":
        if not (self.diffuse or self.palette or self.images or self.wear or self._numbers()):
            raise ValueError("nothing to do: give a colour, a number, images or wear")
        if any(not files for files in self.images.values()):
            raise ValueError("images: an input has no file")
        if self.placement is not None and not self.images:
            raise ValueError("placement is of images, and none are given")
        twice = sorted(set(self._numbers()) & set(self.images))
        if twice:
            raise ValueError(f"{twice[0]} would be both a number and an image")
        return self

    def image_fields(self) -> Mapping[str, tuple[Sequence[str], str]]:
        return {f"image {name}": (files, "texture") for name, files in self.images.items()}

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        edits: list[Edit] = []
        for material in editable_materials(snapshot, self.materials, who=self.who):
            mine = [] if "diffuseColor" in self.images else self.color_edits(material, draws)
            mine += self._plain(material, draws)
            mine += self._images(snapshot, material, draws)
            if self.wear is not None:
                mine += self._worn(snapshot, material.path, mine, draws)
            edits += mine
        return edits

    def _numbers(self) -> dict[str, Distribution]:
        found = {
            "roughness": self.roughness,
            "metallic": self.metallic,
            "clearcoat": self.clearcoat,
            "clearcoatRoughness": self.clearcoat_roughness,
            "opacity": self.opacity,
            "ior": self.ior,
        }
        return {name: distribution for name, distribution in found.items() if distribution is not None}

    def _plain(self, material: Material, draws: Draws) -> list[Edit]:
        out = []
        for name, distribution in self._numbers().items():
            low, high = LIMITS[name]
            value = min(max(draws.value(f"{name} {material.path}", distribution), low), high)
            out.append(Edit(material.path, f"inputs:{name}", value))
        return out

    def _images(self, snapshot: Snapshot, material: Material, draws: Draws) -> list[Edit]:
        if not self.images:
            return []
        if not _has_uv(snapshot, material.path):
            raise UserError(
                f"{self.who}: no gprim that wears {material.path} has texture coordinates, so no image can show on it"
            )
        files = self._drawn_files(snapshot, material, draws)
        scale, rotation, offset = self._place(material.path, draws)
        out = []
        for name, image in files.items():
            color = TEXTURED[name] == 3 and name != "normal"
            before = _coordinates(material, name)
            turn = math.degrees(before.uv_rotation) + rotation
            use = TextureUse(
                image,
                channel="rgb" if TEXTURED[name] == 3 else "r",
                color_space="sRGB" if color and not is_hdr(image.texture.data) else "raw",
                **_NORMAL if name == "normal" else {},
                uv_scale=(before.uv_scale[0] * scale, before.uv_scale[1] * scale),
                uv_rotation=turn,
                uv_translation=_moved(before.uv_translation, scale, rotation, offset),
            )
            if name == "diffuseColor" and (self.diffuse is not None or self.palette):
                use = self._tinted(use, material, draws)
            out.append(Edit(material.path, f"inputs:{name}/texture", use))
        return out

    def _tinted(self, use: TextureUse, material: Material, draws: Draws) -> TextureUse:
        rgb = drawn_color(draws, self.diffuse, self.palette, material.path)
        return use if rgb is None or self.textured == "keep" else replace(use, scale=(*rgb, 1.0))

    def _drawn_files(self, snapshot: Snapshot, material: Material, draws: Draws) -> dict[str, ImageFile]:
        if not self.matched:
            return {
                str(n): self.draw_image(snapshot, draws, f"image {n}", material.path) for n in self.images
            }
        lists = {str(name): self.image_names(snapshot, f"image {name}") for name in self.images}
        if len({len(names) for names in lists.values()}) > 1:
            sizes = ", ".join(f"{len(names)} of {name}" for name, names in lists.items())
            raise UserError(
                f"{self.who}: matched images need lists of the same length, and there are {sizes}"
            )
        first, *others = lists
        image = self.draw_image(snapshot, draws, f"image {first}", material.path)
        at = lists[first].index(draws.log[f"image {first} {material.path}"])
        out = {first: image}
        for name in others:
            out[name] = self.image(snapshot, f"image {name}", lists[name][at])
            draws.note(f"image {name} {material.path}", lists[name][at])
        return out

    def _place(self, path: str, draws: Draws) -> tuple[float, float, tuple[float, float]]:
        place = self.placement
        if place is None:
            return 1.0, 0.0, (0.0, 0.0)
        scale = 1.0 if place.scale is None else draws.value(f"scale {path}", place.scale)
        if not scale > 0:
            raise UserError(f"{self.who}: the scale of an image came out as {scale:g}; expected more than 0")
        turn = 0.0 if place.rotation is None else draws.value(f"rotation {path}", place.rotation)
        if place.offset is None:
            return scale, turn, (0.0, 0.0)
        u, v = (draws.value(f"offset {path} {axis}", place.offset) for axis in "uv")
        return scale, turn, (u, v)

    def _worn(self, snapshot: Snapshot, path: str, mine: list[Edit], draws: Draws) -> list[Edit]:
        """Edits that lay the film over the material as the others leave it."""
        assert self.wear is not None
        amount = min(max(draws.value(f"wear {path}", self.wear.amount), 0.0), 1.0)
        now = next(m for m in apply_edits(snapshot, batch(mine)).materials if m.path == path)
        film: dict[str, float | tuple[float, ...]] = {
            "diffuseColor": linear_hex(self.wear.color),
            "roughness": self.wear.roughness,
            "metallic": self.wear.metallic,
        }
        out: list[Edit] = []
        for name, target in film.items():
            out += _mixed(now, name, target, amount)
        return out


def _mixed(material: Material, name: str, film: float | tuple[float, ...], amount: float) -> list[Edit]:
    """Edits that leave (1 - amount) of an input and add amount of the film's."""
    goal = film if isinstance(film, tuple) else (film,)
    source = material.texture(name)
    if source is None:
        before = getattr(material, MATERIAL_FIELDS[f"inputs:{name}"][0])
        old = before if isinstance(before, tuple) else (before,)
        new = tuple((1 - amount) * a + amount * b for a, b in zip(old, goal, strict=True))
        return [Edit(material.path, f"inputs:{name}", new if isinstance(film, tuple) else new[0])]
    if sum(other.texture == source.texture for n, other in material.textures if n in DRAWN) > 1:
        return []
    rgba = (*goal, 0.0) if len(goal) == 3 else goal * 4
    scale = tuple((1 - amount) * s for s in source.scale)
    bias = tuple((1 - amount) * b + amount * g for b, g in zip(source.bias, rgba, strict=True))
    if len(goal) == 3:  # alpha is not of the film
        scale, bias = (*scale[:3], source.scale[3]), (*bias[:3], source.bias[3])
    return [
        Edit(material.path, f"inputs:{name}/inputs:scale", scale),
        Edit(material.path, f"inputs:{name}/inputs:bias", bias),
    ]


def _coordinates(material: Material, name: str) -> TextureInput:
    """How the material's images lie: the one on that input, else the first."""
    found = material.texture(name)
    if found is None:
        found = next((texture for _, texture in material.textures), TextureInput(-1))
    return found


def _moved(
    before: tuple[float, float], scale: float, degrees: float, offset: tuple[float, float]
) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = before
    return scale * (cos * x - sin * y) + offset[0], scale * (sin * x + cos * y) + offset[1]


def _has_uv(snapshot: Snapshot, path: str) -> bool:
    """Whether anything that wears the material has texture coordinates."""
    rows = {row for row, material in enumerate(snapshot.materials) if material.path == path}
    sets = [i for i, chosen in enumerate(snapshot.material_sets) if rows & set(chosen)]
    worn = np.unique(snapshot.instances.prototype[np.isin(snapshot.instances.material_set, sets)])
    return any(snapshot.prototypes[int(row)].uv is not None for row in worn)
