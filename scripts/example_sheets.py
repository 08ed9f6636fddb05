"""The contact sheets of examples/: frames of each recipe, every other picture with its labels drawn over it.

python scripts/example_sheets.py [parcels bin_picking warehouse] [--set engine.spp=8] [--keep DATASET]

Each is docs/images/NAME.jpg. What is drawn over the pictures comes from the records alone. The warehouse needs ../shared.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _sheet_drawing import jpeg, rim

ROOT = Path(__file__).resolve().parent.parent
GAP, WIDTH = 6, 1440
MOST_BYTES = 196_000
SCALE = 2
"""Labels are drawn at this many times the tile, so that they come out thin and smooth."""


@dataclass(frozen=True)
class Sheet:
    """A recipe, the picture it becomes, and (frame, camera) of its tiles, row by row."""

    recipe: str
    picture: str
    tiles: tuple[tuple[int, str], ...]
    columns: int = 3
    boxes: str = "bbox_visible"


SHEETS = {
    "parcels": Sheet(
        "examples/parcels/recipe.yaml",
        "parcels.jpg",
        ((1, "side"), (0, "gantry"), (3, "side"), (1, "gantry"), (2, "side"), (3, "gantry")),
        boxes="obb",
    ),
    "bin_picking": Sheet(
        "examples/bin_picking/recipe.yaml",
        "bin_picking.jpg",
        ((0, "wrist"), (1, "above"), (2, "wrist"), (0, "above"), (1, "wrist"), (2, "above")),
    ),
    "warehouse": Sheet(
        "examples/warehouse/recipe.yaml",
        "warehouse-dataset.jpg",
        ((0, "aisle"), (0, "jack"), (0, "overview"), (1, "aisle"), (1, "jack"), (1, "overview")),
    ),
}


def main() -> None:
    """The sheets that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SHEETS))
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="FIELD=VALUE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the dataset there, or use it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    for name in options.names:
        with TemporaryDirectory() as folder:
            data = draw(SHEETS[name], options.overrides, options.keep or Path(folder) / "dataset")
        (options.out / SHEETS[name].picture).write_bytes(data)
        print(f"{name}: {len(data)} bytes")


def draw(sheet: Sheet, overrides: list[str], out: Path) -> bytes:
    """The JPEG of a sheet."""
    from PIL import Image

    from twinstage.synth.dataset import Dataset
    from twinstage.synth.generation import generate
    from twinstage.synth.recipe import load_recipe

    path = ROOT / sheet.recipe
    if not out.exists():
        frames = max(frame for frame, _ in sheet.tiles) + 1
        generate(load_recipe(path, overrides), out, frames=frames, base_dir=path.parent)
    dataset = Dataset(out)
    classes = {c["name"]: c for c in dataset.labels()["classes"]}
    views = {(r["frame"], c["name"]): c for r in dataset.records() for c in r["cameras"]}
    width = (WIDTH - (sheet.columns - 1) * GAP) // sheet.columns
    tiles = [
        tile(dataset.root, views[key], classes, width, sheet.boxes if i % 2 else None)
        for i, key in enumerate(sheet.tiles)
    ]
    height = tiles[0].height
    rows = -(-len(tiles) // sheet.columns)
    size = (sheet.columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
    whole = Image.new("RGB", size, (255, 255, 255))
    for i, picture in enumerate(tiles):
        whole.paste(picture, (i % sheet.columns * (width + GAP), i // sheet.columns * (height + GAP)))
    return jpeg(whole, MOST_BYTES, range(90, 40, -3))


def tile(root: Path, camera: dict[str, Any], classes: dict[str, Any], width: int, boxes: str | None) -> Any:
    """One picture `width` pixels wide; with `boxes`, the outline, box and key points of each visible object."""
    from PIL import Image

    full, high = camera["resolution"]
    final = (width, round(width * high / full))
    size = (final[0] * SCALE, final[1] * SCALE)
    with Image.open(root / camera["images"]["rgb"]) as image:
        picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    if boxes is not None:
        picture = labelled(picture, camera, classes, boxes)
    return picture.resize(final, Image.Resampling.LANCZOS)


def labelled(picture: Any, camera: dict[str, Any], classes: dict[str, Any], boxes: str) -> Any:
    """The picture with what its record says of each object that is seen."""
    from PIL import Image, ImageDraw

    from twinstage.synth.contact_sheet import PALETTE

    shown = [o for o in camera["objects"] if o["visible_px"] > 30]
    colors = [PALETTE[(classes[o["class"]]["id"] - 1) % len(PALETTE)] for o in shown]
    pixels = np.array(picture)
    for item, color in zip(shown, colors, strict=True):
        pixels[rim(item, picture.size)] = color
    out = Image.fromarray(pixels)
    pen = ImageDraw.Draw(out)
    factor = picture.size[0] / camera["resolution"][0]
    for item, color in zip(shown, colors, strict=True):
        if boxes == "obb" and item["obb"] is not None:
            corners = [(x * factor, y * factor) for x, y in item["obb"]]
            pen.line([*corners, corners[0]], fill=color, width=3)
        else:
            x, y, w, h = (v * factor for v in item["bbox_visible"])
            pen.rectangle((x, y, x + w - 1, y + h - 1), outline=color, width=2)
    for item in shown:
        points(pen, item, classes[item["class"]], factor)
    return out


def points(pen: Any, item: dict[str, Any], described: dict[str, Any], factor: float) -> None:
    """Key points, filled where they are seen, joined as the label map says."""
    here = [p for p in item.get("keypoints", []) if p["v"]]
    at = {p["name"]: (p["px"][0] * factor, p["px"][1] * factor) for p in here}
    for i, j in described.get("skeleton", []):
        ends = [at.get(described["keypoints"][k - 1]) for k in (i, j)]
        if None not in ends:
            pen.line(ends, fill=(255, 255, 255), width=2)
    for point in here:
        (x, y), size, seen = at[point["name"]], 5 if point["v"] == 2 else 3, point["v"] == 2
        box = (x - size, y - size, x + size, y + size)
        pen.ellipse(
            box,
            fill=(255, 255, 255) if seen else None,
            outline=(20, 20, 24) if seen else (255, 255, 255),
            width=2,
        )


if __name__ == "__main__":
    main()
