"""Where lidars look: beams by angle and time. Plain geometry, named by its shape.

Axes of a lidar: +x forward, +y left, +z up. Azimuth turns from +x towards +y (counter-clockwise seen from above),
elevation rises from the xy plane. Models state degrees, arrays hold radians and seconds.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twinstage.base.errors import did_you_mean
from twinstage.scene.columns import F8, I4

MOST_BEAMS = 20_000_000
"""Most beams of one scan: what a machine of 8 GB holds."""


@dataclass(frozen=True, slots=True)
class Beams:
    """n beams in firing order: azimuth, elevation f8[n] [rad], seconds f8[n] from the scan's start, ring i4[n]."""

    azimuth: F8
    elevation: F8
    seconds: F8
    ring: I4

    def __len__(self) -> int:
        return len(self.azimuth)

    def directions(self) -> F8:
        """Unit directions f8[n, 3] in the sensor's axes."""
        return unit_vectors(self.azimuth, self.elevation)


def unit_vectors(azimuth: F8, elevation: F8) -> F8:
    """f8[n, 3] of angles [rad]."""
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)


class Pattern(BaseModel):
    """Base of all patterns."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def beams(self) -> Beams:
        raise NotImplementedError

    @property
    def count(self) -> int:
        """Number of beams of a scan."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _bounded(self) -> "Pattern":
        if not 0 < self.count <= MOST_BEAMS:
            raise ValueError(f"a scan of {self.count:,} beams is not between 1 and {MOST_BEAMS:,}")
        return self


class Spinning(Pattern):
    """Channels above each other on a head that turns.

    Column k is fired at k * period / columns, ring i of it `i * channel_interval` later, when the head has turned on:
    its azimuth follows. Rings count from the lowest elevation given first.

    Attributes:
        elevations: of each channel [degree]; or `channels` between `elevation_range`, evenly.
        azimuth_offsets: of each channel [degree]; none where empty.
        rpm: turns a minute.
        azimuth_resolution: between columns [degree].
        azimuth_range: from, to [degree]; a full turn begins behind the sensor.
        clockwise: the way it turns, seen from above.
        channel_interval: between two channels of a column [s].
    """

    kind: Literal["spinning"] = "spinning"
    elevations: tuple[float, ...] = ()
    channels: Annotated[int, Field(ge=1, le=1024)] = 16
    elevation_range: tuple[float, float] = (-15.0, 15.0)
    azimuth_offsets: tuple[float, ...] = ()
    rpm: Annotated[float, Field(gt=0, le=60_000)] = 600.0
    azimuth_resolution: Annotated[float, Field(gt=0, le=360)] = 0.2
    azimuth_range: tuple[float, float] = (-180.0, 180.0)
    clockwise: bool = True
    channel_interval: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _sane(self) -> "Spinning":
        if any(abs(e) > 90 for e in self.table):
            raise ValueError("elevations lie between -90 and 90 degrees")
        if self.azimuth_offsets and len(self.azimuth_offsets) != len(self.table):
            raise ValueError(f"{len(self.azimuth_offsets)} azimuth offsets for {len(self.table)} channels")
        if not 0 < self.azimuth_range[1] - self.azimuth_range[0] <= 360:
            raise ValueError("azimuth_range goes from a smaller to a larger angle, at most a full turn")
        return self

    @property
    def table(self) -> tuple[float, ...]:
        """Elevation of each channel [degree]."""
        return self.elevations or tuple(np.linspace(*self.elevation_range, self.channels).tolist())

    @property
    def columns(self) -> int:
        """Columns of a scan."""
        return max(round((self.azimuth_range[1] - self.azimuth_range[0]) / self.azimuth_resolution), 1)

    @property
    def count(self) -> int:
        return self.columns * len(self.table)

    def beams(self) -> Beams:
        """Column by column, in each by ring."""
        table = np.radians(self.table)
        rings, columns = len(table), self.columns
        low, high = self.azimuth_range
        speed = self.rpm / 60 * 2 * np.pi
        turned = np.radians((high - low) / columns) * np.arange(columns)[:, None] + speed * (
            self.channel_interval * np.arange(rings)[None]
        )
        azimuth = np.radians(high) - turned if self.clockwise else np.radians(low) + turned
        if self.azimuth_offsets:
            azimuth = azimuth + np.radians(self.azimuth_offsets)[None]
        return Beams(
            azimuth.ravel(),
            np.broadcast_to(table, (columns, rings)).ravel().copy(),
            (turned / speed).ravel(),
            np.broadcast_to(np.arange(rings, dtype=np.int32), (columns, rings)).ravel().copy(),
        )


class Raster(Pattern):
    """A solid-state grid: rows from top to bottom, ring = row.

    Attributes:
        fov: horizontal and vertical [degree], between the outermost beams.
        columns, rows: of the grid.
        rate: scans a second.
        serpentine: every other row runs backwards.
        flash: all beams at once, at 0 s.
    """

    kind: Literal["raster"] = "raster"
    fov: tuple[Annotated[float, Field(gt=0, le=360)], Annotated[float, Field(gt=0, le=180)]] = (120.0, 25.0)
    columns: Annotated[int, Field(ge=1)] = 600
    rows: Annotated[int, Field(ge=1)] = 125
    rate: Annotated[float, Field(gt=0, le=1e6)] = 10.0
    serpentine: bool = False
    flash: bool = False

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def beams(self) -> Beams:
        """Row by row from the left."""
        wide, high = np.radians(self.fov)
        azimuth = np.linspace(wide / 2, -wide / 2, self.columns) if self.columns > 1 else np.zeros(1)
        elevation = np.linspace(high / 2, -high / 2, self.rows) if self.rows > 1 else np.zeros(1)
        across = np.tile(azimuth, (self.rows, 1))
        if self.serpentine:
            across[1::2] = across[1::2, ::-1]
        seconds = np.zeros(self.count) if self.flash else np.arange(self.count) / (self.count * self.rate)
        ring = np.repeat(np.arange(self.rows, dtype=np.int32), self.columns)
        return Beams(across.ravel(), np.repeat(elevation, self.columns), seconds, ring)


class Rosette(Pattern):
    """Two wedge prisms that turn (Risley pair): a rosette that does not repeat from scan to scan.

    The deviation is the sum of two vectors of constant length (paraxial): azimuth = a cos(2 pi f t) + b cos(2 pi g t),
    elevation the same with sines; a = b fills a disk of radius a + b.

    Attributes:
        deflections: of both prisms [degree].
        frequencies: turns a second of both prisms; of opposite sign they turn against each other.
        rate: points a second. duration: of a scan [s]. start: when the scan begins [s]; the next begins at start + duration.
    """

    kind: Literal["rosette"] = "rosette"
    deflections: tuple[Annotated[float, Field(gt=0, le=45)], Annotated[float, Field(gt=0, le=45)]] = (
        17.5,
        17.5,
    )
    frequencies: tuple[float, float] = (125.93, -77.83)
    rate: Annotated[float, Field(gt=0)] = 240_000.0
    duration: Annotated[float, Field(gt=0)] = 0.1
    start: float = 0.0

    @property
    def count(self) -> int:
        return round(self.rate * self.duration)

    def beams(self) -> Beams:
        """In the order of firing; all of ring 0."""
        seconds = np.arange(self.count) / self.rate
        one, two = (2 * np.pi * f * (seconds + self.start) for f in self.frequencies)
        a, b = np.radians(self.deflections)
        azimuth, elevation = a * np.cos(one) + b * np.cos(two), a * np.sin(one) + b * np.sin(two)
        return Beams(azimuth, elevation, seconds, np.zeros(self.count, np.int32))


class Lissajous(Pattern):
    """A mirror that swings about two axes: azimuth = A sin(2 pi f t), elevation = B sin(2 pi g t + phase).

    Attributes:
        fov: horizontal and vertical [degree]: 2A and 2B.
        frequencies: f and g [Hz]; incommensurable ones do not repeat. phase [degree].
        rate, duration, start: as in `Rosette`.
    """

    kind: Literal["lissajous"] = "lissajous"
    fov: tuple[Annotated[float, Field(gt=0, le=180)], Annotated[float, Field(gt=0, le=180)]] = (80.0, 25.0)
    frequencies: tuple[float, float] = (1237.0, 57.3)
    phase: float = 90.0
    rate: Annotated[float, Field(gt=0)] = 240_000.0
    duration: Annotated[float, Field(gt=0)] = 0.1
    start: float = 0.0

    @property
    def count(self) -> int:
        return round(self.rate * self.duration)

    def beams(self) -> Beams:
        """In the order of firing; all of ring 0."""
        seconds = np.arange(self.count) / self.rate
        at = 2 * np.pi * (seconds + self.start)
        wide, high = np.radians(self.fov) / 2
        azimuth = wide * np.sin(self.frequencies[0] * at)
        elevation = high * np.sin(self.frequencies[1] * at + np.radians(self.phase))
        return Beams(azimuth, elevation, seconds, np.zeros(self.count, np.int32))


PRESETS: dict[str, dict[str, Any]] = {
    "spinning-16": {"kind": "spinning", "channels": 16, "elevation_range": (-15.0, 15.0)},
    "spinning-32": {"kind": "spinning", "channels": 32, "elevation_range": (-25.0, 15.0)},
    "spinning-64": {
        "kind": "spinning", "channels": 64, "elevation_range": (-24.8, 2.0), "azimuth_resolution": 0.17578125,
    },
    "spinning-128": {
        "kind": "spinning", "channels": 128, "elevation_range": (-22.5, 22.5), "azimuth_resolution": 0.17578125,
    },
    "raster": {"kind": "raster"},
    "rosette": {"kind": "rosette"},
    "lissajous": {"kind": "lissajous"},
}  # fmt: skip
"""Patterns by name; the numbers of rings are common ones, the angles ours."""


def _named(data: Any) -> Any:
    if not isinstance(data, str):
        return data
    if data not in PRESETS:
        raise ValueError(f"no lidar pattern named {data!r}{did_you_mean(data, PRESETS)}")
    return PRESETS[data]


AnyPattern = Annotated[
    Annotated[Spinning | Raster | Rosette | Lissajous, Field(discriminator="kind")], BeforeValidator(_named)
]
"""A pattern by `kind`, or the name of one of `PRESETS`."""
