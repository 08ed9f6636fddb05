"""The consumer's own verdict: ground truth used as prediction, scored by pycocotools."""

import contextlib
import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.synth.verify.formats.coco_annotations import decoded
from twinstage.synth.verify.formats.values import is_int, is_number, numbers
from twinstage.synth.verify.report import Judge

if TYPE_CHECKING:
    from twinstage.synth.verify.formats.coco import Document

MOST_SCORED = 50_000
"""Annotations up to which the toolkit is asked; it needs a second for some thousands."""


def check_score(document: "Document", judge: Judge) -> None:
    """Average precision of the ground truth against itself is 1 for boxes, masks and key points."""
    entries = document.data["annotations"]
    if not 0 < len(entries) <= MOST_SCORED or not all(is_safe(document, e) for e in entries):
        return
    kinds = ["bbox"]
    if all(e.get("segmentation") for e in entries):
        kinds.append("segm")
    if any(e.get("keypoints") for e in entries):
        kinds.append("keypoints")
    for kind in kinds:
        with judge.guard("coco.score", document.name):
            value = average_precision(document.data, kind)
            judge.check(
                value is None or value > 1 - 1e-9,
                "coco.score",
                document.name,
                f"ground truth as prediction scores AP {value if value is None else format(value, '.3f')} ({kind})",
            )


def is_safe(document: "Document", entry: dict[str, Any]) -> bool:
    """Whether an annotation may be handed to the toolkit, whose C code trusts its input."""
    image = document.images.get(entry.get("image_id", -1))
    if image is None or not numbers(entry.get("bbox"), 4) or not is_number(entry.get("area")):
        return False
    if not is_int(entry.get("id")) or not is_int(entry.get("category_id")):
        return False
    if entry.get("segmentation"):
        try:
            decoded(entry["segmentation"], (image["width"], image["height"]))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return False
    points = entry.get("keypoints")
    return points is None or (numbers(points) and len(points) % 3 == 0)


def sigmas_of(document: dict[str, Any], count: int) -> np.ndarray:
    """Fall-off of each key point: the categories' own (`sigmas`), or COCO's largest."""
    for category in document["categories"]:
        own = category.get("sigmas")
        if numbers(own, count) and all(s > 0 for s in own):
            return np.array(own, np.float64)
    return np.full(count, 0.107)


def average_precision(document: dict[str, Any], kind: str) -> float | None:
    """COCO's AP (IoU or OKS 0.50 to 0.95) of a file's annotations as predictions of score 1; None where none count.

    `maxDets` is not below the objects of any image: its default of 100 would cut perfect predictions off.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    entries = document["annotations"]
    if kind == "keypoints":
        entries = [a for a in entries if a.get("keypoints") and a.get("num_keypoints", 0) > 0]
        counts = Counter(len(a["keypoints"]) // 3 for a in entries)
        if not entries:
            return None
        return _worst(
            _score(document, [a for a in entries if len(a["keypoints"]) == 3 * k], kind, k, COCO, COCOeval)
            for k in counts
        )
    return _score(document, entries, kind, 0, COCO, COCOeval)


def _worst(values: Any) -> float | None:
    found = [v for v in values if v is not None]
    return min(found) if found else None


def _score(
    document: dict[str, Any],
    entries: list[dict[str, Any]],
    kind: str,
    points: int,
    coco: Any,
    evaluation: Any,
) -> float | None:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco()
        keep = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "keypoints", "num_keypoints")
        copies = [{"iscrowd": 0, **{k: a[k] for k in (*keep, "iscrowd") if k in a}} for a in entries]
        truth.dataset = {**document, "annotations": copies}
        truth.createIndex()
        wanted = {"bbox": ("bbox",), "segm": ("segmentation",), "keypoints": ("keypoints", "bbox", "area")}[
            kind
        ]
        predictions = coco()
        predictions.dataset = {**document, "annotations": []}
        for number, a in enumerate(copies, start=1):
            made = {k: a[k] for k in ("image_id", "category_id", *wanted)}
            made |= {"id": number, "score": 1.0, "area": a["area"], "iscrowd": 0}
            predictions.dataset["annotations"].append(made)
        predictions.createIndex()
        scoring = evaluation(truth, predictions, kind)
        most = max([100, *Counter(a["image_id"] for a in copies).values()])
        if kind == "keypoints":
            scoring.params.kpt_oks_sigmas = sigmas_of(document, points)
            scoring.params.maxDets = [most]
        else:
            scoring.params.maxDets = [1, 10, most]
        scoring.evaluate()
        scoring.accumulate()
    precision = scoring.eval["precision"][:, :, :, 0, -1]
    counted = precision[precision > -1]
    return float(counted.mean()) if counted.size else None
