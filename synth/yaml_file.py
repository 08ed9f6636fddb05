"""A YAML file -> a validated model, with one sentence for whatever is wrong: file, line, field, what was expected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from twinstage.base.errors import UserError, did_you_mean

M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path) -> tuple[dict[str, Any], yaml.Node]:
    """The mapping in a YAML file and its node tree (for line numbers). Raises UserError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__})") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise UserError(
            f"{where}: not valid YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        ) from None
    except (ValueError, RecursionError) as error:  # a date that is none, an endless nesting
        raise UserError(f"{path.name}: a value cannot be read as YAML: {error}") from None
    if not isinstance(data, dict) or node is None:
        raise UserError(f"{path.name}: expected a mapping of fields at the top")
    _refuse_twice(node, (), path.name, set())
    return data, node


def _refuse_twice(node: yaml.Node, above: tuple[str, ...], name: str, seen: set[int]) -> None:
    """Raise UserError for a key that a mapping has twice: YAML keeps the last one and says nothing."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_twice(item, (*above, str(index)), name, seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            here, line = (*above, str(key.value)), key.start_mark.line + 1
            if here[-1] in lines:
                dotted, first = ".".join(here), lines[here[-1]]
                raise UserError(f"{name}:{line}: {dotted} is given twice, here and in line {first}")
            lines[here[-1]] = line
            _refuse_twice(value, here, name, seen)


def validated(model: type[M], data: dict[str, Any], *, name: str, node: yaml.Node | None = None) -> M:
    """The model, or a UserError made of the first thing that is wrong with the data."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = _real_loc((*first["loc"], *first.get("ctx", {}).get("loc", ())), data)
        line = _line(node, loc)
        where = f"{name}:{line}" if line else name
        field = ".".join(str(part) for part in loc)
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {field}: {message}" if field else f"{where}: {message}") from None


def _real_loc(loc: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    """The part of pydantic's location that the data has; union branches and validators add names of their own."""
    out: list[Any] = []
    for part in loc:
        known = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if known:
            out.append(part)
            data = data[part]
    if isinstance(data, dict) and loc and isinstance(loc[-1], str) and loc[-1] not in out:
        out.append(loc[-1])  # a field that is missing
    return tuple(out)


def _line(node: yaml.Node | None, loc: Sequence[Any]) -> int | None:
    """The 1-based line of the deepest part of the location that the file has."""
    if node is None:
        return None
    line = node.start_mark.line
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            match = [(k, v) for k, v in node.value if k.value == str(part)]
            if not match:
                break
            line, node = match[0][0].start_mark.line, match[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return int(line) + 1


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The data with `a.b=c` assignments made; `c` is read as YAML. Items of lists go by index or by their `name`.

    Raises UserError for an assignment without `=` or a path that leads nowhere.
    """
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set {text!r}: expected a.b=value")
        try:
            parsed = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UserError(f"--set {text!r}: {value!r} is not a YAML value") from None
        data = _assigned(data, key.strip().split("."), parsed, text)
    return data


def _assigned(data: Any, path: list[str], value: Any, text: str) -> Any:
    head, rest = path[0], path[1:]
    if isinstance(data, dict):
        inner = _assigned(data.get(head, {}), rest, value, text) if rest else value
        return {**data, head: inner}
    if isinstance(data, list):
        index = _item(data, head, text)
        inner = _assigned(data[index], rest, value, text) if rest else value
        return [*data[:index], inner, *data[index + 1 :]]
    raise UserError(f"--set {text!r}: {head!r} would lie inside a plain value")


def _item(items: list[Any], name: str, text: str) -> int:
    if name.isdigit() and int(name) < len(items):
        return int(name)
    names = [
        str(item.get("name", item.get("kind"))) if isinstance(item, dict) else str(item) for item in items
    ]
    if name not in names:
        raise UserError(f"--set {text!r}: there is no item {name!r}{did_you_mean(name, names)}")
    return names.index(name)
