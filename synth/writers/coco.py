"""COCO instance segmentation: one annotations file a split.

`bbox` and `area` come from the visible mask; masks are compressed RLE; ids of annotations start at 1 (pycocotools takes
an id of 0 for "unmatched"); ids of categories are those of the label map. Keys beyond COCO's: visibility, occlusion,
truncation, bbox_amodal, prim_path, point_id, instance_id.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from twinstage.synth.dataset import Dataset, is_annotated
from twinstage.synth.writers.base import WRITERS, Writer


@WRITERS.register
class CocoWriter(Writer):
    """`annotations.json` (or `annotations_<split>.json`) in `folder`; file names of images are relative to `images/`."""

    kind: Literal["coco"] = "coco"
    folder: str = Field(default="coco", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")

    def files(self, dataset: Dataset) -> Mapping[str, bytes]:
        labels = dataset.labels()
        splits = labels["splits"] or [None]
        documents = {split: _empty(labels) for split in splits}
        for record in dataset.records():
            if not record["rejected"]:
                _add(documents[record["split"]], record, labels)
        return {f"{self.folder}/{_file_name(split)}": _dump(doc) for split, doc in documents.items()}


def _file_name(split: str | None) -> str:
    return "annotations.json" if split is None else f"annotations_{split}.json"


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _empty(labels: dict[str, Any]) -> dict[str, Any]:
    categories = [
        {"id": c["id"], "name": c["name"], "supercategory": c["supercategory"]} for c in labels["classes"]
    ]
    return {
        "info": {"description": "twinstage"},
        "licenses": [],
        "images": [],
        "annotations": [],
        "categories": categories,
    }


def _add(document: dict[str, Any], record: dict[str, Any], labels: dict[str, Any]) -> None:
    category = {c["name"]: c["id"] for c in labels["classes"]}
    for row, camera in enumerate(record["cameras"]):
        width, height = camera["resolution"]
        # From frame and camera, not counted up: the same image has the same id in a shard and in the whole.
        image_id = record["frame"] * len(record["cameras"]) + row + 1
        name = camera["images"].get("rgb") or f"images/{record['frame']:06d}_{camera['name']}_rgb.png"
        document["images"].append(
            {"id": image_id, "file_name": name.removeprefix("images/"), "width": width, "height": height}
        )
        for item in camera["objects"]:
            if is_annotated(item, labels["accept"]):
                number = len(document["annotations"]) + 1
                document["annotations"].append(_annotation(item, number, image_id, category[item["class"]]))


def _annotation(item: dict[str, Any], number: int, image_id: int, category_id: int) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": item["bbox_visible"],
        "area": item["visible_px"],
        "segmentation": item["visible_rle"],
        "iscrowd": 0,
        "visibility": item["visible_px"] / item["amodal_px_total"],
        "occlusion": item["occlusion"],
        "truncation": item["truncation"],
        "bbox_amodal": item["bbox_amodal"],
        "prim_path": item["prim_path"],
        "point_id": item["point_id"],
        "instance_id": item["instance_id"],
    }
