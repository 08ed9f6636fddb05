"""The hand-made scenes, as a fixture; the helpers of `faults` on the path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).with_name("faults")))

from peers import node

__all__ = ["make", "node", "vectors"]


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
