"""The masks of one camera's objects: run lengths opened, counted, and compared with each other."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.synth.verify import rle
from twinstage.synth.verify.report import Judge


@dataclass(frozen=True, slots=True)
class Masks:
    """An object's masks, bool[height, width]."""

    visible: np.ndarray
    amodal: np.ndarray


def check_masks(item: dict[str, Any], size: tuple[int, int], where: str, judge: Judge) -> Masks | None:
    """The masks of an object with its counts, ratios and mask boxes; None where they cannot be read."""
    masks = None
    with judge.guard("mask.broken", where):
        masks = Masks(rle.decode(item["visible_rle"]), rle.decode(item["amodal_rle"]))
    if masks is None:
        return None
    fits = masks.visible.shape == size == masks.amodal.shape
    shapes = f"{masks.visible.shape} and {masks.amodal.shape}"
    if not judge.check(fits, "mask.size", where, f"its masks are {shapes}, the image is {size} (h, w)"):
        return None
    hidden = int((masks.visible & ~masks.amodal).sum())
    judge.check(
        hidden == 0, "mask.not_amodal", where, f"{hidden} visible pixels lie outside of the full silhouette"
    )
    _check_counts(item, masks, where, judge)
    for key, mask in (("bbox_visible", masks.visible), ("bbox_amodal", masks.amodal)):
        box = rle.tight_box(mask)
        judge.check(item[key] == box, f"box.{key[5:]}", where, f"{key} is {item[key]}, its mask gives {box}")
    return masks


def _check_counts(item: dict[str, Any], masks: Masks, where: str, judge: Judge) -> None:
    visible, amodal, total = int(masks.visible.sum()), int(masks.amodal.sum()), item["amodal_px_total"]
    for key, count in (("visible_px", visible), ("amodal_px_in_frame", amodal)):
        judge.check(
            item[key] == count, f"count.{key}", where, f"{key} is {item[key]}, the mask holds {count}"
        )
    most = 8 * masks.amodal.size + amodal  # the canvas is three times as wide and high as the image
    judge.check(
        isinstance(total, int) and amodal <= total <= most,
        "count.amodal_px_total",
        where,
        f"amodal_px_total is {total}; the {amodal} pixels inside the image and 3 x 3 images allow {amodal} to {most}",
    )
    judge.check(amodal > 0, "count.unseen", where, "the silhouette does not reach into the image")
    for key, part, whole in (("occlusion", visible, amodal), ("truncation", amodal, total)):
        value = 1 - part / whole if whole else None
        right = value is not None and abs(item[key] - value) <= 1e-12
        judge.check(right, f"ratio.{key}", where, f"{key} is {item[key]}, the counts give {value}")


def check_disjoint(
    masks: list[Masks | None], objects: list[dict[str, Any]], size: tuple[int, int], where: str, judge: Judge
) -> np.ndarray:
    """Which object (place from 1) each pixel belongs to, i4[h, w]; a finding names the pairs that overlap."""
    owner = np.zeros(size, np.int32)
    pairs: dict[tuple[int, int], int] = {}
    for place, found in enumerate(masks, start=1):
        if found is not None:
            taken = owner[found.visible]
            for other in np.unique(taken[taken > 0]).tolist():
                pairs[other, place] = int((taken == other).sum())
            owner[found.visible] = place
    judge.check(not pairs, "mask.overlap", where, f"visible masks overlap: {_named(pairs, objects)}")
    return owner


def _named(pairs: dict[tuple[int, int], int], objects: list[dict[str, Any]]) -> str:
    path = [str(item.get("prim_path", "?")) for item in objects]
    shown = [f"{path[a - 1]} and {path[b - 1]} in {n} px" for (a, b), n in list(pairs.items())[:3]]
    return ", ".join(shown) + (f" and {len(pairs) - 3} more" if len(pairs) > 3 else "")
