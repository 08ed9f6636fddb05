"""Chooses variants of prims: sizes, shapes, finishes that the scene's author prepared."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.edits import VARIANTS, Edit
from twinstage.scene.snapshot import Snapshot, VariantSet
from twinstage.synth.draws import Draws
from twinstage.synth.paths import PathPattern, editable_prims
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer

Weight = Annotated[float, Field(ge=0)]


@RANDOMIZERS.register
class VariantsRandomizer(Randomizer):
    """Selects a variant of one variant set, for each matched prim that has it by itself.

    The stage is composed and read again for each combination that comes up, and the last few are kept, so few
    combinations are quick.

    Attributes:
        prims: path patterns; of the prims they match, those that have the set.
        set: the name of the variant set.
        variants: those to choose from, all alike, or `{variant: weight}`; all that the prim offers where left out.
        together: one draw for all prims.
    """

    kind: Literal["variants"] = "variants"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    set: str
    variants: dict[str, Weight] = Field(default_factory=dict)
    together: bool = False

    @model_validator(mode="before")
    @classmethod
    def _names_alone(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("variants"), list | tuple):
            return {**data, "variants": {str(name): 1.0 for name in data["variants"]}}
        return data

    @model_validator(mode="after")
    def _something_to_choose(self) -> "VariantsRandomizer":
        if self.variants and not sum(self.variants.values()):
            raise ValueError("all weights of variants are 0")
        return self

    def structure_edits(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        return [
            Edit(found.prim_path, VARIANTS + self.set, self._chosen(draws, found))
            for found in self._sets(snapshot)
        ]

    def _sets(self, snapshot: Snapshot) -> list[VariantSet]:
        paths = {snapshot.prims.path[i] for i in editable_prims(snapshot, self.prims, who=self.who)}
        there = [found for found in snapshot.variants if found.prim_path in paths]
        mine = [found for found in there if found.name == self.set]
        if not mine:
            raise UserError(
                f"{self.who}: no prim that matches {', '.join(self.prims)} has a variant set {self.set!r}"
                f"{did_you_mean(self.set, sorted({found.name for found in there}))}"
            )
        return mine

    def _chosen(self, draws: Draws, found: VariantSet) -> str:
        weights = self._weights(found)
        name = self.set if self.together else f"{self.set} {found.prim_path}"
        chosen = _weighted(draws.stream(name).unit(), weights)
        draws.note(name, chosen)
        return chosen

    def _weights(self, found: VariantSet) -> Mapping[str, float]:
        for name in self.variants:
            if name not in found.variants:
                raise UserError(
                    f"{self.who}: variant set {self.set!r} of {found.prim_path} has no variant {name!r}"
                    f"{did_you_mean(name, found.variants)}"
                )
        return self.variants or dict.fromkeys(found.variants, 1.0)


def _weighted(unit: float, weights: Mapping[str, float]) -> str:
    """The name whose share of the weights a number in (0, 1) falls into."""
    at, total, last = unit * sum(weights.values()), 0.0, ""
    for name, weight in weights.items():
        total += weight
        last = name if weight else last
        if weight and at < total:
            return name
    return last
