"""A document's mesh as a clean USD mesh: welded points, no empty faces, no unused points, indexed corner values. Pure.

Positions are rounded to float32 once, since that is what USD keeps; equal ones become one point, where nothing else of
theirs (joints, weights, morph offsets) differs. What files keep a vertex for each combination of position, normal and uv
becomes one point with values at its corners.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.document import Mesh, Morph, Primvar
from twinstage.scene.columns import F8, I8
from twinstage.scene.distinct import combine, distinct, distinct_integers, distinct_rows
from twinstage.scene.triangulate import face_normals

FLAT = 1e-12
"""A face of less area than this, by the square of the mesh's size, has none."""


@dataclass(frozen=True)
class CleanMesh:
    """Arrays to write.

    points: f4[n, 3]; counts, indices: i4. normals: f4[k, 3], by `normals_at` "vertex" or "faceVarying". uvs: (values,
    indices) each. colors: values, indices or None, where they stand. subsets: (material, name, faces), a partition,
    in the order of the document's, and the document's number of each, -1 for the rest. dropped: faces without area.
    """

    points: np.ndarray
    counts: np.ndarray
    indices: np.ndarray
    normals: np.ndarray
    normals_at: str
    uvs: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    colors: tuple[np.ndarray, np.ndarray | None, str] | None = None
    subsets: tuple[tuple[int, str, np.ndarray], ...] = ()
    joints: np.ndarray | None = None
    weights: np.ndarray | None = None
    morphs: tuple[Morph, ...] = ()
    subset_numbers: tuple[int, ...] = ()
    dropped: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def triangles(self) -> int:
        """Triangles that the faces make."""
        return int((self.counts - 2).sum()) if len(self.counts) else 0


def clean_mesh(mesh: Mesh) -> CleanMesh | None:
    """The clean mesh; None where no face with an area is left."""
    points = np.asarray(mesh.points, np.float32) + np.float32(0)  # no negative zeros
    counts, indices = np.asarray(mesh.counts, np.int64), np.asarray(mesh.indices, np.int64)
    faces = _with_area(mesh, points, counts, indices)
    if not len(faces):
        return None
    keep = np.zeros(len(counts), bool)
    keep[faces] = True
    corners = np.flatnonzero(np.repeat(keep, counts))
    counts_kept = counts[faces]
    old = indices[corners]
    first, new = _weld(mesh, points, old)
    at = _Corners(corners, np.repeat(np.arange(len(counts)), counts)[corners], old, new, len(first))
    normals, where = _normals(mesh, at, points[first], counts_kept, new)
    weights = joints = None
    notes: list[str] = []
    partition = list(_partition(mesh, keep, notes))
    if mesh.joints is not None and mesh.weights is not None:
        joints, weights = _influences(mesh.joints[first], mesh.weights[first], notes)
    return CleanMesh(
        points=points[first],
        counts=counts_kept.astype(np.int32),
        indices=new.astype(np.int32),
        normals=normals,
        normals_at=where,
        uvs=tuple(_indexed(at.of(uv)) for uv in mesh.uvs),
        colors=_colors(mesh.colors, at, keep),
        subsets=tuple((material, name, faces) for _, material, name, faces in partition),
        subset_numbers=tuple(number for number, *_ in partition),
        joints=joints,
        weights=weights,
        morphs=tuple(_morph(morph, first) for morph in mesh.morphs),
        dropped=len(counts) - len(faces),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Corners:
    """The corners that stay: their old numbers, old faces, old and new points."""

    corner: I8
    face: I8
    old: I8
    new: I8
    n_points: int

    def of(self, primvar: Primvar) -> F8:
        """The value at each corner."""
        element = {
            "constant": np.zeros(len(self.corner), np.int64),
            "uniform": self.face,
            "vertex": self.old,
            "faceVarying": self.corner,
        }[primvar.interpolation]
        rows = element if primvar.indices is None else np.asarray(primvar.indices)[element]
        return np.asarray(primvar.values[rows], np.float64)

    def by_point(self, values: np.ndarray) -> np.ndarray | None:
        """One value a point, where all corners of a point agree; else None."""
        out = np.zeros((self.n_points, values.shape[1]), values.dtype)
        out[self.new] = values
        return out if np.array_equal(out[self.new], values) else None


def _with_area(mesh: Mesh, points: np.ndarray, counts: I8, indices: I8) -> I8:
    """Numbers of the faces that have an area, at rest or in a morph target."""
    if not len(points) or not len(counts):
        return np.zeros(0, np.int64)
    faces = np.flatnonzero(counts >= 3)
    chosen = indices[np.repeat(counts >= 3, counts)]
    if not len(faces):
        return faces
    alive = np.zeros(len(faces), bool)
    for offset in (None, *(morph.offsets for morph in mesh.morphs)):
        where = np.asarray(points, np.float64) if offset is None else np.asarray(points + offset, np.float64)
        size = float(np.ptp(where[chosen], axis=0).max())
        normals = face_normals(where, counts[faces], chosen)
        alive |= np.linalg.norm(normals, axis=1) > FLAT * size * size
    return np.asarray(faces[alive])


def _weld(mesh: Mesh, points: np.ndarray, old: I8) -> tuple[I8, I8]:
    """(old number of each new point, in order of their first corner; new point of each corner)."""
    used, compact = distinct_integers(old, len(points))
    keys = [distinct_rows(points[used])[1]]
    if mesh.joints is not None and mesh.weights is not None:
        keys.append(distinct_rows(np.asarray(mesh.joints[used], np.float32))[1])
        keys.append(distinct_rows(np.asarray(mesh.weights[used], np.float32))[1])
    for morph in mesh.morphs:
        keys.append(distinct_rows(np.asarray(morph.offsets[used], np.float32))[1])
        if morph.normal_offsets is not None:
            keys.append(distinct_rows(np.asarray(morph.normal_offsets[used], np.float32))[1])
    number = distinct(combine(keys))[1]
    group = number[compact]
    first = np.empty(int(number.max()) + 1, np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return old[first[order]], rank[group]


def _normals(mesh: Mesh, at: _Corners, points: np.ndarray, counts: I8, indices: I8) -> tuple[np.ndarray, str]:
    """Unit normals f4 and where they stand; what has no length is computed from the faces."""
    flat = _unit(face_normals(np.asarray(points, np.float64), counts, indices))
    of_face = np.repeat(np.arange(len(counts)), counts)
    if mesh.normals is not None:
        values = at.of(mesh.normals)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        good = length > 1e-6
        values = np.where(good, values / np.where(good, length, 1.0), flat[of_face])
    elif mesh.smooth:
        sums = np.zeros((len(points), 3))
        areas = face_normals(np.asarray(points, np.float64), counts, indices)
        for k in range(3):
            sums[:, k] = np.bincount(indices, areas[of_face, k], len(points))
        values = _unit(sums)[indices]
        lost = np.linalg.norm(values, axis=1) < 0.5
        values[lost] = flat[of_face][lost]
    else:
        values = flat[of_face]
    rounded = values.astype(np.float32) + np.float32(0)
    by_point = at.by_point(rounded)
    return (rounded, "faceVarying") if by_point is None else (by_point, "vertex")


def _unit(vectors: F8) -> F8:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def _indexed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each distinct value once, in order of appearance, and the number of each corner's."""
    rounded = values.astype(np.float32) + np.float32(0)
    place, number = distinct_rows(rounded)
    first = np.empty(len(place), np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rounded[first[order]], rank[number].astype(np.int32)


def _colors(
    colors: Primvar | None, at: _Corners, keep: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, str] | None:
    if colors is None:
        return None
    if colors.interpolation == "constant":
        return np.asarray(colors.flat()[:1], np.float32), None, "constant"
    if colors.interpolation == "uniform":
        return np.asarray(colors.flat()[keep], np.float32), None, "uniform"
    values = at.of(colors).astype(np.float32)
    by_point = at.by_point(values)
    if by_point is not None:
        return by_point, None, "vertex"
    place, indices = _indexed(values)
    return place, indices, "faceVarying"


def _influences(joints: np.ndarray, weights: np.ndarray, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Weights that add up to 1, greatest first; columns that nobody uses are left out."""
    weights = np.maximum(np.nan_to_num(np.asarray(weights, np.float64)), 0.0)
    total = weights.sum(1, keepdims=True)
    lost = total[:, 0] <= 0
    if lost.any():
        notes.append(f"{int(lost.sum())} points have no weights; the first joint moves them")
        weights[lost, 0], total[lost] = 1.0, 1.0
    weights = weights / total
    joints = np.where(weights > 0, joints, 0)
    order = np.argsort(-weights, axis=1, kind="stable")
    weights, joints = np.take_along_axis(weights, order, 1), np.take_along_axis(joints, order, 1)
    width = max(1, int((weights > 0).any(0).sum()))
    return joints[:, :width].astype(np.int32), weights[:, :width].astype(np.float32)


def _partition(mesh: Mesh, keep: np.ndarray, notes: list[str]) -> Iterator[tuple[int, int, str, np.ndarray]]:
    """Each face in one subset; faces of none get one more, with the mesh's own material."""
    if not mesh.subsets:
        return
    number = np.cumsum(keep) - 1
    owner = np.full(len(keep), -1)
    for n, subset in enumerate(mesh.subsets):
        faces = np.asarray(subset.faces, np.int64)
        free = faces[owner[faces] < 0]
        if len(free) < len(faces):
            notes.append(f"{len(faces) - len(free)} faces lie in two subsets; the first has them")
        owner[free] = n
    for n, subset in enumerate(mesh.subsets):
        faces = np.flatnonzero((owner == n) & keep)
        if len(faces):
            yield n, subset.material, subset.name, number[faces].astype(np.int32)
    left = np.flatnonzero((owner < 0) & keep)
    if len(left):
        yield -1, mesh.material, "rest", number[left].astype(np.int32)


def _morph(morph: Morph, first: I8) -> Morph:
    normals = None if morph.normal_offsets is None else morph.normal_offsets[first].astype(np.float32)
    return Morph(morph.name, morph.offsets[first].astype(np.float32), normals)
