"""Convex hulls of points in the plane, and the smallest rectangle around them. numpy only."""

from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import F8

_WORTH = 48
"""Points above which it pays to leave out those that cannot be on the hull."""
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_ALL_ROUND = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def convex_hull(points: np.ndarray) -> F8:
    """The hull of points [n, 2], counter-clockwise (Andrew's monotone chain), starting at the lowest x, then y."""
    points = np.asarray(points, np.float64)
    if len(points) > _WORTH:
        points = _outer(points)
    ordered = sorted({(x, y) for x, y in points.tolist()})
    if len(ordered) < 3:
        return np.array(ordered)

    def chain(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        out: list[tuple[float, float]] = []
        for p in sequence:
            while len(out) > 1 and _cross(out[-2], out[-1], p) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def _outer(points: F8) -> F8:
    """The points that are not well inside of the polygon of those that reach farthest in some directions.

    (Akl and Toussaint 1978; the hull stays the same to the bit.)
    """
    farthest = np.unique((points @ _ALL_ROUND).argmax(axis=0), return_index=True)
    corners = points[
        farthest[0][np.argsort(farthest[1])]
    ]  # in the order of the directions: counter-clockwise
    edges = np.roll(corners, -1, axis=0) - corners
    across = np.stack([-edges[:, 1], edges[:, 0]])
    inwards = points @ across - np.einsum("ij,ji->i", corners, across)
    well = 1e-9 * (1.0 + float(np.abs(points).max())) ** 2
    out: F8 = points[~(inwards > well).all(axis=1)]
    return out


def _cross(o: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def smallest_rectangle(hull: np.ndarray) -> F8:
    """Corners f8[..., 4, 2], counter-clockwise, of the rectangle of least area around a convex hull [..., n, 2].

    One side of it lies on an edge of the hull (Freeman and Shapira 1975), so each edge is tried; of equal areas (to 1e-9)
    the first edge counts. Hulls of one or two points give a rectangle without area. A corner may be given several times.
    """
    points = np.asarray(hull, np.float64)
    edges = np.roll(points, -1, axis=-2) - points
    length = np.linalg.norm(edges, axis=-1)
    along = edges / np.where(length > 0, length, 1.0)[..., None]
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    u, v = points @ np.swapaxes(along, -1, -2), points @ np.swapaxes(across, -1, -2)
    low_u, high_u, low_v, high_v = u.min(-2), u.max(-2), v.min(-2), v.max(-2)
    area = np.where(length > 0, (high_u - low_u) * (high_v - low_v), np.inf)
    best = (area <= area.min(-1, keepdims=True) * (1 + 1e-9)).argmax(-1)[..., None]
    (low_u, high_u, low_v, high_v) = (
        np.take_along_axis(a, best, -1)[..., 0] for a in (low_u, high_u, low_v, high_v)
    )
    places = np.stack([low_u, low_v, high_u, low_v, high_u, high_v, low_u, high_v], -1)
    axes = np.stack([np.take_along_axis(a, best[..., None], -2)[..., 0, :] for a in (along, across)], -2)
    corners: F8 = places.reshape(*places.shape[:-1], 4, 2) @ axes
    return np.where((length > 0).any(-1)[..., None, None], corners, points[..., :1, :])


def smallest_rectangles(hulls: Sequence[F8]) -> list[F8]:
    """The same of many hulls, none of them empty; those of about as many corners together."""
    out = [np.empty((0, 2))] * len(hulls)
    room = np.array([-(-len(hull) // 8) * 8 for hull in hulls])
    for corners in np.unique(room).tolist():
        rows = np.flatnonzero(room == corners).tolist()
        # The first corner again and again, where there is room, changes nothing.
        filled = np.stack([np.repeat(hulls[k][:1], corners, axis=0) for k in rows])
        for place, k in enumerate(rows):
            filled[place, : len(hulls[k])] = hulls[k]
        for k, rectangle in zip(rows, smallest_rectangle(filled), strict=True):
            out[k] = rectangle
    return out
