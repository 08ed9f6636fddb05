"""The example scene is what its script writes, and holds what the recipes need of it."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.snapshot import Snapshot


@pytest.fixture(scope="module")
def script(root: Path) -> Any:
    """scripts/randomizer_scene.py as a module."""
    spec = spec_from_file_location("randomizer_scene", root / "scripts" / "randomizer_scene.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["randomizer_scene"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_script_writes(script: Any, recipes: Path) -> None:
    text = (recipes / "scene.usda").read_text("utf-8")
    assert text == script.scene() and len(text) < 60_000
    for name, distractor in script.distractors().items():
        assert (recipes / "distractors" / f"{name}.usda").read_text("utf-8") == distractor


def test_it_reads_without_a_finding_and_has_five_classes(table: Snapshot) -> None:
    assert table.findings == ()
    assert {label for o in table.objects for label in o.labels} == {"box", "tin", "ball", "cone", "mug"}
    assert {light.kind for light in table.lights} == {"dome", "rect", "distant"}
    assert [c.name for c in table.cameras] == ["Front", "Side"]
    assert len(table.points.point_id) == 8 and len(table.keypoints.name) == 8
