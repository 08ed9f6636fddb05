"""Full silhouettes outside of the image: an object cast alone on a canvas wider than the image."""

from collections.abc import Iterator

import numpy as np

from twinstage.render.bounds import PixelRect, image_rect, places
from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.cells import UNKNOWN, cells_of
from twinstage.render.footprints import WORTH
from twinstage.render.hits import covers, covers_pixels
from twinstage.scene.columns import Bool

_BAND = 2_000_000
"""Rays cast at once outside of the image: about 50 MB."""


def count_outside(
    camera: Camera, parts: list[Part], rect: PixelRect, canvas: PixelRect, most: int | None
) -> int:
    """Pixels of the union of the parts, which lie in `rect`, on the canvas but outside of the image.

    `most`: rays to cast at most, which makes larger counts estimates; None casts them all.
    """
    image = image_rect(camera)
    strips = [s for s in _strips(rect.clipped(canvas), image) if s.area]
    rays = sum(strip.area for strip in strips)
    stride = 1 if most is None or rays <= most else int(np.ceil(np.sqrt(rays / most)))
    if stride == 1:
        return sum(_count_band(camera, parts, band) for strip in strips for band in _bands(strip))
    return sum(_count_strip(camera, parts, strip, stride) for strip in strips)


def _strips(rect: PixelRect, hole: PixelRect) -> list[PixelRect]:
    """The rectangle without the hole, as up to four rectangles that do not overlap."""
    core = rect.clipped(hole)
    if core.area == 0:
        return [rect]
    return [
        PixelRect(rect.x0, rect.y0, rect.x1, core.y0),
        PixelRect(rect.x0, core.y1, rect.x1, rect.y1),
        PixelRect(rect.x0, core.y0, core.x0, core.y1),
        PixelRect(core.x1, core.y0, rect.x1, core.y1),
    ]


def _bands(strip: PixelRect) -> Iterator[PixelRect]:
    """The strip in pieces of few enough pixels that their rays fit into memory, however large the image."""
    height = max(_BAND // strip.width, 1)
    for y in range(strip.y0, strip.y1, height):
        yield PixelRect(strip.x0, y, strip.x1, min(y + height, strip.y1))


def _count_band(camera: Camera, parts: list[Part], band: PixelRect) -> int:
    """Pixels of the union of all parts in one piece of the canvas."""
    covered = np.zeros((band.height, band.width), bool)
    for part in sorted(parts, key=lambda part: -part.rect.area):  # large ones leave little to small ones
        rect = part.rect.clipped(band)
        where = covered[rect.slices(band)]
        if not where.all():
            _cover(camera, part, rect, where)
    return int(np.count_nonzero(covered))


def _cover(camera: Camera, part: Part, rect: PixelRect, covered: Bool) -> None:
    """Mark the part's pixels, in place."""
    if part.footprint is None or rect.area < WORTH:
        covered |= covers(camera, part, rect)
        return
    open_ = part.footprint.mask(rect) & ~covered
    pixels = np.count_nonzero(open_)
    cells = cells_of(camera, part, rect, pixels, pixels)
    if cells is not None:
        covered |= cells.hit
        open_ &= cells.kind == UNKNOWN
    row, column = places(open_)
    if row.size:
        covered[row, column] = covers_pixels(camera, part, rect, row, column)


def _count_strip(camera: Camera, parts: list[Part], strip: PixelRect, stride: int) -> int:
    """Pixels of the union of all parts on one strip; with a stride above 1 estimated from every stride-th pixel."""
    # A strip thinner than the stride still gets a row of samples.
    stride = min(stride, strip.width, strip.height)
    first = stride // 2
    covered = np.zeros(
        (len(range(first, strip.height, stride)), len(range(first, strip.width, stride))), bool
    )
    for part in parts:
        rect = part.rect.clipped(strip)
        if rect.area == 0:
            continue
        aligned = _aligned(rect, strip, stride)
        hit = covers(camera, part, aligned, stride)
        row, column = (aligned.y0 - strip.y0) // stride, (aligned.x0 - strip.x0) // stride
        covered[row : row + hit.shape[0], column : column + hit.shape[1]] |= hit
    samples = int(np.count_nonzero(covered))
    return samples if stride == 1 else round(samples / covered.size * strip.area)


def _aligned(rect: PixelRect, strip: PixelRect, stride: int) -> PixelRect:
    """The rectangle grown to whole cells of the strip's sampling grid."""
    return PixelRect(
        strip.x0 + (rect.x0 - strip.x0) // stride * stride,
        strip.y0 + (rect.y0 - strip.y0) // stride * stride,
        min(strip.x0 - (strip.x0 - rect.x1) // stride * stride, strip.x1),
        min(strip.y0 - (strip.y0 - rect.y1) // stride * stride, strip.y1),
    )
