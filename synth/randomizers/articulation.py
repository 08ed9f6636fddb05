"""Moves joints: arms, doors, grippers. What hangs on a joint moves with it, as it does in the live twin.

    - kind: articulation
      name: arm
      joints:
        - {joint: "/Cell/Robot/Physics/joint_*"}                      # anywhere between its limits
        - {joint: /Cell/Robot/Physics/joint_1, value: [-60, 60]}      # degrees; metres where it slides
        - {joint: /Cell/Robot/Physics/joint_5, share: [0.2, 0.5]}     # from 0, the lower limit, to 1, the upper one
        - {prim: /Cell/Cabinet/Door, axis: Z, value: [0, 90]}         # where the stage has no joint

A value is the joint's own coordinate, as its limits are; of `prim` with `axis`, it counts from where the prim stands. Where two
items mean the same joint, the later one holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.edits import Edit, transform_edit
from twinstage.scene.joints import AXES, Joint
from twinstage.scene.mechanics import Mechanics, SceneJoint
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Distribution, Draws, Uniform
from twinstage.synth.kinematics import Chain, Move, check_shear, with_dragged
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, editable_prims, matching
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected


class JointItem(Model):
    """One joint, or all that a pattern matches.

    Attributes:
        joint: path pattern of UsdPhysics revolute or prismatic joints.
        prim: a prim to move where there is no joint, about or along `axis` (X, Y, Z or a vector in its own frame) through
            `pivot` (own frame [m]); motion: rotate or slide.
        value: the coordinate [degrees, or m where it slides].
        share: the same as a share of the range between the limits, from 0 to 1.
        coupling: added to it: the coordinate of another joint times a factor, by joint path.
        limits: of `prim` [degrees or m]; of a joint, in place of its own.
    """

    joint: PathPattern | None = None
    prim: PathPattern | None = None
    axis: Literal["X", "Y", "Z"] | tuple[float, float, float] | None = None
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    motion: Literal["rotate", "slide"] = "rotate"
    value: Distribution | None = None
    share: Distribution | None = None
    coupling: dict[str, float] = Field(default_factory=dict)
    limits: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "JointItem":
        if (self.joint is None) == (self.prim is None):
            raise ValueError("exactly one of joint and prim is expected")
        own = (self.axis, self.pivot, self.motion) != (None, (0.0, 0.0, 0.0), "rotate")
        if self.joint is not None and own:  # by value: a recipe that is written out names every field
            raise ValueError("a joint has its own axis, pivot and motion; give these with prim")
        if self.prim is not None and self.axis is None:
            raise ValueError("prim needs an axis: X, Y, Z or a vector in its own frame")
        if self.axis is not None and not isinstance(self.axis, str) and not any(self.axis):
            raise ValueError("the axis has no length")
        if self.value is not None and self.share is not None:
            raise ValueError("value and share exclude each other")
        if self.limits is not None and self.limits[1] < self.limits[0]:
            raise ValueError(f"limits: {self.limits[1]:g} is below {self.limits[0]:g}")
        return self


@dataclass(frozen=True, slots=True)
class _Driven:
    """A joint with what is drawn for it, in degrees or metres; `now`: where it stands."""

    path: str
    item: JointItem
    joint: Joint
    lower: float
    upper: float
    now: float

    def distribution(self, who: str) -> Distribution:
        """Of the coordinate before coupling."""
        if self.item.value is not None:
            return self.item.value
        if not math.isfinite(self.lower + self.upper):
            raise UserError(f"{who}: {self.path} has no limits to draw between; give value")
        if self.item.share is not None:
            return self.item.share
        return Uniform(low=self.lower, high=self.upper)

    def coordinate(self, drawn: float) -> float:
        """The coordinate that a drawn number means."""
        return self.lower + drawn * (self.upper - self.lower) if self.item.share is not None else drawn


@RANDOMIZERS.register
class ArticulationRandomizer(Randomizer):
    """Draws joint coordinates within their limits.

    Attributes:
        joints: what to move; see the module's docstring.
        tries: values drawn for a joint before the attempt at the frame is given up, where limits refuse them.
    """

    kind: Literal["articulation"] = "articulation"
    needs_mechanics: ClassVar[bool] = True
    joints: tuple[JointItem, ...] = Field(min_length=1)
    tries: int = Field(default=50, ge=1, le=100_000)

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        driven = self._driven(snapshot)
        values = self._values(driven, draws)
        moves: dict[int, Move] = {}
        for path, one in driven.items():
            draws.note(f"joint {path}", values[path])
            node = self._movable(snapshot, one.joint.body1)
            if node in moves:
                raise UserError(
                    f"{self.who}: {one.joint.body1} is moved by two joints, {path} is one of them"
                )
            check_shear(one.joint, snapshot.node_world[node], self.who)
            unit = math.pi / 180 if one.joint.motion == "rotate" else 1.0
            moves[node] = Move(one.joint, (values[path] - one.now) * unit)
        return self._edits(snapshot, moves)

    def _edits(self, snapshot: Snapshot, moves: dict[int, Move]) -> list[Edit]:
        mechanics = snapshot.mechanics or Mechanics()
        undriven = [j.joint for j in mechanics.joints] + list(mechanics.fixed)
        chain = Chain(snapshot, with_dragged(snapshot, moves, undriven), self.who)
        edits = []
        for node in sorted(chain.moves):
            if not chain.moves[node].by:
                self._movable(snapshot, snapshot.prims.path[node])
            parent = int(snapshot.node_parent[node])
            world = chain.world(node)
            local = world if parent < 0 else np.linalg.solve(chain.world(parent), world)
            edits.append(transform_edit(snapshot, node, local))
        return edits

    def _movable(self, snapshot: Snapshot, path: str) -> int:
        if path not in snapshot.prims.index_of:
            near = did_you_mean(path, snapshot.prims.path)
            raise UserError(f"{self.who}: a joint moves {path}, which does not exist{near}")
        return editable_prims(snapshot, [path], who=self.who)[0]

    # --- values ---------------------------------------------------------------------------------------------------

    def _values(self, driven: dict[str, _Driven], draws: Draws) -> dict[str, float]:
        """Coordinates in degrees or metres by path: each drawn, coupled, within its limits."""
        out: dict[str, float] = {}
        open_: list[str] = []

        def value(path: str) -> float:
            if path in open_:
                raise UserError(f"{self.who}: the coupling of {path} leads back to itself")
            if path not in out:
                open_.append(path)
                one = driven[path]
                added = sum(
                    factor * value(self._coupled(other, path, driven))
                    for other, factor in one.item.coupling.items()
                )
                out[path] = self._draw(one, added, draws)
                open_.pop()
            return out[path]

        for path in driven:
            value(path)
        return out

    def _coupled(self, other: str, path: str, driven: dict[str, _Driven]) -> str:
        if other not in driven:
            raise UserError(
                f"{self.who}: {path} is coupled to {other}, which this randomizer does not move"
                f"{did_you_mean(other, list(driven))}"
            )
        return other

    def _draw(self, one: _Driven, added: float, draws: Draws) -> float:
        distribution = one.distribution(self.who)
        slack = 1e-9 * max(1.0, abs(one.now))
        for again in range(self.tries):
            drawn = draws.value(f"q {one.path}", distribution, again)
            found = one.coordinate(drawn) + added
            if one.lower - slack <= found <= one.upper + slack:
                return found
        raise Rejected(f"{self.who}: no value drawn for {one.path} lies within its limits")

    # --- joints ---------------------------------------------------------------------------------------------------

    def _driven(self, snapshot: Snapshot) -> dict[str, _Driven]:
        """What is moved, by path of the joint (or prim), in path order."""
        known = {j.joint.path: j for j in (snapshot.mechanics or Mechanics()).joints}
        out: dict[str, _Driven] = {}
        for item in self.joints:
            if item.joint is not None:
                out |= {
                    path: _of_joint(snapshot, item, known[path])
                    for path in self._matched(item.joint, known, snapshot)
                }
            else:
                out |= {one.path: one for one in self._of_prims(snapshot, item)}
        return dict(sorted(out.items()))

    def _matched(self, pattern: str, known: dict[str, SceneJoint], snapshot: Snapshot) -> list[str]:
        paths = list(known)
        found = [paths[i] for i in matching([pattern], paths)]
        if not found:
            there = matching([pattern], snapshot.prims.path)
            if there:
                path = snapshot.prims.path[there[0]]
                kind = snapshot.prims.type_name[there[0]] or "typeless prim"
                raise UserError(
                    f"{self.who}: {path} is a {kind}; only revolute and prismatic joints that name a body1 can be moved"
                )
            raise UserError(f"{self.who}: no joint matches {pattern!r}{did_you_mean(pattern, paths)}")
        return found

    def _of_prims(self, snapshot: Snapshot, item: JointItem) -> Sequence[_Driven]:
        assert item.prim is not None and item.axis is not None
        axis = np.array(AXES[item.axis] if isinstance(item.axis, str) else item.axis, np.float64)
        axis /= np.linalg.norm(axis)
        lower, upper = item.limits or (-math.inf, math.inf)
        out = []
        for prim in editable_prims(snapshot, [item.prim], who=self.who):
            path = snapshot.prims.path[prim]
            joint = Joint(path, "", path, item.motion, axis, np.array(item.pivot))
            out.append(_Driven(path, item, joint, lower, upper, 0.0))
        return out


def _of_joint(snapshot: Snapshot, item: JointItem, found: SceneJoint) -> _Driven:
    index, joint = snapshot.prims.index_of, found.joint
    unit = 180 / math.pi if joint.motion == "rotate" else 1.0
    lower, upper = item.limits or (found.lower * unit, found.upper * unit)
    ends = [snapshot.node_world[index[b]] if b in index else np.eye(4) for b in (joint.body0, joint.body1)]
    return _Driven(joint.path, item, joint, lower, upper, found.coordinate(ends[0], ends[1]) * unit)
