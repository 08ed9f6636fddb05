"""What a randomizer is: a frozen model with a `kind` and a call from a scene and its draws to USD edits."""

from twinstage.base.registry import Registry
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.model import Model


class Rejected(Exception):
    """This attempt at a frame cannot be used; the reason is one sentence. Not an error: the next attempt follows."""


class Randomizer(Model):
    """One named change that differs from frame to frame. `name` keys its draws: rename it and the draws change."""

    kind: str
    name: str

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        """The edits for one frame. Sees the scene as the randomizers before it left it. May raise `Rejected`."""
        raise NotImplementedError

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """Edits for what only few draws change, so that an engine can prepare for it; need not be a possible frame."""
        return []

    @property
    def who(self) -> str:
        """How messages name it."""
        return f"randomizer {self.name!r}"


RANDOMIZERS: Registry[Randomizer] = Registry("randomizer", group="twinstage.randomizers")
