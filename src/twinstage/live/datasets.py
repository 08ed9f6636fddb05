"""A recipe file and command-line values into one call of `synth.generation`."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.clock import SystemClock
from twinstage.base.errors import UserError
from twinstage.live.states import start_of, with_moment

if TYPE_CHECKING:
    from twinstage.synth.frame import FrameSummary
    from twinstage.synth.generation import Generated
    from twinstage.synth.recipe import Recipe
    from twinstage.synth.single import SingleFrame
    from twinstage.synth.start import Start
    from twinstage.synth.yaml_file import Spot


def generate_dataset(
    recipe: Path,
    *,
    out: Path,
    frames: int | None = None,
    seed: int | None = None,
    workers: int | None = 1,
    shard: str = "0/1",
    overrides: Sequence[str] = (),
    asset_roots: Sequence[Path] = (),
    judged: bool = True,
    at: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_frame: Callable[["FrameSummary"], None] | None = None,
) -> "Generated":
    """Write the dataset of a recipe file; see `synth.generation.generate`. `asset_roots` add to the recipe's own."""
    from twinstage.synth.generation import generate
    from twinstage.synth.yaml_file import told_where

    loaded, spot = _located(recipe, overrides, asset_roots)
    if at is not None:
        loaded = with_moment(loaded, at)
    with told_where(spot):
        return generate(
            loaded,
            out,
            frames,
            seed,
            base_dir=recipe.parent,
            start=_start(loaded, recipe.parent, out),
            workers=workers,
            shard=_shard(shard),
            judged=judged,
            progress=progress,
            on_frame=on_frame,
            clock=SystemClock(),
        )


def single_frame(
    recipe: Path,
    frame: int,
    *,
    out: Path,
    frames: int | None = None,
    seed: int | None = None,
    usd: bool = False,
    overrides: Sequence[str] = (),
    asset_roots: Sequence[Path] = (),
    at: str | None = None,
) -> "SingleFrame":
    """Write one frame of a recipe file; see `synth.single.make_frame`."""
    from twinstage.synth.generation import resolved
    from twinstage.synth.single import make_frame
    from twinstage.synth.yaml_file import told_where

    loaded, spot = _located(recipe, overrides, asset_roots)
    loaded = resolved(loaded, frames, seed)
    if at is not None:
        loaded = with_moment(loaded, at)
    start = _start(loaded, recipe.parent, out)
    with told_where(spot):
        return make_frame(loaded, frame, out, base_dir=recipe.parent, usd=usd, start=start)


def _start(recipe: "Recipe", folder: Path, out: Path) -> "Start | None":
    """The state that the recipe starts from.

    A running twin has moved on since a run began, so what that run stored holds. A recording has not: its moment is asked
    for again, so that another moment than the stored one is another dataset, which `generate` refuses.
    """
    from twinstage.synth.start import stored_start

    live = recipe.state is not None and recipe.state.url is not None
    return (stored_start(out) if live else None) or start_of(recipe, folder)


def _located(
    recipe: Path, overrides: Sequence[str] = (), asset_roots: Sequence[Path] = ()
) -> "tuple[Recipe, Spot]":
    """The recipe in a file, with overrides and more folders that its stage may reach; and where its values stand."""
    from twinstage.synth.recipe import located_recipe

    loaded, spot = located_recipe(recipe, overrides)
    # Relative to the recipe, as its own are: the resolved recipe is part of the dataset and names no machine.
    more = tuple(os.path.relpath(root, recipe.parent) for root in asset_roots)
    return loaded.model_copy(update={"asset_roots": (*loaded.asset_roots, *more)}), spot


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise UserError(f"--shard is {text!r}; expected I/N, such as 0/4, with I from 0 to N - 1")
    return int(index), int(count)
