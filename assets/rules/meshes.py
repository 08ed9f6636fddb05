"""A mesh as plain arrays, read once for all rules about it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.scene.read.context import array
from twinstage.scene.triangulate import face_normals


@dataclass(frozen=True)
class Values:
    """A primvar: `count` of its values, `indices` i8[m] or None, `values` f8[count, k] or None where no numbers."""

    name: str
    interpolation: str
    count: int
    indices: np.ndarray | None
    values: np.ndarray | None


@dataclass(frozen=True)
class Subset:
    """A GeomSubset of faces: its name, its family and its face numbers i8[n]."""

    name: str
    family: str
    faces: np.ndarray


@dataclass(frozen=True)
class MeshFacts:
    """One mesh at its earliest time. Numbers of faces `counts` i8[f], corners `indices` i8[c], `points` f8[n, 3] or None.

    `sharp`: creaseIndices, creaseLengths, creaseSharpnesses, cornerIndices, cornerSharpnesses, as authored.
    `metres`: a unit [m]; `moving`: points change with time.
    """

    points: np.ndarray | None
    counts: np.ndarray | None
    indices: np.ndarray | None
    holes: np.ndarray | None
    sharp: dict[str, np.ndarray]
    scheme: str
    scheme_authored: bool
    left_handed: bool
    extent: np.ndarray | None
    normals: Values | None
    primvars: tuple[Values, ...]
    subsets: tuple[Subset, ...]
    metres: float
    moving: bool
    skinned: bool

    @property
    def empty(self) -> bool:
        """No points or no faces."""
        return any(v is None or len(v) == 0 for v in (self.points, self.counts, self.indices))

    @cached_property
    def sound(self) -> bool:
        """Whether faces, corners and points fit each other and are finite, so that areas can be computed."""
        points, counts, indices = self.points, self.counts, self.indices
        if self.empty or points is None or counts is None or indices is None:
            return False
        return bool(
            points.ndim == 2
            and points.shape[1] == 3
            and counts.min() >= 0
            and counts.sum() == len(indices)
            and indices.min() >= 0
            and indices.max() < len(points)
            and np.isfinite(points).all()
        )

    @cached_property
    def face_of_corner(self) -> np.ndarray:
        """i8[c]."""
        assert self.counts is not None
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def polygons(self) -> np.ndarray:
        """Which faces have at least three corners, bool[f]."""
        assert self.counts is not None
        return np.asarray(self.counts >= 3)

    @cached_property
    def face_normal(self) -> np.ndarray:
        """Twice the area as a vector by the right-hand rule, f8[f, 3]; 0 for faces of fewer than three corners."""
        assert self.points is not None
        assert self.counts is not None
        assert self.indices is not None
        out = np.zeros((len(self.counts), 3))
        keep = self.polygons
        if keep.any():
            out[keep] = face_normals(
                self.points, self.counts[keep], self.indices[np.repeat(keep, self.counts)]
            )
        return out

    @cached_property
    def size(self) -> float:
        """The longest edge of the box around the points."""
        assert self.points is not None
        return float(np.ptp(self.points, axis=0).max())


SHARP = ("creaseIndices", "creaseLengths", "creaseSharpnesses", "cornerIndices", "cornerSharpnesses")


def read_mesh(prim: Any, metres: float) -> MeshFacts:
    """Facts about a Mesh prim at the earliest time."""
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.EarliestTime()
    mesh = UsdGeom.Mesh(prim)
    sharp = {}
    for name in SHARP:
        kind = np.float64 if name.endswith("Sharpnesses") else np.int64
        value = array(prim.GetAttribute(name).Get(time), kind)
        if value is not None:
            sharp[name] = value
    scheme = mesh.GetSubdivisionSchemeAttr()
    return MeshFacts(
        points=array(mesh.GetPointsAttr().Get(time)),
        counts=array(mesh.GetFaceVertexCountsAttr().Get(time), np.int64),
        indices=array(mesh.GetFaceVertexIndicesAttr().Get(time), np.int64),
        holes=array(mesh.GetHoleIndicesAttr().Get(time), np.int64),
        sharp=sharp,
        scheme=str(scheme.Get()),
        scheme_authored=bool(scheme.HasAuthoredValue()),
        left_handed=str(mesh.GetOrientationAttr().Get(time)) == "leftHanded",
        extent=array(mesh.GetExtentAttr().Get(time)) if mesh.GetExtentAttr().HasAuthoredValue() else None,
        normals=_normals(mesh, time),
        primvars=tuple(_primvars(prim, time)),
        subsets=tuple(_subsets(mesh, time)),
        metres=metres,
        moving=mesh.GetPointsAttr().ValueMightBeTimeVarying(),
        skinned=prim.HasAttribute("primvars:skel:jointIndices"),
    )


def _normals(mesh: Any, time: Any) -> Values | None:
    """The attribute `normals`; the primvar of that name is among the primvars."""
    attribute = mesh.GetNormalsAttr()
    values = array(attribute.Get(time)) if attribute.HasAuthoredValue() else None
    if values is None:
        return None
    return Values("normals", str(mesh.GetNormalsInterpolation()), len(values), None, values)


def _primvars(prim: Any, time: Any) -> "list[Values]":
    from pxr import UsdGeom

    out = []
    for primvar in UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithAuthoredValues():
        raw = primvar.Get(time)
        if (
            raw is None
            or not hasattr(raw, "__len__")
            or isinstance(raw, str)
            or not primvar.GetTypeName().isArray
        ):
            continue
        indices = array(primvar.GetIndices(time), np.int64) if primvar.IsIndexed() else None
        count = len(raw) // max(1, primvar.GetElementSize())
        name = f"primvars:{primvar.GetPrimvarName()}"
        out.append(Values(name, str(primvar.GetInterpolation()), count, indices, array(raw)))
    return out


def _subsets(mesh: Any, time: Any) -> "list[Subset]":
    from pxr import UsdGeom

    out = []
    for subset in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(mesh.GetPrim())):
        faces = array(subset.GetIndicesAttr().Get(time), np.int64)
        if subset.GetElementTypeAttr().Get() == "face" and faces is not None and len(faces):
            family = str(subset.GetFamilyNameAttr().Get() or "")
            out.append(Subset(str(subset.GetPrim().GetName()), family, faces))
    return out
