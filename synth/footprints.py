"""Whether things standing on a floor overlap: convex outlines seen from above, and the heights they span.

Boxes, not triangles: two things that pass do not touch; two that could be nested closer are kept apart.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.hull import convex_hull
from twinstage.scene.columns import F8

BISECTIONS = 60
"""Halvings of `shift_apart`: down to the last bit, nearly."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """A convex outline f8[n, 2], counter-clockwise, and the heights `bottom` to `top` [m]."""

    outline: F8
    bottom: float
    top: float


def footprint(corners: np.ndarray) -> Footprint:
    """The footprint of a box given by its corners in the world [n, 3]."""
    points = np.asarray(corners, np.float64)
    return Footprint(convex_hull(points[:, :2]), float(points[:, 2].min()), float(points[:, 2].max()))


def overlap(a: Footprint, b: Footprint, clearance: float = 0.0) -> bool:
    """Whether the two come closer than `clearance` [m] in plan while their heights overlap (separating axes)."""
    if a.top <= b.bottom or b.top <= a.bottom:
        return False
    for shape in (a.outline, b.outline):
        for normal in _normals(shape):
            pa, pb = a.outline @ normal, b.outline @ normal
            if pa.min() - pb.max() >= clearance or pb.min() - pa.max() >= clearance:
                return False
    return True


def plan_distance(a: np.ndarray, b: np.ndarray) -> F8:
    """The least distance f8[...] [m] between convex outlines f8[..., n, 2], counter-clockwise; 0 where they overlap."""
    apart = _apart(a, a, b) | _apart(b, a, b)
    out: F8 = np.where(apart, np.minimum(_to_edges(a, b), _to_edges(b, a)), 0.0)
    return out


def shift_apart(fixed: F8, moving: F8, away: F8, gap: float) -> float:
    """How far [m] to move an outline along the unit vector `away` f8[2], from a place where both overlap, to `gap` [m] apart.

    A bisection: no rounding of a formula decides whether the gap is there, but `plan_distance`. A formula says, however,
    which distances the bisection will ask for, all but the last few; so these are found at once.
    """
    near, far = 0.0, float(np.ptp(fixed, axis=0).sum() + np.ptp(moving, axis=0).sum()) + gap
    guess = max(_leaves(moving, fixed, away, gap), _leaves(fixed, moving, -away, gap))
    left = BISECTIONS
    while left:
        asked = _middles(near, far, guess, left)
        enough = plan_distance(fixed, moving + away * asked[:, None, None]) >= gap
        for middle, fits in zip(asked.tolist(), enough.tolist(), strict=True):
            near, far, left = (near, middle, left - 1) if fits else (middle, far, left - 1)
            if fits != (middle >= guess):
                guess = (near + far) / 2
                break
    return far


def _middles(near: float, far: float, end: float, count: int) -> F8:
    """Where a bisection that ends at `end` looks."""
    out = []
    for _ in range(count):
        middle = (near + far) / 2
        near, far = (near, middle) if middle >= end else (middle, far)
        out.append(middle)
    return np.array(out)


def _leaves(points: F8, outline: F8, away: F8, gap: float) -> float:
    """How far points f8[n, 2] move along `away` until all are `gap` from each edge of the outline; 0 if all miss it."""
    edge = _edges(outline)
    offset = points[:, None] - outline[None]
    # Out of the circle of that radius around each corner, |offset + t away| = gap, the later of both.
    ahead = offset @ away
    square = ahead**2 - (offset**2).sum(2) + gap**2
    circle = np.where(square >= 0, np.sqrt(np.maximum(square, 0)) - ahead, 0.0)
    # Across the line that is `gap` outside of each edge, where that happens beside the edge.
    length = np.linalg.norm(edge, axis=1)
    length[length == 0] = 1.0
    normal = _normals(outline)
    speed = normal @ away
    t = (gap - (offset * normal).sum(2)) / np.where(speed > 0, speed, np.inf)
    along = ((offset + t[..., None] * away) * edge).sum(2) / length**2
    line = np.where((speed > 0) & (along >= 0) & (along <= 1), t, 0.0)
    return float(max(circle.max(), line.max()))


def _normals(outline: F8) -> F8:
    """Unit normals f8[..., n, 2] of the edges, 0 of an edge without length."""
    edges = _edges(outline)
    x, y = edges[..., 0], edges[..., 1]
    length = np.sqrt(x**2 + y**2)
    length[length == 0] = 1.0
    return np.stack([y / length, -x / length], -1)


def _edges(outline: F8) -> F8:
    out: F8 = np.concatenate([outline[..., 1:, :], outline[..., :1, :]], -2) - outline
    return out


def _apart(shape: F8, a: F8, b: F8) -> np.ndarray:
    """Whether a normal of `shape` separates a and b, bool[...]."""
    normals = np.swapaxes(_normals(shape), -1, -2)
    along_a, along_b = a @ normals, b @ normals
    gaps = np.maximum(along_a.min(-2) - along_b.max(-2), along_b.min(-2) - along_a.max(-2))
    return np.asarray((gaps > 0).any(-1))


def _to_edges(points: F8, outline: F8) -> F8:
    """The least distance f8[...] of the points to the outline's edges."""
    edge = _edges(outline)[..., None, :, :]
    away = points[..., :, None, :] - outline[..., None, :, :]
    length = np.einsum("...k,...k->...", edge, edge)
    share = np.einsum("...k,...k->...", away, edge) / np.where(length == 0, 1.0, length)
    nearest = away - np.clip(share, 0, 1)[..., None] * edge
    return np.asarray(np.sqrt(np.einsum("...k,...k->...", nearest, nearest)).min((-2, -1)), np.float64)
