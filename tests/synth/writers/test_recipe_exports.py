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
from twinstage.live.datasets import generate_dataset
from twinstage.synth.convert import convert
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


BENT = {
    "kind": "lens",
    "name": "bent",
    "cameras": ["Front"],
    "model": "opencv",
    "coefficients": [0.1, 0, 0, 0],
}
ROLLING = {
    "kind": "shutter",
    "name": "rolling",
    "cameras": ["Front"],
    "readout": 0.02,
    "velocity": {"x": 1},
}
SELDOM = {"from": 2}
POSES = ["rgb", "depth", "models"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"export": [{"kind": "kitti", "lidar": "velo"}]}, "there is no lidar 'velo' in camera Front"),
        (
            {
                "export": [{"kind": "kitti"}],
                "sensors": [{"name": "roof", "kind": "lidar", "camera": "Front", "formats": ["ply"]}],
            },
            "camera Front: the lidar roof has no .bin file of its points; add kitti to its formats",
        ),
        (
            {
                "cameras": ["Front", {"name": "Low", "prim": "Front", "resolution": [40, 30]}],
                "annotate": POSES,
                "export": [{"kind": "bop"}],
            },
            "camera Low is 40 x 30",
        ),
        (
            {"randomize": [BENT], "annotate": POSES, "export": [{"kind": "coco"}, {"kind": "bop"}]},
            "export bop: camera Front has a lens of kind opencv; the format holds plain pinholes only",
        ),
        (
            {"randomize": [{**BENT, "when": SELDOM}], "export": [{"kind": "kitti"}]},
            "export kitti: camera Front has a lens of kind opencv",
        ),
        (
            {"randomize": [ROLLING], "export": [{"kind": "kitti"}]},
            "export kitti: camera Front has a rolling shutter and moves; the format has one pose a picture",
        ),
    ],
)
def test_cameras_and_sensors_that_an_export_cannot_have_are_refused_at_once(
    yard: Path, yard_recipe: Any, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        generate(yard_recipe(**{"randomize": [], **changes}), tmp_path / "out", base_dir=yard.parent)
    assert not (tmp_path / "out").exists()


def test_the_line_of_such_an_export_is_told(yard: Path, yard_recipe: Any, tmp_path: Path) -> None:
    shutil.copytree(yard.parent, tmp_path / "yard")
    text = yard_recipe(randomize=[BENT], export=[{"kind": "coco"}, {"kind": "kitti"}]).to_yaml()
    (tmp_path / "yard/recipe.yaml").write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if row == "- kind: kitti")
    with pytest.raises(UserError) as told:
        generate_dataset(tmp_path / "yard/recipe.yaml", out=tmp_path / "out")
    assert str(told.value).startswith(f"recipe.yaml:{line}: export.1: export kitti: camera Front has a lens")


def test_an_export_holds_the_cameras_that_it_names(yard: Path, yard_recipe: Any, tmp_path: Path) -> None:
    """KITTI of the camera that is a pinhole, COCO of both."""
    exports: list[dict[str, Any]] = [
        {"kind": "coco", "pictures": True},
        {"kind": "kitti", "cameras": ["side"]},
        {"kind": "yolo", "cameras": ["side"]},
        {"kind": "bop", "cameras": ["side"]},
        {"kind": "coco", "folder": "one", "cameras": ["side"]},
    ]
    recipe = yard_recipe(frames=2, randomize=[BENT], annotate=POSES, splits={}, export=exports)
    out = tmp_path / "out"
    assert generate(recipe, out, base_dir=yard.parent).findings == ()
    index = (out / "kitti/index.csv").read_text().splitlines()
    assert index == ["id,frame,camera", "000000,0,side", "000001,1,side"]
    assert {p.name for p in (out / "yolo/images/train").iterdir()} == {
        "000000_side_rgb.png",
        "000001_side_rgb.png",
    }
    assert [p.name for p in sorted((out / "bop/train_pbr").iterdir())] == ["000000"]
    pictures = {
        folder: [
            i["file_name"] for i in json.loads((out / folder / "annotations.json").read_text())["images"]
        ]
        for folder in ("coco", "one")
    }
    assert len(pictures["coco"]) == 4
    assert pictures["one"] == ["000000_side_rgb.png", "000001_side_rgb.png"]
    for entry in exports:
        assert not verify_format(out / str(entry.get("folder", entry["kind"])), entry["kind"]).findings
    convert(out, "kitti", tmp_path / "kitti", ["cameras=[side]"])
    assert _files(tmp_path / "kitti") == _files(out / "kitti")
    with pytest.raises(UserError, match="has no camera 'sid'; did you mean 'side'"):
        convert(out, "kitti", tmp_path / "other", ["cameras=[sid]"])


def test_a_camera_that_the_recipe_lacks_is_refused(yard_recipe: Any) -> None:
    with pytest.raises(
        UserError, match=r"export.0.cameras.0: 'sid' is no camera of the recipe; did you mean 'side'"
    ):
        yard_recipe(export=[{"kind": "coco", "cameras": ["sid"]}])


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
