"""contact_sheet.png: the dataset at a glance, drawn from its files alone.

Each tile is one image with what the labels say about it: masks as a tint with a firm outline, boxes of what is visible,
class names. The same files give the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.sheet import MOST, Heading, Tile, evenly, font, number, sheet_png
from twinstage.synth import masks
from twinstage.synth.dataset import Dataset, is_annotated

PALETTE = (
    (0, 158, 222), (255, 159, 28), (46, 196, 112), (231, 76, 108), (155, 110, 243), (241, 214, 50),
    (26, 188, 176), (240, 98, 190), (139, 195, 74), (121, 134, 203), (255, 112, 67), (144, 164, 174),
)  # fmt: skip
"""sRGB colours of classes by id, told apart on dark and on light pictures."""


@dataclass(frozen=True, slots=True)
class _Tile:
    record: dict[str, Any]
    camera: dict[str, Any]


def contact_sheet(dataset: Dataset, *, most: int = MOST) -> bytes | None:
    """The PNG of at most `most` images, evenly chosen; None where the dataset has no image."""
    tiles = [_Tile(r, c) for r in dataset.records() for c in r["cameras"]]
    if not tiles:
        return None
    labels = dataset.labels()
    shown = [_sheet_tile(dataset, tiles[i], labels) for i in evenly(len(tiles), most)]
    return sheet_png(shown, _heading(labels, tiles))


def _sheet_tile(dataset: Dataset, tile: _Tile, labels: dict[str, Any]) -> Tile:
    width, height = tile.camera["resolution"]
    return Tile(
        (width, height), lambda size: _tile(dataset, tile, labels, size), caption=_caption(tile, labels)
    )


def _heading(labels: dict[str, Any], tiles: Sequence[_Tile]) -> Heading:
    boxes = sum(is_annotated(o, labels["accept"]) for t in tiles for o in t.camera["objects"])
    frames = len({t.record["frame"] for t in tiles})
    counts = _class_counts(tiles, labels)
    return Heading(
        title=f"{number(len(tiles), 'image')}, {number(boxes, 'annotated object')}",
        note=f"{number(frames, 'frame')}, {number(len(tiles) // frames, 'camera')}",
        legend=[(f"{c['name']}  {counts.get(c['name'], 0)}", _color(c["id"])) for c in labels["classes"]],
    )


def _class_counts(tiles: Sequence[_Tile], labels: dict[str, Any]) -> dict[str, int]:
    out: dict[str, int] = {}
    for tile in tiles:
        for item in tile.camera["objects"]:
            if is_annotated(item, labels["accept"]):
                out[item["class"]] = out.get(item["class"], 0) + 1
    return out


def _caption(tile: _Tile, labels: dict[str, Any]) -> str:
    count = sum(is_annotated(o, labels["accept"]) for o in tile.camera["objects"])
    split = f"  {tile.record['split']}" if tile.record["split"] else ""
    return f"{tile.record['frame']:06d}  {tile.camera['name']}{split}  {number(count, 'object')}"


def _color(class_id: int) -> tuple[int, int, int]:
    return PALETTE[(class_id - 1) % len(PALETTE)]


def _tile(dataset: Dataset, tile: _Tile, labels: dict[str, Any], size: tuple[int, int]) -> Any:
    from PIL import Image, ImageDraw

    ids = {c["name"]: c["id"] for c in labels["classes"]}
    items = [o for o in tile.camera["objects"] if is_annotated(o, labels["accept"])]
    picture = _picture(dataset, tile.camera).resize(size, Image.Resampling.LANCZOS)
    pixels = np.array(picture, np.float32)
    for item in items:
        _tint(pixels, item, _color(ids[item["class"]]))
    out = Image.fromarray(pixels.round().astype(np.uint8))
    draw = ImageDraw.Draw(out)
    scale = size[0] / tile.camera["resolution"][0]
    # Large boxes first, so that small ones and their names stay on top.
    for item in sorted(items, key=lambda o: -o["bbox_visible"][2] * o["bbox_visible"][3]):
        _box(draw, item, scale, _color(ids[item["class"]]))
    for item, box in _name_places(draw, items, scale, size):
        _name(draw, item["class"], box, _color(ids[item["class"]]))
    return out


def _picture(dataset: Dataset, camera: dict[str, Any]) -> Any:
    from PIL import Image

    if "rgb" in camera["images"]:
        with Image.open(dataset.root / camera["images"]["rgb"], formats=("PNG",)) as image:
            return image.convert("RGB")
    return Image.new("RGB", tuple(camera["resolution"]), (70, 76, 84))


def _tint(pixels: np.ndarray, item: dict[str, Any], color: tuple[int, int, int]) -> None:
    from PIL import Image

    height, width = pixels.shape[:2]
    mask = Image.fromarray(masks.decode(item["visible_rle"]).astype(np.uint8) * 255)
    inside = np.array(mask.resize((width, height), Image.Resampling.BOX)) >= 128
    pixels[inside] = pixels[inside] * 0.68 + np.array(color, np.float32) * 0.32
    inner = inside.copy()
    inner[1:] &= inside[:-1]
    inner[:-1] &= inside[1:]
    inner[:, 1:] &= inside[:, :-1]
    inner[:, :-1] &= inside[:, 1:]
    pixels[inside & ~inner] = color


def _box(draw: Any, item: dict[str, Any], scale: float, color: tuple[int, int, int]) -> None:
    x, y, w, h = (v * scale for v in item["bbox_visible"])
    draw.rectangle((x, y, x + w - 1, y + h - 1), outline=color, width=1)


def _name_places(
    draw: Any, items: Sequence[dict[str, Any]], scale: float, size: tuple[int, int]
) -> Iterator[tuple[dict[str, Any], tuple[float, float, float, float]]]:
    """Where names go: at a box's upper left, or inside it; names that would cover others are left out."""
    taken: list[tuple[float, float, float, float]] = []
    face = font(13)
    for item in sorted(items, key=lambda o: -o["visible_px"]):
        x, y, w, h = (v * scale for v in item["bbox_visible"])
        if w * h < 150:
            continue
        width = draw.textlength(item["class"], face) + 8
        left = min(max(x, 0), size[0] - width)
        for top in (y - 17, y, y + h - 17, y + h):
            box = (left, top, left + width, top + 17)
            if 0 <= top <= size[1] - 17 and not any(_meet(box, other) for other in taken):
                taken.append(box)
                yield item, box
                break


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _name(draw: Any, text: str, box: tuple[float, float, float, float], color: tuple[int, int, int]) -> None:
    draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=color)
    dark = sum(c * w for c, w in zip(color, (0.299, 0.587, 0.114), strict=True)) > 110
    draw.text((box[0] + 4, box[1] + 1), text, (16, 18, 22) if dark else (255, 255, 255), font=font(13))
