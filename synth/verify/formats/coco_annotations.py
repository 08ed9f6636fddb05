"""Each annotation of a COCO file against its own mask, and the masks of an image against each other."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.synth.verify import rle
from twinstage.synth.verify.formats.shapes import fill_rings, inside_ring, ring_length
from twinstage.synth.verify.formats.values import box_of, is_int, is_number, numbers, shown
from twinstage.synth.verify.report import Judge

if TYPE_CHECKING:
    from twinstage.synth.verify.formats.coco import Document

MOST_RINGS_POINTS = 200_000


@dataclass(frozen=True, slots=True)
class Mask:
    """Pixels bool[height, width]; `slack`: pixels that rasterising may decide either way (0 for run lengths)."""

    pixels: np.ndarray
    slack: float
    rings: tuple[list[float], ...] = ()


def check_annotations(document: "Document", judge: Judge) -> None:
    """All annotations, image by image."""
    by_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
    ids: Counter[Any] = Counter()
    for entry in document.data["annotations"]:
        number = entry.get("id")
        where = f"{document.name} annotation {number!r}"
        ids[number if is_int(number) else None] += 1
        judge.check(
            number != 0 or not is_int(number),
            "coco.annotation-id-zero",
            where,
            "id 0 counts as 'unmatched' in pycocotools: a perfect detection of this object scores as a miss",
        )
        judge.check(
            is_int(number) and number >= 0 and ids[number] == 1,
            "coco.annotation-id-unique",
            where,
            f"id {number!r} is no positive whole number, or taken twice",
        )
        image = entry.get("image_id")
        if judge.check(
            is_int(image) and image in document.images,
            "coco.dangling-image",
            where,
            f"image_id {image!r} is not among the images",
        ):
            by_image[image].append(entry)
        category = entry.get("category_id")
        judge.check(
            is_int(category) and category in document.categories,
            "coco.category-unknown",
            where,
            f"category_id {category!r} is not among the categories",
        )
    _crowds(document, judge)
    for image, entries in by_image.items():
        _check_image(document, image, entries, judge)


def _crowds(document: "Document", judge: Judge) -> None:
    entries = document.data["annotations"]
    for entry in entries:
        judge.check(
            entry.get("iscrowd", 0) in (0, 1),
            "coco.iscrowd",
            f"{document.name} annotation {entry.get('id')!r}",
            f"iscrowd is {entry.get('iscrowd')!r}, neither 0 nor 1",
        )
    crowds = sum(entry.get("iscrowd", 0) == 1 for entry in entries)
    judge.check(
        not entries or crowds < len(entries),
        "coco.iscrowd",
        document.name,
        f"all {crowds} annotations are crowds (iscrowd 1): evaluators ignore them and no score is left",
    )


def _check_image(document: "Document", image: int, entries: list[dict[str, Any]], judge: Judge) -> None:
    size = (document.images[image]["width"], document.images[image]["height"])
    masks: list[tuple[dict[str, Any], Mask]] = []
    seen: dict[Any, Any] = {}
    for entry in entries:
        where = place(document, entry)
        with judge.guard("coco.structure", where):
            mask = mask_of(entry, size, where, judge)
            _check_box(entry, mask, size, where, judge)
            _check_keypoints(document, entry, size, where, judge)
            _check_extras(entry, where, judge)
            key = (entry.get("category_id"), str(entry.get("bbox")), str(entry.get("segmentation")))
            first = seen.setdefault(key, entry.get("id"))
            judge.check(
                first == entry.get("id") or not entry.get("segmentation"),
                "coco.duplicate",
                where,
                f"has the box and the mask of annotation {first}",
            )
            if mask is not None:
                _check_area(entry, mask, where, judge)
                if entry.get("iscrowd", 0) == 0:
                    masks.append((entry, mask))
    _check_overlap(document, masks, size, judge)


def place(document: "Document", entry: dict[str, Any]) -> str:
    """File, annotation and image, as people look for them."""
    image = document.images.get(entry.get("image_id", -1), {})
    return f"{document.name} annotation {entry.get('id')!r} in {image.get('file_name', '?')}"


def mask_of(entry: dict[str, Any], size: tuple[int, int], where: str, judge: Judge) -> Mask | None:
    """The annotation's mask, with a finding where there is none (a file for boxes only has no `segmentation`)."""
    if "segmentation" not in entry:
        return None
    found = entry["segmentation"]
    if not judge.check(
        found not in ([], {}, None, [[]]), "coco.empty-segmentation", where, f"segmentation is {found!r}"
    ):
        return None
    try:
        mask = decoded(found, size)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        judge.check(False, "coco.segmentation", where, f"segmentation: {error}")
        return None
    judge.check(True, "coco.segmentation", where, "")
    judge.check(
        mask.pixels.any(), "coco.empty-segmentation", where, "the segmentation does not hold a single pixel"
    )
    return mask if mask.pixels.any() else None


def decoded(found: Any, size: tuple[int, int]) -> Mask:
    """A segmentation (rings, run lengths, compressed run lengths) as a mask. Raises ValueError and its like."""
    width, height = size
    if isinstance(found, list):
        rings = found if isinstance(found[0], list) else [found]
        if any(not numbers(r) or len(r) < 6 or len(r) % 2 for r in rings):
            raise ValueError("a ring is not three or more points x, y")
        if sum(len(r) for r in rings) > MOST_RINGS_POINTS:
            raise ValueError("rings of more points than an image has pixels")
        slack = max(2.0, 0.6 * sum(ring_length(r) for r in rings))
        return Mask(fill_rings(rings, width, height), slack, tuple(rings))
    if not isinstance(found, dict):
        raise ValueError("is neither rings nor run lengths")
    if list(found["size"]) != [height, width]:
        raise ValueError(f"size is {found['size']!r:.40}, the image has [{height}, {width}]")
    counts = found["counts"]
    if isinstance(counts, list):
        if not all(is_int(c) and c >= 0 for c in counts) or sum(counts) != width * height:
            raise ValueError(f"run lengths add up to {sum(counts)}, the image has {width * height} pixels")
        values = np.arange(len(counts)) % 2 == 1
        return Mask(np.repeat(values, counts).reshape(width, height).T, 0.0)
    return Mask(rle.decode({"size": [height, width], "counts": counts}), 0.0)


def _check_area(entry: dict[str, Any], mask: Mask, where: str, judge: Judge) -> None:
    count, area = int(mask.pixels.sum()), entry.get("area")
    if not judge.check(is_number(area), "coco.area", where, f"area is {area!r}"):
        return
    assert area is not None  # the check above
    if not mask.rings:
        judge.check(area == count, "coco.area", where, f"area is {area}, the mask holds {count} pixels")
        return
    nested = next(
        (
            (i, j)
            for i, inner in enumerate(mask.rings)
            for j, outer in enumerate(mask.rings)
            if i != j and inside_ring(np.array(inner[:2]), outer)
        ),
        None,
    )
    judge.check(
        nested is None,
        "coco.polygon-holes",
        where,
        f"ring {nested and nested[0]} lies inside of ring {nested and nested[1]}: rings are united, the hole is lost",
    )
    judge.check(
        count - area <= mask.slack,
        "coco.polygon-holes",
        where,
        f"the rings cover {count} pixels, area says {area}: a hole was filled, or area is wrong",
    )
    judge.check(
        area - count <= mask.slack, "coco.area", where, f"area is {area}, the rings cover {count} pixels"
    )


def _check_box(
    entry: dict[str, Any], mask: Mask | None, size: tuple[int, int], where: str, judge: Judge
) -> None:
    box: Any = entry.get("bbox")
    if not judge.check(
        numbers(box, 4) and box[2] > 0 and box[3] > 0,
        "coco.bbox",
        where,
        f"bbox is {box!r:.80}, not x, y and a width and height above 0",
    ):
        return
    x, y, w, h = box
    judge.check(
        x >= -0.5 and y >= -0.5 and x + w <= size[0] + 0.5 and y + h <= size[1] + 0.5,
        "coco.bbox-outside",
        where,
        f"bbox {shown(box)} leaves the image of {size[0]} x {size[1]}",
    )
    if mask is None:
        return
    ends = box_of(mask.pixels)
    assert ends is not None  # empty masks are none
    tight = [ends[0], ends[1], ends[2] - ends[0] + 1, ends[3] - ends[1] + 1]
    allowed = 1.51 if mask.rings else 1e-3
    off = max(abs(a - b) for a, b in zip((x, y, x + w, y + h), _corners(tight), strict=True))
    judge.check(
        off <= allowed,
        "coco.bbox",
        where,
        f"bbox is {shown(box)}, the mask's is {shown(tight)}: up to {off:.4g} px off",
    )


def _corners(box: list[int]) -> tuple[int, int, int, int]:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _check_overlap(
    document: "Document", masks: list[tuple[dict[str, Any], Mask]], size: tuple[int, int], judge: Judge
) -> None:
    owner = np.full((size[1], size[0]), -1, np.int32)
    for index, (entry, mask) in enumerate(masks):
        others = owner[mask.pixels]
        taken = np.bincount(others[others >= 0]) if (others >= 0).any() else np.zeros(0, int)
        worst = int(taken.argmax()) if taken.size else 0
        shared = int(taken[worst]) if taken.size else 0
        slack = max(mask.slack, masks[worst][1].slack if taken.size else 0.0)
        judge.check(
            shared <= slack,
            "coco.visible-overlap",
            place(document, entry),
            f"shares {shared} pixels with annotation {masks[worst][0].get('id')!r}",
        )
        owner[mask.pixels] = index


def _check_keypoints(
    document: "Document", entry: dict[str, Any], size: tuple[int, int], where: str, judge: Judge
) -> None:
    found = document.categories.get(entry.get("category_id", -1), {}).get("keypoints")
    names: list[Any] = found if isinstance(found, list) else []
    points: Any = entry.get("keypoints")
    if points is None:
        return  # a class with key points may have objects without any
    count = len(names)
    if not judge.check(
        numbers(points, 3 * count),
        "coco.keypoints",
        where,
        f"{len(points) if isinstance(points, list) else 0} numbers are not x, y, v of {count} key points",
    ):
        return
    labelled = 0
    box: Any = entry.get("bbox_amodal") if numbers(entry.get("bbox_amodal"), 4) else entry.get("bbox")
    for i in range(count):
        x, y, v = points[3 * i : 3 * i + 3]
        labelled += v > 0
        judge.check(
            v in (0, 1, 2) and (v != 0 or (x == 0 and y == 0)),
            "coco.keypoints",
            where,
            f"key point {names[i]!r} is {shown([x, y, v])}: v is 0 (then x = y = 0), 1 or 2",
        )
        if v not in (1, 2):
            continue
        judge.check(
            0 <= x <= size[0] and 0 <= y <= size[1],
            "coco.keypoint-outside",
            where,
            f"key point {names[i]!r} at {shown([x, y])} lies outside of {size[0]} x {size[1]}",
        )
        if numbers(box, 4):
            reach = 2 + 0.5 * max(box[2], box[3])
            off = max(box[0] - x, x - box[0] - box[2], box[1] - y, y - box[1] - box[3])
            judge.check(
                off <= reach,
                "coco.keypoint-far",
                where,
                f"key point {names[i]!r} at {shown([x, y])} is {off:.1f} px away from its object's box {shown(box)}",
            )
    said = entry.get("num_keypoints")
    judge.check(
        said == labelled, "coco.num-keypoints", where, f"num_keypoints is {said!r}, {labelled} have v above 0"
    )


def _check_extras(entry: dict[str, Any], where: str, judge: Judge) -> None:
    for key in ("visibility", "occlusion", "truncation"):
        if key in entry:
            value = entry[key]
            judge.check(
                is_number(value) and -1e-9 <= value <= 1 + 1e-9,
                "coco.ratio",
                where,
                f"{key} is {value!r}, not between 0 and 1",
            )
    three = [entry.get(key) for key in ("visibility", "occlusion", "truncation")]
    if all(is_number(v) for v in three):
        visibility, occlusion, truncation = (float(v) for v in three if v is not None)
        wanted = (1 - occlusion) * (1 - truncation)
        judge.check(
            abs(visibility - wanted) <= 2e-3,
            "coco.ratio",
            where,
            f"visibility is {visibility:.4f}, (1 - occlusion) (1 - truncation) is {wanted:.4f}",
        )
    amodal: Any = entry.get("bbox_amodal")
    box: Any = entry.get("bbox")
    if amodal is not None and numbers(box, 4):
        right = numbers(amodal, 4) and all(
            amodal[i] <= box[i] + 0.01 and amodal[i] + amodal[i + 2] >= box[i] + box[i + 2] - 0.01
            for i in (0, 1)
        )
        judge.check(
            right, "coco.amodal-box", where, f"bbox_amodal {amodal!r:.60} does not contain bbox {shown(box)}"
        )
