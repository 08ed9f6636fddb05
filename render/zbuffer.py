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
from twinstage.render.hits import Hits as Hits
from twinstage.render.hits import cast_part as cast_part
from twinstage.render.hits import exact_t, weight_table
from twinstage.render.ties import TIE, Claims, Pixels, joined, owner_key, reach, winners
from twinstage.scene.columns import F4, I4, U4, Bool


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

    def weights_at(self, pixels: np.ndarray) -> F4:
        """Weights f4[n, 2] of the second and third corner of the triangles seen at flat indices of pixels."""
        # Two weights as one number of eight bytes: they move together.
        pairs = self._settled()[0].barycentric.reshape(-1).view(np.uint64).take(pixels)
        weights = pairs.view(np.float32).reshape(-1, 2)
        missing = np.flatnonzero(np.isnan(weights[:, 0]))  # what whole cells see (`render.cells`)
        if missing.size:
            weights[missing] = self._weights_of(pixels.take(missing))
        return weights

    def _weights_of(self, pixels: np.ndarray) -> F4:
        """Weights where no ray has told them: of parts before a pinhole that rests."""
        part = self.part.reshape(-1).take(pixels)
        seen = np.flatnonzero(np.bincount(part))
        tables = [weight_table(self.parts[k]) for k in seen.tolist()]
        first = np.zeros(len(self.parts), np.int64)
        first[seen] = np.cumsum([0, *(table.shape[1] for table in tables[:-1])])
        place = first.take(part) + self.box_triangle.reshape(-1).take(pixels)
        t, row = self.depth.reshape(-1).take(pixels), pixels // self.camera.width
        x, y = ((axis + 0.5).astype(np.float32) for axis in (pixels - row * self.camera.width, row))
        table, out = np.concatenate(tables, axis=1), np.empty((len(pixels), 2), np.float32)
        for k in range(2):
            across, down, along, start = (row.take(place) for row in table[4 * k : 4 * k + 4])
            out[:, k] = t * (across * x + down * y + along) + start
        return out

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
        self._seen, self._groups = None, None
        if not self.parts or self.parts[-1] is not part:
            self.parts.append(part)
        index = len(self.parts) - 1
        pixel = row * self.camera.width + column
        triangle = hits.triangle.reshape(-1).take(chosen)
        t = hits.t.reshape(-1).take(chosen)
        if not hits.exact:
            t = exact_t(part, column + 0.5, row + 0.5, triangle.astype(np.intp), t)
        old = self._drawn.depth.reshape(-1).take(pixel)
        barycentric = hits.barycentric.reshape(-1, 2)
        nearer = t < old
        if not (nearer.all() and (old == np.inf).all()):
            # First those that are about as near, in float32; few or none are left to be looked at closely.
            near = np.flatnonzero(np.abs(old - t) <= t * np.float32(2 * TIE))
            tie = near[(t[near] <= reach(old[near])) & (old[near] <= reach(t[near]))]
            if tie.size:
                at = pixel[tie]
                self._claims.append(self._drawn.at(at))
                coming = np.full(len(at), index)
                self._claims.append(Claims(at, coming, t[tie], triangle[tie], barycentric[chosen[tie]]))
            if not nearer.all():
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
