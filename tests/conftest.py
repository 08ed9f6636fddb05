"""Fixtures that every folder of tests uses."""

import gc
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Half a million objects of collected tests live all the time: Python's usual pace looks through all of them again and again,
# which takes a third of the collection of tests and a twentieth of the tests.
gc.set_threshold(20_000, 20, 10)


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


@pytest.fixture(scope="session")
def validate_glb() -> Iterator[Callable[..., list[str]]]:
    """`validate(data)` of tests/gltf_validator.py: the errors of a GLB file by the Khronos validator; skips without it."""
    module = _module("gltf_validator")
    try:
        module.validator()
    except module.ValidatorMissing as missing:
        pytest.skip(str(missing))
    yield module.validate
    module.close()


@pytest.fixture(scope="session")
def nodes() -> ModuleType:
    """tests/node_programs.py: `newest((22, 18))` is a Node of at least that version, `with_npm()` has npm, too."""
    return _module("node_programs")


@pytest.fixture
def tutorial(root: Path, tmp_path: Path) -> Iterator[Any]:
    """`Tutorial` of tests/tutorial.py in an empty folder: `run(number)` runs a block of docs/designers.md."""
    made = _module("tutorial").tutorial(root, tmp_path)
    yield made
    made.end()


def _module(name: str) -> ModuleType:
    """A helper of this folder, which is not on the path of modules."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
