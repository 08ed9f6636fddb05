"""The recipe file that a dataset was made from -> the changes of the command line that make it that dataset's again.

Touches files.
"""

import re
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.synth.generation import resolved
from twinstage.synth.portable import portable
from twinstage.synth.preview.ranges import shown
from twinstage.synth.recipe import Recipe, load_recipe

_ELSEWHERE = ("stage", "asset_roots", "state", "frames", "seed", "export")
"""Fields that are no part of what a frame is, or that a command has flags of their own for."""


def changes_to(recipe: Path, dataset: Path) -> list[str] | None:
    """What `--set` has to say for that file to make the dataset's frames, with its number of frames and its seed; None where
    nothing does. Exports are left out: they change no frame.
    """
    try:
        wanted = _stored(dataset / "recipe.yaml")
        plain = _overrides(load_recipe(recipe), wanted)
        for changes in ([], plain):
            made = resolved(load_recipe(recipe, changes), wanted.frames, wanted.seed)
            if portable(made, recipe.parent).frames_hash == wanted.frames_hash:
                return changes
    except (UserError, OSError, TypeError, ValueError):
        return None
    return None


def _stored(path: Path) -> Recipe:
    """The recipe of a dataset, which builds upon no other file."""
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError("a link that leads out of the dataset")
    if path.stat().st_size > 4 << 20 or re.search(rb"^['\"]?include", path.read_bytes(), re.M):
        raise ValueError("no recipe of a dataset")
    return load_recipe(path)


def _overrides(base: Recipe, wanted: Recipe) -> list[str]:
    before, after = base.model_dump(mode="json"), wanted.model_dump(mode="json")
    out: list[str] = []
    for key, value in after.items():
        if key in _ELSEWHERE or before.get(key) == value:
            continue
        if key in ("engine", "accept"):
            out += [
                f"{key}.{name}={shown(one)}" for name, one in value.items() if before[key].get(name) != one
            ]
        elif key == "randomize" and [r["name"] for r in before[key]] == [r["name"] for r in value]:
            for old, new in zip(before[key], value, strict=True):
                out += [
                    f"{new['name']}.{name}={shown(one)}" for name, one in new.items() if old.get(name) != one
                ]
        else:
            out.append(f"{key}={shown(value)}")
    return out
