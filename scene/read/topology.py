"""The faces of a UsdGeomMesh that can be drawn, and where each face and corner stood as authored.

What cannot be drawn is left out face by face, with a finding; a mesh whose counts contradict each other is not drawn at all.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.skel import Skin
from twinstage.scene.triangulate import face_normals, next_corner


@dataclass(frozen=True)
class Topology:
    """Faces as USD has them: counts i8[f], indices i8[c] into points f8[v, 3] (stage units).

    face i8[f], corner i8[c]: the number that the face and the corner have in the authored arrays; n_faces, n_corners:
    how many there are.
    """

    points: F8
    counts: I8
    indices: I8
    face: I8
    corner: I8
    n_faces: int
    n_corners: int

    @cached_property
    def normals(self) -> F8:
        """Normals of the faces by the right-hand rule, twice their area long, f8[f, 3]."""
        return face_normals(self.points, self.counts, self.indices)

    @property
    def corner_face(self) -> I8:
        """The face of each corner, by its place in `counts`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def read_topology(context: ReadContext, mesh: Any, skin: Skin | None = None) -> Topology | None:
    """The faces that can be drawn, with points deformed by `skin`, or None with a finding."""
    path = mesh.GetPath()
    points = array(mesh.GetPointsAttr().Get(context.time))
    counts = array(mesh.GetFaceVertexCountsAttr().Get(context.time), np.int64)
    indices = array(mesh.GetFaceVertexIndicesAttr().Get(context.time), np.int64)
    if points is None or counts is None or indices is None or 0 in (len(points), len(counts), len(indices)):
        context.finding("mesh.empty", f"{path} is not drawn: the mesh has no points or no faces", path)
        return None
    if skin is None:
        influences = mesh.GetPrim().GetAttribute("primvars:skel:jointIndices")
        if influences and influences.HasAuthoredValue():
            reason = "it has joint influences, but no SkelRoot and Skeleton above it that would move it"
            context.finding("skel.unbound", f"{path} is drawn in its bind pose: {reason}", path)
    elif points.ndim == 2:
        moved = skin.points(points)
        points = points if moved is None else moved
    return make_topology(context, path, points, counts, indices)


def make_topology(
    context: ReadContext, path: Any, points: np.ndarray, counts: np.ndarray, indices: np.ndarray
) -> Topology | None:
    """As `read_topology`, from arrays."""
    if points.ndim != 2 or points.shape[1] != 3:
        context.finding("mesh.point-type", f"{path} is not drawn: its points are not of type point3f[]", path)
        return None
    fault = _count_fault(counts, indices)
    if fault:
        context.finding("mesh.topology", f"{path} is not drawn: {fault}", path)
        return None
    keep = _drawable_faces(context, path, points, counts, indices)
    if keep is None:
        return None
    if keep.all():
        face, corner = np.arange(len(counts)), np.arange(len(indices))
        return Topology(points, counts, indices, face, corner, len(counts), len(indices))
    corner = np.flatnonzero(np.repeat(keep, counts))
    face = np.flatnonzero(keep)
    return Topology(points, counts[keep], indices[corner], face, corner, len(counts), len(indices))


def _count_fault(counts: np.ndarray, indices: np.ndarray) -> str:
    if (counts < 0).any():
        return "faceVertexCounts has negative entries"
    if counts.sum() != len(indices):
        return f"faceVertexCounts add up to {counts.sum()}, but there are {len(indices)} faceVertexIndices"
    return ""


def _drawable_faces(
    context: ReadContext, path: Any, points: np.ndarray, counts: np.ndarray, indices: np.ndarray
) -> Bool | None:
    """Which faces can be drawn, bool[f]; None, with a finding, where none can."""
    if (
        len(indices)
        and counts.min() >= 3
        and indices.min() >= 0
        and indices.max() < len(points)
        and np.isfinite(points).all()
    ):
        return np.ones(len(counts), bool)  # the usual case
    short = counts < 3
    outside = (indices < 0) | (indices >= len(points))
    reasons: list[tuple[str, str, Bool]] = [
        ("mesh.short-faces", "faces of fewer than 3 corners are left out", short),
    ]
    if outside.any():
        text = f"faceVertexIndices run from {indices.min()} to {indices.max()}, but there are {len(points)} points"
        reasons.append(("mesh.topology", text, _any_corner(outside, counts)))
    safe = np.where(outside, 0, indices)
    broken = ~np.isfinite(points).all(1)
    if broken.any():
        text = f"points are not all finite ({int(broken.sum())} of {len(points)})"
        reasons.append(("mesh.not-finite", text, _any_corner(broken[safe], counts)))
    keep = np.ones(len(counts), bool)
    for code, text, lost in reasons:
        number = int(lost.sum())
        keep &= ~lost
        if number and number == len(counts):
            context.finding(code, f"{path} is not drawn: {text}", path)
            return None
        if number:
            rest = text if code == "mesh.short-faces" else f"faces are left out, because {text}"
            context.finding(code, f"{path}: {number} {rest}", path)
    if keep.any():
        return keep
    context.finding("mesh.topology", f"{path} is not drawn: no face of the mesh can be drawn", path)
    return None


def _any_corner(flag: np.ndarray, counts: np.ndarray) -> Bool:
    """Whether any corner of each face is flagged, bool[f]; faces may have no corners."""
    before = np.concatenate([[0], np.cumsum(flag)])
    end = np.cumsum(counts)
    return np.asarray(before[end] > before[end - counts])


def report_flat_faces(context: ReadContext, path: Any, topology: Topology) -> None:
    """A finding where no face has an area, or faces name a point twice in a row.

    Such faces are kept, because they change nothing that can be seen; for the same reason, single faces that are flat only by
    where their points lie are not worth a word.
    """
    if not topology.normals.any():
        context.finding("mesh.degenerate", f"{path} cannot be seen: none of its faces has an area", path)
        return
    following = topology.indices[next_corner(topology.counts)]
    repeated = np.flatnonzero(topology.indices == following)
    if len(repeated):
        number = len(np.unique(topology.corner_face[repeated]))
        context.finding(
            "mesh.degenerate", f"{path}: {number} faces name the same point twice in a row", path, "info"
        )
