"""contact_sheet.png: the dataset at a glance, drawn from its files alone.

Each tile is one image with what the labels say about it: masks as a tint with a firm outline, boxes of what is visible,
class names. The same files give the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.synth import masks
from twinstage.synth.dataset import Dataset, is_annotated

PALETTE = (
    (0, 158, 222), (255, 159, 28), (46, 196, 112), (231, 76, 108), (155, 110, 243), (241, 214, 50),
    (26, 188, 176), (240, 98, 190), (139, 195, 74), (121, 134, 203), (255, 112, 67), (144, 164, 174),
)  # fmt: skip
"""sRGB colours of classes by id, told apart on dark and on light pictures."""

BACKGROUND, TEXT, FAINT = (20, 23, 28), (236, 239, 244), (150, 158, 170)
TILE, GAP, MARGIN, HEADER, CAPTION, MOST = 480, 14, 24, 76, 26, 16


@dataclass(frozen=True, slots=True)
class _Tile:
    record: dict[str, Any]
    camera: dict[str, Any]


def contact_sheet(dataset: Dataset, *, most: int = MOST) -> bytes | None:
    """The PNG of at most `most` images, evenly chosen; None where the dataset has no image."""
    from PIL import Image, ImageDraw

    tiles = [_Tile(r, c) for r in dataset.records() for c in r["cameras"]]
    if not tiles:
        return None
    labels = dataset.labels()
    shown = [
        tiles[i] for i in np.unique(np.linspace(0, len(tiles) - 1, min(most, len(tiles))).round().astype(int))
    ]
    columns = _columns(len(shown))
    heights = [round(TILE * t.camera["resolution"][1] / t.camera["resolution"][0]) for t in shown]
    rows = [range(i, min(i + columns, len(shown))) for i in range(0, len(shown), columns)]
    row_heights = [max(heights[i] for i in row) + CAPTION for row in rows]
    size = (
        2 * MARGIN + columns * TILE + (columns - 1) * GAP,
        MARGIN + HEADER + sum(row_heights) + GAP * (len(rows) - 1) + MARGIN,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _header(draw, labels, tiles, size[0])
    y = MARGIN + HEADER
    for row, height in zip(rows, row_heights, strict=True):
        for column, i in enumerate(row):
            x = MARGIN + column * (TILE + GAP)
            sheet.paste(_tile(dataset, shown[i], labels, (TILE, heights[i])), (x, y))
            _caption(draw, shown[i], labels, (x, y + heights[i] + 5))
        y += height + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _columns(count: int) -> int:
    """Wider than high, and as few empty places as that allows."""
    return min(
        range(1, 5), key=lambda c: (-(-count // c) * c - count + 1.5 * abs(-(-count // c) - c * 0.8), c)
    )


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _header(draw: Any, labels: dict[str, Any], tiles: Sequence[_Tile], width: int) -> None:
    boxes = sum(is_annotated(o, labels["accept"]) for t in tiles for o in t.camera["objects"])
    frames = len({t.record["frame"] for t in tiles})
    title = f"{_number(len(tiles), 'image')}, {_number(boxes, 'annotated object')}"
    draw.text((MARGIN, MARGIN - 4), title, TEXT, font=_font(26))
    note = f"{_number(frames, 'frame')}, {_number(len(tiles) // frames, 'camera')}"
    draw.text((width - MARGIN, MARGIN + 4), note, FAINT, font=_font(16), anchor="ra")
    x, font = MARGIN, _font(16)
    counts = _class_counts(tiles, labels)
    for cls in labels["classes"]:
        text = f"{cls['name']}  {counts.get(cls['name'], 0)}"
        length = int(draw.textlength(text, font)) + 40
        if x + length > width - MARGIN:
            break
        draw.rounded_rectangle((x, MARGIN + 39, x + 14, MARGIN + 53), 3, _color(cls["id"]))
        draw.text((x + 21, MARGIN + 36), text, TEXT, font=font)
        x += length


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _class_counts(tiles: Sequence[_Tile], labels: dict[str, Any]) -> dict[str, int]:
    out: dict[str, int] = {}
    for tile in tiles:
        for item in tile.camera["objects"]:
            if is_annotated(item, labels["accept"]):
                out[item["class"]] = out.get(item["class"], 0) + 1
    return out


def _caption(draw: Any, tile: _Tile, labels: dict[str, Any], at: tuple[int, int]) -> None:
    count = sum(is_annotated(o, labels["accept"]) for o in tile.camera["objects"])
    split = f"  {tile.record['split']}" if tile.record["split"] else ""
    text = f"{tile.record['frame']:06d}  {tile.camera['name']}{split}  {_number(count, 'object')}"
    draw.text(at, text, FAINT, font=_font(14))


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
        with Image.open(dataset.root / camera["images"]["rgb"]) as image:
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
    font = _font(13)
    for item in sorted(items, key=lambda o: -o["visible_px"]):
        x, y, w, h = (v * scale for v in item["bbox_visible"])
        if w * h < 150:
            continue
        width = draw.textlength(item["class"], font) + 8
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
    draw.text((box[0] + 4, box[1] + 1), text, (16, 18, 22) if dark else (255, 255, 255), font=_font(13))
