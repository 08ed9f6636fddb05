"""Making one frame: draw, apply, look, decide, write. A `FrameMaker` holds the open stages and engines of one process.

Nothing is carried from frame to frame but caches, so any process makes the same bytes of any frame.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.heap import tidy_heap
from twinstage.render.capture import Camera
from twinstage.render.picture import png_bytes
from twinstage.scene.columns import F4
from twinstage.scene.edits import Edit, EditBatch, apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.acceptance import Refusal, exposure_refusal, refusal
from twinstage.synth.annotate import ObjectRecords, camera_record, lens_record, material_names
from twinstage.synth.canonical import canonical_json, write_atomic
from twinstage.synth.dataset import MODELS, image_path, layer_path, record_path
from twinstage.synth.draws import UnknownDraw
from twinstage.synth.fields import at_field
from twinstage.synth.foreseen import check_exports
from twinstage.synth.images import Photo, label_image, linear_image
from twinstage.synth.labels import check_keypoints
from twinstage.synth.look import View, look, recipe_camera
from twinstage.synth.models import write_model
from twinstage.synth.moments import check_next
from twinstage.synth.plan import Job
from twinstage.synth.randomize import Randomized, Step, randomize, steps_of, structure_of
from twinstage.synth.randomizers import Rejected
from twinstage.synth.recipe import Recipe
from twinstage.synth.sensing import SensorStage, check_sensors, write_sensors
from twinstage.synth.sights import sights
from twinstage.synth.staged import StagedRecipe
from twinstage.synth.start import Start, above_start, required_start
from twinstage.synth.studio import Studio


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """What became of a frame: annotated objects over its cameras, or why it was rejected.

    `refused`: the rules that refused its attempts, in order.
    """

    frame: int
    annotations: int
    attempts: int
    reason: str | None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt that is kept. `annotations`: objects over its cameras; `pictures`: those that were rendered already, by
    camera's place."""

    number: int
    made: Randomized
    views: Sequence[View]
    annotations: int
    pictures: dict[int, Photo]


class FrameMaker:
    """Makes frames of a recipe whose paths are relative to `base_dir`. `start`: the state that it names, if it does.

    `scenes`: those of a maker that is not used any more; they go on where this recipe has the same stages, as if opened anew.
    """

    def __init__(
        self,
        recipe: Recipe,
        base_dir: Path,
        start: Start | None = None,
        scenes: Sequence[StagedRecipe] | None = None,
    ) -> None:
        self.recipe = recipe
        self.start = required_start(recipe, start)
        if scenes and all(staged.go_on(recipe, base_dir) for staged in scenes):
            self.scenes = list(scenes)
        else:
            self.scenes = [StagedRecipe(recipe, base_dir, stage, self.start) for stage in recipe.stages]
        self._classes = {cls.name: cls for cls in recipe.labels}
        self._studios = [Studio(staged) for staged in self.scenes]
        for staged in self.scenes:
            for spec in recipe.cameras:
                recipe_camera(recipe, staged.first.snapshot, spec)
            check_next(recipe, staged)
            check_sensors(recipe, staged.first.snapshot)
            check_keypoints(recipe.labels, staged.first.snapshot, staged.first.classes)

    @property
    def staged(self) -> StagedRecipe:
        """The recipe's first stage."""
        return self.scenes[0]

    @property
    def snapshot(self) -> Snapshot:
        """The first stage before anything is changed, with the recipe's own prims."""
        return self.staged.first.snapshot

    def examples(self) -> list[Snapshot]:
        """Scenes that tell an engine what changes on the first stage."""
        return self._studios[0].examples()

    def check(self) -> None:
        """Raise UserError, before anything is written, for a randomizer that cannot work on a stage, and for an export that
        cannot hold what its cameras see.
        """
        splits = list(self.recipe.splits) if self.recipe.split_by else [None]
        for staged in self.scenes:
            for split in splits:
                self._try(staged, split)

    def _try(self, staged: StagedRecipe, split: str | None) -> None:
        """Every randomizer at frame 0, whether or not the frame can be used; the exports, with what all of them together
        make of the cameras; then the frame as it is made.
        """
        first, rejected = staged.first.snapshot, False
        cameras = {first.prims.path[camera.prim] for camera in first.cameras}
        of_cameras: list[Edit] = []
        for place, step in enumerate(steps_of(self.recipe, 0, 0, split)):
            with at_field("randomize", place):
                try:
                    edits = _tried(staged, step)
                    of_cameras += [edit for edit in edits.edits if edit.prim_path in cameras]
                except Rejected:
                    rejected = True
                except UnknownDraw:
                    if not rejected:  # else it may be what the rejected one did not come to draw
                        raise
        check_exports(self.recipe, apply_edits(first, batch(of_cameras)))
        with suppress(Rejected):
            randomize(staged, 0, 0, split)

    def make(self, out: Path, frame: int, split: str | None = None, scene: int = 0) -> FrameSummary:
        """Write all files of a frame; the record last, so its presence says that the frame is whole."""
        tidy_heap()
        job = Job(frame, split, scene)
        refusals: list[Refusal] = []
        for number in range(self.recipe.accept.attempts):
            found = self._attempt(job, number)
            if isinstance(found, Refusal):
                refusals.append(found)
                continue
            self._write(out, job, found, refusals)
            rules = tuple(r.rule for r in refusals)
            return FrameSummary(frame, found.annotations, number + 1, None, rules)
        record = self._record(job, self.recipe.accept.attempts - 1, refusals, None, [])
        write_atomic(out / record_path(frame), canonical_json(record))
        rules = tuple(r.rule for r in refusals)
        return FrameSummary(frame, 0, self.recipe.accept.attempts, refusals[-1].reason, rules)

    def _attempt(self, job: Job, number: int) -> _Attempt | Refusal:
        try:
            made = self.randomized(job.frame, number, job.split, job.scene)
        except Rejected as rejected:
            return Refusal(rejected.rule, str(rejected))
        accept, staged = self.recipe.accept, self.scenes[job.scene]
        views = [look(self.recipe, staged, made, spec) for spec in self.recipe.cameras]
        seen = [sights(self.recipe, made, view) for view in views]
        refused = refusal(accept, seen)
        if refused is not None:
            return refused
        pictures: dict[int, Photo] = {}
        if accept.exposure is not None:
            pictures = {i: self._picture(job, made, view) for i, view in enumerate(views)}
            dark = exposure_refusal(accept, [found.rgb for found in pictures.values()])
            if dark is not None:
                return dark
        return _Attempt(number, made, views, sum(map(len, seen)), pictures)

    def randomized(
        self, frame: int, attempt: int = 0, split: str | None = None, scene: int = 0
    ) -> Randomized:
        """The scene of an attempt at a frame. May raise `Rejected`."""
        return randomize(self.scenes[scene], frame, attempt, split)

    def layer(self, made: Randomized, scene: int = 0) -> str:
        """The text of the layer that makes the frame out of the stage."""
        return self.scenes[scene].layer(made.scene, made.edits)

    def _picture(self, job: Job, made: Randomized, view: View) -> Photo:
        return self._studios[job.scene].photo(job.frame, made, view)

    def _write(self, out: Path, job: Job, kept: _Attempt, refusals: Sequence[Refusal]) -> None:
        made, cameras = kept.made, []
        for place, view in enumerate(kept.views):
            paths = {}
            for what in self.recipe.images:
                paths[what] = image_path(job.frame, view.capture.camera.name, what)
                write_atomic(out / paths[what], self._image(what, job, kept, place))
            cameras.append(self._camera(out, made, view) | {"images": paths})
        layer = above_start(self.layer(made, job.scene), self.start)
        write_atomic(out / layer_path(job.frame), layer.encode())
        record = self._record(job, kept.number, refusals, made, cameras)
        if self.recipe.sensors:
            record["sensors"] = write_sensors(out, self.recipe, job.frame, self._sensor_stage(job, kept))
        write_atomic(out / record_path(job.frame), canonical_json(record))

    def _camera(self, out: Path, made: Randomized, view: View) -> dict[str, Any]:
        """A camera's entry of the record, but for its images; and the models of what it sees."""
        snapshot, camera = made.snapshot, view.capture.camera
        found = ObjectRecords(
            snapshot, camera, view.seen, made.scene.classes, self._classes, motion=view.motion
        )
        if MODELS in self.recipe.annotate:
            for model in found.models:
                if model is not None:
                    write_model(out, snapshot, model)
        lens = lens_record(snapshot, view.scene_camera, view.spec.square_pixels)
        entry = camera_record(camera) | lens | {"objects": found.records()}
        if "material" in self.recipe.images:
            entry["materials"] = material_names(snapshot, view.capture.aovs["material"])
        return entry

    def _sensor_stage(self, job: Job, kept: _Attempt) -> SensorStage:
        def light(camera: Camera, view: View | None) -> F4:
            if view is None:
                return self._studios[job.scene].light(job.frame, kept.made, camera)
            place = next(i for i, other in enumerate(kept.views) if other is view)
            linear = self._shown(job, kept, place).linear
            assert linear is not None  # the recipe asks for it
            return linear

        return SensorStage(self.scenes[job.scene], kept.made, kept.views, light)

    def _shown(self, job: Job, kept: _Attempt, place: int) -> Photo:
        """The picture of a view, rendered once."""
        if place not in kept.pictures:
            kept.pictures[place] = self._picture(job, kept.made, kept.views[place])
        return kept.pictures[place]

    def _image(self, what: str, job: Job, kept: _Attempt, place: int) -> bytes:
        view = kept.views[place]
        if what not in ("rgb", "linear"):
            return label_image(what, view)
        rendered = self._shown(job, kept, place)
        if what == "rgb":
            return png_bytes(rendered.rgb)
        assert rendered.linear is not None  # the recipe asks for it
        return linear_image(rendered.linear, view)

    def _record(
        self,
        job: Job,
        attempt: int,
        refusals: Sequence[Refusal],
        made: Randomized | None,
        cameras: list[dict[str, Any]],
    ) -> dict[str, Any]:
        """The record; without `made` that of a rejected frame."""
        structure = () if made is None else made.scene.structure.edits
        return {
            "record": 1,
            "frame": job.frame,
            "stage": self.recipe.stage_names[job.scene],
            "time": None if made is None else made.scene.time,
            **({} if self.start is None else {"moment": self.start.moment}),
            "structure": {f"{e.prim_path} {e.property}": e.value for e in structure},
            "split": job.split,
            "attempt": attempt,
            "rejected": made is None,
            "rejected_attempts": [
                {"attempt": i, "rule": r.rule, "reason": r.reason} for i, r in enumerate(refusals)
            ],
            "draws": {} if made is None else made.draws,
            "picked": {} if made is None else made.picked,
            "effects": [] if made is None else [effect.as_data() for effect in made.effects],
            "cameras": cameras,
        }


def _tried(staged: StagedRecipe, step: Step) -> EditBatch:
    """The edits of one randomizer on the stage, having done all that is done with them. May raise `Rejected`."""
    structure, time = structure_of([step], staged.first.snapshot)
    scene = staged.scene(batch(structure), time)
    edits = batch([*structure, *step.randomizer(scene.snapshot, step.draws)])
    snapshot = apply_edits(scene.snapshot, edits)
    staged.layer(scene, edits)
    step.randomizer.picture_effects(snapshot, step.draws)
    return edits
