"""Draws the thumbnails of the bundled starter set, and the sheet of all of them for the docs.

    python scripts/library_thumbnails.py [NAME ...]
    python scripts/library_thumbnails.py --sheet       the sheet alone, of the thumbnails that are there

Each is what `twinstage render FILE --engine direct` shows of the asset's default variants, 256 x 256 pixels, on few colours, so
that the file is small. Run it after the set has changed; a test looks whether the pictures are there and show something.
"""

import sys
from pathlib import Path

from PIL import Image

from twinstage.assets.library.build_starter.shelf import ASSETS
from twinstage.render import api

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "assets" / "library" / "starter"
SIZE, SPP, VIEWS, VIEW, ELEVATION = 256, 64, 8, 7, 18.0
COLUMNS, TILE = 6, 200
SHEET = ROOT / "docs" / "images" / "library.jpg"


def draw(name: str) -> Image.Image:
    """The asset from its front right."""
    scene = api.open(STARTER / f"{name}.usda")
    camera = scene.turntable(VIEWS, size=(SIZE, SIZE), elevation=ELEVATION)[VIEW]
    return Image.fromarray(scene.picture(camera, size=(SIZE, SIZE), engine="direct", spp=SPP).rgb)


def main(names: list[str], out: Path = SHEET) -> None:
    """Draw those, or all, and the sheet."""
    folder = STARTER / "thumbnails"
    folder.mkdir(exist_ok=True)
    for name in [] if names == ["--sheet"] else names or ASSETS:
        draw(name).quantize(64).save(folder / f"{name}.png", optimize=True)
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
