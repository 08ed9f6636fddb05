"""Where a scatter may put things: a kind of region each, from which places are drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, matching
from twinstage.synth.surfaces import Surface, surface_of
from twinstage.synth.turns import UP

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place [m] and what is up there. `height`: whether z means anything; `heading`: of a path there [degrees]; `cell`."""

    point: F8
    normal: F8 = field(default_factory=lambda: UP)
    height: bool = True
    heading: float | None = None
    cell: int = -1


Draw = Callable[[Draws, str, int, set[int]], Spot | None]
"""(draws, field, again, cells taken) -> a place, or None where none is left."""


def _inside(low: tuple[float, ...], high: tuple[float, ...]) -> None:
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise ValueError(f"max {list(high)} lies below min {list(low)}")


class Area(Model):
    """An upright rectangle in plan [m]. Without `z` things keep their heights; with it they stand at that height."""

    kind: Literal["rectangle"] = "rectangle"
    min: tuple[float, float]
    max: tuple[float, float]
    z: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Area":
        _inside(self.min, self.max)
        return self

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot:
            stream = draws.stream(name, again)
            x, y = (stream.uniform(low, high) for low, high in zip(self.min, self.max, strict=True))
            return Spot(np.array([x, y, self.z or 0.0]), height=self.z is not None)

        return draw


class Room(Model):
    """An upright box [m]: things float in it."""

    kind: Literal["box"] = "box"
    min: Point
    max: Point

    @model_validator(mode="after")
    def _ordered(self) -> "Room":
        _inside(self.min, self.max)
        return self

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot:
            stream = draws.stream(name, again)
            return Spot(
                np.array([stream.uniform(low, high) for low, high in zip(self.min, self.max, strict=True)])
            )

        return draw


class OnSurface(Model):
    """The triangles of prims that face up, by area.

    Attributes:
        prims: path patterns.
        slope: steepest that counts [degrees].
    """

    kind: Literal["surface"] = "surface"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    slope: float = Field(default=45.0, ge=0, lt=90)

    def surface(self, snapshot: Snapshot, who: str) -> Surface:
        """The triangles in this scene."""
        return surface_of(snapshot, found(snapshot, self.prims, who), self.slope)

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        surface = self.surface(snapshot, who)

        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot | None:
            return Spot(*surface.spot(draws.stream(name, again))) if len(surface) else None

        return draw


class Grid(Model):
    """Places in rows and columns, each taken once, in an order drawn for each prim.

    Attributes:
        min, max: of the first and the last place [m].
        count: columns (x) and rows (y).
        z: height [m]; without it things keep theirs.
        jitter: offset in x and in y, drawn for each [m].
    """

    kind: Literal["grid"] = "grid"
    min: tuple[float, float]
    max: tuple[float, float]
    count: tuple[Annotated[int, Field(ge=1, le=1000)], Annotated[int, Field(ge=1, le=1000)]]
    z: float | None = None
    jitter: Distribution | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Grid":
        _inside(self.min, self.max)
        return self

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        xs, ys = (np.linspace(a, b, n) for a, b, n in zip(self.min, self.max, self.count, strict=True))

        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot | None:
            stream = draws.stream(f"{name} cell")
            order = np.argsort([stream.unit() for _ in range(len(xs) * len(ys))], kind="stable")
            free = [int(cell) for cell in order if int(cell) not in used]
            if again >= len(free):
                return None
            column, row = free[again] % len(xs), free[again] // len(xs)
            off = [0.0, 0.0]
            if self.jitter is not None:
                off = [draws.value(f"{name} jitter.{axis}", self.jitter, again) for axis in "xy"]
            point = np.array([xs[column] + off[0], ys[row] + off[1], self.z or 0.0])
            return Spot(point, height=self.z is not None, cell=free[again])

        return draw


class Circle(Model):
    """A level circle or a part of it, or with a range of radii a ring.

    Attributes:
        center: [m].
        radius: [m].
        arc: from and to [degrees], 0 = +X, 90 = +Y.
    """

    kind: Literal["circle"] = "circle"
    center: Point
    radius: NotNegative
    arc: tuple[float, float] = (0.0, 360.0)

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot:
            angle = draws.stream(name, again).uniform(*self.arc)
            radius = draws.value(f"{name} radius", self.radius, again)
            out = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0.0])
            return Spot(np.array(self.center) + radius * out, heading=angle + 90)

        return draw


class Curve(Model):
    """Straight pieces from point to point [m], uniform in length; `closed` comes back to the first."""

    kind: Literal["curve"] = "curve"
    points: tuple[Point, ...] = Field(min_length=2)
    closed: bool = False

    @model_validator(mode="after")
    def _long(self) -> "Curve":
        if not np.any(np.ptp(np.array(self.points), axis=0) > 0):
            raise ValueError("all points of the curve are the same")
        return self

    def drawer(self, snapshot: Snapshot, who: str) -> Draw:
        points = np.array([*self.points, self.points[0]] if self.closed else self.points)
        steps = np.diff(points, axis=0)
        until = np.cumsum(np.linalg.norm(steps, axis=1))

        def draw(draws: Draws, name: str, again: int, used: set[int]) -> Spot:
            at = draws.stream(name, again).unit() * until[-1]
            row = min(int(np.searchsorted(until, at, side="right")), len(steps) - 1)
            length = np.linalg.norm(steps[row])
            point = points[row + 1] - steps[row] * ((until[row] - at) / length)
            return Spot(point, heading=float(np.degrees(np.arctan2(steps[row][1], steps[row][0]))))

        return draw


_KINDS = ("rectangle", "box", "surface", "grid", "circle", "curve")


def _region(data: Any) -> Any:
    """Path patterns are short for the surface of those prims; a kind that is missing or wrong is told with the known ones."""
    if isinstance(data, str | list | tuple):
        return {"kind": "surface", "prims": [data] if isinstance(data, str) else data}
    if isinstance(data, dict):
        if "kind" not in data:
            raise ValueError(f"a region needs a kind: {', '.join(_KINDS)}")
        if data["kind"] not in _KINDS:
            raise ValueError(f"no region of kind {data['kind']!r}{did_you_mean(str(data['kind']), _KINDS)}")
    return data


Region = Annotated[
    Annotated[Area | Room | OnSurface | Grid | Circle | Curve, Field(discriminator="kind")],
    BeforeValidator(_region),
]
"""Where things go: a model by `kind`, or path patterns of prims whose surfaces are meant."""


def found(snapshot: Snapshot, patterns: tuple[str, ...], who: str) -> list[int]:
    """The prims that the patterns mean. Raises UserError for a pattern that matches none."""
    for pattern in patterns:
        if not matching([pattern], snapshot.prims.path):
            hint = did_you_mean(pattern, snapshot.prims.path)
            raise UserError(f"{who}: no prim matches {pattern!r}{hint}")
    return matching(patterns, snapshot.prims.path)
