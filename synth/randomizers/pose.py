"""Moves prims: jitter about where they stand, or a scatter over a rectangle without overlap.

Everything is told in the world's axes, in metres and degrees, whatever the stage's units. Rotation and scale act about the
prim's own origin. A scatter draws x and y and keeps z, so things stay on their floor, shelf or pallet.
"""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.render.extents import SHARED_BOUNDS, Bounds, transform
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, apply_edits, batch, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.footprints import Footprint, footprint, overlap
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, editable_prims, matching
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected
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
class PoseRandomizer(Randomizer):
    """Jitters or scatters prims, optionally keeping their bounding boxes apart.

    Attributes:
        prims: path patterns; each prim that they match is moved by itself.
        translate: offset along the world's axes [m].
        rotate: turn about the world's x, then y, then z axis through the prim's origin [degrees].
        scale: uniform factor about the prim's origin.
        scatter: where origins go instead of `translate.x` and `.y`.
        no_overlap: keep the prims off one another and off `avoid`.
        clearance: least gap in plan that counts as apart [m].
        avoid: path patterns of things that stay where they are and must not be hit.
        tries: placements drawn for a prim before the attempt at the frame is given up.
    """

    kind: Literal["pose"] = "pose"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    translate: Axes | None = None
    rotate: Axes | None = None
    scale: Distribution | None = None
    scatter: Rectangle | None = None
    no_overlap: bool = False
    clearance: float = Field(default=0.0, ge=0)
    avoid: tuple[PathPattern, ...] = ()
    tries: int = Field(default=50, ge=1)

    @model_validator(mode="after")
    def _does_something(self) -> "PoseRandomizer":
        if all(v is None for v in (self.translate, self.rotate, self.scale, self.scatter)):
            raise ValueError("nothing to do: give translate, rotate, scale or scatter")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        bounds = SHARED_BOUNDS
        prims = editable_prims(snapshot, self.prims, who=self.who)
        taken = self._obstacles(snapshot, bounds, prims) if self.no_overlap else []
        edits = []
        for prim in prims:
            world, mine = self._place(snapshot, draws, bounds, prim, taken)
            taken += mine
            edits.append(world_edit(snapshot, prim, world))
            if self._has_children(snapshot, prim, prims):
                snapshot = apply_edits(snapshot, batch(edits[-1:]))
        return edits

    def _has_children(self, snapshot: Snapshot, prim: int, prims: list[int]) -> bool:
        path = snapshot.prims.path[prim] + "/"
        return any(snapshot.prims.path[other].startswith(path) for other in prims)

    def _obstacles(self, snapshot: Snapshot, bounds: Bounds, moving: list[int]) -> list[Footprint]:
        out = []
        for prim in matching(self.avoid, snapshot.prims.path):
            box = bounds.of_prim(snapshot, prim)
            if prim not in moving and box is not None:
                out.append(footprint(box.corners))
        return out

    def _place(
        self, snapshot: Snapshot, draws: Draws, bounds: Bounds, prim: int, taken: list[Footprint]
    ) -> tuple[F8, list[Footprint]]:
        path, before = snapshot.prims.path[prim], snapshot.node_world[prim]
        box = bounds.of_prim(snapshot, prim) if self.no_overlap else None
        for attempt in range(self.tries):
            world = self._draw(draws, path, before, attempt)
            if box is None:
                return world, []
            # The box in the world as it stands now, carried along: safe for any turn, exact for none.
            mine = footprint(transform(world @ np.linalg.inv(before), box.corners))
            if not any(overlap(mine, other, self.clearance) for other in taken):
                return world, [mine]
        raise Rejected(f"{self.who} found no free place for {path} in {self.tries} tries")

    def _draw(self, draws: Draws, path: str, before: F8, again: int) -> F8:
        world = np.array(before)
        if self.rotate is not None:
            world[:3, :3] = euler(self.rotate.sample(draws, f"rotate {path}", again)) @ world[:3, :3]
        if self.scale is not None:
            world[:3, :3] *= draws.value(f"scale {path}", self.scale, again)
        if self.translate is not None:
            world[:3, 3] += self.translate.sample(draws, f"translate {path}", again)
        if self.scatter is not None:
            stream = draws.stream(f"scatter {path}", again)
            world[0, 3] = stream.uniform(self.scatter.min[0], self.scatter.max[0])
            world[1, 3] = stream.uniform(self.scatter.min[1], self.scatter.max[1])
            draws.note(f"scatter {path}", [float(world[0, 3]), float(world[1, 3])])
        return world
