"""What a large part does in whole cells of pixels, from few rays.

Before a pinhole that rests, edges of triangles are straight lines in the image. Where none passes through a cell of pixels,
each triangle either covers all of it or none of it; and of two planes the one that is nearer at all four corners is nearer
everywhere between. So four rays say what all pixels of such a cell meet: nothing, or that one triangle. Walls, floors and
what is empty around a rack are spared nearly all of their rays. It changes no hit.

Whether a pixel is covered at all changes only at the rim: where one triangle ends, or one that faces the camera meets one that
does not. Where no such edge passes through a cell, its corners say whether all of it is covered, by whatever triangles.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect
from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.hits import DOUBT, Hits, cast_rays, pinhole_t
from twinstage.scene.columns import F8, I4, U1, Bool

CELL = 8
"""Pixels on a side of a cell."""

NOTHING, DRAWN, COVERED, UNKNOWN = range(4)
"""What is known of a pixel: its ray misses the part; hits a triangle that has one normal, so nothing depends on where;
hits some other triangle; or nothing at all, so it has to be cast."""

_WORTH = 16_000
"""Pixels from which cells pay."""

_RAYS_A_TRIANGLE = 25
"""Rays that a part has to be worth for each of its triangles, whose edges have to be drawn."""

_MOST_CROSSED = 0.75
"""Share of cells that edges pass through from which the others are too few."""

_SLACK = 0.5
"""Pixels by which an edge is thought to be wider on each side: float32 rays stray by a hundredth of it."""

_MISS, _DOUBT = -1, -2
"""What stands for a triangle of the BVH where there is none, and where that cannot be said."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What is known of a part in a rectangle: `kind` u1[h, w] of its pixels; `triangle` i4[rows, columns] of the part's BVH
    that all pixels of a cell see first."""

    part: Part
    rect: PixelRect
    kind: U1
    triangle: I4

    @property
    def hit(self) -> Bool:
        """Pixels that the part covers for certain, bool[h, w]."""
        out: Bool = (self.kind == DRAWN) | (self.kind == COVERED)
        return out

    def hits(self, row: np.ndarray, column: np.ndarray) -> Hits:
        """Hits [n] of pixels that are `DRAWN`, by rows and columns of the rectangle: exact already, and without weights."""
        triangle = self.triangle.reshape(-1).take(row // CELL * self.triangle.shape[1] + column // CELL)
        t = pinhole_t(self.part, column + (self.rect.x0 + 0.5), row + (self.rect.y0 + 0.5), triangle)
        unknown = np.full((len(row), 2), np.nan, np.float32)
        return Hits(t, triangle.astype(np.uint32), unknown, exact=True)


def cells_of(
    camera: Camera, part: Part, rect: PixelRect, rays: int | np.integer, outline: int | np.integer
) -> Cells | None:
    """The cells of a rectangle; None where they would cost about as much as they can spare.

    `rays`: pixels of it where the part may be; `outline`: those of them of which only needs to be known whether it is there.
    """
    if part.grid.direction is None or part.cutouts is not None or rays < _WORTH:
        return None
    shape = -(-rect.height // CELL), -(-rect.width // CELL)
    crossed = rim = np.ones(shape, bool)
    lines = _lines(camera, part) if rays >= _RAYS_A_TRIANGLE * len(part.bvh) else None
    if lines is not None:
        crossed, rim = _crossed(lines.ends, rect), _crossed(lines.ends[:, lines.rim], rect)
    if (lines is None or crossed.mean() > _MOST_CROSSED) and outline < _WORTH:
        return None
    x, y = rect.x0 + CELL * np.arange(shape[1] + 1.0), rect.y0 + CELL * np.arange(shape[0] + 1.0)
    corners = _at_corners(camera, part, x, y)
    first, others = corners[:-1, :-1], (corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:])
    same, hit, missed = first >= 0, first != _MISS, first == _MISS
    for other in others:
        same, hit, missed = same & (other == first), hit & (other != _MISS), missed & (other == _MISS)
    kind = np.full(shape, UNKNOWN, np.uint8)
    kind[same | (hit & ~rim)] = COVERED  # a triangle is convex, whatever lies before it
    kind[missed & ~rim] = NOTHING
    kind[same & ~crossed & part.bvh.flat[first]] = DRAWN
    wide = np.repeat(np.repeat(kind, CELL, axis=1), CELL, axis=0)
    return Cells(part, rect, wide[: rect.height, : rect.width], first)


def _at_corners(camera: Camera, part: Part, x: F8, y: F8) -> I4:
    """The triangles that rays through all (x, y) hit first; `_MISS`, or `_DOUBT` where a plane is seen from its edge."""
    hits = cast_rays(camera, part, part.grid.crossing(x, y))
    out = np.full(hits.t.shape, _MISS, np.int32)
    row, column = np.nonzero(np.isfinite(hits.t))
    triangle, t = hits.triangle[row, column].astype(np.int32), hits.t[row, column]
    exact = pinhole_t(part, x[column], y[row], triangle)
    out[row, column] = np.where(np.abs(exact - t) <= DOUBT / 4 * t, triangle, _DOUBT)
    return out


@dataclass(frozen=True, slots=True)
class _Lines:
    """Edges in the image: `ends` (x0, y0, x1, y1) f8[4, n] [px]; `rim` bool[n]: those where the outline may be."""

    ends: F8
    rim: Bool


def _lines(camera: Camera, part: Part) -> _Lines | None:
    """All edges of a part's triangles as they appear in the image, and where the near plane cuts triangles; None where the far
    plane cuts any."""
    assert part.grid.direction is not None
    # Directions are made of (x, y, 1), so points are t (x, y, 1) in their turn.
    points = np.linalg.inv(part.grid.direction) @ (part.bvh.points.T - part.grid.eye[:, None])
    if points[2].max() > camera.far or camera.near <= 0:
        return None
    edges, sides = part.bvh.edges
    front = part.grid.eye @ part.bvh.planes[:3] > part.bvh.planes[3]
    rim = (sides[:, 0] < 0) | (front[sides[:, 0]] != front[sides[:, 1]])
    begin, end = points[:, edges[:, 0]], points[:, edges[:, 1]]
    beyond = points[2] > camera.near
    if not beyond.all():
        cut = _cut_triangles(points, part.bvh.triangles, beyond, camera.near)
        seen = (begin[2] > camera.near) | (end[2] > camera.near)
        begin, end, rim = begin[:, seen], end[:, seen], rim[seen]
        begin, end = _from_near(begin, end, camera.near), _from_near(end, begin, camera.near)
        begin, end = np.concatenate([begin, cut[0]], 1), np.concatenate([end, cut[1]], 1)
        rim = np.append(rim, np.ones(cut[0].shape[1], bool))
    return _Lines(np.concatenate([begin[:2] / begin[2], end[:2] / end[2]]), rim)


def _from_near(point: F8, other: F8, near: float) -> F8:
    """The points f8[3, n], or where the way to the other ones crosses the near plane, if they lie before it."""
    before = point[2] < near
    share = np.where(before, near - point[2], 0.0) / np.where(before, other[2] - point[2], 1.0)
    out: F8 = point + share * (other - point)
    out[2] = np.maximum(out[2], near)
    return out


def _cut_triangles(points: F8, triangles: np.ndarray, beyond: Bool, near: float) -> tuple[F8, F8]:
    """Ends f8[3, n] of the lines in which the near plane cuts triangles."""
    side = beyond[triangles]
    count = side.sum(1)
    cut = (count > 0) & (count < 3)
    side, corners = side[cut], triangles[cut]
    # One corner lies on a side alone: both of its edges are cut.
    alone = np.where(count[cut] == 1, side.argmax(1), side.argmin(1))
    rows = np.arange(len(corners))
    tip, one, two = (points[:, corners[rows, (alone + k) % 3]] for k in range(3))
    ends = []
    for other in (one, two):
        first, last = np.where(tip[2] < other[2], tip, other), np.where(tip[2] < other[2], other, tip)
        ends.append(_from_near(first, last, near))
    return ends[0], ends[1]


def _crossed(lines: F8, rect: PixelRect) -> Bool:
    """Cells of a rectangle that any of the lines f8[4, n] passes through, bool[rows, columns]."""
    rows, columns = -(-rect.height // CELL), -(-rect.width // CELL)
    x0, y0, x1, y1 = lines - np.array([rect.x0, rect.y0, rect.x0, rect.y0])[:, None]
    first = np.clip(np.floor((np.minimum(y0, y1) - _SLACK) / CELL), 0, rows).astype(np.int64)
    last = np.clip(np.floor((np.maximum(y0, y1) + _SLACK) / CELL), -1, rows - 1).astype(np.int64)
    # Each line is taken row of cells by row of cells; in each it reaches from one column to another.
    count = np.maximum(last - first + 1, 0)
    line = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count) + first[line]
    x0, y0, across, down = x0[line], y0[line], (x1 - x0)[line], (y1 - y0)[line]
    with np.errstate(divide="ignore", invalid="ignore"):
        enter, leave = ((row + k) * CELL + s for k, s in ((0, -_SLACK), (1, _SLACK)))
        ends = [np.clip((y - y0) / down, 0, 1) for y in (enter, leave)]
    flat = np.abs(down) < 1e-9
    a, b = (x0 + across * np.where(flat, k, end) for k, end in enumerate(ends))
    low = np.clip(np.floor((np.minimum(a, b) - _SLACK) / CELL), 0, columns).astype(np.int64)
    high = np.clip(np.floor((np.maximum(a, b) + _SLACK) / CELL) + 1, 0, columns).astype(np.int64)
    steps = np.bincount(row * (columns + 1) + low, minlength=rows * (columns + 1))
    steps -= np.bincount(row * (columns + 1) + np.maximum(high, low), minlength=rows * (columns + 1))
    out: Bool = np.cumsum(steps.reshape(rows, -1), axis=1)[:, :columns] > 0
    return out
