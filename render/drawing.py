"""Parts cast into a depth buffer, with as few rays as it takes."""

import numpy as np

from twinstage.render.bounds import PixelRect, places
from twinstage.render.casting import Part
from twinstage.render.cells import COVERED, DRAWN, UNKNOWN, Cells, cells_of
from twinstage.render.hits import cast_part, cast_pixels, covers, covers_pixels
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import Bool

_FULL = 0.85
"""Share of a rectangle from which all of its rays are cast: a grid of rays is made faster than single ones."""

_WORTH = 4096
"""Hidden pixels from which it pays to ask only whether they are covered."""


def draw_seen(zbuffer: ZBuffer, part: Part, rect: PixelRect) -> None:
    """Draw a part of which only what is seen matters."""
    if zbuffer.hidden(part, rect):
        return
    if part.footprint is not None:
        nearest = part.footprint.over(rect)
        seen = zbuffer.reachable(rect, nearest)
        seen &= nearest < np.inf  # where nothing is drawn yet, all is reachable, even what is nowhere
        rays = np.count_nonzero(seen)
        cells = cells_of(zbuffer.camera, part, rect, rays, 0)
        if cells is not None or rays < _FULL * rect.area:
            _draw_some(zbuffer, part, rect, seen, cells)
            return
    zbuffer.draw(part, rect, cast_part(zbuffer.camera, part, rect))


def draw_whole(zbuffer: ZBuffer, part: Part, rect: PixelRect, outline: Bool) -> None:
    """Draw a part, and mark all pixels of the rectangle that it covers, hidden ones too, in `outline` bool[h, w]."""
    camera = zbuffer.camera
    if part.footprint is None and zbuffer.hidden(part, rect):  # what is inside of things, mostly
        if not outline.all():
            outline |= covers(camera, part, rect)
        return
    if part.footprint is None:
        hits = cast_part(camera, part, rect)
        zbuffer.draw(part, rect, hits)
        outline |= np.isfinite(hits.t)
        return
    nearest = part.footprint.over(rect)
    there, seen = nearest < np.inf, zbuffer.reachable(rect, nearest)
    seen &= there
    rays = np.count_nonzero(there)
    cells = cells_of(camera, part, rect, rays, rays - np.count_nonzero(seen))
    if cells is not None:
        outline |= cells.hit
        there &= cells.kind == UNKNOWN
    hidden = there & ~seen
    if np.count_nonzero(hidden) < _WORTH:
        seen |= hidden
    else:
        row, column = places(hidden & ~outline)
        outline[row, column] = covers_pixels(camera, part, rect, row, column)
    _draw_some(zbuffer, part, rect, seen, cells, outline)


def _draw_some(
    zbuffer: ZBuffer,
    part: Part,
    rect: PixelRect,
    where: Bool,
    cells: Cells | None,
    outline: Bool | None = None,
) -> None:
    """Draw a part in some pixels of a rectangle alone."""
    if cells is not None:
        row, column = places(where & (cells.kind == DRAWN))
        zbuffer.draw_pixels(part, row + rect.y0, column + rect.x0, cells.hits(row, column))
        where = where & (cells.kind >= COVERED)
    row, column = places(where)
    if row.size == 0:
        return
    hits = cast_pixels(zbuffer.camera, part, rect, row, column)
    zbuffer.draw_pixels(part, row + rect.y0, column + rect.x0, hits)
    if outline is not None:
        outline[row, column] |= np.isfinite(hits.t)
