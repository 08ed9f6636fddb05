"""Where a lens stops seeing: what of triangles lies on that edge, which no vertex and no edge of theirs may show."""

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.lens.fisheye import Fisheye
from twinstage.render.lens.opencv import OpenCV
from twinstage.scene.columns import F8

RAYS = 1024
"""Rays around the edge of a lens's sight."""

_PAIRS = 1_000_000
_INSIDE = 1 - 1e-7


def rim_pixels(camera: Camera, corners: np.ndarray) -> F8:
    """Pixels f8[n, 2] on the edge of the lens's sight that see any of the world triangles f8[m, 3, 3] beyond near.

    Of triangles that lie partly beyond what the lens sees. Every `RAYS`th of the circle is looked at.
    """
    directions = _rim(camera)
    if not len(directions) or not len(corners):
        return np.empty((0, 2))
    pixels = camera.lens.project(directions) @ camera.K[:2, :2].T + camera.K[:2, 2]
    good = np.isfinite(pixels).all(1)
    pixels, directions = pixels[good], directions[good]
    poses = camera.row_poses()[np.clip(np.floor(pixels[:, 1]).astype(np.int64), 0, camera.height - 1)]
    directions, origins = np.einsum("nij,nj->ni", poses[:, :3, :3], directions), poses[:, :3, 3]
    seen = np.zeros(len(pixels), bool)
    step = max(1, _PAIRS // max(len(pixels), 1))
    for begin in range(0, len(corners), step):
        left = np.flatnonzero(~seen)
        part = corners[begin : begin + step]
        seen[left] = _meets(origins[left], directions[left], part, camera.near).any(1)
    out: F8 = pixels[seen]
    return out


def _rim(camera: Camera) -> F8:
    """Directions f8[n, 3] in camera axes just inside of the edge of sight; none where the lens has no such edge."""
    lens = camera.lens
    angle = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle)], -1)
    if isinstance(lens, OpenCV) and np.isfinite(lens.max_tangent):
        return np.concatenate([around * lens.max_tangent * _INSIDE, np.ones((RAYS, 1))], 1)
    if isinstance(lens, Fisheye) and lens.limit < np.pi:
        theta = lens.limit * _INSIDE
        return np.concatenate([around * np.sin(theta), np.full((RAYS, 1), np.cos(theta))], 1)
    return np.empty((0, 3))


def _meets(o: F8, d: F8, corners: np.ndarray, near: float) -> np.ndarray:
    """Whether rays meet triangles beyond near, bool[rays, triangles] (Möller and Trumbore 1997)."""
    a = corners[:, 0]
    e1, e2 = corners[:, 1] - a, corners[:, 2] - a
    p = np.cross(d[:, None], e2[None])
    with np.errstate(all="ignore"):
        f = 1 / np.einsum("tk,rtk->rt", e1, p)
        s = o[:, None] - a[None]
        u = f * np.einsum("rtk,rtk->rt", s, p)
        q = np.cross(s, e1[None])
        v = f * np.einsum("rk,rtk->rt", d, q)
        t = f * np.einsum("tk,rtk->rt", e2, q)
        out: np.ndarray = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= near)
    return out
