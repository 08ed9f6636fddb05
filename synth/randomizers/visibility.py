"""Hides prims at random, so that scenes differ in what there is."""

from typing import Literal

from pydantic import Field

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.members import Member, hiding_edits
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer


@RANDOMIZERS.register
class VisibilityRandomizer(Randomizer):
    """Shows each matched prim with some probability; of a PointInstancer, each of its points by itself.

    Attributes:
        prims: path patterns.
        probability: chance that a prim (or a point) stays visible.
        together: one draw for all of them.
    """

    kind: Literal["visibility"] = "visibility"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    probability: float = Field(default=0.5, ge=0, le=1)
    together: bool = False

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        prims = editable_prims(snapshot, self.prims, who=self.who)
        return hiding_edits(snapshot, prims, lambda member: self._shown(draws, member), draws)

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """Everything hidden."""
        return self.model_copy(update={"probability": 0.0})(snapshot, Draws(0, 0, self.name))

    def _shown(self, draws: Draws, member: Member) -> bool:
        name = "show" if self.together else f"show {member.name}"
        shown = draws.stream(name).unit() < self.probability
        if self.together or member.point < 0:
            draws.note(name, shown)
        return shown
