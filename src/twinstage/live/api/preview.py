"""A recipe to try. Frames are made one after the other on a thread of their own; it alone touches stage and renderer."""

import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.errors import UserError, did_you_mean
from twinstage.live.api.browse import Kept
from twinstage.live.states import start_of
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.preview import (
    PreviewAsk,
    PreviewBox,
    PreviewFrame,
    PreviewFrameAsk,
    PreviewPictureAsk,
    PreviewRandomizer,
    PreviewRange,
    PreviewRecipe,
    PreviewSave,
    PreviewSaved,
    PreviewView,
)
from twinstage.synth.fields import FieldError
from twinstage.synth.preview.frames import Look, Previewer, shown_recipe
from twinstage.synth.preview.frames import PreviewFrame as Made
from twinstage.synth.preview.ranges import Range, all_ranges, ranges_of, settings_of
from twinstage.synth.preview.sampled import histogram, nominal, sampled
from twinstage.synth.preview.written import check_out, recipe_text, write_recipe
from twinstage.synth.recipe import Recipe, located_recipe
from twinstage.synth.yaml_file import told_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

FRAME_BYTES = 128 << 20
"""Frames that are kept, with their pictures, weigh no more than that together [B]."""
MOST_PIXELS = 1 << 25
"""Larger pictures are refused; 8K has fewer."""
MOST_RECIPES = 16


class PreviewDesk:
    """Implements `sync.api.preview.PreviewSource`. `overrides`: changes from the beginning; `out`: where others go."""

    def __init__(self, recipe: Path, overrides: "Sequence[str]" = (), out: Path | None = None) -> None:
        """UserError for a recipe that is none, or an `out` that cannot be written to."""
        self.path, self._given, self._out = recipe, tuple(overrides), out
        if out is not None:
            check_out(recipe, out)
        self._recipes = Kept[Recipe](MOST_RECIPES)
        self._draws = Kept["dict[str, np.ndarray]"](MOST_RECIPES)
        self._frames = Kept[Made](FRAME_BYTES, lambda made: made.weight)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="twinstage-preview")
        self._previewer: Previewer | None = None
        self._saving = threading.Lock()
        self._recipe(())

    def close(self) -> None:
        """Ends its thread."""
        self._thread.shutdown(cancel_futures=True)
        if self._previewer is not None:
            self._previewer.close()

    def describe(self, asked: PreviewAsk) -> PreviewRecipe:
        """What it draws."""
        recipe, first = self._recipe(asked.set), self._recipe(())
        known = {one.id: one.written for one in all_ranges(first)}
        draws = self._draws.get((self._key(asked.set), asked.draws), lambda: sampled(recipe, asked.draws))
        mine = {one.id: one.written for one in all_ranges(recipe)}
        changes = tuple(f"{key}={written}" for key, written in mine.items() if known.get(key) != written)
        words = ["twinstage", "synth", "generate", str(self.path), "--out", f"out/{self.path.stem}"]
        for text in (*self._given, *changes):
            words += ["--set", text]
        return PreviewRecipe(
            name=self.path.name,
            frames=recipe.frames,
            seed=recipe.seed,
            resolution=recipe.resolution,
            cameras=tuple(camera.name for camera in recipe.cameras),
            engine=recipe.engine.kind,
            classes=tuple(one.name for one in recipe.labels),
            randomizers=tuple(
                PreviewRandomizer(
                    name=one.name,
                    kind=one.kind,
                    settings=settings_of(one),
                    ranges=tuple(_range(r, draws, known.get(r.id) != r.written) for r in ranges_of(one)),
                )
                for one in recipe.randomize
            ),
            set=changes,
            command=shlex.join(words),
            out=None if self._out is None else self._out.name,
        )

    def frame(self, asked: PreviewFrameAsk) -> PreviewFrame:
        """A frame."""
        recipe = self._recipe(asked.set)
        made = self._made(asked)
        classes = {one.name: place for place, one in enumerate(recipe.labels)}
        views = []
        for camera in made.record["cameras"]:
            width, height = camera["resolution"]
            boxes = [
                PreviewBox(label=classes[item["class"]], box=tuple(item["bbox_visible"]))
                for item in camera["objects"]
                if item["bbox_visible"]
            ]
            views.append(
                PreviewView(camera=camera["name"], width=width, height=height, boxes=tuple(boxes[:500]))
            )
        return PreviewFrame(
            frame=asked.frame,
            split=made.record["split"],
            attempts=made.attempts,
            rejected=made.reason,
            rules=made.rules,
            draws=made.record["draws"],
            views=tuple(views),
        )

    def picture(self, asked: PreviewPictureAsk) -> bytes:
        """Its picture."""
        made = self._made(asked)
        if asked.camera not in made.pictures:
            why = (
                f"frame {asked.frame} is rejected"
                if made.reason
                else f"the recipe has no camera {asked.camera!r}"
            )
            raise Refused(404, f"there is no picture: {why}")
        return made.pictures[asked.camera]

    def text(self, asked: PreviewAsk) -> str:
        """The recipe."""
        return recipe_text(self.path, (*self._given, *self._ranges_only(asked.set)))

    def save(self, asked: PreviewSave) -> PreviewSaved:
        """Writes it down."""
        if self._out is None:
            raise Refused(409, "this preview was started without --out, so there is no file to save to")
        changes = self._ranges_only(asked.set)
        with self._saving:
            write_recipe(self.path, (*self._given, *changes), self._out)
        return PreviewSaved(file=self._out.name)

    def _key(self, sets: "Sequence[str]") -> tuple[object, ...]:
        """Of a recipe; another one where the file is."""
        told = self.path.stat() if self.path.is_file() else None
        return (*sets, None if told is None else told.st_mtime_ns)

    def _ranges_only(self, sets: "Sequence[str]") -> "Sequence[str]":
        """The same; UserError where one changes something else, which a page has no business with."""
        if sets:
            known = [one.id for one in all_ranges(self._recipe(()))]
            for text in sets:
                key = text.partition("=")[0].strip()
                if "=" not in text or not any(key == one or key.startswith(f"{one}.") for one in known):
                    near = did_you_mean(key, known)
                    raise UserError(
                        f"--set {text!r}: there is no range {key!r}, and a preview changes ranges only{near}"
                    )
        return sets

    def _recipe(self, sets: "Sequence[str]") -> Recipe:
        changes = self._ranges_only(sets)
        return self._recipes.get(
            self._key(sets), lambda: located_recipe(self.path, (*self._given, *changes))[0]
        )

    def _made(self, asked: PreviewFrameAsk) -> Made:
        recipe = self._recipe(asked.set)
        look = Look(asked.width, asked.engine == "own")
        shown = shown_recipe(recipe, look)
        for camera in shown.cameras:
            width, height = shown.camera_resolution(camera)
            if width * height > MOST_PIXELS:
                raise UserError(
                    f"{camera.name} has {width} x {height} pixels; a preview shows at most {MOST_PIXELS}: "
                    "ask for a smaller width"
                )
        key = self._key(asked.set), asked.frame, look
        return self._frames.get(key, lambda: self._thread.submit(self._make, recipe, asked, look).result())

    def _make(self, recipe: Recipe, asked: PreviewFrameAsk, look: Look) -> Made:
        """On the thread."""
        if self._previewer is None:
            start = start_of(self._recipe(()), self.path.parent)  # no change of a page names a state
            self._previewer = Previewer(self.path.parent, start)
        try:
            return self._previewer.frame(recipe, asked.frame, look)
        except FieldError:
            _, spot = located_recipe(self.path, (*self._given, *self._ranges_only(asked.set)))
            with told_where(spot):
                raise
            raise AssertionError("told_where raises") from None


def _range(one: Range, draws: "dict[str, np.ndarray]", changed: bool) -> PreviewRange:
    import numpy as np

    values = draws.get(one.id, np.zeros(0))
    low, high, counts = histogram(values)
    return PreviewRange(
        id=one.id,
        field=".".join(one.path),
        kind=one.source.kind,
        written=one.written,
        form=one.form,
        parameters=one.parameters,
        of=one.of,
        nominal=nominal(one, values),
        low=low,
        high=high,
        counts=counts,
        changed=changed,
    )
