"""Findings about many files: all USD files below folders, each once, several at a time; each fault in the file that has it.

A file that others use only as a layer (a sublayer) is no scene of its own: it is judged where it is used, and alone only for
whether it can be read. What a referenced file is at fault for is told of that file, not of each scene that refers to it.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from twinstage.assets.check import Asked, Checked, check_file
from twinstage.assets.children import each_in_a_child
from twinstage.assets.rules.table import selects
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order
from twinstage.scene.stage import EXTENSIONS, checked_path

MAX_FILES = 100_000
ALWAYS = frozenset({"stage.unreadable", "stage.crash", "stage.time-limit", "stage.memory-limit"})
"""What is told of a file that is only a layer of others, too."""


MENDED_BY_USERS = frozenset({"material.binding", "physics.joint-body"})
"""What a part may leave open for the scene that uses it."""
Said = dict[str, set[tuple[str, tuple[str, str]]]]
"""By file: code and origin of all that was found."""


def usd_files(paths: Iterable[Path]) -> list[Path]:
    """All USD files that the paths mean, absolute, each once; hidden folders are left out.

    Raises UserError where a path does not exist or is no USD file, and where a folder holds none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[checked_path(path)] = None
            continue
        below = sorted(_below(path.absolute()))
        if not below:
            raise UserError(f"folder {path} holds no USD file ({', '.join(EXTENSIONS)})")
        found.update(dict.fromkeys(below))
        if len(found) > MAX_FILES:
            raise UserError(f"folder {path} holds more than {MAX_FILES:,} USD files; check its parts")
    return list(found)


def _below(folder: Path) -> Iterable[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(at) / name
            if path.suffix.lower() in EXTENSIONS and not name.startswith(".") and path.is_file():
                yield path


def check_all(
    files: list[Path],
    asked: Asked,
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Checked]:
    """Check the files in the order given, `workers` at a time; what several files share is told once."""
    results = each_in_a_child(
        files, lambda file, child: check_file(file, asked, child), workers=workers, tell=tell
    )
    return told_once(results)


def told_once(results: list[Checked]) -> list[Checked]:
    """Without what another of the files is to be mended for."""
    files = {checked.file for checked in results}
    used = _uses(results)
    layers = {file for file in files if used.get(file) == {"layer"}}
    own = {
        checked.file: {(f.code, origin) for f, origin in zip(checked.findings, checked.origins, strict=True)}
        for checked in results
    }
    return [_kept(checked, layers, own, _mended(checked, used, own, results)) for checked in results]


def _uses(results: list[Checked]) -> dict[str, set[str]]:
    """By file: in which roles others of the files use it."""
    used: dict[str, set[str]] = {}
    for checked in results:
        for file, role in checked.layers.items():
            if file != checked.file:
                used.setdefault(file, set()).add(role)
    return used


def _mended(checked: Checked, used: dict[str, set[str]], own: Said, all_: list[Checked]) -> set[int]:
    """Findings of a referenced file that do not show in any of the scenes that use it, because these mend them."""
    users = [c for c in all_ if checked.file in c.layers]
    if not users or used.get(checked.file) == {"layer"}:
        return set()
    rows = enumerate(zip(checked.findings, checked.origins, strict=True))
    return {
        number for number, (finding, origin) in rows
        if finding.code in MENDED_BY_USERS and not any((finding.code, origin) in own[c.file] for c in users)
    }  # fmt: skip


def _kept(checked: Checked, layers: set[str], own: Said, mended: set[int]) -> Checked:
    kept: list[tuple[Finding, tuple[str, str]]] = []
    for number, (finding, origin) in enumerate(zip(checked.findings, checked.origins, strict=True)):
        if number in mended:
            continue
        if checked.file in layers:
            if finding.code not in ALWAYS:
                continue
        elif (
            origin[0] != checked.file
            and origin[0] not in layers
            and (finding.code, origin) in own.get(origin[0], ())
        ):
            continue
        kept.append((finding, origin))
    return replace(checked, findings=tuple(f for f, _ in kept), origins=tuple(o for _, o in kept))


def chosen(results: list[Checked], rules: Iterable[str], ignore: Iterable[str]) -> list[Checked]:
    """Only findings of these rules (all, if none are named), and none of the ignored; errors first in each file."""
    only, without = list(rules), list(ignore)
    out = []
    for checked in results:
        rows = dict(zip(checked.findings, checked.origins, strict=True))
        kept = [
            f for f in in_order(list(rows))
            if (not only or selects(only, f.code) or f.code in ALWAYS) and not selects(without, f.code)
        ]  # fmt: skip
        out.append(replace(checked, findings=tuple(kept), origins=tuple(rows[f] for f in kept)))
    return out
