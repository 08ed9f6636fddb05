"""YOLO (Ultralytics): data.yaml and one label file an image, for detect, segment, pose and OBB.

Source: Ultralytics' dataset guides, and what its loader does with what it does not like: it drops it.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.shapes import ring_area
from twinstage.synth.verify.formats.values import is_int, shown
from twinstage.synth.verify.report import Judge

RULES = {
    "yolo.unreadable": "data.yaml and label files can be read",
    "yolo.data-yaml": "data.yaml has names, and train and val that lead to images",
    "yolo.path-outside": "paths stay inside the dataset",
    "yolo.names": "names are 0 to n - 1, unique, as many as nc says",
    "yolo.missing-label": "every image has a label file: without one it counts as background",
    "yolo.orphan-label": "every label file has an image",
    "yolo.columns": "a row has the columns of the task, the same task in every file",
    "yolo.numbers": "every column is a finite number",
    "yolo.class-range": "the class is a whole number from 0 to n - 1",
    "yolo.normalised": "coordinates are divided by width and height, so they lie between 0 and 1",
    "yolo.box-outside": "boxes end inside the image",
    "yolo.box-empty": "boxes have a width and a height",
    "yolo.duplicate": "no row is there twice: the loader drops it",
    "yolo.polygon": "a ring has three different points and more, and an area",
    "yolo.kpt-shape": "kpt_shape is [K, 2 or 3], and rows have that many key points",
    "yolo.kpt-visibility": "the visibility of a key point is 0, 1 or 2",
    "yolo.kpt-outside": "labelled key points lie in the image",
    "yolo.flip-idx": "flip_idx is a permutation of the key points that undoes itself",
    "yolo.obb": "an oriented box is a rectangle of four corners with an area",
    "yolo.split-leak": "no image is in two splits",
    "yolo.empty-dataset": "some image has a label",
}

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
TASKS = ("detect", "segment", "pose", "obb")


@dataclass(frozen=True, slots=True)
class Setup:
    """What data.yaml says: number of classes, key points' shape or None, task or None where only the rows can say."""

    classes: int
    kpt_shape: tuple[int, int] | None
    task: str | None


def yamls(folder: Folder) -> list[str]:
    """YAML files with train and names: in the folder and one below."""
    if folder.only:
        return [folder.only] if folder.only.endswith((".yaml", ".yml")) else []
    names = folder.files_in(".", ".yaml", ".yml")
    names += [f"{f}/{n}" for f in folder.folders() for n in folder.files_in(f, ".yaml", ".yml")]
    return [n for n in names if _is_data(folder, n)]


def _is_data(folder: Folder, name: str) -> bool:
    try:
        lines = folder.bytes(name, 1 << 20).splitlines()
    except ValueError:
        return False
    keys = {
        line.split(b":")[0].strip() for line in lines if b":" in line and not line.startswith((b" ", b"#"))
    }
    return b"names" in keys and bool({b"train", b"val"} & keys)


def detect(folder: Folder) -> bool:
    """Whether there is a YAML file with names and train or val."""
    return any(_is_data(folder, n) for n in yamls(folder))


def check(folder: Folder, judge: Judge) -> None:
    """All data.yaml files of a folder."""
    found = yamls(folder)
    if not judge.check(found, "yolo.unreadable", folder.root.name, "there is no data.yaml"):
        return
    for name in found:
        with judge.guard("yolo.unreadable", name):
            _check_yaml(folder, name, judge)


def load_yaml(folder: Folder, name: str) -> Any:
    """Plain YAML without aliases (they could grow without end). Raises ValueError."""
    import yaml

    text = folder.bytes(name, 4 << 20).decode("utf-8")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise ValueError("uses aliases")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"is no YAML: {str(error).splitlines()[0]}") from None


def _check_yaml(folder: Folder, name: str, judge: Judge) -> None:
    data = load_yaml(folder, name)
    if not judge.check(isinstance(data, dict), "yolo.data-yaml", name, "is no table of keys"):
        return
    setup = _setup(data, name, judge)
    at = PurePosixPath(name).parent.as_posix()
    splits: dict[str, str] = {}
    rows = 0
    kinds: dict[str, str] = {}
    for split in ("train", "val", "test"):
        if data.get(split) in (None, "") and split == "test":
            continue
        if split == "val" and data.get("val") and data["val"] == data.get("train"):
            continue  # said openly, for want of a split: loaders want both
        images = _images(folder, at, data.get("path"), data.get(split), f"{name} {split}", judge)
        for image in images:
            with judge.guard("yolo.unreadable", image):
                digest = hashlib.sha256(folder.bytes(image)).hexdigest()
                first = splits.setdefault(digest, split)
                # Where data.yaml names one folder for both, that is said and not leaked.
                first = split if data.get(first) == data.get(split) else first
                judge.check(first == split, "yolo.split-leak", image, f"is in {first} and in {split}")
                rows += _check_labels(folder, image, setup, kinds, judge)
        if images:
            _orphans(folder, images, judge)
    judge.check(rows > 0 or not splits, "yolo.empty-dataset", name, f"{len(splits)} images and not one label")


def _setup(data: dict[str, Any], name: str, judge: Judge) -> Setup:
    names = data.get("names")
    table = dict(enumerate(names)) if isinstance(names, list) else names if isinstance(names, dict) else {}
    right = (
        table
        and all(is_int(k) for k in table)
        and sorted(table) == list(range(len(table)))
        and len({str(v) for v in table.values()}) == len(table)
    )
    judge.check(right, "yolo.names", name, f"names are {names!r:.80}, not unique names of 0 to n - 1")
    if "nc" in data:
        judge.check(
            data["nc"] == len(table), "yolo.names", name, f"nc is {data['nc']!r}, names are {len(table)}"
        )
    shape = data.get("kpt_shape")
    points = None
    if shape is not None:
        proper = isinstance(shape, list) and len(shape) == 2 and all(is_int(v) for v in shape)
        if judge.check(
            proper and shape[0] > 0 and shape[1] in (2, 3), "yolo.kpt-shape", name, f"kpt_shape is {shape!r}"
        ):
            points = (shape[0], shape[1])
    flip = data.get("flip_idx")
    if flip is not None and points is not None:
        good = (
            isinstance(flip, list) and all(is_int(v) for v in flip) and sorted(flip) == list(range(points[0]))
        )
        judge.check(
            good and all(flip[flip[i]] == i for i in range(points[0])),
            "yolo.flip-idx",
            name,
            f"flip_idx {flip!r:.80} does not exchange the {points[0]} key points in pairs",
        )
    task = data.get("task")
    return Setup(len(table), points, "pose" if points else task if task in TASKS else None)


def _images(folder: Folder, at: str, base: Any, value: Any, where: str, judge: Judge) -> list[str]:
    """The images of a split, relative to the folder."""
    entries = value if isinstance(value, list) else [value]
    out: list[str] = []
    for entry in entries:
        if not judge.check(
            isinstance(entry, str) and entry, "yolo.data-yaml", where, f"leads nowhere: {entry!r:.60}"
        ):
            continue
        # `path` is a folder on the writer's machine; where it is not here, the file's own folder stands in.
        bases = [f"{at}/{base}", at] if isinstance(base, str) and not base.startswith("/") else [at]
        places = [PurePosixPath(b, entry).as_posix() for b in bases]
        outside = entry.startswith("/") or any(_leads_out(folder, p) for p in places)
        if not judge.check(
            not outside, "yolo.path-outside", where, f"{entry!r:.80} leads out of the dataset"
        ):
            continue
        found = next((p for p in places if folder.has_folder(p) or folder.has(p)), None)
        if not judge.check(found is not None, "yolo.data-yaml", where, f"{entry!r:.80} is not there"):
            continue
        assert found is not None
        if folder.has(found):
            listed = [line.strip() for line in folder.text(found).splitlines() if line.strip()]
            base_at = PurePosixPath(found).parent.as_posix()
            for line in listed:
                place = PurePosixPath(base_at, line).as_posix()
                if judge.check(
                    not line.startswith("/") and folder.has(place),
                    "yolo.data-yaml",
                    where,
                    f"{line!r:.80} is not there",
                ):
                    out.append(place)
        else:
            prefix = folder.path(found).relative_to(folder.root.resolve()).as_posix()
            out += [
                n
                for n in folder.names()
                if n.lower().endswith(IMAGES) and (prefix == "." or n.startswith(prefix + "/"))
            ]
    judge.check(out or not entries, "yolo.data-yaml", where, "leads to no image")
    return [PurePosixPath(n).as_posix() for n in out]


def _leads_out(folder: Folder, name: str) -> bool:
    try:
        folder.path(name)
    except ValueError:
        return True
    return False


def label_of(image: str) -> str:
    """Where the loader looks for an image's labels: the last `images` folder of its path becomes `labels`."""
    parts = list(PurePosixPath(image).parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return PurePosixPath(*parts).with_suffix(".txt").as_posix()


def _orphans(folder: Folder, images: list[str], judge: Judge) -> None:
    wanted = {label_of(i) for i in images}
    for at in sorted({PurePosixPath(w).parent.as_posix() for w in wanted}):
        for name in folder.files_in(at, ".txt"):
            judge.check(
                PurePosixPath(at, name).as_posix() in wanted,
                "yolo.orphan-label",
                f"{at}/{name}",
                "has no image",
            )


def _check_labels(folder: Folder, image: str, setup: Setup, kinds: dict[str, str], judge: Judge) -> int:
    name = label_of(image)
    if not judge.check(
        folder.has(name), "yolo.missing-label", image, f"{name} is not there: the image counts as background"
    ):
        return 0
    size = folder.image_size(image)
    table: list[tuple[str, list[float]]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(folder.text(name).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            values = [float(w) for w in line.split()]
        except ValueError:
            values = [math.nan]
        if judge.check(
            all(math.isfinite(v) for v in values), "yolo.numbers", where, f"not all numbers: {line:.60}"
        ):
            first = seen.setdefault(line.strip(), number)
            judge.check(
                first == number, "yolo.duplicate", where, f"is row {first} again: the loader drops it"
            )
            table.append((where, values))
    task = setup.task or _task([len(v) for _, v in table])
    if table:
        first_task = kinds.setdefault("task", task)
        judge.check(
            setup.task is not None or task == first_task or {task, first_task} == {"segment", "obb"},
            "yolo.columns",
            name,
            f"its rows are of task {task}, other files' of task {first_task}",
        )
    for where, values in table:
        _check_row(values, task, setup, size, where, judge)
    return len(table)


def _task(lengths: list[int]) -> str:
    if not lengths or all(n == 5 for n in lengths):
        return "detect"
    if all(n == 9 for n in lengths):
        return "obb"
    return "detect" if sum(n == 5 for n in lengths) * 2 > len(lengths) else "segment"


def _check_row(
    values: list[float], task: str, setup: Setup, size: tuple[int, int], where: str, judge: Judge
) -> None:
    points = setup.kpt_shape
    wanted = {"detect": 5, "obb": 9, "pose": 5 + points[0] * points[1] if points else 5}.get(task)
    right = len(values) == wanted if wanted else len(values) >= 7 and len(values) % 2 == 1
    rule = "yolo.kpt-shape" if task == "pose" else "yolo.columns"
    if task == "segment" and len(values) < 7:
        rule = "yolo.polygon"
    if not judge.check(
        right, rule, where, f"{len(values)} columns, {task} takes {wanted or '7 and more, an odd number'}"
    ):
        return
    number = values[0]
    judge.check(
        number == int(number) and 0 <= number < setup.classes,
        "yolo.class-range",
        where,
        f"class {number:g} is none of 0 to {setup.classes - 1}",
    )
    plain = values[1:5] if task in ("detect", "pose") else values[1:]
    if not judge.check(
        all(-1e-6 <= v <= 1 + 1e-6 for v in plain),
        "yolo.normalised",
        where,
        f"{shown([v for v in plain if not -1e-6 <= v <= 1 + 1e-6][:4])} is not between 0 and 1: the loader drops the image",
    ):
        return
    if task in ("detect", "pose"):
        _check_box(plain, size, where, judge)
    if task == "pose" and points is not None:
        _check_points(values[5:], points, where, judge)
    if task == "segment":
        _check_ring(plain, size, where, judge)
    if task == "obb":
        _check_obb(plain, size, where, judge)


def _check_box(box: list[float], size: tuple[int, int], where: str, judge: Judge) -> None:
    x, y, w, h = box
    if not judge.check(w > 0 and h > 0, "yolo.box-empty", where, f"width and height are {w:g} and {h:g}"):
        return
    half = (0.51 / size[0], 0.51 / size[1])
    out = max(
        (w / 2 - x) * size[0], (x + w / 2 - 1) * size[0], (h / 2 - y) * size[1], (y + h / 2 - 1) * size[1]
    )
    inside = (
        x - w / 2 >= -half[0]
        and x + w / 2 <= 1 + half[0]
        and y - h / 2 >= -half[1]
        and y + h / 2 <= 1 + half[1]
    )
    judge.check(
        inside,
        "yolo.box-outside",
        where,
        f"the box {shown(box)} reaches {out:.1f} px out of the image (is it corners, not centre and size?)",
    )


def _check_points(values: list[float], shape: tuple[int, int], where: str, judge: Judge) -> None:
    count, width = shape
    for i in range(count):
        point = values[i * width : (i + 1) * width]
        v = point[2] if width == 3 else 2.0
        judge.check(v in (0, 1, 2), "yolo.kpt-visibility", where, f"key point {i} has visibility {v:g}")
        if v > 0:
            judge.check(
                all(-1e-6 <= c <= 1 + 1e-6 for c in point[:2]),
                "yolo.kpt-outside",
                where,
                f"key point {i} at {shown(point[:2])} is not between 0 and 1",
            )


def _check_ring(ring: list[float], size: tuple[int, int], where: str, judge: Judge) -> None:
    points = np.array(ring).reshape(-1, 2) * size
    different = len(np.unique(points.round(6), axis=0))
    area = ring_area(points.ravel().tolist())
    judge.check(
        different >= 3 and area >= 0.5,
        "yolo.polygon",
        where,
        f"a ring of {different} different points and {area:.2f} px: it encloses nothing",
    )


def _check_obb(ring: list[float], size: tuple[int, int], where: str, judge: Judge) -> None:
    points = np.array(ring).reshape(4, 2) * size
    edges = np.roll(points, -1, axis=0) - points
    lengths = np.linalg.norm(edges, axis=1)
    # Six decimals of a wide image, and corners rounded to pixels by some writers.
    slack = 1.5 + 0.01 * float(lengths.max())
    shape = np.abs(points[0] + points[2] - points[1] - points[3]).max()
    diagonals = abs(np.linalg.norm(points[2] - points[0]) - np.linalg.norm(points[3] - points[1]))
    clipped = any(v in (0.0, 1.0) for v in ring)  # corners outside of the image have to be moved to its edge
    rectangle = clipped or (shape <= slack and diagonals <= slack)
    judge.check(
        lengths.max() > 0.05 and rectangle and ring_area(points.ravel().tolist()) > 0.05,
        "yolo.obb",
        where,
        f"corners {shown(points)} px are no rectangle: off by {max(float(shape), float(diagonals)):.1f} px",
    )


YOLO = Format("yolo", "YOLO (Ultralytics)", RULES, detect, check)
