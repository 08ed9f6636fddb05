"""UsdGeomMesh -> triangles with one value of everything per vertex.

Subdivision surfaces are refined (`subdivision`). Faces listed in `holeIndices` are left out, left-handed meshes are
turned round. A mesh whose topology does not fit its points is not drawn, with a finding that says why.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.scene.columns import I8, Bool
from twinstage.scene.read.channels import Channel, read_channel, read_normals, smooth_normals
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.skel import Skin
from twinstage.scene.read.skel_rest import CAGE, joint_weights, morph_targets
from twinstage.scene.read.subdivision import Surface, cage_error, refine_mesh, scheme_of
from twinstage.scene.read.subsets import material_subsets, read_slots
from twinstage.scene.read.topology import Topology, read_topology, report_flat_faces
from twinstage.scene.read.weld import weld
from twinstage.scene.triangulate import triangulate

__all__ = ["material_subsets", "read_mesh"]


def read_mesh(context: ReadContext, prim: Any, uv_name: str, skin: Skin | None = None) -> MeshData | None:
    """The triangles of a UsdGeomMesh, deformed by `skin`; None, with a finding, where it cannot be drawn."""
    from pxr import UsdGeom

    mesh = UsdGeom.Mesh(prim)
    topology = read_topology(context, mesh, skin)
    if topology is None:
        return None
    left_handed = mesh.GetOrientationAttr().Get(context.time) == "leftHanded"
    surface = _surface(context, mesh, topology, uv_name, left_handed, skin)
    topology = surface.topology
    corners, faces = triangulate(topology.points, topology.counts, topology.indices, topology.normals)
    keep = ~(surface.hidden | _holes(context, mesh, topology))
    if not keep.all():
        corners, faces = corners[keep[faces]], faces[keep[faces]]
    if left_handed:
        corners = corners[:, ::-1]
    slot, subsets = read_slots(context, mesh, topology.n_faces)
    data = weld(
        topology,
        surface.channels,
        corners,
        scale=context.conversion.scale,
        slot=slot[topology.face[faces]].astype(np.int32),
        subsets=subsets,
        double_sided=bool(mesh.GetDoubleSidedAttr().Get(context.time)),
        chord_error=float(np.float32(surface.chord_error * context.conversion.scale)),
    )
    if data is None or skin is None:
        return data
    if skin.at_rest:
        return replace(data, skin=joint_weights(skin, data), morphs=morph_targets(skin, data))
    if skin.rig is None:
        return data
    return replace(data, skin=skin.weights(data, array(mesh.GetPointsAttr().Get(context.time))))


def _surface(
    context: ReadContext,
    mesh: Any,
    topology: Topology,
    uv_name: str,
    left_handed: bool,
    skin: Skin | None,
) -> Surface:
    """The faces to draw, and their normals, uv and colour."""
    uv = read_channel(context, mesh.GetPrim(), uv_name, topology, 2) if uv_name else None
    color = read_channel(context, mesh.GetPrim(), "displayColor", topology, 3)
    if color is not None and len(color.values) == 1:
        color = None  # one colour for all is the material's, so that the geometry can be shared
    scheme, error = scheme_of(context, mesh), 0.0
    if scheme != "none":
        # A mesh that bones bend is drawn as its cage: finer points hang on no joints.
        bends = skin is not None and (skin.rig is not None or skin.at_rest)
        if skin is not None and skin.at_rest:
            context.count(CAGE, "subdivision meshes that bend are written as their cages")
        refined = None if bends else refine_mesh(context, mesh, topology, scheme, uv, color)
        if refined is not None:
            return _turned(refined) if left_handed else refined
        normals = smooth_normals(topology, left_handed)
        error = cage_error(context, mesh, topology, scheme)
    else:
        report_flat_faces(context, mesh.GetPath(), topology)
        normals = read_normals(context, mesh, topology, left_handed, skin)
    return Surface(topology, (normals, uv, color), np.zeros(len(topology.counts), bool), error)


def _turned(surface: Surface) -> Surface:
    normals, uv, color = surface.channels
    turned = Channel(-normals.values, normals.index, normals.interpolation)
    return replace(surface, channels=(turned, uv, color))


def _holes(context: ReadContext, mesh: Any, topology: Topology) -> Bool:
    """The faces that `holeIndices` names, bool[f]."""
    holes: I8 | None = array(mesh.GetHoleIndicesAttr().Get(context.time), np.int64)
    if holes is None or len(holes) == 0:
        return np.zeros(len(topology.counts), bool)
    return np.isin(topology.face, holes)
