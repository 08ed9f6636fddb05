"""Goes through folders of USD files and gives what the catalogue knows of each asset. Reads folders.

A file that draws nothing is no asset. A file that another one has as a sublayer or as its payload is a part of that asset, and
has no entry of its own; one that is referred to has.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.bounds import bounded
from twinstage.assets.catalogue.entry import Entry, entry_of
from twinstage.assets.catalogue.facts import are_facts
from twinstage.assets.catalogue.remembered import Hashes, Row, keep, pruned, recalled, row_of, unchanged
from twinstage.assets.check_folder import usd_files
from twinstage.assets.children import each_in_a_child
from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import is_regular
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner

TASK = "twinstage.assets.catalogue.look:look_task"
LIMITS = ProbeLimits(time_s=60.0)
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

AWAY = "it is a link that leads out of its library; it is not read"
BESIDE = Path(".thumbs") / "256x256"
"""Where a picture of `FILE` lies beside it, as FILE.png, if the asset names none: Omniverse's browsers look there, too."""
Facts = dict[str, Any]


class Catalogue:
    """All assets below some folders, as they were read last.

    `roots`: folders that files may reach besides the libraries. `remember`: a file in which to keep what was read, so that only
    what changed is read again; it is made where it is not there, and rows that cannot be used are made anew. `forgiving`: one
    that holds something else, or cannot be written, counts as none.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        roots: Iterable[Path] = (),
        remember: Path | None = None,
        forgiving: bool = False,
    ) -> None:
        """UserError for a folder that does not exist, and, unless `forgiving`, for a `remember` that holds something else."""
        for folder in folders:
            if not folder.is_dir():
                raise UserError(f"library {folder}: there is no such folder")
        self._folders, self._remember = list(folders), remember
        self._roots = [Path(root).absolute() for root in roots]
        self._allowed = [str(Path(root).absolute()) for root in (*folders, *self._roots)]
        self._forgiven = (UserError,) if forgiving else ()
        self._rows: dict[str, Row] = {}
        with suppress(*self._forgiven):
            self._rows = recalled(remember)
        self._hashes: Hashes = {}

    def read(
        self,
        *,
        workers: int = 1,
        tell: Callable[[int, int], None] = lambda done, of: None,
        empty: bool = False,
    ) -> list[Entry]:
        """The assets by id, as they are now; only what changed since is read. One call at a time.

        `workers`: children at a time; the answer does not depend on it. UserError for a folder that holds no USD file, unless
        it may be `empty`.
        """
        files = {
            file: folder.absolute() for folder in self._folders for file in _files_below(folder, empty=empty)
        }
        away = {file: root for file, root in files.items() if not _is_below(file, (root, *self._roots))}
        files = {file: root for file, root in files.items() if file not in away}
        known = self._rows
        rows = {str(file): row for file in files if (row := known.get(str(file))) and unchanged(row)}
        asked = [file for file in files if str(file) not in rows]
        looked = each_in_a_child(asked, lambda file, child: _look(file, self._allowed, child), workers, tell)
        for file, facts in zip(asked, looked, strict=True):
            rows[str(file)] = row_of(file, facts, self._hashes)
        self._hashes = pruned(self._hashes, rows)
        if self._remember is not None and (asked or rows.keys() != known.keys()):
            with suppress(*self._forgiven):
                keep(self._remember, rows)
        self._rows = rows
        found = _entries({file: (root, rows[str(file)]) for file, root in files.items()})
        refused = [
            Entry(_id(file, root), root.name, title=file.stem, problem=AWAY) for file, root in away.items()
        ]
        return sorted([*found, *refused], key=lambda entry: (entry.library, entry.id))


def scan(
    folders: Sequence[Path],
    *,
    roots: Iterable[Path] = (),
    remember: Path | None = None,
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Entry]:
    """All assets below the folders, by id; see `Catalogue`."""
    return Catalogue(folders, roots=roots, remember=remember).read(workers=workers, tell=tell)


def _files_below(folder: Path, *, empty: bool) -> list[Path]:
    try:
        return usd_files([folder])
    except UserError:
        if empty and folder.is_dir():
            return []
        raise


def _look(file: Path, allowed: Sequence[str], child: Examiner) -> Facts:
    done = child.examine(TASK, {"path": str(file), "roots": list(allowed)}, LIMITS)
    if done.outcome != "ok":
        return bounded({"problem": _sentence(done.outcome, done.message)})
    if not are_facts(done.answer):
        return {"problem": "the process that reads foreign files told something that makes no sense of it"}
    return _within(done.answer, file, [Path(folder) for folder in allowed])


def _within(facts: Facts, file: Path, allowed: Sequence[Path]) -> Facts:
    """Only files that this process may read, the asset itself first: a child could be taken over by what it reads."""
    if "files" not in facts:
        return facts
    own = os.path.realpath(file)
    others = [path for path in facts["files"] if path != own and is_regular(path)]
    return {
        **facts,
        "files": [own, *(path for path in others if _is_below(Path(path), allowed))],
        "parts": [path for path in facts["parts"] if _is_below(Path(path), allowed)],
    }


def _sentence(outcome: str, message: str) -> str:
    told = {
        "time": f"it was not read within {LIMITS.time_s:g} s",
        "memory": "it needs more memory than the limit allows",
        "crash": f"the USD library crashes on it ({message})",
    }
    return told.get(outcome, message)


def _entries(found: Mapping[Path, tuple[Path, Row]]) -> list[Entry]:
    """Rows as entries, with what uses what."""
    users: dict[Path, list[Path]] = {}
    for file, (_, row) in found.items():
        for used in row["facts"].get("files", ())[1:]:
            users.setdefault(Path(used), []).append(file)
    parts = {Path(path) for _, row in found.values() for path in row["facts"].get("parts", ())}
    shown = {file: one for file, one in found.items() if one[1]["facts"] and file.resolve() not in parts}
    names = {file.resolve(): f"{root.name}/{_id(file, root)}" for file, (root, _) in shown.items()}
    out = []
    for file, (root, row) in shown.items():
        by = {names[user.resolve()] for user in users.get(file.resolve(), ()) if user.resolve() in names}
        out.append(replace(_entry(file, root, row), used_by=tuple(sorted(by))))
    return out


def _id(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _entry(file: Path, root: Path, row: Row) -> Entry:
    facts = row["facts"]
    if "problem" in facts:
        said = {name: facts[name] for name in ("problem", "cut") if name in facts}
        return entry_of({"id": _id(file, root), "library": root.name, "title": file.stem, **said})
    inside = [_inside(Path(path), root) for path in facts["files"]]
    return entry_of(
        {
            **{name: value for name, value in facts.items() if name != "parts"},
            "id": _id(file, root),
            "library": root.name,
            "license": facts["license"] or _license(file, root),
            "bytes": row["bytes"],
            "digest": row["digest"],
            "files": [name for name in inside if name],
            "thumbnail": _thumbnail(file, root, facts["thumbnail"]),
        }
    )


def _thumbnail(file: Path, root: Path, named: str) -> str:
    """The picture that an asset names, or that lies beside it as USD browsers put it there."""
    for path in (Path(named) if named else None, file.parent / BESIDE / f"{file.name}.png"):
        with suppress(OSError):  # a name that is too long, a folder that may not be looked into
            if path is not None and path.is_file() and (inside := _inside(path, root)):
                return inside
    return ""


def _is_below(file: Path, roots: Iterable[Path]) -> bool:
    """Whether a file lies in one of the folders when all links are followed."""
    return any(_inside(file, root) for root in roots)


def _inside(path: Path, root: Path) -> str:
    """Relative to the library, "" for what lies outside of it."""
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    return real.relative_to(base).as_posix() if real.is_relative_to(base) else ""


def _license(file: Path, root: Path) -> str:
    """What the nearest licence file at or above an asset, within its library, seems to be."""
    folder = file.parent
    while True:
        for name in LICENSES:
            path = folder / name
            try:
                if not path.is_file() or not _inside(path, root):
                    continue
                text = _beginning(path)
            except OSError:  # it may not be read: it is there, and says nothing
                text = ""
            return next((spdx for begins, spdx in KNOWN_LICENSES.items() if begins in text), f"see {name}")
        if folder in (root, folder.parent):
            return ""
        folder = folder.parent


def _beginning(path: Path) -> str:
    """Small letters, single blanks."""
    with path.open("rb") as opened:
        return " ".join(opened.read(MOST_LICENSE).decode("utf-8", "replace").lower().split())
