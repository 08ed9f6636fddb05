"""Normals of corners where a file has none: faces smooth into each other up to a crease angle."""

import math

import numpy as np

from twinstage.scene.columns import F8

CREASE_RAD = math.radians(30.0)
"""Faces whose planes differ by more keep an edge between them [rad]."""
MAX_FAN = 2048
"""Faces around one point; where more meet, they stay flat, because each is compared with each."""
_CHUNK = 1 << 21


def face_normals(points: F8, counts: np.ndarray, indices: np.ndarray) -> F8:
    """Area vectors of polygons, f8[faces, 3] (twice the area long), after Newell."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    following = np.arange(len(indices)) + 1
    following[starts + counts - 1] = starts
    # About each face's own first point, so that the cross products keep their digits far from the origin.
    first = np.repeat(points[indices[starts]], counts, 0)
    a, b = points[indices] - first, points[indices[following]] - first
    out: F8 = np.add.reduceat(np.cross(a, b), starts, axis=0)
    return out


def corner_normals(
    points: F8, counts: np.ndarray, indices: np.ndarray, crease: "float | np.ndarray" = CREASE_RAD
) -> F8:
    """A unit normal for each corner, f8[corners, 3]; zero where the face has no area.

    `crease` [rad]: one angle, or one a face. At a point, a face takes in the faces that lie within its angle, weighted by
    area and normalised.
    """
    area = face_normals(points, counts, indices)
    length = np.linalg.norm(area, axis=1)
    unit = np.divide(area, length[:, None], out=np.zeros_like(area), where=length[:, None] > 0)
    face = np.repeat(np.arange(len(counts)), counts)
    least = np.cos(np.broadcast_to(np.asarray(crease, np.float64), counts.shape)) - 1e-9
    out: F8 = unit[face].copy()
    order = np.argsort(indices, kind="stable")
    begin = np.flatnonzero(np.diff(indices[order], prepend=-1))
    fan = np.diff(np.append(begin, len(order)))
    for size in np.unique(fan):
        if size < 2 or size > MAX_FAN:
            continue
        rows = begin[fan == size]
        step = max(1, _CHUNK // int(size * size))
        for low in range(0, len(rows), step):
            corners = order[rows[low : low + step, None] + np.arange(size)]
            faces = face[corners]
            cosine = np.einsum("nik,njk->nij", unit[faces], unit[faces])
            near = cosine >= least[faces][:, :, None]
            total = np.einsum("nij,njk->nik", near.astype(np.float64), area[faces])
            norm = np.linalg.norm(total, axis=2, keepdims=True)
            out[corners] = np.where(norm > 0, total / np.maximum(norm, 1e-300), out[corners])
    return out
