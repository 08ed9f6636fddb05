"""Primvars of meshes seen from the corners, and normals."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.skel import Skin
from twinstage.scene.read.topology import Topology
from twinstage.scene.transforms import unit_or_up


@dataclass(frozen=True, slots=True)
class Channel:
    """A primvar seen from the corners: `values[index[corner]]`, and the interpolation that it was authored with."""

    values: F8
    index: I8
    interpolation: str = "vertex"


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
    return make_channel(
        context, prim, name, values, indices, str(primvar.GetInterpolation()), topology, width
    )


def make_channel(
    context: ReadContext,
    prim: Any,
    name: str,
    values: np.ndarray,
    indices: np.ndarray | None,
    interpolation: str,
    topology: Topology,
    width: int,
) -> Channel | None:
    """Fit values of an interpolation to the corners, with a finding where they do not fit."""
    path = prim.GetPath()
    if values.ndim != 2 or values.shape[1] < width:
        context.finding(
            "primvar.width",
            f"{path}: primvar {name} is left out: tuples of {width} numbers were expected",
            path,
        )
        return None
    index, needed = element_index(interpolation, topology)
    if indices is not None:
        if len(indices) < needed or (len(index) and indices.min() < 0):
            context.finding(
                "primvar.indices",
                f"{path}: primvar {name} is left out: {len(indices)} indices, {needed} were expected",
                path,
            )
            return None
        index = indices if interpolation == "faceVarying" and len(indices) == len(index) else indices[index]
        needed = int(index.max()) + 1
    if len(values) < needed:
        context.finding(
            "primvar.count",
            f"{path}: primvar {name} is left out: {len(values)} values, {needed} were expected",
            path,
        )
        return None
    return Channel(values[:, :width], index, interpolation)


def element_index(interpolation: str, topology: Topology) -> tuple[I8, int]:
    """The element of a primvar that each corner uses, and how many elements there have to be."""
    if interpolation == "faceVarying":
        return topology.corner, int(topology.corner.max()) + 1
    if interpolation == "uniform":
        return topology.face[topology.corner_face], int(topology.face.max()) + 1
    if interpolation == "constant":
        return np.zeros(len(topology.indices), np.int64), 1
    return topology.indices, int(topology.indices.max()) + 1


def read_normals(
    context: ReadContext, mesh: Any, topology: Topology, left_handed: bool, skin: Skin | None = None
) -> Channel:
    """The normals of a polygon mesh: primvars:normals, else normals (both deformed by `skin`), else those of the faces."""
    authored = read_channel(context, mesh.GetPrim(), "normals", topology, 3) or _plain_normals(
        context, mesh, topology
    )
    if authored is not None and skin is not None:
        authored = _skinned(authored, topology, skin)
    if authored is not None:
        length = np.linalg.norm(authored.values, axis=1)
        if np.isfinite(length).all() and (length > 1e-12).all():
            return Channel(authored.values / length[:, None], authored.index)
        context.finding(
            "mesh.normals",
            f"{mesh.GetPath()}: normals of no length or not finite, so they are computed",
            mesh.GetPath(),
        )
    return flat_normals(topology, left_handed)


def _skinned(normals: Channel, topology: Topology, skin: Skin) -> Channel:
    if normals.index is topology.indices:  # one at each point
        at_points = normals.values[: len(topology.points)]
        moved = skin.normals(at_points, np.arange(len(at_points)), len(topology.points))
        return Channel(moved, normals.index)
    corners = np.arange(len(topology.indices))
    return Channel(
        skin.normals(normals.values[normals.index], topology.indices, len(topology.points)), corners
    )


def has_normals(mesh: Any) -> bool:
    """Whether normals are authored on the mesh itself."""
    primvar = mesh.GetPrim().GetAttribute("primvars:normals")
    return bool(mesh.GetNormalsAttr().HasAuthoredValue() or (primvar and primvar.HasAuthoredValue()))


def _plain_normals(context: ReadContext, mesh: Any, topology: Topology) -> Channel | None:
    values = array(mesh.GetNormalsAttr().Get(context.time))
    if values is None or values.size == 0 or values.ndim != 2 or values.shape[1] != 3:
        return None
    index, needed = element_index(str(mesh.GetNormalsInterpolation()), topology)
    if len(values) < needed:
        context.finding(
            "mesh.normals",
            f"{mesh.GetPath()}: {len(values)} normals, {needed} were expected, so they are computed",
            mesh.GetPath(),
        )
        return None
    return Channel(values, index)


def flat_normals(topology: Topology, left_handed: bool) -> Channel:
    """The normals of the faces."""
    flat = topology.normals
    return Channel(unit_or_up(-flat if left_handed else flat), topology.corner_face)


def smooth_normals(topology: Topology, left_handed: bool) -> Channel:
    """Area-weighted at the points, as renderers do for cages."""
    flat = topology.normals
    flat = -flat if left_handed else flat
    at_points = np.zeros_like(topology.points)
    for axis in range(3):
        weights = np.repeat(flat[:, axis], topology.counts)
        at_points[:, axis] = np.bincount(topology.indices, weights, minlength=len(at_points))
    return Channel(unit_or_up(at_points), topology.indices)
