"""The example recipes of all randomizers, in small, and their scene."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.synth.randomizers.looks import POSTER, MakeYard

from twinstage.scene.edits import apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers import RANDOMIZERS
from twinstage.synth.recipe import Recipe, load_recipe

SMALL = ("engine={kind: 'null'}", "resolution=[96, 72]", "frames=3")


@pytest.fixture(scope="session")
def recipes(root: Path) -> Path:
    """The folder of the example recipes."""
    return root / "examples" / "randomizers"


@pytest.fixture(scope="session")
def small_recipe(recipes: Path) -> Callable[..., Recipe]:
    """A function from a kind (and more overrides) to its example recipe with small pictures and no engine."""

    def load(kind: str, more: Sequence[str] = ()) -> Recipe:
        return load_recipe(recipes / f"{kind}.yaml", [*SMALL, *more])

    return load


@pytest.fixture(scope="session")
def table(recipes: Path) -> Snapshot:
    """The example scene."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    return read_snapshot(open_stage(recipes / "scene.usda", probe=False))


@pytest.fixture(scope="session")
def run() -> Callable[..., tuple[Snapshot, Draws]]:
    """A function from a snapshot, a frame and fields to the scene after that randomizer, and its draws."""

    def made(snapshot: Snapshot, frame: int = 0, **fields: Any) -> tuple[Snapshot, Draws]:
        randomizer = RANDOMIZERS.get(fields["kind"]).model_validate({"name": "r", **fields})
        draws = Draws(5, frame, "r")
        return apply_edits(snapshot, batch(randomizer(snapshot, draws))), draws

    return made


@pytest.fixture
def yard_with(yard_writer: Callable[..., Path], yard_recipe: Callable[..., Any], tmp_path: Path) -> MakeYard:
    """A frame maker of the yard with these randomizers alone, and the yard's folder."""

    def make(
        *randomize: dict[str, Any], up: str = "Z", mpu: float = 1.0, **more: Any
    ) -> tuple[FrameMaker, Path]:
        stage = yard_writer(tmp_path, up=up, mpu=mpu)
        stage.write_text(stage.read_text() + POSTER)
        items = [{"name": f"r{i}", **fields} for i, fields in enumerate(randomize)]
        return FrameMaker(yard_recipe(randomize=items, **more), stage.parent), stage.parent

    return make
