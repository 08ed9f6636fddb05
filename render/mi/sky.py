"""The sky: all domes of a snapshot as one constant and one latitude-longitude map, evaluated and sampled by Dr.Jit.

Mitsuba's `envmap` chooses a direction in eleven levels of a pyramid and belongs to a scene that has to be built anew for
another map. What a map sends does not hang on where it is seen from, so its bright directions are drawn once, evenly over
its light, and a sample is a look into that small table. A pixel's middle lies at (i + 1/2) / n; between the middles the
map is interpolated, around its seam, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.mi.runtime import Mitsuba
from twinstage.scene.columns import F4, F8

SIDE = 128
"""Rows and columns of the drawn directions: each carries 1 / 16,384 of the light."""

COMPENSATION = 0.5
"""Share of the mean that is left to reflected rays, which find it as well (Karlík et al. 2019, MIS compensation)."""

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class MapTable:
    """A map as arrays of a variant.

    pixels: rgb and density over (u, v) of each; samples: direction, density over solid angle, rgb, 0 of SIDE * SIDE
    directions that share its light evenly.
    """

    pixels: Any
    samples: Any
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

    def sample(self, number: Any, active: Any) -> tuple[Any, Any, Any]:
        """A bright direction (Vector3f) of the map, its density, and the radiance from there, by two numbers in [0, 1)."""
        mi, dr, table = self.runtime.mi, self.runtime.dr, self.table
        assert table is not None
        index = mi.UInt32(number.y * SIDE) * SIDE + mi.UInt32(number.x * SIDE)
        there = dr.gather(mi.Vector4f, table.samples, index * 2, active)
        light = dr.gather(mi.Vector4f, table.samples, index * 2 + 1, active)
        axes = self._axes()
        direction = axes[0] * there[0] + axes[1] * there[1] + axes[2] * there[2]
        radiance = self._color(self.constant) + self._color(self.tint) * mi.Color3f(
            light[0], light[1], light[2]
        )
        return direction, there[3], radiance

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
    angle = np.sin((np.arange(height) + 0.5) / height * np.pi)[:, None]
    rest = np.maximum(bright - COMPENSATION * (bright * angle).sum() / (angle.sum() * width), 0.0)
    bright = (rest if rest.max() > 0 else np.ones_like(rest)) * angle
    bright /= bright.sum()
    density = bright * bright.size
    out = np.empty((height, width, 4), np.float32)
    out[..., :3], out[..., 3] = pixels, density
    return MapTable(
        pixels=mi.Float(out.ravel()),
        samples=mi.Float(_drawn(pixels, bright, density).ravel()),
        width=width,
        height=height,
    )


def _drawn(pixels: F4, share: np.ndarray, density: np.ndarray) -> F4:
    """The table of directions, f4[SIDE * SIDE, 8]: inverted cumulative sums at jittered points of a grid."""
    height, width = share.shape
    # A fixed seed: a map has its table, whatever is rendered.
    jitter = np.random.default_rng(0).random((2, SIDE, SIDE))
    across = ((np.arange(SIDE)[None] + jitter[0]) / SIDE).ravel()
    down = ((np.arange(SIDE)[:, None] + jitter[1]) / SIDE).ravel()
    by_row = share.sum(1)
    rows = np.cumsum(by_row)
    row = np.minimum(np.searchsorted(rows, down * rows[-1], side="right"), height - 1)
    within_row = np.clip(
        (down * rows[-1] - (rows[row] - by_row[row])) / np.maximum(by_row[row], 1e-300), 0, 1
    )
    sums = np.cumsum(share, 1) / np.where(by_row > 0, by_row, 1.0)[:, None]
    flat = (sums + np.arange(height)[:, None]).ravel()
    found = np.searchsorted(flat, row + across, side="right")
    column = np.clip(found - row * width, 0, width - 1)
    step = share[row, column] / np.maximum(by_row[row], 1e-300)
    within = np.clip((across - (sums[row, column] - step)) / np.maximum(step, 1e-300), 0, 1)
    phi, theta = (column + within) / width * 2 * np.pi, (row + within_row) / height * np.pi
    out = np.zeros((SIDE * SIDE, 8), np.float32)
    out[:, :3] = np.stack([np.sin(phi) * np.sin(theta), np.cos(theta), -np.cos(phi) * np.sin(theta)], -1)
    out[:, 3] = density[row, column] / (2 * np.pi**2 * np.maximum(np.sin(theta), 1e-4))
    out[:, 4:7] = _looked_up(pixels, out[:, :3].astype(np.float64))
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
