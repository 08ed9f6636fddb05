"""A UDIM set as one image: the tiles side by side, shrunk to fit a bounded atlas.

Tile 1001 + u + 10 v covers [u, u + 1] x [v, v + 1] of the texture coordinates. The atlas covers the rectangle of the
tiles that exist, so coordinates need only be moved and scaled, and consumers need not know that UDIM exists.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.safe.images import open_picture
from twinstage.scene.safe.limits import MAX_IMAGE_PIXELS

ATLAS_EDGE, ATLAS_AREA = 8192, 4096 * 4096
"""Greatest width and height of an atlas [px], and its greatest area: 4 x 4 tiles keep 1024 pixels a side each."""
FIRST, LAST = 1001, 1100


@dataclass(frozen=True, slots=True)
class Atlas:
    """PNG bytes; the rectangle of tiles that they cover: first column and row, number of both; `edge` of a tile [px]."""

    data: bytes
    column: int
    row: int
    columns: int
    rows: int
    edge: int
    shrunk: bool
    unreadable: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()


def bake_atlas(
    tiles: Mapping[int, bytes], fill: tuple[float, float, float, float], *, square: bool
) -> Atlas | None:
    """The atlas of encoded tiles by UDIM number; None where no tile can be decoded.

    `fill`: what cells without a tile hold, as stored, in [0, 1]. `square`: as many columns as rows, for maps that turn
    the coordinates.
    """
    from PIL import Image

    columns, rows, column, row = _rectangle(tiles, square)
    cell, native = min(ATLAS_EDGE // max(columns, rows), math.isqrt(ATLAS_AREA // (columns * rows))), 1
    pictures: dict[int, Any] = {}
    unreadable = []
    for number in sorted(tiles):
        picture = _decoded(tiles[number], cell)
        if picture is None:
            unreadable.append(number)
        else:
            pictures[number], largest = picture
            native = max(native, largest)
    if not pictures:
        return None
    edge = min(native, cell)
    mode = "RGBA" if any(p.mode == "RGBA" for p in pictures.values()) or fill[3] < 1 else "RGB"
    ground = tuple(round(255 * min(max(v, 0.0), 1.0)) for v in fill)[: len(mode)]
    atlas = Image.new(mode, (columns * edge, rows * edge), ground)
    for number, picture in pictures.items():
        u, v = (number - FIRST) % 10 - column, (number - FIRST) // 10 - row
        if picture.size != (edge, edge):
            picture = picture.resize((edge, edge), Image.Resampling.BOX)
        atlas.paste(picture.convert(mode), (u * edge, (rows - 1 - v) * edge))
    out = io.BytesIO()
    atlas.save(out, "PNG", compress_level=1)
    every = {
        FIRST + column + u + 10 * (row + v) for u in range(columns) for v in range(rows) if column + u < 10
    }
    missing = () if square else tuple(sorted(every - set(tiles)))
    return Atlas(out.getvalue(), column, row, columns, rows, edge, native > cell, tuple(unreadable), missing)


def _rectangle(tiles: Mapping[int, bytes], square: bool) -> tuple[int, int, int, int]:
    us, vs = [(n - FIRST) % 10 for n in tiles], [(n - FIRST) // 10 for n in tiles]
    columns, rows = max(us) - min(us) + 1, max(vs) - min(vs) + 1
    if square:
        columns = rows = max(columns, rows)
    return columns, rows, min(us), min(vs)


def _decoded(data: bytes, cell: int) -> "tuple[Any, int] | None":
    """The picture, no larger than a cell, as RGB or RGBA, and its longer edge as stored; None where it is unreadable."""
    from PIL import Image

    try:
        with open_picture(data) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                return None
            largest = max(image.size)
            image.draft(
                "RGB", (cell, cell)
            )  # JPEG: decode at half, a quarter or an eighth where that is enough
            if image.mode.startswith(("I", "F")):
                grey = np.clip(np.asarray(image, np.float64) / 256, 0, 255).astype(np.uint8)
                picture = Image.fromarray(grey).convert("RGB")
            else:
                alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
                picture = image.convert("RGBA" if alpha else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if max(picture.size) > cell:
        picture = picture.resize((min(picture.width, cell), min(picture.height, cell)), Image.Resampling.BOX)
    return picture, largest
