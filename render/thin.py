"""Things that a transform squashes flat: sheets, which cameras see, though such a matrix has no inverse.

Rays cannot be moved into a sheet's frame. So its points are moved out instead: a prototype of its own holds them after
the linear part of its pose, and only the shift is left.
"""

import hashlib
from dataclasses import replace

import numpy as np

from twinstage.scene.columns import F8, Bool, frozen
from twinstage.scene.snapshot import Prototype

THIN = 1e-7
"""Of the greatest singular value: what is thinner is flat."""


def flat(linear: np.ndarray) -> Bool:
    """Which matrices f8[..., 3, 3] squash space onto a plane, neither onto a line nor onto a point."""
    out, singular = _squashed(linear)
    out[out] = singular[:, 1] >= THIN * singular[:, 0]
    return out


def solid(linear: np.ndarray) -> Bool:
    """Which matrices f8[..., 3, 3] have an inverse that is worth something; none with numbers that are not finite."""
    out: Bool = ~_squashed(linear)[0] & np.isfinite(linear).all((-2, -1)) & (linear != 0).any((-2, -1))
    return out


def _squashed(linear: np.ndarray) -> tuple[Bool, F8]:
    """Which matrices squash space onto a plane, a line or a point, and the singular values f8[n, 3] of those."""
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.linalg.norm(linear, axis=-2).max(-1)
        out: Bool = np.asarray(np.abs(np.linalg.det(linear)) <= 1e-6 * size**3)
    out &= np.isfinite(linear).all((-2, -1)) & (size > 0)
    singular = np.linalg.svd(linear[out], compute_uv=False) if out.any() else np.zeros((0, 3))
    thin = singular[:, 2] < THIN * singular[:, 0]
    out[out] = thin
    return out, singular[thin]


def inverse(matrix: np.ndarray) -> F8:
    """Inverse of a matrix f8[4, 4]; of one that is flat, the point of each preimage that is nearest to the origin's plane."""
    out: F8 = inverses(np.asarray(matrix)[None])[0]
    return out


def inverses(matrices: np.ndarray) -> F8:
    """The same of f8[n, 4, 4]."""
    sheets = flat(matrices[:, :3, :3])
    out = np.empty(matrices.shape)
    out[~sheets] = np.linalg.inv(matrices[~sheets])
    for k in np.flatnonzero(sheets).tolist():
        back = np.eye(4)
        back[:3, :3] = np.linalg.pinv(matrices[k, :3, :3], rcond=THIN)
        back[:3, 3] = -back[:3, :3] @ matrices[k, :3, 3]
        out[k] = back
    return out


def moved_out(prototype: Prototype, linear: np.ndarray) -> Prototype:
    """The prototype after a flat matrix f8[3, 3]. Normals go by its cofactors, which need no inverse."""
    columns = linear.T
    cofactors = np.stack([np.cross(columns[(k + 1) % 3], columns[(k + 2) % 3]) for k in range(3)], 1)
    normals = prototype.normals.astype(np.float64) @ cofactors.T
    length = np.linalg.norm(normals, axis=1)
    across = np.linalg.svd(linear)[0][:, 2]
    edge_on = length <= 1e-6 * np.linalg.norm(cofactors)
    normals = np.where(edge_on[:, None], across, normals / np.where(edge_on, 1.0, length)[:, None])
    content = hashlib.sha256(prototype.hash.encode() + np.ascontiguousarray(linear, np.float64).tobytes())
    return replace(
        prototype,
        hash=content.hexdigest(),
        points=frozen((prototype.points.astype(np.float64) @ linear.T).astype(np.float32), np.float32),
        normals=frozen(normals.astype(np.float32), np.float32),
        chord_error=prototype.chord_error * float(np.linalg.norm(linear, 2)),
    )
