"""The judge asked about one frame: its files against the manifest, and all that its record says."""

from pathlib import Path
from typing import Any

from twinstage.synth.verify import identity, sample
from twinstage.synth.verify.files import check_file, inside, read_json, read_manifest
from twinstage.synth.verify.models import Models
from twinstage.synth.verify.records import Rules, check_record
from twinstage.synth.verify.report import Judge, Report


def verify_frame(root: Path, frame: int) -> Report:
    """Findings of one frame of a dataset. What only several frames show (leaks, ids, totals) is not among them.

    Raises UserError where the folder is no dataset at all.
    """
    judge, name = Judge(), f"records/{frame:06d}.json"
    manifest = read_manifest(root, judge)
    record: dict[str, Any] | None = None
    with judge.guard("record.broken", name):
        record = dict(read_json(inside(root, name)))
    if manifest is None or record is None:
        return judge.report()
    with judge.guard("manifest.broken", "manifest.json"):
        _check_files(root, f"{frame:06d}", manifest["files"], judge)
    with judge.guard("labels.broken", "labels.json"):
        labels: dict[str, Any] = read_json(inside(root, "labels.json"))
        identity.check_labels(labels, judge)
        models = Models(root, judge) if "models" in manifest["annotate"] else None
        drawn, _ = sample.chosen([record], sample.triangles_of(root) if models else {})
        rules = Rules.of(labels, manifest["annotate"], models, drawn)
        with judge.guard("record.malformed", name):
            check_record(root, record, name, rules, judge)
    return judge.report()


def _check_files(root: Path, number: str, listed: dict[str, str], judge: Judge) -> None:
    """The files that carry the frame's number are there and unchanged."""
    for name, digest in listed.items():
        folder, _, last = name.partition("/")
        if folder not in ("records", "frames", "images", "sensors") or not last.startswith(number):
            continue
        check_file(root, name, digest, judge)
