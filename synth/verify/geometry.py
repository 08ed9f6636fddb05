"""The judge's own formulas: intrinsics, boxes in space and in the image, rotations, rectangles."""

from dataclasses import dataclass
from typing import Any

import numpy as np


def intrinsics(lens: dict[str, Any], width: int, height: int, square: bool, parallel: bool) -> np.ndarray:
    """K f8[3, 3] with the pixel-edge origin, from a USD lens; square pixels keep the horizontal angle.

    `parallel`: an orthographic camera sees an area of its apertures, and 1000 mm are a metre.
    """
    unit = 1000.0 if parallel else lens["focal_length"]
    fx = unit / lens["horizontal_aperture"] * width
    fy = fx if square else unit / lens["vertical_aperture"] * height
    cx = width / 2 - lens["horizontal_offset"] / lens["horizontal_aperture"] * width
    cy = height / 2 + lens["vertical_offset"] / unit * fy
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def is_rigid(matrix: np.ndarray) -> bool:
    """Whether a 4x4 is a rotation and a translation."""
    return is_rotation(matrix[:3, :3]) and np.array_equal(matrix[3], [0, 0, 0, 1])


def is_rotation(linear: np.ndarray) -> bool:
    """Whether a 3x3 is orthonormal with determinant +1."""
    return bool(np.allclose(linear @ linear.T, np.eye(3), atol=1e-6) and np.linalg.det(linear) > 0)


def nearest_rotation(linear: np.ndarray) -> np.ndarray:
    """The rotation closest to the columns' directions f8[3, 3] (orthogonal Procrustes)."""
    u, _, vt = np.linalg.svd(linear / np.linalg.norm(linear, axis=0))
    out: np.ndarray = u @ vt
    return out


@dataclass(frozen=True, slots=True)
class BoxFrame:
    """A 3D box as corner, edges and the way into its own coordinates [m along each edge]. Edges may be 0 long."""

    corner: np.ndarray
    lengths: np.ndarray
    inverse: np.ndarray

    def local(self, points: np.ndarray) -> np.ndarray:
        """Places [..., 3] along the edges [m]."""
        out: np.ndarray = (points - self.corner) @ self.inverse.T
        return out

    def outside(self, points: np.ndarray) -> np.ndarray:
        """How far points [n, 3] lie outside [m]."""
        along = self.local(points)
        out: np.ndarray = np.maximum(np.maximum(-along, along - self.lengths), 0).max(-1)
        return out

    def missed(
        self, origins: np.ndarray, directions: np.ndarray, margin: float, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """Which rays [n, 3] never enter the box grown by `margin` [m] between parameters low and high [n]."""
        start = self.local(origins)
        along = directions @ self.inverse.T
        with np.errstate(divide="ignore", invalid="ignore"):
            first = (-margin - start) / along
            second = (self.lengths + margin - start) / along
        inside = (start >= -margin) & (start <= self.lengths + margin)
        still = np.abs(along) < 1e-15
        enter = np.where(still, np.where(inside, -np.inf, np.inf), np.minimum(first, second))
        leave = np.where(still, np.where(inside, np.inf, -np.inf), np.maximum(first, second))
        out: np.ndarray = ~(np.maximum(enter.max(-1), low) <= np.minimum(leave.min(-1), high))
        return out


def box_frame(corners: np.ndarray) -> BoxFrame:
    """Of eight corners f8[8, 3]; corner i adds edge 0, 1, 2 for bits 4, 2, 1 of i."""
    edges = np.stack([corners[4] - corners[0], corners[2] - corners[0], corners[1] - corners[0]])
    lengths = np.linalg.norm(edges, axis=1)
    axes = edges / np.where(lengths > 0, lengths, 1.0)[:, None]
    flat = np.flatnonzero(lengths <= 1e-12)
    for i in flat:
        # A flat box has no direction of its own across; the others' cross product stands in.
        across = np.cross(axes[(i + 1) % 3], axes[(i + 2) % 3])
        if np.linalg.norm(across) < 1e-9:  # a line or a point: any direction across will do
            others = axes[[k for k in range(3) if k not in flat]]
            across = np.linalg.svd(others)[2][-1] if len(others) else np.eye(3)[i]
        axes[i] = across / np.linalg.norm(across)
    return BoxFrame(corners[0], lengths, np.linalg.pinv(axes.T))


def is_box(corners: np.ndarray, world_from_object: np.ndarray) -> bool:
    """Whether the corners are an axis-aligned box of the object's axes, in the documented order."""
    local = (corners - world_from_object[:3, 3]) @ np.linalg.inv(world_from_object[:3, :3]).T
    low, high = local[0], local[7]
    bits = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], bool)
    tolerance = 1e-6 * max(1.0, float(np.abs(local).max()))
    return bool(
        np.all(high - low >= -tolerance) and np.allclose(local, np.where(bits, high, low), atol=tolerance)
    )


def hull(points: np.ndarray) -> np.ndarray:
    """The convex hull f8[n, 2], counter-clockwise in x-right y-down coordinates (monotone chain)."""
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    halves = []
    for sequence in (ordered, ordered[::-1]):
        chain: list[np.ndarray] = []
        for p in sequence:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        halves += chain[:-1]
    return np.array(halves)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def pixel_corners(mask: np.ndarray) -> np.ndarray:
    """Corners f8[n, 2] [px] of the first and last pixel of each row of a mask: all that its convex hull needs."""
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows][:, ::-1].argmax(1)
    out = [np.stack([x, rows + down], -1) for x in (first, last) for down in (0, 1)]
    return np.concatenate(out).astype(np.float64)


def least_area(points: np.ndarray) -> float:
    """The area of the smallest rectangle around points [n, 2]: one of its sides lies along an edge of their hull."""
    around = hull(points)
    edges = np.roll(around, -1, axis=0) - around
    along = edges / np.linalg.norm(edges, axis=1)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], -1)
    u, v = around @ along.T, around @ across.T
    return float((np.ptp(u, axis=0) * np.ptp(v, axis=0)).min())


def rectangle(corners: np.ndarray) -> tuple[float, float]:
    """Area of a quadrilateral f8[4, 2], and how far it is from a rectangle (length by which opposite corners disagree)."""
    a, b = corners[1] - corners[0], corners[3] - corners[0]
    skew = float(np.abs(corners[0] + a + b - corners[2]).max())
    length = np.linalg.norm(a) * np.linalg.norm(b)
    skew = max(skew, float(abs(a @ b) / max(np.sqrt(length), 1e-12)))
    return float(length), skew


def outside_rectangle(points: np.ndarray, corners: np.ndarray) -> float:
    """How far points [n, 2] reach outside of a rectangle f8[4, 2]."""
    worst = 0.0
    for near, far in ((corners[1], corners[0]), (corners[3], corners[0])):
        side = near - far
        length = float(np.linalg.norm(side))
        if length < 1e-12:
            return float("inf")
        along = (points - corners[0]) @ side / length
        worst = max(worst, float((-along).max()), float((along - length).max()))
    return worst
