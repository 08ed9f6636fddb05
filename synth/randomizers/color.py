"""Changes the look of UsdPreviewSurface materials: base colour, roughness, metalness."""

from typing import Literal, Self

from pydantic import Field, model_validator

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Material, Snapshot
from twinstage.synth.distributions import Share
from twinstage.synth.draws import Draws
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer
from twinstage.synth.randomizers.paint import HexColor, HsvColor, drawn_color, editable_materials

Textured = Literal["tint", "replace", "keep"]


class Recoloring(Randomizer):
    """Fields of randomizers that give materials a colour and a finish.

    Attributes:
        materials: path patterns of Material prims.
        diffuse: `{hue, saturation, value}`; or
        palette: colours as `#rrggbb`, one of which is taken.
        textured: what to do where a texture gives the colour: `tint` multiplies it, `replace` drops it, `keep` leaves it.
        roughness, metallic: values from 0 to 1; a texture there is dropped.
    """

    materials: tuple[PathPattern, ...] = Field(min_length=1)
    diffuse: HsvColor | None = None
    palette: tuple[HexColor, ...] = ()
    textured: Textured = "tint"
    roughness: Share | None = None
    metallic: Share | None = None

    @model_validator(mode="after")
    def _one_colour(self) -> Self:
        if self.diffuse is not None and self.palette:
            raise ValueError("diffuse and palette exclude each other")
        return self

    def color_edits(self, material: Material, draws: Draws) -> list[Edit]:
        """The edits that give a material a drawn base colour."""
        has_image = material.texture("diffuseColor") is not None
        if has_image and self.textured == "keep":
            return []
        rgb = drawn_color(draws, self.diffuse, self.palette, material.path)
        if rgb is None:
            return []
        if has_image and self.textured == "tint":
            return [Edit(material.path, "inputs:diffuseColor/inputs:scale", (*rgb, 1.0))]
        return [Edit(material.path, "inputs:diffuseColor", rgb)]


@RANDOMIZERS.register
class ColorRandomizer(Recoloring):
    """Recolours materials; its fields are those of `Recoloring`."""

    kind: Literal["color"] = "color"

    @model_validator(mode="after")
    def _does_something(self) -> "ColorRandomizer":
        if self.diffuse is None and not self.palette and self.roughness is None and self.metallic is None:
            raise ValueError("nothing to do: give diffuse, palette, roughness or metallic")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        edits: list[Edit] = []
        for material in editable_materials(snapshot, self.materials, who=self.who):
            edits += self.color_edits(material, draws)
            for name, distribution in (("roughness", self.roughness), ("metallic", self.metallic)):
                if distribution is not None:
                    value = min(max(draws.value(f"{name} {material.path}", distribution), 0.0), 1.0)
                    edits.append(Edit(material.path, f"inputs:{name}", value))
        return edits
