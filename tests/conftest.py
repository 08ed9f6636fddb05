"""Fixtures that every folder of tests uses."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real assets and telemetry beside the checkout; tests that need it skip without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "assets").is_dir():
        pytest.skip("the shared asset folder ../shared is absent, so this real-input test cannot run")
    return folder
