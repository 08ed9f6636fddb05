"""UsdGeomMesh -> triangles with one value of everything per vertex.

Subdivision surfaces are drawn as their control cage (with a finding). Faces listed in `holeIndices` are left out, left-handed
meshes are turned round. A mesh whose topology does not fit its points is not drawn, with a finding that says why.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.triangulate import face_normals, triangulate


@dataclass(frozen=True, slots=True)
class Topology:
    """Faces as USD has them: counts i8[f], indices i8[sum] into points f8[v, 3] (stage units)."""

    points: F8
    counts: I8
    indices: I8

    @property
    def corner_face(self) -> I8:
        """The face of each corner."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


@dataclass(frozen=True, slots=True)
class Channel:
    """A primvar seen from the corners: `values[index[corner]]`."""

    values: F8
    index: I8


def read_mesh(context: ReadContext, prim: Any, uv_name: str) -> MeshData | None:
    """The triangles of a UsdGeomMesh, or None with a finding."""
    from pxr import UsdGeom

    mesh = UsdGeom.Mesh(prim)
    topology = _read_topology(context, mesh)
    if topology is None:
        return None
    left_handed = mesh.GetOrientationAttr().Get(context.time) == "leftHanded"
    scheme = str(mesh.GetSubdivisionSchemeAttr().Get() or "catmullClark")
    if scheme != "none":
        context.count("mesh.subdivision", "subdivision surface drawn as its control cage")
    normals = _read_normals(context, mesh, topology, left_handed, scheme)
    uv = read_channel(context, prim, uv_name, topology, 2) if uv_name else None
    color = read_channel(context, prim, "displayColor", topology, 3)
    if color is not None and len(color.values) == 1:
        color = None  # one colour for all is the material's, so that the geometry can be shared
    corners, faces = triangulate(topology.points, topology.counts, topology.indices)
    keep = _without_holes(context, mesh, faces)
    corners, faces = corners[keep], faces[keep]
    if left_handed:
        corners = corners[:, ::-1]
    slot, subsets = _read_slots(context, mesh, len(topology.counts))
    return _weld(
        topology,
        (normals, uv, color),
        corners,
        scale=context.conversion.scale,
        slot=slot[faces].astype(np.int32),
        subsets=subsets,
        double_sided=bool(mesh.GetDoubleSidedAttr().Get(context.time)),
    )


def _read_topology(context: ReadContext, mesh: Any) -> Topology | None:
    points = array(mesh.GetPointsAttr().Get(context.time))
    counts = array(mesh.GetFaceVertexCountsAttr().Get(context.time), np.int64)
    indices = array(mesh.GetFaceVertexIndicesAttr().Get(context.time), np.int64)
    path = mesh.GetPath()
    if points is None or counts is None or indices is None or 0 in (len(points), len(counts), len(indices)):
        context.finding("mesh.empty", f"{path} is not drawn: the mesh has no points or no faces", path)
        return None
    if points.ndim != 2 or points.shape[1] != 3:
        context.finding("mesh.point-type", f"{path} is not drawn: its points are not of type point3f[]", path)
        return None
    reason = _topology_fault(points, counts, indices)
    if reason:
        context.finding("mesh.topology", f"{path} is not drawn: {reason}", path)
        return None
    if (counts < 3).any():
        context.finding(
            "mesh.short-faces",
            f"{path}: {int((counts < 3).sum())} faces of fewer than 3 corners are left out",
            path,
        )
        keep = np.repeat(counts >= 3, counts)
        counts, indices = counts[counts >= 3], indices[keep]
    return Topology(points, counts, indices) if len(counts) else None


def _topology_fault(points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> str:
    if (counts < 0).any():
        return "faceVertexCounts has negative entries"
    if counts.sum() != len(indices):
        return f"faceVertexCounts add up to {counts.sum()}, but there are {len(indices)} faceVertexIndices"
    if indices.min() < 0 or indices.max() >= len(points):
        return f"faceVertexIndices run from {indices.min()} to {indices.max()}, but there are {len(points)} points"
    if not np.isfinite(points).all():
        return "points are not all finite"
    return ""


def read_channel(
    context: ReadContext, prim: Any, name: str, topology: Topology, width: int
) -> Channel | None:
    """A primvar of that name and tuple width, inherited ones included; None where absent or (with a finding) unfit."""
    from pxr import UsdGeom

    primvar = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance(name)
    if not primvar or not primvar.HasValue():
        return None
    values = array(primvar.Get(context.time))
    indices = array(primvar.GetIndices(context.time), np.int64) if primvar.IsIndexed() else None
    if values is None or values.size == 0:
        return None
    return make_channel(context, prim, name, values, indices, primvar, topology, width)


def make_channel(
    context: ReadContext,
    prim: Any,
    name: str,
    values: np.ndarray,
    indices: np.ndarray | None,
    primvar: Any,
    topology: Topology,
    width: int,
) -> Channel | None:
    """Fit values of an interpolation to the corners, with a finding where they do not fit."""
    path, interpolation = prim.GetPath(), str(primvar.GetInterpolation())
    if values.ndim != 2 or values.shape[1] < width:
        context.finding(
            "primvar.width",
            f"{path}: primvar {name} is left out: tuples of {width} numbers were expected",
            path,
        )
        return None
    index = _element_index(interpolation, topology)
    if indices is not None:
        if len(indices) <= index.max() or indices.min() < 0:
            context.finding(
                "primvar.indices",
                f"{path}: primvar {name} is left out: {len(indices)} indices, {index.max() + 1} were expected",
                path,
            )
            return None
        index = indices[index]
    if len(values) <= index.max():
        context.finding(
            "primvar.count",
            f"{path}: primvar {name} is left out: {len(values)} values, {index.max() + 1} were expected",
            path,
        )
        return None
    return Channel(values[:, :width], index)


def _element_index(interpolation: str, topology: Topology) -> I8:
    """The element of a primvar that each corner uses."""
    if interpolation == "faceVarying":
        return np.arange(len(topology.indices))
    if interpolation == "uniform":
        return topology.corner_face
    if interpolation == "constant":
        return np.zeros(len(topology.indices), np.int64)
    return topology.indices


def _read_normals(
    context: ReadContext, mesh: Any, topology: Topology, left_handed: bool, scheme: str
) -> Channel:
    authored = read_channel(context, mesh.GetPrim(), "normals", topology, 3) or _plain_normals(
        context, mesh, topology
    )
    if authored is not None:
        length = np.linalg.norm(authored.values, axis=1)
        if np.isfinite(length).all() and (length > 1e-12).all():
            return Channel(authored.values / length[:, None], authored.index)
        context.finding(
            "mesh.normals",
            f"{mesh.GetPath()}: normals of no length or not finite, so they are computed",
            mesh.GetPath(),
        )
    return _computed_normals(topology, left_handed, smooth=scheme != "none")


def _plain_normals(context: ReadContext, mesh: Any, topology: Topology) -> Channel | None:
    values = array(mesh.GetNormalsAttr().Get(context.time))
    if values is None or values.size == 0 or values.ndim != 2 or values.shape[1] != 3:
        return None
    index = _element_index(str(mesh.GetNormalsInterpolation()), topology)
    if len(values) <= index.max():
        context.finding(
            "mesh.normals",
            f"{mesh.GetPath()}: {len(values)} normals, {index.max() + 1} were expected, so they are computed",
            mesh.GetPath(),
        )
        return None
    return Channel(values, index)


def _computed_normals(topology: Topology, left_handed: bool, *, smooth: bool) -> Channel:
    """Flat for polygon meshes, area-weighted at the points for cages, as renderers do."""
    flat = face_normals(topology.points, topology.counts, topology.indices)
    flat = -flat if left_handed else flat
    if not smooth:
        return Channel(_unit(flat), topology.corner_face)
    at_points = np.zeros_like(topology.points)
    for axis in range(3):
        weights = np.repeat(flat[:, axis], topology.counts)
        at_points[:, axis] = np.bincount(topology.indices, weights, minlength=len(at_points))
    return Channel(_unit(at_points), topology.indices)


def _unit(vectors: np.ndarray) -> F8:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])


def _without_holes(context: ReadContext, mesh: Any, faces: np.ndarray) -> np.ndarray:
    holes = array(mesh.GetHoleIndicesAttr().Get(context.time), np.int64)
    if holes is None or len(holes) == 0:
        return np.ones(len(faces), bool)
    return ~np.isin(faces, holes)


def _read_slots(context: ReadContext, mesh: Any, n_faces: int) -> tuple[I8, tuple[str, ...]]:
    """The slot of each face, 0 outside all subsets, and the subsets' prim names."""
    slot = np.zeros(n_faces, np.int64)
    names = []
    for subset in material_subsets(mesh):
        faces = array(subset.GetIndicesAttr().Get(context.time), np.int64)
        if faces is None or len(faces) == 0:
            continue
        if faces.min() < 0 or faces.max() >= n_faces:
            context.finding(
                "mesh.subset",
                f"{subset.GetPath()} is left out: it names face {faces.max()} of {n_faces}",
                subset.GetPath(),
            )
            continue
        names.append(str(subset.GetPrim().GetName()))
        slot[faces] = len(names)
    return slot, tuple(names)


def material_subsets(mesh: Any) -> list[Any]:
    """The face subsets of a mesh that carry materials, in namespace order."""
    from pxr import UsdGeom, UsdShade

    return [
        subset
        for subset in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(mesh.GetPrim()))
        if subset.GetElementTypeAttr().Get() == "face"
        and (
            subset.GetFamilyNameAttr().Get() == UsdShade.Tokens.materialBind
            or subset.GetPrim().HasRelationship("material:binding")
        )
    ]


def _weld(
    topology: Topology,
    channels: tuple[Channel, Channel | None, Channel | None],
    corners: I8,
    *,
    scale: float,
    slot: np.ndarray,
    subsets: tuple[str, ...],
    double_sided: bool,
) -> MeshData | None:
    """One vertex for each distinct combination of point, normal, uv and colour among the used corners."""
    if len(corners) == 0:
        return None
    used, triangles = np.unique(corners, return_inverse=True)
    point = topology.indices[used]
    keys: list[I8] = [point]
    merged: list[tuple[F8, I8] | None] = []
    for channel in channels:
        if channel is None:
            merged.append(None)
            continue
        if channel.index is topology.indices:  # one value a point: no seam
            merged.append((channel.values, point))
            continue
        values, index = _canonical(channel, used)
        merged.append((values, index))
        keys.append(index)
    first, inverse = _distinct(keys)

    def pick(entry: "tuple[F8, I8] | None") -> "np.ndarray | None":
        return None if entry is None else entry[0][entry[1][first]].astype(np.float32)

    normals = pick(merged[0])
    assert normals is not None
    return MeshData(
        points=(topology.points[point[first]] * scale).astype(np.float32),
        normals=normals,
        triangles=inverse[triangles.reshape(corners.shape)].astype(np.uint32),
        uv=pick(merged[1]),
        color=pick(merged[2]),
        slot=slot,
        subsets=subsets,
        double_sided=double_sided,
    )


def _canonical(channel: Channel, used: np.ndarray) -> tuple[F8, I8]:
    """Equal values get equal numbers, so that seams appear only where values differ."""
    index = channel.index[used]
    values, inverse = np.unique(channel.values.astype(np.float32), axis=0, return_inverse=True)
    return values.astype(np.float64), inverse.reshape(-1)[index]


def _distinct(keys: list[np.ndarray]) -> tuple[I8, I8]:
    """First occurrence of each distinct combination, and the combination of each row."""
    combined = keys[0].astype(np.int64)
    for key in keys[1:]:
        _, combined = np.unique(combined, return_inverse=True)
        combined = combined.reshape(-1) * (int(key.max()) + 1) + key
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)
