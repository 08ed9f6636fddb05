"""Lets things fall until they rest, with MuJoCo: onto a surface, onto a pile, into a bin.

    - {kind: settle, name: parts, prims: [/Cell/Parts/*], into: /Cell/Bin}
    - {kind: settle, name: boxes, prims: [/Yard/Box_*], onto: /Yard/Floor, spread: 0.3}

Everything else that is drawn near stands still. A rest that is none is a rejected attempt with its reason. The world's axes,
metres and degrees, as everywhere in a recipe. Runs in one thread with fixed steps, so the same draws give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.extents import SHARED_BOUNDS, Box, instances_below, transform
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, world_edit
from twinstage.scene.mechanics import Mechanics, Surface
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Constant, Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, editable_prims, matching
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected
from twinstage.synth.settling.drops import Ball, Place, ball_around, starts
from twinstage.synth.settling.pieces import Piece, body_frame, pieces_of
from twinstage.synth.settling.rest import Wanted, fault
from twinstage.synth.settling.slabs import static_pieces
from twinstage.synth.settling.world import Body, Settled, Skin, settle

_NEAR = 0.15
"""How far around the place things that stand still are looked at [m]."""


class Space(Model):
    """A box in the world [m]; bodies start above its floor, and their middles have to stay inside, seen from above."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]

    @model_validator(mode="after")
    def _ordered(self) -> "Space":
        if any(high < low for low, high in zip(self.min, self.max, strict=True)):
            raise ValueError(f"max {list(self.max)} lies below min {list(self.min)}")
        return self


@dataclass(frozen=True, slots=True)
class _Falling:
    """What falls: prims with their names, frames f8[4, 4] as they stand, bodies and the balls around these."""

    prims: list[int]
    names: list[str]
    frames: list[F8]
    bodies: list[Body]
    balls: list[Ball]


@RANDOMIZERS.register
class SettleRandomizer(Randomizer):
    """Drops prims and keeps the pose in which they come to rest.

    Attributes:
        prims: path patterns; each prim that they match is a body; those that are hidden stay out.
        onto: path pattern of what they fall onto and have to rest on.
        into: the same for a container: they start above its rim, and rest in it.
        region: a box in the world instead, where there is no such prim.
        spread: drop only so far from the middle [m]: a pile instead of a layer.
        height: least height of the fall [m].
        orient: random turns, about the vertical only (yaw), or as they stand (keep).
        static: path patterns of what stands in the way; by default all that is drawn nearby. Parts of the support that they
            match are all of it that is solid, so a tote's ribs need not count.
        split: each connected part of a mesh is a convex piece of its own, for bodies that are hollow or bent.
        friction, restitution, density: where the stage's physics materials say nothing; density in kg/m3.
        gravity: along -Z [m/s2].
        duration: longest time to wait for rest [s, simulated].
        max_speed, max_spin: what counts as rest [m/s, rad/s].
        max_penetration: how deep bodies may be in each other or in anything else [m].
    """

    kind: Literal["settle"] = "settle"
    needs_mechanics: ClassVar[bool] = True
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    onto: PathPattern | None = None
    into: PathPattern | None = None
    region: Space | None = None
    spread: float | None = Field(default=None, ge=0)
    height: NotNegative = Constant(value=0.0)
    orient: Literal["random", "yaw", "keep"] = "random"
    static: tuple[PathPattern, ...] = ()
    split: bool = False
    friction: NotNegative = Constant(value=0.6)
    restitution: float = Field(default=0.0, ge=0, le=0.95)
    density: float = Field(default=1000.0, gt=0)
    gravity: float = Field(default=9.81, gt=0)
    duration: float = Field(default=8.0, gt=0, le=120)
    max_speed: float = Field(default=0.005, gt=0)
    max_spin: float = Field(default=0.05, gt=0)
    max_penetration: float = Field(default=0.0005, gt=0)

    @model_validator(mode="after")
    def _one_place(self) -> "SettleRandomizer":
        if sum(v is not None for v in (self.onto, self.into, self.region)) != 1:
            raise ValueError("exactly one of onto, into and region is expected")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        friction = draws.value("friction", self.friction)
        prims, support = self._falling_prims(snapshot), self._support(snapshot)
        if not prims:
            return []
        falling = self._bodies(snapshot, prims, friction)
        space = self._space(snapshot, support)
        base = float(space.high[2] if self.region is None else space.low[2])
        base += max(0.0, draws.value("height", self.height))
        place = Place(space.low[:2], space.high[:2], base, self.spread)
        still, on = self._still(snapshot, prims, support, self._near(space, falling), friction)
        standing = [frame[:3, :3] for frame in falling.frames]
        pieces = [piece for piece, _ in still]
        begin = starts(draws, falling.names, falling.balls, standing, place, self.orient, pieces)
        if isinstance(begin, int):
            raise Rejected(f"{self.who}: there is no free place to drop {falling.names[begin]}")
        settled = settle(
            falling.bodies,
            still,
            self._guards(space, begin) if self.into is not None else [],
            begin,
            gravity=self.gravity,
            duration=self.duration,
            bottom=float(space.low[2]) - _NEAR,
            max_speed=self.max_speed,
            max_spin=self.max_spin,
        )
        self._judge(settled, falling, Wanted(self.max_penetration, space, on))
        draws.note("rest", _told(settled))
        return [
            world_edit(snapshot, prim, pose @ np.linalg.inv(frame) @ snapshot.node_world[prim])
            for prim, frame, pose in zip(falling.prims, falling.frames, settled.poses, strict=True)
        ]

    def _judge(self, settled: Settled, falling: _Falling, wanted: Wanted) -> None:
        balls = zip(settled.poses, falling.balls, strict=True)
        middles = np.array([transform(pose, ball.centre[None])[0] for pose, ball in balls])
        why = fault(settled, falling.names, middles, wanted)
        if why is not None:
            raise Rejected(f"{self.who}: {why}")

    # --- what falls -----------------------------------------------------------------------------------------------

    def _falling_prims(self, snapshot: Snapshot) -> list[int]:
        prims = editable_prims(snapshot, self.prims, who=self.who)
        paths = {snapshot.prims.path[prim] for prim in prims}
        for path in sorted(paths):
            above = path.rsplit("/", 1)[0]
            while above:
                if above in paths:
                    raise UserError(
                        f"{self.who}: {path} lies below {above}, and both would fall; name one of them"
                    )
                above = above.rsplit("/", 1)[0]
        return [prim for prim in prims if len(instances_below(snapshot, prim))]

    def _bodies(self, snapshot: Snapshot, prims: list[int], friction: float) -> _Falling:
        names = [snapshot.prims.path[prim] for prim in prims]
        frames = [body_frame(snapshot, prim) for prim in prims]
        bodies, balls = [], []
        for prim, name, frame in zip(prims, names, frames, strict=True):
            pieces: list[tuple[Piece, Skin]] = []
            for row in instances_below(snapshot, prim).tolist():
                skin = self._skin(snapshot, row, name, friction)
                made = pieces_of(snapshot, np.array([row]), frame, split=self.split)
                pieces += [(piece, skin) for piece in made]
            if not pieces:
                raise UserError(f"{self.who}: {name} has no geometry that could fall")
            bodies.append(Body(tuple(pieces), _said(snapshot, name).mass))
            balls.append(ball_around(np.concatenate([piece.outline() for piece, _ in pieces])))
        return _Falling(prims, names, frames, bodies, balls)

    def _skin(self, snapshot: Snapshot, row: int, body: str, friction: float) -> Skin:
        own = _said(snapshot, snapshot.prims.path[int(snapshot.instances.prim[row])])
        whole = _said(snapshot, body) if body else Surface()
        densities = (own.density, whole.density, self.density)
        return Skin(
            friction if own.friction is None else own.friction,
            self.restitution if own.restitution is None else min(own.restitution, 0.95),
            next(d for d in densities if d is not None),
        )

    # --- what stands still ----------------------------------------------------------------------------------------

    def _support(self, snapshot: Snapshot) -> list[int]:
        pattern = self.onto or self.into
        if pattern is None:
            return []
        found = matching([pattern], snapshot.prims.path)
        if not found:
            raise UserError(
                f"{self.who}: no prim matches {pattern!r}{did_you_mean(pattern, snapshot.prims.path)}"
            )
        return found

    def _space(self, snapshot: Snapshot, support: list[int]) -> Box:
        if self.region is not None:
            return Box(np.array(self.region.min), np.array(self.region.max))
        rows = _rows_below(snapshot, support)
        box = SHARED_BOUNDS.of_instances(snapshot, rows, np.eye(4))
        if box is None:
            raise UserError(f"{self.who}: {self.onto or self.into} has no visible geometry to fall onto")
        return box

    def _near(self, space: Box, falling: _Falling) -> Box:
        # A power of two, so that few other bodies do not mean other walls, and models are found again.
        tall = 2.0 ** np.ceil(np.log2(max(1.0, sum(2 * ball.radius for ball in falling.balls))))
        room = np.array([_NEAR, _NEAR, 0.0])
        return Box(space.low - room - [0, 0, _NEAR], space.high + room + [0, 0, tall])

    def _still(
        self, snapshot: Snapshot, moving: list[int], support: list[int], near: Box, friction: float
    ) -> tuple[list[tuple[Piece, Skin]], frozenset[int]]:
        """All still pieces, and the numbers of those that belong to the support."""
        own = _rows_below(snapshot, support)
        if self.static:
            chosen = _rows_below(snapshot, matching(self.static, snapshot.prims.path))
            if len(own) and not len(np.intersect1d(chosen, own)):
                chosen = np.union1d(chosen, own)
        else:
            chosen = np.flatnonzero(snapshot.instances.visible)
        chosen = np.setdiff1d(chosen, _rows_below(snapshot, moving))
        out: list[tuple[Piece, Skin]] = []
        numbers: set[int] = set()
        mine = set(own.tolist())
        for row in chosen.tolist():
            box = SHARED_BOUNDS.of_instances(snapshot, np.array([row]), np.eye(4))
            if box is None or (box.low > near.high).any() or (box.high < near.low).any():
                continue
            pieces = static_pieces(snapshot, np.array([row]), near, who=self.who)
            if row in mine:
                numbers.update(range(len(out), len(out) + len(pieces)))
            out += [(piece, self._skin(snapshot, row, "", friction)) for piece in pieces]
        return out, frozenset(numbers)

    def _guards(self, space: Box, begin: Sequence[F8]) -> list[Piece]:
        """Walls on the rim that keep bouncing bodies in; whoever comes to rest on one is refused."""
        top = float(space.high[2])
        tall = max(float(world[2, 3]) for world in begin) - top + 1.0
        middle, half = (space.low + space.high) / 2, (space.high - space.low) / 2
        thick, out = 0.1, []
        for axis, sign in ((0, -1), (0, 1), (1, -1), (1, 1)):
            size = np.array([half[0] + thick, half[1] + thick, 2.0 ** np.ceil(np.log2(tall)) / 2])
            size[axis] = thick / 2
            frame = np.eye(4)
            frame[:3, 3] = [middle[0], middle[1], top + size[2]]
            frame[axis, 3] += sign * (half[axis] + thick / 2)
            out.append(Piece("box", tuple(size.tolist()), frame))
        return out


def _told(settled: Settled) -> dict[str, float | int]:
    return {
        "bodies": len(settled.poses),
        "seconds": round(settled.seconds, 6),
        "max_speed": float(settled.speed.max(initial=0.0)),
        "max_spin": float(settled.spin.max(initial=0.0)),
        "max_penetration": settled.depth,
    }


def _said(snapshot: Snapshot, path: str) -> Surface:
    mechanics = snapshot.mechanics or Mechanics()
    return mechanics.surfaces.get(path, Surface())


def _rows_below(snapshot: Snapshot, prims: Sequence[int]) -> np.ndarray:
    """Rows of visible instances at or below any of the prims, ascending."""
    if not len(prims):
        return np.empty(0, np.int64)
    return np.unique(np.concatenate([instances_below(snapshot, prim) for prim in prims]))
