"""The label map of a recipe or of a file of its own: which labels in the scene mean which class. Touches files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from twinstage.base.errors import UserError

LabelMap = dict[str, tuple[str, ...]]
"""Labels by class; a class without labels is meant by its own name."""


def read_label_map(path: Path) -> LabelMap:
    """The map in a YAML file: `labels:` of a recipe, or `class: [label, ...]` alone.

    Raises UserError for a missing file, one that is no YAML, or one that holds something else.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"there is no label map {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"label map {path}{where} is not valid YAML") from None
    if isinstance(data, dict) and "labels" in data:
        data = data["labels"]
    if isinstance(data, list):
        return dict(_of_item(item, path) for item in data)
    if isinstance(data, dict) and data:
        return {str(name): _names(labels, path) for name, labels in data.items()}
    raise UserError(f"label map {path} holds no classes; `class: [label, ...]` or a recipe was expected")


def _of_item(item: Any, path: Path) -> tuple[str, tuple[str, ...]]:
    if isinstance(item, Mapping) and "name" in item:
        return str(item["name"]), _names(item.get("labels"), path)
    if isinstance(item, str):
        return item, ()
    raise UserError(f"label map {path}: a class is a name, or a mapping with `name` and `labels`")


def _names(labels: Any, path: Path) -> tuple[str, ...]:
    if labels is None:
        return ()
    if isinstance(labels, str):
        return (labels,)
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        return tuple(labels)
    raise UserError(f"label map {path}: {labels!r} is no list of labels")
