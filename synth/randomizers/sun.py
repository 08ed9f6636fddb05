"""The sun: where it stands, by angles or by place and time, with the colour that the air leaves it."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit, light_edits, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.complaints import shown
from twinstage.synth.distributions import Elevation, NotNegative, bounded
from twinstage.synth.draws import Constant, Distribution, Draws
from twinstage.synth.model import Model, wrong
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Setting
from twinstage.synth.randomizers.lamps import direction, hidden, light_at, light_path, new_light, shining
from twinstage.synth.sun_position import sun_position, transmittance

ANGLE = 0.533
"""How wide the sun is seen, on average [degrees]."""


def _day(data: Any) -> Any:
    """A day as YAML has it or as a text; pydantic would read numbers as seconds since 1970."""
    if isinstance(data, date) or (isinstance(data, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", data)):
        return data
    raise wrong(f"{shown(data)} is no day; expected one such as 2024-06-21")


Day = Annotated[date, BeforeValidator(_day)]


class Place(Model):
    """A place on Earth and the days and hours that are drawn from.

    Attributes:
        latitude, longitude: north and east positive [degrees].
        first, last: days, both included (2024-06-21).
        hour: of the day, UTC.
        north: azimuth of north in the scene [degrees]: 90 = +Y.
    """

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    first: Day
    last: Day
    hour: Annotated[Distribution, bounded(0, 24)]
    north: float = 90.0

    @model_validator(mode="after")
    def _ordered(self) -> "Place":
        if self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        if self.first.year < 1950 or self.last.year > 2050:
            raise ValueError("days from 1950 to 2050 can be computed")
        return self


@RANDOMIZERS.register
class SunRandomizer(Randomizer):
    """Moves a distant light as the sun moves.

    Attributes:
        azimuth, elevation: where the sun is seen [degrees]; azimuth 0 = +X, 90 = +Y; or
        place: latitude, longitude, days and hours, from which both follow.
        intensity: irradiance above the air, on a surface that faces the sun.
        turbidity: 2 clear, 4 hazy, 10 murky: with the elevation it makes the colour and the loss of light.
        angle: how wide the sun is seen [degrees]: soft shadows.
        light: path of a distant light of the stage that is the sun; None adds one, below /TwinstageRandomLights.
        replaces: path patterns of lights that are put out.

    With the sun below the horizon, the light is hidden.
    """

    kind: Literal["sun"] = "sun"
    azimuth: Distribution | None = None
    elevation: Elevation | None = None
    place: Place | None = None
    intensity: NotNegative = Constant(value=3.0)
    turbidity: Annotated[Distribution, bounded(1, 64)] = Constant(value=2.5)
    angle: Annotated[Distribution, bounded(0, 90)] = Constant(value=ANGLE)
    light: Annotated[str, Field(min_length=1)] | None = None
    replaces: tuple[PathPattern, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "SunRandomizer":
        both = self.azimuth is not None and self.elevation is not None
        if (self.place is None) != both or (self.place is not None and (self.azimuth or self.elevation)):
            raise ValueError("give azimuth and elevation, or place")
        return self

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        if self.light is not None:
            return []
        attributes = (("inputs:normalize", "bool", True), ("inputs:angle", "float", ANGLE))
        pose = shining(np.zeros(3), np.array([0.0, 0.0, -1.0]))
        return [new_light(setting, light_path(self.name), "DistantLight", attributes, pose)]

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        path = self.light or light_path(self.name)
        light = light_at(snapshot, path, "distant", self.who)
        edits = hidden(snapshot, self.replaces, self.who)
        azimuth, elevation = self._stands(draws)
        draws.note("sun", [azimuth, elevation])
        if elevation <= 0:
            return [*edits, Edit(path, "visibility", "invisible")]
        turbidity = min(max(draws.value("turbidity", self.turbidity), 1.0), 64.0)
        left = transmittance(elevation, turbidity) * max(draws.value("intensity", self.intensity), 0.0)
        peak = float(left.max())
        red, green, blue = (float(v) for v in left / (peak or 1.0))
        angle = min(max(draws.value("angle", self.angle), 0.0), 90.0)
        world = shining(snapshot.node_world[light.prim][:3, 3], -direction(azimuth, elevation))
        return [
            *edits,
            *light_edits(path, (red, green, blue), peak),
            Edit(path, "inputs:normalize", True),
            Edit(path, "inputs:angle", angle),
            world_edit(snapshot, light.prim, world),
        ]

    def _stands(self, draws: Draws) -> tuple[float, float]:
        """Azimuth and elevation in the scene [degrees]."""
        if self.place is None:
            assert self.azimuth is not None and self.elevation is not None
            return draws.value("azimuth", self.azimuth), draws.value("elevation", self.elevation)
        place = self.place
        days = (place.last - place.first).days + 1
        day = place.first + timedelta(days=draws.stream("day").below(days))
        draws.note("day", day.isoformat())
        hour = min(max(draws.value("hour", place.hour), 0.0), 24.0)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
        compass, elevation = sun_position(moment, place.latitude, place.longitude)
        return float((place.north - compass) % 360), elevation
