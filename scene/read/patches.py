"""NurbsPatch and TetMesh -> triangles."""

from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.curves import full_knots, parameters, spline_basis
from twinstage.scene.read.channels import Channel, flat_normals, smooth_normals
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.fields import Field, fitting, read_color, read_points, usable_weights
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.skel import Skin
from twinstage.scene.read.topology import make_topology
from twinstage.scene.read.weld import weld
from twinstage.scene.triangulate import triangulate

STEPS = 8
"""Places to each knot span of a patch."""
MAX_SAMPLES = 1_000_000


def read_patch(
    context: ReadContext, prim: Any, uv_name: str = "", skin: Skin | None = None
) -> MeshData | None:
    """The triangles of a NurbsPatch, or None with a finding. Trim curves are not cut out (a finding says so)."""
    points, path = read_points(context, prim, skin), prim.GetPath()
    if points is None:
        return None
    sides = [_side(context, prim, name) for name in "uv"]
    n_u, n_v = (int(prim.GetAttribute(f"{name}VertexCount").Get(context.time) or 0) for name in "uv")
    if None in sides or n_u * n_v != len(points):
        context.finding(
            "patch.topology",
            f"{path} is not drawn: vertex counts, orders and knots of the patch do not fit",
            path,
        )
        return None
    if not np.isfinite(points).all():
        context.finding("patch.not-finite", f"{path} is not drawn: its points are not all finite", path)
        return None
    trims = array(prim.GetAttribute("trimCurve:counts").Get(context.time))
    if trims is not None and len(trims):
        context.finding("patch.trim", f"{path}: its trim curves are not cut out", path)
    weights = array(prim.GetAttribute("pointWeights").Get(context.time))
    weights = usable_weights(context, prim, weights, len(points))
    (knots_u, order_u, limits_u), (knots_v, order_v, limits_v) = (side for side in sides if side is not None)
    at_u = parameters(knots_u, order_u, n_u, limits_u, 2 * STEPS)
    at_v = parameters(knots_v, order_v, n_v, limits_v, 2 * STEPS)
    if len(at_u) * len(at_v) > 4 * MAX_SAMPLES:
        context.finding("patch.size", f"{path} is not drawn: it has too many spans", path)
        return None
    basis = (spline_basis(knots_u, order_u, n_u, at_u), spline_basis(knots_v, order_v, n_v, at_v))
    homogeneous = np.concatenate([points * weights[:, None], weights[:, None]], 1).reshape(n_v, n_u, 4)
    surface = _grid(homogeneous, basis)
    fine = surface[..., :3] / np.where(np.abs(surface[..., 3:]) > 1e-12, surface[..., 3:], 1.0)
    color = read_color(context, prim)
    color = color and fitting(context, prim, "displayColor", color, {"vertex": len(points)})
    colors = (
        None if color is None else _grid(color.values.reshape(n_v, n_u, 3), basis)[::2, ::2].reshape(-1, 3)
    )
    return _patch_mesh(context, prim, fine, at_u[::2], at_v[::2], colors)


def _side(context: ReadContext, prim: Any, name: str) -> "tuple[F8, int, tuple[float, float] | None] | None":
    time = context.time
    count, order = (
        prim.GetAttribute(f"{name}VertexCount").Get(time),
        prim.GetAttribute(f"{name}Order").Get(time),
    )
    knots = array(prim.GetAttribute(f"{name}Knots").Get(time))
    if count is None or order is None or knots is None:
        return None
    full = full_knots(knots, int(order), int(count))
    limits = prim.GetAttribute(f"{name}Range").Get(time)
    return (
        None
        if full is None
        else (full, int(order), None if limits is None else (float(limits[0]), float(limits[1])))
    )


def _grid(values: F8, basis: tuple[tuple[I8, F8], tuple[I8, F8]]) -> F8:
    """Control values f8[n_v, n_u, c] -> samples f8[m_v, m_u, c]."""
    (index_u, weight_u), (index_v, weight_v) = basis
    along = np.einsum("mo,vmoc->vmc", weight_u, values[:, index_u])
    return np.asarray(np.einsum("mo,mouc->muc", weight_v, along[index_v]))


def _patch_mesh(
    context: ReadContext, prim: Any, fine: F8, at_u: F8, at_v: F8, colors: F8 | None
) -> MeshData | None:
    points = fine[::2, ::2]
    m_v, m_u = points.shape[:2]
    number = np.arange(m_v * m_u).reshape(m_v, m_u)
    faces = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], -1).reshape(-1)
    counts = np.full((m_v - 1) * (m_u - 1), 4, np.int64)
    topology = make_topology(context, prim.GetPath(), points.reshape(-1, 3), counts, faces)
    if topology is None:
        return None
    left_handed = prim.GetAttribute("orientation").Get(context.time) == "leftHanded"
    uv = np.stack(np.broadcast_arrays(_unit_range(at_u)[None], _unit_range(at_v)[:, None]), -1).reshape(-1, 2)
    corners, _ = triangulate(topology.points, topology.counts, topology.indices, topology.normals)
    error = np.abs(fine[1::2, 1::2] - (points[:-1, :-1] + points[1:, 1:]) / 2)
    edges = (
        np.linalg.norm(fine[::2, 1::2] - (points[:, :-1] + points[:, 1:]) / 2, axis=2).max(initial=0.0),
        np.linalg.norm(fine[1::2, ::2] - (points[:-1] + points[1:]) / 2, axis=2).max(initial=0.0),
        np.linalg.norm(error, axis=2).max(initial=0.0),
    )
    flag = prim.GetAttribute("doubleSided")
    return weld(
        topology,
        (
            _closed_normals(smooth_normals(topology, left_handed), points),
            Channel(uv, topology.indices),
            None if colors is None else Channel(colors, topology.indices),
        ),
        corners[:, ::-1] if left_handed else corners,
        scale=context.conversion.scale,
        slot=np.zeros(len(corners), np.int32),
        double_sided=bool(flag and flag.Get(context.time)),
        chord_error=float(np.float32(max(edges) * context.conversion.scale)),
    )


def _closed_normals(normals: Channel, points: F8) -> Channel:
    """The same normal on both sides of a seam where a patch closes on itself."""
    m_v, m_u = points.shape[:2]
    values = normals.values.reshape(m_v, m_u, 3).copy()
    near = 1e-6 * max(float(np.ptp(points.reshape(-1, 3), axis=0).max()), 1e-30)
    for axis in (0, 1):
        ends = values[[0, -1]] if axis == 0 else values[:, [0, -1]].swapaxes(0, 1)
        places = points[[0, -1]] if axis == 0 else points[:, [0, -1]].swapaxes(0, 1)
        if np.abs(places[0] - places[1]).max() > near:
            continue
        mean = ends.sum(0)
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        mean = np.where(length > 1e-9, mean / np.maximum(length, 1e-9), ends[0])
        if axis == 0:
            values[[0, -1]] = mean
        else:
            values[:, [0, -1]] = mean[:, None]
    return Channel(values.reshape(-1, 3), normals.index)


def _unit_range(at: F8) -> F8:
    return np.asarray((at - at[0]) / (at[-1] - at[0]))


def read_tets(
    context: ReadContext, prim: Any, uv_name: str = "", skin: Skin | None = None
) -> MeshData | None:
    """The surface of a TetMesh, flat-shaded, or None with a finding."""
    from pxr import UsdGeom

    points, path = read_points(context, prim, skin), prim.GetPath()
    if points is None:
        return None
    tets = UsdGeom.TetMesh(prim)
    faces = array(tets.GetSurfaceFaceVertexIndicesAttr().Get(context.time), np.int64)
    if faces is None or len(faces) == 0:
        indices = array(tets.GetTetVertexIndicesAttr().Get(context.time), np.int64)
        if indices is None or len(indices) == 0 or indices.min() < 0 or indices.max() >= len(points):
            context.finding(
                "mesh.topology", f"{path} is not drawn: its tetrahedra name points that do not exist", path
            )
            return None
        faces = array(UsdGeom.TetMesh.ComputeSurfaceFaces(tets, context.time), np.int64)
    if faces is None or faces.ndim != 2:
        context.finding("mesh.empty", f"{path} is not drawn: the mesh has no points or no faces", path)
        return None
    topology = make_topology(context, path, points, np.full(len(faces), 3, np.int64), faces.reshape(-1))
    if topology is None:
        return None
    left_handed = prim.GetAttribute("orientation").Get(context.time) == "leftHanded"
    color: Field | None = read_color(context, prim)
    color = color and fitting(
        context, prim, "displayColor", color, {"vertex": len(points), "varying": len(points)}
    )
    corners, _ = triangulate(topology.points, topology.counts, topology.indices, topology.normals)
    flag = prim.GetAttribute("doubleSided")
    return weld(
        topology,
        (
            flat_normals(topology, left_handed),
            None,
            Channel(color.values, topology.indices) if color else None,
        ),
        corners[:, ::-1] if left_handed else corners,
        scale=context.conversion.scale,
        slot=np.zeros(len(corners), np.int32),
        double_sided=bool(flag and flag.Get(context.time)),
    )
