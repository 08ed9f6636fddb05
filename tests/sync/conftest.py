"""The hand-made scenes, as a fixture."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """Module of helpers that build scenes and columns by hand."""
    spec = importlib.util.spec_from_file_location(
        "twinstage_tests_sync_make", Path(__file__).with_name("make.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The conformance vectors that every client of the protocol has to pass."""
    return Path(__file__).with_name("vectors")
