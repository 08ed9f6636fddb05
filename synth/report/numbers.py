"""Records -> what the report shows: one pass, plain data, nothing kept of a record but numbers."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twinstage.synth.dataset import Dataset, is_annotated

GRID = (32, 24)
"""Cells of the heat map, across and down."""


@dataclass
class ClassNumbers:
    """One class's annotated objects, over all pictures."""

    name: str
    id: int
    annotations: int = 0
    images: int = 0
    visible: array[int] = field(default_factory=lambda: array("q"))
    occlusion: array[float] = field(default_factory=lambda: array("d"))
    truncation: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class Numbers:
    """What a dataset holds.

    Attributes:
        classes: by name, in the order of their ids.
        sizes: square root of the visible box's area of each annotated object [px]; per_image: annotated objects.
        distance: from the camera to the middle of the 3D box [m].
        centers: annotated objects by cell of `GRID`, row by row.
        splits: frames, images and annotations by split ("" for none).
        picked: frames by group, item and split.
        refusals: attempts by rule; given_up: frame and last reason.
        draws: numbers by randomizer and field; words: the same for what is no number.
        scenes: frames by stage.
    """

    classes: dict[str, ClassNumbers]
    frames: int = 0
    images: int = 0
    annotations: int = 0
    sizes: array[float] = field(default_factory=lambda: array("d"))
    distance: array[float] = field(default_factory=lambda: array("d"))
    occlusion: array[float] = field(default_factory=lambda: array("d"))
    truncation: array[float] = field(default_factory=lambda: array("d"))
    per_image: array[int] = field(default_factory=lambda: array("q"))
    centers: array[int] = field(default_factory=lambda: array("q", bytes(8 * GRID[0] * GRID[1])))
    splits: dict[str, list[int]] = field(default_factory=dict)
    picked: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    given_up: list[tuple[int, str]] = field(default_factory=list)
    draws: dict[tuple[str, str], array[float]] = field(default_factory=dict)
    words: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    scenes: Counter[str] = field(default_factory=Counter)


def collect(dataset: Dataset) -> Numbers:
    """The numbers of a dataset."""
    labels = dataset.labels()
    out = Numbers({c["name"]: ClassNumbers(c["name"], c["id"]) for c in labels["classes"]})
    out.splits = {split: [0, 0, 0] for split in labels["splits"]}
    for record in dataset.records():
        _add(out, record, labels["accept"])
    return out


def _add(out: Numbers, record: dict[str, Any], accept: dict[str, Any]) -> None:
    out.frames += 1
    split = record["split"] or ""
    totals = out.splits.setdefault(split, [0, 0, 0])
    totals[0] += 1
    out.scenes[record.get("stage") or ""] += 1
    out.refusals.update(attempt.get("rule") or "?" for attempt in record["rejected_attempts"])
    if record["rejected"]:
        out.given_up.append((record["frame"], record["rejected_attempts"][-1]["reason"]))
    for camera in record["cameras"]:
        items = [item for item in camera["objects"] if is_annotated(item, accept)]
        out.images += 1
        out.annotations += len(items)
        totals[1] += 1
        totals[2] += len(items)
        out.per_image.append(len(items))
        for name in {item["class"] for item in items}:
            out.classes[name].images += 1
        for item in items:
            _add_object(out, item, camera)
    for group, chosen in record.get("picked", {}).items():
        for name in chosen:
            out.picked.setdefault((group, name), Counter())[split] += 1
    _add_draws(out, record["draws"])


def _add_object(out: Numbers, item: dict[str, Any], camera: dict[str, Any]) -> None:
    mine = out.classes[item["class"]]
    mine.annotations += 1
    mine.visible.append(item["visible_px"])
    for key in ("occlusion", "truncation"):
        getattr(mine, key).append(item[key])
        getattr(out, key).append(item[key])
    x, y, w, h = item["bbox_visible"]
    out.sizes.append((w * h) ** 0.5)
    width, height = camera["resolution"]
    column = min(int((x + w / 2) / width * GRID[0]), GRID[0] - 1)
    row = min(int((y + h / 2) / height * GRID[1]), GRID[1] - 1)
    out.centers[row * GRID[0] + column] += 1
    middle = [sum(corner[axis] for corner in item["bbox_3d"]) / 8 for axis in range(3)]
    eye = [camera["world_from_camera"][axis][3] for axis in range(3)]
    out.distance.append(sum((a - b) ** 2 for a, b in zip(middle, eye, strict=True)) ** 0.5)


def _add_draws(out: Numbers, draws: dict[str, Any]) -> None:
    for randomizer, fields in draws.items():
        for name, value in fields.items():
            if name.endswith(" sha256"):  # of a file whose name is there, too
                continue
            key = (randomizer, _field(name))
            for one in _flat(value):
                if isinstance(one, bool | str):
                    out.words.setdefault(key, Counter())[str(one)] += 1
                else:
                    out.draws.setdefault(key, array("d")).append(one)


def _field(name: str) -> str:
    """`rotate .z` of `rotate /World/Box.z`: the same thing of all prims together."""
    what, space, about = name.partition(" ")
    axis = about[-2:] if space and about[-2:] in (".x", ".y", ".z") else ""
    return what + axis


def _flat(value: Any) -> Iterator[float | bool | str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _flat(item)
    elif isinstance(value, bool | int | float | str):
        yield value
