"""Changes the look of UsdPreviewSurface materials: base colour, roughness, metalness."""

import colorsys
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.color import linear_from_srgb
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Material, Snapshot
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, instance_root, matching
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer

HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


class HsvColor(Model):
    """A colour by hue [degrees], saturation and value [0 to 1], as colour pickers show it (sRGB)."""

    hue: Distribution
    saturation: Distribution
    value: Distribution


@RANDOMIZERS.register
class ColorRandomizer(Randomizer):
    """Recolours materials.

    Attributes:
        materials: path patterns of Material prims.
        diffuse: `{hue, saturation, value}`; or
        palette: colours as `#rrggbb`, one of which is taken.
        textured: what to do where a texture gives the colour: `tint` multiplies it, `replace` drops it, `keep` leaves it.
        roughness, metallic: values from 0 to 1; a texture there is dropped.
    """

    kind: Literal["color"] = "color"
    materials: tuple[PathPattern, ...] = Field(min_length=1)
    diffuse: HsvColor | None = None
    palette: tuple[HexColor, ...] = ()
    textured: Literal["tint", "replace", "keep"] = "tint"
    roughness: Distribution | None = None
    metallic: Distribution | None = None

    @model_validator(mode="after")
    def _does_something(self) -> "ColorRandomizer":
        if self.diffuse is None and not self.palette and self.roughness is None and self.metallic is None:
            raise ValueError("nothing to do: give diffuse, palette, roughness or metallic")
        if self.diffuse is not None and self.palette:
            raise ValueError("diffuse and palette exclude each other")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        edits: list[Edit] = []
        for material in self._materials(snapshot):
            edits += self._color(material, draws)
            for name, distribution in (("roughness", self.roughness), ("metallic", self.metallic)):
                if distribution is not None:
                    value = min(max(draws.value(f"{name} {material.path}", distribution), 0.0), 1.0)
                    edits.append(Edit(material.path, f"inputs:{name}", value))
        return edits

    def _materials(self, snapshot: Snapshot) -> list[Material]:
        known = [m for m in snapshot.materials if m.path]
        names = [m.path for m in known]
        out: dict[int, Material] = {}
        for pattern in self.materials:
            hits = matching([pattern], names)
            if not hits:
                raise UserError(f"{self.who}: no material matches {pattern!r}{did_you_mean(pattern, names)}")
            free = [i for i in hits if not _shared(snapshot, names[i])]
            if not free:
                prim = snapshot.prims.index_of[names[hits[0]]]
                raise UserError(
                    f"{self.who}: {names[hits[0]]} lies inside the native instance {instance_root(snapshot, prim)}, "
                    "so no layer can change it; take a material outside of instances"
                )
            out.update((i, known[i]) for i in free)
        return [out[i] for i in sorted(out)]

    def _color(self, material: Material, draws: Draws) -> list[Edit]:
        textured = material.texture("diffuseColor") is not None
        if textured and self.textured == "keep":
            return []
        rgb = self._draw(material.path, draws)
        if rgb is None:
            return []
        draws.note(f"color {material.path}", list(rgb))
        if textured and self.textured == "tint":
            return [Edit(material.path, "inputs:diffuseColor/inputs:scale", (*rgb, 1.0))]
        return [Edit(material.path, "inputs:diffuseColor", rgb)]

    def _draw(self, path: str, draws: Draws) -> tuple[float, float, float] | None:
        """Linear rgb."""
        if self.palette:
            text = self.palette[draws.stream(f"palette {path}").below(len(self.palette))]
            srgb: tuple[float, ...] = tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
        elif self.diffuse is not None:
            h = draws.value(f"hue {path}", self.diffuse.hue) / 360 % 1.0
            s = draws.value(f"saturation {path}", self.diffuse.saturation)
            v = draws.value(f"value {path}", self.diffuse.value)
            srgb = colorsys.hsv_to_rgb(h, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0))
        else:
            return None
        r, g, b = (float(v) for v in linear_from_srgb(np.array(srgb)))
        return r, g, b


def _shared(snapshot: Snapshot, path: str) -> bool:
    prim = snapshot.prims.index_of.get(path)
    return prim is not None and bool(snapshot.prims.proxy[prim])
