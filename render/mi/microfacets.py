"""GGX microfacets: the formulas, as Dr.Jit functions and as a table of how much a rough surface reflects in all.

Sources: Walter et al. 2007 (GGX), Heitz 2014 (height-correlated Smith), Dupuy and Benyoub 2023 (sampling of visible
normals by spherical caps), Turquin 2019 (light that bounces between facets, put back by a factor).
"""

from functools import cache
from typing import Any

import numpy as np

from twinstage.scene.columns import F4, frozen

SIZE = 32
"""Rows and columns of the table."""


@cache
def albedo_table() -> F4:
    """What GGX under Schlick's Fresnel reflects in all: f4[SIZE, SIZE, 2], E = f0 * a + f90 * b.

    Rows are roughness (its square is alpha) and columns the cosine of the view, both evenly from 0 to 1.
    """
    grid = np.linspace(0.0, 1.0, SIZE)
    alpha = np.maximum(grid, 1e-2)[:, None, None] ** 2
    cosine = np.maximum(grid, 1e-3)[None, :, None]
    side = 24
    even = (np.arange(side) + 0.5) / side
    u, v = (a.ravel() for a in np.meshgrid(even, even))
    sine = np.sqrt(1.0 - cosine**2)
    # The cap of visible normals, with the view stretched to the hemisphere of an even surface.
    length = np.sqrt((alpha * sine) ** 2 + cosine**2)
    x, z = alpha * sine / length, cosine / length
    height = (1.0 - v) * (1.0 + z) - z
    radius = np.sqrt(np.maximum(1.0 - height**2, 0.0))
    hx, hy, hz = radius * np.cos(2 * np.pi * u) + x, radius * np.sin(2 * np.pi * u), height + z
    hx, hy, hz = alpha * hx, alpha * hy, np.maximum(hz, 0.0)
    length = np.sqrt(hx**2 + hy**2 + hz**2)
    along = (hx * sine + hz * cosine) / length
    out = 2.0 * along * hz / length - cosine
    seen = np.where(
        out > 0, (1 + _lambda(alpha, cosine)) / (1 + _lambda(alpha, cosine) + _lambda(alpha, out)), 0
    )
    edge = np.clip(1.0 - along, 0.0, 1.0) ** 5
    table = np.stack([(seen * (1.0 - edge)).mean(-1), (seen * edge).mean(-1)], -1)
    return frozen(table, np.float32)


def _lambda(alpha: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    square = np.maximum(cosine, 1e-6) ** 2
    out: np.ndarray = 0.5 * (np.sqrt(1.0 + alpha**2 * (1.0 - square) / square) - 1.0)
    return out


class Microfacets:
    """The same for arrays of a variant. Vectors are in the frame of the surface, z up; `alpha` is roughness squared."""

    def __init__(self, mi: Any, dr: Any) -> None:
        self._mi, self._dr = mi, dr
        self._table = mi.Float(albedo_table().ravel())

    def albedo(self, roughness: Any, cosine: Any) -> tuple[Any, Any]:
        """The shares a and b of `albedo_table`, bilinearly."""
        mi, dr = self._mi, self._dr
        row = dr.clip(roughness, 0.0, 1.0) * (SIZE - 1)
        column = dr.clip(cosine, 0.0, 1.0) * (SIZE - 1)
        top = dr.minimum(mi.UInt32(row), SIZE - 2)
        left = dr.minimum(mi.UInt32(column), SIZE - 2)
        down, right = row - mi.Float(top), column - mi.Float(left)
        at = top * SIZE + left
        corner = [dr.gather(mi.Vector2f, self._table, at + k) for k in (0, 1, SIZE, SIZE + 1)]
        upper = dr.lerp(corner[0], corner[1], right)
        lower = dr.lerp(corner[2], corner[3], right)
        mixed = dr.lerp(upper, lower, down)
        return mixed.x, mixed.y

    def density(self, alpha: Any, half: Any) -> Any:
        """D: how many facets face `half`."""
        dr = self._dr
        square = dr.square(alpha)
        # Not 1 - z^2, which float32 cannot hold for mirrors.
        part = dr.square(half.x) + dr.square(half.y) + square * dr.square(half.z)
        return square * dr.inv_pi / dr.maximum(dr.square(part), 1e-20)

    def reflected(self, alpha: Any, half: Any, view: Any, out: Any) -> Any:
        """D * G / (4 cos view cos out), without Fresnel."""
        dr = self._dr
        square = dr.square(alpha)
        a = out.z * dr.sqrt(dr.fma(dr.square(view.z), 1.0 - square, square))
        b = view.z * dr.sqrt(dr.fma(dr.square(out.z), 1.0 - square, square))
        return self.density(alpha, half) * 0.5 / dr.maximum(a + b, 1e-7)

    def pdf(self, alpha: Any, half: Any, view: Any) -> Any:
        """Density of `sample`'s directions."""
        dr = self._dr
        square = dr.square(alpha)
        root = dr.sqrt(dr.fma(dr.square(view.z), 1.0 - square, square))
        return self.density(alpha, half) * 0.5 / dr.maximum(view.z + root, 1e-7)

    def sample(self, alpha: Any, view: Any, number: Any) -> Any:
        """A direction that `view` is reflected to, by two numbers in [0, 1); it may lie below the surface."""
        mi, dr = self._mi, self._dr
        even = dr.normalize(mi.Vector3f(alpha * view.x, alpha * view.y, view.z))
        sin, cos = dr.sincos(2.0 * dr.pi * number.x)
        height = dr.fma(1.0 - number.y, 1.0 + even.z, -even.z)
        radius = dr.safe_sqrt(1.0 - dr.square(height))
        cap = mi.Vector3f(radius * cos, radius * sin, height) + even
        half = dr.normalize(mi.Vector3f(alpha * cap.x, alpha * cap.y, dr.maximum(cap.z, 1e-6)))
        return 2.0 * dr.dot(view, half) * half - view
