"""The manifest against the folder."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.synth.verify.report import Judge

UNLISTED = {"manifest.json", "run.log"}
"""Files that the manifest cannot or may not hash."""


TEXTS = frozenset({".json", ".yaml", ".yml", ".usda", ".txt", ".html", ".csv"})
"""Ends of files that are text; pictures and models hold none."""

MACHINE = re.compile(
    rb"file://|\b[A-Za-z]:\\\\|(?<![\w./<+])/(?:home|Users|tmp|private|mnt)/[\w.-]+/[\w./-]*"
)
"""Places that only one machine has."""

RUNS = re.compile(rb'"counts":\s*"(?:[^"\\]|\\.)*"')
"""Run lengths, whose alphabet has the colon and the backslash of `C:\\`."""


MOST_JSON = 1 << 30
"""Largest JSON file that is read [B]."""


def inside(root: Path, name: str) -> Path:
    """Where a file of a dataset lies. Raises ValueError for a name, or a link, that leads out of it."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name} leads out of the dataset")
    return path


def is_inside(root: Path, name: str) -> bool:
    """Whether there is such a file in the dataset."""
    try:
        return inside(root, name).is_file()
    except (ValueError, OSError, RuntimeError):  # a null character, a name too long, links in a circle
        return False


def read_json(path: Path) -> Any:
    """Strict JSON: NaN and infinity are refused. Raises ValueError, also for what is nested too deeply."""

    def refuse(text: str) -> Any:
        raise ValueError(f"{text} is not JSON")

    if path.stat().st_size > MOST_JSON:
        raise ValueError("it is too large to be read")
    try:
        return json.loads(path.read_bytes(), parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_manifest(root: Path, judge: Judge) -> dict[str, Any] | None:
    """The manifest, or None with a finding. Raises UserError where the folder holds no dataset at all."""
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; expected a dataset with a manifest.json")
    path = root / "manifest.json"
    if not path.exists() and not (root / "records").is_dir():
        raise UserError(f"{root} holds no dataset: neither manifest.json nor records/ is there")
    if not judge.check(path.exists(), "manifest.missing", "manifest.json", "the dataset was never finished"):
        return None
    with judge.guard("manifest.broken", "manifest.json"):
        manifest = read_json(path)
        if judge.check(
            isinstance(manifest, dict) and manifest["manifest"] == 1,
            "manifest.version",
            "manifest.json",
            "expected version 1",
        ):
            return dict(manifest)
    return None


def check_file(root: Path, name: str, digest: str, judge: Judge) -> None:
    """A listed file is inside of the dataset, there and unchanged."""
    path = root / name
    within = path.resolve().is_relative_to(root.resolve())
    if not judge.check(within, "file.outside", name, "the manifest lists a file outside of the dataset"):
        return
    if judge.check(path.is_file(), "file.missing", name, "listed in the manifest, but not there"):
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        judge.check(actual == digest, "file.changed", name, "its SHA-256 is not the one in the manifest")


def check_files(root: Path, manifest: dict[str, Any], judge: Judge) -> None:
    """Every listed file is there and unchanged, and nothing else is."""
    listed: dict[str, str] = manifest["files"]
    for name, digest in listed.items():
        check_file(root, name, digest, judge)
    there = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    for name in sorted(there - set(listed) - UNLISTED):
        judge.check(False, "file.foreign", name, "not listed in the manifest")


def check_paths(root: Path, judge: Judge) -> None:
    """No text file holds an absolute path or the name of the machine: a dataset is the same wherever it is made."""
    here = str(root.resolve().parent)
    for path in sorted(root.rglob("*")):
        if path.suffix not in TEXTS or not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        data = path.read_bytes()
        found = MACHINE.search(RUNS.sub(b"", data))
        text = found.group().decode("utf-8", "replace") if found else here if here.encode() in data else ""
        judge.check(not text or len(text) < 4, "file.path", name, f"holds the path {text!r} of a machine")
