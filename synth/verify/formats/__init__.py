"""Datasets in other formats, ours or anybody's, judged from their files alone.

One module a format, with a table of its rules (`verify --rules` lists them). Nothing is believed: every number that
another file of the dataset determines is computed again, and what two files say about one thing is compared.

    folder.py            untrusted files: sizes bounded, paths inside the root, damage is a finding
    values.py shapes.py  questions about values; rings, rays, boxes, PLY
    coco*.py bop*.py kitti*.py yolo.py replicator*.py blenderproc.py   readers and rules
"""

from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.blenderproc import BLENDERPROC
from twinstage.synth.verify.formats.bop import BOP
from twinstage.synth.verify.formats.coco import COCO
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.kitti import KITTI
from twinstage.synth.verify.formats.replicator import REPLICATOR
from twinstage.synth.verify.formats.yolo import YOLO
from twinstage.synth.verify.report import Finding, Judge, Report

__all__ = ["FORMATS", "Format", "check_export", "detect", "is_native", "rules_of", "verify_format"]

FORMATS: dict[str, Format] = {f.name: f for f in (COCO, YOLO, KITTI, BOP, REPLICATOR, BLENDERPROC)}


def rules_of(kind: str | None = None) -> dict[str, str]:
    """Every rule of every format (or of one), a sentence each. Raises UserError for an unknown format."""
    _known(kind)
    chosen = [FORMATS[kind]] if kind else FORMATS.values()
    return {code: text for format_ in chosen for code, text in format_.rules.items()}


def _known(kind: str | None) -> None:
    if kind is not None and kind not in FORMATS:
        raise UserError(f"--format {kind} is no format{did_you_mean(kind, FORMATS)}")


def is_native(path: Path) -> bool:
    """Whether a folder is a dataset of twinstage's own: it has a manifest or records."""
    return (path / "manifest.json").is_file() or (path / "records").is_dir()


def detect(path: Path) -> list[str]:
    """Names of the formats that a folder or file holds; several where it holds several."""
    folder = Folder.at(path)
    return [name for name, format_ in FORMATS.items() if format_.detect(folder)]


def verify_format(path: Path, kind: str | None = None) -> Report:
    """Check a folder (or one file) in the formats found in it, or in the named one.

    Raises UserError where there is nothing such, or no format of that name.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} is not there; expected a dataset's folder or file")
    _known(kind)
    names = [kind] if kind else detect(path)
    if not names:
        known = ", ".join(f.title for f in FORMATS.values())
        raise UserError(f"{path} holds no dataset that is known here: neither twinstage's own nor {known}")
    judge = Judge()
    for name in names:
        _check(Folder.at(path), FORMATS[name], judge)
    return judge.report()


_OF_OTHERS = frozenset({"coco.no-annotations"})
"""What is suspicious in others' files only: that nothing is seen in a split of ours is told by its records."""


def check_export(root: Path, export: dict[str, Any], judge: Judge) -> None:
    """An export of a dataset of ours, as its manifest names it: {kind, folder, ...}. Findings are put under its folder."""
    format_ = FORMATS.get(str(export.get("kind")))
    if format_ is None:
        return
    name = str(export.get("folder"))
    own = Judge()
    with own.guard(f"{format_.name}.unreadable", name):
        _check(Folder(root).sub(name), format_, own)
    judge.checks.update(own.checks)
    for found in own.findings:
        if found.code in _OF_OTHERS:
            continue
        judge.findings.append(Finding(found.code, f"{name}/{found.where}", found.message))


def _check(folder: Folder, format_: Format, judge: Judge) -> None:
    # Odd numbers in odd files are findings, not warnings.
    with judge.guard(f"{format_.name}.unreadable", folder.root.name), np.errstate(all="ignore"):
        format_.check(folder, judge)
