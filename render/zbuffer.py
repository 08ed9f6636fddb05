"""What each pixel sees first: a depth buffer filled part by part, with the triangle that was hit.

Ties. Let t be the least ray parameter of all hits of a pixel. Of all parts hit at no more than t * (1 + 1e-6), the one
with the lowest instance_id is seen (those that belong to no object come last), then the lowest row of the instance
table. That is a rule on the set of hits, so the order of drawing does not matter; and it is not applied in pairs,
where "equal within a tolerance" is not transitive. Pixels with such hits of two or more instances are counted.

Embree finds which triangle is hit, in float32; where along the ray, is then computed in float64 from the triangle's
plane, and rounded to float32.
"""

import numpy as np

from twinstage.render.bounds import PixelRect, image_rect
from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.footprints import MARGIN
from twinstage.render.hits import DOUBT as DOUBT
from twinstage.render.hits import KEPT_PLANES, exact_t, faces_viewer
from twinstage.render.hits import Hits as Hits
from twinstage.render.hits import cast_part as cast_part
from twinstage.render.ties import Claims, Pixels, joined, owner_key, reach, winners
from twinstage.scene.columns import F4, I4, U4, Bool
from twinstage.scene.snapshot import Snapshot

_LONG = 512
"""Columns from which a product with a matrix of three rows is faster without BLAS."""


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
        self._drawn = Pixels(
            np.full(shape, np.inf, np.float32),
            np.full(shape, -1, np.int32),
            np.zeros(shape, np.uint32),
            np.zeros((*shape, 2), np.float32),
        )
        self._claims: list[Claims] = []
        self._seen: tuple[Pixels, int] | None = None
        self._groups: list[tuple[int, np.ndarray]] | None = None

    def _settled(self) -> tuple[Pixels, int]:
        """What is seen, contested pixels given to whom the rule names, and how many tie.

        Any hit within the tolerance of the nearest either held its pixel last, or was remembered: when it came, or
        when what came after took its place, the two were within the tolerance of each other.
        """
        if self._seen is None:
            if not self._claims:
                return self._drawn, 0
            contested = np.unique(np.concatenate([claim.pixel for claim in self._claims]))
            keys = np.array([owner_key(part.object, part.instance) for part in self.parts])
            won, ties = winners(joined([*self._claims, self._drawn.at(contested)]), keys)
            pixels = self._drawn.copy()
            pixels.put(won)
            self._seen = pixels, ties
        return self._seen

    @property
    def depth(self) -> F4:
        return self._settled()[0].depth

    @property
    def part(self) -> I4:
        return self._settled()[0].part

    @property
    def barycentric(self) -> F4:
        return self._settled()[0].barycentric

    @property
    def box_triangle(self) -> U4:
        """The triangle in its part's BVH, u4[h, w]."""
        return self._settled()[0].triangle

    @property
    def ties(self) -> int:
        return self._settled()[1]

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
        if self._groups is None:
            self._groups = grouped(self.part)
        return self._groups

    def hidden(self, part: Part, rect: PixelRect) -> bool:
        """Whether everything of that part in that rectangle is behind what is drawn already, ties apart."""
        nearest = part.nearest * (1 - MARGIN)
        return bool(self._drawn.depth[rect.slices(image_rect(self.camera))].max() < nearest)

    def reachable(self, rect: PixelRect, nearest: F4) -> Bool:
        """Pixels of that rectangle where what is no nearer than `nearest` f4[h, w] may be seen, ties included."""
        return np.asarray(self._drawn.depth[rect.slices(image_rect(self.camera))] >= nearest)

    def draw(self, part: Part, rect: PixelRect, hits: Hits) -> None:
        """Take what is nearer, and keep what ties for when all is drawn."""
        held = self._drawn.depth[rect.slices(image_rect(self.camera))]
        # Strictly below, so that inf is not. Hits clearly behind need no exact answer.
        chosen = np.flatnonzero(hits.t < held * (1 + DOUBT))
        row = chosen // rect.width
        column = chosen - row * rect.width
        self._take(part, row + rect.y0, column + rect.x0, chosen, hits)

    def draw_pixels(self, part: Part, row: np.ndarray, column: np.ndarray, hits: Hits) -> None:
        """The same for hits of the pixels [n] in those rows and columns of the image, each given once."""
        held = self._drawn.depth.reshape(-1).take(row * self.camera.width + column)
        chosen = np.flatnonzero(hits.t < held * (1 + DOUBT))
        self._take(part, row.take(chosen), column.take(chosen), chosen, hits)

    def _take(self, part: Part, row: np.ndarray, column: np.ndarray, chosen: np.ndarray, hits: Hits) -> None:
        """Draw hits `chosen`, which are those of the pixels in those rows and columns."""
        if chosen.size == 0:
            return
        index, self._seen, self._groups = len(self.parts), None, None
        self.parts.append(part)
        pixel = row * self.camera.width + column
        triangle = hits.triangle.reshape(-1).take(chosen)
        t = hits.t.reshape(-1).take(chosen)
        t = exact_t(part, column + 0.5, row + 0.5, triangle.astype(np.intp), t)
        old = self._drawn.depth.reshape(-1).take(pixel)
        barycentric = hits.barycentric.reshape(-1, 2)
        nearer = t < old
        if not (nearer.all() and (old == np.inf).all()):
            tie = np.flatnonzero((t <= reach(old)) & (old <= reach(t)))
            if tie.size:
                at = pixel[tie]
                self._claims.append(self._drawn.at(at))
                coming = np.full(len(at), index)
                self._claims.append(Claims(at, coming, t[tie], triangle[tie], barycentric[chosen[tie]]))
            kept = np.flatnonzero(nearer)
            chosen, pixel, t, triangle = (
                chosen.take(kept),
                pixel.take(kept),
                t.take(kept),
                triangle.take(kept),
            )
        drawn = self._drawn
        drawn.depth.reshape(-1)[pixel] = t
        drawn.part.reshape(-1)[pixel] = index
        drawn.triangle.reshape(-1)[pixel] = triangle
        # Two weights as one number of eight bytes: they move together.
        drawn.barycentric.reshape(-1).view(np.uint64)[pixel] = barycentric.reshape(-1).view(np.uint64)[chosen]


def grouped(values: np.ndarray) -> list[tuple[int, np.ndarray]]:
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
    return grouped(zbuffer.instance)


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
    weights = zbuffer.barycentric.reshape(-1).view(np.uint64)
    triangles = zbuffer.box_triangle.ravel()
    for index, pixels in zbuffer.groups():
        part = zbuffer.parts[index]
        triangle = triangles.take(pixels).astype(np.intp)
        if _flat(part) and len(part.bvh) <= len(triangle):
            every = np.arange(len(part.bvh))  # few triangles with one normal each: made once, then looked up
            table = _turned(part, part.bvh.corner_normals[0].copy(), faces_viewer(part, every, every, every))
            normal = [axis.take(triangle) for axis in table]
        else:
            row = pixels // width
            shading = _interpolated(part, triangle, weights.take(pixels).view(np.float32).reshape(-1, 2))
            front = faces_viewer(part, (pixels - row * width) + 0.5, row + 0.5, triangle)
            normal = list(_turned(part, shading, front, row))
        for k in range(3):
            out[k][pixels] = normal[k]
    normals = np.empty((zbuffer.depth.size, 3), np.float32)
    for k in range(3):
        normals[:, k] = out[k]  # a plane at a time: three times as fast as the transposed array
    return normals.reshape(*zbuffer.depth.shape, 3)


def _flat(part: Part) -> bool:
    """Whether each triangle has one normal and one side that is seen, wherever it is hit."""
    return part.grid.central and len(part.bvh) <= KEPT_PLANES and len(part.bvh.corner_normals) == 1


def _turned(part: Part, normal: F4, front: Bool, row: np.ndarray | None = None) -> F4:
    """Unit normals f4[3, n] in the world, on the side that is seen, of normals in the gprim's frame."""
    inverse = part.grid.inverse.astype(np.float32)
    if inverse.ndim == 3:
        normal = np.einsum("kn,nkj->jn", normal, inverse[row])
    else:
        normal = _rotated(inverse, normal)
    length = np.sqrt(np.einsum("kn,kn->n", normal, normal))
    length[length == 0] = 1
    np.negative(length, out=length, where=~front)
    normal /= length
    return normal


def _rotated(inverse: F4, normal: F4) -> F4:
    """`inverse.T @ normal`, f4[3, n], to the bit: each product is added unrounded, as BLAS does by fused multiply-add.

    BLAS is four times slower where three rows are long.
    """
    if normal.shape[1] < _LONG:
        return np.asarray(inverse.T @ normal)
    out, wide, factors = np.empty_like(normal), normal.astype(np.float64), inverse.astype(np.float64)
    for j in range(3):
        total = (factors[0, j] * wide[0] + 0.0).astype(
            np.float32
        )  # the sum starts from +0, so it is never -0
        total = (factors[1, j] * wide[1] + total).astype(np.float32)
        out[j] = factors[2, j] * wide[2] + total
    return out


def _interpolated(part: Part, triangle: np.ndarray, weights: F4) -> F4:
    """The vertices' normals in the gprim's frame f4[3, n] at places on triangles of the part's BVH."""
    if len(part.bvh) > KEPT_PLANES:
        corners, index = part.bvh.normals_of(triangle), None
    else:
        corners, index = part.bvh.corner_normals, triangle
    out = np.empty((3, len(triangle)), np.float32)
    u, v = np.ascontiguousarray(weights[:, 0]), np.ascontiguousarray(weights[:, 1])
    shares = [np.float32(1)] if len(corners) == 1 else [1 - u - v, u, v]
    for k in range(3):
        columns = [c[k] if index is None else c[k].take(index) for c in corners]
        out[k] = columns[0] * shares[0]
        for column, share in zip(columns[1:], shares[1:], strict=True):
            out[k] += column * share
    return out
