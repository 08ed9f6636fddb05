"""Hides prims at random, so that scenes differ in what there is."""

from typing import Literal

import numpy as np
from pydantic import Field

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer


@RANDOMIZERS.register
class VisibilityRandomizer(Randomizer):
    """Shows each matched prim with some probability; of a PointInstancer, each of its points by itself.

    Attributes:
        prims: path patterns.
        probability: chance that a prim (or a point) stays visible.
    """

    kind: Literal["visibility"] = "visibility"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    probability: float = Field(default=0.5, ge=0, le=1)

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        edits = []
        for prim in editable_prims(snapshot, self.prims, who=self.who):
            path = snapshot.prims.path[prim]
            if snapshot.prims.type_name[prim] == "PointInstancer":
                edits.append(Edit(path, "invisibleIds", self._hidden_points(snapshot, draws, prim)))
                continue
            shown = draws.stream(f"show {path}").unit() < self.probability
            draws.note(f"show {path}", shown)
            if not shown:
                edits.append(Edit(path, "visibility", "invisible"))
        return edits

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """Everything hidden."""
        return self.model_copy(update={"probability": 0.0})(snapshot, Draws(0, 0, self.name))

    def _hidden_points(self, snapshot: Snapshot, draws: Draws, prim: int) -> tuple[int, ...]:
        path, points = snapshot.prims.path[prim], snapshot.points
        hidden = []
        for row in np.flatnonzero(points.instancer == prim):
            point = int(points.point_id[row])
            shown = draws.stream(f"show {path}[{point}]").unit() < self.probability
            if not (shown and points.visible[row]):
                hidden.append(point)
        draws.note(f"hidden {path}", sorted(hidden))
        return tuple(sorted(hidden))
