"""Fixtures that every folder of tests uses."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def validate_glb() -> Iterator[Callable[..., list[str]]]:
    """`validate(data)` of tests/gltf_validator.py: the errors of a GLB file by the Khronos validator; skips without it."""
    name = "gltf_validator"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "gltf_validator.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    module = sys.modules[name]
    try:
        module.validator()
    except module.ValidatorMissing as missing:
        pytest.skip(str(missing))
    yield module.validate
    module.close()
