"""Everything that can be said of a twin before it runs: all problems of its files, not the first one only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order
from twinstage.live.checks.codes import finding
from twinstage.live.checks.telemetry import Budget, Sample, read_sample
from twinstage.live.twin import TwinFiles
from twinstage.live.wiring import Wiring, load_wiring
from twinstage.telemetry.expressions import component_of

if TYPE_CHECKING:
    from twinstage.live.checks.twin import ExaminedTwin
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage

DATA_CODES = (
    "source.",
    "signal.silent",
    "signal.range",
    "signal.period",
    "limits.",
    "range.",
    "axis.",
    "style.range",
    "switch.",
    "label.",
)
"""Codes that depend on what was recorded."""


@dataclass
class Report:
    """What a twin holds, one sentence each ("" where it could not be read), and all findings, errors first."""

    stage: str = ""
    wiring: str = ""
    findings: list[Finding] = field(default_factory=list)
    twin: "ExaminedTwin | None" = None
    base_dir: Path = Path()


def examine_twin(files: TwinFiles, *, isolated: bool = True, budget: Budget | None = None) -> Report:
    """Examine a stage, and its bindings and contract where there are any (named, or stored in the stage).

    `isolated`: look at the stage in child processes with limits first; without, for files that we wrote ourselves.
    """
    report = Report()
    found: list[Finding] = []
    try:
        from twinstage.live.checks.stage import examine_stage

        found += examine_stage(files.stage, files.roots, isolated=isolated)
        opened = _open(files, isolated)
        _examine(files, opened, report, found, budget)
    except UserError as error:
        found.append(finding("twin.files", str(files.stage), str(error)))
    report.findings = in_order(found)
    return report


def _open(files: TwinFiles, isolated: bool) -> "OpenedStage":
    from twinstage.live.twin import open_files

    return open_files(files, probe=isolated)


def _examine(
    files: TwinFiles, opened: "OpenedStage", report: Report, found: list[Finding], budget: Budget | None
) -> None:
    from twinstage.live.checks.stage import check_layers
    from twinstage.scene.bones import make_bones
    from twinstage.scene.problems import as_finding
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.slots import make_slots

    found += check_layers(opened)
    wiring = _wiring(files, opened, found)
    if wiring is not None:
        found += wiring.findings
        found += [as_finding(problem, _prim_of(problem)) for problem in make_slots(wiring.bindings, opened)]
    make_bones(opened)
    snapshot = read_snapshot(opened)
    report.stage = describe(snapshot)
    found += _size(snapshot)
    if wiring is None:
        return
    report.base_dir = wiring.base_dir
    sample = read_sample(wiring.contract, wiring.base_dir, budget)
    found += sample.findings
    _examine_bindings(opened, snapshot, wiring, sample, report, found)


def _wiring(files: TwinFiles, opened: "OpenedStage", found: list[Finding]) -> Wiring | None:
    try:
        return load_wiring(opened, files.bindings, files.contract, lenient=True)
    except UserError as error:
        code = "contract.file" if "contract" in str(error).split(":")[0] else "binding.file"
        named = files.contract or files.bindings
        if named is not None and str(error).startswith(str(files.bindings)):
            code = "binding.file"
        found.append(finding(code, "", str(error)))
        return None


def _prim_of(error: UserError) -> str:
    return str(getattr(error, "where", "")).rpartition(" of ")[2]


def _examine_bindings(
    opened: "OpenedStage",
    snapshot: "Snapshot",
    wiring: Wiring,
    sample: Sample,
    report: Report,
    found: list[Finding],
) -> None:
    from twinstage.live.checks.trajectories import make_trajectories
    from twinstage.live.checks.twin import ExaminedTwin
    from twinstage.scene.compile import Compiler

    compiler = Compiler(wiring.bindings, wiring.contract, opened, snapshot)
    plan = compiler.examine()
    found += compiler.problems
    found += [finding("binding.instance", line.split(" ", 1)[0], line) for line in compiler.binder.findings]
    found += _unbound(wiring, compiler)
    if plan is None:
        return
    report.wiring = f"{len(plan.bound_nodes)} prims bound to {len(wiring.contract.signals)} signals"
    twin = ExaminedTwin(
        opened, snapshot, wiring.contract, compiler, plan, make_trajectories(wiring.contract, sample)
    )
    report.twin = twin
    found += _motion(twin)


def examine_motion(report: Report, twin: "ExaminedTwin", budget: Budget) -> Report:
    """The report with everything that depends on recordings judged anew, by those of that twin's contract."""
    from twinstage.live.checks.trajectories import make_trajectories

    sample = read_sample(twin.contract, report.base_dir, budget)
    twin = replace(twin, trajectories=make_trajectories(twin.contract, sample))
    kept = [f for f in report.findings if not f.code.startswith(DATA_CODES)]
    return replace(report, findings=in_order([*kept, *sample.findings, *_motion(twin)]), twin=twin)


def _motion(twin: "ExaminedTwin") -> Iterator[Finding]:
    from twinstage.live.checks.limits import check_joints
    from twinstage.live.checks.looks import check_axis_names, check_looks
    from twinstage.live.checks.space import check_positions

    checks: tuple[Callable[[Any], Iterable[Finding]], ...] = (
        check_joints,
        check_positions,
        check_looks,
        check_axis_names,
    )
    with np.errstate(all="ignore"):
        for check in checks:
            yield from check(twin)


def _unbound(wiring: Wiring, compiler: Any) -> list[Finding]:
    """Signals that no binding names, not even one that cannot hold."""
    used = {name for names in compiler.used_signals().values() for name in names}
    used |= {component_of(name)[0] for spec in wiring.contract.derived for name in spec.expression.signals}
    text = wiring.bindings.model_dump_json()
    return [
        finding("signal.unbound", signal.id, f"signal {signal.id!r} of the contract moves nothing")
        for signal in wiring.contract.signals
        if signal.id not in used and f'"{signal.id}"' not in text
    ]


def _size(snapshot: "Snapshot") -> Iterator[Finding]:
    from twinstage.live.checks.stage import check_size
    from twinstage.live.checks.twin import drawn_boxes

    low, high = drawn_boxes(snapshot)
    keep = np.isfinite(low).all(1) & np.isfinite(high).all(1) & snapshot.instances.visible
    if keep.any():
        yield from check_size(snapshot, low[keep].min(0), high[keep].max(0))


def describe(snapshot: "Snapshot") -> str:
    """What a stage holds, in one line."""
    return (
        f"{len(snapshot.prims)} prims, {len(snapshot.instances)} drawings of {len(snapshot.prototypes)} prototypes, "
        f"{len(snapshot.objects)} objects, {len(snapshot.cameras)} cameras, {len(snapshot.lights)} lights"
    )
