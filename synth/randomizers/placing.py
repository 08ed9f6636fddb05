"""What all randomizers that find places for things have in common: trying until nothing is in the way, and saying why not."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, apply_edits, batch, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.blocks import Crowd, PlanCrowd
from twinstage.synth.draws import Draws
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import Randomizer, Rejected
from twinstage.synth.randomizers.camera import Volume
from twinstage.synth.regions import found
from twinstage.synth.things import Proposal, Thing, blocks_of, thing_of

Propose = Callable[[Thing, int], Proposal]
"""(thing, again) -> a place for it."""


class Placing(Randomizer):
    """Fields of randomizers that place things.

    Attributes:
        apart: keep boxes off each other in `space` (each box in its own axes), in `plan` (outlines seen from above, where
            heights overlap), or `no`.
        clearance: least gap that counts as apart [m].
        avoid: path patterns of what must not be hit: each prim by its own box, a PointInstancer by those of its points.
        keep_out: boxes in the world that nothing may reach into.
        within: a box in the world that nothing may reach out of.
        tries: places drawn for a thing before it is given up.
        crowded: what happens then: `reject` the attempt at the frame, or `hide` the thing.
    """

    apart: Literal["space", "plan", "no"] = "space"
    clearance: float = Field(default=0.0, ge=0)
    avoid: tuple[PathPattern, ...] = ()
    keep_out: tuple[Volume, ...] = ()
    within: Volume | None = None
    tries: int = Field(default=100, ge=1, le=100_000)
    crowded: Literal["reject", "hide"] = "reject"

    def place(
        self,
        snapshot: Snapshot,
        draws: Draws,
        prims: Sequence[int],
        propose: Propose,
        spacing: float = 0.0,
        *,
        boxes: bool = True,
    ) -> list[Edit]:
        """Edits that put each prim, in this order, at the first of its proposed places where it is free.

        `spacing`: least distance between the `point`s of places [m]. `boxes`: whether boxes of things are needed at all.
        """
        taken = self._taken(snapshot, prims)
        nested = _nested(snapshot, prims)
        points: list[F8] = []
        edits: list[Edit] = []
        for prim in prims:
            thing = thing_of(snapshot, prim, box=boxes)
            world = self._first_free(draws, thing, propose, taken, points, spacing)
            edit = (
                Edit(thing.path, "visibility", "invisible")
                if world is None
                else world_edit(snapshot, prim, world)
            )
            edits.append(edit)
            if prim in nested:
                snapshot = apply_edits(snapshot, batch([edit]))
        return edits

    def _first_free(
        self, draws: Draws, thing: Thing, propose: Propose, taken: Crowd, points: list[F8], spacing: float
    ) -> F8 | None:
        faults: Counter[str] = Counter()
        for again in range(self.tries):
            proposal = propose(thing, again)
            fault = proposal.fault or self._fault(thing, proposal, taken, points, spacing)
            if not fault and proposal.world is not None:
                self._take(draws, thing, proposal, taken, points, faults)
                return proposal.world
            faults[fault] += 1
        if self.crowded == "reject":
            raise Rejected(
                f"{self.who} found no place for {thing.path} in {self.tries} tries: {_told(faults)}"
            )
        draws.note(f"hidden {thing.path}", _told(faults))
        return None

    def _take(
        self,
        draws: Draws,
        thing: Thing,
        proposal: Proposal,
        taken: Crowd,
        points: list[F8],
        faults: Counter[str],
    ) -> None:
        assert proposal.world is not None  # the caller saw it
        block = thing.block(proposal.world)
        taken.add([] if block is None or self.apart == "no" else [block])
        points += [] if proposal.point is None else [proposal.point]
        draws.note(f"at {thing.path}", [float(v) for v in proposal.world[:3, 3]])
        if faults:
            draws.note(f"refused {thing.path}", dict(sorted(faults.items())))

    def _fault(self, thing: Thing, proposal: Proposal, taken: Crowd, points: list[F8], spacing: float) -> str:
        """Why the place cannot be taken, "" where it can."""
        assert proposal.world is not None  # it has no fault of its own
        if spacing > 0 and proposal.point is not None and _nearest(proposal.point, points) < spacing:
            return "too near another place"
        block = thing.block(proposal.world)
        if block is None:
            return ""
        if self.within is not None and not self.within.box.contains(block, 1e-9):
            return "reaches out of within"
        return "hits something" if taken.meets(block) else ""

    def _taken(self, snapshot: Snapshot, moving: Sequence[int]) -> Crowd:
        crowd = (PlanCrowd if self.apart == "plan" else Crowd)(self.clearance)
        own = set(moving)
        for prim in found(snapshot, self.avoid, self.who):
            if prim not in own:
                crowd.add(blocks_of(snapshot, prim))
        crowd.add([volume.box.corners for volume in self.keep_out])
        return crowd


def _nested(snapshot: Snapshot, prims: Sequence[int]) -> set[int]:
    """Those of the prims that have another of them below."""
    own, out = set(prims), set()
    for prim in prims:
        above = int(snapshot.prims.parent[prim])
        while above >= 0:
            if above in own:
                out.add(above)
            above = int(snapshot.prims.parent[above])
    return out


def _nearest(point: F8, others: Sequence[F8]) -> float:
    """The distance [m] to the nearest of the others."""
    return float(np.linalg.norm(np.array(others) - point, axis=1).min()) if others else np.inf


def _told(faults: Counter[str]) -> str:
    return ", ".join(f"{count} x {fault}" for fault, count in sorted(faults.items()))
