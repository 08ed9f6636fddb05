"""However many frames a dataset has, its judge holds one record at a time."""

import json
import tracemalloc
from pathlib import Path

from twinstage.synth.verify import identity
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.stored import stored_records


def write(root: Path, frames: int) -> None:
    (root / "records").mkdir(parents=True)
    for frame in range(frames):
        objects = [{"instance_id": i, "bbox_3d": [[0.25 * i] * 3] * 8} for i in range(200)]
        record = {"frame": frame, "split": None, "cameras": [{"name": "c", "objects": objects}]}
        (root / f"records/{frame:06d}.json").write_text(json.dumps(record))


def peak(root: Path) -> int:
    """Bytes at most while all records are asked twice."""
    tracemalloc.start()
    judge = Judge()
    records = stored_records(root, judge)
    identity.check_splits(records, {"splits": []}, judge)
    identity.check_cameras(records, {"cameras": ["c"]}, judge)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not judge.findings
    return most


def test_memory_does_not_grow_with_frames(tmp_path: Path) -> None:
    write(tmp_path / "few", 4)
    write(tmp_path / "many", 60)
    assert peak(tmp_path / "many") < 1.5 * peak(tmp_path / "few")


def test_they_are_what_lies_there_in_order(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / "records/000001.json").write_text("[]")
    judge = Judge()
    records = stored_records(tmp_path, judge)
    assert list(records) == ["records/000000.json", "records/000002.json"] and len(records) == 2
    assert records["records/000002.json"]["frame"] == 2 and "records/000001.json" not in records
    assert [finding.code for finding in judge.findings] == ["record.broken"]
