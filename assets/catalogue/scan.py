"""Goes through folders of USD files and gives what the catalogue knows of each asset. Reads folders.

A file that draws nothing is no asset. A file that another one has as a sublayer or as its payload is a part of that asset, and
has no entry of its own; one that is referred to has.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.entry import Entry, entry_of
from twinstage.assets.check_folder import usd_files
from twinstage.assets.children import each_in_a_child
from twinstage.base.errors import UserError
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner

TASK = "twinstage.assets.catalogue.look:look_task"
LIMITS = ProbeLimits(time_s=60.0)
FACTS = frozenset({"files", "parts", "thumbnail", "license", "title", "size", "triangles"})
"""Of an asset that was read whole."""
VERSION = 2
"""Of what is remembered; another one is read anew."""
LICENSES = ("LICENSE", "LICENCE", "LICENSE.txt", "LICENCE.txt", "LICENSE.md", "COPYING")
MOST_LICENSE = 65_536
KNOWN_LICENSES = {
    "apache license": "Apache-2.0",
    "mit license": "MIT",
    "permission is hereby granted, free of charge": "MIT",
    "mit no attribution": "MIT-0",
    "creative commons attribution 4.0": "CC-BY-4.0",
    "cc0 1.0": "CC0-1.0",
    "redistribution and use in source and binary forms": "BSD",
    "gnu lesser general public": "LGPL",
    "gnu general public": "GPL",
}
"""What stands at the beginning of a licence file, in small letters -> SPDX identifier."""

Facts = dict[str, Any]


def scan(
    folders: Sequence[Path],
    *,
    roots: Iterable[Path] = (),
    remember: Path | None = None,
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Entry]:
    """All assets below the folders, by id.

    `roots`: folders that files may reach besides the libraries. `remember`: a file in which to keep what was read, so that only
    what changed is read again; it is made where it is not there, and rows that cannot be used are made anew. `workers`:
    children
    at a time; the answer does not depend on it. UserError for a folder that does not exist or holds no USD file.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"library {folder}: there is no such folder")
    known = _recalled(remember)
    files = {file: folder.absolute() for folder in folders for file in usd_files([folder])}
    allowed = [str(Path(root).absolute()) for root in (*folders, *roots)]
    fresh = {str(file): row for file in files if (row := known.get(str(file))) and _unchanged(row["stamps"])}
    asked = [file for file in files if str(file) not in fresh]
    looked = each_in_a_child(asked, lambda file, child: _look(file, allowed, child), workers, tell)
    for file, facts in zip(asked, looked, strict=True):
        made_of = facts.get("files") or [str(file)]
        fresh[str(file)] = {"stamps": [_stamp(path) for path in made_of], "facts": facts}
    if remember is not None and (asked or fresh.keys() != known.keys()):
        _keep(remember, fresh)
    return _entries({file: (root, fresh[str(file)]["facts"]) for file, root in files.items()})


def _look(file: Path, allowed: Sequence[str], child: Examiner) -> Facts:
    done = child.examine(TASK, {"path": str(file), "roots": list(allowed)}, LIMITS)
    return done.answer if done.outcome == "ok" else {"problem": _sentence(done.outcome, done.message)}


def _sentence(outcome: str, message: str) -> str:
    told = {
        "time": f"it was not read within {LIMITS.time_s:g} s",
        "memory": "it needs more memory than the limit allows",
        "crash": f"the USD library crashes on it ({message})",
    }
    return told.get(outcome, message)


def _entries(found: Mapping[Path, tuple[Path, Facts]]) -> list[Entry]:
    """Facts as entries, with what uses what."""
    uses = {file: [Path(path) for path in facts.get("files", ())[1:]] for file, (_, facts) in found.items()}
    users: dict[Path, list[Path]] = {}
    for file, used in uses.items():
        for one in used:
            users.setdefault(one, []).append(file)
    parts = {Path(path) for _, facts in found.values() for path in facts.get("parts", ())}
    shown = {file: row for file, row in found.items() if row[1] and file.resolve() not in parts}
    ids = {file.resolve(): _id(file, root) for file, (root, _) in shown.items()}
    out = []
    for file, (root, facts) in shown.items():
        entry = _entry(file, root, facts)
        by = sorted({ids[user.resolve()] for user in users.get(file.resolve(), ()) if user.resolve() in ids})
        out.append(replace(entry, used_by=tuple(by)))
    return sorted(out, key=lambda entry: (entry.library, entry.id))


def _id(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _entry(file: Path, root: Path, facts: Facts) -> Entry:
    if "problem" in facts:
        return Entry(_id(file, root), root.name, title=file.stem, problem=str(facts["problem"]))
    made_of = [Path(path) for path in facts["files"]]
    inside = [_inside(path, root) for path in made_of]
    picture = Path(facts["thumbnail"]) if facts["thumbnail"] else None
    return entry_of(
        {
            **{name: value for name, value in facts.items() if name != "parts"},
            "id": _id(file, root),
            "library": root.name,
            "license": facts["license"] or _license(file, root),
            "bytes": sum(path.stat().st_size for path in made_of if path.is_file()),
            "digest": _digest(made_of),
            "files": [name for name in inside if name],
            "thumbnail": _inside(picture, root) if picture is not None and picture.is_file() else "",
        }
    )


def _inside(path: Path, root: Path) -> str:
    """Relative to the library, "" for what lies outside of it."""
    real, base = path.resolve(), root.resolve()
    return real.relative_to(base).as_posix() if real.is_relative_to(base) else ""


def _license(file: Path, root: Path) -> str:
    """What the nearest licence file at or above an asset, within its library, seems to be."""
    folder = file.parent
    while True:
        for name in LICENSES:
            path = folder / name
            if path.is_file() and _inside(path, root):
                with path.open("rb") as opened:
                    text = " ".join(opened.read(MOST_LICENSE).decode("utf-8", "replace").lower().split())
                return next(
                    (spdx for begins, spdx in KNOWN_LICENSES.items() if begins in text), f"see {name}"
                )
        if folder in (root, folder.parent):
            return ""
        folder = folder.parent


def _digest(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of the files, whatever they are called."""
    hashes = []
    for path in files:
        if path.is_file():
            with path.open("rb") as opened:
                hashes.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return hashlib.sha256("".join([hashes[0], *sorted(hashes[1:])]).encode()).hexdigest() if hashes else ""


# ---------------------------------------------------------------------- what was read before


def _stamp(path: str) -> list[Any]:
    try:
        at = os.stat(path)
    except OSError:
        return [path, -1, -1]
    return [path, at.st_size, at.st_mtime_ns]


def _unchanged(stamps: Sequence[Sequence[Any]]) -> bool:
    return all(_stamp(path) == [path, size, changed] for path, size, changed in stamps)


def _recalled(remember: Path | None) -> dict[str, Any]:
    """What was read before, by file. UserError where the file is something else, which must not be lost."""
    if remember is None or not remember.exists():
        return {}
    try:
        text = remember.read_text("utf-8")
        kept: Any = json.loads(text) if text.strip() else {"twinstageCatalogue": VERSION, "files": {}}
        version, rows = kept["twinstageCatalogue"], kept["files"]
        if version != VERSION:
            return {}
        return {path: row for path, row in rows.items() if _is_row(row)}
    except OSError as error:
        raise UserError(f"--remember {remember} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"--remember {remember} holds something else; name a new file, or delete that one"
        ) from None


def _is_row(row: Any) -> bool:
    """Whether it may be used as it is; others are read again."""
    if not (
        isinstance(row, dict) and isinstance(row.get("facts"), dict) and isinstance(row.get("stamps"), list)
    ):
        return False
    facts = row["facts"]
    whole = not facts or "problem" in facts or facts.keys() >= FACTS
    return whole and all(
        isinstance(stamp, list) and list(map(type, stamp)) == [str, int, int] for stamp in row["stamps"]
    )


def _keep(remember: Path, rows: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    text = json.dumps({"twinstageCatalogue": VERSION, "files": dict(sorted(rows.items()))})
    try:
        remember.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=remember.parent, delete=False) as part:
            part.write(text)
        os.replace(part.name, remember)
    except OSError as error:
        raise UserError(f"--remember {remember} cannot be written: {error.strerror}") from None
