"""A sky: a picture of all around (HDRI) on a dome light, turned and made brighter or darker."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.render.images import decode, linear_pixels
from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit, ImageFile, light_edits, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import Kelvin, NotNegative
from twinstage.synth.draws import Distribution, Draws, Uniform
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Setting
from twinstage.synth.randomizers.images import ImageRandomizer
from twinstage.synth.randomizers.lamps import TURNED_UP, hidden, light_at, light_path, new_light

_SIZE = 512
"""Maps are measured at up to so many pixels a side."""


_MEASURED: dict[str, float] = {}
"""Illuminance by the content of a map: a number for each file that a recipe names."""


@RANDOMIZERS.register
class EnvironmentRandomizer(ImageRandomizer):
    """Lights the scene by a map of all around it, and shows that map behind it.

    Attributes:
        maps: latitude-longitude pictures (.hdr, .exr, or sRGB images): files, patterns or folders.
        dome: path of a dome light of the stage that is to show them; None adds one, below /TwinstageRandomLights.
        rotate: turn about the world's vertical axis [degrees], counter-clockwise from above.
        intensity: factor on the map's radiance; or
        illuminance: what an upright map brings to a level surface under open sky, whatever the map's own exposure.
        temperature: tint of a black body [K].
        replaces: path patterns of lights that are put out, such as the stage's own sky.
    """

    kind: Literal["environment"] = "environment"
    maps: tuple[str, ...] = Field(min_length=1)
    dome: Annotated[str, Field(min_length=1)] | None = None
    rotate: Distribution = Uniform(low=0.0, high=360.0)
    intensity: NotNegative | None = None
    illuminance: NotNegative | None = None
    temperature: Kelvin | None = None
    replaces: tuple[PathPattern, ...] = ()

    @model_validator(mode="after")
    def _one_brightness(self) -> "EnvironmentRandomizer":
        if self.intensity is not None and self.illuminance is not None:
            raise ValueError("intensity and illuminance exclude each other")
        return self

    def image_fields(self) -> Mapping[str, tuple[Sequence[str], str]]:
        return {"map": (self.maps, "hdri")}

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        super().added_prims(setting)
        if self.dome is not None:
            return []
        return [new_light(setting, light_path(self.name), "DomeLight", (), TURNED_UP)]

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        path = self.dome or light_path(self.name)
        light = light_at(snapshot, path, "dome", self.who)
        image = self.draw_image(snapshot, draws, "map")
        angle = np.radians(draws.value("rotate", self.rotate))
        brightness = self._brightness(draws, image)
        kelvin = None if self.temperature is None else draws.value("temperature", self.temperature)
        turn = np.eye(4)
        turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        before = TURNED_UP if self.dome is None else snapshot.node_world[light.prim]
        return [
            *hidden(snapshot, self.replaces, self.who),
            Edit(path, "inputs:texture:file", image),
            *light_edits(path, (1.0, 1.0, 1.0), brightness, kelvin),
            world_edit(snapshot, light.prim, turn @ before),
        ]

    def _brightness(self, draws: Draws, image: ImageFile) -> float:
        if self.illuminance is not None:
            wanted = max(draws.value("illuminance", self.illuminance), 0.0)
            return wanted / max(level_illuminance(image), 1e-12)
        return 1.0 if self.intensity is None else max(draws.value("intensity", self.intensity), 0.0)


def level_illuminance(image: ImageFile) -> float:
    """What a map of radiance 1 brings to a level surface: the cosine-weighted integral of its upper half, luminance."""
    found = _MEASURED.get(image.texture.hash)
    if found is None:
        found = _MEASURED[image.texture.hash] = _measured(image)
    return found


def _measured(image: ImageFile) -> float:
    pixels = linear_pixels(decode(image.texture, _SIZE)).astype(np.float64)
    height = pixels.shape[0]
    edges = np.cos(np.linspace(0, np.pi, height + 1))
    up = np.maximum(edges, 0) ** 2 / 2  # the integral of cos theta sin theta between two rows
    rows = pixels.mean(1) @ [0.2126, 0.7152, 0.0722]
    return float(2 * np.pi * rows @ (up[:-1] - up[1:]))
