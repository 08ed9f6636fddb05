"""One part against the rays of a camera: what is hit, holes looked through, and where exactly."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect
from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.rays import centres
from twinstage.scene.columns import F4, F8, U4, Bool

DOUBT = np.float32(1e-3)
"""Greatest share by which Embree's ray parameter may differ from the exact one and is still corrected."""

KEPT_PLANES = 300_000
"""Planes of all triangles are kept of prototypes with no more than these; of larger ones they are made when hit."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The answer for a grid of rays.

    t f4 (ray parameter [m], inf where nothing is hit), triangle u4 of the BVH (anything where nothing is hit),
    barycentric f4[..., 2], NaN where not known; exact: whether t is that of the triangles' planes already.
    """

    t: F4
    triangle: U4
    barycentric: F4
    exact: bool = False


def cast_part(camera: Camera, part: Part, rect: PixelRect, stride: int = 1) -> Hits:
    """Hits of one part alone, on its own, through the pixel centres of `rect`; only between near and far."""
    return cast_rays(camera, part, part.grid.over(rect, stride))


def cast_pixels(camera: Camera, part: Part, rect: PixelRect, row: np.ndarray, column: np.ndarray) -> Hits:
    """The same, [n], through some pixels alone: rows and columns [n] of `rect`; for parts that have a footprint."""
    return cast_rays(camera, part, part.grid.scattered(*centres(rect), column, row))


def cast_rays(camera: Camera, part: Part, rays: F4) -> Hits:
    """Hits of one part alone by rays f4[..., 6] in its box's frame that start on the near plane."""
    blind = None
    if not camera.lens.affine:
        blind = np.isnan(rays[..., 3])
        rays[blind] = 0.0
    answer = part.bvh.cast(rays)
    t, triangle, barycentric = (answer[name].numpy() for name in ("t_hit", "primitive_ids", "primitive_uvs"))
    if blind is not None:
        t[blind] = np.inf
    if part.cutouts is not None:
        _look_through(part, rays, t, triangle, barycentric)
    t += np.float32(camera.near)
    if camera.far < 1e30:
        np.putmask(t, t > camera.far, np.inf)
    return Hits(t, triangle, barycentric)


def covers(camera: Camera, part: Part, rect: PixelRect, stride: int = 1) -> Bool:
    """Whether rays through every `stride`-th pixel centre meet the part at all, bool[rows, columns]."""
    if part.cutouts is not None:
        return np.isfinite(cast_part(camera, part, rect, stride).t)
    rays = part.grid.over(rect, stride)
    if part.grid.view.basis is not None:
        return part.bvh.occluded(rays, camera.far - camera.near)
    blind = np.isnan(rays[..., 3])
    rays[blind] = 0.0
    return part.bvh.occluded(rays, camera.far - camera.near) & ~blind


def covers_pixels(camera: Camera, part: Part, rect: PixelRect, row: np.ndarray, column: np.ndarray) -> Bool:
    """The same, bool[n], for some pixels alone; see `cast_pixels`."""
    if part.cutouts is not None:
        return np.isfinite(cast_pixels(camera, part, rect, row, column).t)
    return part.bvh.occluded(part.grid.scattered(*centres(rect), column, row), camera.far - camera.near)


def _look_through(part: Part, rays: F4, t: F4, triangle: U4, barycentric: F4) -> None:
    """Where the first hit is a hole, put the first that is none, or nothing; in place."""
    assert part.cutouts is not None
    hit = np.flatnonzero(np.isfinite(t))
    flat = t.ravel(), triangle.ravel(), barycentric.reshape(-1, 2)
    open_ = hit[~part.cutouts.solid(_in_prototype(part, flat[1][hit]), flat[2][hit])]
    if open_.size == 0:
        return
    flat[0][open_] = np.inf
    found = part.bvh.all_hits(np.ascontiguousarray(rays.reshape(-1, 6)[open_]))
    tri, uv = found["primitive_ids"], found["primitive_uvs"]
    solid = np.flatnonzero(part.cutouts.solid(_in_prototype(part, tri), uv))
    ray = found["ray_ids"][solid].astype(np.int64)
    order = solid[np.lexsort((tri[solid], found["t_hit"][solid], ray))]
    ray = found["ray_ids"][order].astype(np.int64)
    first = order[np.append(True, np.diff(ray) != 0)] if order.size else order
    at = open_[found["ray_ids"][first].astype(np.int64)]
    flat[0][at], flat[1][at], flat[2][at] = found["t_hit"][first], tri[first], uv[first]


def _in_prototype(part: Part, triangle: np.ndarray) -> np.ndarray:
    return triangle if part.bvh.triangle is None else part.bvh.triangle[triangle]


def exact_t(part: Part, x: np.ndarray, y: np.ndarray, triangle: np.ndarray, t: F4) -> F4:
    """Ray parameters f4[n] of the planes of those triangles of the part's BVH, at pixel positions x, y [n].

    `t`: what Embree says; it stays where a triangle is seen so nearly from its edge that its plane says little.
    """
    if part.grid.direction is None:
        return plane_t(part, *part.grid.exact(x, y), triangle, t).astype(np.float32)
    exact = pinhole_t(part, x, y, triangle)
    with np.errstate(invalid="ignore"):
        sure = np.abs(exact - t) <= DOUBT * t
    out: F4 = np.where(sure, exact, t)
    return out


def pinhole_t(part: Part, x: np.ndarray, y: np.ndarray, triangle: np.ndarray) -> F4:
    """Ray parameters f4[n] of the planes of those triangles, at pixel positions x, y [n], before a pinhole that rests."""
    assert part.grid.direction is not None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a, b, c, height = _table(part, part.grid.direction, triangle)
        return np.asarray((height / (a * x + b * y + c)).astype(np.float32))


def plane_t(part: Part, origin: F8, direction: F8, triangle: np.ndarray, t: F4) -> F8:
    """The same in float64, f8[n], for rays f8[3, n] in the box's frame."""
    plane = planes_at(part, triangle)
    height = plane[3] - np.einsum("in,in->n", plane[:3], origin)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = height / np.einsum("in,in->n", plane[:3], direction)
        sure = np.abs(exact - t) <= DOUBT * t
    out: F8 = np.where(sure, exact, t)
    return out


def _table(part: Part, direction: F8, triangle: np.ndarray) -> list[np.ndarray]:
    """For a pinhole that rests: normal . direction as three factors of (x, y, 1), and the eye's height over the plane."""
    few = len(part.bvh) <= min(len(triangle), KEPT_PLANES)
    plane = part.bvh.planes if few else planes_at(part, triangle)
    rows = [*(direction.T @ plane[:3]), plane[3] - part.grid.eye @ plane[:3]]
    return [row.take(triangle) for row in rows] if few else rows


def weight_table(part: Part) -> F4:
    """f4[8, t]: a, b, c, d of the second corner of each triangle, then of the third, before a pinhole that rests.

    The corner's weight where the ray through pixel position (x, y) meets the triangle is t (a x + b y + c) + d.
    """
    assert part.grid.direction is not None
    a, b, c = part.bvh.corners(np.arange(len(part.bvh)))
    normal = np.cross(b - a, c - a, axis=0)
    area = np.einsum("in,in->n", normal, normal)
    rows = []
    for side in (np.cross(c - a, normal, axis=0), np.cross(normal, b - a, axis=0)):
        # 0 on the edge from the first corner to the other one, 1 at the corner that it is the weight of.
        slope = side / np.where(area > 0, area, 1.0)
        rows += [*(part.grid.direction.T @ slope), np.einsum("in,in->n", slope, part.grid.eye[:, None] - a)]
    return np.array(rows, np.float32)


def planes_at(part: Part, triangle: np.ndarray) -> F8:
    """Planes f8[4, n] of triangles of the part's BVH, in the box's frame."""
    if len(part.bvh) <= KEPT_PLANES:
        return np.asarray(part.bvh.planes.take(triangle, axis=1))
    return part.bvh.planes_of(triangle)


def faces_viewer(part: Part, x: np.ndarray, y: np.ndarray, triangle: np.ndarray) -> Bool:
    """Whether rays at those pixel positions meet the outer side of those triangles, bool[n]."""
    if part.grid.central:
        if len(part.bvh) <= min(len(triangle), KEPT_PLANES):
            plane = part.bvh.planes
            return np.asarray((part.grid.eye @ plane[:3] > plane[3]).take(triangle))
        plane = planes_at(part, triangle)
        return np.asarray(part.grid.eye @ plane[:3] > plane[3])
    direction = part.grid.exact(x, y)[1]
    return np.asarray(np.einsum("in,in->n", planes_at(part, triangle)[:3], direction) < 0)


def exact_weights(part: Part, triangle: np.ndarray, points: F8) -> F8:
    """Weights f8[3, n] of the corners of triangles of the part's BVH at points f8[3, n] in the box's frame."""
    a, b, c = part.bvh.corners(triangle)
    e, f, p = b - a, c - a, points - a
    ee, ef, ff = (np.einsum("in,in->n", u, v) for u, v in ((e, e), (e, f), (f, f)))
    pe, pf = np.einsum("in,in->n", p, e), np.einsum("in,in->n", p, f)
    area = ee * ff - ef * ef
    area = np.where(area == 0, 1.0, area)
    u, v = (ff * pe - ef * pf) / area, (ee * pf - ef * pe) / area
    return np.stack([1 - u - v, u, v])
