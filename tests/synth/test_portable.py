"""A stage that a recipe names by its whole path: the dataset holds a relative one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.synth.generation import generate
from twinstage.synth.portable import portable


def test_whole_paths_become_relative_ones(yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "yard.usda").touch()
    (tmp_path / "recipes").mkdir()
    whole = yard_recipe(
        stage=str(tmp_path / "plant" / "yard.usda"), asset_roots=[str(tmp_path / "plant"), "."]
    )
    found = portable(whole, tmp_path / "recipes")
    assert (found.stage, tuple(found.asset_roots)) == ("../plant/yard.usda", ("../plant", "."))
    (tmp_path / "link").symlink_to(tmp_path / "recipes")
    assert portable(whole, tmp_path / "link").stage == "../plant/yard.usda"


@pytest.mark.parametrize("stage", ["yard.usda", "../yard.usda", "/not/there.usda"])
def test_other_paths_stay(stage: str, yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    recipe = yard_recipe(stage=stage)
    assert portable(recipe, tmp_path) is recipe


def test_a_dataset_of_a_whole_path_verifies(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(stage=str(yard), frames=1, annotate=[])
    made = generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert made.findings == ()
    assert "\nstage: yard.usda\n" in (tmp_path / "d" / "recipe.yaml").read_text()
