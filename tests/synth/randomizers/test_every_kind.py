"""Every kind of randomizer has a recipe, a sheet and a section; its recipe verifies, and its layer makes the frame again.

A new kind is found here by being registered: whoever adds one adds these, too.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import TypeAdapter
from tests.synth.test_layer_reproduces_frame import assert_same_scene as same_edits

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.dataset import Dataset
from twinstage.synth.draws import Distribution
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import generate
from twinstage.synth.randomizers import RANDOMIZERS, Rejected
from twinstage.synth.recipe import Recipe
from twinstage.synth.triggers import Trigger
from twinstage.synth.verify import verify

KINDS = [cls.model_fields["kind"].default for cls in RANDOMIZERS if cls.__module__.startswith("twinstage.")]
MOST_SHEET_BYTES = 120_000


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_shown_and_told(
    kind: str, root: Path, recipes: Path, small_recipe: Callable[..., Recipe]
) -> None:
    assert kind in {r.kind for r in small_recipe(kind).randomize}
    sheet = root / "docs" / "images" / "randomizers" / f"{kind}.jpg"
    assert sheet.stat().st_size <= MOST_SHEET_BYTES
    page = (root / "docs" / "randomizers.md").read_text("utf-8")
    section = page.partition(f"### `{kind}`\n")[2].partition("\n### ")[0]
    assert f"(images/randomizers/{kind}.jpg)" in section
    assert f"(../examples/randomizers/{kind}.yaml)" in section


@pytest.mark.parametrize("kind", KINDS)
def test_its_recipe_gives_a_dataset_that_verifies(
    kind: str, recipes: Path, small_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    generate(small_recipe(kind), tmp_path / "dataset", base_dir=recipes)
    report = verify(tmp_path / "dataset")
    assert report.findings == ()
    cameras = [c for r in Dataset(tmp_path / "dataset").records() for c in r["cameras"]]
    assert len(cameras) == 3
    assert all(any(o["visible_px"] for o in c["objects"]) for c in cameras)


@pytest.mark.parametrize("kind", KINDS)
def test_its_layer_over_the_stage_reads_as_the_labelled_scene(
    kind: str, recipes: Path, small_recipe: Callable[..., Recipe]
) -> None:
    maker = FrameMaker(small_recipe(kind), recipes)
    for frame in range(2):
        try:
            made = maker.randomized(frame)
        except Rejected:
            continue
        opened = open_stage(recipes / "scene.usda", probe=False)
        opened.layers.randomization.ImportFromString(maker.layer(made))
        assert_same_scene(made.snapshot, read_snapshot(opened, made.scene.time))


def assert_same_scene(made: Snapshot, read: Snapshot) -> None:
    """Everything that the label pass and the engines use is the same."""
    same_edits(made, read)
    assert [p.hash for p in made.prototypes] == [p.hash for p in read.prototypes]
    assert [(o.prim_path, o.point_id, o.labels) for o in made.objects] == [
        (o.prim_path, o.point_id, o.labels) for o in read.objects
    ]


def test_numbers_and_triggers_of_the_page_are_some(root: Path) -> None:
    page = (root / "docs" / "randomizers.md").read_text("utf-8")
    numbers, times = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.S)[:2])
    adapter = TypeAdapter[Any](Distribution)
    kinds = {adapter.validate_python(number).kind for number in numbers}
    assert kinds == {m.model_fields["kind"].default for m in get_args(get_args(Distribution.__value__)[0])}
    assert len([Trigger.model_validate(time) for time in times]) == 5
