"""Changed ranges -> a recipe file. It builds upon the first one where it can, so that comments and all else stay there.

Touches files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from twinstage.base.errors import UserError
from twinstage.synth.canonical import write_atomic
from twinstage.synth.overrides import overridden
from twinstage.synth.recipe import Recipe, located_recipe
from twinstage.synth.yaml_file import INCLUDE, merged, read_yaml, validated


def check_out(recipe: Path, out: Path) -> None:
    """Raise UserError where changed ranges cannot be written to that file."""
    if out.resolve() == recipe.resolve():
        raise UserError(f"--out {out} is the recipe itself; expected another file, which will build upon it")
    if out.resolve().parent != recipe.resolve().parent:
        raise UserError(
            f"--out {out} must lie beside {recipe}, since a recipe's paths are relative to its own folder"
        )
    if out.exists() and not out.is_file():
        raise UserError(f"--out {out} is no file")


def recipe_text(path: Path, overrides: Sequence[str]) -> str:
    """The text of a recipe, for a file beside that one, that is that one with the overrides. UserError for wrong ones."""
    wanted, _ = located_recipe(path, overrides)
    base, spot = read_yaml(path)
    changed, _ = overridden(base, spot, overrides, tuple(Recipe.model_fields))
    difference = _difference(base, changed)
    if _same(path, base, difference, wanted):
        return _yaml({INCLUDE: path.name, **difference})
    # What a merge cannot say, such as another kind of distribution in place of a mapping: everything, written out.
    return f"# {path.name} with other ranges\n" + wanted.to_yaml()


def write_recipe(path: Path, overrides: Sequence[str], out: Path) -> None:
    """Write it to a file."""
    check_out(path, out)
    try:
        write_atomic(out, recipe_text(path, overrides).encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None


def _same(path: Path, base: dict[str, Any], difference: dict[str, Any], wanted: Recipe) -> bool:
    try:
        made = validated(Recipe, merged(base, difference), name=path.name)
    except UserError:
        return False
    return made == wanted


def _difference(base: Any, changed: Any) -> Any:
    """What has to be merged into `base` to get `changed`, where both are mappings or lists of items with names."""
    out: dict[str, Any] = {}
    for key, value in changed.items():
        before = base.get(key)
        if key in base and before == value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            out[key] = _difference(before, value)
        elif _named(before) and _named(value):
            known = {item["name"]: item for item in before}
            items = [(item, known.get(item["name"])) for item in value]
            out[key] = [
                {"name": item["name"], **_difference(old, item)} if old else item
                for item, old in items
                if item != old
            ]
        else:
            out[key] = value
    return out


def _named(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(i, dict) and isinstance(i.get("name"), str) for i in items
    )


class _Dumper(yaml.SafeDumper):
    """Lists of plain values on one line, as people write ranges."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        plain = all(not isinstance(item, dict | list) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)


def _yaml(data: Any) -> str:
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
