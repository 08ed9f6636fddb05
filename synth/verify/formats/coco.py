"""COCO: instances, key points and panoptic, from the JSON files and the images beside them.

Sources: the data format of cocodataset.org and what pycocotools does with a file.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.coco_annotations import check_annotations
from twinstage.synth.verify.formats.coco_panoptic import Segments, check_panoptic, compare_with_panoptic
from twinstage.synth.verify.formats.coco_score import check_score
from twinstage.synth.verify.formats.folder import MOST_PIXELS, Folder
from twinstage.synth.verify.formats.values import is_int
from twinstage.synth.verify.report import Judge

RULES = {
    "coco.unreadable": "the file is no JSON that could be read",
    "coco.structure": "images, annotations and categories are lists of objects with the fields that COCO names",
    "coco.no-annotations": "a file of images has annotations",
    "coco.image-id-unique": "ids of images are unique whole numbers",
    "coco.image-file": "the images are there and their names stay inside the dataset",
    "coco.image-size": "width and height are those of the image file",
    "coco.annotation-id-zero": "no annotation has id 0: pycocotools takes it for 'unmatched' and lowers perfect scores",
    "coco.annotation-id-unique": "ids of annotations are unique positive whole numbers",
    "coco.dangling-image": "every annotation belongs to an image of the file",
    "coco.categories": "categories have unique whole ids and unique names",
    "coco.category-suffix": "no category is another one with a copy's number (Apple, Apple.001)",
    "coco.category-unknown": "every annotation's category is in the list",
    "coco.iscrowd": "iscrowd is 0 or 1, and not 1 throughout: evaluators ignore crowds",
    "coco.segmentation": "run lengths fill the image, rings have three points and more",
    "coco.empty-segmentation": "every annotation has a mask that holds a pixel",
    "coco.area": "area is the number of the mask's pixels, not width times height",
    "coco.bbox": "bbox is [x, y, width, height] around the mask, in whole pixels both ends counted",
    "coco.bbox-outside": "bbox lies inside the image",
    "coco.polygon-holes": "no ring fills a hole: rings are united, so holes are lost",
    "coco.visible-overlap": "no pixel belongs to two visible masks",
    "coco.duplicate": "no object is annotated twice",
    "coco.keypoints": "key points are K triples x, y, v with v 0, 1 or 2; unlabelled ones are 0, 0, 0",
    "coco.keypoint-outside": "labelled key points lie in the image",
    "coco.keypoint-far": "labelled key points lie near their object",
    "coco.num-keypoints": "num_keypoints counts the labelled ones",
    "coco.skeleton": "a skeleton joins key points of its category, counted from 1",
    "coco.ratio": "visibility, occlusion and truncation, where given, lie between 0 and 1 and agree",
    "coco.amodal-box": "bbox_amodal, where given, contains bbox",
    "coco.score": "ground truth used as prediction scores 1.000 with pycocotools",
    "coco.panoptic-file": "the panoptic PNG is there, in three channels, of the image's size",
    "coco.panoptic-ids": "ids in the PNG (R + 256 G + 65536 B) are those of segments_info, each once",
    "coco.panoptic-area": "a segment's area is the number of its pixels",
    "coco.panoptic-bbox": "a segment's bbox surrounds its pixels",
    "coco.panoptic-mask": "an instance's mask is a segment of the panoptic PNG where both are given",
}


@dataclass
class Document:
    """One parsed COCO file: what of it is well formed."""

    name: str
    data: dict[str, Any]
    images: dict[int, dict[str, Any]] = field(default_factory=dict)
    categories: dict[int, dict[str, Any]] = field(default_factory=dict)


def candidates(folder: Folder) -> list[str]:
    """JSON files that may be COCO's: the named one, or those in the folder, annotations/ and one folder down."""
    if folder.only:
        return [folder.only] if folder.only.endswith(".json") else []
    places = ["."] + [f for f in folder.folders() if f in ("annotations", "coco") or f.startswith("coco")]
    names = [
        n if place == "." else f"{place}/{n}" for place in places for n in folder.files_in(place, ".json")
    ]
    return [n for n in names if not n.endswith(("manifest.json", "labels.json", "recipe.json"))]


def looks_like_coco(folder: Folder, name: str) -> bool:
    """Whether a JSON file has the keys of a COCO file, from its beginning alone where it is long."""
    try:
        text = folder.bytes(name)
        head = text if len(text) < 1 << 20 else text[: 1 << 16] + text[-(1 << 16) :]
    except ValueError:
        return False
    return b'"images"' in head and (b'"annotations"' in head or b'"categories"' in head)


def detect(folder: Folder) -> bool:
    """Whether there is a JSON file with images and annotations."""
    return any(looks_like_coco(folder, name) for name in candidates(folder))


def check(folder: Folder, judge: Judge) -> None:
    """All COCO files of a folder, or the one that was named."""
    names = [n for n in candidates(folder) if folder.only or looks_like_coco(folder, n)]
    if not judge.check(names, "coco.unreadable", folder.root.name, "there is no COCO file"):
        return
    instances: list[Document] = []
    segments: dict[str, Segments] = {}
    for name in names:
        with judge.guard("coco.unreadable", name):
            data = folder.json(name)
            document = _document(folder, name, data, judge)
            if document is None:
                continue
            if _is_panoptic(data):
                segments.update(check_panoptic(folder, document, judge))
            else:
                check_annotations(document, judge)
                check_score(document, judge)
                instances.append(document)
    for document in instances:
        with judge.guard("coco.unreadable", document.name):
            compare_with_panoptic(document, segments, judge)


def _is_panoptic(data: dict[str, Any]) -> bool:
    found = data["annotations"]
    return bool(found) and isinstance(found[0], dict) and "segments_info" in found[0]


def _document(folder: Folder, name: str, data: Any, judge: Judge) -> Document | None:
    right = isinstance(data, dict) and all(
        isinstance(data.get(key), list) and all(isinstance(e, dict) for e in data[key])
        for key in ("images", "annotations", "categories")
    )
    if not judge.check(
        right, "coco.structure", name, "images, annotations and categories are not three lists of objects"
    ):
        return None
    document = Document(name, data)
    judge.check(
        data["annotations"] or not data["images"],
        "coco.no-annotations",
        name,
        f"{len(data['images'])} images and not one annotation",
    )
    _categories(document, judge)
    _images(folder, document, judge)
    return document


def _categories(document: Document, judge: Judge) -> None:
    for entry in document.data["categories"]:
        number, text = entry.get("id"), entry.get("name")
        where = f"{document.name} category {number!r}"
        if judge.check(
            is_int(number) and isinstance(text, str) and number not in document.categories,
            "coco.categories",
            where,
            f"id {number!r} of {text!r} is no whole number, or taken twice; or the name is no text",
        ):
            document.categories[number] = entry
        _skeleton(entry, where, judge)
    names = Counter(str(e.get("name")) for e in document.categories.values())
    for text, count in names.items():
        judge.check(count == 1, "coco.categories", document.name, f"{count} categories are named {text!r}")
        stem, dot, number = text.rpartition(".")
        judge.check(
            not (dot and len(number) == 3 and number.isdigit() and stem in names),
            "coco.category-suffix",
            document.name,
            f"category {text!r} beside {stem!r}: a copy of an object became a class of its own",
        )


def _skeleton(entry: dict[str, Any], where: str, judge: Judge) -> None:
    points = entry.get("keypoints")
    if points is None:
        return
    right = isinstance(points, list) and all(isinstance(p, str) for p in points) and points
    bones = entry.get("skeleton", [])
    count = len(points) if right else 0
    judge.check(
        right
        and isinstance(bones, list)
        and all(
            isinstance(b, list) and len(b) == 2 and all(is_int(i) and 1 <= i <= count for i in b)
            for b in bones
        ),
        "coco.skeleton",
        where,
        f"the skeleton {bones!r:.80} does not join key points 1 to {count}",
    )


def _images(folder: Folder, document: Document, judge: Judge) -> None:
    for entry in document.data["images"]:
        number = entry.get("id")
        where = f"{document.name} image {number!r}"
        width, height = entry.get("width"), entry.get("height")
        if not judge.check(
            is_int(width)
            and is_int(height)
            and width > 0
            and height > 0
            and width * height <= MOST_PIXELS
            and isinstance(entry.get("file_name"), str),
            "coco.structure",
            where,
            f"file_name {entry.get('file_name')!r:.60}, width {width!r} and height {height!r} are no image's",
        ):
            continue
        if judge.check(
            is_int(number) and number not in document.images,
            "coco.image-id-unique",
            where,
            f"id {number!r} is no whole number, or taken twice",
        ):
            document.images[number] = entry
    _image_files(folder, document, judge)


def image_root(folder: Folder, document: Document) -> Folder | None:
    """The folder in which the file's images are found: its own, images/ in it, or the same around it; or None."""
    here = Folder((folder.root / document.name).parent)
    places = [here, here.parent()] + [
        Folder(p.root / sub)
        for p in (here, here.parent())
        for sub in ("images", "train", "val", "test", "rgb")
    ]
    firsts = [e["file_name"] for e in list(document.images.values())[:8]]
    for place in places:
        if any(place.has(name) for name in firsts):
            return place
    return None


def _image_files(folder: Folder, document: Document, judge: Judge) -> None:
    root = image_root(folder, document)
    for number, entry in document.images.items():
        where, name = f"{document.name} image {number}", entry["file_name"]
        inside = not name.startswith(("/", "\\")) and ".." not in name.split("/")
        if not judge.check(
            inside, "coco.image-file", where, f"file_name {name!r:.80} leads out of the dataset"
        ):
            continue
        if root is None:
            continue  # annotations without their images: nothing to compare
        if judge.check(root.has(name), "coco.image-file", where, f"{name} is not there"):
            with judge.guard("coco.image-file", where):
                size, said = root.image_size(name), (entry["width"], entry["height"])
                judge.check(
                    size == said,
                    "coco.image-size",
                    where,
                    f"{name} has {size[0]} x {size[1]} pixels, the file says {said[0]} x {said[1]}",
                )


COCO = Format("coco", "COCO instances, key points, panoptic", RULES, detect, check)
