"""COCO's panoptic task: one PNG a picture whose colours are segments, id = R + 256 G + 65536 B, 0 = nothing.

Things are the annotated objects, a segment each, in the record's order from 1. Stuff are all visible pixels of a class that
the writer was told is stuff, one segment a class, after the things.
"""

from typing import Any

import numpy as np

from twinstage.render.picture import png_bytes
from twinstage.synth.writers.pixels import bounding_box, decode
from twinstage.synth.writers.views import Tally, View


class Panoptic:
    """Makes the PNG of each picture, and then its entry, which is all that is kept of it."""

    def __init__(self, labels: dict[str, Any], stuff: tuple[str, ...], tally: Tally) -> None:
        self.labels, self.stuff, self.tally = labels, stuff, tally
        self.ids = {c["name"]: c["id"] for c in labels["classes"]}
        self._segments: dict[int, list[dict[str, Any]]] = {}

    @property
    def categories(self) -> list[dict[str, Any]]:
        """The file's `categories`."""
        return [
            {
                "id": c["id"],
                "name": c["name"],
                "supercategory": c["supercategory"],
                "isthing": int(c["name"] not in self.stuff),
                "color": _color(c["id"]),
            }
            for c in self.labels["classes"]
        ]

    def add(self, view: View) -> bytes:
        """The PNG of a picture."""
        width, height = view.size
        ids = np.zeros((height, width), np.uint32)
        segments: list[dict[str, Any]] = []

        def add(mask: np.ndarray, name: str) -> None:
            box = bounding_box(mask)
            if box is None:
                return
            number = len(segments) + 1
            ids[mask] = number
            segments.append(
                {
                    "id": number,
                    "category_id": self.ids[name],
                    "area": int(mask.sum()),
                    "bbox": list(box),
                    "iscrowd": 0,
                }
            )

        objects = view.camera["objects"]
        things = [item for item in objects if item["class"] not in self.stuff]
        for item in self.tally.chosen(things, self.labels["accept"], "panoptic"):
            add(decode(item["visible_rle"], view.size), item["class"])
        for name in self.stuff:
            union = np.zeros((height, width), bool)
            for item in objects:
                if item["class"] == name:
                    union |= decode(item["visible_rle"], view.size)
            add(union, name)
        self._segments[view.number] = segments
        self.tally.add("panoptic_images")
        self.tally.add("panoptic_segments", len(segments))
        bands = [(ids >> shift & 255).astype(np.uint8) for shift in (0, 8, 16)]
        return png_bytes(np.stack(bands, -1))

    def of(self, view: View) -> list[dict[str, Any]]:
        """The one annotation of a picture that was added."""
        return [
            {
                "image_id": view.number,
                "file_name": view.name,
                "segments_info": self._segments.pop(view.number),
            }
        ]


def _color(number: int) -> list[int]:
    """A colour for viewers: hues a golden angle apart."""
    hue = number * 0.618033988749895 % 1 * 6
    ramp = [min(max(abs((hue - shift + 6) % 6 - 3) - 1, 0), 1) for shift in (0, 2, 4)]
    return [round(64 + 191 * value) for value in ramp]
