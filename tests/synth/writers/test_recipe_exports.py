"""A recipe that asks for every format, on a real stage; and a writer in little memory."""

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.generate import generate
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


def test_a_recipe_without_the_pictures_of_an_export_is_refused_at_once(
    yard: Path, yard_recipe: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="export bop: it needs models; add that to `annotate`"):
        generate(yard_recipe(export=[{"kind": "bop"}]), tmp_path / "out", base_dir=yard.parent)
    assert not (tmp_path / "out").exists()


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
