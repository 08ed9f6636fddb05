"""What a check does in the child process that tries foreign files (`scene.safe.child`).

Screens and opens the file, asks our own rules, pxr.UsdValidation, the readers and, if wished, usd-validation-nvidia, and
gives each fault once, with the file and the prim in which it is to be mended.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from twinstage.assets.check_assets import Reached, look_at_images, look_at_rest, look_at_values
from twinstage.assets.check_merge import merged, shortened
from twinstage.assets.check_origin import origin_of
from twinstage.assets.check_walk import at_home, each_once, homes_of, layers_of
from twinstage.assets.rules import about, arcs, nvidia, rule_of, validators
from twinstage.assets.rules.budget import Budget, check_budget
from twinstage.assets.rules.instancers import read_instancer
from twinstage.assets.rules.meshes import read_mesh
from twinstage.assets.rules.table import registered
from twinstage.assets.rules.xforms import read_xform
from twinstage.assets.rules_labels import check_labels
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.probe import tell_reason
from twinstage.scene.safe.archive import check_package
from twinstage.scene.safe.expansion import within_bounds
from twinstage.scene.safe.screen import Screened, screen
from twinstage.scene.stage import own_mtlx_text

NOT_REPEATED = frozenset({"stage.units", "stage.up-axis"})
"""Of the readers: a rule says it with its remedy."""


class _Refused(Exception):
    """A package that is not opened, and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__()
        self.findings = findings


@dataclass
class Examined:
    """What was found, and what the stage holds.

    `origins`: (file, path) where each finding is to be mended; `placed`: the same, of findings that know it themselves.
    """

    findings: list[Finding]
    origins: list[tuple[str, str]] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    triangles: dict[str, int] = field(default_factory=dict)
    textures: dict[str, tuple[str, int]] = field(default_factory=dict)
    prims: int = 0
    placed: dict[Finding, tuple[str, str]] = field(default_factory=dict)


def check_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots", "label_map", "nvidia", "triangles", "texture_mb"} -> findings, facts."""
    budget = Budget(request.get("triangles"), request.get("texture_mb"))
    done = examine_file(
        request["path"], request["roots"], request.get("label_map"), budget, bool(request.get("nvidia"))
    )
    return {
        "findings": [finding.as_dict() for finding in done.findings],
        "origins": [list(origin) for origin in done.origins],
        "layers": done.layers,
        "prims": done.prims,
        "triangles": sum(done.triangles.values()),
        "texture_bytes": sum(size for _, size in done.textures.values()),
        "budget": asdict(budget),
    }


def examine(
    file: str, roots: list[str], label_map: Mapping[str, Sequence[str]] | None = None
) -> list[Finding]:
    """All findings about a file. `label_map`: labels by class, against which the labels are checked."""
    return examine_file(file, roots, label_map).findings


def examine_file(
    file: str,
    roots: list[str],
    label_map: Mapping[str, Sequence[str]] | None = None,
    budget: Budget | None = None,
    ask_nvidia: bool = False,
) -> Examined:
    """As `examine`, with all that is known."""
    from pxr import Tf, Usd, UsdUtils

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    stage = None
    done = Examined([])
    try:
        if file.lower().endswith(".usdz"):
            found, may_open = check_package(Path(file))
            if not may_open:
                raise _Refused(found)
        allowed = AllowedFolders(Path(file), [Path(root) for root in roots])
        screened = screen(Path(file), allowed, own_mtlx_text())
        stage = Usd.Stage.Open(screened.root)
        found = [
            *_ours(stage, screened, allowed, label_map, done, file),
            *_readers(file, roots, budget or Budget(), done),
        ]
        if ask_nvidia and nvidia.installed():
            found += _nvidia(stage, found, done)
    except _Refused as refused:
        found = [
            replace(f, message=f.message.replace(f"package {file}", "the package")) for f in refused.findings
        ]
    except Tf.ErrorException as problem:
        found = [Finding("stage.unreadable", "error", "", f"the file cannot be read: {tell_reason(problem)}")]
    except UserError as problem:
        found = [Finding("stage.unreadable", "error", "", _bare(str(problem), file))]
    del quiet
    done.findings = list(shortened(merged(found)))
    done.origins = [done.placed.get(f) or origin_of(stage, f, file) for f in done.findings]
    if stage is not None:
        done.layers = layers_of(stage)
    return done


def _ours(
    stage: Any,
    screened: Screened,
    allowed: AllowedFolders,
    label_map: Mapping[str, Sequence[str]] | None,
    done: Examined,
    file: str,
) -> Iterator[Finding]:
    """Our own rules, then the schemas' validators."""
    yield from about("stage", stage, "")
    yield from within_bounds(stage)
    for finding in screened.findings:
        yield replace(finding, message=finding.message.replace(f" of {file} ", " "))
    reached = Reached()
    for finding, place in arcs.composition(stage):
        reached.tell(finding)
        if place[0]:
            done.placed[finding] = place
        yield finding
    metres = stage.GetRootLayer().pseudoRoot.GetInfo("metersPerUnit") or 0.01
    for prim, path in each_once(stage):
        done.prims += not prim.IsPseudoRoot()
        yield from _each(path, _prim(stage, prim, path, float(metres), reached, done))
    yield from _complaints(look_at_rest(stage, reached))
    yield from look_at_images(reached, allowed)
    done.textures = reached.used
    yield from check_labels(stage, label_map)
    yield from _complaints(validators.say(stage))


def _prim(
    stage: Any, prim: Any, path: str, metres: float, reached: Reached, done: Examined
) -> Iterator[Finding]:
    """All rules about one prim."""
    base = "" if path == "/" else path
    yield from about("children", prim, base)
    if prim.IsPseudoRoot():
        return
    yield from about("words", prim, path)
    yield from look_at_values(prim, path, reached)
    if prim.HasAuthoredReferences() or prim.HasAuthoredPayloads():
        for arc in arcs.arcs_of(stage, prim):
            for finding in about("arc", arc, path):
                done.placed[finding] = arc.place
                yield finding
    xform = read_xform(prim)
    if xform is not None:
        yield from about("xform", xform, path)
    kind = prim.GetTypeName()
    if kind == "Mesh":
        yield from about("mesh", read_mesh(prim, metres), path)
    elif kind == "PointInstancer":
        yield from about("instancer", read_instancer(prim), path)
    elif kind == "Material":
        yield from about("material", prim, path)


def _each(path: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """As they are; where the USD library throws at one prim of many, that is a finding, too."""
    from pxr import Tf

    try:
        yield from findings
    except Tf.ErrorException as problem:
        yield Finding("gprim.unreadable", "error", path, f"it cannot be examined: {tell_reason(problem)}")


def _complaints(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings; where the USD library throws at one broken file of many, that is a finding, too."""
    from pxr import Tf

    try:
        yield from findings
    except Tf.ErrorException as problem:
        message = f"a file that the stage reaches cannot be read: {tell_reason(problem)}"
        yield Finding(arcs.UNREADABLE.code, "error", "", message, arcs.UNREADABLE.fix)


def _readers(file: str, roots: list[str], budget: Budget, done: Examined) -> Iterator[Finding]:
    """What the readers of geometry, materials, lights and cameras leave out, or show as the nearest thing they can.

    And how many triangles they make of each prim.
    """
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    try:
        snapshot = read_snapshot(open_stage(file, roots, probe=False))
    except UserError as problem:
        yield Finding("stage.unreadable", "error", "", _bare(str(problem), file))
        return
    sizes = [len(prototype.triangles) for prototype in snapshot.prototypes]
    table = snapshot.instances
    drawn = zip(table.prim[table.visible].tolist(), table.prototype[table.visible].tolist(), strict=True)
    for row, prototype in drawn:
        path = snapshot.prims.path[row]
        done.triangles[path] = done.triangles.get(path, 0) + sizes[prototype]
    yield from check_budget(budget, done.triangles, done.textures)
    for finding in snapshot.findings:
        if finding.code in NOT_REPEATED or (finding.code == "usd.diagnostic" and _said_with_place(finding)):
            continue
        yield replace(finding, message=_bare(finding.message, file))


def _said_with_place(finding: Finding) -> bool:
    """What rules tell with a place or a remedy, in the library's own words."""
    return any(text in finding.message for text in _LIBRARY)


_LIBRARY = (
    "Could not open asset", "Could not load sublayer", "Unresolved reference", "In </", "Failed to load",
    "Failed verification", "MaterialBindingAPI is not applied", "found [", "Cannot determine file format",
    "Sublayer hierarchy with root layer",
)  # fmt: skip


def _nvidia(stage: Any, found: list[Finding], done: Examined) -> list[Finding]:
    """What it adds; about instances once, by the path that our rules use."""
    rows = [(rule_of(finding.code), finding.path.partition(".")[0]) for finding in found]
    known = {(row.requirement, prim) for row, prim in rows if row is not None and row.requirement}
    requirements = {row.code: row.requirement for row in registered()}
    homes = homes_of(stage)
    said = [
        replace(f, path=at_home(stage, f.path, homes)) for f in _complaints(nvidia.say(stage, done.prims))
    ]
    return [finding for finding in said if not nvidia.said_before(finding, known, requirements)]


def _bare(message: str, file: str) -> str:
    """The sentence without the name of the file, which every report says in front."""
    return message.removeprefix(f"stage {file} ")
