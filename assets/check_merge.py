"""One fault, one finding: what several tools say of the same thing is said once, in the best of their words.

Pure. Also what a finding is shortened to where there are very many of a kind.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from twinstage.assets.rules import rule_of
from twinstage.base.finding import Finding

MAX_OF_A_CODE = 200
"""Findings of one code that are listed; the rest is counted."""
NEVER = frozenset({"stage.units", "stage.up-axis"})
"""What the readers say and a rule says in any case, with its remedy."""
MISSING = ("asset.unresolved", "asset.backslash", "asset.case", "asset.unreadable", "asset.mdl")
BETTER: dict[str, tuple[str, ...]] = {
    "mesh.topology": (
        "mesh.counts",
        "mesh.index-range",
        "mesh.few-corners",
        "mesh.repeated-corner",
        "mesh.not-finite",
    ),
    "mesh.short-faces": ("mesh.few-corners", "mesh.repeated-corner"),
    "mesh.point-type": ("mesh.points-type",),
    "mesh.index-range": ("mesh.points-type",),
    "mesh.subset": ("subset.range",),
    "mesh.subset-overlap": ("subset.overlap", "subset.family"),
    "mesh.scheme": ("token.invalid",),
    "mesh.subdivision-token": ("token.invalid",),
    "mesh.degenerate": ("mesh.zero-area", "mesh.degenerate"),
    "gprim.axis": ("token.invalid",),
    "gprim.extent": ("extent.wrong",),
    "gprim.not-finite": ("mesh.not-finite",),
    "primvar.count": ("primvar.length", "primvar.index-range"),
    "primvar.indices": ("primvar.index-range",),
    "points.length": ("instancer.lengths", "instancer.empty"),
    "points.prototype": ("instancer.prototype-range", "instancer.prototype-missing"),
    "points.not-finite": ("instancer.not-finite",),
    "points.ids": ("instancer.ids", "instancer.lengths"),
    "transform.not-finite": ("xform.not-finite", "stage.far", "instancer.not-finite"),
    "texture.missing": MISSING,
    "texture.unreadable": (
        "texture.damaged",
        "texture.empty",
        "texture.cmyk",
        "texture.unreadable",
        "texture.pixels",
    ),
    "light.file-missing": MISSING,
    "material.subsets": ("subset.family", "subset.overlap", "subset.range", "subset.family-type"),
    "subset.family": ("subset.range", "subset.overlap"),
    "skel.unbound": ("skel.root",),
    "xform.flat": ("xform.not-finite",),
    "subset.family-type": ("subset.overlap",),
    "physics.body-place": ("asset.unresolved", "arc.no-prim", "asset.backslash"),
    "material.contents": ("material.shader-place",),
    "stage.unreadable": ("stage.units", "stage.up-axis", "stage.time-rate"),
    "material.type": ("attribute.type",),
    "attribute.type": ("mesh.points-type",),
    "stage.empty": ("asset.unresolved", "asset.backslash", "asset.case", "arc.no-prim", "asset.outside-root"),
}
"""Codes that are not told where one of the others was, about the same prim (or, of a whole file, anywhere)."""
ANYWHERE = frozenset({"stage.empty", "stage.unreadable"})


_ONCE = frozenset(
    {
        "texture.normal-map", "material.binding", "material.shader-place", "mesh.normals", "stage.time-rate",
        "physics.inertia", "mesh.crease", "mesh.empty", "mesh.not-finite", "stage.up-axis",
    }
)  # fmt: skip
"""Codes that are told once a prim, whatever the sentences."""


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Each fault once. Findings of ours come first in the input, those of others after them."""
    rows = [_worded(finding) for finding in dict.fromkeys(findings)]
    told: set[tuple[str, str]] = set()
    for finding in rows:
        told |= {(finding.code, _prim(finding)), (finding.code, "*")}
    out: dict[tuple[str, str, str], Finding] = {}
    for finding in rows:
        if _said_better(finding, told):
            continue
        gist = _gist(finding)
        out.setdefault((finding.code, finding.path if gist else _prim(finding), gist), finding)
    return list(out.values())


def _gist(finding: Finding) -> str:
    """What tells two findings of one code at one place apart: the sentence, unless the code says it all."""
    same = finding.code in _ONCE
    return "" if same else finding.message


def _said_better(finding: Finding, told: set[tuple[str, str]]) -> bool:
    if finding.code == "asset.unreadable" and not finding.path:
        return any(code == finding.code and place not in ("", "*") for code, place in told)
    place = "*" if finding.code in ANYWHERE else _prim(finding)
    codes = BETTER.get(finding.code, ())
    if any((code, place) in told for code in codes if code != finding.code):
        return True
    parent = place.rpartition("/")[0]  # a subset's fault is its mesh's
    return finding.code.startswith(("subset.", "mesh.subset")) and any(
        (code, parent) in told for code in codes
    )


def _prim(finding: Finding) -> str:
    return finding.path.partition(".")[0]


def _worded(finding: Finding) -> Finding:
    """Without the path in front, which stands beside; and with the remedy of its rule."""
    message = finding.message
    if finding.path:
        message = re.sub(
            r"^material /\S+ (?=reads|has|cannot|is)", "it ", re.sub(r"^material /\S+: ", "", message)
        )
    if finding.path:
        prim = _prim(finding)
        for prefix in (f"{finding.path}: ", f"{prim}: "):
            message = message.removeprefix(prefix)
        for name in (finding.path, prim):
            if message.startswith(f"{name} "):
                message = f"it {message[len(name) + 1 :]}"
    row = rule_of(finding.code)
    noted = row is not None and row.source == "readers" and row.level == "info"
    severity = "info" if noted else finding.severity
    return replace(finding, message=message, severity=severity, fix=finding.fix or (row.fix if row else ""))


def shortened(findings: Iterable[Finding], most: int = MAX_OF_A_CODE) -> Iterator[Finding]:
    """At most so many of a code and level, and how many more there are."""
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = finding.code, finding.severity
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= most:
            yield finding
    for (code, _), count in counts.items():
        if count > most:
            yield Finding("check.more", "info", "", f"{count - most:,} more findings {code} are not listed")
