"""`twinstage assets check`: what is wrong or doubtful in USD files, for people, programs and code hosts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.terminal import printable
from twinstage.cli.common import AssetRoots, Json, print_json, progress

if TYPE_CHECKING:
    from twinstage.assets.check import Asked, Checked
    from twinstage.assets.fixes.apply import Mended

Paths = Annotated[
    list[Path] | None, typer.Argument(help="USD files, and folders: all USD files below.", show_default=False)
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="A recipe, or a YAML file `class: \\[label, ...]`, to check labels by.",
        show_default=False,
    ),
]
Sarif = Annotated[
    Path | None,
    typer.Option("--sarif", help="Write the findings to this file as SARIF 2.1.0, too.", show_default=False),
]
Fix = Annotated[
    bool, typer.Option("--fix", help="Mend what is safe to mend, in new layers below --out over the files.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="A folder for the layers of --fix.", show_default=False)
]
Triangles = Annotated[
    int | None,
    typer.Option("--triangles", min=0, help="Most triangles that a file may draw.", show_default=False),
]
TextureMb = Annotated[
    float | None,
    typer.Option(
        "--texture-mb",
        min=0,
        help="Most megabytes that the decoded textures of a file may take on a graphics card.",
        show_default=False,
    ),
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        help="Only this rule, area or requirement, as in mesh.winding, mesh or VG.014; give it once for each.",
        show_default=False,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore", help="Not this rule, area or requirement; give it once for each.", show_default=False
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, max=64, help="Files checked at one time; 0: one for each core.")
]
Nvidia = Annotated[
    bool,
    typer.Option(
        "--nvidia",
        help="Ask NVIDIA's rules, too (pip install 'twinstage\\[validate]'); about a second a file.",
    ),
]
Notes = Annotated[bool, typer.Option("--notes", help="Show notes, too, not only errors and warnings.")]
ListRules = Annotated[bool, typer.Option("--list-rules", help="Print the table of rules and end.")]


def check(
    paths: Paths = None,
    labels: Labels = None,
    sarif: Sarif = None,
    fix: Fix = False,
    out: Out = None,
    triangles: Triangles = None,
    texture_mb: TextureMb = None,
    rules: Rules = None,
    ignore: Ignore = None,
    workers: Workers = 0,
    nvidia: Nvidia = False,
    notes: Notes = False,
    list_rules: ListRules = False,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """List what is wrong or doubtful in USD files; exit 1 if something is wrong (with --fix: is left).

    Each file is opened in a child process with limits of time and memory, so a hostile one does no harm. A folder given
    here may be reached by all files below it.
    """
    if list_rules:
        _list_rules(json_)
        return
    from twinstage.assets.check import Asked
    from twinstage.assets.check_folder import check_all, chosen, usd_files
    from twinstage.assets.label_map import read_label_map

    if not paths:
        raise UserError("nothing says what to check: give USD files or folders, or --list-rules")
    _known([*(rules or ()), *(ignore or ())])
    _fixing(fix, out)
    _nvidia_there(nvidia)
    _sarif_place(sarif)
    files = usd_files(paths)
    roots = [*(asset_root or ()), *(path for path in paths if path.is_dir())]
    asked = Asked(_roots(roots), read_label_map(labels) if labels else None, triangles, texture_mb, nvidia)
    with progress("checking") as tell:
        results = check_all(files, asked, min(workers or _cores(), len(files)), tell)
    results = chosen(results, rules or (), ignore or ())
    if sarif is not None:
        _write_sarif(results, sarif)
    mended = _mend(results, out, asked) if fix and out is not None else []
    _print(results, mended, notes, json_)
    if fix and out is not None and not json_:
        _tell_mended(mended, out)
    after = {row.file: row.again.findings for row in mended}
    left = [finding for checked in results for finding in after.get(checked.file, checked.findings)]
    if any(finding.severity == "error" for finding in left):
        raise typer.Exit(1)


def _roots(folders: list[Path]) -> tuple[str, ...]:
    from twinstage.scene.stage import checked_root

    return tuple(dict.fromkeys(str(checked_root(folder)) for folder in folders))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _known(names: list[str]) -> None:
    from twinstage.assets.rules.table import known_names

    known = known_names()
    lower = {name.lower() for name in known}
    for name in names:
        if name.lower() not in lower:
            raise UserError(
                f"there is no rule, area or requirement {name!r}{did_you_mean(name, sorted(known))}"
            )


def _fixing(fix: bool, out: Path | None) -> None:
    if fix and out is None:
        raise UserError("--fix writes new layers and never your files: give --out DIR, a folder for them")
    if out is not None and not fix:
        raise UserError("--out is the folder for the layers of --fix: give both")
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; a folder was expected")


def _sarif_place(path: Path | None) -> None:
    """UserError before the long work where something else than findings stands there: a check writes over nobody's file."""
    if path is None or not path.is_file():
        return
    with path.open("rb") as stream:
        head = stream.read(300)
    if head and b"sarif" not in head:
        raise UserError(f"--sarif {path} holds something else; name a new file, or delete that one")


def _nvidia_there(asked: bool) -> None:
    from twinstage.assets.rules import nvidia

    if asked and not nvidia.installed():
        raise UserError("--nvidia needs usd-validation-nvidia: pip install 'twinstage[validate]'")


def _list_rules(json_: bool) -> None:
    from dataclasses import asdict

    from twinstage.assets.check_text import table
    from twinstage.assets.rules import rows

    if json_:
        print_json([asdict(row) for row in rows()])
    else:
        print("\n".join(table()))


def _write_sarif(results: "list[Checked]", path: Path) -> None:
    import json
    from importlib.metadata import version

    from twinstage.assets.check_sarif import sarif
    from twinstage.cli.common import write_text

    write_text(path, json.dumps(sarif(results, Path.cwd(), version("twinstage")), indent=1) + "\n")


def _print(results: "list[Checked]", mended: "list[Mended]", notes: bool, json_: bool) -> None:
    from twinstage.assets.check_text import report

    if json_:
        rows = {"files": [_row(checked) for checked in results]}
        print_json(rows | ({"mended": [_mended_row(row) for row in mended]} if mended else {}))
    else:
        print(printable("\n".join(report(results, os.getcwd(), notes)).lstrip("\n")))


def _row(checked: "Checked") -> dict[str, Any]:
    from twinstage.assets.rules import rule_of

    findings = []
    for finding, (file, path) in zip(checked.findings, checked.origins, strict=True):
        row = rule_of(finding.code)
        findings.append(
            finding.as_dict()
            | {"requirement": row.requirement if row else "", "mend": {"file": file, "path": path}}
        )
    return {
        "file": checked.file,
        "prims": checked.prims,
        "triangles": checked.triangles,
        "texture_bytes": checked.texture_bytes,
        "findings": findings,
    }


def _mend(results: "list[Checked]", out: Path, asked: "Asked") -> "list[Mended]":
    from twinstage.assets.fixes.apply import mend_all

    return mend_all(results, out, asked)


def _tell_mended(mended: "list[Mended]", out: Path) -> None:
    """What was written, and what is left to do by hand."""
    print()
    if not mended:
        print(f"nothing here is safe to mend without you, so nothing was written below {out}")
    for row in mended:
        left = [finding.severity for finding in row.again.findings]
        new = f", {row.changes_picture} that change the picture" if row.changes_picture else ""
        counts = f"left: {left.count('error')} errors, {left.count('warning')} warnings"
        fixes = f"{len(row.done)} fix{'es' if len(row.done) != 1 else ''}"
        print(
            f"{os.path.relpath(row.out)}: {fixes}{new}; {counts}; open it instead of {os.path.relpath(row.file)}"
        )


def _mended_row(row: "Mended") -> dict[str, Any]:
    names = ("code", "path", "what", "same_picture")
    return {
        "file": row.file,
        "out": row.out,
        "fixes": [dict(zip(names, done, strict=True)) for done in row.done],
        "left": [finding.as_dict() for finding in row.again.findings],
    }
