"""Places prims where such things belong: on, in, next to or in line with another prim (structured domain randomization).

A. Prakash et al., "Structured Domain Randomization", ICRA 2019, is the idea; each relation here is geometry of boxes and
surfaces alone, so it holds for any scene.
"""

from typing import Literal

from pydantic import Field, model_validator

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Constant, Distribution, Draws, Uniform
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.base import RANDOMIZERS, Rejected
from twinstage.synth.randomizers.placing import Placing, Propose
from twinstage.synth.regions import found
from twinstage.synth.relations import Anchor, InLine, Inside, NextTo, OnTop
from twinstage.synth.things import Thing, thing_of


@RANDOMIZERS.register
class ContextRandomizer(Placing):
    """Places prims in relation to another one, drawn for each of them from `to`.

    Attributes:
        prims: path patterns; each prim that they match is placed by itself.
        relation: `on` top of it, `in` it (a container that is open above), `next_to` it, or `aligned` with it in a row.
        to: path patterns of the prims that things may be related to; hidden ones are left out.
        yaw: turn about the vertical [degrees]; of `next_to` and `aligned` from the other's own heading.
        top: of `on`: its `surface` (all triangles that face up), or the top of its `box`.
        support: of `on`: share of the outline that has to stand on it: 0 its middle, 1 all corners.
        wall: of `in`: distance that is kept from the sides of its box [m].
        below_rim: of `in`: whether nothing may stick out above its box.
        distance: of `next_to` and `aligned`: gap between outlines seen from above [m].
        direction: of `next_to`: where to, seen from the other [degrees], 0 = its own x axis.
        side: of `aligned`: along which of its axes the row goes, from its end on.
        offset: of `aligned`: sideways from the row [m].
    """

    kind: Literal["context"] = "context"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    relation: Literal["on", "in", "next_to", "aligned"]
    to: tuple[PathPattern, ...] = Field(min_length=1)
    yaw: Distribution | None = None
    top: Literal["surface", "box"] = "surface"
    support: float = Field(default=1.0, ge=0, le=1)
    wall: float = Field(default=0.02, ge=0)
    below_rim: bool = False
    distance: NotNegative = Uniform(low=0.02, high=0.1)
    direction: Distribution = Uniform(low=0, high=360)
    side: Literal["+x", "-x", "+y", "-y"] = "+x"
    offset: Distribution = Constant(value=0.0)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: object) -> object:
        if isinstance(data, dict):
            one: dict[str, object] = {k: [data[k]] for k in ("prims", "to") if isinstance(data.get(k), str)}
            if data.get("relation") is True:  # YAML 1.1 reads a bare `on` so
                one["relation"] = "on"
            return {**data, **one}
        return data

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        prims = editable_prims(snapshot, self.prims, who=self.who)
        return self.place(snapshot, draws, prims, self._proposer(snapshot, draws, prims))

    def _proposer(self, snapshot: Snapshot, draws: Draws, prims: list[int]) -> Propose:
        moving = set(prims)
        anchors = [
            Anchor.of(snapshot, thing_of(snapshot, prim))
            for prim in found(snapshot, self.to, self.who)
            if prim not in moving
        ]
        shown = [anchor for anchor in anchors if anchor is not None]
        if not shown:
            raise Rejected(
                f"{self.who}: nothing of {', '.join(self.to)} is visible to be placed {self._word}"
            )
        relation = {"on": OnTop, "in": Inside, "next_to": NextTo, "aligned": InLine}[self.relation](
            self, draws
        )

        def anchor_of(thing: Thing, again: int) -> Anchor:
            name = "anchor" if self.relation == "aligned" else f"anchor {thing.path}"
            chosen = shown[draws.stream(name, 0 if self.relation == "aligned" else again).below(len(shown))]
            draws.note(name, chosen.path)
            return chosen

        return lambda thing, again: relation.propose(anchor_of(thing, again), thing, again)

    @property
    def _word(self) -> str:
        return self.relation.replace("_", " ")
