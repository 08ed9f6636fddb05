"""What pxr says of one gprim's shape in its own frame [m]: bounds, and for meshes the points and triangles. No twinstage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdSkel

THIN = 0.02
"""Of the diagonal [m/m]: the thickness that curves and points without widths may be given; and the least, in metres."""


@dataclass(frozen=True)
class Shape:
    """A gprim in its own frame.

    Attributes:
        type_name: USD type.
        rule: `exact` (a polygon mesh: the points themselves), `cage` (a subdivision surface: within its cage), `chord` (an
            intrinsic shape: bounds within the declared chord error), `inside` (curves, points: within the extent that their
            widths give), `any` (their widths do not fit: drawn or not), `nothing` (a finding must say so).
        low, high: bounds [m].
        points: distinct used points f4[n, 3] [m] of an `exact` shape.
        triangles: number of triangles of a polygon mesh or a cage; -1 for others.
        reason: why there is nothing to draw.
        slack: how far a shape may reach beyond its bounds [m]: curves and points without widths have no thickness for pxr.
        skinned: whether the points are what UsdSkel.BakeSkinning wrote (float32 all the way).
    """

    type_name: str
    rule: str
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray | None = None
    triangles: int = -1
    reason: str = ""
    skinned: bool = False
    slack: float = 0.0


class ShapeOracle:
    """Shapes of the gprims of a stage at one moment, each prim of a native prototype once."""

    EXACT = frozenset({"Mesh"})
    CHORD = frozenset({"Cube", "Sphere", "Cylinder", "Cylinder_1", "Cone", "Capsule", "Capsule_1", "Plane"})
    INSIDE = frozenset({"BasisCurves", "HermiteCurves", "NurbsCurves", "NurbsPatch", "Points", "TetMesh"})

    def __init__(self, stage: Any, time: Any, scale: float) -> None:
        self.stage, self.time, self.scale = stage, time, scale
        self._known: dict[str, Shape] = {}
        self._skinned: Any = None

    def is_shape(self, prim: Any) -> bool:
        """Whether prims of that type are expected to be drawn or reported."""
        return str(prim.GetTypeName()) in self.EXACT | self.CHORD | self.INSIDE

    def of(self, prim: Any) -> Shape:
        """The shape of a gprim (a proxy stands for its prim in the prototype)."""
        shared = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        skinned = self._is_skinned(prim)
        key = str(prim.GetPath() if skinned else shared.GetPath())
        if key not in self._known:
            self._known[key] = self._mesh(prim, skinned) if prim.IsA(UsdGeom.Mesh) else self._other(prim)
        return self._known[key]

    def _other(self, prim: Any) -> Shape:
        type_name = str(prim.GetTypeName())
        extent = UsdGeom.Boundable.ComputeExtentFromPlugins(UsdGeom.Boundable(prim), self.time)
        box = np.array(extent, np.float64) * self.scale if extent else None
        rule = "chord" if type_name in self.CHORD else "inside"
        if rule == "inside" and not extent:
            return Shape(type_name, "any", np.full(3, -np.inf), np.full(3, np.inf))
        if box is None or not np.isfinite(box).all() or not (box[0] <= box[1]).all():
            return _nothing(type_name, "pxr computes no extent")
        if rule == "chord" and np.ptp(box, axis=0).max() <= 0:
            return _nothing(type_name, "it has no size")
        widths = prim.GetAttribute("widths").Get(self.time) if rule == "inside" else None
        thin = rule == "inside" and not widths
        return Shape(
            type_name,
            rule,
            box[0],
            box[1],
            slack=THIN * max(np.linalg.norm(box[1] - box[0]), THIN) if thin else 0.0,
        )

    def _mesh(self, prim: Any, skinned: bool) -> Shape:
        mesh = UsdGeom.Mesh(prim)
        points = self._skinned_points(prim) if skinned else mesh.GetPointsAttr().Get(self.time)
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get(self.time) or [], np.int64)
        indices = np.array(mesh.GetFaceVertexIndicesAttr().Get(self.time) or [], np.int64)
        points = np.array(points if points is not None else [], np.float64)
        fault = _mesh_fault(points, counts, indices)
        if fault:
            return _nothing("Mesh", fault)
        face = np.repeat(np.arange(len(counts)), counts)
        holes = np.array(mesh.GetHoleIndicesAttr().Get(self.time) or [], np.int64)
        keep = (counts >= 3) & ~np.isin(np.arange(len(counts)), holes)
        if not keep.any():
            return _nothing("Mesh", "no face is left")
        used = np.unique(indices[keep[face]])
        scaled = (points[used] * self.scale).astype(np.float32)
        whole = points[np.unique(indices)] * self.scale
        cage = str(mesh.GetSubdivisionSchemeAttr().Get(self.time) or "catmullClark") != "none"
        at = whole if cage else scaled.astype(np.float64)
        return Shape(
            "Mesh",
            "cage" if cage else "exact",
            at.min(0),
            at.max(0),
            None if cage else np.unique(scaled, axis=0),
            int((counts[keep] - 2).sum()),
            skinned=skinned,
        )

    def _is_skinned(self, prim: Any) -> bool:
        if not prim.IsA(UsdGeom.Mesh):
            return False
        binding = UsdSkel.BindingAPI(prim)
        if not (binding.GetJointIndicesPrimvar() or binding.GetBlendShapesAttr().HasAuthoredValue()):
            return False
        at = prim
        while at and not at.IsPseudoRoot():
            if at.IsA(UsdSkel.Root):
                return True
            at = at.GetParent()
        return False

    def _skinned_points(self, prim: Any) -> Any:
        """What UsdSkel.BakeSkinning writes into a flattened copy of the stage."""
        if self._skinned is None:
            self._skinned = Usd.Stage.Open(self.stage.Flatten())
            UsdSkel.BakeSkinning(self._skinned.Traverse(), Gf.Interval.GetFullInterval())
        baked = self._skinned.GetPrimAtPath(prim.GetPath())
        return UsdGeom.Mesh(baked).GetPointsAttr().Get(self.time) if baked else None


def _mesh_fault(points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> str:
    if points.ndim != 2 or points.shape[1] != 3:
        return "its points are no vectors of three"
    if not len(points) or not len(counts) or not len(indices):
        return "it has no points or no faces"
    if counts.min() < 0 or counts.sum() != len(indices):
        return "its counts do not add up to its indices"
    if indices.min() < 0 or indices.max() >= len(points):
        return "an index names no point"
    return "" if np.isfinite(points).all() else "a point is not finite"


def _nothing(type_name: str, reason: str) -> Shape:
    none = np.full(3, np.nan)
    return Shape(type_name, "nothing", none, none, reason=reason)
