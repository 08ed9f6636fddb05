"""Where in the image a part may be, finer than its rectangle: rectangles around boxes that hold pieces of it.

A fence, a hall seen from inside or a floor under everything leave most of their rectangle empty or hidden. Their triangles are
held by a few dozen small boxes, made once a prototype; each is projected and says where, and from which depth on, anything of
the part can be. All of it is conservative: it saves rays that hit nothing or lie behind what is seen, and changes no hit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, local_bounds, pixel_rects
from twinstage.render.bvh import Bvh
from twinstage.render.rays import View
from twinstage.render.ties import TIE
from twinstage.scene.columns import F4, F8, Bool

MARGIN = 4 * TIE
"""By this share what is certainly hidden lies further than what hides it: float32 depths stray by parts in 1e7."""

WORTH = 4096
"""Pixels of a part's rectangle from which boxes pay."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Rectangles (x0, y0, x1, y1) i8[n, 4] that hold all of a part; the least ray parameter f8[n] [m] in each."""

    rects: np.ndarray
    nearest: F8

    def mask(self, rect: PixelRect) -> Bool:
        """Pixels of a rectangle where the part may be, bool[h, w]."""
        out = np.zeros((rect.height, rect.width), bool)
        for (x0, y0, x1, y1), _ in self._inside(rect):
            out[y0:y1, x0:x1] = True
        return out

    def over(self, rect: PixelRect) -> F4:
        """A ray parameter [m] that nothing in a pixel of a rectangle falls below, f4[h, w]; inf where nothing is."""
        out = np.full((rect.height, rect.width), np.inf, np.float32)
        for (x0, y0, x1, y1), nearest in self._inside(rect):  # what is nearer comes later, and is put over it
            out[y0:y1, x0:x1] = nearest * (1 - MARGIN)
        return out

    def _inside(self, rect: PixelRect) -> Iterator[tuple[list[int], float]]:
        """The boxes that meet a rectangle, the farthest first: places from its corner, and least ray parameters."""
        origin, size = (rect.x0, rect.y0), (rect.width, rect.height)
        low, high = np.maximum(self.rects[:, :2] - origin, 0), np.minimum(self.rects[:, 2:] - origin, size)
        met = np.flatnonzero((low < high).all(1))
        met = met[np.argsort(-self.nearest[met])]
        places = np.concatenate([low, high], 1)[met]
        yield from zip(places.tolist(), self.nearest[met].tolist(), strict=True)


def footprints(view: View, canvas: PixelRect, world: F8, bvhs: Sequence[Bvh]) -> list[Footprint]:
    """Footprints on `canvas` of parts at `world` f8[n, 4, 4], before a camera with affine rays and one pose."""
    if not bvhs:
        return []
    count = np.array([len(bvh.pieces[0]) for bvh in bvhs])
    middle = np.concatenate([bvh.pieces[0] for bvh in bvhs])
    half = np.concatenate([bvh.pieces[1] for bvh in bvhs])
    turn = view.poses[:3, :3].T
    linear = turn @ world[:, :3, :3]
    origin = (world[:, :3, 3] - view.poses[:3, 3]) @ turn.T
    linear, origin = np.repeat(linear, count, 0), np.repeat(origin, count, 0)
    bounds, nearest = local_bounds(
        view.camera, linear, np.einsum("nij,nj->ni", linear, middle) + origin, half
    )
    rects, seen = pixel_rects(bounds, canvas)
    ends = np.cumsum(count)
    return [
        Footprint(rects[a:b][seen[a:b]], nearest[a:b][seen[a:b]])
        for a, b in zip((ends - count).tolist(), ends.tolist(), strict=True)
    ]
