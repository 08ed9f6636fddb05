"""COCO files against the records, both ways; and the consumer's own toolkit scores ground truth as prediction."""

import contextlib
import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from twinstage.synth.verify.files import is_inside, read_json
from twinstage.synth.verify.formats.shapes import fill_rings
from twinstage.synth.verify.identity import annotated
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.rle import decode


def check_coco(
    root: Path,
    export: dict[str, Any],
    records: Mapping[str, dict[str, Any]],
    labels: dict[str, Any],
    judge: Judge,
) -> None:
    """All files of one COCO export, an entry of the manifest's `exports`."""
    folder, cameras = export["folder"], export.get("cameras")
    for split in labels["splits"] or [None]:
        name = f"{folder}/annotations.json" if split is None else f"{folder}/annotations_{split}.json"
        if not judge.check(is_inside(root, name), "coco.missing", name, "is not there"):
            continue
        before = len(judge.findings)
        with judge.guard("coco.broken", name):
            document = read_json(root / name)
            chosen = [
                _compared(r, cameras) for r in records.values() if not r["rejected"] and r["split"] == split
            ]
            _check_document(root, document, chosen, labels, name, judge)
            if len(judge.findings) == before and document["annotations"]:
                _check_score(document, name, judge)


_ITEM = (
    "instance_id",
    "class",
    "visible_rle",
    "visible_px",
    "amodal_px_total",
    "bbox_visible",
    "occlusion",
    "truncation",
    "bbox_amodal",
    "prim_path",
    "point_id",
)


def _compared(record: dict[str, Any], names: Collection[str] | None) -> dict[str, Any]:
    """What a COCO file of these cameras (or all) is compared with, of a record.

    All records of a split are in memory at once, as its file is.
    """
    cameras = []
    for camera in record["cameras"]:
        if names is not None and camera["name"] not in names:
            continue
        items = [{key: item[key] for key in _ITEM if key in item} for item in camera["objects"]]
        cameras.append({**{key: camera[key] for key in ("name", "resolution", "images")}, "objects": items})
    return {"frame": record["frame"], "cameras": cameras}


def _check_document(
    root: Path,
    document: dict[str, Any],
    records: list[dict[str, Any]],
    labels: dict[str, Any],
    name: str,
    judge: Judge,
) -> None:
    categories = {c["id"]: c["name"] for c in document["categories"]}
    wanted = {c["id"]: c["name"] for c in labels["classes"]}
    judge.check(
        categories == wanted and len(document["categories"]) == len(wanted),
        "coco.categories",
        name,
        "categories are not the classes of labels.json",
    )
    for key in ("images", "annotations"):
        ids = [entry["id"] for entry in document[key]]
        right = all(isinstance(i, int) and i > 0 for i in ids) and len(set(ids)) == len(ids)
        judge.check(right, f"coco.{key[:-1]}_ids", name, f"ids of {key} are not unique integers above 0")
    images = _check_images(root, document, records, name, judge)
    _check_annotations(document, records, images, categories, labels, name, judge)


def _file_name(record: dict[str, Any], camera: dict[str, Any]) -> str:
    return f"{record['frame']:06d}_{camera['name']}_rgb.png"


def _check_images(
    root: Path, document: dict[str, Any], records: list[dict[str, Any]], name: str, judge: Judge
) -> dict[int, str]:
    """File name by image id."""
    views = {_file_name(r, c): c for r in records for c in r["cameras"]}
    listed = [image["file_name"] for image in document["images"]]
    judge.check(
        sorted(listed) == sorted(views), "coco.images", name, "its images are not those of the records"
    )
    for image in document["images"]:
        view = views.get(image["file_name"])
        if view is not None:
            size = [image["width"], image["height"]]
            judge.check(
                size == view["resolution"],
                "coco.image_size",
                name,
                f"{image['file_name']} is said to be {size}",
            )
            there = "rgb" not in view["images"] or (root / "images" / image["file_name"]).is_file()
            judge.check(there, "coco.image_file", name, f"{image['file_name']} is not in images/")
    return {image["id"]: image["file_name"] for image in document["images"]}


def _wanted(
    records: list[dict[str, Any]], labels: dict[str, Any]
) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    for record in records:
        for camera in record["cameras"]:
            for item in camera["objects"]:
                if annotated(item, labels):
                    yield (_file_name(record, camera), item["instance_id"]), item


def _check_annotations(
    document: dict[str, Any],
    records: list[dict[str, Any]],
    images: dict[int, str],
    categories: dict[int, str],
    labels: dict[str, Any],
    name: str,
    judge: Judge,
) -> None:
    wanted = dict(_wanted(records, labels))
    found: set[tuple[str, int]] = set()
    for entry in document["annotations"]:
        where = f"{name} annotation {entry['id']}"
        key = (images.get(entry["image_id"], "?"), entry.get("instance_id"))
        if entry["iscrowd"] == 1:  # what the dataset's rule leaves out, as a region that scorers ignore
            judge.check(key not in wanted, "coco.iscrowd", where, "an annotated object is a crowd")
            continue
        item = wanted.get(key)
        if not judge.check(
            item is not None and key not in found,
            "coco.extra",
            where,
            "no such annotated object is in the records",
        ):
            continue
        found.add(key)
        assert item is not None  # the check above
        for code, right in _comparisons(entry, item, categories):
            judge.check(right, f"coco.{code}", where, f"{code} is not the record's")
    for image, instance in sorted(set(wanted) - found):
        judge.check(False, "coco.lacks", name, f"instance {instance} in {image} has no annotation")


def _comparisons(
    entry: dict[str, Any], item: dict[str, Any], categories: dict[int, str]
) -> Iterator[tuple[str, bool]]:
    yield "category", categories.get(entry["category_id"]) == item["class"]
    yield "segmentation", _same_mask(entry["segmentation"], item["visible_rle"])
    yield "area", entry["area"] == item["visible_px"]
    yield "bbox", entry["bbox"] == item["bbox_visible"]
    yield "iscrowd", entry["iscrowd"] == 0
    yield "visibility", entry["visibility"] == item["visible_px"] / item["amodal_px_total"]
    for key in ("occlusion", "truncation", "bbox_amodal", "prim_path", "point_id"):
        yield key, entry[key] == item[key]


def _same_mask(found: Any, wanted: dict[str, Any]) -> bool:
    """The record's own run lengths; or rings, which hold it but for what simplifying them may lose."""
    if not isinstance(found, list):
        return bool(found == wanted)
    mask = decode(wanted)
    rings = fill_rings(found, mask.shape[1], mask.shape[0])
    return bool((rings & mask).sum() >= 0.8 * (rings | mask).sum())


def _check_score(document: dict[str, Any], name: str, judge: Judge) -> None:
    """Average precision of the ground truth against itself is 1, for boxes and for masks."""
    for kind in ("bbox", "segm"):
        value = average_precision(document, kind)
        judge.check(
            value > 1 - 1e-9, "coco.score", name, f"ground truth as prediction scores AP {value:.3f} ({kind})"
        )


def average_precision(document: dict[str, Any], kind: str) -> float:
    """COCO's AP (IoU 0.50 to 0.95) of a file's annotations used as predictions of score 1."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = document
        truth.createIndex()
        keys = ("image_id", "category_id", "bbox", "segmentation")
        predictions = truth.loadRes(
            [{**{k: a[k] for k in keys}, "score": 1.0} for a in document["annotations"]]
        )
        scoring = COCOeval(truth, predictions, kind)
        most = max(len(truth.getAnnIds(imgIds=[i])) for i in truth.getImgIds())
        scoring.params.maxDets = [1, 10, max(100, most)]
        scoring.evaluate()
        scoring.accumulate()
    precision = scoring.eval["precision"][:, :, :, 0, -1]
    counted = precision[precision > -1]
    return float(counted.mean()) if counted.size else 0.0
