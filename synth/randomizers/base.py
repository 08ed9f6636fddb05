"""What a randomizer is: a frozen model with a `kind` and a call from a scene and its draws to USD edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from twinstage.base.registry import Registry
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot, StageInfo
from twinstage.synth.draws import Draws
from twinstage.synth.effects import Effect
from twinstage.synth.model import Model
from twinstage.synth.triggers import ALWAYS, Trigger


class Rejected(Exception):
    """This attempt at a frame cannot be used; the reason is one sentence. Not an error: the next attempt follows.

    `rule`: what refused it, for counting: `accept.<field>` or `randomize.<name>`.
    """

    def __init__(self, reason: str, rule: str = "") -> None:
        super().__init__(reason)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known before any frame: the stage's units, the folders that files in a recipe are relative to.

    `allowed`: the folders that the stage may reach, and with it the recipe's images.
    """

    info: StageInfo
    recipe_folder: Path
    stage_folder: Path
    allowed: AllowedFolders | None = None


class Randomizer(Model):
    """One named change that differs from frame to frame. `name` keys its draws: rename it and the draws change.

    A frame is made in this order, each step for all randomizers in the recipe's order: `added_prims` once for the dataset;
    `structure_edits` and `time_code`, which need the stage composed anew; the call itself; `picture_effects`, on the picture.
    """

    kind: str
    name: str
    when: Trigger = ALWAYS
    needs_mechanics: ClassVar[bool] = False
    """Whether its call looks at `Snapshot.mechanics`: joints, surfaces and masses."""

    def choices(self) -> Mapping[str, Sequence[str]]:
        """All items that `draws.pick` may get, by group: only needed where several randomizers choose among the same."""
        return {}

    def inputs(self) -> Mapping[str, str]:
        """SHA-256 by name of the files beside the stage that it may read; asked for after `added_prims`."""
        return {}

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        """Prims that are there in all frames, defined in the randomization layer; what no frame needs is hidden."""
        return []

    def structure_edits(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        """Edits that the snapshot cannot follow, for which the stage is read again: `variants:<set>`.

        `snapshot`: the stage as it is without any. Few different results: each is kept in memory.
        """
        return []

    def time_code(self, snapshot: Snapshot, draws: Draws) -> float | None:
        """The time code at which the stage is read; None leaves it. The last randomizer that names one decides."""
        return None

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        """The edits for one frame. Sees the scene as the randomizers before it left it. May raise `Rejected`."""
        return []

    def picture_effects(self, snapshot: Snapshot, draws: Draws) -> list[Effect]:
        """What is done to each picture of the frame; `snapshot` is the finished scene."""
        return []

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """Edits for what only few draws change, so that an engine can prepare for it; need not be a possible frame."""
        return []

    @property
    def who(self) -> str:
        """How messages name it."""
        return f"randomizer {self.name!r}"


RANDOMIZERS: Registry[Randomizer] = Registry("randomizer", group="twinstage.randomizers")
