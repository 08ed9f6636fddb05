"""One attempt at a frame: all that is drawn, and the scene that comes of it."""

from dataclasses import dataclass
from typing import Any

from twinstage.scene.edits import EditBatch, apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.effects import Effect
from twinstage.synth.randomizers import Randomizer
from twinstage.synth.recipe import Recipe
from twinstage.synth.staged import Scene, StagedRecipe


@dataclass(frozen=True, slots=True)
class Randomized:
    """The scene of an attempt.

    Attributes:
        scene: what it began with; snapshot: what came of it.
        edits: all that leads from the stage to it, the scene's structure included.
        draws: what was drawn, by randomizer and field.
        effects: what is done to its pictures.
    """

    scene: Scene
    snapshot: Snapshot
    edits: EditBatch
    draws: dict[str, Any]
    effects: tuple[Effect, ...] = ()


def randomize(staged: StagedRecipe, frame: int, attempt: int = 0, split: str | None = None) -> Randomized:
    """The scene of an attempt at a frame of that split. May raise `Rejected`."""
    recipe = staged.recipe
    steps = [(r, draws_of(recipe, r, frame, attempt, split)) for r in recipe.randomize]
    base = staged.first.snapshot
    structure = [edit for randomizer, draws in steps for edit in randomizer.structure_edits(base, draws)]
    times = [time for r, draws in steps if (time := r.time_code(base, draws)) is not None]
    scene = staged.scene(batch(structure), times[-1] if times else None)
    snapshot, edits = scene.snapshot, list(structure)
    for randomizer, draws in steps:
        mine = randomizer(snapshot, draws)
        snapshot = apply_edits(snapshot, batch(mine))
        edits += mine
    effects = tuple(effect for r, draws in steps for effect in r.picture_effects(snapshot, draws))
    drawn = {randomizer.name: draws.log for randomizer, draws in steps}
    return Randomized(scene, snapshot, batch(edits), drawn, effects)


def draws_of(
    recipe: Recipe, randomizer: Randomizer, frame: int, attempt: int = 0, split: str | None = None
) -> Draws:
    """The draws of one randomizer for an attempt at a frame."""
    return Draws(
        recipe.seed, randomizer.when.key_frame(frame), randomizer.name, attempt, split, recipe.dealing
    )
