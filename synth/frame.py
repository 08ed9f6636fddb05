"""Making one frame: draw, apply, look, decide, write. A `FrameMaker` holds the open stage and the engine of one process.

Nothing is carried from frame to frame but caches, so any process makes the same bytes of any frame.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.render.engines import Engine, Expecting, open_engine
from twinstage.render.picture import png_bytes
from twinstage.scene.edits import apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.annotate import ObjectRecords, camera_record, lens_record
from twinstage.synth.canonical import canonical_json, write_atomic
from twinstage.synth.dataset import MODELS, image_path, is_annotated, layer_path, record_path
from twinstage.synth.draws import Draws
from twinstage.synth.images import label_image, picture
from twinstage.synth.look import View, look, recipe_camera
from twinstage.synth.models import write_model
from twinstage.synth.randomize import Randomized, draws_of, randomize
from twinstage.synth.randomizers import Randomizer, Rejected
from twinstage.synth.recipe import Recipe
from twinstage.synth.staged import StagedRecipe

EXAMPLES = 6
"""Frames whose draws tell an engine what changes; the same ones in every process."""


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """What became of a frame: annotated objects over its cameras, or why it was rejected."""

    frame: int
    annotations: int
    attempts: int
    reason: str | None


class FrameMaker:
    """Makes frames of a recipe whose paths are relative to `base_dir`, each with the split that it is dealt to."""

    def __init__(self, recipe: Recipe, base_dir: Path) -> None:
        self.recipe = recipe
        self.staged = StagedRecipe(recipe, base_dir)
        self._engine: Engine | None = None
        self._classes = {cls.name: cls for cls in recipe.labels}
        for spec in recipe.cameras:
            recipe_camera(recipe, self.snapshot, spec)

    @property
    def snapshot(self) -> Snapshot:
        """The stage before anything is changed, with the recipe's own prims."""
        return self.staged.first.snapshot

    def check(self) -> None:
        """Raise UserError for a randomizer that cannot work on this stage, before anything is written."""
        for randomizer in self.recipe.randomize:
            with suppress(Rejected):
                self._try(randomizer, draws_of(self.recipe, randomizer, 0))

    def _try(self, randomizer: Randomizer, draws: Draws) -> None:
        structure = batch(randomizer.structure_edits(self.snapshot, draws))
        scene = self.staged.scene(structure, randomizer.time_code(self.snapshot, draws))
        edits = batch([*structure.edits, *randomizer(scene.snapshot, draws)])
        snapshot = apply_edits(scene.snapshot, edits)
        self.staged.layer(scene, edits)
        randomizer.picture_effects(snapshot, draws)

    def make(self, out: Path, frame: int, split: str | None) -> FrameSummary:
        """Write all files of a frame; the record last, so its presence says that the frame is whole."""
        reasons: list[str] = []
        for attempt in range(self.recipe.accept.attempts):
            try:
                made = self.randomized(frame, attempt, split)
            except Rejected as rejected:
                reasons.append(str(rejected))
                continue
            objects = sorted(made.scene.classes)
            views = [look(self.recipe, made.snapshot, spec, objects) for spec in self.recipe.cameras]
            count = sum(self._annotated(view) for view in views)
            if count < self.recipe.accept.min_objects:
                reasons.append(f"{count} annotated objects, at least {self.recipe.accept.min_objects} wanted")
                continue
            self._write(out, frame, split, attempt, reasons, made, views)
            return FrameSummary(frame, count, attempt + 1, None)
        record = self._record(frame, split, self.recipe.accept.attempts - 1, reasons, None, [])
        write_atomic(out / record_path(frame), canonical_json(record))
        return FrameSummary(frame, 0, self.recipe.accept.attempts, reasons[-1])

    def randomized(self, frame: int, attempt: int = 0, split: str | None = None) -> Randomized:
        """The scene of an attempt at a frame. May raise `Rejected`."""
        return randomize(self.staged, frame, attempt, split)

    def _picture_engine(self) -> Engine:
        """The engine, which knows from the recipe alone what differs from frame to frame, not from earlier frames."""
        if self._engine is None:
            settings = self.recipe.engine
            if any(type(r).picture_effects is not Randomizer.picture_effects for r in self.recipe.randomize):
                settings = settings.model_copy(update={"outputs": ("rgb", "linear")})
            self._engine = open_engine(settings)
            if isinstance(self._engine, Expecting):
                self._engine.expect(self.snapshot, self.examples())
        return self._engine

    def examples(self) -> list[Snapshot]:
        """Scenes that differ in all that the randomizers change, whatever frames this process is to make."""
        out = []
        for frame in range(EXAMPLES):
            with suppress(Rejected):
                made = self.randomized(frame)
                if made.scene is self.staged.first:
                    out.append(made.snapshot)
        extremes = [edit for r in self.recipe.randomize for edit in r.extremes(self.snapshot)]
        if extremes:
            out.append(apply_edits(self.snapshot, batch(extremes)))
        return out

    def layer(self, made: Randomized) -> str:
        """The text of the layer that makes the frame out of the stage."""
        return self.staged.layer(made.scene, made.edits)

    def _annotated(self, view: View) -> int:
        accept = self.recipe.accept.model_dump()
        counts = [
            {"visible_px": item.visible_px, "amodal_px_total": item.amodal_px_total} for item in view.seen
        ]
        return sum(is_annotated(count, accept) for count in counts)

    def _write(
        self,
        out: Path,
        frame: int,
        split: str | None,
        attempt: int,
        reasons: Sequence[str],
        made: Randomized,
        views: Sequence[View],
    ) -> None:
        cameras = []
        for view in views:
            paths = {}
            for what in self.recipe.images:
                paths[what] = image_path(frame, view.capture.camera.name, what)
                write_atomic(out / paths[what], self._image(what, frame, made, view))
            cameras.append(self._camera(out, made, view) | {"images": paths})
        write_atomic(out / layer_path(frame), self.layer(made).encode())
        record = self._record(frame, split, attempt, reasons, made, cameras)
        write_atomic(out / record_path(frame), canonical_json(record))

    def _camera(self, out: Path, made: Randomized, view: View) -> dict[str, Any]:
        """A camera's entry of the record, but for its images; and the models of what it sees."""
        snapshot, camera = made.snapshot, view.capture.camera
        found = ObjectRecords(snapshot, camera, view.seen, made.scene.classes, self._classes)
        if MODELS in self.recipe.annotate:
            for model in found.models:
                if model is not None:
                    write_model(out, snapshot, model)
        lens = lens_record(snapshot, view.scene_camera, view.spec.square_pixels)
        return camera_record(camera) | lens | {"objects": found.records()}

    def _image(self, what: str, frame: int, made: Randomized, view: View) -> bytes:
        if what != "rgb":
            return label_image(what, view)
        key = (self.recipe.seed, frame)
        engine, settings = self._picture_engine(), self.recipe.engine
        return png_bytes(picture(engine, settings, made.snapshot, view, made.effects, key))

    def _record(
        self,
        frame: int,
        split: str | None,
        attempt: int,
        reasons: Sequence[str],
        made: Randomized | None,
        cameras: list[dict[str, Any]],
    ) -> dict[str, Any]:
        """The record; without `made` that of a rejected frame."""
        structure = () if made is None else made.scene.structure.edits
        return {
            "record": 1,
            "frame": frame,
            "time": None if made is None else made.scene.time,
            "structure": {f"{e.prim_path} {e.property}": e.value for e in structure},
            "split": split,
            "attempt": attempt,
            "rejected": made is None,
            "rejected_attempts": [{"attempt": i, "reason": reason} for i, reason in enumerate(reasons)],
            "draws": {} if made is None else made.draws,
            "effects": [] if made is None else [effect.as_data() for effect in made.effects],
            "cameras": cameras,
        }
