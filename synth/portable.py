"""A recipe whose paths say nothing of the machine: what a user wrote as a whole path, relative to the recipe's folder."""

import os
from pathlib import Path

from twinstage.synth.recipe import Recipe


def portable(recipe: Recipe, base_dir: Path) -> Recipe:
    """The same recipe with its stages and asset roots relative to `base_dir`, its folder, where they are whole paths.

    A dataset keeps its recipe and holds no whole path. One that leads nowhere stays, to be told as it was written.
    """
    stages = tuple(_relative(path, base_dir) for path in recipe.stages)
    roots = tuple(_relative(path, base_dir) for path in recipe.asset_roots)
    if stages == recipe.stages and roots == tuple(recipe.asset_roots):
        return recipe
    stage = stages[0] if isinstance(recipe.stage, str) else stages
    return recipe.model_copy(update={"stage": stage, "asset_roots": roots})


def _relative(path: str, base_dir: Path) -> str:
    if not os.path.isabs(path) or not os.path.exists(path):
        return path
    found = Path(os.path.relpath(os.path.realpath(path), os.path.realpath(base_dir))).as_posix()
    return found if (base_dir / found).exists() else path
