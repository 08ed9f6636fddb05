"""Whether things standing on a floor overlap: convex outlines seen from above, and the heights they span.

Boxes, not triangles: two things that pass do not touch; two that could be nested closer are kept apart.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.hull import convex_hull
from twinstage.scene.columns import F8


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


def _normals(outline: F8) -> F8:
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([edges[:, 1], -edges[:, 0]], -1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    out: F8 = (normals / np.where(length == 0, 1.0, length))[length[:, 0] > 0]
    return out


def plan_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The least distance [m] between two convex outlines f8[n, 2], counter-clockwise; 0 where they overlap."""
    if not any(_apart(shape, a, b) for shape in (a, b)):
        return 0.0
    return min(_to_edges(a, b), _to_edges(b, a))


def _apart(shape: F8, a: F8, b: F8) -> bool:
    along_a, along_b = a @ _normals(shape).T, b @ _normals(shape).T
    gaps = np.maximum(along_a.min(0) - along_b.max(0), along_b.min(0) - along_a.max(0))
    return bool(np.any(gaps > 0))


def _to_edges(points: F8, outline: F8) -> float:
    """The least distance of the points to the outline's edges."""
    edge = np.roll(outline, -1, axis=0) - outline
    away = points[:, None] - outline[None]
    length = np.einsum("ek,ek->e", edge, edge)
    share = np.einsum("pek,ek->pe", away, edge) / np.where(length == 0, 1.0, length)
    nearest = away - np.clip(share, 0, 1)[..., None] * edge
    return float(np.sqrt(np.einsum("pek,pek->pe", nearest, nearest)).min())
