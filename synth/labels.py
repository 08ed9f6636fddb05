"""Which class an object has: the recipe's label map decides, in the recipe's order, never the order of discovery."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.snapshot import SceneObject, Snapshot
from twinstage.synth.model import Model
from twinstage.synth.paths import pattern_regex
from twinstage.synth.symmetries import Symmetry, check_symmetries


class LabelClass(Model):
    """One class of the dataset.

    Attributes:
        name: the class's name in the dataset.
        labels: labels in the scene that mean it; by default its own name.
        supercategory: COCO's coarser grouping.
        keypoints: names of its key points, in the order that files have them: what follows `twin:keypoint:` in the scene.
        skeleton: pairs of key points that are joined, by place from 1 (as COCO counts) or by name.
        sigmas: COCO's measure of how well each can be placed, one a key point.
        flip: pairs of names that change places where the picture is mirrored; others stay what they are.
        symmetries: turns after which its objects look the same; they go to `models` and BOP.
    """

    name: str = Field(min_length=1)
    labels: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    supercategory: str = ""
    keypoints: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    skeleton: tuple[tuple[int | str, int | str], ...] = ()
    sigmas: tuple[Annotated[float, Field(gt=0)], ...] = ()
    flip: tuple[tuple[str, str], ...] = ()
    symmetries: tuple[Symmetry, ...] = ()

    @field_validator("symmetries")
    @classmethod
    def _symmetries_agree(cls, symmetries: tuple[Symmetry, ...]) -> tuple[Symmetry, ...]:
        check_symmetries(symmetries)
        return symmetries

    @model_validator(mode="after")
    def _keypoints_agree(self) -> "LabelClass":
        names = self.keypoints
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"key point {twice[0]!r} is named twice")
        if self.sigmas and len(self.sigmas) != len(names):
            raise ValueError(f"{len(self.sigmas)} sigmas for {len(names)} key points; give one each, or none")
        for end in [end for bone in self.skeleton for end in bone]:
            self._place(end)
        flipped = [name for pair in self.flip for name in pair]
        for name in flipped:
            self._place(name)
            if flipped.count(name) > 1:
                raise ValueError(f"flip names key point {name!r} twice")
        return self

    def _place(self, key: int | str) -> int:
        """The place of a key point, from 1."""
        if isinstance(key, str):
            if key not in self.keypoints:
                raise ValueError(f"there is no key point {key!r}{did_you_mean(key, self.keypoints)}")
            return self.keypoints.index(key) + 1
        if not 1 <= key <= len(self.keypoints):
            raise ValueError(
                f"skeleton names key point {key}; they are counted from 1 to {len(self.keypoints)}"
            )
        return key

    @property
    def scene_labels(self) -> tuple[str, ...]:
        return self.labels or (self.name,)

    def keypoint_document(self) -> dict[str, Any]:
        """What `labels.json` says of its key points; nothing where it has none."""
        if not self.keypoints:
            return {}
        out: dict[str, Any] = {
            "keypoints": list(self.keypoints),
            "skeleton": [[self._place(a), self._place(b)] for a, b in self.skeleton],
            "flip": [list(pair) for pair in self.flip],
        }
        return out | ({"sigmas": list(self.sigmas)} if self.sigmas else {})


LABELS_WRITTEN: tuple[dict[str, Any], ...] = (
    {"type": "array", "items": {"type": ["string", "object"]}},
    {"type": "object"},
)
"""JSON Schemas of the shorthands that `label_classes` reads."""


def label_classes(data: Any) -> Any:
    """Shorthands of a label map: `[a, b]`, `{a: null, b: [x, y], c: z, d: {labels: ..., keypoints: ...}}`, or full models."""
    if isinstance(data, dict):
        return [
            {"name": str(name), **(labels if isinstance(labels, dict) else {"labels": _names(labels)})}
            for name, labels in data.items()
        ]
    if isinstance(data, list | tuple):
        return [{"name": item} if isinstance(item, str) else item for item in data]
    return data


def _names(labels: Any) -> Any:
    return [] if labels is None else [labels] if isinstance(labels, str) else labels


def class_of(item: SceneObject, classes: Sequence[LabelClass]) -> str | None:
    """The class of an object, or None.

    Its own labels decide; only where they mean no class do those of its ancestors. Raises UserError where the deciding
    labels mean two classes.
    """
    known = {label: cls.name for cls in classes for label in cls.scene_labels}
    for labels in (item.labels[: item.own], item.labels[item.own :]):
        names = list(dict.fromkeys(known[label] for label in labels if label in known))
        if len(names) > 1:
            raise UserError(
                f"{item.prim_path} is labelled {' and '.join(map(repr, labels))}, "
                f"which the recipe's labels map to two classes: {' and '.join(names)}"
            )
        if names:
            return names[0]
    return None


def check_keypoints(
    classes: Sequence[LabelClass], snapshot: Snapshot, class_by_row: Mapping[int, str]
) -> None:
    """Raise UserError for a key point that no object of its class has in the stage, where there is such an object."""
    table = snapshot.keypoints
    for cls in classes:
        mine = [row for row, name in class_by_row.items() if name == cls.name]
        if not cls.keypoints or not mine:
            continue
        known = sorted({table.name[k] for k in np.flatnonzero(np.isin(table.object, mine)).tolist()})
        for name in cls.keypoints:
            if name not in known:
                there = did_you_mean(name, known) if known else "; they have none (twin:keypoint:<name>)"
                raise UserError(
                    f"class {cls.name!r}: no object of it in the stage has a key point {name!r}{there}"
                )


def is_target(item: SceneObject, name: str, targets: Iterable[str]) -> bool:
    """Whether the targets (path patterns, which start with `/`, or class names; none = everything) mean the object."""
    wanted = tuple(targets)
    return not wanted or any(
        bool(pattern_regex(t).match(item.prim_path)) if t.startswith("/") else t == name for t in wanted
    )
