"""Which class an object has: the recipe's label map decides, in the recipe's order, never the order of discovery."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import SceneObject
from twinstage.synth.model import Model
from twinstage.synth.paths import pattern_regex


class LabelClass(Model):
    """One class of the dataset.

    Attributes:
        name: the class's name in the dataset.
        labels: labels in the scene that mean it; by default its own name.
        supercategory: COCO's coarser grouping.
    """

    name: str = Field(min_length=1)
    labels: tuple[str, ...] = ()
    supercategory: str = ""

    @property
    def scene_labels(self) -> tuple[str, ...]:
        return self.labels or (self.name,)


def label_classes(data: Any) -> Any:
    """Shorthands of a label map: `[a, b]`, `{a: null, b: [x, y], c: z}`, or full models."""
    if isinstance(data, dict):
        return [{"name": str(name), "labels": _names(labels)} for name, labels in data.items()]
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


def is_target(item: SceneObject, name: str, targets: Iterable[str]) -> bool:
    """Whether the targets (path patterns, which start with `/`, or class names; none = everything) mean the object."""
    wanted = tuple(targets)
    return not wanted or any(
        bool(pattern_regex(t).match(item.prim_path)) if t.startswith("/") else t == name for t in wanted
    )
