"""Scatters prims over a region: a rectangle, a box, surfaces, a grid, a circle or a curve.

Everything is told in the world's axes, in metres and degrees, whatever the stage's units.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import Positive, bounded
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS
from twinstage.synth.randomizers.placing import Placing
from twinstage.synth.regions import OnSurface, Region, Spot
from twinstage.synth.surfaces import Surface
from twinstage.synth.things import Proposal, Thing
from twinstage.synth.turns import UP, about_z, any_turn, euler, up_to


class Scattering(Placing):
    """Fields of randomizers that scatter things.

    Attributes:
        over: where origins go, a region by `kind`: rectangle, box, surface, grid, circle, curve.
        turn: `yaw` about the vertical, `any` over all rotations alike, `keep` none, `follow` the curve or circle.
        rotate: further turn about the world's x, then y, then z axis, first of all [degrees].
        align: lean things so that their vertical becomes the surface's normal.
        scale: uniform factor about the origin.
        stretch: factors along the prim's own axes.
        rest: put the lowest point of a thing's box at the place, not its origin.
        lift: distance above the place, along the normal [m].
        support: share of a thing's outline that has to stand on the surface: 0 its origin alone, 1 all corners.
        spacing: least distance between places [m] (a Poisson disk sampling, by throwing darts).
    """

    over: Region
    turn: Literal["yaw", "any", "keep", "follow"] = "yaw"
    rotate: Axes | None = None
    align: bool = False
    scale: Positive | None = None
    stretch: Annotated[Axes, bounded(above=0)] | None = None
    rest: bool = True
    lift: Distribution | None = None
    support: float = Field(default=0.0, ge=0, le=1)
    spacing: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _fits_the_region(self) -> "Scattering":
        if not isinstance(self.over, OnSurface) and (self.align or self.support):
            raise ValueError("align and support need a region of kind surface")
        if self.turn == "follow" and self.over.kind not in ("circle", "curve"):
            raise ValueError("turn: follow needs a region of kind circle or curve")
        return self

    def scattered(self, snapshot: Snapshot, draws: Draws, prims: list[int]) -> list[Edit]:
        """Edits that scatter these prims."""
        draw = self.over.drawer(snapshot, self.who)
        bearing = (
            self.over.surface(snapshot, self.who)
            if isinstance(self.over, OnSurface) and self.support
            else None
        )
        used: set[int] = set()
        cells: dict[str, int] = {}

        def propose(thing: Thing, again: int) -> Proposal:
            used.update(cell for path, cell in cells.items() if path != thing.path)
            spot = draw(draws, f"place {thing.path}", again, used)
            if spot is None:
                return Proposal(fault="no place is left")
            cells[thing.path] = spot.cell
            world = self._world(draws, thing, spot, again)
            if bearing is not None and not bears(bearing, thing, world, spot, self.support):
                return Proposal(fault="without support")
            return Proposal(world, point=spot.point, cell=spot.cell)

        return self.place(snapshot, draws, prims, propose, self.spacing)

    def _world(self, draws: Draws, thing: Thing, spot: Spot, again: int) -> F8:
        world = np.array(thing.before)
        world[:3, :3] = self._turned(draws, thing, spot, again) @ self._scaled(draws, thing, again)
        if not spot.height:
            world[:2, 3] = spot.point[:2]
            return world
        normal = spot.normal if self.align else UP
        lift = 0.0 if self.lift is None else draws.value(f"lift {thing.path}", self.lift, again)
        if self.rest and thing.corners is not None:
            lift -= float((thing.corners @ world[:3, :3].T @ normal).min())
        world[:3, 3] = spot.point + normal * lift
        return world

    def _scaled(self, draws: Draws, thing: Thing, again: int) -> F8:
        factors = np.ones(3)
        if self.scale is not None:
            factors *= draws.value(f"scale {thing.path}", self.scale, again)
        if self.stretch is not None:
            factors *= self.stretch.sample(draws, f"stretch {thing.path}", again, otherwise=1.0)
        return np.asarray(thing.before[:3, :3] * factors)

    def _turned(self, draws: Draws, thing: Thing, spot: Spot, again: int) -> F8:
        turn = np.eye(3)
        if self.rotate is not None:
            turn = euler(self.rotate.sample(draws, f"rotate {thing.path}", again))
        if self.turn == "any":
            turn = any_turn(draws.stream(f"turn {thing.path}", again)) @ turn
        elif self.turn == "yaw":
            degrees = draws.stream(f"turn {thing.path}", again).uniform(0, 360)
            draws.note(f"turn {thing.path}", degrees)
            turn = about_z(degrees) @ turn
        elif spot.heading is not None and self.turn == "follow":
            turn = about_z(spot.heading) @ turn
        return up_to(spot.normal) @ turn if self.align else turn


def bears(surface: Surface, thing: Thing, world: np.ndarray, spot: Spot, share: float) -> bool:
    """Whether the surface bears the thing's outline, shrunk to that share about the spot, to 5 mm and what its slope gives."""
    block = thing.block(world)
    if block is None:
        return True
    away = (block - spot.point) * share
    flat = away - np.outer(away @ spot.normal, spot.normal)
    return surface.bears(spot.point + flat, 0.005)


@RANDOMIZERS.register
class ScatterRandomizer(Scattering):
    """Scatters prims over a region, each by itself, so that they do not overlap.

    Attributes:
        prims: path patterns; each prim that they match is placed by itself.
    """

    kind: Literal["scatter"] = "scatter"
    prims: tuple[PathPattern, ...] = Field(min_length=1)

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        return self.scattered(snapshot, draws, editable_prims(snapshot, self.prims, who=self.who))
