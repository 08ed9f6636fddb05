"""The stage with other structural edits or bindings, made ready beside the present one while ticks go on. Touches pxr.

It is another stage over the same layers of the designers, with a session of its own: nothing of the present one is touched, so
this may run on any thread. Who asked then goes on with it between two ticks (`Effects.go_on`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.commands.wires import changed_bindings
from twinstage.live.watch.adopt import Generation
from twinstage.live.watch.messages import Overlay

if TYPE_CHECKING:
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.plan import BindingPlan
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage
    from twinstage.telemetry.contract import Contract


MOST_TRIED = 1000
"""Choices of variants that are remembered as tried."""
REFUSED_S = 60.0
"""So long a choice that cost the child all that it may is refused without another try [s]."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a generation is made of: the twin's parts as they were when it was asked for, and all edits as they are to be.

    `read`: whether the scene itself is another one; `lame`: sentences about bindings that do not hold already.
    """

    opened: "OpenedStage"
    base: "Snapshot"
    values: Mapping[tuple[str, str], Any]
    read: bool
    file: "Bindings | None"
    contract: "Contract | None"
    bindings: "Bindings | None"
    plan: "BindingPlan | None"
    lame: frozenset[str]
    known: "Known"


class Known:
    """What the last generation found of shapes, so that the next one reads only what is another; it holds that one's layers."""

    def __init__(self) -> None:
        from twinstage.scene.read.memo import ShapeMemo

        self._memo = ShapeMemo()
        self._layers: dict[str, Any] = {}
        self._tried: set[frozenset[tuple[str, str, str]]] = set()
        self._refused: dict[frozenset[tuple[str, str, str]], tuple[float, str]] = {}

    def tried(self, opened: "OpenedStage", base: "Snapshot", values: Mapping[tuple[str, str], Any]) -> None:
        """UserError where the scene with the variants among those edits is too much; each choice is tried once.

        It may take the child's whole time, so not for an event loop, unless the choice was tried before.
        """
        from twinstage.scene.safe.chosen import TooHeavy, try_variants
        from twinstage.scene.safe.expansion import Size
        from twinstage.scene.ui_layer import ASSET, VARIANT

        chosen = {(path, name, value) for (path, name), value in values.items() if name.startswith(VARIANT)}
        placed = {(path, name, value["asset"]) for (path, name), value in values.items() if name == ASSET}
        choice = frozenset(
            chosen | placed
        )  # a prim that is placed under the same name may hold other variants
        if not chosen or choice in self._tried:
            return
        at, refusal = self._refused.get(choice, (0.0, ""))
        if refusal and monotonic() - at < REFUSED_S:
            raise TooHeavy(refusal)
        try:
            try_variants(opened, values, Size(len(base.prims), len(base.instances)))
        except TooHeavy as error:
            if len(self._refused) >= MOST_TRIED:
                self._refused.clear()
            self._refused[choice] = monotonic(), str(error)
            raise
        if len(self._tried) >= MOST_TRIED:
            self._tried.clear()
        self._tried.add(choice)

    def read(self, opened: "OpenedStage") -> "Snapshot":
        """The scene of a stage."""
        from twinstage.scene.read import read_snapshot

        layers = {layer.identifier: layer for layer in opened.stage.GetUsedLayers() if not layer.anonymous}
        same = {name for name, layer in layers.items() if self._layers.get(name) == layer}
        self._memo.begin(opened.stage, same)
        found = read_snapshot(opened, memo=self._memo)
        self._memo.end()
        self._layers = layers
        return found


def tried(wanted: Wanted) -> None:
    """Only try the variants among the edits: what also sets transform ops is done on the present stage. UserError as `made`."""
    wanted.known.tried(wanted.opened, wanted.base, wanted.values)


def made(wanted: Wanted) -> Generation:
    """UserError, and nothing happened, where it cannot be had."""
    from pxr import Sdf

    from twinstage.scene.asset_paths import check_used_layers
    from twinstage.scene.safe.expansion import Size, require_room
    from twinstage.scene.ui_layer import UiLayer, ordered
    from twinstage.scene.ui_scene import is_structural
    from twinstage.scene.writer import ColumnWriter

    if wanted.read:
        wanted.known.tried(wanted.opened, wanted.base, wanted.values)
    opened = beside(wanted.opened)
    writer = UiLayer(opened)
    with Sdf.ChangeBlock():
        for (path, name), value in ordered(wanted.values):
            if is_structural(name):
                writer.put(path, name, value)
    check_used_layers(opened.stage, opened.allowed)
    if wanted.read:
        require_room(opened.stage, Size(len(wanted.base.prims), len(wanted.base.instances)))
    base = wanted.known.read(opened) if wanted.read else wanted.base
    plan, bindings, problems = _compiled(wanted, opened, base)
    if plan is not None and plan.findings:  # instances were opened up
        base = wanted.known.read(opened)
    columns = ColumnWriter(opened, base, plan)
    return Generation(opened, base, wanted.file, bindings, plan, columns, problems, Overlay(), 0)


def beside(opened: "OpenedStage") -> "OpenedStage":
    """Another stage of the same layers, with a session of its own that holds what was chosen and what bindings opened up."""
    from pxr import Usd, UsdUtils

    from twinstage.scene.stage import session_layers

    session, layers = session_layers()
    names = list(session.subLayerPaths)
    session.TransferContent(opened.stage.GetSessionLayer())
    session.subLayerPaths = names
    layers.bindings.TransferContent(opened.layers.bindings)
    quiet = UsdUtils.CoalescingDiagnosticDelegate()  # all of it was told when the stage was opened
    try:
        stage = Usd.Stage.OpenMasked(
            opened.stage.GetRootLayer(), session, opened.stage.GetPopulationMask(), Usd.Stage.LoadNone
        )
        stage.SetLoadRules(opened.stage.GetLoadRules())
    finally:
        quiet.TakeUncoalescedDiagnostics()
    stage.SetEditTarget(session)
    return replace(opened, stage=stage, layers=layers)


def _compiled(
    wanted: Wanted, opened: "OpenedStage", base: "Snapshot"
) -> "tuple[BindingPlan | None, Any, tuple[Finding, ...]]":
    """UserError for a binding that does not hold, unless it did not hold before."""
    from twinstage.scene.compile import Compiler

    if wanted.file is None or wanted.contract is None:
        return wanted.plan, wanted.bindings, ()
    bindings = changed_bindings(wanted.file, wanted.values)
    compiler = Compiler(bindings, wanted.contract, opened, base)
    if not wanted.lame:
        return compiler.compile(), bindings, ()
    plan = compiler.examine()
    for problem in compiler.problems:
        if problem.message not in wanted.lame:
            raise UserError(problem.message)
    return plan, bindings, tuple(compiler.problems)
