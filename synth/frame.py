"""Making one frame: draw, apply, look, decide, write. A `FrameMaker` holds the open stage and the engine of one process.

Nothing is carried from frame to frame but caches, so any process makes the same bytes of any frame.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import camera_from_scene
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.engines import Engine, Expecting, open_engine
from twinstage.render.extents import SHARED_BOUNDS
from twinstage.render.labels import label_pass
from twinstage.render.lens import PINHOLE
from twinstage.render.picture import exr_bytes, png_bytes
from twinstage.scene.author import ShaderPaths, author_layer, shader_paths
from twinstage.scene.edits import EditBatch, apply_edits, batch
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.synth.additions import CAMERAS, new_prims, with_prims
from twinstage.synth.annotate import camera_record, instance_image, lens_record, seen_objects
from twinstage.synth.canonical import canonical_json, write_atomic
from twinstage.synth.dataset import image_path, is_annotated, layer_path, record_path
from twinstage.synth.draws import Draws, Stream
from twinstage.synth.labels import class_of, is_target
from twinstage.synth.randomizers import Rejected
from twinstage.synth.recipe import CameraSpec, Recipe

EXAMPLES = 6
"""Frames whose draws tell an engine what changes; the same ones in every process."""


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """What became of a frame: annotated objects over its cameras, or why it was rejected."""

    frame: int
    annotations: int
    attempts: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class _View:
    """One camera's part of a frame."""

    spec: CameraSpec
    scene_camera: SceneCamera
    capture: Capture
    seen: tuple[ObjectMask, ...]


class FrameMaker:
    """Makes frames of a recipe whose paths are relative to `base_dir`, each with the split that it is dealt to."""

    def __init__(self, recipe: Recipe, base_dir: Path) -> None:
        self.recipe = recipe
        self.opened = open_recipe_stage(recipe, base_dir)
        self.prims = new_prims(recipe, self.opened)
        self.snapshot = with_prims(self.opened, self.prims)
        self.classes = labelled_objects(recipe, self.snapshot)
        self._engine: Engine | None = None
        self._shaders: dict[str, ShaderPaths] | None = None
        self._camera_paths = {spec.name: camera_path(spec, self.snapshot) for spec in recipe.cameras}

    def check(self) -> None:
        """Raise UserError for a camera or randomizer that cannot work on this stage, before anything is written."""
        for spec in self.recipe.cameras:
            self._camera(self.snapshot, spec)
        for randomizer in self.recipe.randomize:
            with suppress(Rejected):
                edits = batch(randomizer(self.snapshot, Draws(self.recipe.seed, 0, randomizer.name)))
                apply_edits(self.snapshot, edits)
                self.layer(edits)

    def make(self, out: Path, frame: int, split: str | None) -> FrameSummary:
        """Write all files of a frame; the record last, so its presence says that the frame is whole."""
        reasons: list[str] = []
        for attempt in range(self.recipe.accept.attempts):
            try:
                snapshot, edits, draws = self.randomized(frame, attempt)
            except Rejected as rejected:
                reasons.append(str(rejected))
                continue
            views = [self._look(snapshot, spec) for spec in self.recipe.cameras]
            count = sum(self._annotated(view) for view in views)
            if count < self.recipe.accept.min_objects:
                reasons.append(f"{count} annotated objects, at least {self.recipe.accept.min_objects} wanted")
                continue
            self._write(out, frame, split, attempt, reasons, snapshot, edits, draws, views)
            return FrameSummary(frame, count, attempt + 1, None)
        record = self._record(frame, split, self.recipe.accept.attempts - 1, reasons, {}, [], rejected=True)
        write_atomic(out / record_path(frame), canonical_json(record))
        return FrameSummary(frame, 0, self.recipe.accept.attempts, reasons[-1])

    def randomized(self, frame: int, attempt: int = 0) -> tuple[Snapshot, EditBatch, dict[str, Any]]:
        """The scene of an attempt at a frame, the edits that lead to it, and what was drawn. May raise `Rejected`."""
        snapshot, edits, drawn = self.snapshot, [], {}
        for randomizer in self.recipe.randomize:
            draws = Draws(self.recipe.seed, frame, randomizer.name, attempt)
            mine = randomizer(snapshot, draws)
            snapshot = apply_edits(snapshot, batch(mine))
            edits += mine
            drawn[randomizer.name] = draws.log
        return snapshot, batch(edits), drawn

    def _picture_engine(self) -> Engine:
        """The engine, which knows from the recipe alone what differs from frame to frame, not from earlier frames."""
        if self._engine is None:
            self._engine = open_engine(self.recipe.engine)
            if isinstance(self._engine, Expecting):
                self._engine.expect(self.snapshot, self.examples())
        return self._engine

    def examples(self) -> list[Snapshot]:
        """Scenes that differ in all that the randomizers change, whatever frames this process is to make."""
        out = []
        for frame in range(EXAMPLES):
            with suppress(Rejected):
                out.append(self.randomized(frame)[0])
        extremes = [edit for r in self.recipe.randomize for edit in r.extremes(self.snapshot)]
        if extremes:
            out.append(apply_edits(self.snapshot, batch(extremes)))
        return out

    def layer(self, edits: EditBatch) -> str:
        """The text of the layer that makes the frame out of the stage."""
        if self._shaders is None and any(e.property.startswith("inputs:") for e in edits.edits):
            self._shaders = shader_paths(self.opened.stage)
        prims = self.snapshot.prims
        resets = [prims.path[int(i)] for i in np.flatnonzero(prims.resets)]
        return author_layer(
            edits, self.snapshot.stage, shaders=self._shaders, resets=resets, prims=self.prims
        )

    def _look(self, snapshot: Snapshot, spec: CameraSpec) -> _View:
        camera, scene_camera = self._camera(snapshot, spec)
        normals = "normal" in self.recipe.annotate
        capture = label_pass(
            snapshot, camera, objects=sorted(self.classes), normals=normals, outside_rays=None
        )
        return _View(spec, scene_camera, capture, tuple(seen_objects(capture)))

    def _camera(self, snapshot: Snapshot, spec: CameraSpec) -> tuple[Camera, SceneCamera]:
        prim = snapshot.prims.index_of[self._camera_paths[spec.name]]
        scene_camera = next(c for c in snapshot.cameras if c.prim == prim)
        width, height = self.recipe.camera_resolution(spec)
        camera = camera_from_scene(snapshot, scene_camera, width, height, square_pixels=spec.square_pixels)
        if camera.lens != PINHOLE:
            path = snapshot.prims.path[prim]
            raise UserError(
                f"camera {path} has a lens of kind {camera.lens.kind}; datasets are made by pinholes so far"
            )
        return replace(camera, name=spec.name), scene_camera

    def _annotated(self, view: _View) -> int:
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
        snapshot: Snapshot,
        edits: EditBatch,
        draws: dict[str, Any],
        views: Sequence[_View],
    ) -> None:
        cameras = []
        for view in views:
            paths = {}
            for what in self.recipe.annotate:
                paths[what] = image_path(frame, view.capture.camera.name, what)
                write_atomic(out / paths[what], self._image(what, frame, snapshot, view))
            entry = camera_record(snapshot, view.capture.camera, view.seen, self.classes, SHARED_BOUNDS)
            entry |= {"images": paths, **lens_record(snapshot, view.scene_camera, view.spec.square_pixels)}
            cameras.append(entry)
        write_atomic(out / layer_path(frame), self.layer(edits).encode())
        record = self._record(frame, split, attempt, reasons, draws, cameras, rejected=False)
        write_atomic(out / record_path(frame), canonical_json(record))

    def _image(self, what: str, frame: int, snapshot: Snapshot, view: _View) -> bytes:
        if what == "instance":
            return png_bytes(instance_image(view.capture, view.seen))
        if what == "depth":
            return exr_bytes({"Z": view.capture.aovs["depth"]})
        if what == "normal":
            normal = view.capture.aovs["normal"]
            return exr_bytes({"X": normal[..., 0], "Y": normal[..., 1], "Z": normal[..., 2]})
        # The noise differs from frame to frame, or a network would learn it.
        noise = Stream(self.recipe.seed, frame, "engine", view.spec.name, self.recipe.engine.seed).word()
        return png_bytes(self._picture_engine().render(snapshot, view.capture.camera, seed=noise).aovs["rgb"])

    def _record(
        self,
        frame: int,
        split: str | None,
        attempt: int,
        reasons: Sequence[str],
        draws: dict[str, Any],
        cameras: list[dict[str, Any]],
        *,
        rejected: bool,
    ) -> dict[str, Any]:
        return {
            "record": 1,
            "frame": frame,
            "time": None,
            "split": split,
            "attempt": attempt,
            "rejected": rejected,
            "rejected_attempts": [{"attempt": i, "reason": reason} for i, reason in enumerate(reasons)],
            "draws": draws,
            "cameras": cameras,
        }


def open_recipe_stage(recipe: Recipe, base_dir: Path) -> OpenedStage:
    """The recipe's stage, opened safely."""
    roots = [base_dir / root for root in recipe.asset_roots]
    return open_stage(base_dir / recipe.stage, asset_roots=roots)


def camera_path(spec: CameraSpec, snapshot: Snapshot) -> str:
    """The prim path of a recipe's camera. Raises UserError where the stage has none, or several, of that name."""
    if spec.look_at is not None:
        return f"{CAMERAS}/{spec.name}"
    paths = [snapshot.prims.path[c.prim] for c in snapshot.cameras]
    wanted = spec.prim or spec.name
    hits = [p for p in paths if p == wanted or p.rsplit("/", 1)[1] == wanted]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise UserError(
            f"camera {spec.name!r}: the stage has several cameras named {wanted!r}: {', '.join(hits)}"
        )
    names = [p.rsplit("/", 1)[1] for p in paths]
    none = "; the stage has no camera at all, so give look_at" if not names else did_you_mean(wanted, names)
    raise UserError(f"camera {spec.name!r}: the stage has no camera {wanted!r}{none}")


def labelled_objects(recipe: Recipe, snapshot: Snapshot) -> dict[int, str]:
    """Class by index of the objects that the recipe labels. Raises UserError where there is none."""
    out: dict[int, str] = {}
    label_sets = snapshot.objects.label_set
    used = np.unique(label_sets.code).tolist()
    for code in used:  # a class depends on nothing but the labels
        rows = np.flatnonzero(label_sets.code == code).tolist()
        name = class_of(snapshot.objects[rows[0]], recipe.labels)
        if name is not None:
            out |= {row: name for row in rows if is_target(snapshot.objects[row], name, recipe.targets)}
    out = dict(sorted(out.items()))
    if not out:
        there = sorted({label for code in used for label in label_sets.values[code][1]})
        known = f"its labels are: {', '.join(there)}" if there else "no prim in it carries a label"
        raise UserError(f"the stage has no object of the recipe's labels and targets; {known}")
    return out
