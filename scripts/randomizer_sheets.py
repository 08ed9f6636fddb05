"""The contact sheets of docs/randomizers.md: six frames of each recipe of examples/randomizers, with masks and boxes.

python scripts/randomizer_sheets.py [KIND ...] [--set engine.spp=8]

Each is docs/images/randomizers/KIND.jpg. What is drawn over the pictures comes from the records alone.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _sheet_drawing import jpeg, rim

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "examples" / "randomizers"
SHEETS = ROOT / "docs" / "images" / "randomizers"
COLUMNS, TILE, GAP = 3, (300, 225), 4
MOST_BYTES = 118_000
SCALE = 2
"""Outlines are drawn at this many times the tile, so that they come out thin and smooth."""


def main() -> None:
    """The sheets of the kinds that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=sorted(p.stem for p in RECIPES.glob("*.yaml")))
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="FIELD=VALUE")
    options = parser.parse_args()
    SHEETS.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds:
        data = sheet(RECIPES / f"{kind}.yaml", options.overrides)
        (SHEETS / f"{kind}.jpg").write_bytes(data)
        print(f"{kind}: {len(data)} bytes")


def sheet(path: Path, overrides: list[str]) -> bytes:
    """The JPEG of one recipe."""
    from PIL import Image

    from twinstage.synth.dataset import Dataset
    from twinstage.synth.generation import generate
    from twinstage.synth.recipe import load_recipe

    with TemporaryDirectory() as folder:
        out = Path(folder) / "dataset"
        generate(load_recipe(path, overrides), out, frames=6, base_dir=path.parent)
        dataset = Dataset(out)
        ids = {c["name"]: c["id"] for c in dataset.labels()["classes"]}
        tiles = [tile(dataset.root, camera, ids) for r in dataset.records() for camera in r["cameras"][:1]]
    rows = -(-len(tiles) // COLUMNS)
    size = (COLUMNS * (TILE[0] + GAP) - GAP, rows * (TILE[1] + GAP) - GAP)
    whole = Image.new("RGB", size, (255, 255, 255))
    for i, picture in enumerate(tiles):
        whole.paste(picture, (i % COLUMNS * (TILE[0] + GAP), i // COLUMNS * (TILE[1] + GAP)))
    return jpeg(whole, MOST_BYTES, range(88, 40, -4))


def tile(root: Path, camera: dict[str, Any], ids: dict[str, int]) -> Any:
    """One picture with the outline and the box of each visible object, in the colour of its class."""
    from PIL import Image, ImageDraw

    from twinstage.synth.contact_sheet import PALETTE

    size = (TILE[0] * SCALE, TILE[1] * SCALE)
    with Image.open(root / camera["images"]["rgb"]) as image:
        pixels = np.array(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    shown = [o for o in camera["objects"] if o["visible_px"] > 0]
    for item in shown:
        pixels[rim(item, size)] = PALETTE[(ids[item["class"]] - 1) % len(PALETTE)]
    out = Image.fromarray(pixels)
    draw = ImageDraw.Draw(out)
    factor = size[0] / camera["resolution"][0]
    for item in shown:
        x, y, w, h = (v * factor for v in item["bbox_visible"])
        draw.rectangle((x, y, x + w - 1, y + h - 1), outline=PALETTE[(ids[item["class"]] - 1) % len(PALETTE)])
    return out.resize(TILE, Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
