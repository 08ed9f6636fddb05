"""When a randomizer draws anew and when it does anything; and stages that frames are dealt out over."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import generate
from twinstage.synth.plan import plan
from twinstage.synth.triggers import Trigger

LAMPS = {"kind": "light", "name": "lamps", "lights": ["/Yard/Lights/Bulb"], "intensity": [0.5, 2]}
PAINT = {"kind": "color", "name": "paint", "materials": ["/Yard/Looks/Red"], "roughness": [0, 1]}


def drawn(
    yard: Path, yard_recipe: Callable[..., Any], *randomize: Any, frames: int = 12
) -> list[dict[str, Any]]:
    maker = FrameMaker(yard_recipe(randomize=list(randomize), frames=frames), yard.parent)
    return [maker.randomized(frame).draws for frame in range(frames)]


@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 500))
def test_a_key_frame_starts_each_row(every: int, offset: int, frame: int) -> None:
    when = Trigger(every=every, offset=offset)
    key = when.key_frame(frame)
    assert key <= frame < key + every and (key - offset) % every == 0
    assert when.key_frame(key) == key and when.index(frame + every) == when.index(frame) + 1
    assert when.index(0) == 0


def test_draws_are_held_between(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    frames = drawn(yard, yard_recipe, {**LAMPS, "when": {"every": 4, "offset": 2}})
    values = [frame["lamps"]["intensity /Yard/Lights/Bulb"] for frame in frames]
    groups = [values[:2], values[2:6], values[6:10], values[10:]]
    assert all(len(set(group)) == 1 for group in groups) and len(set(values)) == 4


def test_sequences_take_a_step_at_each_draw(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    lamps = {**LAMPS, "intensity": {"sequence": [1, 2, 3]}, "when": {"every": 2}}
    values = [f["lamps"]["intensity /Yard/Lights/Bulb"] for f in drawn(yard, yard_recipe, lamps, frames=8)]
    assert values == [1, 1, 2, 2, 3, 3, 1, 1]


def test_from_until_and_conditions(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    frames = drawn(yard, yard_recipe, {**LAMPS, "when": {"from": 3, "until": 6}})
    assert [bool(frame["lamps"]) for frame in frames] == [3 <= i < 6 for i in range(12)]
    dark = {**PAINT, "when": {"if": "lamps.intensity < 1 and frame >= 2"}}
    for number, frame in enumerate(drawn(yard, yard_recipe, LAMPS, dark)):
        low = frame["lamps"]["intensity /Yard/Lights/Bulb"] < 1
        assert bool(frame["paint"]) == (low and number >= 2)


def test_who_can_never_do_anything_is_named(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    never = {**LAMPS, "name": "never", "when": {"chance": 0}}
    late = {**LAMPS, "name": "late", "when": {"from": 2}}
    last = {**LAMPS, "name": "last", "when": {"from": 1}}
    recipe = yard_recipe(randomize=[never, late, last], frames=2)
    done = generate(recipe, tmp_path / "out", base_dir=yard.parent, judged=False)
    assert done.idle == ("never", "late")


def test_chance_is_a_share_of_draws_and_held(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    when = Trigger(chance=0.3)
    from twinstage.synth.draws import Draws

    active = [when.holds(Draws(1, frame, "r")) for frame in range(3000)]
    assert sum(active) / 3000 == pytest.approx(0.3, abs=0.03)
    frames = drawn(yard, yard_recipe, {**LAMPS, "when": {"chance": 0.5, "every": 3}})
    told = [bool(frame["lamps"]) for frame in frames]
    assert all(len(set(told[i : i + 3])) == 1 for i in range(0, 12, 3)) and len(set(told)) == 2


def test_a_condition_over_one_that_does_nothing_does_not_hold(
    yard: Path, yard_recipe: Callable[..., Any]
) -> None:
    never = {**LAMPS, "when": {"until": 1, "from": 0}}
    frames = drawn(yard, yard_recipe, never, {**PAINT, "when": {"if": "lamps.intensity > 0"}})
    assert [bool(frame["paint"]) for frame in frames] == [True] + [False] * 11


def test_a_trigger_disturbs_no_other(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    plain = drawn(yard, yard_recipe, LAMPS, PAINT)
    held = drawn(yard, yard_recipe, {**LAMPS, "when": {"every": 5, "chance": 0.5}}, PAINT)
    assert [frame["paint"] for frame in plain] == [frame["paint"] for frame in held]


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ({"every": 0}, "greater than or equal to 1"),
        ({"from": 5, "until": 5}, "until 5 is not after from 5"),
        ({"evry": 2}, "unknown field 'evry'; did you mean 'every'"),
        ({"form": 2}, "unknown field 'form'; did you mean 'from'"),
        ({"if": "os.system('x')"}, "has a call that is no plain function"),
    ],
)
def test_wrong_triggers_are_told(when: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Trigger.model_validate(when)


def test_what_is_drawn_before_all_else_says_so(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    move = {"kind": "animation", "name": "move", "time_codes": [0, 4], "when": {"if": "lamps.intensity < 1"}}
    with pytest.raises(
        UserError, match="'lamps' has not drawn 'intensity'; variants and animation are drawn before"
    ):
        generate(yard_recipe(randomize=[LAMPS, move]), tmp_path / "out", base_dir=yard.parent)


def test_conditions_over_nothing_are_told_before_anything_is_written(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(randomize=[{**PAINT, "when": {"if": "lamp.intensity > 1"}}, LAMPS])
    with pytest.raises(
        UserError, match=r"randomizer 'paint', when: 'lamp\.intensity' names no randomizer before"
    ):
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert not (tmp_path / "d").exists()


# --- scenes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yards(yard: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four copies of the yard, of which one lacks a box."""
    folder = tmp_path_factory.mktemp("yards")
    shutil.copy(yard.parent / "picture.png", folder)
    text = yard.read_text()
    for number in range(4):
        (folder / f"yard{number}.usda").write_text(text if number else text.replace('"Box_B"', '"Crate_B"'))
    return folder


def test_frames_are_dealt_over_scenes_and_no_scene_is_in_two_splits(
    yards: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    stages = [f"yard{number}.usda" for number in range(4)]
    recipe = yard_recipe(
        stage=stages, frames=8, split_by=["scene"], splits={"train": 3, "val": 1}, annotate=[]
    )
    jobs = plan(recipe)
    of_split = {split: {jobs[f].scene for f in jobs if jobs[f].split == split} for split in ("train", "val")}
    assert len(of_split["train"]) == 3 and len(of_split["val"]) == 1
    assert of_split["train"].isdisjoint(of_split["val"])
    result = generate(recipe, tmp_path / "d", base_dir=yards)
    assert result.findings == ()
    records = list(Dataset(tmp_path / "d").records())
    assert [r["stage"] for r in records] == [stages[jobs[f].scene] for f in range(8)]
    import json

    manifest = json.loads((tmp_path / "d/manifest.json").read_bytes())
    assert [stage["name"] for stage in manifest["stages"]] == stages
    assert len({stage["hash"] for stage in manifest["stages"]}) == 2


def test_too_few_scenes_are_told(yards: Path, yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    recipe = yard_recipe(stage=["yard1.usda"], split_by=["scene"])
    with pytest.raises(UserError, match=r"split_by scene: there is 1 item .* for 2 splits"):
        generate(recipe, tmp_path / "d", base_dir=yards)
    with pytest.raises(UserError, match="asset cannot be dealt out; splits needs at least two"):
        yard_recipe(split_by=["asset"], splits={})
