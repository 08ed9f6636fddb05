"""Pictures for which there is no memory are refused before a pixel of them is made."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.base import memory as base
from twinstage.base.errors import UserError
from twinstage.synth import memory
from twinstage.synth.generation import generate
from twinstage.synth.single import make_frame


def test_a_picture_that_no_machine_of_that_size_holds_is_refused_in_one_sentence(
    yard: Path, yard_recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 16 * 2**30)
    recipe = yard_recipe(cameras=["Front"], resolution=[16384, 16384])
    sentence = (
        "a picture of 16384 x 16384 pixels takes at least 25.0 GiB of memory, and this machine has 16.0 GiB; "
        "take a smaller resolution"
    )
    with pytest.raises(UserError) as told:
        generate(recipe, tmp_path / "out", base_dir=yard.parent)
    assert str(told.value) == sentence
    with pytest.raises(UserError, match="a smaller resolution"):
        make_frame(recipe, 0, tmp_path / "one", base_dir=yard.parent)
    assert not (tmp_path / "out").exists() and not (tmp_path / "one").exists()


def test_pictures_of_all_cameras_and_workers_count(yard_recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2**30)
    recipe = yard_recipe(resolution=[2000, 2000])  # two cameras: 0.75 GiB
    memory.check_memory(recipe)
    with pytest.raises(UserError) as told:
        memory.check_memory(recipe, 2)
    assert str(told.value) == (
        "the 2 pictures of a frame (up to 2000 x 2000 pixels) take at least 0.7 GiB of memory in each of 2 workers, and this "
        "machine has 1.0 GiB; take fewer workers"
    )
    assert memory.workers_that_fit(recipe, 8) == 1
    assert memory.workers_that_fit(yard_recipe(resolution=[200, 200]), 8) == 8


def test_a_system_that_does_not_say_is_trusted(yard_recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: None)
    recipe = yard_recipe(resolution=[16384, 16384])
    memory.check_memory(recipe, 64)
    assert memory.workers_that_fit(recipe, 3) == 3


def test_what_a_container_may_take_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = base.memory_bytes()
    assert whole is not None and whole > 2**28
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(base, "_LIMITS", (limit, tmp_path / "none"))
    limit.write_text("268435456\n")
    assert base.memory_bytes() == 2**28
    limit.write_text("max\n")
    assert base.memory_bytes() == pytest.approx(whole, rel=10)
