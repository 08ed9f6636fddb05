"""Making datasets: the same bytes however they are made, and no folder is ever half a dataset unnoticed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import (
    FRAMES_THAT_PAY,
    check_out,
    deal_splits,
    fitting_workers,
    generate,
    shard_frames,
)
from twinstage.synth.verify import verify


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the one that may vary."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_the_layout_is_the_documented_one(yard_dataset: Path) -> None:
    names = set(contents(yard_dataset))
    assert {"manifest.json", "recipe.yaml", "labels.json", "contact_sheet.png"} <= names
    assert {"coco/annotations_train.json", "coco/annotations_val.json"} <= names
    per_frame = {"frames/000002.usda", "records/000002.json", "images/000002_Front_rgb.png"}
    assert per_frame | {"images/000002_side_depth.exr", "images/000002_side_instance.png"} <= names
    assert not [n for n in names if n.endswith(".part") or n.startswith(".")]


def test_nothing_of_the_machine_is_in_the_files(yard_dataset: Path) -> None:
    for name, data in contents(yard_dataset).items():
        assert str(yard_dataset.parent).encode() not in data, name


def test_a_frame_needs_no_other_frame(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    recipe = yard_recipe()
    FrameMaker(recipe, yard.parent).make(tmp_path, 2, deal_splits(recipe)[2])
    alone = contents(tmp_path)
    assert alone and alone.items() <= contents(yard_dataset).items()


def test_counts_of_large_objects_are_exact(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    """An object with far more pixels outside of the image than inside, against a camera three times as wide."""
    from dataclasses import replace

    from twinstage.render.camera import camera_from_scene
    from twinstage.render.labels import label_pass

    size = (480, 360)
    recipe = yard_recipe(
        randomize=[],
        frames=1,
        resolution=size,
        splits={},
        labels=["floor"],
        accept={},
        annotate=[],
        cameras=[{"name": "low", "look_at": {"eye": [0, -3, 1], "target": [0.3, 0, 0.5], "fov": 40}}],
    )
    maker = FrameMaker(recipe, yard.parent)
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    (item,) = next(Dataset(tmp_path / "d").records())["cameras"][0]["objects"]
    snapshot = maker.snapshot
    lens = next(c for c in snapshot.cameras if snapshot.prims.path[c.prim].endswith("/low"))
    camera = camera_from_scene(snapshot, lens, *size)
    K = camera.K.copy()
    K[0, 2] += size[0]
    K[1, 2] += size[1]
    wide = replace(camera, K=K, width=3 * size[0], height=3 * size[1])
    (floor,) = label_pass(snapshot, wide, objects=[item["instance_id"] - 1], normals=False).objects
    assert item["amodal_px_total"] - item["amodal_px_in_frame"] > 100_000
    assert item["amodal_px_total"] == floor.amodal_px_in_frame


def test_another_seed_gives_another_dataset(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    generate(yard_recipe(), tmp_path / "d", seed=99, base_dir=yard.parent)
    ours, theirs = contents(tmp_path / "d"), contents(yard_dataset)
    assert ours["frames/000000.usda"] != theirs["frames/000000.usda"]


def test_an_interrupted_run_goes_on_where_it_stopped(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    class Stop(Exception):
        pass

    def stop_after_one(done: int, total: int) -> None:
        if done == 1:
            raise Stop

    out = tmp_path / "d"
    with pytest.raises(Stop):
        generate(yard_recipe(), out, base_dir=yard.parent, progress=stop_after_one)
    assert Dataset(out).frames_done() == {0} and not (out / "manifest.json").exists()
    first = (out / "records/000000.json").stat().st_mtime_ns
    (out / "images/000001_Front_rgb.png.part").write_bytes(b"half")
    generate(yard_recipe(), out, base_dir=yard.parent)
    assert (out / "records/000000.json").stat().st_mtime_ns == first
    assert contents(out) == contents(yard_dataset)


def test_only_the_same_run_may_go_on(yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    out = tmp_path / "d"
    with pytest.raises(InterruptedError):
        generate(yard_recipe(), out, base_dir=yard.parent, progress=stop)
    with pytest.raises(UserError, match="unfinished run of another recipe, seed or number of frames"):
        generate(yard_recipe(), out, seed=4, base_dir=yard.parent)
    with pytest.raises(UserError, match="unfinished run of another shard"):
        generate(yard_recipe(), out, base_dir=yard.parent, shard=(0, 2))
    state = json.loads((out / ".run.json").read_text())
    (out / ".run.json").write_text(json.dumps({**state, "cpu": "other"}))
    with pytest.raises(UserError, match="another kind of CPU"):
        generate(yard_recipe(), out, base_dir=yard.parent)


def test_folders_with_something_else_are_refused(yard_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    check_out(tmp_path / "a")
    (tmp_path / "a" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="not empty and holds no unfinished run"):
        check_out(tmp_path / "a")
    with pytest.raises(UserError, match="is a file"):
        check_out(tmp_path / "a" / "thesis.tex")
    with pytest.raises(UserError, match="already holds a finished dataset"):
        check_out(yard_dataset)


def test_shards_share_out_the_frames(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    for index in (0, 1):
        generate(yard_recipe(), tmp_path / str(index), base_dir=yard.parent, shard=(index, 2))
        assert verify(tmp_path / str(index)).ok
    parts = contents(tmp_path / "0") | contents(tmp_path / "1")
    whole = contents(yard_dataset)
    frames = [n for n in whole if n.split("/")[0] in ("records", "images", "frames")]
    assert all(parts[n] == whole[n] for n in frames)
    assert Dataset(tmp_path / "0").frames_done() == {0, 2}


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0)])
def test_wrong_shards_are_refused(shard: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="expected I/N"):
        shard_frames(10, shard)


def test_frames_without_a_target_are_drawn_again_and_then_rejected(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    away = [{"kind": "camera", "name": "away", "cameras": ["Front"], "target": [50, 0, 5], "distance": 1}]
    recipe = yard_recipe(randomize=away, cameras=["Front"], frames=2, accept={"attempts": 2})
    result = generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert result.rejected == {f: "0 annotated objects, at least 1 wanted" for f in (0, 1)}
    record = next(Dataset(tmp_path / "d").records())
    assert record["rejected"] and [a["attempt"] for a in record["rejected_attempts"]] == [0, 1]
    assert {finding.code for finding in verify(tmp_path / "d").findings} == {"dataset.empty"}


def test_an_accepted_frame_tells_its_rejected_attempts(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    turn = {
        "kind": "camera",
        "name": "turn",
        "cameras": ["Front"],
        "eye": {"min": [0, 0, 1], "max": [0, 0, 1]},
    }
    aim = {"target": [0, 0, 1], "offset": {"x": [-1, 1], "y": [-1, 1], "z": [-0.5, 1.5]}}
    recipe = yard_recipe(
        randomize=[{**turn, **aim}], cameras=["Front"], frames=6, accept={"min_objects": 3, "attempts": 30}
    )
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    records = list(Dataset(tmp_path / "d").records())
    assert all(r["attempt"] == len(r["rejected_attempts"]) for r in records if not r["rejected"])
    assert any(r["attempt"] > 0 and not r["rejected"] for r in records)


def test_splits_are_dealt_exactly(yard_recipe: Callable[..., Any]) -> None:
    dealt = list(
        deal_splits(yard_recipe(frames=100, splits={"train": 0.8, "val": 0.15, "test": 0.05})).values()
    )
    assert [dealt.count(s) for s in ("train", "val", "test")] == [80, 15, 5]
    assert dealt[:80] != ["train"] * 80


def held(name: str, every: int, offset: int = 0) -> dict[str, Any]:
    pose = {"kind": "pose", "name": name, "prims": ["/Yard/Box_*"], "rotate": {"z": [-90, 90]}}
    return {**pose, "when": {"every": every, "offset": offset}}


@pytest.mark.parametrize(
    ("held_by", "every", "offset"),
    [
        ([held("a", 5)], 5, 0),
        ([held("a", 5, 2)], 5, 2),
        ([held("a", 2), held("b", 10)], 10, 0),  # the longest rows
        ([held("a", 2), held("b", 1000)], 2, 0),  # but not what is drawn once for all
    ],
)
def test_frames_that_share_a_draw_are_in_one_split(
    yard_recipe: Callable[..., Any], held_by: list[dict[str, Any]], every: int, offset: int
) -> None:
    recipe = yard_recipe(frames=100, splits={"train": 0.8, "val": 0.2}, randomize=held_by)
    dealt = deal_splits(recipe)
    assert list(dealt) == list(range(100))
    rows: dict[int, set[str | None]] = {}
    for frame, split in dealt.items():
        rows.setdefault((frame - offset) // every, set()).add(split)
    assert all(len(splits) == 1 for splits in rows.values())
    assert list(dealt.values()).count("val") == pytest.approx(20, abs=every)


def test_rows_too_long_for_the_splits_are_dealt_by_frame(yard_recipe: Callable[..., Any]) -> None:
    recipe = yard_recipe(frames=100, splits={"train": 0.8, "val": 0.2}, randomize=[held("a", 50)])
    plain = yard_recipe(frames=100, splits={"train": 0.8, "val": 0.2}, randomize=[held("a", 1)])
    assert deal_splits(recipe) == deal_splits(plain)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cameras": ["Frnt"]}, "camera 'Frnt': the stage has no camera 'Frnt'; did you mean 'Front'"),
        (
            {"labels": ["boxes"]},
            "no object of the recipe's labels and targets; its labels are: box, floor, pallet, parcel",
        ),
        ({"stage": "nothing.usda"}, "nothing.usda"),
        (
            {"randomize": [{"kind": "pose", "name": "p", "prims": ["/No/*"], "scale": 2}]},
            "randomizer 'p': no prim matches",
        ),
    ],
)
def test_recipes_that_do_not_fit_the_stage_write_nothing(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        generate(yard_recipe(**{"randomize": [], **changes}), tmp_path / "d", base_dir=yard.parent)
    assert not (tmp_path / "d").exists()


def test_frames_and_seed_are_checked(yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="frames is 0; expected 1 to"):
        generate(yard_recipe(), tmp_path / "d", frames=0, base_dir=yard.parent)
    with pytest.raises(UserError, match="workers is 0"):
        generate(yard_recipe(), tmp_path / "d", workers=0, base_dir=yard.parent)
    assert not (tmp_path / "d").exists()


def test_engines_are_told_what_changes_before_the_first_frame(
    yard: Path, yard_recipe: Callable[..., Any]
) -> None:
    """Also what hardly any frame shows: a box that is hidden in one frame of a thousand."""
    rare = {"kind": "visibility", "name": "rare", "prims": ["/Yard/Box_A"], "probability": 0.999}
    recipe = yard_recipe(randomize=[*yard_recipe().model_dump(mode="json")["randomize"], rare])
    maker = FrameMaker(recipe, yard.parent)
    before, examples = maker.snapshot, maker.examples()
    paths = [before.prims.path[prim] for prim in before.instances.prim]
    moved = {
        path
        for example in examples
        for path, old, new in zip(paths, before.instance_world, example.instance_world, strict=True)
        if (old != new).any()
    }
    hidden = {
        path
        for example in examples
        for path, visible in zip(paths, example.instances.visible, strict=True)
        if not visible
    }
    assert moved == {f"/Yard/Box_{n}/Body" for n in "ABC"} and hidden == {"/Yard/Box_A/Body"}


def test_as_many_processes_as_pay() -> None:
    cores = len(os.sched_getaffinity(0))
    assert (
        fitting_workers(0)
        == fitting_workers(FRAMES_THAT_PAY)
        == fitting_workers(2 * FRAMES_THAT_PAY - 1)
        == 1
    )
    assert fitting_workers(2 * FRAMES_THAT_PAY) == min(2, cores)
    assert fitting_workers(10**9) <= cores


def test_absolute_paths_of_a_recipe_do_not_reach_the_dataset(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(frames=1, splits={}, stage=str(yard), asset_roots=[str(yard.parent)])
    made = generate(recipe, tmp_path / "d", base_dir=tmp_path)
    assert made.findings == ()
    assert str(tmp_path.parent) not in (tmp_path / "d/recipe.yaml").read_text()
