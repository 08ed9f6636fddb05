"""The recipe's stage, opened once by each process, and the scenes that it gives: one for each choice of variants and time.

Touches the stage. A scene that was read is kept; which scene a frame gets depends on the frame alone.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.sensors import stage_temperatures
from twinstage.scene.asset_paths import check_used_layers
from twinstage.scene.author import NewPrim, ShaderPaths, author_layer, shader_paths
from twinstage.scene.edits import EditBatch
from twinstage.scene.read import read_snapshot
from twinstage.scene.read.mechanics import with_mechanics
from twinstage.scene.read.variants import read_variants
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.synth.additions import new_prims, stage_info
from twinstage.synth.labels import class_of, is_target
from twinstage.synth.randomizers import Randomizer, Setting
from twinstage.synth.randomizers.distractors import DISTRACTORS
from twinstage.synth.recipe import Recipe
from twinstage.synth.start import Start, apply_start

SCENES_KEPT = 8
"""Scenes other than the first that are kept in memory."""

UNCHANGED = EditBatch()


@dataclass(frozen=True, slots=True)
class Scene:
    """The stage with some variants at some time, before anything moves.

    `classes`: class by index of the objects that the recipe labels; `structure`: the variants; `time`: time code or None.
    """

    snapshot: Snapshot
    classes: dict[int, str]
    structure: EditBatch = UNCHANGED
    time: float | None = None


class StagedRecipe:
    """One stage of a recipe in this process. Raises UserError for a stage that cannot be opened or that shows no label."""

    def __init__(
        self, recipe: Recipe, base_dir: Path, stage: str | None = None, start: Start | None = None
    ) -> None:
        self.recipe = recipe
        self.opened = open_recipe_stage(recipe, base_dir, stage)
        if start is not None:
            apply_start(self.opened, start)
        self.prims: list[NewPrim] = self._added(recipe, base_dir)
        self._shaders: OrderedDict[tuple[object, ...], dict[str, ShaderPaths]] = OrderedDict()
        self._scenes: OrderedDict[tuple[object, ...], Scene] = OrderedDict()
        self._shown: tuple[object, ...] | None = None
        self.first = self._with_variants(self._read(UNCHANGED, None))
        if not self.first.classes:
            raise UserError(_nothing_to_label(self.first.snapshot))

    def go_on(self, recipe: Recipe, base_dir: Path) -> bool:
        """Whether this is the stage of that recipe, too, which differs in what is drawn alone; then it is that recipe's now."""
        if _but_draws(recipe) != _but_draws(self.recipe) or self._added(recipe, base_dir) != self.prims:
            return False
        self.recipe = recipe
        return True

    def _added(self, recipe: Recipe, base_dir: Path) -> list[NewPrim]:
        """The prims that a recipe brings."""
        folder = Path(self.opened.path).parent
        setting = Setting(stage_info(self.opened), base_dir, folder, self.opened.allowed)
        own = new_prims(recipe, self.opened)
        return own + [prim for randomizer in recipe.randomize for prim in randomizer.added_prims(setting)]

    def scene(self, structure: EditBatch = UNCHANGED, time: float | None = None) -> Scene:
        """The stage with these variants at that time."""
        if not structure.edits and time is None:
            return self.first
        key = (structure.edits, time)
        if key not in self._scenes:
            self._scenes[key] = self._read(structure, time)
            if len(self._scenes) > SCENES_KEPT:
                self._scenes.popitem(last=False)
        self._scenes.move_to_end(key)
        return self._scenes[key]

    def temperatures(self, scene: Scene) -> dict[str, float]:
        """Kelvin by path of the prims that state `twin:temperature`, for thermal cameras."""
        self._show(scene.structure)
        known = scene.snapshot.prims.index_of
        found = stage_temperatures(self.opened.stage, scene.time)
        return {path: kelvin for path, kelvin in found.items() if path in known}

    def layer(self, scene: Scene, edits: EditBatch) -> str:
        """The text of the layer that makes a frame out of the stage. `edits`: with those of the scene's structure."""
        shaders = None
        if any(e.property.startswith("inputs:") for e in edits.edits):
            shaders = self._shaders_of(scene)
        prims = scene.snapshot.prims
        resets = [prims.path[int(i)] for i in np.flatnonzero(prims.resets)]
        return author_layer(edits, scene.snapshot.stage, shaders=shaders, resets=resets, prims=self.prims)

    def _read(self, structure: EditBatch, time: float | None) -> Scene:
        self._show(structure)
        snapshot = read_snapshot(self.opened, time)
        if any(randomizer.needs_mechanics for randomizer in self.recipe.randomize):
            snapshot = with_mechanics(snapshot, self.opened)
        return Scene(snapshot, labelled_objects(self.recipe, snapshot), structure, time)

    def _with_variants(self, scene: Scene) -> Scene:
        """The scene that also tells which variants there are, where a randomizer may ask."""
        if all(type(r).structure_edits is Randomizer.structure_edits for r in self.recipe.randomize):
            return scene
        return replace(scene, snapshot=replace(scene.snapshot, variants=read_variants(self.opened.stage)))

    def _show(self, structure: EditBatch) -> None:
        """Compose the stage with these variants and the recipe's own prims."""
        if self._shown == structure.edits:
            return
        if self.prims or structure.edits or self._shown:
            text = author_layer(structure, stage_info(self.opened), prims=self.prims)
            self._import(text)
        self._shown = structure.edits

    def _import(self, text: str) -> None:
        """Compose the layer. Its paths are relative to the stage's folder; a layer in memory has none, so they become whole."""
        from pxr import Sdf, UsdUtils

        folder = Path(self.opened.path).parent
        layer = Sdf.Layer.CreateAnonymous(".usda")  # or the stage would look for relative paths, and complain
        layer.ImportFromString(text)
        UsdUtils.ModifyAssetPaths(layer, lambda path: os.path.normpath(folder / path) if path else path)
        self.opened.layers.randomization.TransferContent(layer)
        check_used_layers(self.opened.stage, self.opened.allowed)

    def _shaders_of(self, scene: Scene) -> dict[str, ShaderPaths]:
        key = scene.structure.edits
        if key not in self._shaders:
            self._show(scene.structure)
            self._shaders[key] = shader_paths(self.opened.stage)
            if len(self._shaders) > SCENES_KEPT:
                self._shaders.popitem(last=False)
        return self._shaders[key]


def _but_draws(recipe: Recipe) -> tuple[object, ...]:
    """All of a recipe that decides how its stage is composed and labelled."""
    kinds = tuple((type(randomizer), randomizer.needs_mechanics) for randomizer in recipe.randomize)
    return (
        recipe.stages,
        recipe.asset_roots,
        recipe.state,
        recipe.cameras,
        recipe.lights,
        recipe.labels,
        recipe.targets,
        kinds,
    )


def open_recipe_stage(recipe: Recipe, base_dir: Path, stage: str | None = None) -> OpenedStage:
    """One of the recipe's stages, its first if none is named, opened safely."""
    roots = [base_dir / root for root in recipe.asset_roots]
    return open_stage(base_dir / (stage or recipe.stages[0]), asset_roots=roots)


def labelled_objects(recipe: Recipe, snapshot: Snapshot) -> dict[int, str]:
    """Class by index of the objects that the recipe labels; distractors are none, whatever labels their files have."""
    out: dict[int, str] = {}
    label_sets = snapshot.objects.label_set
    for code in np.unique(label_sets.code).tolist():  # a class depends on nothing but the labels
        rows = np.flatnonzero(label_sets.code == code).tolist()
        name = class_of(snapshot.objects[rows[0]], recipe.labels)
        if name is not None:
            targets = (row for row in rows if is_target(snapshot.objects[row], name, recipe.targets))
            out |= {
                r: name for r in targets if not snapshot.objects[r].prim_path.startswith(f"{DISTRACTORS}/")
            }
    return dict(sorted(out.items()))


def _nothing_to_label(snapshot: Snapshot) -> str:
    label_sets = snapshot.objects.label_set
    used = np.unique(label_sets.code).tolist()
    there = sorted({label for code in used for label in label_sets.values[code][1]})
    known = f"its labels are: {', '.join(there)}" if there else "no prim in it carries a label"
    return f"the stage has no object of the recipe's labels and targets; {known}"
