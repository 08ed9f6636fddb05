"""A dataset's start: a layer below everything that is randomized, kept with the dataset, that leads to no other file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.synth.generation import generate
from twinstage.synth.merge import merge
from twinstage.synth.recipe import parse_recipe
from twinstage.synth.single import make_frame
from twinstage.synth.start import MOST_BYTES, Start, above_start, checked_start, stored_start
from twinstage.synth.verify import verify

STATE = """#usda 1.0
(
    customLayerData = {
        dictionary twinstage = {
            string time = "2026-11-24T09:14:00.000Z"
        }
    }
)
over "Yard"
{
    over "Box_A"
    {
        matrix4d xformOp:transform:live = ( (1,0,0,0), (0,1,0,0), (0,0,1,0), (1.25, 2.5, 0.25, 1) )
        uniform token[] xformOpOrder = ["xformOp:transform:live"]
    }
    over "Box_B"
    {
        token visibility = "invisible"
    }
}
"""


@pytest.fixture
def from_state(yard_recipe: Callable[..., Any]) -> Any:
    lift = {"kind": "pose", "name": "lift", "prims": ["/Yard/Box_A"], "translate": {"z": [0.5, 0.6]}}
    return yard_recipe(state={"bindings": "b.yaml", "at": 3}, randomize=[lift], frames=2, splits={})


def test_frames_start_from_the_state_and_are_opened_again_with_it(
    from_state: Any, yard: Path, tmp_path: Path
) -> None:
    from pxr import Usd, UsdGeom

    out = tmp_path / "d"
    generate(from_state, out, base_dir=yard.parent, start=checked_start(STATE, "s"))
    record = json.loads((out / "records/000000.json").read_bytes())
    assert record["moment"] == "2026-11-24T09:14:00.000Z"
    seen = {o["prim_path"]: o for c in record["cameras"] for o in c["objects"]}
    world = np.array(seen["/Yard/Box_A"]["world_from_object"])
    assert world[:2, 3] == pytest.approx([1.25, 2.5])  # from the state
    assert 0.75 <= world[2, 3] <= 0.85  # and lifted by the randomizer
    assert "/Yard/Box_B" not in seen and "/Yard/Box_C" in seen

    root = tmp_path / "root.usda"
    root.write_text(f"#usda 1.0\n(\n    subLayers = [@{out / 'frames/000000.usda'}@, @{yard}@]\n)\n")
    stage = Usd.Stage.Open(str(root))
    found = UsdGeom.Xformable(stage.GetPrimAtPath("/Yard/Box_A")).ComputeLocalToWorldTransform(
        Usd.TimeCode.Default()
    )
    np.testing.assert_allclose(np.array(found).T, world, atol=1e-12)
    hidden = UsdGeom.Imageable(stage.GetPrimAtPath("/Yard/Box_B")).ComputeVisibility()
    assert hidden == "invisible"

    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["start"]["moment"] == record["moment"]
    assert manifest["start"]["hash"] == manifest["files"]["state.usda"]
    assert not verify(out).findings


def test_a_resume_takes_the_stored_state_and_another_one_is_refused(
    from_state: Any, yard: Path, tmp_path: Path
) -> None:
    out, whole = tmp_path / "d", tmp_path / "whole"
    generate(from_state, whole, base_dir=yard.parent, start=checked_start(STATE, "s"), workers=2)

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(from_state, out, base_dir=yard.parent, start=checked_start(STATE, "s"), progress=stop)
    other = checked_start(STATE.replace("1.25", "1.5"), "s")
    with pytest.raises(UserError, match="unfinished run of another state to start from"):
        generate(from_state, out, base_dir=yard.parent, start=other)
    assert stored_start(out) is not None
    generate(from_state, out, base_dir=yard.parent)
    files = [p for p in sorted(whole.rglob("*")) if p.is_file() and p.name != "run.log"]
    assert files and all(p.read_bytes() == (out / p.relative_to(whole)).read_bytes() for p in files)


def test_one_frame_alone_and_merged_shards_have_the_bytes_of_the_whole(
    from_state: Any, yard: Path, tmp_path: Path
) -> None:
    start = checked_start(STATE, "s")
    whole, parts = tmp_path / "whole", [tmp_path / "a", tmp_path / "b"]
    generate(from_state, whole, base_dir=yard.parent, start=start)
    make_frame(from_state, 1, tmp_path / "one", base_dir=yard.parent, usd=True, start=start)
    for name in ("state.usda", "frames/000001.usda", "records/000001.json"):
        assert (tmp_path / "one" / name).read_bytes() == (whole / name).read_bytes()
    assert "@state.usda@" in (tmp_path / "one/frame_000001.usda").read_text().replace("./", "")
    for number, out in enumerate(parts):
        generate(from_state, out, base_dir=yard.parent, start=start, shard=(number, 2))
    merge(parts, tmp_path / "merged")
    assert (tmp_path / "merged/manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_without_a_state_at_hand_the_recipe_is_refused(from_state: Any, yard: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="starts from a state, and none is at hand"):
        generate(from_state, tmp_path / "d", base_dir=yard.parent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no usda", "is no USD layer"),
        ("#usda 1.0\n(\n    subLayers = [@/etc/passwd@]\n)\n", "leads to another file"),
        ('#usda 1.0\ndef "A" (references = @other.usda@)\n{\n}\n', "leads to another file"),
        ('#usda 1.0\ndef "A" (payload = @../x.usd@</B>)\n{\n}\n', "leads to another file"),
        ('#usda 1.0\nover "A"\n{\n    asset inputs:file = @/etc/passwd@\n}\n', "leads to another file"),
        ("#usda 1.0\n" + "#" * (MOST_BYTES + 1), "larger than 64 MiB"),
    ],
)
def test_a_state_leads_nowhere_else(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked_start(text, "the state of x")


def test_no_path_of_a_machine_is_told() -> None:
    with pytest.raises(UserError, match=r"\(passwd\), which a state must not$"):
        checked_start("#usda 1.0\n(\n    subLayers = [@/etc/passwd@]\n)\n", "the state of x")


def test_a_state_of_another_stage_is_refused(from_state: Any, yard: Path, tmp_path: Path) -> None:
    other = checked_start(STATE.replace('"Box_A"', '"Crane"'), "the state of x")
    with pytest.raises(UserError, match=r"the state of x changes /Yard/Crane, which yard.usda does not have"):
        generate(from_state, tmp_path / "d", base_dir=yard.parent, start=other)


def test_a_frames_layer_names_the_state_only_where_there_is_one() -> None:
    layer = "#usda 1.0\n(\n    metersPerUnit = 1\n)\n"
    assert above_start(layer, None) == layer
    assert "subLayers = [@../state.usda@]" in above_start(layer, Start("#usda 1.0\n", ""))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "give url"),
        ({"url": "http://127.0.0.1:8000", "at": 3}, "so at cannot be given"),
        ({"url": "file:///etc/passwd"}, "does not begin with http"),
        ({"bindings": "b.yaml", "at": "2026-11-24T09:14:00"}, "names no zone; write 2026-11-24T09:14:00Z"),
        ({"bindings": "b.yaml", "at": -1}, "before the recording begins"),
        ({"bindings": "b.yaml", "att": 1}, "unknown field 'att'"),
    ],
)
def test_bad_states_are_refused_when_the_recipe_is_read(state: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_recipe(
            {
                "stage": "s.usda",
                "cameras": [{"name": "c", "look_at": {"eye": [1, 0, 0], "target": [0, 0, 0]}}],
                "labels": {"x": None},
                "state": state,
            }
        )


def test_where_the_state_comes_from_is_not_part_of_what_the_dataset_is(
    yard_recipe: Callable[..., Any],
) -> None:
    assert yard_recipe(state={"url": "http://a:1"}).hash == yard_recipe(state={"url": "http://b:2"}).hash


def _contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_merged_shards_keep_the_state_and_those_of_two_states_are_refused(
    from_state: Any, yard: Path, tmp_path: Path
) -> None:
    start = checked_start(STATE, "s")
    for name, shard in (("whole", (0, 1)), ("a", (0, 2)), ("b", (1, 2))):
        generate(from_state, tmp_path / name, base_dir=yard.parent, start=start, shard=shard)
    merge([tmp_path / "b", tmp_path / "a"], tmp_path / "m")
    assert _contents(tmp_path / "m") == _contents(tmp_path / "whole")

    other = checked_start(STATE.replace("1.25", "1.5"), "s")
    generate(from_state, tmp_path / "c", base_dir=yard.parent, start=other, shard=(1, 2), judged=False)
    with pytest.raises(UserError, match="is of another state to start from than"):
        merge([tmp_path / "a", tmp_path / "c"], tmp_path / "n")


def test_a_frame_alone_starts_from_the_state_too(from_state: Any, yard: Path, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    start = checked_start(STATE, "s")
    generate(from_state, tmp_path / "d", base_dir=yard.parent, start=start, judged=False)
    done = make_frame(from_state, 1, tmp_path / "f", base_dir=yard.parent, usd=True, start=start)
    files = _contents(tmp_path / "f")
    del files["frame_000001.usda"]
    assert set(done.files) == set(files) and files.items() <= _contents(tmp_path / "d").items()
    stage = Usd.Stage.Open(str(done.usd))
    assert UsdGeom.Imageable(stage.GetPrimAtPath("/Yard/Box_B")).ComputeVisibility() == "invisible"
    world = UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath("/Yard/Box_A"))
    assert tuple(world.ExtractTranslation())[:2] == pytest.approx((1.25, 2.5))
