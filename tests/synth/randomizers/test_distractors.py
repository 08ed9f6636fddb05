"""Distractors: as many as drawn, of the right size in any units, never labelled, and in the way of what is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.dataset import Dataset
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import generate
from twinstage.synth.randomizers.distractors import own_name
from twinstage.synth.verify import verify

POOL = "/TwinstageDistractors/"

BRICK = """#usda 1.0
(
    defaultPrim = "Brick"
    metersPerUnit = {mpu}
    upAxis = "{up}"
)
def Xform "Brick" (prepend apiSchemas = ["SemanticsLabelsAPI:class"])
{{
    token[] semantics:labels:class = ["box"]
    {own}
    def Cube "Body"
    {{
        double size = 1
        double3 xformOp:scale = ({size})
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }}
}}
"""
"""0.2 m long in x, 0.1 m in y, 0.3 m high, whatever the units; labelled, which must not count."""


def brick(path: Path, up: str, mpu: float, own: str = "") -> None:
    x, y, z = (0.2 / mpu, 0.1 / mpu, 0.3 / mpu)
    size = (x, z, y) if up == "Y" else (x, y, z)
    path.parent.mkdir(exist_ok=True)
    path.write_text(BRICK.format(mpu=mpu, up=up, own=own, size=", ".join(map(str, size))))


def shown(snapshot: Snapshot) -> list[str]:
    rows = snapshot.instances.prim[snapshot.instances.visible]
    paths = {snapshot.prims.path[int(p)] for p in rows}
    return sorted({"/".join(p.split("/")[:4]) for p in paths if p.startswith(POOL)})


def clutter(**more: Any) -> dict[str, Any]:
    over = {"kind": "rectangle", "min": [-2, -2], "max": [2, 2], "z": 0.5}
    return {
        "kind": "distractors",
        "name": "clutter",
        "files": ["extra/brick.usda"],
        "count": 2,
        "most": 3,
        "over": over,
        **more,
    }


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
@pytest.mark.parametrize(("own_up", "own_mpu"), [("Z", 1.0), ("Y", 0.01), ("Y", 1.0)])
def test_files_of_other_units_and_axes_have_their_size_by_pxr(
    yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path,
    up: str, mpu: float, own_up: str, own_mpu: float,
) -> None:  # fmt: skip
    from pxr import Usd, UsdGeom

    stage_path = yard_writer(tmp_path, up=up, mpu=mpu)
    brick(tmp_path / "extra" / "brick.usda", own_up, own_mpu)
    maker = FrameMaker(yard_recipe(randomize=[clutter(turn="keep")]), tmp_path)
    made = maker.randomized(0)
    assert len(shown(made.snapshot)) == 2
    (tmp_path / "frame.usda").write_text(
        maker.layer(made)
    )  # beside the stage, as its paths are relative to it
    stage = Usd.Stage.Open(str(stage_path))
    stage.GetRootLayer().subLayerPaths.insert(0, "frame.usda")
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    for path in shown(made.snapshot):
        box = cache.ComputeWorldBound(stage.GetPrimAtPath(path)).ComputeAlignedRange()
        size = np.array([*box.GetSize()]) * mpu
        np.testing.assert_allclose(size[[0, 2, 1]] if up == "Y" else size, [0.2, 0.1, 0.3], atol=1e-6)
        low = np.array([*box.GetMin()])[1 if up == "Y" else 2] * mpu
        assert low == pytest.approx(0.5, abs=1e-6)


def test_files_above_the_stages_folder_are_found_without_a_complaint(
    yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path / "site")
    brick(tmp_path / "extra" / "brick.usda", "Z", 1.0)
    recipe = yard_recipe(randomize=[clutter(files=["../extra/brick.usda"])], asset_roots=["../extra"])
    assert len(shown(FrameMaker(recipe, tmp_path / "site").randomized(0).snapshot)) == 2
    assert capfd.readouterr().err == ""


def test_a_files_own_root_transform_counts(
    yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path, dirs_exist_ok=True)
    own = 'float3 xformOp:scale = (2, 2, 2)\n    uniform token[] xformOpOrder = ["xformOp:scale"]'
    brick(tmp_path / "extra" / "brick.usda", "Z", 1.0, own)
    made = FrameMaker(yard_recipe(randomize=[clutter(turn="keep")]), tmp_path).randomized(0).snapshot
    matrix = made.node_world[made.prims.index_of[shown(made)[0]]]
    np.testing.assert_allclose(matrix[:3, :3], np.eye(3) * 2, atol=1e-9)


def test_they_are_counted_hidden_by_frame_and_never_labelled(
    yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path / "in")
    brick(tmp_path / "in" / "extra" / "brick.usda", "Z", 1.0)
    brick(tmp_path / "in" / "extra" / "tile.usda", "Z", 1.0)
    recipe = yard_recipe(
        randomize=[clutter(files=["extra/*.usda"], count=[0, 3])], frames=5, annotate=["instance"], export=[]
    )
    generate(recipe, tmp_path / "d", base_dir=tmp_path / "in")
    assert verify(tmp_path / "d").findings == ()
    maker = FrameMaker(recipe, tmp_path / "in")
    numbers = set()
    for record in Dataset(tmp_path / "d").records():
        made = maker.randomized(record["frame"]).snapshot
        drawn = record["draws"]["clutter"]
        assert len(shown(made)) == drawn["shown"] == round(drawn["count"])
        assert {p.rpartition("/")[2].rpartition("_")[0] for p in shown(made)} <= {"brick", "tile"}
        numbers.add(drawn["shown"])
        for camera in record["cameras"]:
            assert camera["objects"] and not any(o["prim_path"].startswith(POOL) for o in camera["objects"])
    assert len(numbers) > 2


def test_files_that_are_missing_or_out_of_bounds_are_told(
    yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path / "in")
    brick(tmp_path / "in" / "extra" / "brick.usda", "Z", 1.0)
    brick(tmp_path / "outside" / "brick.usda", "Z", 1.0)
    with pytest.raises(
        UserError,
        match=r"randomizer 'clutter': there is no file 'extra/brik.usda'; did you mean 'brick.usda'",
    ):
        FrameMaker(yard_recipe(randomize=[clutter(files=["extra/brik.usda"])]), tmp_path / "in")
    with pytest.raises(UserError, match=r"outside/brick\.usda"):
        FrameMaker(yard_recipe(randomize=[clutter(files=["../outside/brick.usda"])]), tmp_path / "in")
    allowed = yard_recipe(randomize=[clutter(files=["../outside/brick.usda"])], asset_roots=["../outside"])
    made = FrameMaker(allowed, tmp_path / "in").randomized(0)
    assert len(shown(made.snapshot)) == 2


def test_an_asset_belongs_to_one_split(yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path, dirs_exist_ok=True)
    for k in range(6):
        brick(
            tmp_path / "extra" / f"brick{k}.usda", "Z", 1.0 + k / 100
        )  # copies of one file would be one item
    recipe = yard_recipe(
        randomize=[clutter(files=["extra/*.usda"], count=3)],
        splits={"train": 1, "val": 1},
        split_by=["asset"],
    )
    maker = FrameMaker(recipe, tmp_path)
    used: dict[str, set[str]] = {"train": set(), "val": set()}
    for frame in range(10):
        for split in used:
            made = maker.randomized(frame, 0, split)
            used[split] |= {v for k, v in made.draws["clutter"].items() if k.startswith("file")}
    assert len(used["train"]) == len(used["val"]) == 3 and not used["train"] & used["val"]


def test_later_entries_keep_off_them(yard_recipe: Callable[..., Any], yard: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(yard.parent, tmp_path, dirs_exist_ok=True)
    brick(tmp_path / "extra" / "brick.usda", "Z", 1.0)
    small = {"kind": "rectangle", "min": [0, 0], "max": [0.6, 0.6], "z": 0.0}
    box = {"kind": "scatter", "name": "box", "prims": ["/Yard/Box_A"], "over": small, "turn": "keep"}
    both = [clutter(over=small, turn="keep"), {**box, "avoid": [f"{POOL}clutter/*"]}]
    for frame in range(4):
        made = FrameMaker(yard_recipe(randomize=both), tmp_path).randomized(frame).snapshot
        x, y = made.node_world[made.prims.index_of["/Yard/Box_A"]][:2, 3]
        for path in shown(made):
            bx, by = made.node_world[made.prims.index_of[path]][:2, 3]
            assert abs(x - bx) >= 0.25 + 0.1 - 1e-9 or abs(y - by) >= 0.25 + 0.05 - 1e-9


def test_two_names_have_two_pools() -> None:
    names = ["clutter", "a b", "a-b", "a_b", "1", "_1"]
    assert len({own_name(name) for name in names}) == len(names) and own_name("clutter") == "clutter"
