"""Geometry of `randomizers/context`: where a thing goes so that it is on, in, next to or in line with another.

"In plan" means seen from above. An anchor's own axes are its prim's x and y, turned level.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.footprints import footprint, shift_apart
from twinstage.synth.surfaces import Surface, surface_of
from twinstage.synth.things import Proposal, Thing, moved
from twinstage.synth.turns import about_z

if TYPE_CHECKING:
    from twinstage.synth.randomizers.context import ContextRandomizer

LEVEL = 20.0
"""Steepest that something may stand on [degrees]."""

GAP = 0.005
"""How far below an outline its support may be [m]."""

_SIDES = {"+x": 0.0, "+y": 90.0, "-x": 180.0, "-y": 270.0}


@dataclass(frozen=True)
class Anchor:
    """What a thing is placed in relation to.

    Attributes:
        block: corners f8[8, 3] of its box in the world [m], in the order of `Box.corners`.
        heading: of its x axis in plan [degrees].
    """

    snapshot: Snapshot = field(repr=False)
    prim: int
    path: str
    block: F8
    heading: float

    @staticmethod
    def of(snapshot: Snapshot, thing: Thing) -> "Anchor | None":
        """A prim as it is now; None where nothing of it is visible."""
        block = thing.block(thing.before)
        if block is None:
            return None
        return Anchor(snapshot, thing.prim, thing.path, block, heading_of(thing.before))

    @cached_property
    def surface(self) -> Surface:
        """Its triangles that something can stand on."""
        return surface_of(self.snapshot, [self.prim], LEVEL)

    @cached_property
    def middle(self) -> F8:
        """The middle of its box in plan, f8[2]."""
        return np.asarray(self.block[:, :2].mean(0))

    @property
    def bottom(self) -> float:
        return float(self.block[:, 2].min())

    @property
    def top(self) -> float:
        return float(self.block[:, 2].max())

    def level(self, points: np.ndarray) -> F8:
        """Points f8[n, 2] of the world in its level axes, from its middle."""
        turn = about_z(-self.heading)[:2, :2]
        return np.asarray((np.asarray(points) - self.middle) @ turn.T)

    @cached_property
    def extent(self) -> tuple[F8, F8]:
        """Its box in its level axes: low and high, f8[2] each."""
        plan = self.level(self.block[:, :2])
        return plan.min(0), plan.max(0)

    def world(self, point: np.ndarray) -> F8:
        """A point f8[2] of its level axes in the world."""
        return np.asarray(about_z(self.heading)[:2, :2] @ point + self.middle)


def heading_of(world: F8) -> float:
    """Of a prim's x axis in plan [degrees]; 0 where that is vertical."""
    x, y = world[:2, 0]
    return float(np.degrees(np.arctan2(y, x))) if np.hypot(x, y) > 1e-9 else 0.0


class Relation:
    """A relation as the randomizer's fields say, for one frame."""

    def __init__(self, settings: "ContextRandomizer", draws: Draws) -> None:
        self.settings, self.draws = settings, draws

    def propose(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        """A place for the thing. Things of which nothing is visible have none."""
        if thing.corners is None:
            return Proposal(fault="nothing of it is visible")
        return self.find(anchor, thing, again)

    def find(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        """The same for a thing that has a box."""
        raise NotImplementedError

    def put(self, thing: Thing, heading: float, middle: np.ndarray, bottom: float, again: int) -> F8:
        """The thing turned by `heading` [degrees] and what `yaw` draws, standing there."""
        yaw = self.settings.yaw
        drawn = 0.0 if yaw is None else self.draws.value(f"yaw {thing.path}", yaw, again)
        return moved(thing, about_z(heading + drawn), middle, bottom)

    def gap(self, thing: Thing, again: int) -> float:
        """What `distance` draws [m], never quite 0."""
        return max(self.draws.value(f"distance {thing.path}", self.settings.distance, again), 1e-6)


class OnTop(Relation):
    """On its upward triangles, or on the top of its box, with the outline borne."""

    def find(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        stream = self.draws.stream(f"place {thing.path}", again)
        if self.settings.top == "box":
            low, high = anchor.extent
            place = anchor.world(np.array([stream.uniform(a, b) for a, b in zip(low, high, strict=True)]))
            world = self.put(thing, 0.0, place, anchor.top, again)
            plan = anchor.level(self._outline(thing, world, place)[:, :2])
            borne = bool(np.all(plan >= low - 1e-9) and np.all(plan <= high + 1e-9))
        else:
            if not len(anchor.surface):
                return Proposal(fault="there is nothing level to stand on")
            spot, _ = anchor.surface.spot(stream)
            world = self.put(thing, 0.0, spot[:2], float(spot[2]), again)
            borne = anchor.surface.bears(self._outline(thing, world, spot[:2]), GAP)
        return Proposal(world) if borne else Proposal(fault="without support")

    def _outline(self, thing: Thing, world: F8, middle: np.ndarray) -> F8:
        """Corners of the outline, shrunk to the share that has to be borne, at the thing's lowest height, f8[n, 3]."""
        block = thing.block(world)
        assert block is not None  # asked before
        outline = footprint(block).outline
        shrunk = middle + (outline - middle) * self.settings.support
        return np.column_stack([shrunk, np.full(len(shrunk), block[:, 2].min())])


class Inside(Relation):
    """In a container: the outline within its box, less the wall, on the floor of it."""

    def find(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        low, high = (anchor.extent[0] + self.settings.wall, anchor.extent[1] - self.settings.wall)
        if np.any(low > high):
            return Proposal(fault="the container is thinner than two walls")
        trial = self.put(thing, 0.0, anchor.middle, anchor.bottom, again)
        half = np.abs(anchor.level(_plan(thing, trial))).max(0)
        if np.any(high - low < 2 * half):
            return Proposal(fault="larger than the container")
        stream = self.draws.stream(f"place {thing.path}", again)
        at = np.array([stream.uniform(a + h, b - h) for a, b, h in zip(low, high, half, strict=True)])
        place = anchor.world(at)
        world = self.put(thing, 0.0, place, self._floor(anchor, place), again)
        block = thing.block(world)
        if self.settings.below_rim and block is not None and block[:, 2].max() > anchor.top:
            return Proposal(fault="sticks out of the container")
        return Proposal(world)

    def _floor(self, anchor: Anchor, place: F8) -> float:
        """The lowest level surface there, the bottom of the box where there is none."""
        heights = anchor.surface.heights(float(place[0]), float(place[1]))
        return float(heights[0]) if len(heights) else anchor.bottom


class NextTo(Relation):
    """Beside it, on the level of its bottom, outlines that far apart in that direction."""

    def find(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        gap = self.gap(thing, again)
        angle = self.draws.value(f"direction {thing.path}", self.settings.direction, again)
        turn = np.radians(anchor.heading + angle)
        heading = anchor.heading - heading_of(thing.before)
        return Proposal(
            self._beside(anchor, thing, heading, np.array([np.cos(turn), np.sin(turn)]), gap, again)
        )

    def _beside(self, anchor: Anchor, thing: Thing, heading: float, away: F8, gap: float, again: int) -> F8:
        """Moved out from the anchor's middle until the outlines are `gap` [m] apart."""
        at_middle = self.put(thing, heading, anchor.middle, anchor.bottom, again)
        mine, yours = footprint(anchor.block).outline, _hull(thing, at_middle)
        world = np.array(at_middle)
        world[:2, 3] += away * shift_apart(mine, yours, away, gap)
        return world


class InLine(Relation):
    """In a row along one of its axes, one after the other."""

    def __init__(self, settings: "ContextRandomizer", draws: Draws) -> None:
        super().__init__(settings, draws)
        self.ends: dict[str, float] = {}

    def find(self, anchor: Anchor, thing: Thing, again: int) -> Proposal:
        gap = self.gap(thing, again)
        side = self.draws.value(f"offset {thing.path}", self.settings.offset, again)
        turn = about_z(anchor.heading + _SIDES[self.settings.side])[:2, :2]
        heading = anchor.heading - heading_of(thing.before)
        trial = self.put(thing, heading, anchor.middle, anchor.bottom, again)
        half = float(((_plan(thing, trial) - anchor.middle) @ turn)[:, 0].max())
        begin = max(
            [end for path, end in self.ends.items() if path != thing.path], default=self._end(anchor, turn)
        )
        self.ends[thing.path] = begin + gap + 2 * half
        world = np.array(trial)
        world[:2, 3] += turn @ np.array([begin + gap + half, side])
        return Proposal(world)

    def _end(self, anchor: Anchor, turn: F8) -> float:
        """How far the anchor itself reaches along the row [m]."""
        return float(((anchor.block[:, :2] - anchor.middle) @ turn)[:, 0].max())


def _plan(thing: Thing, world: F8) -> F8:
    block = thing.block(world)
    assert block is not None  # asked before
    return np.asarray(block[:, :2])


def _hull(thing: Thing, world: F8) -> F8:
    block = thing.block(world)
    assert block is not None  # asked before
    return footprint(block).outline
