"""A recipe that asks for every format, on a real stage; and a writer in little memory."""

import json
import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.verify import verify
from twinstage.synth.verify.formats import verify_format
from twinstage.synth.writers import WRITERS
from twinstage.synth.writers.base import export

ALL = [
    {"kind": "coco", "tasks": ["instances", "panoptic"], "stuff": ["floor"], "polygons": True},
    {"kind": "yolo"},
    {"kind": "yolo", "folder": "segments", "task": "segment"},
    {"kind": "yolo", "folder": "turned", "task": "obb"},
    {"kind": "kitti"},
    {"kind": "kitti", "folder": "level", "axes": "level"},
    {"kind": "bop"},
]


def test_every_format_of_a_real_stage_is_found_right(yard: Path, yard_recipe: Any, tmp_path: Path) -> None:
    recipe = yard_recipe(
        frames=2,
        labels=["box", "pallet", "parcel", "floor"],
        annotate=["rgb", "depth", "models"],
        sensors=[{"name": "roof", "kind": "lidar", "camera": "Front"}],
        export=ALL,
    )
    generate(recipe, tmp_path / "out", base_dir=yard.parent)
    report = verify(tmp_path / "out")
    assert not report.findings, "\n".join(map(str, report.findings[:5]))
    for entry in ALL:
        folder = tmp_path / "out" / str(entry.get("folder", entry["kind"]))
        found = verify_format(folder, str(entry["kind"]))
        assert not found.findings and found.checks > 50, "\n".join(map(str, found.findings[:5]))
    infos = json.loads((tmp_path / "out/bop/models/models_info.json").read_text())
    box = next(n for n, info in infos.items() if info["class"] == "box")
    mesh = trimesh.load(tmp_path / f"out/bop/models/obj_{int(box):06d}.ply", process=False)
    assert np.ptp(mesh.vertices, axis=0) == pytest.approx([500, 500, 500])  # the yard's box, in millimetres
    assert infos[box]["diameter"] == pytest.approx(500 * 3**0.5)


def test_key_points_of_a_real_stage_reach_coco_and_yolo(
    yard_writer: Any, yard_recipe: Any, tmp_path: Path
) -> None:
    stage = yard_writer(tmp_path)
    marks = "".join(
        f"custom double3 twin:keypoint:{n} = ({x}, 0, 0.25)\n        " for n, x in (("a", -0.25), ("b", 0.25))
    )
    body = 'def Cube "Body" (prepend apiSchemas = ["MaterialBindingAPI"])\n        {\n            double size = 0.5'
    text = stage.read_text()
    assert text.count(body) == 3
    stage.write_text(text.replace(body, f"{marks}{body}"))
    box = {
        "name": "box",
        "keypoints": ["a", "b"],
        "skeleton": [["a", "b"]],
        "sigmas": [0.1, 0.1],
        "flip": [["a", "b"]],
    }
    exports = [{"kind": "coco"}, {"kind": "yolo", "task": "pose"}]
    recipe = yard_recipe(frames=2, labels=[box, "parcel"], annotate=["rgb"], export=exports)
    generate(recipe, tmp_path / "out", base_dir=tmp_path)
    report = verify(tmp_path / "out")
    assert not report.findings, "\n".join(map(str, report.findings[:5]))
    entries = [
        entry
        for path in (tmp_path / "out/coco").glob("keypoints_*.json")
        for entry in json.loads(path.read_text())["annotations"]
    ]
    assert len(entries) >= 4 and {v for e in entries for v in e["keypoints"][2::3]} >= {2}
    assert "flip_idx: [1, 0]" in (tmp_path / "out/yolo/data.yaml").read_text()


def test_a_recipe_without_the_pictures_of_an_export_is_refused_at_once(
    yard: Path, yard_recipe: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="export bop: it needs models; add that to `annotate`"):
        generate(yard_recipe(export=[{"kind": "bop"}]), tmp_path / "out", base_dir=yard.parent)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"kind": "yolo", "task": "pose"}, "the task pose needs classes with key points"),
        ({"kind": "yolo", "classes": ["bax"]}, "there is no class 'bax'; did you mean 'box'?"),
        ({"kind": "coco", "tasks": ["keypoints"]}, "the task keypoints needs classes with key points"),
        ({"kind": "coco", "stuff": ["flor"]}, "stuff 'flor' is no class"),
        ({"kind": "kitti", "types": {"bax": "Car"}}, "types names 'bax', which is no class"),
    ],
)
def test_classes_that_an_export_cannot_have_are_refused_at_once(
    yard: Path, yard_recipe: Any, tmp_path: Path, entry: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        generate(yard_recipe(export=[entry]), tmp_path / "out", base_dir=yard.parent)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"export": [{"kind": "kitti", "lidar": "velo"}]},
            "there is no lidar 'velo' in frame 0, camera Front",
        ),
        (
            {
                "cameras": ["Front", {"name": "Low", "prim": "Front", "resolution": [40, 30]}],
                "annotate": ["rgb", "depth", "models"],
                "export": [{"kind": "bop"}],
            },
            "frame 0, camera Low is 40 x 30",
        ),
    ],
)
def test_sensors_and_sizes_that_an_export_cannot_have_end_the_run_at_its_first_frame(
    yard: Path, yard_recipe: Any, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        generate(yard_recipe(randomize=[], **changes), tmp_path / "out", base_dir=yard.parent)
    assert len(list((tmp_path / "out/records").iterdir())) == 1


def test_a_run_that_an_export_ended_goes_on_with_another_one(
    yard: Path, yard_recipe: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    common = {"randomize": [], "annotate": ["rgb", "depth", "models"]}
    coco = {"kind": "coco", "folder": "first"}
    few = yard_recipe(**common, export=[coco, {"kind": "bop", "most_models": 1}])
    with pytest.raises(UserError, match=r"the dataset has \d+ models"):
        generate(few, out, base_dir=yard.parent)
    assert (out / "first").is_dir()
    kept = {p: p.stat().st_mtime_ns for p in (out / "records").iterdir()}
    assert len(kept) == few.frames
    enough = yard_recipe(**common, export=[{"kind": "bop"}])
    assert not generate(enough, out, base_dir=yard.parent).findings
    assert {p: p.stat().st_mtime_ns for p in (out / "records").iterdir()} == kept
    generate(enough, tmp_path / "whole", base_dir=yard.parent)
    assert _files(out) == _files(tmp_path / "whole")


def _files(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_what_a_format_cannot_hold_ends_the_run_at_its_first_frame(
    yard_writer: Any, yard_recipe: Any, tmp_path: Path
) -> None:
    stage = yard_writer(tmp_path)
    text = stage.read_text()
    turned = 'float xformOp:rotateZ = 20\n        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]'
    assert turned in text
    mirrored = turned.replace("float xformOp:rotateZ = 20", "double3 xformOp:scale = (-1, 1, 1)")
    stage.write_text(text.replace(turned, mirrored.replace("xformOp:rotateZ", "xformOp:scale")))
    recipe = yard_recipe(
        randomize=[], annotate=["rgb", "depth", "models"], export=[{"kind": "bop"}], frames=3
    )
    with pytest.raises(UserError, match="frame 0, camera Front: /Yard/Box_B is mirrored or squashed"):
        generate(recipe, tmp_path / "out", base_dir=tmp_path)
    assert len(list((tmp_path / "out/records").iterdir())) == 1


@pytest.mark.parametrize(("kind", "fields"), [("coco", {}), ("yolo", {}), ("kitti", {})])
def test_memory_does_not_grow_with_frames(
    goods_dataset: Path, tmp_path: Path, kind: str, fields: dict[str, Any]
) -> None:
    """The peak over ten times as many frames is the same but for what is kept of each picture: a line."""
    root = tmp_path / "many"
    for folder in ("records", "models"):
        (root / folder).mkdir(parents=True)
    for name in ("images", "sensors"):
        shutil.copytree(goods_dataset / name, root / name)
    (root / "labels.json").write_bytes((goods_dataset / "labels.json").read_bytes())
    text = (goods_dataset / "records/000000.json").read_text()
    record = json.loads(text)
    peaks = []
    for frames in (2, 20):
        for frame in range(frames):
            (root / f"records/{frame:06d}.json").write_text(json.dumps({**record, "frame": frame}))
        peaks.append(_peak(root, tmp_path / str(frames), kind, fields))
    assert peaks[1] - peaks[0] < 18 * 6000  # a record's text is many times that
    assert len(text) > 20_000


def _peak(root: Path, out: Path, kind: str, fields: dict[str, Any]) -> int:
    writer = WRITERS.get(kind).model_validate(fields)
    dataset = Dataset(root)
    tracemalloc.start()
    try:
        count = export(writer, dataset, out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 0
    return peak


def test_a_split_in_which_nothing_is_seen_is_right(yard: Path, yard_recipe: Any, tmp_path: Path) -> None:
    """The same frame without a thing in it: its file has no annotation, as its record has none."""
    recipe = yard_recipe(
        frames=4,
        randomize=[],
        splits={"train": 3, "val": 1},
        accept={"min_objects": 0, "min_visible_px": 1_000_000},
        export=[{"kind": "coco"}],
    )
    made = generate(recipe, tmp_path / "out", base_dir=yard.parent)
    assert made.annotations == 0 and made.findings == ()
