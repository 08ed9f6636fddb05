"""`synth convert`: a finished dataset in another format, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from twinstage.base.errors import UserError
from twinstage.cli.synth import app
from twinstage.synth.convert import convert
from twinstage.synth.verify import verify


def files(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_what_it_writes_is_what_the_export_wrote(yard_dataset: Path, tmp_path: Path) -> None:
    before = files(yard_dataset)
    done = convert(yard_dataset, "coco", tmp_path / "out", ["pictures=false"])
    assert files(tmp_path / "out") == files(yard_dataset / "coco")
    assert done.files == len(files(tmp_path / "out")) and done.counts["instances_images"] == 6
    assert files(yard_dataset) == before
    assert verify(yard_dataset).ok
    convert(yard_dataset, "coco", tmp_path / "whole")
    document = json.loads((tmp_path / "whole/annotations_train.json").read_text())
    assert all((tmp_path / "whole/images" / image["file_name"]).is_file() for image in document["images"])


def test_the_command_writes_beside_the_dataset_by_default(yard_dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "yard"
    shutil.copytree(yard_dataset, copy)
    done = CliRunner().invoke(app, ["convert", str(copy), "--to", "yolo", "--set", "task=segment"])
    assert done.exit_code == 0 and "yard-yolo: " in done.output
    assert (tmp_path / "yard-yolo/data.yaml").is_file()
    out = tmp_path / "kitti"
    done = CliRunner().invoke(app, ["convert", str(copy), "--to", "kitti", "--out", str(out), "--json"])
    told = json.loads(done.output)
    assert told["kind"] == "kitti" and told["files"] == len(files(out))


@pytest.mark.parametrize(
    ("kind", "overrides", "sentence"),
    [
        ("kiti", (), "no writer named 'kiti'; did you mean 'kitti'"),
        ("yolo", ("tsk=segment",), "unknown field 'tsk'; did you mean 'task'"),
        ("yolo", ("task",), "expected a.b=value"),
        ("yolo", ("task=boxes",), "--to yolo: task"),
        ("bop", (), "add `models` to `annotate`"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    yard_dataset: Path, tmp_path: Path, kind: str, overrides: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UserError) as told:
        convert(yard_dataset, kind, tmp_path / "out", overrides)
    assert sentence in str(told.value)
    assert not (tmp_path / "out").exists()


def test_where_it_may_not_write(yard_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies within the dataset"):
        convert(yard_dataset, "coco", yard_dataset / "more")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        convert(yard_dataset, "coco", tmp_path)
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(UserError, match=r"no finished dataset: it has no manifest\.json"):
        convert(tmp_path, "coco", tmp_path / "out")


def damaged(yard_dataset: Path, tmp_path: Path, change: Any) -> Path:
    copy = tmp_path / "yard"
    shutil.copytree(yard_dataset, copy)
    path = copy / "records/000000.json"
    record = json.loads(path.read_text())
    change(record["cameras"][0])
    path.write_text(json.dumps(record))
    return copy


def _outside(camera: dict[str, Any]) -> None:
    camera["images"]["rgb"] = "images/../../secret.png"


def _no_field(camera: dict[str, Any]) -> None:
    del camera["objects"][0]["bbox_visible"]


def _long_runs(camera: dict[str, Any]) -> None:
    for item in camera["objects"]:
        item["visible_rle"]["counts"] = "oooo0"


def _huge(camera: dict[str, Any]) -> None:
    camera["resolution"] = [10**9, 10**9]


def _no_text(camera: dict[str, Any]) -> None:
    camera["objects"] = "many"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_outside, "would lie outside of its folder"),
        (_no_field, "the field 'bbox_visible' is missing"),
        (_long_runs, "the run lengths of a mask"),
        (_huge, "is no size of a picture"),
        (_no_text, "its records cannot be read"),
    ],
)
def test_records_are_not_trusted(yard_dataset: Path, tmp_path: Path, change: Any, sentence: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    copy = damaged(yard_dataset, tmp_path, change)
    with pytest.raises(UserError) as told:
        convert(copy, "yolo", tmp_path / "out", ("task=segment",) if change is not _no_field else ())
    assert sentence in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_link_out_of_the_dataset_is_refused(yard_dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "yard"
    shutil.copytree(yard_dataset, copy)
    (tmp_path / "secret.png").write_bytes(b"secret")
    picture = next((copy / "images").glob("*_rgb.png"))
    picture.unlink()
    picture.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="leads out of the dataset"):
        convert(copy, "yolo", tmp_path / "out")
