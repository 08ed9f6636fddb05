"""All levels of a cage together: what is found from the topology once, and what follows for points and primvars."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.subdivide.cage import Cage, base_level
from twinstage.scene.subdivide.facevarying import seams
from twinstage.scene.subdivide.scheme import (
    Limit,
    Step,
    catmull_clark_limit,
    catmull_clark_step,
    linear_step,
    loop_limit,
    loop_step,
)
from twinstage.scene.subdivide.topology import INFINITE, Level, refine_quads, refine_triangles, scatter
from twinstage.scene.transforms import unit_or_up
from twinstage.scene.triangulate import cross

MAX_BEYOND = 100_000
"""Corners of a level that is refined only to find the limit of semi-sharp creases and darts."""
DART_LEVELS = 3
"""Levels that bring the end of a single sharp crease close to its limit: the smooth mask is not exact there."""
MAX_CHANNELS = 8
"""Face-varying topologies kept with a refinement."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps from a base level to the finest, and the way to the limit from there (None: it is already there).

    `beyond`: further steps before the limit, where semi-sharp creases have not run out at the finest level, or end in darts.
    """

    steps: tuple[Step, ...]
    beyond: tuple[Step, ...]
    limit: Limit | None
    finest: Level

    def refine(self, values: np.ndarray, *, limit: bool = True) -> F8:
        """Values f8[n, k] at the base level -> at the finest level, on the limit surface unless `limit` is false."""
        out = np.asarray(values, np.float64)
        for step in self.steps:
            out = step.apply(out)
        if not limit or self.limit is None:
            return out
        for step in self.beyond:
            out = step.apply(out)
        return self.limit.apply(out)[: self.finest.size]  # vertices keep their numbers from level to level

    @property
    def corners(self) -> int:
        """How many corners the largest of its levels has."""
        return len((self.finest if self.limit is None else self.limit.level).indices)


@dataclass(frozen=True)
class Refined:
    """A cage's refinement to one depth.

    `hidden`: faces of the cage that `interpolateBoundary = "none"` takes out, bool[f]; `unknown_creases`: creases that
    name no edge.
    """

    cage: Cage
    depth: int
    base: Level
    hidden: Bool
    unknown_creases: int
    vertex: Chain
    _face_varying: dict[bytes, tuple[Chain, I8]] = field(default_factory=dict)

    @property
    def finest(self) -> Level:
        """The finest level: quads, or triangles for Loop."""
        return self.vertex.finest

    def points(self, values: np.ndarray, *, limit: bool = True) -> F8:
        """Points, and primvars of interpolation vertex, f8[size, k] -> f8[finest.size, k]."""
        return self.vertex.refine(values, limit=limit)

    def varying(self, values: np.ndarray) -> F8:
        """Primvars of interpolation varying: linear over each face."""
        out = np.asarray(values, np.float64)
        for step in self.vertex.steps:
            out = linear_step(step.level, faces=step.faces).apply(out)
        return out

    def face_varying(self, values: np.ndarray, index: np.ndarray, *, limit: bool = True) -> tuple[F8, I8]:
        """Values f8[m, k] used at the cage's corners by `index` i8[c] -> the same at the finest level's corners."""
        key = hashlib.sha256(np.ascontiguousarray(index, np.int64).tobytes()).digest()
        if key not in self._face_varying:
            if len(self._face_varying) >= MAX_CHANNELS:
                self._face_varying.clear()
            found = seams(self.cage, self.base, np.asarray(index, np.int64))
            linear = self.cage.face_varying == "all" or self.cage.scheme == "bilinear"
            self._face_varying[key] = _chain(self.cage, found.level, self.depth, linear=linear), found.value
        chain, value = self._face_varying[key]
        return chain.refine(np.asarray(values)[value], limit=limit), chain.finest.indices

    def chord_error(self, points: np.ndarray) -> float:
        """A bound on how far the finest faces lie from the surface, in the points' unit; `points` on the limit surface.

        The finest level's new vertices lie on the surface, so their distance from the middles of the edges and faces
        that they divide is the error one level up. It falls by 4 with each level on a smooth surface; half of it is
        kept here, and all of it where a semi-sharp crease has not run out.
        """
        if not self.vertex.steps or self.cage.scheme == "bilinear":
            return self._twist(points) if self.cage.scheme == "bilinear" else 0.0
        level = self.vertex.steps[-1].level
        ends = points[level.ends]
        middle = points[level.size : level.size + len(level.ends)]
        worst = float(np.linalg.norm(middle - ends.mean(1), axis=1).max(initial=0.0))
        if self.vertex.steps[-1].faces:
            start = np.cumsum(level.counts) - level.counts
            first, third = level.indices[start], level.indices[start + 2]
            centre = points[level.size + len(level.ends) :]
            chord = (points[first] + points[third]) / 2
            if (level.counts != 4).any():
                mean = np.add.reduceat(points[level.indices], start, axis=0) / level.counts[:, None]
                chord = np.where((level.counts == 4)[:, None], chord, mean)
            worst = max(worst, float(np.linalg.norm(centre - chord, axis=1).max(initial=0.0)))
        else:  # the middle of a triangle, which is not measured, lies 4/3 as deep as the middles of its edges on a sphere
            worst *= 4 / 3
        return worst if _softens_later(self.finest) else worst / 2

    def cage_error(self, cage_points: np.ndarray) -> float:
        """How far the cage itself lies from the surface, at its points and amid its edges and faces; depth at least 1."""
        step = self.vertex.steps[0]
        flat = linear_step(step.level, faces=step.faces).apply(cage_points)
        gap = np.linalg.norm(self.points(cage_points)[: len(flat)] - flat, axis=1)
        return float(gap.max(initial=0.0))

    def _twist(self, points: np.ndarray) -> float:
        """A bilinear patch lies within a quarter of its twist from its two triangles."""
        if not self.vertex.steps:
            return 0.0
        a, b, c, d = (points[self.finest.indices.reshape(-1, 4)[:, k]] for k in range(4))
        return float(np.linalg.norm(a - b + c - d, axis=1).max(initial=0.0) / 4)

    def normals(self, points: np.ndarray) -> tuple[F8, I8]:
        """Unit normals of the finest level, and the one of each corner: split along what stays sharp.

        Area-weighted means of the faces around a vertex, which on limit points converge to the surface's own normals.
        """
        level = self.finest
        flat = _face_normals(level, points)
        sharp = (level.edge_sharpness > 0.5) & (level.uses == 2)
        if not sharp.any():
            return unit_or_up(scatter(level.indices, flat[level.corner_face], level.size)), level.indices
        near = level.at_vertices(sharp) > 0
        split = near[level.indices]
        group = np.where(split, level.size + level.fans(sharp), level.indices)
        used, index = np.unique(group, return_inverse=True)
        index = index.reshape(-1)
        return unit_or_up(scatter(index, flat[level.corner_face], len(used))), index


def _face_normals(level: Level, points: np.ndarray) -> F8:
    """Twice the area long, f8[f, 3]; all faces are triangles or all are quads."""
    corner = points[level.indices.reshape(len(level.counts), -1)]
    return cross(corner[:, 2] - corner[:, 0], corner[:, -1] - corner[:, 1])


def _chain(cage: Cage, base: Level, depth: int, *, linear: bool) -> Chain:
    triangles = cage.scheme == "loop"
    level, steps = base, []
    for _ in range(depth):
        if linear:
            steps.append(linear_step(level, faces=not triangles))
        elif triangles:
            steps.append(loop_step(level))
        else:
            steps.append(catmull_clark_step(level, smooth_triangles=cage.smooth_triangles))
        level = refine_triangles(level) if triangles else refine_quads(level)
    if linear or not depth:
        return Chain(tuple(steps), (), None, level)
    finest, beyond = level, list[Step]()
    darts = bool((level.at_vertices(level.edge_sharpness >= INFINITE) == 1).any())
    while 4 * len(level.indices) <= MAX_BEYOND and (
        _softens_later(level) or (darts and len(beyond) < DART_LEVELS)
    ):
        beyond.append(
            loop_step(level)
            if triangles
            else catmull_clark_step(level, smooth_triangles=cage.smooth_triangles)
        )
        level = refine_triangles(level) if triangles else refine_quads(level)
    limit = loop_limit(level) if triangles else catmull_clark_limit(level)
    return Chain(tuple(steps), tuple(beyond), limit, finest)


def _softens_later(level: Level) -> bool:
    """Whether a semi-sharp crease or corner has not run out."""
    return any(((s > 0) & (s < INFINITE)).any() for s in (level.edge_sharpness, level.corner_sharpness))


def refine(cage: Cage, depth: int) -> Refined:
    """The refinement of a cage. Loop wants triangles only; depth 0 gives the cage itself."""
    if cage.scheme == "loop" and (cage.counts != 3).any():
        raise ValueError("Loop subdivision is defined for triangles only")
    base, hidden, unknown = base_level(cage)
    return Refined(
        cage, depth, base, hidden, unknown, _chain(cage, base, depth, linear=cage.scheme == "bilinear")
    )


class Kept:
    """The refinements used last, as many as `corners` corners of their finest levels allow. Safe between threads."""

    def __init__(self, corners: int) -> None:
        self._limit = corners
        self._total = 0
        self._made: OrderedDict[bytes, Refined] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, cage: Cage, depth: int) -> Refined:
        """As `refine`, from the store where that topology was refined before."""
        key = _key(cage, depth)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = refine(cage, depth)
        size = made.vertex.corners
        with self._lock:
            if size <= self._limit // 4 and key not in self._made:
                self._made[key] = made
                self._total += size
                while self._total > self._limit:
                    _, oldest = self._made.popitem(last=False)
                    self._total -= oldest.vertex.corners
        return made


def _key(cage: Cage, depth: int) -> bytes:
    options = (cage.size, cage.scheme, cage.boundary, cage.face_varying, cage.smooth_triangles, depth)
    digest = hashlib.sha256(repr(options).encode())
    creases = (cage.crease_edges, cage.crease_sharpness, cage.corners, cage.corner_sharpness)
    for values in (cage.counts, cage.indices, *creases):
        digest.update(f"{values.shape}".encode() + np.ascontiguousarray(values).tobytes())
    return digest.digest()


KEPT = Kept(2_000_000)
"""About 1 kB a corner at most."""


def kept_refine(cage: Cage, depth: int) -> Refined:
    """As `refine`, but the latest refinements are kept, so that another pose of a cage costs sums of products only."""
    return KEPT.get(cage, depth)
