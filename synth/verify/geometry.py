"""The judge's own formulas: intrinsics from a lens, projection of boxes, what lies inside what."""

from typing import Any

import numpy as np

_NEAR = 1e-4
"""Boxes are cut at this depth [m]: what lies behind the camera has no place in the image."""


def intrinsics(lens: dict[str, Any], width: int, height: int, square: bool) -> np.ndarray:
    """K f8[3, 3] with the pixel-edge origin, from a USD lens; square pixels keep the horizontal angle."""
    focal = lens["focal_length"]
    fx = focal / lens["horizontal_aperture"] * width
    fy = fx if square else focal / lens["vertical_aperture"] * height
    cx = width / 2 - lens["horizontal_offset"] / lens["horizontal_aperture"] * width
    cy = height / 2 + lens["vertical_offset"] / focal * fy
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def is_rigid(matrix: np.ndarray) -> bool:
    """Whether a 4x4 is a rotation and a translation."""
    linear = matrix[:3, :3]
    square = np.allclose(linear @ linear.T, np.eye(3), atol=1e-6) and np.linalg.det(linear) > 0
    return bool(square and np.array_equal(matrix[3], [0, 0, 0, 1]))


def back_projected(
    K: np.ndarray, world_from_camera: np.ndarray, mask: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """World points f8[n, 3] of the mask's pixels at their depths z [m]."""
    rows, columns = np.nonzero(mask)
    rays = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], -1) @ np.linalg.inv(K).T
    points = rays * depth[rows, columns].astype(np.float64)[:, None]
    out: np.ndarray = points @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]
    return out


def outside_box(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """How far points [n, 3] lie outside of a box [m], f8[n]; corner i adds edge 0, 1, 2 for bits 4, 2, 1 of i."""
    edges = np.stack([corners[4] - corners[0], corners[2] - corners[0], corners[1] - corners[0]])
    lengths = np.linalg.norm(edges, axis=1)
    # A flat box has no direction of its own across; the others' cross product stands in.
    axes = edges / np.where(lengths > 0, lengths, 1.0)[:, None]
    for i in np.flatnonzero(lengths <= 0):
        axes[i] = np.cross(axes[(i + 1) % 3], axes[(i + 2) % 3])
    along = np.linalg.lstsq(axes.T, (points - corners[0]).T, rcond=None)[0].T
    beyond = np.maximum(np.maximum(-along, along - lengths), 0)
    out: np.ndarray = beyond.max(1)
    return out


def is_box(corners: np.ndarray, world_from_object: np.ndarray) -> bool:
    """Whether the corners are an axis-aligned box of the object's axes, in the documented order."""
    local = (corners - world_from_object[:3, 3]) @ np.linalg.inv(world_from_object[:3, :3]).T
    low, high = local[0], local[7]
    bits = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], bool)
    tolerance = 1e-6 * max(1.0, float(np.abs(local).max()))
    return bool(
        np.all(high - low >= -tolerance) and np.allclose(local, np.where(bits, high, low), atol=tolerance)
    )


def projected_outline(K: np.ndarray, world_from_camera: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The convex outline f8[n, 2] [px] of a box in the image, counter-clockwise in x-right y-down coordinates."""
    local = (corners - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
    front = [point for point in local if point[2] >= _NEAR]
    for i in range(8):
        for j in range(i):
            a, b = local[i], local[j]
            if (a[2] < _NEAR) != (b[2] < _NEAR):
                front.append(a + (_NEAR - a[2]) / (b[2] - a[2]) * (b - a))
    if not front:
        return np.empty((0, 2))
    pixels = np.array(front) @ K.T
    return _hull(pixels[:, :2] / pixels[:, 2:])


def _hull(points: np.ndarray) -> np.ndarray:
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
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


def outside_outline(mask: np.ndarray, outline: np.ndarray) -> float:
    """How far the mask's pixel centres reach outside of a convex outline [px]; infinite for an empty outline."""
    if len(outline) < 3:
        return float("inf") if mask.any() else 0.0
    rows, columns = np.nonzero(mask)
    points = np.stack([columns + 0.5, rows + 0.5], -1)
    edges = np.roll(outline, -1, axis=0) - outline
    lengths = np.linalg.norm(edges, axis=1)
    keep = lengths > 1e-12
    normals = np.stack([edges[keep, 1], -edges[keep, 0]], -1) / lengths[keep, None]
    if not len(points):
        return 0.0
    distance = np.einsum("pi,ei->pe", points, normals) - np.einsum("ei,ei->e", outline[keep], normals)
    return max(float(distance.max()), 0.0)
