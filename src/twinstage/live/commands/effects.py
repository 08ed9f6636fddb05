"""What edits do: opinions in the stage's `ui` layer, rows in the stream, and, where rows cannot say it, another scene.

Rows are read back from the composed stage, so that clients hold what pxr has. An edit of a light or a material makes a new
scene at the next tick, at most twice a second; one of a variant, of labels or of a binding makes it at once, because only then
is it known whether it can be. Touches pxr.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.clock import NS
from twinstage.base.errors import TwinstageError, UserError
from twinstage.base.finding import Finding
from twinstage.live.commands.carry import carried
from twinstage.live.commands.placing import NotLetIn
from twinstage.live.commands.wires import changed_bindings, is_binding
from twinstage.scene.columns import (
    F8,
    PoseColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
from twinstage.scene.merge import merge_ticks
from twinstage.scene.shelf import Asset, missing_findings
from twinstage.scene.transforms import compose_trs, decompose_trs
from twinstage.scene.ui_layer import ASSET, COLOR, POSE, VISIBILITY, UiLayer, below, ordered
from twinstage.scene.ui_rules import SHEAR, Bound, Rules
from twinstage.sync.codec import snap_pose

if TYPE_CHECKING:
    from twinstage.live.commands.beside import Known, Wanted
    from twinstage.live.twin import LiveTwin
    from twinstage.live.watch.adopt import Generation
    from twinstage.scene.plan import BindingPlan
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage

Values = Mapping[tuple[str, str], Any]
SCENE_EVERY_NS = NS // 2
"""Least time between two scenes that edits of looks make [ns]."""
_NONE = np.empty(0, np.int64)


class Effects:
    """Of the edits of one twin."""

    def __init__(self, live: "LiveTwin") -> None:
        from twinstage.scene.read.context import Conversion

        self._live = live
        self._base: Snapshot = live.snapshot
        """The scene without edits of looks."""
        self._file = live.bindings
        self._values: dict[tuple[str, str], Any] = {}
        self._layer = UiLayer(live.opened)
        self._surfaces: dict[str, str] | None = None
        self._bound: Bound | None = None
        self._conversion = Conversion.of(live.opened.meters_per_unit, live.opened.up_axis)
        self._touched: dict[str, set[str]] = {POSE: set(), VISIBILITY: set(), COLOR: set()}
        self._masks: dict[str, np.ndarray] = dict.fromkeys(self._touched, _NONE)
        self._looks_due = False
        self._lame: frozenset[str] = frozenset()
        """What is known of bindings that do not hold."""
        self._lenient = False
        """Whether bindings that do not hold are left out: of prims whose asset is missing."""
        self.lost: list[Finding] = []
        """Those that were left out."""
        self._unsayable: set[int] = set()
        """Nodes whose authored pose is back, and is one that only a scene can say."""
        self._scene_ns = -SCENE_EVERY_NS
        self._known: Known | None = None

    # ------------------------------------------------------------------ asking

    @property
    def file(self) -> Any:
        """The bindings of the file, None where there are none."""
        return self._file

    @property
    def bound(self) -> Bound:
        """What the bindings drive."""
        if self._bound is None:
            self._bound = Bound.of(self._live.plan, self._live.snapshot)
        return self._bound

    def rules(self) -> Rules:
        """For orders as the stage is now."""
        return Rules(self._live.opened, self._live.snapshot, self._known_surfaces)

    # ------------------------------------------------------------------ assets

    @property
    def opened(self) -> "OpenedStage":
        """The stage."""
        return self._live.opened

    @property
    def snapshot(self) -> "Snapshot":
        """The scene as viewers have it."""
        return self._live.snapshot

    @property
    def world(self) -> F8:
        """twin_from_usd rotation f8[4, 4]."""
        return self._conversion.world

    def asset(self, name: str) -> Asset:
        """An asset that may be placed. UserError for an unknown name, NotLetIn where it has to be looked at first."""
        found = self._live.opened.shelf.get(name)
        if found is None:
            self._live.library.file(name)
            raise NotLetIn(name)
        return found

    def has(self, path: str, changes: Values) -> bool:
        """Whether a prim is there, or will be with those changes."""
        if path in self._live.snapshot.prims.index_of:
            return True
        return any(v is not None and below([path], at) for (at, name), v in changes.items() if name == ASSET)

    def placed(self, values: Values) -> "list[Asset | None]":
        """Assets of all that is placed."""
        shelf = self._live.opened.shelf
        return [shelf.get(v["asset"]) for (_, name), v in values.items() if name == ASSET and v is not None]

    def let_in(self, name: str) -> None:
        """Look at an asset. UserError where it cannot be had. May be called from any thread."""
        from twinstage.scene.generation import link_of
        from twinstage.scene.placing import let_in

        while True:  # another generation may have come meanwhile
            opened = self._live.opened
            link = link_of(opened.stage)
            asset = let_in(name, self._live.library.file(name), opened.allowed, link)
            opened.shelf.put(asset)
            if opened is self._live.opened:
                return

    def restore(self, values: Values) -> list[Finding]:
        """Give edits of an earlier run their effect; findings of placed prims that show nothing, for their asset cannot be had,
        and of bindings that do not hold without them.
        """
        missing = self._stock(values)
        self._lenient = bool(missing)
        try:
            self.apply(values)
        finally:
            self._lenient = False
        return [*missing, *self.lost]

    def _stock(self, values: Values) -> list[Finding]:
        """Let in all that stands placed; a finding for each prim whose asset cannot be had."""
        for asset in dict.fromkeys(v["asset"] for (_, name), v in values.items() if name == ASSET):
            try:
                self.let_in(asset)
            except TwinstageError as error:
                self._live.opened.shelf.lose(asset, str(error))
        return self.missing(values)

    def missing(self, values: Values | None = None) -> list[Finding]:
        """A finding for each placed prim that shows nothing, because its asset cannot be had."""
        values = self._values if values is None else values
        placed = [(path, v["asset"]) for (path, name), v in values.items() if name == ASSET]
        return missing_findings(self._live.opened.shelf, placed)

    def local(self, path: str) -> F8:
        """parent_from_prim f8[4, 4] [m] as it is now."""
        told = self._values.get((path, POSE))
        node = self._live.snapshot.prims.index_of.get(path)
        if told is not None:
            return _matrix(told)
        if node is None or path in self._touched[POSE]:
            return self._composed(path)
        return self._live.hub.local(node)

    def _composed(self, path: str) -> F8:
        """The same by the stage."""
        from pxr import UsdGeom

        xformable = UsdGeom.Xformable(self._live.opened.stage.GetPrimAtPath(path))
        if not xformable:
            return np.eye(4)
        self._settle(path)
        matrix = self._conversion.matrices(np.array(xformable.GetLocalTransformation(self._time())))[0]
        if path.count("/") == 1 or xformable.GetResetXformStack():
            matrix = self._conversion.world @ matrix
        return np.asarray(matrix)

    def _settle(self, path: str) -> None:
        """Bring the live layer up to date where it may speak of that prim. All of it costs tens of milliseconds."""
        node = self._live.snapshot.prims.index_of.get(path)
        if node is not None:
            self._live.settle(node)

    def in_world(self, path: str) -> bool:
        """Whether a prim's pose is one of the world."""
        from pxr import UsdGeom

        xformable = UsdGeom.Xformable(self._live.opened.stage.GetPrimAtPath(path))
        return path.count("/") == 1 or bool(xformable and xformable.GetResetXformStack())

    def _time(self) -> Any:
        from twinstage.scene.read import time_at

        return time_at(self._live.opened.stage, None)

    def _known_surfaces(self) -> dict[str, str]:
        from twinstage.scene.ui_scene import surfaces_of

        if self._surfaces is None:
            self._surfaces = surfaces_of(self._live.opened.stage)
            self._layer.surfaces = self._surfaces
        return self._surfaces

    # ------------------------------------------------------------------ doing

    def apply(self, changes: Mapping[tuple[str, str], Any]) -> None:
        """Give properties those values (None: no edit). All or nothing: UserError where they cannot be had."""
        from twinstage.live.commands.beside import Known
        from twinstage.scene.ui_scene import is_chosen, is_structural

        before = {key: self._values.get(key) for key in changes}
        structural = any(is_structural(name) or is_binding(name) for _, name in changes)
        if not structural:
            self._check(changes, self.bound)
        if any(is_chosen(name) for _, name in changes):  # on an event loop it was tried before, on a thread
            self._known = self._known or Known()
            self._known.tried(self._live.opened, self._base, self._with(changes))
        try:
            self._put(changes)
            self._straight(changes)
            self._lit(changes)
            if structural:
                self._rebuild(read=any(is_structural(name) for _, name in changes))
        except Exception:
            self._put(before)
            raise
        if not structural:
            self._note(changes)

    def _check(self, values: Values, bound: Bound, more: str = "") -> None:
        """UserError where a binding drives what is edited; `more` ends its sentence."""
        for (path, name), value in values.items():
            complaint = None if value is None else bound.complaint(path, name)
            if complaint:
                raise UserError(complaint + more)

    def _straight(self, changes: Values) -> None:
        """UserError where transform ops that were set now shear a prim: no viewer could show that."""
        for (path, name), value in changes.items():
            if value is not None and name.startswith("xformOp:"):
                *_, shear = decompose_trs(self._composed(path)[None])
                if shear[0] > SHEAR:
                    raise UserError(f"{name} would shear {path}, which viewers cannot show; move it instead")

    def _lit(self, changes: Values) -> None:
        """UserError where a light or a material does not take what it is to have now."""
        from twinstage.scene.ui_scene import is_look, with_looks

        paths = {path for (path, name), value in changes.items() if value is not None and is_look(name)}
        if paths:
            some = {key: value for key, value in self._values.items() if key[0] in paths}
            with_looks(self._base, self._live.opened, some)

    def _put(self, changes: Mapping[tuple[str, str], Any]) -> None:
        if any(name.startswith("inputs:") for _, name in changes):
            self._known_surfaces()
        for key, value in ordered(changes):
            path, name = key
            if not is_binding(name):
                self._layer.put(path, name, value)
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value

    def _note(self, changes: Iterable[tuple[str, str]]) -> None:
        from twinstage.scene.ui_scene import is_look

        for path, name in changes:
            kind = POSE if name.startswith("xformOp:") else name
            if kind in self._touched:
                self._touched[kind].add(path)
            self._looks_due |= is_look(name)
        self._mask()

    def _mask(self) -> None:
        """Nodes that edits hold, whatever else is told of them: sorted, by kind."""
        index = self._live.snapshot.prims.index_of
        for kind in self._masks:
            nodes = [index[path] for path, name in self._values if name == kind and path in index]
            self._masks[kind] = np.array(sorted(nodes), np.int64)

    # ------------------------------------------------------------------ the stream

    @property
    def pending(self) -> bool:
        """Whether the next tick has something to tell."""
        return self._looks_due or any(self._touched.values())

    def shown(self, columns: TickColumns | None, ordinal: int, now_ns: int) -> TickColumns | None:
        """A tick as viewers are to have it: without rows of what edits hold, with the rows of new edits.

        Replaces the hub's scene first where that is due.
        """
        parts = self._scene(now_ns)
        if columns is not None:
            parts.append(self._masked(columns))
        if any(self._touched.values()):
            parts.append(self._rows(ordinal, now_ns))
        return merge_ticks(parts) if parts else None

    def _masked(self, columns: TickColumns) -> TickColumns:
        if not any(len(nodes) for nodes in self._masks.values()):
            return columns
        pose, shown, style = columns.pose, columns.visibility, columns.style
        keep = [
            ~np.isin(index, self._masks[kind])
            for kind, index in ((POSE, pose.index), (VISIBILITY, shown.index), (COLOR, style.index))
        ]
        if all(one.all() for one in keep):
            return columns
        return replace(
            columns,
            pose=_some(pose, keep[0]),
            visibility=VisibilityColumns(shown.index[keep[1]], shown.visible[keep[1]]),
            style=StyleColumns(style.index[keep[2]], style.rgba[keep[2]]),
        )

    def _rows(self, ordinal: int, now_ns: int) -> TickColumns:
        """What the composed stage says of all that was edited since the last tick."""
        index = self._live.snapshot.prims.index_of
        found = {kind: sorted(index[p] for p in paths if p in index) for kind, paths in self._touched.items()}
        for paths in self._touched.values():
            paths.clear()
        event_ns = self._live.hub.event_ns or now_ns
        has_time = self._live.ingest is not None
        return TickColumns(
            pose=self._poses(found[POSE], ordinal, event_ns),
            visibility=self._visibilities(found[VISIBILITY]),
            style=self._styles(found[COLOR]),
            watermark_ns=0 if has_time else now_ns,
        )

    def _poses(self, nodes: list[int], ordinal: int, event_ns: int) -> PoseColumns:
        if not nodes:
            return empty_pose(ordinal, event_ns)
        paths = self._live.snapshot.prims.path
        t, q, s, shear = decompose_trs(np.array([self._pose_now(paths[node]) for node in nodes]))
        if shear.max() > SHEAR:  # an authored pose that rows cannot say: it comes with the scene
            self._looks_due = True
            plain = shear <= SHEAR
            self._unsayable.update(n for n, ok in zip(nodes, plain, strict=True) if not ok)
            nodes = [n for n, ok in zip(nodes, plain, strict=True) if ok]
            t, q, s = t[plain], q[plain], s[plain]
        ones = np.allclose(s, 1.0, atol=1e-9)
        return snap_pose(
            PoseColumns(
                ordinal,
                event_ns,
                frozen(np.array(nodes), np.uint32),
                frozen(t.reshape(-1, 3), np.float64),
                frozen(q.reshape(-1, 4), np.float32),
                None if ones else frozen(s.reshape(-1, 3), np.float32),
            )
        )

    def _pose_now(self, path: str) -> F8:
        told = self._values.get((path, POSE))
        return self._composed(path) if told is None else _matrix(told)

    def _visibilities(self, nodes: list[int]) -> VisibilityColumns:
        paths = self._live.snapshot.prims.path
        shown = [self._shows(paths[node]) for node in nodes]
        return VisibilityColumns(frozen(np.array(nodes), np.uint32), frozen(np.array(shown), np.bool_))

    def _shows(self, path: str) -> bool:
        self._settle(path)
        prim = self._live.opened.stage.GetPrimAtPath(path)
        return bool(prim.GetAttribute("visibility").Get(self._time()) != "invisible")

    def _styles(self, nodes: list[int]) -> StyleColumns:
        from twinstage.scene.style import parse_color

        paths = self._live.snapshot.prims.path
        rgba = []
        for node in nodes:
            text = self._values.get((paths[node], COLOR))
            rgba.append(self._under(paths[node]) if text is None else parse_color(text))
        return StyleColumns(
            frozen(np.array(nodes), np.uint32), frozen(np.array(rgba).reshape(-1, 4), np.uint8)
        )

    def _under(self, path: str) -> tuple[int, int, int, int]:
        """The colour that the live layer gives a prim; alpha 0 for none."""
        from twinstage.scene.color import srgb_from_linear

        self._settle(path)
        spec = self._live.opened.layers.live.GetAttributeAtPath(f"{path}.{COLOR}")
        if not spec or spec.default is None or not len(spec.default):
            return 0, 0, 0, 0
        red, green, blue = np.rint(srgb_from_linear(np.array(spec.default[0])) * 255).astype(int).tolist()
        return red, green, blue, 255

    # ------------------------------------------------------------------ another scene

    def _scene(self, now_ns: int) -> list[TickColumns]:
        """The scene with the looks as they are now, if it is due; what its stream begins with."""
        if not self._looks_due or now_ns - self._scene_ns < SCENE_EVERY_NS:
            return []
        from twinstage.scene.ui_scene import with_looks

        self._looks_due, self._scene_ns = False, now_ns
        live = self._live
        live.snapshot = with_looks(self._base, live.opened, self._values)
        latest = live.hub.latest()
        if self._unsayable:
            keep = ~np.isin(latest.pose.index, sorted(self._unsayable))
            latest = replace(latest, pose=_some(latest.pose, keep))
            self._unsayable.clear()
        live.hub.replace_scene(live.snapshot)
        return [latest]

    def _rebuild(self, *, read: bool) -> None:
        """The scene, the plan and the live layer anew, from bindings and structural edits as they are now.

        `read`: whether the stage itself is another one. UserError, and nothing changed, where it cannot be.
        """
        self._live.flush()
        with self._live.writing:
            self._rebuild_alone(read)

    def _rebuild_alone(self, read: bool) -> None:
        """The same while nobody copies the session's layers."""
        from pxr import Sdf

        from twinstage.scene.asset_paths import check_used_layers
        from twinstage.scene.read import read_snapshot
        from twinstage.scene.safe.expansion import Size, require_room
        from twinstage.scene.ui_scene import fork, surfaces_of, with_looks

        live = self._live
        kept = Sdf.Layer.CreateAnonymous("bindings.usda")
        kept.TransferContent(live.opened.layers.bindings)
        try:
            own = fork(live.opened, self._values)
            check_used_layers(own.stage, live.opened.allowed)
            if read:
                require_room(own.stage, Size(len(self._base.prims), len(self._base.instances)))
            base = read_snapshot(own) if read else self._base
            plan, bindings = self._compiled(own, base)
            if plan is not None and plan.findings:  # instances were opened up
                base = read_snapshot(own)
            bound = Bound.of(plan, base)
            self._check(self._values, bound, "; an edit of it stands, which has to be cleared first")
            surfaces = surfaces_of(own.stage)
            snapshot = with_looks(base, live.opened, self._values)
        except Exception:
            if kept.ExportToString() != live.opened.layers.bindings.ExportToString():
                live.opened.layers.bindings.TransferContent(kept)
            raise
        old, latest, written = live.snapshot, live.hub.latest(), live.written
        driven = Bound.of(live.plan, old), bound
        self._base, self._bound, self._surfaces = base, bound, surfaces
        self._layer.surfaces = surfaces
        self._restart(own, snapshot, plan, bindings)
        self._unsayable.clear()
        live.edits.push_all(carried(latest, old, snapshot, written, driven, self._values))
        self._touched = {kind: {p for p, n in self._values if _kind(n) == kind} for kind in self._touched}
        self._mask()
        self._looks_due = False

    def _compiled(self, own: "OpenedStage", base: "Snapshot") -> "tuple[BindingPlan | None, Any]":
        """UserError for a binding that does not hold, unless it did not hold before (`serve --watch`)."""
        from twinstage.scene.compile import Compiler

        live = self._live
        if self._file is None or live.contract is None:
            return live.plan, live.bindings
        bindings = changed_bindings(self._file, self._values)
        compiler = Compiler(bindings, live.contract, own, base)
        if not self._lame and not self._lenient:
            return compiler.compile(), bindings
        plan = compiler.examine()
        for problem in compiler.problems:
            if problem.message not in self._lame:
                if not self._lenient:
                    raise UserError(problem.message)
                self.lost.append(problem)
        self._lame |= {problem.message for problem in compiler.problems}
        if plan is None:  # not even what holds can be put together
            nothing = changed_bindings(self._file.model_copy(update={"bindings": ()}), {})
            plan = Compiler(nothing, live.contract, own, base).compile()
        return plan, bindings

    # ------------------------------------------------------------------ another generation of the stage

    def wanted(self, changes: Values) -> "Wanted":
        """What a generation with those changes is made of, for `beside.made`."""
        from twinstage.live.commands.beside import Known, Wanted
        from twinstage.scene.ui_scene import is_structural

        live = self._live
        self._known = self._known or Known()
        return Wanted(
            live.opened,
            self._base,
            self._with(changes),
            any(is_structural(name) for _, name in changes),
            self._file,
            live.contract,
            live.bindings,
            live.plan,
            self._lame,
            self._known,
        )

    def _with(self, changes: Values) -> dict[tuple[str, str], Any]:
        return {key: v for key, v in {**self._values, **changes}.items() if v is not None}

    def still(self, wanted: "Wanted", changes: Values) -> bool:
        """Whether a generation that was made so is the one for these changes now."""
        from twinstage.scene.ui_scene import is_structural

        def deep(values: Values) -> dict[tuple[str, str], Any]:
            return {key: v for key, v in values.items() if is_structural(key[1]) or is_binding(key[1])}

        return wanted.opened is self._live.opened and deep(wanted.values) == deep(self._with(changes))

    def go_on(self, generation: "Generation", changes: Values) -> None:
        """Change over to a generation, between two ticks. UserError, and nothing changed, where edits stand against it."""
        from twinstage.scene.ui_scene import with_looks

        values = self._with(changes)
        bound = Bound.of(generation.plan, generation.base)
        self._check(values, bound, "; an edit of it stands, which has to be cleared first")
        with_looks(generation.base, generation.opened, values)
        self._values = values
        self.adopt(generation)

    @property
    def base(self) -> "Snapshot":
        """The scene without edits of looks."""
        return self._base

    def adopt(self, generation: "Generation") -> list[Finding]:
        """Go on with a stage that was opened anew; edits that it does not take are told, and kept for a later one."""
        from twinstage.live.twin import opened_movable
        from twinstage.scene.read.context import Conversion

        live = self._live
        live.flush()
        with live.writing:
            old, latest, written = live.snapshot, live.hub.latest(), live.written
            plan, opened, base = generation.plan, generation.opened, generation.base
            bound = Bound.of(plan, base)
            driven = Bound.of(live.plan, old), bound
            if opened.stage.GetRootLayer() != live.opened.stage.GetRootLayer():
                self._known = None  # of files as they were
            live.opened, self._file, self._base, self._bound = opened, generation.file, base, bound
            self._conversion = Conversion.of(opened.meters_per_unit, opened.up_axis)
            self._layer, self._surfaces = UiLayer(opened), None
            self._lame = frozenset(problem.message for problem in generation.problems)
            left_out = self._put_again()
            snapshot = self._looked(left_out)
            if plan is not None:
                plan.reset()  # so that its next tick is a whole one
            live.use(snapshot, plan, generation.bindings, generation.writer)
            live.edits.movable = opened_movable(opened)
            signals = None if plan is None else plan.signals_by_prim
            live.hub.replace_scene(snapshot, bindings=signals)
            self._unsayable.clear()
            live.edits.push_all(carried(latest, old, snapshot, written, driven, self._values))
            self._touched = {kind: {p for p, n in self._values if _kind(n) == kind} for kind in self._touched}
            self._mask()
            self._looks_due = False
        return left_out

    def _put_again(self) -> list[Finding]:
        """All edits into the new `ui` layer."""
        left_out: list[Finding] = []
        known = self._base.prims.index_of
        if any(name.startswith("inputs:") for _, name in self._values):
            self._known_surfaces()
        for (path, name), value in ordered(self._values):
            if is_binding(name):
                continue
            if path not in known:
                left_out.append(_lost(path, name, "the prim is not in the stage any more"))
            try:
                self._layer.put(path, name, value)
            except Exception as error:  # whatever pxr says of a value that does not fit any more
                left_out.append(_lost(path, name, str(error).splitlines()[0]))
        return left_out

    def _looked(self, left_out: list[Finding]) -> "Snapshot":
        """The new scene with those edits of looks that it takes."""
        from twinstage.scene.ui_scene import is_look, with_looks

        live = self._live
        try:
            return with_looks(self._base, live.opened, self._values)
        except UserError:
            taken: dict[tuple[str, str], Any] = {}
            for key, value in self._values.items():
                if is_look(key[1]):
                    try:
                        with_looks(self._base, live.opened, {**taken, key: value})
                        taken[key] = value
                    except UserError as error:
                        left_out.append(_lost(*key, str(error)))
            return with_looks(self._base, live.opened, taken)

    def _restart(
        self, own: "OpenedStage", snapshot: "Snapshot", plan: "BindingPlan | None", bindings: Any
    ) -> None:
        """Everybody works with the new scene from here on."""
        from pxr import Sdf

        from twinstage.scene.writer import ColumnWriter

        live = self._live
        self._layer.layer.Clear()  # preview surfaces may be elsewhere now
        for (path, name), value in ordered(self._values):
            if not is_binding(name):
                self._layer.put(path, name, value)
        with Sdf.ChangeBlock():
            live.opened.layers.live.Clear()
        if plan is not None:
            plan.reset()  # so that its next tick is a whole one
        live.use(snapshot, plan, bindings, ColumnWriter(live.opened, snapshot, plan))
        live.hub.replace_scene(snapshot, bindings=None if plan is None else plan.signals_by_prim)


def _lost(path: str, name: str, why: str) -> Finding:
    """An edit that the stage does not take now."""
    return Finding("edit.lost", "warning", path, f"the edit of {path}.{name} has no effect: {why}")


def _matrix(pose: Sequence[float]) -> F8:
    numbers = np.array(pose, np.float64)[None]
    return np.asarray(compose_trs(numbers[:, :3], numbers[:, 3:7], numbers[:, 7:])[0])


def _some(pose: PoseColumns, keep: np.ndarray) -> PoseColumns:
    scale = None if pose.scale is None else pose.scale[keep]
    return replace(
        pose,
        index=pose.index[keep],
        translation=pose.translation[keep],
        rotation=pose.rotation[keep],
        scale=scale,
    )


def _kind(name: str) -> str:
    return POSE if name.startswith("xformOp:") else name
