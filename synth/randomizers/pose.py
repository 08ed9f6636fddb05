"""Moves prims about where they stand: offset, turn and scale, or another place in a rectangle.

Everything is told in the world's axes, in metres and degrees, whatever the stage's units. Rotation and scale act about the
prim's own origin. A scatter draws x and y and keeps z, so things stay on their floor, shelf or pallet.
"""

from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import Positive
from twinstage.synth.draws import Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS
from twinstage.synth.randomizers.placing import Placing
from twinstage.synth.things import Proposal, Thing
from twinstage.synth.turns import euler


class Rectangle(Model):
    """A rectangle in the world's XY plane [m]; origins of prims are scattered over it."""

    min: tuple[float, float]
    max: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> "Rectangle":
        if self.max[0] < self.min[0] or self.max[1] < self.min[1]:
            raise ValueError(f"max {list(self.max)} lies below min {list(self.min)}")
        return self


@RANDOMIZERS.register
class PoseRandomizer(Placing):
    """Jitters prims, optionally keeping their boxes apart.

    Attributes:
        prims: path patterns; each prim that they match is moved by itself.
        translate: offset along the world's axes [m].
        rotate: turn about the world's x, then y, then z axis through the prim's origin [degrees].
        scale: uniform factor about the prim's origin.
        scatter: where origins go instead of `translate.x` and `.y`.
        no_overlap: short for `apart: space`.
        apart: as in `Placing`, but `no` where nothing is said.
    """

    kind: Literal["pose"] = "pose"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    translate: Axes | None = None
    rotate: Axes | None = None
    scale: Positive | None = None
    scatter: Rectangle | None = None
    no_overlap: bool = False
    apart: Literal["space", "plan", "no"] = "no"

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("no_overlap") is True:
            return {"apart": "space", **data}
        return data

    @model_validator(mode="after")
    def _does_something(self) -> "PoseRandomizer":
        if all(v is None for v in (self.translate, self.rotate, self.scale, self.scatter)):
            raise ValueError("nothing to do: give translate, rotate, scale or scatter")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        prims = editable_prims(snapshot, self.prims, who=self.who)
        boxes = self.apart != "no" or self.within is not None
        return self.place(
            snapshot, draws, prims, lambda *ask: Proposal(self._moved(draws, *ask)), boxes=boxes
        )

    def _moved(self, draws: Draws, thing: Thing, again: int) -> F8:
        world, path = np.array(thing.before), thing.path
        if self.rotate is not None:
            world[:3, :3] = euler(self.rotate.sample(draws, f"rotate {path}", again)) @ world[:3, :3]
        if self.scale is not None:
            world[:3, :3] *= draws.value(f"scale {path}", self.scale, again)
        if self.translate is not None:
            world[:3, 3] += self.translate.sample(draws, f"translate {path}", again)
        if self.scatter is not None:
            stream = draws.stream(f"scatter {path}", again)
            area = zip(self.scatter.min, self.scatter.max, strict=True)
            world[:2, 3] = [stream.uniform(low, high) for low, high in area]
        return world
