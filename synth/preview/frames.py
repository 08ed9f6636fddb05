"""Frames of a recipe as its dataset has them: the same draws, by the same code, in a picture of little cost.

Touches the stage, the renderer and files (a folder of its own, gone with it). Belongs to one thread.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.render.engines import EngineSettings
from twinstage.synth.dataset import image_path, record_path
from twinstage.synth.frame import FrameMaker
from twinstage.synth.plan import plan
from twinstage.synth.portable import portable
from twinstage.synth.recipe import Recipe
from twinstage.synth.start import Start

QUICK = "raycast"
"""Kind of the engine that pictures of little cost come from."""


@dataclass(frozen=True, slots=True)
class Look:
    """How frames are shown. `width`: of the recipe's pictures [px], 0 as the recipe has it; `own`: by its own engine."""

    width: int = 320
    own: bool = False


@dataclass(frozen=True, slots=True)
class PreviewFrame:
    """A frame: its record, and PNGs by camera; none where it is rejected. `rules`: what refused its attempts; `weight`: about
    what it takes in memory [B]."""

    record: dict[str, Any]
    pictures: dict[str, bytes]
    attempts: int
    reason: str | None
    rules: tuple[str, ...]
    weight: int = 0


def shown_recipe(recipe: Recipe, look: Look) -> Recipe:
    """The recipe whose frames are made: colour alone, in that size, by that engine. Its draws are those of the recipe.

    What `accept` counts in pixels shrinks with the picture, so that mostly the same attempts are kept; at full size they are
    the same.
    """
    whole = max(recipe.camera_resolution(camera)[0] for camera in recipe.cameras)
    scale = 1.0 if look.width <= 0 else min(1.0, look.width / whole)

    def smaller(size: tuple[int, int]) -> tuple[int, int]:
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    cameras = tuple(
        camera
        if camera.resolution is None
        else camera.model_copy(update={"resolution": smaller(camera.resolution)})
        for camera in recipe.cameras
    )
    engine = recipe.engine
    if not look.own and engine.kind not in (QUICK, "null"):
        engine = EngineSettings(
            kind=QUICK, exposure=engine.exposure, auto_exposure=engine.auto_exposure, tone_map=engine.tone_map
        )
    least = max(1, round(recipe.accept.min_visible_px * scale * scale))
    accept = recipe.accept.model_copy(update={"min_visible_px": least})
    changes = {
        "engine": engine,
        "resolution": smaller(recipe.resolution),
        "cameras": cameras,
        "accept": accept,
    }
    return recipe.model_copy(update={**changes, "annotate": ("rgb",), "sensors": (), "export": ()})


class Previewer:
    """Makes frames of a recipe and of others with other ranges, whose stages it keeps open."""

    def __init__(self, base_dir: Path, start: Start | None = None) -> None:
        """`start`: the state that the recipe names, if it does."""
        self._base_dir, self._start = base_dir, start
        self._folder = Path(tempfile.mkdtemp(prefix="twinstage-preview-"))
        self._maker: FrameMaker | None = None
        self._recipe: Recipe | None = None

    def close(self) -> None:
        """Its folder goes."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def frame(self, recipe: Recipe, number: int, look: Look) -> PreviewFrame:
        """A frame. UserError for one that there is not, and for a recipe that does not fit its stage."""
        if not 0 <= number < recipe.frames:
            raise UserError(f"frame {number}: the recipe has frames 0 to {recipe.frames - 1}")
        maker = self._made(portable(shown_recipe(recipe, look), self._base_dir))
        job = plan(maker.recipe)[number]
        out = self._folder / "frame"
        try:
            summary = maker.make(out, number, job.split, job.scene)
            text = (out / record_path(number)).read_bytes()
            record = json.loads(text)
            pictures = {
                camera["name"]: (out / image_path(number, camera["name"], "rgb")).read_bytes()
                for camera in record["cameras"]
            }
        finally:
            shutil.rmtree(out, ignore_errors=True)
        weight = 8 * len(text) + sum(map(len, pictures.values()))  # objects weigh more than their text
        return PreviewFrame(record, pictures, summary.attempts, summary.reason, summary.refused, weight)

    def _made(self, recipe: Recipe) -> FrameMaker:
        if self._maker is None or recipe != self._recipe:
            self._recipe = None
            kept = None if self._maker is None else self._maker.scenes
            self._maker = FrameMaker(recipe, self._base_dir, self._start, kept)
            self._maker.check()
            self._recipe = recipe
        return self._maker
