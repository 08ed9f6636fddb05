"""Changes lights: brightness, colour temperature, and where they shine from."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.edits import Edit, light_edits, world_edit
from twinstage.scene.snapshot import Light, Snapshot
from twinstage.synth.distributions import Kelvin, NotNegative
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.paths import PathPattern, editable_prims, matching
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709 weights of linear rgb."""


@RANDOMIZERS.register
class LightRandomizer(Randomizer):
    """Scales, tints and turns UsdLux lights.

    Attributes:
        lights: path patterns; they have to match lights only.
        intensity: factor on the authored brightness (a draw for each light).
        temperature: colour of a black body [K] instead of the authored colour, at the same luminance.
        rotate: turn about the world's vertical axis [degrees]; turns the picture of a dome.
        together: one draw for all matched lights instead of one each.
    """

    kind: Literal["light"] = "light"
    lights: tuple[PathPattern, ...] = Field(min_length=1)
    intensity: NotNegative | None = None
    temperature: Kelvin | None = None
    rotate: Distribution | None = None
    together: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> "LightRandomizer":
        if self.intensity is None and self.temperature is None and self.rotate is None:
            raise ValueError("nothing to do: give intensity, temperature or rotate")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        by_prim = {light.prim: light for light in snapshot.lights}
        edits: list[Edit] = []
        for prim in self._prims(snapshot, by_prim):
            path = snapshot.prims.path[prim]
            suffix = "" if self.together else f" {path}"
            if self.intensity is not None or self.temperature is not None:
                edits += self._brightness(by_prim[prim], path, draws, suffix)
            if self.rotate is not None:
                angle = np.radians(draws.value(f"rotate{suffix}", self.rotate))
                turn = np.eye(4)
                turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
                world = turn @ snapshot.node_world[prim]
                world[:3, 3] = snapshot.node_world[prim][:3, 3]
                edits.append(world_edit(snapshot, prim, world))
        return edits

    def _prims(self, snapshot: Snapshot, lights: dict[int, Light]) -> list[int]:
        names = [snapshot.prims.path[prim] for prim in lights]
        for pattern in self.lights:
            if not matching([pattern], names):
                raise UserError(f"{self.who}: no light matches {pattern!r}{did_you_mean(pattern, names)}")
        return [prim for prim in editable_prims(snapshot, self.lights, who=self.who) if prim in lights]

    def _brightness(self, light: Light, path: str, draws: Draws, suffix: str) -> list[Edit]:
        factor = 1.0 if self.intensity is None else draws.value(f"intensity{suffix}", self.intensity)
        radiance = np.array(light.radiance)
        if self.temperature is not None:
            kelvin = draws.value(f"temperature{suffix}", self.temperature)
            return light_edits(path, (1.0, 1.0, 1.0), float(radiance @ _LUMINANCE) * factor, kelvin)
        peak = float(radiance.max()) or 1.0
        r, g, b = (float(v) for v in radiance / peak)
        return light_edits(path, (r, g, b), peak * factor)
