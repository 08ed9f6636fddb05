"""Dresses prims in other materials of the scene."""

from typing import Literal

from pydantic import Field

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.edits import BINDING, Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.paths import PathPattern, editable_prims, matching
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer


@RANDOMIZERS.register
class BindingRandomizer(Randomizer):
    """Binds one of some materials to each prim and all below it, stronger than what is bound there.

    Attributes:
        prims: path patterns.
        materials: path patterns of materials that something in the stage wears; one is drawn for each prim.
        together: one draw for all prims instead of one each.
    """

    kind: Literal["binding"] = "binding"
    prims: tuple[PathPattern, ...] = Field(min_length=1)
    materials: tuple[PathPattern, ...] = Field(min_length=1)
    together: bool = False

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        names = self._names(snapshot)
        edits = []
        for prim in editable_prims(snapshot, self.prims, who=self.who):
            path = snapshot.prims.path[prim]
            field = "material" if self.together else f"material {path}"
            chosen = names[draws.stream(field).below(len(names))]
            draws.note(field, chosen)
            edits.append(Edit(path, BINDING, chosen))
        return edits

    def _names(self, snapshot: Snapshot) -> list[str]:
        known = list(dict.fromkeys(m.path for m in snapshot.materials if m.path))
        for pattern in self.materials:
            if not matching([pattern], known):
                raise UserError(
                    f"{self.who}: no material that anything wears matches {pattern!r}{did_you_mean(pattern, known)}"
                )
        return [known[i] for i in matching(self.materials, known)]
