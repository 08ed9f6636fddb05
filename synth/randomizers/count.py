"""Shows so many of a set: exactly a number, or one that is drawn."""

from typing import Literal

from pydantic import Field

from twinstage.base.errors import UserError
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Draws
from twinstage.synth.members import Member, hiding_edits, members_of
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer


@RANDOMIZERS.register
class CountRandomizer(Randomizer):
    """Leaves so many of the matched prims, and points of PointInstancers, visible; all choices are equally likely.

    What is hidden before (by the stage or an earlier randomizer) is not chosen from.

    Attributes:
        prims: path patterns.
        count: how many, rounded to a whole number.
        at_most: where fewer are there than `count` says, show all of them; otherwise that is an error.
    """

    kind: Literal["count"] = "count"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    count: NotNegative
    at_most: bool = False

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        prims = editable_prims(snapshot, self.prims, who=self.who)
        there = [member for member in members_of(snapshot, prims) if member.shown]
        wanted = max(round(draws.value("count", self.count)), 0)
        if wanted > len(there) and not self.at_most:
            raise UserError(
                f"{self.who}: {wanted} of {', '.join(self.prims)} are to be shown, but only {len(there)} are there "
                "(at_most: true shows what there is)"
            )
        ranked = sorted(there, key=lambda member: (draws.stream(f"rank {member.name}").unit(), member.name))
        chosen = {member.name for member in ranked[:wanted]}
        draws.note("shown", sorted(chosen))
        return hiding_edits(snapshot, prims, lambda member: member.name in chosen, draws)

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """Everything hidden."""
        prims = editable_prims(snapshot, self.prims, who=self.who)
        return hiding_edits(snapshot, prims, _never, Draws(0, 0, self.name))


def _never(member: Member) -> bool:
    return False
