"""A sky: a picture of all around (HDRI) on a dome light, turned and made brighter or darker."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit, light_edits, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Constant, Distribution, Draws, Uniform
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Setting
from twinstage.synth.randomizers.images import ImageRandomizer
from twinstage.synth.randomizers.lamps import TURNED_UP, hidden, light_at, light_path, new_light


@RANDOMIZERS.register
class EnvironmentRandomizer(ImageRandomizer):
    """Lights the scene by a map of all around it, and shows that map behind it.

    Attributes:
        maps: latitude-longitude pictures (.hdr, .exr, or sRGB images): files, patterns or folders.
        dome: path of a dome light of the stage that is to show them; None adds one, below /TwinstageRandomLights.
        rotate: turn about the world's vertical axis [degrees], counter-clockwise from above.
        intensity: factor on the map's radiance.
        temperature: tint of a black body [K].
        replaces: path patterns of lights that are put out, such as the stage's own sky.
    """

    kind: Literal["environment"] = "environment"
    maps: tuple[str, ...] = Field(min_length=1)
    dome: str | None = None
    rotate: Distribution = Uniform(low=0.0, high=360.0)
    intensity: Distribution = Constant(value=1.0)
    temperature: Distribution | None = None
    replaces: tuple[PathPattern, ...] = ()

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
        brightness = max(draws.value("intensity", self.intensity), 0.0)
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
