"""Draws the thumbnails of the bundled starter set, and the sheet of all of them for the docs.

    python scripts/library_thumbnails.py [NAME ...]

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


def draw(name: str) -> Image.Image:
    """The asset from its front right."""
    scene = api.open(STARTER / f"{name}.usda")
    camera = scene.turntable(VIEWS, size=(SIZE, SIZE), elevation=ELEVATION)[VIEW]
    return Image.fromarray(scene.picture(camera, size=(SIZE, SIZE), engine="direct", spp=SPP).rgb)


def main(names: list[str]) -> None:
    """Draw those, or all, and the sheet."""
    folder = STARTER / "thumbnails"
    folder.mkdir(exist_ok=True)
    for name in names or ASSETS:
        draw(name).quantize(64).save(folder / f"{name}.png", optimize=True)
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
