"""COCO panoptic: PNG ids, segments_info, and instance masks against the segments."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.synth.verify.formats.coco_annotations import decoded, place
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.values import box_of, is_int, numbers, shown
from twinstage.synth.verify.report import Judge

if TYPE_CHECKING:
    from twinstage.synth.verify.formats.coco import Document


@dataclass(frozen=True, slots=True)
class Segments:
    """The panoptic picture of one image: where it lies, the category of each id in it, and the ids that are stuff."""

    folder: Folder
    name: str
    categories: dict[int, int]
    stuff: frozenset[int] = frozenset()


def check_panoptic(folder: Folder, document: "Document", judge: Judge) -> dict[str, Segments]:
    """All images of a panoptic file. Gives the segments by the stem of the image's name."""
    out: dict[str, Segments] = {}
    stuff = {c.get("id") for c in document.data.get("categories", ()) if c.get("isthing", 1) == 0}
    for entry in document.data["annotations"]:
        image = document.images.get(entry.get("image_id", -1))
        where = f"{document.name} panoptic annotation of image {entry.get('image_id')!r}"
        if not judge.check(
            image is not None, "coco.dangling-image", where, "its image_id is not among the images"
        ):
            continue
        assert image is not None
        with judge.guard("coco.panoptic-file", where):
            found = _find(folder, document, str(entry.get("file_name")))
            if not judge.check(
                found is not None, "coco.panoptic-file", where, f"{entry.get('file_name')!r} is not there"
            ):
                continue
            assert found is not None
            pixels = read_ids(*found)
            if judge.check(
                pixels.shape == (image["height"], image["width"]),
                "coco.panoptic-file",
                where,
                f"the PNG is {pixels.shape[1]} x {pixels.shape[0]}, the image {image['width']} x {image['height']}",
            ):
                categories = _segments(document, entry, pixels, where, judge)
                shared = frozenset(number for number, category in categories.items() if category in stuff)
                out[PurePosixPath(image["file_name"]).stem] = Segments(*found, categories, shared)
    return out


def _find(folder: Folder, document: "Document", name: str) -> tuple[Folder, str] | None:
    stem = PurePosixPath(document.name).with_suffix("").as_posix()
    here = PurePosixPath(document.name).parent.as_posix()
    places = [stem, here, *(f"{here}/{f}" for f in folder.folders(here) if "panoptic" in f)]
    for at in places:
        if folder.has(f"{at}/{name}"):
            return folder, f"{at}/{name}"
    around = folder.parent()
    for at in [f for f in around.folders() if "panoptic" in f] + ["images", "."]:
        if around.has(f"{at}/{name}"):
            return around, f"{at}/{name}"
    return None


def read_ids(folder: Folder, name: str) -> np.ndarray:
    """Ids i8[height, width] = R + 256 G + 65536 B. Raises ValueError where the picture has not three channels."""
    pixels = folder.image(name)
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise ValueError(f"{name} has not three channels of 8 bits")
    wide = pixels.astype(np.int64)
    return np.asarray(wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2])


def _segments(
    document: "Document", entry: dict[str, Any], pixels: np.ndarray, where: str, judge: Judge
) -> dict[int, int]:
    there = dict(zip(*(v.tolist() for v in np.unique(pixels, return_counts=True)), strict=True))
    there.pop(0, None)
    listed: dict[int, int] = {}
    for segment in entry["segments_info"]:
        number = segment.get("id")
        at = f"{where}, segment {number!r}"
        if not judge.check(
            is_int(number) and number in there and number not in listed,
            "coco.panoptic-ids",
            at,
            "this id is not in the PNG, or listed twice",
        ):
            continue
        listed[number] = segment.get("category_id")
        judge.check(
            segment.get("category_id") in document.categories,
            "coco.category-unknown",
            at,
            f"category_id {segment.get('category_id')!r} is not among the categories",
        )
        judge.check(
            segment.get("area") == there[number],
            "coco.panoptic-area",
            at,
            f"area is {segment.get('area')!r}, the PNG has {there[number]} pixels of it",
        )
        ends = box_of(pixels == number)
        assert ends is not None
        tight = [ends[0], ends[1], ends[2] - ends[0] + 1, ends[3] - ends[1] + 1]
        box = segment.get("bbox")
        judge.check(
            numbers(box, 4) and np.allclose(box, tight, atol=1e-3),
            "coco.panoptic-bbox",
            at,
            f"bbox is {box!r:.60}, its pixels give {shown(tight)}",
        )
    for number in sorted(set(there) - set(listed)):
        judge.check(
            False,
            "coco.panoptic-ids",
            where,
            f"the PNG has {there[number]} pixels of id {number}, which is not listed",
        )
    return listed


def compare_with_panoptic(document: "Document", segments: dict[str, Segments], judge: Judge) -> None:
    """Instance masks against the panoptic picture of the same image: rings that fill holes show here."""
    ids: dict[str, np.ndarray] = {}
    for entry in document.data["annotations"]:
        image = document.images.get(entry.get("image_id", -1))
        stem = PurePosixPath(image["file_name"]).stem if image else ""
        if image is None or stem not in segments or entry.get("iscrowd", 0) or not entry.get("segmentation"):
            continue
        if stem not in ids:
            ids = {stem: read_ids(segments[stem].folder, segments[stem].name)}
        with judge.guard("coco.segmentation", place(document, entry)):
            mask = decoded(entry["segmentation"], (image["width"], image["height"]))
            inside = ids[stem][mask.pixels]
            numbers_, counts = np.unique(inside[inside > 0], return_counts=True)
            if not len(numbers_):
                judge.check(
                    False,
                    "coco.panoptic-mask",
                    place(document, entry),
                    "no segment of the panoptic PNG lies under its mask",
                )
                continue
            best = int(numbers_[counts.argmax()])
            segment = ids[stem] == best
            beyond = int((mask.pixels & ~segment).sum())
            # A segment of stuff holds all instances of its class.
            whole = best not in segments[stem].stuff
            lacking = int((segment & ~mask.pixels).sum()) if whole else 0
            if mask.rings:
                judge.check(
                    beyond <= mask.slack,
                    "coco.polygon-holes",
                    place(document, entry),
                    f"its rings cover {beyond} pixels that segment {best} of the panoptic PNG leaves out",
                )
            right = lacking <= mask.slack if mask.rings else beyond == lacking == 0
            judge.check(
                right,
                "coco.panoptic-mask",
                place(document, entry),
                f"its mask and segment {best} differ: {beyond} pixels beyond, {lacking} lacking",
            )
