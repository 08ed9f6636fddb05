"""The subdivision attributes of a UsdGeomMesh -> refined faces with their primvars.

How far: `ReadContext.refine` levels (or a mesh's own `refinementLevel`), fewer where a mesh or the whole stage would
get too many triangles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import I8, Bool
from twinstage.scene.read.channels import Channel, has_normals
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.topology import Topology
from twinstage.scene.subdivide.cage import Cage
from twinstage.scene.subdivide.refine import Refined, kept_refine

MAX_LEVEL = 6
MAX_MESH_TRIANGLES = 500_000
MAX_STAGE_TRIANGLES = 20_000_000
FACE_VARYING = ("none", "cornersOnly", "cornersPlus1", "cornersPlus2", "boundaries", "all")
BOUNDARY = ("none", "edgeOnly", "edgeAndCorner")


@dataclass(frozen=True)
class Surface:
    """A refined mesh: `topology.face` names the authored faces, `hidden` (bool[f]) what is not drawn of the refined ones."""

    topology: Topology
    channels: tuple[Channel, Channel | None, Channel | None]
    hidden: Bool
    chord_error: float


def scheme_of(context: ReadContext, mesh: Any) -> str:
    """ "none", "catmullClark", "loop" or "bilinear".

    USD's fallback is catmullClark and then ignores normals. Normals on a mesh that names no scheme say that its author
    meant polygons, and that is how the tools that write such meshes show them: so do we, with a finding.
    """
    attribute = mesh.GetSubdivisionSchemeAttr()
    if not attribute.HasAuthoredValue() and has_normals(mesh):
        context.count(
            "mesh.subdivision-unsaid",
            "mesh with normals and without a subdivisionScheme is drawn as polygons (USD's fallback is catmullClark)",
        )
        return "none"
    scheme = str(attribute.Get() or "catmullClark")
    if scheme in ("none", "catmullClark", "loop", "bilinear"):
        return scheme
    path = mesh.GetPath()
    context.finding(
        "mesh.scheme", f"{path}: subdivisionScheme {scheme!r} is unknown, so it is drawn as polygons", path
    )
    return "none"


def refine_mesh(
    context: ReadContext,
    mesh: Any,
    topology: Topology,
    scheme: str,
    uv: Channel | None,
    color: Channel | None,
) -> Surface | None:
    """The refined mesh; None (with a finding) where the cage itself has to do."""
    path = mesh.GetPath()
    if scheme == "loop" and (topology.counts != 3).any():
        context.finding("mesh.subdivision", f"{path}: loop wants triangles only, so its cage is drawn", path)
        return None
    depth = _depth(context, mesh, topology, scheme)
    if depth == 0:
        context.count("mesh.subdivision", "subdivision surface drawn as its control cage")
        return None
    cage = _cage(context, mesh, topology, scheme)
    refined = kept_refine(cage, depth)
    if refined.unknown_creases:
        context.finding(
            "mesh.crease", f"{path}: {refined.unknown_creases} creases run where the mesh has no edge", path
        )
    return _surface(topology, refined, uv, color)


def cage_error(context: ReadContext, mesh: Any, topology: Topology, scheme: str) -> float:
    """How far a cage that is drawn as it is lies from its surface [stage units]; 0 where it has none."""
    if scheme == "loop" and (topology.counts != 3).any():
        return 0.0
    return kept_refine(_cage(context, mesh, topology, scheme), 1).cage_error(topology.points)


def _surface(topology: Topology, refined: Refined, uv: Channel | None, color: Channel | None) -> Surface:
    level = refined.finest
    points = refined.points(topology.points)
    normals, normal_index = refined.normals(points)
    indices = level.indices
    made = Topology(
        points=points,
        counts=level.counts,
        indices=indices,
        face=topology.face[level.face],
        corner=np.arange(len(indices)),
        n_faces=topology.n_faces,
        n_corners=len(indices),
    )
    return Surface(
        topology=made,
        channels=(
            Channel(normals, normal_index),
            _refined_channel(refined, topology, uv),
            _refined_channel(refined, topology, color),
        ),
        hidden=refined.hidden[level.face],
        chord_error=refined.chord_error(points),
    )


def _refined_channel(refined: Refined, topology: Topology, channel: Channel | None) -> Channel | None:
    if channel is None:
        return None
    level = refined.finest
    if channel.interpolation == "faceVarying":
        values, index = refined.face_varying(channel.values, channel.index)
        return Channel(values, index, "faceVarying")
    if channel.interpolation in ("uniform", "constant"):
        first = np.cumsum(topology.counts) - topology.counts  # all corners of a face agree
        of_face = channel.index[first][level.face]
        return Channel(channel.values, np.repeat(of_face, level.counts), channel.interpolation)
    at_points = np.zeros((len(topology.points), channel.values.shape[1]))
    at_points[topology.indices] = channel.values[channel.index]
    refine = refined.varying if channel.interpolation == "varying" else refined.points
    return Channel(refine(at_points), level.indices, channel.interpolation)


def _depth(context: ReadContext, mesh: Any, topology: Topology, scheme: str) -> int:
    """How many levels: as asked for, as far as the limits allow, with a finding where they do not."""
    asked = _authored_level(context, mesh)
    asked = min(context.refine if asked is None else asked, MAX_LEVEL)
    first = len(topology.counts) if scheme == "loop" else len(topology.indices) / 2
    limit = min(MAX_MESH_TRIANGLES, MAX_STAGE_TRIANGLES - context.refined_triangles)
    depth = asked
    while depth > 0 and first * 4**depth > limit:
        depth -= 1
    if depth < asked:
        path = mesh.GetPath()
        context.finding(
            "mesh.refinement",
            f"{path}: refined {depth} times instead of {asked}, to stay below {int(limit):,} triangles",
            path,
            "info",
        )
    if depth:
        context.refined_triangles += int(first * 4**depth)
    return depth


def _authored_level(context: ReadContext, mesh: Any) -> int | None:
    """The level that a mesh asks for itself (`refinementLevel` with `refinementEnableOverride`, as Omniverse writes it)."""
    override = mesh.GetPrim().GetAttribute("refinementEnableOverride")
    level = mesh.GetPrim().GetAttribute("refinementLevel")
    if not override or not level or not override.Get(context.time):
        return None
    value = level.Get(context.time)
    return max(0, value) if isinstance(value, int) else None


def _cage(context: ReadContext, mesh: Any, topology: Topology, scheme: str) -> Cage:
    time = context.time
    edges, sharpness = _creases(context, mesh, len(topology.points))
    corners, corner_sharpness = _corners(context, mesh, len(topology.points))
    return Cage(
        counts=topology.counts,
        indices=topology.indices,
        size=len(topology.points),
        scheme=scheme,
        boundary=_token(context, mesh, mesh.GetInterpolateBoundaryAttr(), BOUNDARY, "edgeAndCorner"),
        crease_edges=edges,
        crease_sharpness=sharpness,
        corners=corners,
        corner_sharpness=corner_sharpness,
        face_varying=_token(
            context, mesh, mesh.GetFaceVaryingLinearInterpolationAttr(), FACE_VARYING, "cornersPlus1"
        ),
        smooth_triangles=str(mesh.GetTriangleSubdivisionRuleAttr().Get(time)) == "smooth",
    )


def _token(context: ReadContext, mesh: Any, attribute: Any, known: tuple[str, ...], fallback: str) -> str:
    value = str(attribute.Get(context.time))
    if value in known:
        return value
    path = mesh.GetPath()
    context.finding(
        "mesh.subdivision-token",
        f"{path}: {attribute.GetName()} {value!r} is unknown, {fallback} is used",
        path,
    )
    return fallback


def _creases(context: ReadContext, mesh: Any, n_points: int) -> tuple[I8, np.ndarray]:
    """Edges i8[k, 2] and their sharpness f8[k]; nothing, with a finding, where the arrays contradict each other."""
    time, path = context.time, mesh.GetPath()
    none = np.empty((0, 2), np.int64), np.empty(0)
    indices = array(mesh.GetCreaseIndicesAttr().Get(time), np.int64)
    if indices is None or len(indices) == 0:
        return none
    lengths = _or_empty(array(mesh.GetCreaseLengthsAttr().Get(time), np.int64))
    sharpness = _or_empty(array(mesh.GetCreaseSharpnessesAttr().Get(time)))
    fits = (lengths >= 2).all() and lengths.sum() == len(indices)
    if not fits or len(sharpness) not in (len(lengths), int((lengths - 1).sum())):
        context.finding(
            "mesh.crease",
            f"{path}: creases are left out, because their lengths and sharpnesses do not fit",
            path,
        )
        return none
    if indices.min() < 0 or indices.max() >= n_points or not np.isfinite(sharpness).all():
        context.finding(
            "mesh.crease", f"{path}: creases are left out, because they name no points or numbers", path
        )
        return none
    last = np.zeros(len(indices), bool)
    last[np.cumsum(lengths) - 1] = True
    start = np.flatnonzero(~last)
    each = sharpness if len(sharpness) == len(start) else np.repeat(sharpness, lengths - 1)
    return np.stack([indices[start], indices[start + 1]], -1), each


def _corners(context: ReadContext, mesh: Any, n_points: int) -> tuple[I8, np.ndarray]:
    time, path = context.time, mesh.GetPath()
    indices = array(mesh.GetCornerIndicesAttr().Get(time), np.int64)
    sharpness = _or_empty(array(mesh.GetCornerSharpnessesAttr().Get(time)))
    if indices is None or len(indices) == 0:
        return np.empty(0, np.int64), np.empty(0)
    bad = len(indices) != len(sharpness) or indices.min() < 0 or indices.max() >= n_points
    if bad or not np.isfinite(sharpness).all():
        context.finding(
            "mesh.corner", f"{path}: corners are left out, because their sharpnesses do not fit", path
        )
        return np.empty(0, np.int64), np.empty(0)
    return indices, sharpness


def _or_empty(values: np.ndarray | None) -> np.ndarray:
    return np.empty(0) if values is None else values
