"""Two soups of triangles, compared as sets whatever their order and sharing of points, or where a face begins. numpy only."""

from dataclasses import dataclass, replace

import numpy as np

Tri = np.ndarray
"""Triangles in world space, f8[t, 3, 3] (triangle, corner, axis)."""


@dataclass(frozen=True)
class Match:
    """Triangles of both sides, of one side only, the area [m2] of each side, and which rows of b have no partner."""

    both: int
    only_a: int
    only_b: int
    area_a: float
    area_b: float
    spare_b: np.ndarray
    example: str = ""

    @property
    def same(self) -> bool:
        """Whether the sets are equal and so are the areas."""
        close = abs(self.area_a - self.area_b) <= 1e-5 * max(self.area_a, self.area_b, 1e-12)
        return not self.only_a and not self.only_b and close


def fans(
    points: np.ndarray, counts: np.ndarray, indices: np.ndarray, last: np.ndarray | None = None
) -> tuple[Tri, np.ndarray]:
    """Triangles of faces, and each one's face. A fan from the first corner, or where `last` (bool[f]) from the last."""
    start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    out, face = [np.empty((0, 3), np.int64)], [np.empty(0, np.int64)]
    from_last = np.zeros(len(counts), bool) if last is None else last
    for count in np.unique(counts[counts >= 3]).tolist():
        which = np.flatnonzero(counts == count)
        turn = np.where(from_last[which], count - 1, 0)
        for k in range(1, count - 1):
            rows = [start[which] + (turn + step) % count for step in (0, k, k + 1)]
            out.append(np.stack([indices[row] for row in rows], -1))
            face.append(which)
    return points[np.concatenate(out)], np.concatenate(face)


def against_faces(
    ours: Tri, points: np.ndarray, counts: np.ndarray, indices: np.ndarray, tolerance: float
) -> Match:
    """Our triangles against faces of another reader.

    It is free to begin a face at another corner when it turns a left-handed mesh, so that fans from the last corner
    count, too. Of faces with five and more corners only number and area are compared: concave ones are cut otherwise.
    """
    theirs, face = fans(points, counts, indices)
    spare = compare(ours, theirs, tolerance).spare_b
    last = np.zeros(len(counts), bool)
    last[face[spare]] = True
    again, again_face = fans(points, counts, indices, last)
    match = compare(ours, again, tolerance)
    left_faces = np.unique(again_face[match.spare_b])
    wide = left_faces[counts[left_faces] > 4]
    cut_otherwise = int((counts[wide] - 2).sum())
    if cut_otherwise and match.only_a >= cut_otherwise:
        polygons = sum(_polygon_area(points, counts, indices, f) for f in wide.tolist())
        area_b = match.area_b - area(again[np.isin(again_face, wide)]) + polygons
        return replace(
            match,
            both=match.both + cut_otherwise,
            only_a=match.only_a - cut_otherwise,
            only_b=int((~np.isin(again_face[match.spare_b], wide)).sum()),
            area_b=area_b,
        )
    return match


def _polygon_area(points: np.ndarray, counts: np.ndarray, indices: np.ndarray, face: int) -> float:
    first = int(counts[:face].sum())
    ring = points[indices[first : first + counts[face]]]
    return float(np.linalg.norm(np.cross(ring - ring[0], np.roll(ring, -1, 0) - ring[0]).sum(0)) / 2)


def area(triangles: Tri) -> float:
    """Sum of areas."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def compare(a: Tri, b: Tri, tolerance: float) -> Match:
    """Match triangles with equal corners within the tolerance [m], in the same turn.

    Corners are numbered by where they lie along each axis: values closer than the tolerance count as one.
    """
    both = np.concatenate([a, b]).reshape(-1, 3)
    label = np.stack([_labels(both[:, axis], tolerance) for axis in range(3)], -1)
    _, corner = np.unique(label, axis=0, return_inverse=True)
    keys = _turned(corner.reshape(-1, 3))
    _, number = np.unique(keys, axis=0, return_inverse=True)
    number = number.reshape(-1)
    kinds = int(number.max(initial=-1)) + 1
    of_a = np.bincount(number[: len(a)], minlength=kinds)
    of_b = np.bincount(number[len(a) :], minlength=kinds)
    spare_a, spare_b = np.maximum(of_a - of_b, 0), np.maximum(of_b - of_a, 0)
    unmatched = spare_b[number[len(a) :]] > 0
    example = ""
    if spare_a.any():
        row = int(np.flatnonzero(number[: len(a)] == np.flatnonzero(spare_a)[0])[0])
        example = f"only ours: {np.array2string(a[row], precision=5, separator=',').replace(chr(10), '')}"
    return Match(
        int(np.minimum(of_a, of_b).sum()),
        int(spare_a.sum()),
        int(spare_b.sum()),
        area(a),
        area(b),
        unmatched,
        example,
    )


def _labels(values: np.ndarray, tolerance: float) -> np.ndarray:
    order = np.argsort(values, kind="stable")
    step = np.diff(values[order], prepend=values[order[:1]]) > tolerance
    out = np.empty(len(values), np.int64)
    out[order] = np.cumsum(step)
    return out


def _turned(corners: np.ndarray) -> np.ndarray:
    """Each row turned, not mirrored, so that its least number comes first."""
    first = np.argmin(corners, axis=1)
    return np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
