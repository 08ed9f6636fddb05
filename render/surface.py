"""How far points are from surfaces: exact distances to triangles, boxes first. numpy only."""

from collections.abc import Sequence

import numpy as np

from twinstage.render.casting import Bvh
from twinstage.scene.columns import F8, Bool


def near_surface(
    parts: Sequence[tuple[Bvh, np.ndarray]], points: np.ndarray, tolerance: float
) -> tuple[Bool, F8]:
    """Which points [n, 3] lie on a surface, and the chord error of the coarsest that they lie on, f8[n] [m].

    `parts`: triangles and world_from_gprim [m]. On it: no further than `tolerance` and twice its chord error [m].
    """
    on, chord = np.zeros(len(points), bool), np.zeros(len(points))
    for bvh, world in parts:
        stretch = float(np.linalg.norm(world[:3, :3], 2))
        mine = bvh.prototype.chord_error * stretch
        reach = tolerance + 2 * mine
        close = np.flatnonzero(_box_distance(bvh, world, points) <= reach)
        if not len(close):
            continue
        hit = close[_distances(bvh, world, points[close], reach) <= reach]
        on[hit] = True
        chord[hit] = np.maximum(chord[hit], mine)
    return on, chord


def _box_distance(bvh: Bvh, world: np.ndarray, points: np.ndarray) -> F8:
    """No more than the distance of points to the part's box in the world [m]."""
    middle = world[:3, :3] @ bvh.centre + world[:3, 3]
    local = np.linalg.solve(world[:3, :3], (points - middle).T).T
    outside = np.maximum(np.abs(local) - bvh.half, 0)
    least = float(np.linalg.svd(world[:3, :3], compute_uv=False)[-1])
    out: F8 = np.linalg.norm(outside, axis=1) * least
    return out


def _distances(bvh: Bvh, world: np.ndarray, points: np.ndarray, reach: float) -> F8:
    """Distances f8[n] [m] of points to the nearest triangle; inf where it is certainly beyond `reach`."""
    corners = bvh.prototype.points[bvh.triangles].astype(np.float64)
    corners = corners @ world[:3, :3].T + world[:3, 3]
    low, high = corners.min(1) - reach, corners.max(1) + reach
    out = np.full(len(points), np.inf)
    for k, point in enumerate(points):
        around = ((low <= point) & (point <= high)).all(1)
        if around.any():
            out[k] = triangle_distances(point, corners[around]).min()
    return out


def triangle_distances(point: np.ndarray, corners: np.ndarray) -> F8:
    """Distances f8[t] of a point [3] to triangles [t, 3, 3].

    To the plane where the point stands over the triangle, else to the nearest of the three edges.
    """
    a = corners[:, 0]
    ab, ac, ap = corners[:, 1] - a, corners[:, 2] - a, point - a
    normal = np.cross(ab, ac)
    square = np.einsum("ij,ij->i", normal, normal)
    safe = np.where(square > 0, square, 1.0)
    height = np.abs(np.einsum("ij,ij->i", normal, ap)) / np.sqrt(safe)
    v = np.einsum("ij,ij->i", np.cross(ap, ac), normal) / safe
    w = np.einsum("ij,ij->i", np.cross(ab, ap), normal) / safe
    over = (square > 0) & (v >= 0) & (w >= 0) & (v + w <= 1)
    edge = np.min([_edge_distance(point, corners[:, i], corners[:, (i + 1) % 3]) for i in range(3)], axis=0)
    out: F8 = np.where(over, height, edge)
    return out


def _edge_distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> F8:
    along = b - a
    square = np.einsum("ij,ij->i", along, along)
    share = np.clip(np.einsum("ij,ij->i", along, point - a) / np.where(square > 0, square, 1.0), 0, 1)
    out: F8 = np.linalg.norm(a + share[:, None] * along - point, axis=1)
    return out
