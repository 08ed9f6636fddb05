"""One attempt at a frame: all that is drawn, and the scene that comes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from twinstage.scene.edits import Edit, EditBatch, apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws, UnknownDraw
from twinstage.synth.effects import Effect
from twinstage.synth.randomizers import Randomizer, Rejected
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
        picked: items that were chosen, by group.
    """

    scene: Scene
    snapshot: Snapshot
    edits: EditBatch
    draws: dict[str, Any]
    effects: tuple[Effect, ...] = ()
    picked: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Step:
    """A randomizer's part of an attempt. `active` is decided once, at the first question."""

    randomizer: Randomizer
    draws: Draws
    _active: bool | None = None

    @property
    def active(self) -> bool:
        """Whether its trigger lets it do something in this frame."""
        if self._active is None:
            self._active = self.draws.active = self.randomizer.when.holds(self.draws)
        return self._active

    @property
    def changes_structure(self) -> bool:
        kind = type(self.randomizer)
        return (
            kind.structure_edits is not Randomizer.structure_edits
            or kind.time_code is not Randomizer.time_code
        )


def randomize(staged: StagedRecipe, frame: int, attempt: int = 0, split: str | None = None) -> Randomized:
    """The scene of an attempt at a frame of that split. May raise `Rejected`."""
    steps = steps_of(staged.recipe, frame, attempt, split)
    structure, time = structure_of(steps, staged.first.snapshot)
    scene = staged.scene(batch(structure), time)
    snapshot, edits = scene.snapshot, list(structure)
    for step in steps:
        if step.active:
            with blamed(step.randomizer):
                mine = step.randomizer(snapshot, step.draws)
            snapshot = apply_edits(snapshot, batch(mine))
            edits += mine
    effects: list[Effect] = []
    for step in steps:
        if step.active:
            with blamed(step.randomizer):
                effects += step.randomizer.picture_effects(snapshot, step.draws)
    drawn = {step.randomizer.name: step.draws.log for step in steps}
    return Randomized(scene, snapshot, batch(edits), drawn, tuple(effects), _picked(steps))


def structure_of(steps: list[Step], base: Snapshot) -> tuple[list[Edit], float | None]:
    """What the stage has to be composed with, and the time code it is read at."""
    edits: list[Edit] = []
    time: float | None = None
    for step in steps:
        if not step.changes_structure:
            continue
        with _drawn_first(), blamed(step.randomizer):
            if step.active:
                edits += step.randomizer.structure_edits(base, step.draws)
                at = step.randomizer.time_code(base, step.draws)
                time = time if at is None else at
    return edits, time


def steps_of(recipe: Recipe, frame: int, attempt: int = 0, split: str | None = None) -> list[Step]:
    """The randomizers with their draws, each of which sees those of the ones before it."""
    dealing, out = recipe.dealing, list[Step]()
    earlier: dict[str, Draws] = {}
    for randomizer in recipe.randomize:
        when = randomizer.when
        draws = Draws(
            recipe.seed,
            when.key_frame(frame),
            randomizer.name,
            attempt,
            split,
            dealing,
            index=when.index(frame),
            shown_frame=frame,
            earlier=dict(earlier),
        )
        earlier[randomizer.name] = draws
        out.append(Step(randomizer, draws))
    return out


@contextmanager
def _drawn_first() -> Iterator[None]:
    """A draw that is not there yet says why."""
    try:
        yield
    except UnknownDraw as error:
        raise UnknownDraw(
            f"{error}; variants and animation are drawn before all else, so they can go with one another only"
        ) from None


@contextmanager
def blamed(randomizer: Randomizer) -> Iterator[None]:
    """A rejection that passes through says whose it was."""
    try:
        yield
    except Rejected as rejected:
        rejected.rule = rejected.rule or f"randomize.{randomizer.name}"
        raise


def _picked(steps: list[Step]) -> dict[str, list[str]]:
    out: dict[str, set[str]] = {}
    for step in steps:
        for group, items in step.draws.picked.items():
            out.setdefault(group, set()).update(items)
    return {group: sorted(items) for group, items in sorted(out.items())}
