"""Draws the thumbnails of the bundled starter set, and the sheet of all of them for the docs.

    python scripts/library_thumbnails.py [NAME ...]

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


def main(names: list[str]) -> None:
    """Draw those, or all, and the sheet."""
    folder = STARTER / "thumbnails"
    folder.mkdir(exist_ok=True)
    for name in names or ASSETS:
        (folder / f"{name}.png").write_bytes(png_of(picture_of(STARTER / f"{name}.usda")))
    rows = -(-len(ASSETS) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * TILE), (182, 190, 204))
    for k, name in enumerate(ASSETS):
        tile = (
            Image.open(folder / f"{name}.png").convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
        )
        sheet.paste(tile, (k % COLUMNS * TILE, k // COLUMNS * TILE))
    sheet.save(ROOT / "docs" / "images" / "library.jpg", quality=85)


if __name__ == "__main__":
    main(sys.argv[1:])
