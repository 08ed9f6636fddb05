"""What the package usd-validation-nvidia says, where it is installed and asked for (`assets check --nvidia`).

It multiplies variants by default, and takes seconds for large stages: it runs without variants, in the child, and on stages of
fewer than MAX_PRIMS prims. What our rules said under the same requirement about the same prim is not said twice.
"""

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from twinstage.assets.rules.table import Rule, add, registered
from twinstage.base.finding import Finding, Severity

MAX_PRIMS = 20_000
TOLD_BY_OURS = frozenset({"UsdLuxSchemaChecker"})
"""Rules without a requirement that say what ours say."""
_LEVELS: dict[str, Severity] = {"ERROR": "error", "FAILURE": "warning", "WARNING": "warning", "INFO": "info"}
_PATH = re.compile(r"path=(?:Sdf\.Path\()?'?(/[^',)]*)")
OTHER = add(
    Rule("nvidia.other", "warning", "Something else that usd-validation-nvidia says", "see its words",
         source="usd-validation-nvidia")
)  # fmt: skip
SKIPPED = add(
    Rule("nvidia.skipped", "info", "usd-validation-nvidia was not asked", "check the parts of the scene one by one",
         source="usd-validation-nvidia")
)  # fmt: skip
_ROWS = {
    "VG.007": ("mesh.manifold", "An edge joins more than two faces", "separate the parts, or delete inner faces"),
    "VG.010": ("mesh.subdivided-normals", "Normals on a mesh that is subdivided are ignored",
               'subdivisionScheme = "none", or no normals'),
    "VG.011": ("primvar.unused", "A list that nothing reads", "delete it"),
    "VG.016": ("mesh.weld", "Points lie on each other and could be one", "merge points by distance"),
    "VG.MESH.001": ("gprim.no-mesh", "A shape that is no polygon mesh", "NVIDIA's profiles want meshes; USD does not"),
    "AA.002": ("asset.file-type", "A file of a kind that not every program reads", "use USD, PNG, JPEG or EXR"),
    "AA.OV.001": ("archive.udim", "Texture tiles in a package", "unpack it, or bake the tiles into one picture"),
    "VM.MDL.001": ("material.mdl-file", "An MDL file is not there", "add it, or use UsdPreviewSurface"),
    "VM.MDL.002": ("material.mdl-schema", "An MDL shader of the old form", "write info:mdl:sourceAsset"),
    "VG.RTX.001": ("stage.bounds", "The scene is larger than RTX renderers take", "check the units"),
    "VG.035": ("gprim.splat", "A Gaussian splat does not satisfy its schema", "export it again"),
}  # fmt: skip
BY_REQUIREMENT = {
    requirement: add(Rule(code, "info", title, fix, requirement, source="usd-validation-nvidia"))
    for requirement, (code, title, fix) in _ROWS.items()
}


def installed() -> bool:
    """Whether the extra `validate` is there."""
    return importlib.util.find_spec("usd_validation_nvidia") is not None


def say(stage: Any, prims: int) -> Iterator[Finding]:
    """Its findings about a composed stage."""
    if prims >= MAX_PRIMS:
        yield Finding(SKIPPED.code, "info", "", f"the stage has {prims:,} prims; it is asked about fewer than {MAX_PRIMS:,}",
                      SKIPPED.fix)  # fmt: skip
        return
    import logging

    from usd_validation_nvidia import ValidationEngine

    logging.disable(logging.WARNING)
    try:
        results = ValidationEngine(init_rules=True, variants=False).validate(stage)
    finally:
        logging.disable(logging.NOTSET)
    for issue in results.issues():
        if getattr(issue.rule, "__name__", "") not in TOLD_BY_OURS:
            yield _finding(issue)


def _finding(issue: Any) -> Finding:
    code = str(getattr(issue.requirement, "code", "") or "").removeprefix("com.nvidia.usd.")
    level = _LEVELS.get(str(issue.severity).rpartition(".")[2], "info")
    name = getattr(issue.rule, "__name__", str(issue.rule))
    message = " ".join(str(issue.message).split())
    row = BY_REQUIREMENT.get(code) or _ours(code)
    place = _PATH.search(str(issue.at))
    where = place[1] if place else ""
    if row is None:
        return Finding(
            OTHER.code, "warning" if level == "error" else level, where, f"{message} [{code or name}]"
        )
    return Finding(
        row.code, min(level, row.level, key=("info", "warning", "error").index), where, message, row.fix
    )


def _ours(requirement: str) -> Rule | None:
    """The first rule of ours under that requirement."""
    return next((row for row in registered() if requirement and row.requirement == requirement), None)


def said_before(finding: Finding, known: set[tuple[str, str]], requirements: dict[str, str]) -> bool:
    """Whether ours named that requirement about the same prim; `known`: (requirement, prim path)."""
    named = re.search(r"\[([A-Z][A-Z.0-9]*)\]$", finding.message)
    requirement = named[1] if named else requirements.get(finding.code, "")
    prim = finding.path.partition(".")[0]
    return bool(requirement) and ((requirement, prim) in known or (requirement, "") in known)
