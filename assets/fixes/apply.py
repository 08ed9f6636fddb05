"""Asks the child for layers that mend files, writes them below a folder, and checks them again. The only writer."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from twinstage.assets.check import Asked, Checked, check_file
from twinstage.assets.fixes.child import fix_of
from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.safe.examiner import Examiner, shared_examiner

TASK = "twinstage.assets.fixes.child:fix_task"


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one file. `done`: (code, path, what, picture stays the same); `again`: the check of the new layer."""

    file: str
    out: str
    done: tuple[tuple[str, str, str, bool], ...]
    again: Checked

    @property
    def changes_picture(self) -> int:
        """How many fixes show what was not shown before."""
        return sum(not same for *_, same in self.done)


def mend_all(
    results: Iterable[Checked], out: Path, asked: Asked, examiner: Examiner | None = None
) -> list[Mended]:
    """Mend what is safe in each of the checked files, among the findings that they have now; files without a fix are left out.

    Raises UserError where a layer exists already or cannot be written.
    """
    rows = [checked for checked in results if any(fix_of(finding.code) for finding in checked.findings)]
    names = _names([checked.file for checked in rows], out)
    for target in names:
        if target.exists():
            raise UserError(f"{target} exists already; choose another --out or delete it")
    done = []
    for checked, target in zip(rows, names, strict=True):
        mended = mend_file(checked, target, asked, examiner or shared_examiner())
        if mended is not None:
            done.append(mended)
    return done


def _names(files: list[str], out: Path) -> list[Path]:
    """Where the layers go: below `out` as the files lie below their common folder; names that differ by suffix stay apart."""
    if not files:
        return []
    base = os.path.commonpath([os.path.dirname(file) for file in files])
    stems = Counter(os.path.splitext(file)[0] for file in files)
    names = []
    for file in files:
        stem, suffix = os.path.splitext(os.path.relpath(file, base))
        twice = stems[os.path.splitext(file)[0]] > 1
        names.append(out.absolute() / f"{stem}{suffix.replace('.', '_') if twice else ''}.fixed.usda")
    return names


def mend_file(checked: Checked, target: Path, asked: Asked, examiner: Examiner) -> Mended | None:
    """One file; None where nothing could be mended."""
    codes = sorted({finding.code for finding in checked.findings})
    request = {"path": checked.file, "roots": list(asked.roots), "out": str(target), "codes": codes}
    answer = examiner.examine(TASK, request, asked.limits)
    if answer.outcome == "failure":
        raise TwinstageError(f"{checked.file} could not be mended: {answer.message}")
    if answer.outcome != "ok" or not answer.answer["text"]:
        return None
    _write(target, answer.answer["text"])
    home = os.path.dirname(checked.file)
    again = check_file(target, replace(asked, roots=(*asked.roots, home)), examiner)
    rows = tuple((d["code"], d["path"], d["what"], d["same"]) for d in answer.answer["done"])
    return Mended(checked.file, str(target), rows, again)


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}") from None
