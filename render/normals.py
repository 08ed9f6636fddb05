"""Shading normals of what is seen: those of the vertices, interpolated, or the one that a triangle has at all its corners.

Many pixels see few triangles: what belongs to a triangle is found once, of all parts together, and then looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.hits import KEPT_PLANES, faces_viewer
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, F8, Bool

Group = tuple[int, np.ndarray]
"""A part of a depth buffer and the flat indices of its pixels."""


@dataclass(frozen=True, slots=True)
class _Triangles:
    """Triangles of several parts.

    corners f4[3, 3, n]: normals at their corners, by axis, in the gprim's frame; front bool[n]: whether the outer side is seen;
    inverse f8[9, n]: of the linear part of their pose, row by row; place i8[h * w]: the triangle that a pixel sees, or -1.
    """

    corners: F4
    front: Bool
    inverse: F8
    place: np.ndarray


def world_normals(zbuffer: ZBuffer) -> F4:
    """Unit shading normals f4[h, w, 3] in the world: the vertices' normals interpolated; 0 for the background.

    Where a ray met the back of a triangle the normal is turned round, so that it belongs to the side that is seen.
    """
    out = np.zeros((zbuffer.depth.size, 3), np.float32)
    central, other = list[Group](), list[Group]()
    for group in zbuffer.groups():
        (central if zbuffer.parts[group[0]].grid.central else other).append(group)
    if central:
        _put_together(zbuffer, _triangles(zbuffer, central), out)
    for group in other:
        _put_by_pixel(zbuffer, group, out)
    return out.reshape(*zbuffer.depth.shape, 3)


def _triangles(zbuffer: ZBuffer, groups: Sequence[Group]) -> _Triangles:
    """The triangles of parts that are seen from one point each, so that a triangle shows one side."""
    seen, place = zbuffer.box_triangle.reshape(-1), np.full(zbuffer.depth.size, -1)
    corners, front, count = list[F4](), list[Bool](), 0
    for index, pixels in groups:
        part, triangle = zbuffer.parts[index], seen.take(pixels).astype(np.int64)
        if len(part.bvh) <= min(len(pixels), KEPT_PLANES):
            place[pixels] = triangle + count
            triangle = np.arange(len(part.bvh))
            corners.append(np.broadcast_to(part.bvh.corner_normals, (3, 3, len(triangle))))
        else:  # more triangles than pixels: one for each pixel
            place[pixels] = np.arange(count, count + len(pixels))
            corners.append(part.bvh.normals_of(triangle))
        front.append(faces_viewer(part, triangle, triangle, triangle))
        count += len(triangle)
    inverse = np.stack([zbuffer.parts[index].grid.inverse.reshape(9) for index, _ in groups], 1)
    inverse = inverse.astype(np.float32).astype(np.float64)
    inverse = np.repeat(inverse, [len(one) for one in front], axis=1)
    return _Triangles(np.concatenate(corners, 2), np.concatenate(front), inverse, place)


def _put_together(zbuffer: ZBuffer, triangles: _Triangles, out: F4) -> None:
    """The normals of the pixels that see those triangles, into f4[n, 3]."""
    corners = triangles.corners
    flat = (corners == corners[:1]).all((0, 1))
    one = _turned(_rotated(triangles.inverse, corners[0]), triangles.front)
    for k in range(3):  # the last column is the background's
        out[:, k] = np.append(one[k], np.float32(0)).take(triangles.place)
    smooth = np.flatnonzero(~np.append(flat, True).take(triangles.place))
    if smooth.size:
        place = triangles.place.take(smooth)
        normal = _interpolated(zbuffer, smooth, [[axis.take(place) for axis in corner] for corner in corners])
        inverse = np.stack([row.take(place) for row in triangles.inverse])
        normal = _turned(_rotated(inverse, normal), triangles.front.take(place))
        for k in range(3):
            out[smooth, k] = normal[k]


def _put_by_pixel(zbuffer: ZBuffer, group: Group, out: F4) -> None:
    """The normals of a part that each pixel sees from a point or a pose of its own."""
    index, pixels = group
    part, row = zbuffer.parts[index], pixels // zbuffer.camera.width
    triangle = zbuffer.box_triangle.reshape(-1).take(pixels).astype(np.intp)
    corners = part.bvh.normals_of(triangle)
    flat = (corners == corners[:1]).all((0, 1))
    normal = np.where(flat, corners[0], _interpolated(zbuffer, pixels, corners))
    inverse = part.grid.inverse.astype(np.float32)
    if inverse.ndim == 3:
        normal = np.einsum("kn,nkj->jn", normal, inverse[row])
    else:
        normal = _rotated(inverse.reshape(9, 1).astype(np.float64), normal)
    front = faces_viewer(part, (pixels - row * zbuffer.camera.width) + 0.5, row + 0.5, triangle)
    out[pixels] = _turned(normal, front).T


def _interpolated(zbuffer: ZBuffer, pixels: np.ndarray, corners: Sequence[Sequence[F4]] | F4) -> F4:
    """Normals f4[3, n] at those pixels between those at the corners, [corner][axis], of the triangles that they see."""
    weights = zbuffer.weights_at(pixels)
    v, w = np.ascontiguousarray(weights[:, 0]), np.ascontiguousarray(weights[:, 1])
    u = 1 - v - w
    return np.stack([corners[0][k] * u + corners[1][k] * v + corners[2][k] * w for k in range(3)])


def _rotated(inverse: F8, normal: F4) -> F4:
    """The transposed matrices f8[9, n] (or [9, 1]) times normals f4[3, n]: float32, each product added unrounded."""
    out, wide = np.empty_like(normal), normal.astype(np.float64)
    for j in range(3):
        total = (inverse[j] * wide[0] + 0.0).astype(np.float32)  # the sum starts from +0, so it is never -0
        total = (inverse[3 + j] * wide[1] + total).astype(np.float32)
        out[j] = inverse[6 + j] * wide[2] + total
    return out


def _turned(normal: F4, front: Bool) -> F4:
    """Normals f4[3, n] made as long as one, on the side that is seen; in place."""
    length = np.sqrt(np.einsum("kn,kn->n", normal, normal))
    length[length == 0] = 1
    np.negative(length, out=length, where=~front)
    normal /= length
    return normal
