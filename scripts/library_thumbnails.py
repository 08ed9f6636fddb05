"""Draws the thumbnails of the bundled starter set, and the sheet of all of them for the docs.

    python scripts/library_thumbnails.py [NAME ...]
    python scripts/library_thumbnails.py --sheet       the sheet alone, of the thumbnails that are there

Each is what the catalogue draws of an asset that names no picture (`assets.catalogue.draw`). Run it after
the set has changed; a test looks whether the pictures are there and show something.
"""

import sys
from pathlib import Path

from PIL import Image

from twinstage.assets.catalogue.draw import picture_of, png_of
from twinstage.assets.library.build_starter.shelf import ASSETS

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "assets" / "library" / "starter"
COLUMNS, TILE = 6, 200
SHEET = ROOT / "docs" / "images" / "library.jpg"


def main(names: list[str], out: Path = SHEET) -> None:
    """Draw those, or all, and the sheet."""
    folder = STARTER / "thumbnails"
    folder.mkdir(exist_ok=True)
    for name in [] if names == ["--sheet"] else names or ASSETS:
        (folder / f"{name}.png").write_bytes(png_of(picture_of(STARTER / f"{name}.usda")))
    sheet_of([Image.open(folder / f"{name}.png").convert("RGB") for name in ASSETS]).save(out, quality=85)


def sheet_of(tiles: list[Image.Image]) -> Image.Image:
    """Tiles in rows as even as can be, the shorter ones in the middle, on the colour that the tiles have at their corners."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * TILE), tiles[0].getpixel((1, 1)))
    for row in range(rows):
        first, last = len(tiles) * row // rows, len(tiles) * (row + 1) // rows
        left = (COLUMNS - (last - first)) * TILE // 2
        for k, tile in enumerate(tiles[first:last]):
            sheet.paste(tile.resize((TILE, TILE), Image.Resampling.LANCZOS), (left + k * TILE, row * TILE))
    return sheet


if __name__ == "__main__":
    main(sys.argv[1:])
