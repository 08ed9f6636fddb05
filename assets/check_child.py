"""What a check does in the child process that tries foreign files (`scene.safe.child`).

Screens and opens the file, runs pxr.UsdValidation and our own rules, and gives the findings.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from twinstage.assets.rules_geometry import check_instancer, check_mesh
from twinstage.assets.rules_labels import check_labels
from twinstage.assets.rules_stage import (
    check_assets,
    check_far,
    check_metadata,
    check_transforms,
)
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.probe import tell_reason
from twinstage.scene.safe.expansion import within_bounds
from twinstage.scene.safe.screen import Screened, screen
from twinstage.scene.stage import own_mtlx_text

# What our own rules say better, or what only a studio pipeline wants.
COVERED = frozenset(
    {
        "MissingDefaultPrim", "MissingUpAxisMetadata", "MissingMetersPerUnitMetadata", "UnresolvableDependency",
        # These speak of plug-ins; our readers know MaterialX and MDL without, and tell what they do not know.
        "MissingSourceTypeInRegistry", "MissingShaderIdInRegistry",
    }
)  # fmt: skip
SAID_BETTER = frozenset({"usd.diagnostic", "stage.units", "stage.up-axis"})
"""Codes of the readers for what a rule or a validator says with its place or a remedy."""
MAX_OF_A_CODE = 50
"""Findings of one code that are listed; the rest is counted."""


def check_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots", "label_map"} -> {"findings": rows}."""
    found = examine(request["path"], request["roots"], request.get("label_map"))
    return {"findings": [finding.as_dict() for finding in found]}


def examine(
    file: str, roots: list[str], label_map: Mapping[str, Sequence[str]] | None = None
) -> list[Finding]:
    """All findings about a file. `label_map`: labels by class, against which the labels are checked."""
    from pxr import Tf, Usd, UsdUtils

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        allowed = AllowedFolders(Path(file), [Path(root) for root in roots])
        screened = screen(Path(file), allowed, own_mtlx_text())
        found = list(_examine_stage(Usd.Stage.Open(screened.root), screened, label_map))
        found += _from_readers(file, roots, found)
    except Tf.ErrorException as problem:
        found = [Finding("stage.unreadable", "error", "", f"the file cannot be read: {tell_reason(problem)}")]
    except UserError as problem:
        found = [Finding("stage.unreadable", "error", "", str(problem))]
    del quiet
    return _shortened(found)


def _examine_stage(
    stage: Any, screened: Screened, label_map: Mapping[str, Sequence[str]] | None
) -> Iterator[Finding]:
    yield from check_metadata(stage)
    yield from within_bounds(stage)
    yield from _complaints(check_assets(stage, screened))
    yield from _complaints(_validators(stage))
    prims = list(_each_once(stage))
    units = stage.GetRootLayer().pseudoRoot.GetInfo("metersPerUnit") or 0.01
    for prim, path in prims:
        yield from check_transforms(prim, path)
        if prim.GetTypeName() == "Mesh":
            yield from check_mesh(prim, path, float(units))
        elif prim.GetTypeName() == "PointInstancer":
            yield from check_instancer(prim, path)
    yield from check_far(stage, float(units))
    yield from check_labels(stage, label_map)


def _complaints(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings; where the USD library throws at one broken file of many, that is a finding, too."""
    from pxr import Tf

    try:
        yield from findings
    except Tf.ErrorException as problem:
        yield Finding(
            "asset.unreadable",
            "error",
            "",
            f"a file that the stage reaches cannot be read: {tell_reason(problem)}",
        )


def _from_readers(file: str, roots: list[str], known: list[Finding]) -> list[Finding]:
    """What the readers of geometry, materials, lights and cameras leave out, or show as the nearest thing they can.

    Not what the rules found before: of the same area (the code up to its dot) about the same prim, or of the same code.
    """
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    said = {_subject(f) for f in known}
    better = SAID_BETTER
    if any(f.code == "asset.unreadable" for f in known):  # the validators did not get that far
        better = better - {"usd.diagnostic"}
    try:
        snapshot = read_snapshot(open_stage(file, roots, probe=False))
    except UserError as problem:
        told = any(f.severity == "error" and f.code.startswith("stage.") for f in known)
        return [] if told else [Finding("stage.unreadable", "error", "", str(problem))]
    return [f for f in snapshot.findings if f.code not in better and _subject(f) not in said]


def _subject(finding: Finding) -> tuple[str, str]:
    prim = finding.path.partition(".")[0]
    return (finding.code.partition(".")[0] if prim else finding.code, prim)


def _each_once(stage: Any) -> Iterator[tuple[Any, str]]:
    """Every prim and a path that users know; what is instanced comes once, by its first instance's path."""
    from pxr import Usd

    for prim in Usd.PrimRange(stage.GetPseudoRoot()):
        yield prim, str(prim.GetPath())
    for prototype in stage.GetPrototypes():
        instances = sorted(str(p.GetPath()) for p in prototype.GetInstances() if not p.IsInPrototype())
        home = instances[0] if instances else str(prototype.GetPath())
        for prim in Usd.PrimRange(prototype):
            yield prim, home + str(prim.GetPath())[len(str(prototype.GetPath())) :]


def _validators(stage: Any) -> Iterator[Finding]:
    """What the schemas' own validators say."""
    from pxr import UsdValidation

    registry = UsdValidation.ValidationRegistry()
    context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())
    severity = {
        UsdValidation.ValidationErrorType.Error: "error",
        UsdValidation.ValidationErrorType.Warn: "warning",
    }
    for error in context.Validate(stage):
        if error.GetName() in COVERED or error.HasNoError():
            continue
        kind = severity.get(error.GetType(), "info")
        fixers = [str(fixer.description) for fixer in error.GetFixers()]
        message = " ".join(str(error.GetMessage()).split())
        yield Finding(f"usd.{error.GetName()}", kind, _site(error), message, fixers[0] if fixers else "")  # type: ignore[arg-type]


def _site(error: Any) -> str:
    for site in error.GetSites():
        if site.IsProperty():
            return str(site.GetProperty().GetPath())
        if site.IsPrim():
            path = str(site.GetPrim().GetPath())
            return "" if path == "/" else path
        for spec in (site.GetPropertySpec(), site.GetPrimSpec()):
            if spec:
                return str(spec.path)
    return ""


def _shortened(findings: list[Finding]) -> list[Finding]:
    counts: dict[str, int] = {}
    out = []
    for finding in dict.fromkeys(findings):
        counts[finding.code] = counts.get(finding.code, 0) + 1
        if counts[finding.code] <= MAX_OF_A_CODE:
            out.append(finding)
    for code, count in counts.items():
        if count > MAX_OF_A_CODE:
            out.append(
                Finding(
                    code, "info", "", f"{count - MAX_OF_A_CODE} more findings of this code are not listed"
                )
            )
    return out
