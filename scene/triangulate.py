"""Polygons to triangles: fans where the polygon is convex, ear clipping where it is not. numpy only.

Polygons are handled in groups of equal corner count, so that only concave polygons of five and more corners are
looked at one by one. Corners are numbered through all faces; the answers are corner numbers, so that any per-corner
value (uv, normal) can follow.
"""

from functools import lru_cache

import numpy as np

from twinstage.scene.columns import F8, I8


def cross(a: np.ndarray, b: np.ndarray) -> F8:
    """Cross products of rows f8[n, 3]: as numpy's, in a third of the time."""
    out = np.empty(a.shape)
    (a0, a1, a2), (b0, b1, b2) = a.T, b.T
    np.subtract(a1 * b2, a2 * b1, out=out[:, 0])
    np.subtract(a2 * b0, a0 * b2, out=out[:, 1])
    np.subtract(a0 * b1, a1 * b0, out=out[:, 2])
    return out


def next_corner(counts: np.ndarray) -> I8:
    """The corner that follows each corner in its face, i8[sum(counts)]."""
    total = int(counts.sum())
    following = np.arange(1, total + 1, dtype=np.int64)
    if len(counts) and counts[0] > 0 and (counts == counts[0]).all():
        rows = following.reshape(len(counts), -1)
        rows[:, -1] -= counts[0]
        return following
    start = np.cumsum(counts) - counts
    following[start + counts - 1] = start
    return following


def face_normals(points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> F8:
    """Newell normals f8[n_faces, 3], twice the area long, by the right-hand rule."""
    count = int(counts[0]) if len(counts) else 0
    if count in (3, 4) and (counts == count).all():
        corner = points[indices].reshape(-1, count, 3)
        side = corner[:, 1:] - corner[:, :1]
        out = cross(side[:, 0], side[:, 1]) + 0.0  # no negative zeros
        return out if count == 3 else out + cross(side[:, 1], side[:, 2])
    start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    following = next_corner(counts)
    here, there = points[indices], points[indices[following]]
    # Relative to the face's first corner, so that far-away faces keep their precision.
    origin = np.repeat(points[indices[start]], counts, axis=0)
    return np.add.reduceat(cross(here - origin, there - origin), start, axis=0)


def triangulate(
    points: np.ndarray, counts: np.ndarray, indices: np.ndarray, normals: F8 | None = None
) -> tuple[I8, I8]:
    """Corner numbers of triangles i8[t, 3] and the face of each triangle i8[t], in face order.

    `counts` i[n_faces], each at least 3; `indices` i[sum(counts)] into `points` f8[v, 3]; `normals`: those of
    `face_normals`, where they are known.
    """
    if len(counts) == 0:
        return np.empty((0, 3), np.int64), np.empty(0, np.int64)
    if (counts == 3).all():
        return np.arange(len(indices)).reshape(-1, 3), np.arange(len(counts))
    if normals is None:
        normals = face_normals(points, counts, indices)
    same = int(counts[0])
    if (counts == same).all():
        local = _triangulate_group(points[indices].reshape(-1, same, 3), normals)
        corner = np.arange(0, len(indices), same)[:, None, None] + local
        return corner.reshape(-1, 3), np.repeat(np.arange(len(counts)), same - 2)
    start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    triangles, faces = [], []
    for count in np.unique(counts):
        group = np.flatnonzero(counts == count)
        corners = start[group][:, None] + np.arange(count)
        local = _triangulate_group(points[indices[corners]], normals[group])
        rows = np.arange(len(group))[:, None, None]
        triangles.append(corners[rows, local].reshape(-1, 3))
        faces.append(np.repeat(group, count - 2))
    face = np.concatenate(faces)
    order = np.argsort(face, kind="stable")
    return np.concatenate(triangles)[order], face[order]


def _triangulate_group(polygons: np.ndarray, normals: np.ndarray) -> I8:
    """Local corner numbers i8[n, count - 2, 3] of polygons f8[n, count, 3]."""
    count = polygons.shape[1]
    fan = np.broadcast_to(_fan(count), (len(polygons), count - 2, 3))
    if count == 3:
        return fan
    turns = _turns(polygons, normals)
    if turns.min() >= 0:  # the usual case, which needs no look at rounding
        return fan
    noise = 1e-9 * np.abs(turns).max(1, keepdims=True)
    turns[np.abs(turns) <= noise] = 0.0
    concave = np.flatnonzero((turns < 0).any(1))
    out = fan.copy()
    if count == 4:
        # A fan from the reflex corner is right for every simple concave quad.
        reflex = np.argmin(turns[concave], 1)
        out[concave] = (out[concave] + reflex[:, None, None]) % 4
        return out
    for i in concave:
        out[i] = _clip_ears(polygons[i], normals[i])
    return out


def _turns(polygons: np.ndarray, normals: np.ndarray) -> F8:
    """How much each corner turns, f8[n, count]: negative where it is reflex."""
    count = polygons.shape[1]
    outgoing = np.empty(polygons.shape)
    np.subtract(polygons[:, 1:], polygons[:, :-1], out=outgoing[:, :-1])
    np.subtract(polygons[:, 0], polygons[:, -1], out=outgoing[:, -1])
    incoming = outgoing[:, np.arange(-1, count - 1)]
    across = cross(incoming.reshape(-1, 3), outgoing.reshape(-1, 3)).reshape(polygons.shape)
    return np.asarray(np.einsum("ncx,nx->nc", across, normals))


@lru_cache(maxsize=64)
def _fan(count: int) -> I8:
    """Local corner numbers i8[count - 2, 3] of a convex polygon's triangles, all from its first corner."""
    fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], -1)
    return np.asarray(fan, np.int64)


def _clip_ears(polygon: np.ndarray, normal: np.ndarray) -> I8:
    flat = _project(polygon, normal)
    remaining = list(range(len(flat)))
    triangles = []
    while len(remaining) > 3:
        k = _find_ear(flat, remaining)
        n = len(remaining)
        triangles.append((remaining[k - 1], remaining[k], remaining[(k + 1) % n]))
        del remaining[k]
    triangles.append((remaining[0], remaining[1], remaining[2]))
    return np.array(triangles, np.int64)


def _project(polygon: np.ndarray, normal: np.ndarray) -> F8:
    """The polygon in a plane, counter-clockwise."""
    length = np.linalg.norm(normal)
    n = normal / length if length > 0 else np.array([0.0, 0.0, 1.0])
    helper = np.eye(3)[np.argmin(np.abs(n))]
    u = np.cross(helper, n)
    u /= np.linalg.norm(u)
    return np.stack([polygon @ u, polygon @ np.cross(n, u)], -1)


def _find_ear(flat: np.ndarray, remaining: list[int]) -> int:
    """The position in `remaining` of the first ear; of the most convex corner where rounding leaves none."""
    ring = flat[remaining]
    before, after = np.roll(ring, 1, 0), np.roll(ring, -1, 0)
    area = _cross2(ring - before, after - ring)
    for k in np.flatnonzero(area > 0):
        a, b, c = before[k], ring[k], after[k]
        others = np.delete(ring, [(k - 1) % len(ring), k, (k + 1) % len(ring)], 0)
        inside = (
            (_cross2(b - a, others - a) >= 0)
            & (_cross2(c - b, others - b) >= 0)
            & (_cross2(a - c, others - c) >= 0)
        )
        # A corner that coincides with one of the ear's own (a bridge to a hole) does not block it.
        same = (others[:, None] == np.stack([a, b, c])[None]).all(2).any(1)
        if not (inside & ~same).any():
            return int(k)
    return int(np.argmax(area))


def _cross2(a: np.ndarray, b: np.ndarray) -> F8:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
