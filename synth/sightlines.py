"""Whether a camera can stand somewhere, and what of a target it sees from there: rays against the triangles themselves.

Asked before a frame is labelled, where a few hundred rays save a whole label pass.
"""

from functools import cached_property

import numpy as np

from twinstage.render.bodies import Bodies, bodies_of
from twinstage.render.bvh import Bvh
from twinstage.render.capture import Camera
from twinstage.render.surface import near_surface
from twinstage.scene.columns import F8, Bool
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Stream

SAMPLES = 64
"""Points of a target that are looked for."""

_RAYS = np.array([[0.36, 0.48, 0.80], [-0.60, 0.64, -0.48], [0.22, -0.91, 0.35]])
"""Directions in which crossings are counted; most of them decide, so that one that grazes an edge does no harm."""

_MOST_KEPT = 4096
_SHORT = 1e-3
"""How far before a sample point a line of sight ends [m]."""


class Surroundings:
    """What is drawn around a camera."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._bodies: Bodies = bodies_of(snapshot)

    @cached_property
    def _stretch(self) -> F8:
        """Singular values of the bodies' transforms f8[k, 3], greatest first."""
        return np.asarray(np.linalg.svd(self._bodies.world[:, :3, :3], compute_uv=False), np.float64)

    def inside(self, eye: np.ndarray) -> bool:
        """Whether the point lies in a closed body whose surface faces outwards. A room's walls face inwards: it is free."""
        bodies = self._bodies
        local = np.einsum("kij,kj->ki", bodies.inverse, eye - bodies.middle)
        around = np.flatnonzero((np.abs(local) <= bodies.half).all(1)).tolist()
        return any(self._within(k, local[k]) for k in around)

    def _within(self, k: int, local: F8) -> bool:
        bvh, world = self._bodies.bvhs[k], self._bodies.world[k]
        if closed_volume(bvh) * np.linalg.det(world[:3, :3]) <= 0:
            return False
        rays = np.concatenate([np.tile(local, (len(_RAYS), 1)), _RAYS], 1).astype(np.float32)
        crossed = np.bincount(bvh.all_hits(rays)["ray_ids"].astype(np.int64), minlength=len(_RAYS))
        return bool((crossed % 2 == 1).sum() * 2 > len(_RAYS))

    def closer_than(self, eye: np.ndarray, clearance: float) -> bool:
        """Whether any surface is within that distance [m] of the point."""
        bodies = self._bodies
        local = np.einsum("kij,kj->ki", bodies.inverse, eye - bodies.middle)
        beyond = np.linalg.norm(np.maximum(np.abs(local) - bodies.half, 0), axis=1)
        # No point of the body is nearer than its box, shrunk as much as its transform shrinks anything; round ones bulge.
        bulge = np.array([bvh.prototype.chord_error for bvh in bodies.bvhs]) * self._stretch[:, 0] * 2
        near = np.flatnonzero(beyond * self._stretch[:, -1] <= clearance + bulge).tolist()
        parts = [(bodies.bvhs[k], bodies.world[k]) for k in near]
        return bool(near_surface(parts, np.asarray(eye)[None], clearance)[0][0])

    def seen_share(self, camera: Camera, points: F8, own: np.ndarray) -> float:
        """The share of the points f8[n, 3] [m] that lie in the picture, not hidden by anything but the instances `own`."""
        pixels, depth = camera.project(points)
        with np.errstate(invalid="ignore"):
            seen = np.asarray(((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=-1))
        if camera.lens.along_axis:
            seen &= (depth >= camera.near) & (depth <= camera.far)
        asked = np.flatnonzero(seen)
        if len(asked):
            seen[asked[self._hidden(camera, points[asked], pixels[asked], own)]] = False
        return float(seen.mean())

    def _hidden(self, camera: Camera, points: F8, pixels: F8, own: np.ndarray) -> Bool:
        origin, along = camera.rays_at(pixels)
        way = points - origin
        length = np.linalg.norm(way, axis=1)
        first = np.minimum(camera.near * np.linalg.norm(along, axis=1) / length, 1.0)
        last = np.maximum(1.0 - _SHORT / length, first)
        start, direction = origin + first[:, None] * way, (last - first)[:, None] * way
        hidden = np.zeros(len(points), bool)
        mine = np.isin(self._bodies.row, own)
        for k, rays in self._bodies.meeting(start, direction):
            rays = rays[~hidden[rays]]
            if len(rays) and not mine[k]:
                hidden[rays] = self._bodies.hit(k, start[rays], direction[rays])
        return hidden


_volumes: dict[tuple[str, int], float] = {}


def closed_volume(bvh: Bvh) -> float:
    """The volume of a closed surface, negative where it faces inwards; 0 where it is not closed [m3 of its own units]."""
    key = bvh.prototype.hash, len(bvh)
    if key not in _volumes:
        if len(_volumes) >= _MOST_KEPT:
            _volumes.clear()
        _volumes[key] = _closed_volume(bvh)
    return _volumes[key]


def _closed_volume(bvh: Bvh) -> float:
    points, place = np.unique(bvh.prototype.points, axis=0, return_inverse=True)
    corners = place.ravel()[bvh.triangles.astype(np.int64)]
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]  # without those of no area
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    one_way, back = edges[:, 0] * len(points) + edges[:, 1], edges[:, 1] * len(points) + edges[:, 0]
    if not np.array_equal(np.sort(one_way), np.sort(back)):  # each edge is walked once in each direction
        return 0.0
    a, b, c = (points[corners[:, k]].astype(np.float64) - bvh.centre for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def surface_points(snapshot: Snapshot, rows: np.ndarray, stream: Stream, count: int = SAMPLES) -> F8:
    """Points f8[count, 3] [m] spread over the surface of those instances by area; f8[0, 3] where there is none."""
    corners = []
    for row in np.asarray(rows).tolist():
        prototype = snapshot.prototypes[int(snapshot.instances.prototype[row])]
        world = snapshot.instance_world[row]
        points = prototype.points.astype(np.float64) @ world[:3, :3].T + world[:3, 3]
        corners.append(points[prototype.triangles])
    found = np.concatenate(corners) if corners else np.empty((0, 3, 3))
    area = np.linalg.norm(np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0]), axis=1)
    total = np.cumsum(area)
    if not len(found) or total[-1] <= 0:
        return np.empty((0, 3))
    draws = np.array([[stream.unit() for _ in range(3)] for _ in range(count)])
    chosen = found[np.minimum(np.searchsorted(total, draws[:, 0] * total[-1]), len(found) - 1)]
    root = np.sqrt(draws[:, 1:2])
    weights = np.concatenate([1 - root, root * (1 - draws[:, 2:]), root * draws[:, 2:]], 1)
    out: F8 = np.einsum("nk,nkj->nj", weights, chosen)
    return out
