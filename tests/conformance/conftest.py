"""Makes the helpers importable as `conformance.*`, and opens each stage once a run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conformance.reading import Library


@pytest.fixture(scope="session")
def own() -> Iterator[Library]:
    """The stages of this folder."""
    library = Library(Path(__file__).resolve().parent / "stages")
    yield library
    library.close()


@pytest.fixture(scope="session")
def real(shared: Path) -> Iterator[Library]:
    """The real stages beside the checkout."""
    library = Library(shared / "assets")
    yield library
    library.close()
