"""What each pixel sees first: a depth buffer filled part by part, with the triangle that was hit.

Ties. Let t be the least ray parameter of all hits of a pixel. Of all parts hit at no more than t * (1 + 1e-6), the one
with the lowest instance_id is seen (those that belong to no object come last), then the lowest row of the instance
table. That is a rule on the set of hits, so the order of drawing does not matter; and it is not applied in pairs,
where "equal within a tolerance" is not transitive. Pixels with such hits of two or more instances are counted.

Embree finds which triangle is hit, in float32; where along the ray, is then computed in float64 from the triangle's
plane, and rounded to float32.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, image_rect
from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.hits import DOUBT as DOUBT
from twinstage.render.hits import Hits as Hits
from twinstage.render.hits import cast_part as cast_part
from twinstage.render.hits import exact_t, faces_viewer
from twinstage.render.rays import centres
from twinstage.scene.columns import F4, F8, I4, U4
from twinstage.scene.snapshot import Snapshot

TIE = 1e-6
"""Hits whose ray parameters differ by less than this share are in the same place."""

_LAST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class _Claims:
    """Hits that may be the ones seen at contested pixels: flat pixel, part, t, triangle, barycentric."""

    pixel: np.ndarray
    part: np.ndarray
    t: F4
    triangle: U4
    barycentric: F4


class ZBuffer:
    """Nearest hits of an image; see the module for what "nearest" is.

    depth f4[h, w]: ray parameter [m] (z along the optical axis where the lens is measured so, else range), inf =
    background; part i4[h, w]: index of `parts` or -1; instance i4[h, w]: row of the instance table or -1; triangle
    u4[h, w] in its prototype; barycentric f4[h, w, 2]: weights of the triangle's second and third corner; ties: pixels
    where instances tie.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.parts: list[Part] = []
        shape = (camera.height, camera.width)
        self._depth: F4 = np.full(shape, np.inf, np.float32)
        self._part: I4 = np.full(shape, -1, np.int32)
        self._triangle: U4 = np.zeros(shape, np.uint32)
        self._barycentric: F4 = np.zeros((*shape, 2), np.float32)
        self._claims: list[_Claims] = []
        self._unsettled = False
        self._tied = 0

    @property
    def depth(self) -> F4:
        self._settle()
        return self._depth

    @property
    def part(self) -> I4:
        self._settle()
        return self._part

    @property
    def barycentric(self) -> F4:
        self._settle()
        return self._barycentric

    @property
    def box_triangle(self) -> U4:
        """The triangle in its part's BVH, u4[h, w]."""
        self._settle()
        return self._triangle

    @property
    def ties(self) -> int:
        self._settle()
        return self._tied

    @property
    def instance(self) -> I4:
        rows = np.array([part.instance for part in self.parts] + [-1], np.int32)
        out: I4 = rows[self.part]
        return out

    @property
    def triangle(self) -> U4:
        out = np.array(self.box_triangle)
        for index, pixels in self.groups():
            mapping = self.parts[index].bvh.triangle
            if mapping is not None:
                out.ravel()[pixels] = mapping[out.ravel()[pixels]]
        return out

    def groups(self) -> list[tuple[int, np.ndarray]]:
        """For each part that is seen its index and the flat indices of its pixels, rising."""
        return _grouped(self.part)

    def hidden(self, part: Part, rect: PixelRect) -> bool:
        """Whether everything of that part in that rectangle is behind what is drawn already, ties apart."""
        # Float32 depths stray by parts in 1e7 from the float64 bound; the margin keeps the answer conservative.
        nearest = part.nearest * (1 - 4 * TIE)
        return bool(self._depth[rect.slices(image_rect(self.camera))].max() < nearest)

    def draw(self, part: Part, rect: PixelRect, hits: Hits) -> None:
        """Take what is nearer, and keep what ties for when all is drawn."""
        image = image_rect(self.camera)
        window = rect.slices(image)
        depth = self._depth[window]
        # Strictly below, so that inf is not. Hits clearly behind need no exact answer.
        near = hits.t < depth * (1 + DOUBT)
        if not near.any():
            return
        index = len(self.parts)
        self.parts.append(part)
        x, y = centres(rect)
        x, y = np.broadcast_to(x, near.shape)[near], np.broadcast_to(y[:, None], near.shape)[near]
        triangle = hits.triangle[near]
        t = exact_t(part, x, y, triangle.astype(np.intp), hits.t[near])
        old = depth[near]
        nearer = t < old
        tie = (t <= _reach(old)) & (old <= _reach(t))
        if tie.any():
            pixel = (y[tie].astype(np.int64)) * self.camera.width + x[tie].astype(np.int64)
            self._contest(pixel, index, t[tie], triangle[tie], hits.barycentric[near][tie])
        if not nearer.all():
            near[near] = nearer
            if not nearer.any():
                return
            t, triangle = t[nearer], triangle[nearer]
        self._depth[window][near] = t
        self._part[window][near] = index
        self._triangle[window][near] = triangle
        self._barycentric[window][near] = hits.barycentric[near]

    def _contest(self, pixel: np.ndarray, part: int, t: F4, triangle: U4, barycentric: F4) -> None:
        """Remember both who stands at those pixels and who comes."""
        self._unsettled = True
        self._claims.append(self._holders(pixel))
        self._claims.append(_Claims(pixel, np.full(len(pixel), part), t, triangle, barycentric))

    def _holders(self, pixel: np.ndarray) -> _Claims:
        return _Claims(
            pixel,
            self._part.ravel()[pixel].astype(np.int64),
            self._depth.ravel()[pixel],
            self._triangle.ravel()[pixel],
            self._barycentric.reshape(-1, 2)[pixel],
        )

    def _settle(self) -> None:
        """Give contested pixels to whom the rule names.

        Any hit within the tolerance of the nearest either held its pixel last, or was remembered: when it came, or
        when what came after took its place, the two were within the tolerance of each other.
        """
        if not self._unsettled:
            return
        self._unsettled = False
        pixels = np.unique(np.concatenate([claim.pixel for claim in self._claims]))
        claims = [*self._claims, self._holders(pixels)]
        pixel = np.concatenate([c.pixel for c in claims])
        part = np.concatenate([c.part for c in claims])
        t = np.concatenate([c.t for c in claims])
        nearest = np.full(len(pixels), np.inf, np.float32)
        place = np.searchsorted(pixels, pixel)
        np.minimum.at(nearest, place, t)
        valid = np.flatnonzero(t <= _reach(nearest)[place])
        rows = np.array([(p.object if p.object >= 0 else _LAST, p.instance) for p in self.parts])
        owner = rows[part[valid]]
        order = valid[np.lexsort((t[valid], owner[:, 1], owner[:, 0], pixel[valid]))]
        first = order[np.append(True, np.diff(pixel[order]) != 0)]
        same = np.append(False, (np.diff(pixel[order]) == 0) & (np.diff(part[order]) != 0))
        self._tied = len(np.unique(pixel[order][same]))
        at = pixel[first]
        self._depth.ravel()[at] = t[first]
        self._part.ravel()[at] = part[first]
        self._triangle.ravel()[at] = np.concatenate([c.triangle for c in claims])[first]
        self._barycentric.reshape(-1, 2)[at] = np.concatenate([c.barycentric for c in claims])[first]


def _reach(t: np.ndarray) -> F8:
    """The greatest ray parameter that ties with t."""
    out: F8 = t.astype(np.float64) * (1 + TIE)
    return out


def _grouped(values: I4) -> list[tuple[int, np.ndarray]]:
    """For each value from 0 on its flat indices, rising."""
    flat = values.ravel()
    if flat.size and flat.max() < np.iinfo(np.int16).max:
        flat = flat.astype(np.int16)  # sorted by radix: ten times as fast
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if flat.size else np.zeros(0, int)
    groups = np.split(order, starts[1:])
    return [(int(flat[group[0]]), group) for group in groups if group.size and flat[group[0]] >= 0]


def pixels_by_instance(zbuffer: ZBuffer) -> list[tuple[int, np.ndarray]]:
    """For each instance in the buffer its row and the flat indices of its pixels, by rising row."""
    return _grouped(zbuffer.instance)


def corner_weights(zbuffer: ZBuffer, pixels: np.ndarray) -> F4:
    """Weights f4[n, 3] of the three corners of the triangles hit at those flat pixel indices."""
    uv = zbuffer.barycentric.reshape(-1, 2)[pixels]
    return np.column_stack([1 - uv[:, 0] - uv[:, 1], uv])


def world_normals(snapshot: Snapshot, zbuffer: ZBuffer) -> F4:
    """Unit shading normals f4[h, w, 3] in the world: the vertices' normals interpolated; 0 for the background.

    Where a ray met the back of a triangle the normal is turned round, so that it belongs to the side that is seen.
    """
    out = np.zeros((3, zbuffer.depth.size), np.float32)
    width = zbuffer.camera.width
    weights = zbuffer.barycentric.reshape(-1, 2)
    triangles = zbuffer.box_triangle.ravel()
    for index, pixels in zbuffer.groups():
        part = zbuffer.parts[index]
        triangle = triangles[pixels].astype(np.intp)
        row = pixels // width
        x, y = (pixels - row * width) + 0.5, row + 0.5
        normal = _interpolated(part, triangle, weights[pixels])
        inverse = np.linalg.inv(part.world_from_box[..., :3, :3]).astype(np.float32)
        if inverse.ndim == 3:
            normal = np.einsum("kn,nkj->jn", normal, inverse[row])
        else:
            normal = inverse.T @ normal
        length = np.sqrt(np.einsum("kn,kn->n", normal, normal))
        length = np.where(length == 0, np.float32(1), length)
        out[:, pixels] = normal / np.where(faces_viewer(part, x, y, triangle), length, -length)
    return np.ascontiguousarray(out.T).reshape(*zbuffer.depth.shape, 3)


def _interpolated(part: Part, triangle: np.ndarray, weights: F4) -> F4:
    """The vertices' normals in the gprim's frame f4[3, n] at places on triangles of the part's BVH."""
    corners = part.bvh.triangles.take(triangle, axis=0).astype(np.intp)
    u, v = weights[:, 0], weights[:, 1]
    w = 1 - u - v
    out = np.empty((3, len(triangle)), np.float32)
    a, b, c = (np.ascontiguousarray(corners[:, k]) for k in range(3))
    for k, column in enumerate(part.bvh.normals):
        out[k] = column.take(a) * w + column.take(b) * u + column.take(c) * v
    return out
