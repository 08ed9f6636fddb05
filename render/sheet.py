"""Contact sheets: many pictures on one, with captions. The same pictures always give the same bytes."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import U1

BACKGROUND, TEXT, FAINT = (20, 23, 28), (236, 239, 244), (150, 158, 170)
TILE, GAP, MARGIN, HEADER, CAPTION, MOST = 480, 14, 24, 76, 26, 16

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet.

    Attributes:
        size: width and height of the original [px]; tiles are all `TILE` wide.
        draw: gives the tile as a Pillow image of the (width, height) that it is called with. It is called once, when
            its turn comes, so that a sheet never holds more than one picture besides itself.
        caption: the line below.
    """

    size: tuple[int, int]
    draw: Callable[[tuple[int, int]], Any]
    caption: str


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the pictures: a title, a note at the right, and names with their colours."""

    title: str
    note: str = ""
    legend: Sequence[tuple[str, Color]] = ()


def sheet_png(tiles: Sequence[Tile], heading: Heading) -> bytes:
    """The PNG of a sheet with all those tiles, at least one, row by row."""
    from PIL import Image, ImageDraw

    columns = columns_for(len(tiles))
    heights = [max(round(TILE * tile.size[1] / tile.size[0]), 1) for tile in tiles]
    rows = [range(i, min(i + columns, len(tiles))) for i in range(0, len(tiles), columns)]
    row_heights = [max(heights[i] for i in row) + CAPTION for row in rows]
    size = (
        2 * MARGIN + columns * TILE + (columns - 1) * GAP,
        MARGIN + HEADER + sum(row_heights) + GAP * (len(rows) - 1) + MARGIN,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, heading, size[0])
    y = MARGIN + HEADER
    for row, height in zip(rows, row_heights, strict=True):
        for column, i in enumerate(row):
            x = MARGIN + column * (TILE + GAP)
            sheet.paste(tiles[i].draw((TILE, heights[i])), (x, y))
            draw.text((x, y + heights[i] + 5), tiles[i].caption, FAINT, font=font(14))
        y += height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def shrunk(rgb: U1, caption: str) -> Tile:
    """A tile of a picture u1[h, w, 3] that is kept at the size it will have on the sheet."""
    from PIL import Image

    height, width = rgb.shape[:2]
    small = Image.fromarray(np.ascontiguousarray(rgb)).resize(
        (TILE, max(round(TILE * height / width), 1)), Image.Resampling.LANCZOS
    )
    return Tile((width, height), lambda size: small, caption)


def evenly(count: int, most: int = MOST) -> np.ndarray:
    """Which of `count` things to show where at most `most` fit: rising indices, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def columns_for(count: int) -> int:
    """Wider than high, and as few empty places as that allows."""
    return min(
        range(1, 5), key=lambda c: (-(-count // c) * c - count + 1.5 * abs(-(-count // c) - c * 0.8), c)
    )


def font(size: int) -> Any:
    """Pillow's own font, which looks the same on every machine."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def number(count: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _draw_heading(draw: Any, heading: Heading, width: int) -> None:
    draw.text((MARGIN, MARGIN - 4), heading.title, TEXT, font=font(26))
    draw.text((width - MARGIN, MARGIN + 4), heading.note, FAINT, font=font(16), anchor="ra")
    x, small = MARGIN, font(16)
    for text, color in heading.legend:
        length = int(draw.textlength(text, small)) + 40
        if x + length > width - MARGIN:
            break
        draw.rounded_rectangle((x, MARGIN + 39, x + 14, MARGIN + 53), 3, color)
        draw.text((x + 21, MARGIN + 36), text, TEXT, font=small)
        x += length
