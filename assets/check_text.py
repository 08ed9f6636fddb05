"""Findings as people read them: errors first, each kind once with its remedy, the first places named and the others counted.

Pure: text out of `Checked` rows.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from twinstage.assets.check import Checked
from twinstage.assets.rules import rule_of
from twinstage.base.finding import SEVERITIES, Finding, Severity

PLACES = 3
"""Places of one kind that are shown."""
HEADINGS: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "info": "Notes"}


@dataclass
class Kind:
    """Findings of one code and level. `rows`: (file, finding), in order."""

    code: str
    severity: Severity
    rows: list[tuple[str, Finding]] = field(default_factory=list)


def shown(path: str, base: str) -> str:
    """A file's name relative to where the user stands, if that is shorter."""
    relative = os.path.relpath(path, base)
    return relative if len(relative) < len(path) else path


def kinds(results: Iterable[Checked]) -> list[Kind]:
    """By level, then by how many there are."""
    found: dict[tuple[Severity, str], Kind] = {}
    for checked in results:
        for finding in checked.findings:
            key = finding.severity, finding.code
            found.setdefault(key, Kind(finding.code, finding.severity)).rows.append((checked.file, finding))
    return sorted(found.values(), key=lambda k: (SEVERITIES.index(k.severity), -len(k.rows), k.code))


def report(results: list[Checked], base: str, notes: bool = False) -> Iterator[str]:
    """The lines of the report. `base`: the folder that files are named from; `notes`: notes one by one, too."""
    several = len(results) > 1
    groups = kinds(results)
    level: Severity | None = None
    for kind in groups:
        if kind.severity == "info" and not notes and not kind.code.startswith("budget."):
            continue
        if kind.severity != level:
            level = kind.severity
            yield ""
            yield f"{HEADINGS[level]}"
        yield from _kind(kind, base, several)
    quiet = [k for k in groups if k.severity == "info" and not k.code.startswith("budget.")]
    if quiet and not notes:
        count = sum(len(k.rows) for k in quiet)
        names = ", ".join(k.code for k in quiet[:4])
        more = f" and {len(quiet) - 4} more kinds" if len(quiet) > 4 else ""
        yield ""
        yield f"{_number(count, 'note')} not shown ({names}{more}); --notes shows them"
    yield ""
    yield summary(results, base)


def _kind(kind: Kind, base: str, several: bool) -> Iterator[str]:
    row = rule_of(kind.code)
    title = row.title if row else kind.code
    requirement = f" {row.requirement}" if row and row.requirement else ""
    yield f"  {title}  [{kind.code}{requirement}]"
    groups = _by_message(kind.rows)
    for (file, message), findings in groups[:PLACES]:
        where = _where(findings[0].path, file, base, several)
        more = f" (and {_number(len(findings) - 1, 'more place')})" if len(findings) > 1 else ""
        said = "" if row and _same(message, row.title) else f": {message}"
        yield f"    {where}{said}{more}"
    if len(groups) > PLACES:
        rest = sum(len(findings) for _, findings in groups[PLACES:])
        files = len({file for (file, _), _ in groups[PLACES:]})
        yield f"    and {rest:,} more{f' in {files:,} files' if several and files > 1 else ''}"
    fixes = list(dict.fromkeys(f.fix for _, f in kind.rows if f.fix))
    if fixes:
        yield f"    -> {fixes[0] if len(fixes) == 1 or row is None else row.fix}"


def _by_message(rows: list[tuple[str, Finding]]) -> list[tuple[tuple[str, str], list[Finding]]]:
    """Rows that say the same about several prims of one file come together, in the order of their first."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for file, finding in rows:
        groups.setdefault((file, finding.message), []).append(finding)
    return list(groups.items())


def _where(path: str, file: str, base: str, several: bool) -> str:
    parts = [shown(file, base)] if several or not path else []
    return " ".join([*parts, *([path] if path else [])])


def _same(message: str, title: str) -> bool:
    return message.lower() == title.lower()


def summary(results: list[Checked], base: str) -> str:
    """The last line: how many files, what they hold, how many findings of each level."""
    counts = {level: sum(f.severity == level for c in results for f in c.findings) for level in SEVERITIES}
    said = ", ".join(
        [
            _number(counts["error"], "error"),
            _number(counts["warning"], "warning"),
            _number(counts["info"], "note"),
        ]
    )
    if len(results) == 1:
        one = results[0]
        size = f"{_number(one.triangles, 'triangle')}, {one.texture_bytes / 1e6:,.1f} MB of textures"
        return f"{shown(one.file, base)}: {said} ({_number(one.prims, 'prim')}, {size})"
    clean = sum(not any(f.severity == "error" for f in c.findings) for c in results)
    return f"{len(results):,} files, {clean:,} without an error: {said}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table() -> Iterator[str]:
    """The list of rules, one a line."""
    from twinstage.assets.rules import rows

    for row in rows():
        yield f"{row.code:26} {row.level:8} {row.requirement:12} {row.title}"
