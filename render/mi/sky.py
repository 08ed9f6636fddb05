"""The sky: all domes of a snapshot as one constant and one latitude-longitude map, evaluated and sampled by Dr.Jit.

Mitsuba's `envmap` chooses a direction in eleven levels of a pyramid and belongs to a scene that has to be built anew for
another map. Here a pixel is found by two searches in cumulative sums, and everything is a write into arrays. A pixel's
middle lies at (i + 1/2) / n; between the middles the map is interpolated, around its seam, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.mi.runtime import Mitsuba
from twinstage.scene.columns import F4, F8

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MapTable:
    """A map as arrays of a variant: rgb and density of (u, v) by pixel, cumulative sums of rows and within each."""

    pixels: Any
    rows: Any
    columns: Any
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Sky:
    """Radiance `constant` everywhere, plus `tint` times the map, turned by world_from_map f8[3, 3].

    `reflects`: multipliers of what surfaces reflect of it, matt and glossy.
    """

    runtime: Mitsuba
    constant: Color
    tint: Color
    table: MapTable | None
    world_from_map: F8
    reflects: tuple[float, float] = (1.0, 1.0)

    @property
    def dark(self) -> bool:
        return self.table is None and max(self.constant) <= 0.0

    def radiance(self, direction: Any, active: Any) -> Any:
        """What comes from that direction (Color3f)."""
        return self.radiance_and_pdf(direction, active)[0]

    def radiance_and_pdf(self, direction: Any, active: Any) -> tuple[Any, Any]:
        """The same with the density of `sample` there, 0 without a map."""
        mi, dr = self.runtime.mi, self.runtime.dr
        constant = self._color(self.constant)
        if self.table is None:
            return dr.select(active, constant, mi.Color3f(0.0)), mi.Float(0.0)
        axes = self._axes()
        x, y, z = (dr.dot(axis, direction) for axis in axes)
        u = dr.atan2(x, -z) * dr.inv_two_pi
        u -= dr.floor(u)
        v = dr.safe_acos(y) * dr.inv_pi
        table = self.table
        width, height = self._size()
        across, down = u * mi.Float(width) - 0.5, v * mi.Float(height) - 0.5
        left, top = dr.floor(across), dr.floor(down)
        right, low = across - left, down - top
        last = mi.Float(width) - 1.0
        one = mi.UInt32(dr.select(left < 0.0, last, dr.minimum(left, last)))
        two = mi.UInt32(dr.select(left + 1.0 > last, 0.0, left + 1.0))
        upper = mi.UInt32(dr.maximum(top, 0.0)) * width
        lower = mi.UInt32(dr.minimum(top + 1.0, mi.Float(height) - 1.0)) * width
        corner = [
            dr.gather(mi.Vector4f, table.pixels, line + column, active)
            for line in (upper, lower)
            for column in (one, two)
        ]
        mixed = dr.lerp(dr.lerp(corner[0], corner[1], right), dr.lerp(corner[2], corner[3], right), low)
        near = dr.select(
            low < 0.5,
            dr.select(right < 0.5, corner[0][3], corner[1][3]),
            dr.select(right < 0.5, corner[2][3], corner[3][3]),
        )
        found = constant + self._color(self.tint) * mi.Color3f(mixed[0], mixed[1], mixed[2])
        return dr.select(active, found, mi.Color3f(0.0)), near * self._per_angle(y)

    def sample(self, number: Any, active: Any) -> tuple[Any, Any]:
        """A direction (Vector3f) where the map is bright, and its density, by two numbers in [0, 1)."""
        mi, dr, table = self.runtime.mi, self.runtime.dr, self.table
        assert table is not None
        width, height = self._size()
        row, v = self._find(table.rows, mi.UInt32(0), height, number.y, active)
        column, u = self._find(table.columns, row * width, width, number.x, active)
        density = dr.gather(mi.Vector4f, table.pixels, row * width + column, active)[3]
        phi = (mi.Float(column) + u) / mi.Float(width) * dr.two_pi
        theta = (mi.Float(row) + v) / mi.Float(height) * dr.pi
        sin_phi, cos_phi = dr.sincos(phi)
        sin, cos = dr.sincos(theta)
        axes = self._axes()
        direction = axes[0] * (sin_phi * sin) + axes[1] * cos - axes[2] * (cos_phi * sin)
        return direction, density * self._per_angle(cos)

    def _find(self, sums: Any, start: Any, count: Any, number: Any, active: Any) -> tuple[Any, Any]:
        """Which of `count` sums from `start` on is the first above a number, and how far into its step that lies."""
        mi, dr = self.runtime.mi, self.runtime.dr
        most = max(self.table.width, self.table.height) if self.table is not None else 1
        low, high = mi.UInt32(0), mi.UInt32(count) - 1
        for _ in range(int(np.ceil(np.log2(max(most, 2)))) + 1):
            middle = (low + high) >> 1
            above = dr.gather(mi.Float, sums, start + middle, active) > number
            high = dr.select(above & (low < high), middle, high)
            low = dr.select(~above & (low < high), middle + 1, low)
        above = dr.gather(mi.Float, sums, start + low, active)
        below = dr.select(low > 0, dr.gather(mi.Float, sums, start + low - 1, active & (low > 0)), 0.0)
        within = (number - below) / dr.maximum(above - below, 1e-12)
        return low, dr.clip(within, 0.0, 0.999999)

    def _per_angle(self, height: Any) -> Any:
        """From density over (u, v) to density over solid angle, by the cosine to the pole."""
        dr = self.runtime.dr
        sine = dr.sqrt(dr.maximum(1.0 - dr.square(height), 1e-8))
        return 1.0 / (2.0 * dr.square(dr.pi) * sine)

    def _axes(self) -> list[Any]:
        mi, dr = self.runtime.mi, self.runtime.dr
        columns = self.world_from_map.T
        return [mi.Vector3f(*(dr.opaque(mi.Float, float(v)) for v in column)) for column in columns]

    def _color(self, color: Color) -> Any:
        mi, dr = self.runtime.mi, self.runtime.dr
        return mi.Color3f(*(dr.opaque(mi.Float, float(c)) for c in color))

    def _size(self) -> tuple[Any, Any]:
        mi, dr = self.runtime.mi, self.runtime.dr
        assert self.table is not None
        return dr.opaque(mi.UInt32, self.table.width), dr.opaque(mi.UInt32, self.table.height)


def map_table(mi: Any, pixels: F4) -> MapTable:
    """The arrays of a map, linear rgb f4[h, w, 3], row 0 at the pole.

    A pixel is chosen by the mean over it of the brightness between the middles, so that the neighbours of a sun, which
    shine with it, are not chosen too rarely.
    """
    height, width = pixels.shape[:2]
    bright = pixels.mean(2, dtype=np.float64)
    bright = (6 * bright + np.roll(bright, 1, 1) + np.roll(bright, -1, 1)) / 8
    rows = np.concatenate([bright[:1], bright, bright[-1:]])
    bright = (6 * bright + rows[:-2] + rows[2:]) / 8
    bright *= np.sin((np.arange(height) + 0.5) / height * np.pi)[:, None]
    total = bright.sum()
    bright = bright / total if total > 0 else np.full_like(bright, 1.0 / bright.size)
    by_row = bright.sum(1)
    within = np.cumsum(bright, 1) / np.where(by_row > 0, by_row, 1.0)[:, None]
    out = np.empty((height, width, 4), np.float32)
    out[..., :3], out[..., 3] = pixels, bright * bright.size
    return MapTable(
        pixels=mi.Float(out.ravel()),
        rows=mi.Float(_up_to_one(np.cumsum(by_row))),
        columns=mi.Float(_up_to_one(within).ravel()),
        width=width,
        height=height,
    )


def _up_to_one(sums: np.ndarray) -> F4:
    out = sums.astype(np.float32)
    out[..., -1] = 1.0  # above any number, whatever was lost to rounding
    return out


def merged_map(maps: Sequence[tuple[F4, Color, F8]]) -> F4:
    """Several maps, each with its tint and world_from_map, as one in the axes of the first, at the size of the largest."""
    height = max(pixels.shape[0] for pixels, _, _ in maps)
    width = max(pixels.shape[1] for pixels, _, _ in maps)
    theta = (np.arange(height) + 0.5)[:, None] / height * np.pi
    phi = (np.arange(width) + 0.5)[None] / width * 2 * np.pi
    there = np.stack(
        [
            np.sin(phi) * np.sin(theta),
            np.broadcast_to(np.cos(theta), (height, width)),
            -np.cos(phi) * np.sin(theta),
        ],
        -1,
    )
    world = there @ maps[0][2].T
    total = np.zeros((height, width, 3))
    for pixels, tint, world_from_map in maps:
        total += _looked_up(pixels, world @ world_from_map) * np.array(tint)
    return total.astype(np.float32)


def _looked_up(pixels: F4, direction: np.ndarray) -> np.ndarray:
    """Bilinear radiance of a map in directions [..., 3] in its own axes."""
    height, width = pixels.shape[:2]
    u = np.arctan2(direction[..., 0], -direction[..., 2]) / (2 * np.pi) % 1.0 * width - 0.5
    v = np.arccos(np.clip(direction[..., 1], -1, 1)) / np.pi * height - 0.5
    left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    right, low = (u - left)[..., None], (v - top)[..., None]
    lines = [np.clip(top + k, 0, height - 1) for k in (0, 1)]
    columns = [(left + k) % width for k in (0, 1)]
    upper, lower = (
        pixels[line, columns[0]] * (1 - right) + pixels[line, columns[1]] * right for line in lines
    )
    return np.asarray(upper * (1 - low) + lower * low)
