"""Records -> columns: one row a frame, a picture, an object, a drawn value. Plain data."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.synth.browse.stored import Picture, Row

MOST_DRAWS = 400
"""Drawn fields that are kept apart; a recipe has some tens."""
MOST_WORDS = 1000
"""Different words of a drawn field; beyond it the field is no choice but a text."""

LONGEST_NAME = 1000
"""Letters of a name that are kept."""
_LARGEST = 1e300
_DEEPEST = 8
"""Lists within lists of a drawn value."""


class Words:
    """Strings as numbers, in the order in which they came; long ones are cut."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._places: dict[str, int] = {}

    def code(self, name: str) -> int:
        """The number of that string."""
        name = name[:LONGEST_NAME]
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place


@dataclass(frozen=True, slots=True)
class Draw:
    """What a field of a randomizer was in each frame; several values where it is drawn for each prim.

    `frame`: row of the frame; `value`: the number, or the place in `words` where these are words.
    """

    frame: np.ndarray
    value: np.ndarray
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """A dataset. Codes are places in the lists of names; -1 where there is none.

    Attributes:
        frame: numbers i8[f]; split, stage, rule: codes; rejected: bool; attempts: how often it was tried.
        reason: why a frame was rejected, "" where it was not.
        of: row of the picture's frame i8[p]; a rejected frame has one row here, too, with camera -1.
        camera: codes; size: width and height [px]; images: files of each picture by what they show.
        picture: row of the object's picture i8[o]; label, path: codes; others f4[o]; box: x, y, width, height [px] f4[o, 4].
        side: square root of the visible box's area [px]; distance: from the camera to the middle of the 3D box [m].
        draws: by `randomizer.field`.
        unreadable: names of records that cannot be read.
    """

    frame: np.ndarray
    split: np.ndarray
    stage: np.ndarray
    rule: np.ndarray
    rejected: np.ndarray
    attempts: np.ndarray
    reason: list[str]
    of: np.ndarray
    camera: np.ndarray
    size: np.ndarray
    images: list[dict[str, str]]
    picture: np.ndarray
    label: np.ndarray
    path: np.ndarray
    instance: np.ndarray
    annotated: np.ndarray
    occlusion: np.ndarray
    truncation: np.ndarray
    side: np.ndarray
    pixels: np.ndarray
    distance: np.ndarray
    box: np.ndarray
    names: dict[str, list[str]]
    draws: dict[str, Draw]
    unreadable: list[str]
    more_draws: int = 0
    """Drawn fields beyond `MOST_DRAWS`, which are left out."""

    @cached_property
    def first(self) -> np.ndarray:
        """Where a picture's objects begin i8[p + 1]; they lie one after the other."""
        return np.searchsorted(self.picture, np.arange(len(self.of) + 1))

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Row by number of a frame."""
        return {int(number): row for row, number in enumerate(self.frame.tolist())}


@dataclass
class _Numbers:
    frame: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class _Texts:
    frame: array[int] = field(default_factory=lambda: array("q"))
    value: array[int] = field(default_factory=lambda: array("q"))
    words: Words = field(default_factory=Words)


class _Building:
    def __init__(self, accept: dict[str, Any], classes: Iterable[str]) -> None:
        self.least = _number(accept.get("min_visible_px"), 1)
        self.share = _number(accept.get("min_visibility"), 0)
        self.split, self.stage, self.rule, self.camera, self.path = (Words() for _ in range(5))
        self.label = Words()
        for name in classes:
            self.label.code(name)
        self.ints = {name: array("q") for name in _INTS}
        self.floats = {name: array("d") for name in _FLOATS}
        self.reason: list[str] = []
        self.images: list[dict[str, str]] = []
        self.numbers: dict[str, _Numbers] = {}
        self.texts: dict[str, _Texts] = {}
        self.left_out: set[str] = set()

    def add(self, row: Row) -> None:
        ints, place = self.ints, len(self.reason)
        last = row.rejected_attempts[-1] if row.rejected and row.rejected_attempts else None
        ints["frame"].append(row.frame)
        ints["split"].append(self.split.code(row.split) if row.split else -1)
        ints["stage"].append(self.stage.code(row.stage) if row.stage else -1)
        ints["rule"].append(self.rule.code(last.rule) if last and last.rule else -1)
        ints["rejected"].append(row.rejected)
        ints["attempts"].append(len(row.rejected_attempts) + (not row.rejected))
        self.reason.append(last.reason[:500] if last else "")
        for camera in row.cameras:
            self._picture(place, camera)
        if not row.cameras:
            self._row_of_picture(place, -1, 0, 0, {})
        for randomizer, fields in row.draws.items():
            for name, value in fields.items():
                if not name.endswith(" sha256"):  # of a file whose name is there, too
                    self._draw(place, f"{randomizer}.{plain_field(name)}", value)

    def _row_of_picture(
        self, frame: int, camera: int, width: int, height: int, images: dict[str, str]
    ) -> None:
        for name, value in (("of", frame), ("camera", camera), ("width", width), ("height", height)):
            self.ints[name].append(value)
        self.images.append(images)

    def _picture(self, frame: int, camera: Picture) -> None:
        place = len(self.images)
        self._row_of_picture(frame, self.camera.code(camera.name), *camera.resolution, camera.images)
        pose = camera.world_from_camera
        eye = (
            [float(row[3]) for row in pose[:3]]
            if len(pose) >= 3 and all(len(r) > 3 for r in pose)
            else [0.0] * 3
        )
        ints, floats = self.ints, self.floats
        least, share = self.least, self.share
        for item in camera.objects:
            total, seen = item.amodal_px_total, item.visible_px
            ints["picture"].append(place)
            ints["label"].append(self.label.code(item.kind))
            ints["path"].append(self.path.code(item.prim_path))
            ints["instance"].append(item.instance_id)
            ints["annotated"].append(seen >= least and (seen / total if total else 0.0) >= share)
            ints["pixels"].append(seen)
            floats["occlusion"].append(item.occlusion)
            floats["truncation"].append(item.truncation)
            box = item.bbox_visible or item.bbox_amodal or (0.0, 0.0, 0.0, 0.0)
            floats["box"].extend(box)
            floats["side"].append(math.sqrt(abs(box[2] * box[3])) if item.bbox_visible else 0.0)
            floats["distance"].append(_distance(item.bbox_3d, eye))

    def _draw(self, frame: int, key: str, value: Any) -> None:
        for one in _flat(value):
            if isinstance(one, bool | str):
                if key not in self.texts and not self._room(key):
                    return
                texts = self.texts.setdefault(key, _Texts())
                if len(texts.words.names) < MOST_WORDS:
                    texts.frame.append(frame)
                    texts.value.append(texts.words.code(str(one)[:500]))
            else:
                if key not in self.numbers and not self._room(key):
                    return
                numbers = self.numbers.setdefault(key, _Numbers())
                numbers.frame.append(frame)
                numbers.value.append(one)

    def _room(self, key: str) -> bool:
        if len(self.numbers) + len(self.texts) < MOST_DRAWS:
            return True
        self.left_out.add(key)
        return False

    def done(self, unreadable: list[str]) -> Columns:
        ints = {
            name: np.frombuffer(a, np.int64) if len(a) else np.zeros(0, np.int64)
            for name, a in self.ints.items()
        }
        floats = {name: np.array(a, np.float64) for name, a in self.floats.items()}
        draws = {
            key: Draw(np.array(d.frame, np.int64), np.array(d.value, np.float64))
            for key, d in self.numbers.items()
        }
        for key, t in self.texts.items():
            free = key if key not in draws else f"{key} (word)"
            draws[free] = Draw(np.array(t.frame, np.int64), np.array(t.value, np.int64), tuple(t.words.names))
        words = {
            name: getattr(self, name).names for name in ("split", "stage", "rule", "camera", "label", "path")
        }
        return Columns(
            **{n: ints[n] for n in ("frame", "split", "stage", "rule", "attempts", "of", "camera")},
            rejected=ints["rejected"].astype(bool),
            reason=self.reason,
            size=np.stack([ints["width"], ints["height"]], -1),
            images=self.images,
            **{n: ints[n] for n in ("picture", "label", "path", "instance", "pixels")},
            annotated=ints["annotated"].astype(bool),
            **{n: floats[n] for n in ("occlusion", "truncation", "side", "distance")},
            box=floats["box"].reshape(-1, 4),
            names=words,
            draws=dict(sorted(draws.items())),
            unreadable=unreadable,
            more_draws=len(self.left_out),
        )


_INTS = (
    *("frame", "split", "stage", "rule", "rejected", "attempts", "of", "camera", "width", "height"),
    *("picture", "label", "path", "instance", "annotated", "pixels"),
)
_FLOATS = ("occlusion", "truncation", "side", "distance", "box")


def columns_of(rows: Iterable[tuple[str, Row | None]], labels: dict[str, Any]) -> Columns:
    """The columns of records. `labels`: what labels.json says."""
    listed = labels.get("classes")
    classes = [
        str(c.get("name", "")) for c in (listed if isinstance(listed, list) else ()) if isinstance(c, dict)
    ]
    accept = labels.get("accept")
    building, unreadable = _Building(accept if isinstance(accept, dict) else {}, classes), list[str]()
    for name, row in rows:
        if row is None:
            unreadable.append(name)
        else:
            building.add(row)
    return building.done(unreadable)


def plain_field(name: str) -> str:
    """`rotate.z` of `rotate /World/Box.z`: the same thing of all prims together."""
    what, space, about = name.partition(" ")
    return what + (about[-2:] if space and about[-2:] in (".x", ".y", ".z") else "")


def _number(value: Any, otherwise: float) -> float:
    """What labels.json says where that is a number."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
    return value if usable else otherwise


def _flat(value: Any, deeper: int = _DEEPEST) -> Iterator[float | bool | str]:
    """Its values one by one; those that are no numbers to work with, or lie too deep, are left out."""
    if isinstance(value, bool | str):
        yield value
    elif isinstance(value, int | float):
        if -_LARGEST < value < _LARGEST:
            yield float(value)
    elif isinstance(value, list | dict) and deeper:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _flat(item, deeper - 1)


def _distance(corners: list[tuple[float, float, float]], eye: list[float]) -> float:
    if not corners:
        return math.nan
    middle = [sum(corner[axis] for corner in corners) / len(corners) for axis in range(3)]
    return math.dist(middle, eye)
