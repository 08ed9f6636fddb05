"""The picture engine of one stage, which knows from the recipe alone what differs from frame to frame.

Touches the renderer. It never learns from earlier frames, so any process makes the same bytes of any frame.
"""

from contextlib import suppress

from twinstage.render.capture import Camera
from twinstage.render.engines import Engine, Expecting, open_engine
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4
from twinstage.scene.edits import apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Stream
from twinstage.synth.images import Photo, photo
from twinstage.synth.look import View
from twinstage.synth.randomize import Randomized, randomize
from twinstage.synth.randomizers import Randomizer, Rejected
from twinstage.synth.staged import StagedRecipe

EXAMPLES = 6
"""Frames whose draws tell an engine what changes; the same ones in every process."""


class Studio:
    """Pictures of one stage's frames; the engine opens at the first one."""

    def __init__(self, staged: StagedRecipe) -> None:
        self.staged = staged
        self._engine: Engine | None = None

    def photo(self, frame: int, made: Randomized, view: View) -> Photo:
        """The picture of a view, with the frame's effects."""
        recipe = self.staged.recipe
        key = (recipe.seed, frame)
        return photo(self._opened(), recipe.engine, made.snapshot, view, made.effects, key)

    def light(self, frame: int, made: Randomized, camera: Camera, motion: Motion | None = None) -> F4:
        """Linear rgb f4[h, w, 3] of any camera, for sensors that sit elsewhere than the recipe's cameras."""
        recipe = self.staged.recipe
        seed = Stream(recipe.seed, frame, "engine", "sensor", camera.name, recipe.engine.seed).word()
        out: F4 = self._opened().render(made.snapshot, camera, seed=seed, motion=motion).aovs["linear"]
        return out

    def _opened(self) -> Engine:
        if self._engine is None:
            recipe = self.staged.recipe
            settings = recipe.engine
            effects = any(type(r).picture_effects is not Randomizer.picture_effects for r in recipe.randomize)
            if effects or recipe.needs_linear:
                settings = settings.model_copy(update={"outputs": ("rgb", "linear")})
            self._engine = open_engine(settings)
            if isinstance(self._engine, Expecting):
                self._engine.expect(self.staged.first.snapshot, self.examples())
        return self._engine

    def examples(self) -> list[Snapshot]:
        """Scenes that differ in all that the randomizers change, whatever frames this process is to make."""
        out = []
        base = self.staged.first.snapshot
        for frame in range(EXAMPLES):
            with suppress(Rejected):
                made = randomize(self.staged, frame)
                if made.scene is self.staged.first:
                    out.append(made.snapshot)
        extremes = [edit for r in self.staged.recipe.randomize for edit in r.extremes(base)]
        if extremes:
            out.append(apply_edits(base, batch(extremes)))
        return out
