"""Where in the image a part may be, finer than its rectangle: rectangles around boxes that hold pieces of it.

A fence, a hall seen from inside or a floor under everything leave most of their rectangle empty or hidden. Their triangles are
held by a few dozen small boxes, made once a prototype; each is projected and says where, and from which depth on, anything of
the part can be. All of it is conservative: it saves rays that hit nothing or lie behind what is seen, and changes no hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, local_bounds, pixel_rects
from twinstage.render.bvh import Bvh
from twinstage.render.rays import View
from twinstage.scene.columns import F4, F8, Bool

WORTH = 4096
"""Pixels of a part's rectangle from which boxes pay."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Rectangles that hold all of a part, and the least ray parameter [m] of what is in each."""

    rects: tuple[PixelRect, ...]
    nearest: tuple[float, ...]

    def mask(self, rect: PixelRect) -> Bool:
        """Pixels of a rectangle where the part may be, bool[h, w]."""
        out = np.zeros((rect.height, rect.width), bool)
        for piece in self.rects:
            out[piece.clipped(rect).slices(rect)] = True
        return out

    def before(self, rect: PixelRect, depth: F4, slack: float) -> Bool:
        """Pixels of a rectangle where the part may be no further than `depth` f4[h, w], bool[h, w]."""
        out = np.zeros((rect.height, rect.width), bool)
        for piece, nearest in zip(self.rects, self.nearest, strict=True):
            inside = piece.clipped(rect)
            if inside.area:
                where = inside.slices(rect)
                out[where] |= depth[where] >= np.float32(nearest * (1 - slack))
        return out


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
    bounds, nearest = local_bounds(view.camera, linear, np.einsum("nij,nj->ni", linear, middle) + origin, half)
    rects, seen = pixel_rects(bounds, canvas)
    out, first = [], 0
    for number in count.tolist():
        kept = [k for k in range(first, first + number) if seen[k]]
        out.append(Footprint(tuple(rects[k] for k in kept), tuple(float(nearest[k]) for k in kept)))
        first += number
    return out
