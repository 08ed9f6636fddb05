"""What pxr says of a stage, in metres, Z-up and with column vectors. Imports pxr and numpy only, nothing of twinstage.

Worlds come from UsdGeom.XformCache, visibility and purpose from UsdGeom.Imageable, points from
UsdGeom.PointInstancer, bounds from UsdGeom.Boundable.ComputeExtentFromPlugins and UsdGeom.BBoxCache, labels from
UsdSemantics.LabelsQuery; skinned points are what UsdSkel.BakeSkinning writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdSemantics, UsdSkel, UsdUtils

from conformance.shapes import Shape, ShapeOracle

DRAWN = ("default", "render")
Z_FROM_Y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
MOST_PARTS = 300_000
"""Drawings of one stage that are expanded here; beyond, points are compared, their parts are not."""


@dataclass(frozen=True)
class Drawing:
    """One gprim where it is drawn. `carrier`: the gprim, or the PointInstancer; `point`: its id, or -1."""

    carrier: str
    point: int
    gprim: str
    world: np.ndarray
    visible: bool
    shape: Shape


@dataclass(frozen=True)
class Points:
    """One PointInstancer, in id order: instancer_from_point f8[n, 4, 4] [m], mask bool[n]; `fault`: why it has none."""

    ids: np.ndarray
    local: np.ndarray
    visible: np.ndarray
    prototype: np.ndarray
    fault: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Without pxr's warnings on the terminal: the oracle asks about bad input, too."""
    delegate = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        yield
    finally:
        delegate.TakeUncoalescedDiagnostics()


def meters_per_unit(stage: Any) -> float:
    """UsdGeom's answer, or the root layer's number where an old exporter wrote it as another type."""
    try:
        return float(UsdGeom.GetStageMetersPerUnit(stage))
    except Exception:
        return float(stage.GetRootLayer().pseudoRoot.GetInfo("metersPerUnit"))


def start(stage: Any) -> Any:
    """The moment that a stage is read at."""
    if stage.HasAuthoredTimeCodeRange():
        return Usd.TimeCode(stage.GetStartTimeCode())
    return Usd.TimeCode.EarliestTime()


def sample_times(stage: Any) -> list[float]:
    """All times at which anything is authored, in order."""
    times: set[float] = set()
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        for attribute in prim.GetAuthoredAttributes():
            if attribute.ValueMightBeTimeVarying():
                times.update(attribute.GetTimeSamples())
    return sorted(t for t in times if abs(t) < 1e9)


def moments(stage: Any) -> list[float | None]:
    """The start, and one moment inside the samples: between two of them, or on one where something is skinned."""
    times = sample_times(stage)
    if len(times) < 2:
        return [None]
    if any(prim.IsA(UsdSkel.Root) for prim in stage.Traverse()):
        return [None, times[len(times) // 2]]
    return [None, times[0] + 0.37 * (times[-1] - times[0])]


class Oracle:
    """pxr's view of one stage at one moment (None: the start)."""

    def __init__(self, stage: Any, time_code: float | None = None, up_axis: str | None = None) -> None:
        self.stage = stage
        self.time = start(stage) if time_code is None else Usd.TimeCode(time_code)
        self.scale = meters_per_unit(stage)
        axis = str(UsdGeom.GetStageUpAxis(stage))
        self.up_axis = axis if axis in ("Y", "Z") else up_axis or "Y"
        self.world = np.eye(4) if self.up_axis == "Z" else Z_FROM_Y
        self.cache = UsdGeom.XformCache(self.time)
        self.shapes = ShapeOracle(stage, self.time, self.scale)
        self._queries: dict[str, Any] = {}
        self._parts_of: dict[str, list[tuple[np.ndarray, Any]]] = {}

    @cached_property
    def prims(self) -> dict[str, Any]:
        """Every prim and instance proxy by path."""
        root = self.stage.GetPseudoRoot()
        return {str(p.GetPath()): p for p in list(Usd.PrimRange(root, Usd.TraverseInstanceProxies()))[1:]}

    def worlds(self) -> np.ndarray:
        """world_from_prim of each of `prims`, f8[n, 4, 4]."""
        found = [self.cache.GetLocalToWorldTransform(prim) for prim in self.prims.values()]
        return self.convert(np.array(found).reshape(-1, 4, 4), in_world=True)

    def convert(self, rows: np.ndarray, *, in_world: bool) -> np.ndarray:
        """Column-vector matrices in metres of pxr's row-vector ones."""
        out = np.array(np.swapaxes(np.asarray(rows, np.float64), -1, -2))
        out[..., :3, 3] *= self.scale
        return self.world @ out if in_world else out

    def visible(self, prim: Any) -> bool:
        """UsdGeom.Imageable.ComputeVisibility."""
        return bool(UsdGeom.Imageable(prim).ComputeVisibility(self.time) != "invisible")

    def purpose(self, prim: Any) -> str:
        """UsdGeom.Imageable.ComputePurpose."""
        return str(UsdGeom.Imageable(prim).ComputePurpose())

    # --- labels ------------------------------------------------------------------------------------------------

    @cached_property
    def taxonomies(self) -> list[str]:
        """All taxonomies that any prim declares."""
        found: set[str] = set()
        for prim in [
            *self.prims.values(),
            *(p for q in self.stage.GetPrototypes() for p in Usd.PrimRange(q)),
        ]:
            found.update(str(t) for t in UsdSemantics.LabelsAPI.GetDirectTaxonomies(prim))
        return sorted(found)

    def labels(self, prim: Any, *, direct: bool = False) -> set[str]:
        """The labels of a prim and its ancestors (`direct`: without them): LabelsQuery, and the older schema by pattern."""
        out: set[str] = set()
        for taxonomy in self.taxonomies:
            if taxonomy not in self._queries:
                self._queries[taxonomy] = UsdSemantics.LabelsQuery(taxonomy, self.time)
            query = self._queries[taxonomy]
            ask = query.ComputeUniqueDirectLabels if direct else query.ComputeUniqueInheritedLabels
            out.update(str(label) for label in ask(prim))
        at = prim
        while at and not at.IsPseudoRoot():
            for attribute in at.GetAuthoredAttributes():
                name = str(attribute.GetName())
                if name.startswith("semantic:") and name.endswith(":params:semanticData"):
                    value = attribute.Get(self.time)
                    out.update([str(value)] if value else [])
            at = None if direct else at.GetParent()
        return out

    def point_labels(self, instancer: Any, root: Any) -> set[str]:
        """Of a point: its prototype's own (or those that its labelled descendants agree on) and the instancer's."""
        out = self.labels(instancer)
        if not root:
            return out
        own = self.labels(root, direct=True)
        if own:
            return out | own
        below = {frozenset(s) for p in _below(root) if (s := self.labels(p, direct=True))}
        return out | (set(below.pop()) if len(below) == 1 else set())

    # --- points ------------------------------------------------------------------------------------------------

    def instancers(self) -> dict[str, Any]:
        """The PointInstancers that draw for themselves: of a drawn purpose and below no other."""
        return {
            path: prim
            for path, prim in self.prims.items()
            if prim.IsA(UsdGeom.PointInstancer) and not _under_instancer(prim) and self.purpose(prim) in DRAWN
        }

    def points(self, prim: Any, *, with_prototype: bool = False) -> Points:
        """The points of an instancer in id order; `with_prototype`: after the prototype root's own transform."""
        api = UsdGeom.PointInstancer(prim)
        indices = np.array(api.GetProtoIndicesAttr().Get(self.time) or [], np.int64)
        empty = Points(
            np.empty(0, np.int64), np.empty((0, 4, 4)), np.empty(0, bool), np.empty(0, np.int64), "no points"
        )
        if not len(indices):
            return empty
        fault = self._fault(api, len(indices))
        targets = api.GetPrototypesRel().GetForwardedTargets()
        in_range = (indices >= 0) & (indices < len(targets))
        if fault or (with_prototype and not in_range.all()):
            return Points(
                *(getattr(empty, f) for f in ("ids", "local", "visible", "prototype")), fault or "index"
            )
        kind = (
            UsdGeom.PointInstancer.IncludeProtoXform
            if with_prototype
            else UsdGeom.PointInstancer.ExcludeProtoXform
        )
        rows = api.ComputeInstanceTransformsAtTime(
            self.time, self.time, kind, UsdGeom.PointInstancer.IgnoreMask
        )
        mask = np.array(api.ComputeMaskAtTime(self.time), bool)
        ids = np.array(api.GetIdsAttr().Get(self.time) or [], np.int64)
        if len(ids) != len(indices) or len(np.unique(ids)) != len(ids):
            ids = np.arange(len(indices))
        order = np.argsort(ids, kind="stable")
        visible = mask if len(mask) else np.ones(len(indices), bool)
        local = self.convert(np.array(rows).reshape(-1, 4, 4), in_world=False)
        return Points(ids[order], local[order], visible[order], np.where(in_range, indices, -1)[order])

    def _fault(self, api: Any, count: int) -> str:
        lengths = {
            name: len(prim_value) if prim_value is not None else 0
            for name in ("positions", "orientations", "orientationsf", "scales")
            if (attribute := api.GetPrim().GetAttribute(name))
            for prim_value in [attribute.Get(self.time)]
        }
        wrong = [n for n, k in lengths.items() if k != count and (k or n == "positions")]
        return f"{wrong[0]} has {lengths[wrong[0]]} entries for {count} points" if wrong else ""

    # --- drawings ----------------------------------------------------------------------------------------------

    @cached_property
    def drawings(self) -> list[Drawing] | None:
        """Every gprim where it is drawn; None where they are too many to expand here."""
        out = []
        for path, prim in self.prims.items():
            if self.shapes.is_shape(prim) and not _under_instancer(prim) and self.purpose(prim) in DRAWN:
                world = self.convert(np.array(self.cache.GetLocalToWorldTransform(prim)), in_world=True)
                out.append(Drawing(path, -1, path, world, self.visible(prim), self.shapes.of(prim)))
        for path, prim in self.instancers().items():
            to_world = self.convert(np.array(self.cache.GetLocalToWorldTransform(prim)), in_world=True)
            shown = self.visible(prim)
            points = self.points(prim)
            for at, visible, matrix, parts in self._expand(prim):
                if len(out) > MOST_PARTS:
                    return None
                for local, gprim in parts:
                    world = to_world @ matrix @ local
                    point = int(points.ids[at])
                    out.append(
                        Drawing(
                            path,
                            point,
                            str(gprim.GetPath()),
                            world,
                            shown and bool(visible),
                            self.shapes.of(gprim),
                        )
                    )
        return out

    def _expand(self, prim: Any) -> list[tuple[int, bool, np.ndarray, list[tuple[np.ndarray, Any]]]]:
        """(row, shown, instancer_from_prototype-root, parts) of each point that names a prototype."""
        api = UsdGeom.PointInstancer(prim)
        targets = [self.stage.GetPrimAtPath(p) for p in api.GetPrototypesRel().GetForwardedTargets()]
        plain = self.points(prim)
        whole = self.points(prim, with_prototype=True)
        out = []
        for k, index in enumerate(plain.prototype.tolist()):
            root = targets[index] if index >= 0 else None
            if not root:
                continue
            if whole.fault:  # some point names no prototype, and then pxr computes none with their transforms
                own = self.convert(
                    np.array(UsdGeom.Xformable(root).GetLocalTransformation(self.time)), in_world=False
                )
                matrix = plain.local[k] @ own
            else:
                matrix = whole.local[k]
            out.append((k, bool(plain.visible[k]), matrix, self._parts(root)))
        return out

    def _parts(self, root: Any) -> list[tuple[np.ndarray, Any]]:
        """(root_from_gprim, gprim) of all that a prototype draws, nested instancers expanded."""
        key = str(root.GetPath())
        if key in self._parts_of:
            return self._parts_of[key]
        out = self._parts_of[key] = []
        found: list[tuple[np.ndarray, Any]] = []
        steps = iter(_below(root))
        for prim in steps:
            visibility = UsdGeom.Imageable(prim).GetVisibilityAttr()
            if visibility and visibility.Get(self.time) == "invisible":
                steps.PruneChildren()
                continue
            relative = self.convert(
                np.array(self.cache.ComputeRelativeTransform(prim, root)[0]), in_world=False
            )
            if prim == root:
                relative = np.eye(4)
            if prim.IsA(UsdGeom.PointInstancer):
                steps.PruneChildren()
                for _, shown, matrix, parts in self._expand(prim):
                    found += [(relative @ matrix @ local, gprim) for local, gprim in parts if shown]
            elif self.shapes.is_shape(prim) and self.purpose(prim) in DRAWN:
                found.append((relative, prim))
        out += found
        return out

    # --- bounds ------------------------------------------------------------------------------------------------

    @cached_property
    def _boxes(self) -> Any:
        return UsdGeom.BBoxCache(self.time, list(DRAWN), useExtentsHint=False)

    def box(self, prim: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """BBoxCache's world bound of a gprim, axis-aligned in metres and Z-up; None where it is empty."""
        return self._aligned(self._boxes.ComputeWorldBound(prim))

    def point_boxes(self, prim: Any, ids: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray] | None]:
        """BBoxCache's world bound of each point of an instancer, by id."""
        api = UsdGeom.PointInstancer(prim)
        authored = np.array(api.GetIdsAttr().Get(self.time) or [], np.int64)
        position = np.argsort(authored, kind="stable") if len(authored) == len(ids) else np.arange(len(ids))
        bounds = self._boxes.ComputePointInstanceWorldBounds(api, position.tolist()) or []
        return {int(i): self._aligned(bound) for i, bound in zip(ids.tolist(), bounds, strict=False)}

    def extent_holds(self, prim: Any, shape: Shape) -> bool:
        """Whether the authored extent, which BBoxCache believes, holds the shape."""
        extent = UsdGeom.Boundable(prim).GetExtentAttr().Get(self.time)
        if not extent:
            return shape.slack == 0 and shape.rule != "any" and not shape.skinned
        box = np.array(extent, np.float64) * self.scale
        slack = 1e-6 * max(float(np.abs(box).max()), 1e-9)
        holds = (box[0] <= shape.low + slack).all() and (box[1] >= shape.high - slack).all()
        return bool(holds) and shape.slack == 0 and shape.rule != "any" and not shape.skinned

    def unseen_parts(self, prim: Any) -> bool:
        """Whether BBoxCache may miss parts of the points: a prototype's prims below an `over`, or an instancer in it
        with an authored extent."""
        roots = [
            self.stage.GetPrimAtPath(p) for p in UsdGeom.PointInstancer(prim).GetPrototypesRel().GetTargets()
        ]
        for root in roots:
            if root and not root.IsDefined():
                return True
            for part in _below(root) if root else ():
                if part.IsA(UsdGeom.PointInstancer) and (
                    UsdGeom.Boundable(part).GetExtentAttr().HasAuthoredValue() or self.unseen_parts(part)
                ):
                    return True
        return False

    def _aligned(self, bound: Any) -> tuple[np.ndarray, np.ndarray] | None:
        turned = Gf.BBox3d(bound)
        if self.up_axis == "Y":
            turned.Transform(Gf.Matrix4d(*Z_FROM_Y.T.reshape(-1).tolist()))
        found = turned.ComputeAlignedRange()
        if found.IsEmpty():
            return None
        return np.array(found.GetMin()) * self.scale, np.array(found.GetMax()) * self.scale


def _below(root: Any) -> Any:
    """A prototype's prims: they may lie below an `over` or a class, hidden otherwise."""
    return Usd.PrimRange(root, Usd.TraverseInstanceProxies(Usd.PrimIsActive & Usd.PrimIsLoaded))


def _under_instancer(prim: Any) -> bool:
    at = prim.GetParent()
    while at and not at.IsPseudoRoot():
        if at.IsA(UsdGeom.PointInstancer):
            return True
        at = at.GetParent()
    return False
