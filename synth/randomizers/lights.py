"""A pool of lamps: how many there are, of which kind, where, how bright and of which colour."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.scene.author import NewPrim
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, light_edits, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import Elevation, Kelvin, NotNegative, Positive, bounded
from twinstage.synth.draws import Constant, Distribution, Draws, Uniform
from twinstage.synth.model import wrong
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Setting
from twinstage.synth.randomizers.camera import Volume
from twinstage.synth.randomizers.lamps import direction, hidden, light_at, light_path, new_light, shining

Kind = Literal["rect", "disk", "sphere", "distant"]
_TYPES = {"rect": "RectLight", "disk": "DiskLight", "sphere": "SphereLight", "distant": "DistantLight"}
_TINY = 1e-4
"""Least size of a lamp [m]: one without extent gives no light."""


@RANDOMIZERS.register
class LightsRandomizer(Randomizer):
    """Puts up some lamps around a point, which are there for one frame.

    Attributes:
        count: how many; rounded, from 0 to `most`.
        most: lamps that the layer defines; those that a frame does not need stay dark.
        kinds: one of them is drawn for each lamp.
        center: the point that they light [m].
        distance, azimuth, elevation: where a lamp is, seen from `center` [m, degrees; azimuth 0 = +X, 90 = +Y]; or
        within: a box that it lies in. Of a distant light only the direction counts.
        aim: how far from `center` the point lies that a lamp shines at, at most, along each axis [m].
        size: diameter of disks and spheres, edge of squares [m].
        angle: how wide a distant light is seen [degrees].
        illuminance: what one lamp brings to a surface at `center` that faces it, were the lamp a point: the same number means
            the same brightness for any kind, size and distance.
        temperature: colour of a black body [K].
        replaces: path patterns of lights of the stage that are put out.
    """

    kind: Literal["lights"] = "lights"
    count: NotNegative = Uniform(low=1.0, high=3.0)
    most: int = Field(default=4, ge=1, le=64)
    kinds: tuple[Kind, ...] = Field(default=("rect", "sphere"), min_length=1)
    center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    distance: Positive = Uniform(low=2.0, high=4.0)
    azimuth: Distribution = Uniform(low=0.0, high=360.0)
    elevation: Elevation = Uniform(low=20.0, high=80.0)
    within: Volume | None = None
    aim: float = Field(default=0.0, ge=0)
    size: Positive = Uniform(low=0.2, high=1.0)
    angle: Annotated[Distribution, bounded(0, 180)] = Constant(value=1.0)
    illuminance: NotNegative = Uniform(low=0.5, high=2.0)
    temperature: Kelvin = Uniform(low=2700.0, high=7500.0)
    replaces: tuple[PathPattern, ...] = ()

    @model_validator(mode="after")
    def _kinds_are_different(self) -> "LightsRandomizer":
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError("kinds: each kind is named once")
        return self

    @model_validator(mode="after")
    def _enough_lamps(self) -> "LightsRandomizer":
        largest = round(max(self.count.span(), default=0))
        if largest > self.most:
            raise wrong(f"count can draw {largest}, but most is {self.most}: give a larger most", "count")
        return self

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        unit = setting.info.meters_per_unit
        out = []
        for slot in range(self.most):
            for kind in self.kinds:
                sizes = {"rect": ("width", "height"), "distant": ()}.get(kind, ("radius",))
                attributes: list[tuple[str, str, bool | float]] = [
                    (f"inputs:{name}", "float", 1.0 / unit) for name in sizes
                ]
                if kind == "distant":
                    attributes.append(("inputs:normalize", "bool", True))
                pose = shining(np.array(self.center), np.array([0.0, 0.0, -1.0]))
                out.append(new_light(setting, self._path(slot, kind), _TYPES[kind], attributes, pose))
        return out

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        count = min(max(round(draws.value("count", self.count)), 0), self.most)
        edits = hidden(snapshot, self.replaces, self.who)
        for slot in range(count):
            chosen = self.kinds[draws.stream(f"kind {slot}").below(len(self.kinds))]
            draws.note(f"kind {slot}", chosen)
            edits += self._lamp(snapshot, draws, slot, chosen)
        return edits

    def _path(self, slot: int, kind: str) -> str:
        return light_path(self.name, f"_{slot}_{kind}")

    def _lamp(self, snapshot: Snapshot, draws: Draws, slot: int, kind: Kind) -> list[Edit]:
        path = self._path(slot, kind)
        light = light_at(snapshot, path, kind, self.who)
        at, target = self._place(draws, slot), np.array(self.center)
        if self.aim > 0:
            stream = draws.stream(f"aim {slot}")
            target = target + [stream.uniform(-self.aim, self.aim) for _ in range(3)]
            draws.note(f"aim {slot}", [float(v) for v in target])
        toward = target - at
        if np.linalg.norm(toward) < 1e-9:
            toward = np.array([0.0, 0.0, -1.0])
        size = max(draws.value(f"size {slot}", self.size), _TINY) if kind != "distant" else 0.0
        illuminance = max(draws.value(f"illuminance {slot}", self.illuminance), 0.0)
        kelvin = draws.value(f"temperature {slot}", self.temperature)
        unit = snapshot.stage.meters_per_unit
        edits = [world_edit(snapshot, light.prim, shining(at, toward))]
        if kind == "distant":
            angle = min(max(draws.value(f"angle {slot}", self.angle), 0.0), 180.0)
            edits.append(Edit(path, "inputs:angle", angle))
            radiance = illuminance  # normalized: its intensity is its irradiance
        else:
            names, length, area = ["radius"], size / 2, np.pi * (size / 2) ** 2
            if kind == "rect":
                names, length, area = ["width", "height"], size, size**2
            edits += [Edit(path, f"inputs:{name}", length / unit) for name in names]
            radiance = illuminance * float(np.sum((np.array(self.center) - at) ** 2)) / area
        return [*edits, *light_edits(path, (1.0, 1.0, 1.0), float(radiance), kelvin)]

    def _place(self, draws: Draws, slot: int) -> F8:
        if self.within is not None:
            stream = draws.stream(f"within {slot}")
            at = [stream.uniform(lo, hi) for lo, hi in zip(self.within.min, self.within.max, strict=True)]
            draws.note(f"within {slot}", at)
            return np.array(at)
        distance = draws.value(f"distance {slot}", self.distance)
        azimuth = draws.value(f"azimuth {slot}", self.azimuth)
        elevation = draws.value(f"elevation {slot}", self.elevation)
        out: F8 = np.array(self.center) + distance * direction(azimuth, elevation)
        return out
