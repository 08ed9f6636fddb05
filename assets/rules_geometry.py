"""Our own rules about meshes and point instancers: what the arrays must agree on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.read.context import array

HUGE_M = 1e7


def check_mesh(prim: Any, path: str, meters_per_unit: float) -> Iterator[Finding]:
    """Topology, coordinates, primvar lengths, subsets and holes of a mesh."""
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.EarliestTime()
    mesh = UsdGeom.Mesh(prim)
    points = array(mesh.GetPointsAttr().Get(time))
    counts = array(mesh.GetFaceVertexCountsAttr().Get(time), np.int64)
    indices = array(mesh.GetFaceVertexIndicesAttr().Get(time), np.int64)
    if points is None or counts is None or indices is None or 0 in (len(points), len(counts), len(indices)):
        yield Finding(
            "mesh.empty", "warning", path, "the mesh has no points or no faces", "delete it, or fill it"
        )
        return
    broken = [*_topology(path, points, counts, indices), *_coordinates(path, points, meters_per_unit)]
    yield from broken
    if any(finding.severity == "error" for finding in broken):
        return  # the rest would only repeat it
    yield from _degenerate(path, points, counts, indices)
    yield from _holes_and_subsets(mesh, path, time, len(counts))
    elements = {
        "uniform": len(counts),
        "faceVarying": len(indices),
        "vertex": len(points),
        "varying": len(points),
    }
    yield from _primvars(prim, path, time, elements)


def _topology(path: str, points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> Iterator[Finding]:
    if points.ndim != 2 or points.shape[1] != 3:
        yield Finding("mesh.points-type", "error", path, "points is not of type point3f[]")
        return
    if counts.min() < 0 or counts.sum() != len(indices):
        message = f"faceVertexCounts add up to {counts.sum()}, but there are {len(indices)} faceVertexIndices"
        yield Finding("mesh.counts", "error", path, message)
    if indices.min() < 0 or indices.max() >= len(points):
        message = f"faceVertexIndices run from {indices.min()} to {indices.max()}, but there are {len(points)} points"
        yield Finding("mesh.index-range", "error", path, message)


def _coordinates(path: str, points: np.ndarray, meters_per_unit: float) -> Iterator[Finding]:
    if not np.isfinite(points).all():
        yield Finding("mesh.not-finite", "error", path, "points hold values that are not finite")
    elif np.abs(points).max() * meters_per_unit > HUGE_M:
        yield Finding(
            "mesh.huge",
            "warning",
            path,
            "points lie more than 10,000 km from the mesh's origin",
            "check units",
        )


def _degenerate(path: str, points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> Iterator[Finding]:
    from twinstage.scene.triangulate import face_normals

    few = int((counts < 3).sum())
    if few:
        yield Finding("mesh.few-corners", "warning", path, f"{few} faces have fewer than 3 corners")
    if np.ptp(points, axis=0).max() == 0:
        yield Finding("mesh.degenerate", "error", path, "all points are the same")
        return
    if few == len(counts):
        return
    keep = counts >= 3
    normals = face_normals(points, counts[keep], indices[np.repeat(keep, counts)])
    size = float(np.ptp(points, axis=0).max())
    flat = int((np.linalg.norm(normals, axis=1) <= 1e-12 * size * size).sum())
    if flat:
        yield Finding(
            "mesh.zero-area",
            "warning",
            path,
            f"{flat} of {len(normals)} faces have no area",
            "merge or delete them",
        )


def _holes_and_subsets(mesh: Any, path: str, time: Any, n_faces: int) -> Iterator[Finding]:
    from pxr import UsdGeom

    holes = array(mesh.GetHoleIndicesAttr().Get(time), np.int64)
    if holes is not None and len(holes) and (holes.min() < 0 or holes.max() >= n_faces):
        yield Finding("mesh.hole-range", "error", path, f"holeIndices name face {holes.max()} of {n_faces}")
    for subset in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(mesh.GetPrim())):
        faces = array(subset.GetIndicesAttr().Get(time), np.int64)
        own = f"{path}/{subset.GetPrim().GetName()}"
        if subset.GetElementTypeAttr().Get() != "face" or faces is None or not len(faces):
            continue
        if faces.min() < 0 or faces.max() >= n_faces:
            yield Finding("subset.range", "error", own, f"the subset names face {faces.max()} of {n_faces}")


def _primvars(prim: Any, path: str, time: Any, elements: dict[str, int]) -> Iterator[Finding]:
    from pxr import UsdGeom

    for primvar in UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithAuthoredValues():
        interpolation = str(primvar.GetInterpolation())
        values = array(primvar.Get(time), np.object_)
        if values is None or interpolation not in elements:
            continue
        name = f"{path}.primvars:{primvar.GetPrimvarName()}"
        expected, count = elements[interpolation], len(values) // max(1, primvar.GetElementSize())
        if primvar.IsIndexed():
            indices = array(primvar.GetIndices(time), np.int64)
            if indices is not None and len(indices) and (indices.min() < 0 or indices.max() >= count):
                message = f"its indices go up to {indices.max()}, but there are {count} values"
                yield Finding("primvar.index-range", "error", name, message)
                continue
            count = 0 if indices is None else len(indices)
        if count != expected:
            message = f"{count} values were found; interpolation {interpolation} needs {expected}"
            yield Finding("primvar.length", "error", name, message)


def check_instancer(prim: Any, path: str) -> Iterator[Finding]:
    """Array lengths, prototypes and ids of a PointInstancer."""
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.EarliestTime()
    api = UsdGeom.PointInstancer(prim)
    indices = array(api.GetProtoIndicesAttr().Get(time), np.int64)
    if indices is None:
        yield Finding(
            "instancer.empty", "warning", path, "the PointInstancer has no protoIndices, so it draws nothing"
        )
        return
    for name in (
        "positions",
        "orientations",
        "orientationsf",
        "scales",
        "ids",
        "velocities",
        "angularVelocities",
    ):
        values = prim.GetAttribute(name).Get(time)
        if values is not None and len(values) not in (0, len(indices)):
            message = f"{name} has {len(values)} entries, protoIndices {len(indices)}"
            yield Finding("instancer.lengths", "error", path, message)
    targets = api.GetPrototypesRel().GetForwardedTargets()
    if len(indices) and (indices.min() < 0 or indices.max() >= len(targets)):
        message = f"protoIndices go from {indices.min()} to {indices.max()}, but there are {len(targets)} prototypes"
        yield Finding("instancer.prototype-range", "error", path, message)
    for target in targets:
        if not prim.GetStage().GetPrimAtPath(target):
            yield Finding(
                "instancer.prototype-missing", "error", path, f"the prototype {target} does not exist"
            )
    ids = array(api.GetIdsAttr().Get(time), np.int64)
    if ids is not None and len(np.unique(ids)) != len(ids):
        yield Finding("instancer.ids", "error", path, "ids are not unique, so points have no identity")
