"""What the writers write is found right by the product's judge, which reads the exported files alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from twinstage.synth.verify.formats import verify_format

EXPORTS: list[tuple[str, dict[str, Any]]] = [
    ("coco", {"tasks": ["instances", "keypoints", "panoptic"], "stuff": ["floor"], "pictures": True}),
    ("coco", {"polygons": True, "below": "crowd", "licence": {"name": "CC0"}}),
    ("yolo", {}),
    ("yolo", {"task": "segment"}),
    ("yolo", {"task": "pose"}),
    ("yolo", {"task": "obb"}),
    ("kitti", {}),
    ("kitti", {"axes": "level", "box": "visible"}),
    ("bop", {}),
    ("bop", {"depth_scale": 0.2}),
]


@pytest.mark.parametrize(("kind", "fields"), EXPORTS, ids=str)
def test_no_findings(
    goods_dataset: Path, exported: Any, tmp_path: Path, kind: str, fields: dict[str, Any]
) -> None:
    report = verify_format(exported(goods_dataset, tmp_path, kind, **fields), kind)
    assert not report.findings, "\n".join(map(str, report.findings[:5]))
    assert report.checks > 200


def test_no_findings_without_splits(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(goods_dataset, copy)
    for path in copy.glob("records/*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "split": None}))
    labels = json.loads((copy / "labels.json").read_text())
    (copy / "labels.json").write_text(json.dumps({**labels, "splits": []}))
    for kind in ("coco", "yolo", "kitti", "bop"):
        report = verify_format(exported(copy, tmp_path, kind), kind)
        assert not report.findings and report.checks > 200, "\n".join(map(str, report.findings[:5]))


@pytest.mark.parametrize("kind", ["coco", "yolo", "kitti", "bop"])
def test_the_same_bytes_again(goods_dataset: Path, exported: Any, tmp_path: Path, kind: str) -> None:
    found = []
    for name in ("a", "b"):
        folder = exported(goods_dataset, tmp_path / name, kind)
        found.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert found[0] == found[1]
