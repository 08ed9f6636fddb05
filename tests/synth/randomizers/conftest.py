"""The example recipes of all randomizers, in small."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

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
