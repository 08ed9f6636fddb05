"""Pictures of the viewer: a state of scripts/viewer_pictures.py makes each that a page shows, and each made is shown."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MOST_BYTES = 150_000
OF_OTHERS = {"viewer.png", "palletizer.png", "notebook.jpg", "telemetry-report.jpg"}


@pytest.fixture(scope="module")
def pictures(root: Path) -> Any:
    sys.path.insert(0, str(root / "scripts"))
    try:
        yield importlib.import_module("viewer_pictures")
    finally:
        sys.path.remove(str(root / "scripts"))


def shown(root: Path) -> set[str]:
    pages = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("examples/*/README.md")]
    return {name for page in pages for name in re.findall(r"images/([\w.-]+)\)", page.read_text("utf-8"))}


def test_each_picture_that_a_page_shows_is_made_and_each_made_is_shown(root: Path, pictures: Any) -> None:
    made = [name for state in pictures.states().values() for name in pictures.files(state)]
    assert len(made) == len(set(made)) > 40
    there = shown(root)
    assert set(made) == {name for name in there if name.startswith("viewer-")} | (OF_OTHERS & there)


def test_each_state_makes_something(pictures: Any) -> None:
    assert [name for name, state in pictures.states().items() if not pictures.files(state)] == []
    assert set(pictures.LOUD) <= set(pictures.states())


def test_pictures_of_the_viewer_are_small(root: Path) -> None:
    images = root / "docs" / "images"
    large = [p.name for p in images.glob("viewer-*.jpg") if p.stat().st_size > MOST_BYTES]
    assert large == []
    unused = {p.name for p in images.glob("viewer-*")} - shown(root)
    assert unused == set()


@pytest.mark.parametrize(
    ("where", "text", "wants", "fits"),
    [
        ("#banner", "Link lost, showing the last state", (), False),
        ("#banner", "Link lost, showing the last state", ("Link lost",), True),
        (".alarm-banner", "CRITICAL The robot's controller is silent", (), False),
        (".alarm-banner", "HIGH The belt's drive tripped", (), True),
        ("#link-text", "Reconnecting", (), False),
        ("#link-text", "Live", (), True),
        ("#notices > *", "Taken back.", (), False),
    ],
)
def test_what_no_picture_may_show(
    pictures: Any, where: str, text: str, wants: tuple[str, ...], fits: bool
) -> None:
    stage = importlib.import_module("_viewer_stage")

    class Page:
        frames = property(lambda self: [self])

        def evaluate(self, _: str) -> list[list[str]]:
            return [[where, text]]

    if fits:
        stage.check(Page(), wants)
    else:
        with pytest.raises(stage.Unfit, match="it shows"):
            stage.check(Page(), wants)


def test_the_picture_of_coverage_is_what_its_script_draws(root: Path, tmp_path: Path) -> None:
    """Rays at an edge may fall otherwise on another processor: a pixel in two hundred."""
    made, kept = tmp_path / "made.png", root / "docs" / "images" / "label-coverage.png"
    command = [sys.executable, str(root / "scripts" / "coverage_picture.py"), "--out", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    old, new = (np.asarray(Image.open(file).convert("RGB"), int) for file in (kept, made))
    assert old.shape == new.shape
    assert (old != new).any(-1).mean() < 0.005
