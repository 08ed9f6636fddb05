"""Damaged bytes are refused with FrameError and nothing else; scripts/soak_stream.py goes on for a million."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def fuzzing() -> ModuleType:
    name = "twinstage_tests_sync_fuzz"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fuzz.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_twenty_thousand_damaged_messages_raise_nothing_but_a_frame_error(fuzzing: ModuleType) -> None:
    outcome = fuzzing.fuzz(20_000, seed=1)
    assert outcome.failures == []
    assert outcome.cases == 20_000
    assert outcome.refused > 10_000 and outcome.applied > 200  # damage gets past the checksums, too


def test_damaged_messages_take_no_memory_to_speak_of(fuzzing: ModuleType) -> None:
    outcome = fuzzing.fuzz(500, seed=2, memory=True)
    assert outcome.failures == [] and outcome.peak_bytes < 8 << 20
