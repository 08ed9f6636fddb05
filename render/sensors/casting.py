"""Any rays against the scene, as the label pass casts them: each instance alone, in its own space, BVHs shared.

Which rays may meet an instance is found by cones: rays are sorted into cells of directions, and a cell is cast where
the cone around it touches the instance's bounding sphere. Rays that already hit something nearer than the sphere are
left out. Where the scene moves, each ray meets the instances where they are at the ray's own time. As in the label
pass, the ray parameter is that of the plane of the triangle that Embree names, in float64, and ties go to the lower
object, then to the lower instance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.casting import SHARED_BVHS, Bvh, BvhCache, drawn_instances
from twinstage.render.motion import Motion, interpolated
from twinstage.render.thin import flat, moved_out, solid
from twinstage.render.ties import TIE
from twinstage.scene.columns import F4, F8, I4, I8, U4
from twinstage.scene.snapshot import Prototype, Snapshot

_DOUBT = 1e-3
"""Greatest share by which Embree's ray parameter may differ from the plane's: beyond it, the triangle is seen edge on."""

_BANDS, _SECTORS = 24, 48
_PARTS = 2048


@dataclass(frozen=True, slots=True)
class RayHits:
    """First hits of n rays.

    t f8[n]: ray parameter, inf where nothing is hit; instance i4[n]: row of the instance table or -1; triangle u4[n] of
    its prototype; barycentric f4[n, 2]: weights of the second and third corner.
    """

    t: F8
    instance: I4
    triangle: U4
    barycentric: F4


class Caster:
    """A scene that rays are cast against.

    `motion` with `times` (rising, [s]): the scene is read at those moments, and in between each instance's pose is
    interpolated for each ray. Visibility is that of the first moment.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        motion: Motion | None = None,
        times: Sequence[float] = (0.0,),
        cache: BvhCache = SHARED_BVHS,
    ) -> None:
        moves = motion is not None and not motion.still and len(times) > 1
        keys = [motion.at(t) for t in times] if motion is not None and moves else [snapshot]
        self.snapshot = keys[0]
        self._times: F8 = np.array(times, np.float64)
        drawn = list(drawn_instances(self.snapshot))
        rows = np.array([row for row, _ in drawn], np.int64)
        worlds = np.array([key.instance_world for key in keys])
        prototypes, table = self.snapshot.prototypes, self.snapshot.instances
        self._rows, self._worlds = rows, worlds
        self._moving = (worlds[1:] != worlds[:1]).any((0, 2, 3)) if moves else np.zeros(len(table), bool)
        self._sheets: dict[int, Prototype] = {}
        for row in rows[flat(worlds[0, rows, :3, :3]) & ~self._moving[rows]].tolist():
            self._sheets[row] = moved_out(prototypes[table.prototype[row]], worlds[0, row, :3, :3])
            worlds[:, row, :3, :3] = np.eye(3)
        self._bvhs = [cache.get(self.prototype(row), slots) for row, slots in drawn]
        self._middle, self._radius = self._spheres()
        # What decides a tie, by instance; the last entry stands for no hit at all.
        owner = np.where(table.object < 0, len(self.snapshot.objects), table.object)
        self._rank = np.append(np.lexsort((np.arange(len(table)), owner)).argsort(), len(table))

    def _spheres(self) -> tuple[F8, F8]:
        """Bounding spheres of the drawn instances over all moments: middle f8[n, 3], radius f8[n], NaN where flat."""
        centre = np.array([bvh.centre for bvh in self._bvhs]).reshape(-1, 3)
        half = np.array([bvh.half for bvh in self._bvhs]).reshape(-1, 3)
        world = self._worlds[:, self._rows]
        middles = np.einsum("knij,nj->kni", world[..., :3, :3], centre) + world[..., :3, 3]
        # The sphere around the box's image: half the longest of its four diagonals.
        signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], np.float64)
        spans = np.einsum("knij,cj,nj->knci", world[..., :3, :3], signs, half)
        radius = np.linalg.norm(spans, axis=-1).max((0, 2), initial=0.0)
        middle = middles.mean(0)
        radius = radius + np.linalg.norm(middles - middle, axis=-1).max(0, initial=0.0)
        return middle, np.where(solid(world[..., :3, :3]).all(0), radius * (1 + 1e-6) + 1e-9, np.nan)

    def prototype(self, row: int) -> Prototype:
        """Geometry of an instance in the frame of `world_of`; of what is squashed flat a sheet that is only shifted."""
        sheet = self._sheets.get(row)
        return self.snapshot.prototypes[self.snapshot.instances.prototype[row]] if sheet is None else sheet

    def world_of(self, row: int, seconds: F8 | None, rays: np.ndarray) -> F8:
        """world_from_gprim of an instance: f8[4, 4], or f8[n, 4, 4] at the times of those rays where it moves."""
        if seconds is None or not self._moving[row]:
            still: F8 = self._worlds[0, row]
            return still
        at = np.clip(seconds[rays], self._times[0], self._times[-1])
        key = np.clip(np.searchsorted(self._times, at, side="right") - 1, 0, len(self._times) - 2)
        share = (at - self._times[key]) / (self._times[key + 1] - self._times[key])
        return interpolated(self._worlds[key, row], self._worlds[key + 1, row], share)

    def cast(
        self,
        origins: F8,
        directions: F8,
        *,
        seconds: F8 | None = None,
        near: np.ndarray | float = 0.0,
        far: float = np.inf,
    ) -> RayHits:
        """First hits of rays f8[n, 3] between the parameters `near` (each or all) and `far`; NaN rays hit nothing."""
        n = len(directions)
        start = np.broadcast_to(np.asarray(near, np.float64), n)
        best = _Best(n, self._rank)
        if n == 0 or not self._bvhs:
            return best.hits()
        length = np.linalg.norm(directions, axis=1)
        cells = _Cells(origins, directions / np.where(length > 0, length, np.nan)[:, None])
        if cells.empty:
            return best.hits()
        gap = np.linalg.norm(self._middle - cells.eye, axis=1) - self._radius - cells.spread
        order = np.lexsort((self._rows, np.maximum(gap, 0.0)))
        order = order[~np.isnan(self._radius[order])]
        for first in range(0, len(order), _PARTS):
            chosen = order[first : first + _PARTS]
            touched = cells.touched(self._middle[chosen], self._radius[chosen])
            for k, cell_row in zip(chosen.tolist(), touched, strict=True):
                rays = cells.rays(cell_row, self._middle[k], self._radius[k])
                rays = rays[best.t[rays] * length[rays] * (1 + 2 * TIE) >= gap[k]]
                if rays.size:
                    self._cast_one(k, rays, origins, directions, seconds, start, far, best)
        self._refine(best, origins, directions, seconds)
        return best.hits()

    def _refine(self, best: "_Best", origins: F8, directions: F8, seconds: F8 | None) -> None:
        """Ray parameters by the planes of the triangles, in float64."""
        for row, rays in grouped(best.instance):
            world = self.world_of(row, seconds, rays)
            inverse = np.linalg.inv(world[..., :3, :3])
            prototype = self.prototype(row)
            a, b, c = prototype.points.astype(np.float64)[prototype.triangles[best.triangle[rays]].T]
            normal = np.cross(b - a, c - a)
            away = a - turned(inverse, origins[rays] - world[..., :3, 3])
            with np.errstate(divide="ignore", invalid="ignore"):
                t = _dot(away, normal) / _dot(turned(inverse, directions[rays]), normal)
                sure = np.abs(t - best.t[rays]) <= _DOUBT * best.t[rays]
            best.t[rays] = np.where(sure, t, best.t[rays])

    def _cast_one(
        self,
        k: int,
        rays: I8,
        origins: F8,
        directions: F8,
        seconds: F8 | None,
        start: np.ndarray,
        far: float,
        best: "_Best",
    ) -> None:
        bvh, row = self._bvhs[k], int(self._rows[k])
        direction, near = directions[rays], start[rays]
        local = _local_rays(self.world_of(row, seconds, rays), bvh, origins[rays], direction, near)
        answer = bvh.cast(local)
        t = answer["t_hit"].numpy().astype(np.float64) + near
        triangle = answer["primitive_ids"].numpy()
        if bvh.triangle is not None:
            triangle = bvh.triangle[np.minimum(triangle, len(bvh) - 1)].astype(np.uint32)
        t[t > far] = np.inf
        best.take(rays, t, row, triangle, answer["primitive_uvs"].numpy())


class _Best:
    """The nearest hits so far."""

    def __init__(self, n: int, rank: np.ndarray) -> None:
        self._rank = rank
        self.t: F8 = np.full(n, np.inf)
        self.instance: I4 = np.full(n, -1, np.int32)
        self.triangle: U4 = np.zeros(n, np.uint32)
        self.barycentric: F4 = np.zeros((n, 2), np.float32)

    def take(self, rays: I8, t: F8, row: int, triangle: U4, barycentric: F4) -> None:
        before = self.t[rays]
        tied = (
            (t <= before * (1 + TIE)) & (self._rank[row] < self._rank[self.instance[rays]]) & np.isfinite(t)
        )
        # inf * (1 - TIE) stays inf, so a first hit is always taken.
        nearer = np.flatnonzero(
            (t < before * (1 - TIE)) | tied | ((t < before) & (row == self.instance[rays]))
        )
        at = rays[nearer]
        self.t[at] = t[nearer]
        self.instance[at] = row
        self.triangle[at] = triangle[nearer]
        self.barycentric[at] = barycentric[nearer]

    def hits(self) -> RayHits:
        return RayHits(self.t, self.instance, self.triangle, self.barycentric)


def turned(matrix: np.ndarray, vectors: F8) -> F8:
    """matrix @ vector for vectors f8[n, 3] and one matrix f8[3, 3] or one for each f8[n, 3, 3].

    Written out: a BLAS would start threads for it, whose number may change the last bit.
    """
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    out = np.empty(vectors.shape)
    for k in range(3):
        row = matrix[..., k, :]
        np.multiply(row[..., 0], x, out=out[:, k])
        out[:, k] += row[..., 1] * y
        out[:, k] += row[..., 2] * z
    return out


def _local_rays(world: F8, bvh: Bvh, origins: F8, directions: F8, near: np.ndarray) -> F4:
    """Rays f4[n, 6] in the box frame of an instance, starting at `near`; float64 until the differences are taken."""
    inverse = np.linalg.inv(world[..., :3, :3])
    begin = directions * near[:, None]
    begin += origins
    begin -= world[..., :3, 3]
    out = np.empty((len(origins), 6), np.float32)
    out[:, :3] = turned(inverse, begin) - bvh.centre
    out[:, 3:] = turned(inverse, directions)
    return out


def _dot(a: F8, b: F8) -> F8:
    """a . b of vectors f8[n, 3] with one or as many others."""
    out: F8 = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return out


def grouped(instance: I4) -> Iterator[tuple[int, I8]]:
    """Each instance that is hit, with the indices of its rays."""
    order = np.argsort(instance, kind="stable")
    rows, first = np.unique(instance[order], return_index=True)
    for row, rays in zip(rows.tolist(), np.split(order, first[1:]), strict=True):
        if row >= 0:
            yield row, rays


class _Cells:
    """Rays sorted by direction into cells, each within a cone; all origins lie within `spread` of `eye`."""

    def __init__(self, origins: F8, unit: F8) -> None:
        good = np.flatnonzero(np.isfinite(unit).all(1) & np.isfinite(origins).all(1))
        self.empty = good.size == 0
        if self.empty:
            return
        place, unit = origins[good], unit[good]
        self.eye: F8 = (place.min(0) + place.max(0)) / 2
        self.spread = float(np.linalg.norm(place - self.eye, axis=1).max())
        band = np.minimum(((unit[:, 2] + 1) / 2 * _BANDS).astype(np.int64), _BANDS - 1)
        turn = (np.arctan2(unit[:, 1], unit[:, 0]) + np.pi) / (2 * np.pi)
        cell = np.maximum(band, 0) * _SECTORS + np.minimum((turn * _SECTORS).astype(np.int64), _SECTORS - 1)
        order = np.argsort(cell, kind="stable")
        _, self._first = np.unique(cell[order], return_index=True)
        self._order: I8 = good[order]
        self._unit = unit[order]
        self._count = np.diff(np.append(self._first, len(order)))
        axis = np.add.reduceat(self._unit, self._first)
        self._axis: F8 = axis / np.linalg.norm(axis, axis=1, keepdims=True)
        cosine = np.einsum("ij,ij->i", self._unit, np.repeat(self._axis, self._count, axis=0))
        self._half: F8 = np.arccos(np.clip(np.minimum.reduceat(cosine, self._first), -1.0, 1.0)) + 1e-7

    def _cone(self, middle: F8, radius: np.ndarray) -> tuple[F8, F8]:
        """Directions f8[n, 3] to spheres and the angle f8[n] that they fill; pi where the eye is inside."""
        offset = middle - self.eye
        distance = np.linalg.norm(offset, axis=-1)
        reach = radius + self.spread
        inside = distance <= reach
        ratio = np.where(inside, 1.0, reach / np.where(inside, 1.0, distance))
        angle = np.where(inside, np.pi, np.arcsin(np.minimum(ratio, 1.0)) + 1e-6)
        return offset / np.maximum(distance, 1e-300)[..., None], angle

    def touched(self, middle: F8, radius: F8) -> np.ndarray:
        """Which cells may meet which spheres, bool[spheres, cells]."""
        direction, angle = self._cone(middle, radius)
        between = np.arccos(np.clip(direction @ self._axis.T, -1.0, 1.0))
        return np.asarray(between <= angle[:, None] + self._half[None])

    def rays(self, cells: np.ndarray, middle: F8, radius: float) -> I8:
        """Indices of the rays in those cells that may meet the sphere."""
        chosen = np.flatnonzero(cells)
        count = self._count[chosen]
        total = int(count.sum())
        if total == 0:
            return np.zeros(0, np.int64)
        skip = np.repeat(self._first[chosen] - np.append(0, np.cumsum(count)[:-1]), count)
        at = np.arange(total) + skip
        direction, angle = self._cone(middle, np.asarray(radius))
        if angle < np.pi:
            at = at[_dot(self._unit[at], direction) >= np.cos(angle)]
        chosen_rays: I8 = self._order[at]
        return chosen_rays
