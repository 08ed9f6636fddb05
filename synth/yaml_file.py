"""A YAML file -> a validated model, with one sentence for whatever is wrong: file, line, field, what was expected.

A file may build upon others: `include: base.yaml`, or a list of files, relative to its own folder. They are merged in order,
and then the file itself on top: mappings field by field; lists of items with a `name` item by item (an item of a known name
changes that one, `remove: true` drops it, others are added behind); everything else is replaced.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.complaints import sentence
from twinstage.synth.fields import FieldError

M = TypeVar("M", bound=BaseModel)

INCLUDE, REMOVE = "include", "remove"
MAX_BYTES, MAX_VALUES, MAX_FILES = 4_000_000, 200_000, 32


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value was written: `where` such as `recipe.yaml:12`; `inner`: the same of its fields or items."""

    where: str
    inner: Mapping[str | int, "Spot"] = field(default_factory=dict)


def read_yaml(path: Path) -> tuple[dict[str, Any], Spot]:
    """The mapping in a YAML file with all that it includes, and where each value was written. Raises UserError."""
    return _read(Path(path), (), [0])


def _read(path: Path, above: tuple[Path, ...], count: list[int]) -> tuple[dict[str, Any], Spot]:
    count[0] += 1
    if count[0] > MAX_FILES:
        raise UserError(f"{path.name}: more than {MAX_FILES} files are included")
    data, spot = _read_one(path)
    if INCLUDE not in data:
        return data, spot
    here = spot.inner[INCLUDE].where
    names = data.pop(INCLUDE)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UserError(f"{here}: include: expected a file's name, or a list of them")
    whole: dict[str, Any] = {}
    seen = Spot(spot.where)
    for name in names:
        inner = path.parent / name
        if Path(name).is_absolute():
            raise UserError(
                f"{here}: include: {name!r} is an absolute path; expected one relative to {path.name}"
            )
        if inner.resolve() in [*(p.resolve() for p in above), path.resolve()]:
            raise UserError(f"{here}: include: {name!r} includes itself, by way of {path.name}")
        if not inner.is_file():
            near = did_you_mean(inner.name, [p.name for p in inner.parent.glob("*.y*ml")])
            raise UserError(f"{here}: include: there is no file {name!r}{near}")
        whole, seen = _merged(whole, seen, *_read(inner, (*above, path), count))
    inner_spots = {key: at for key, at in spot.inner.items() if key != INCLUDE}
    return _merged(whole, seen, data, Spot(spot.where, inner_spots))


def _read_one(path: Path) -> tuple[dict[str, Any], Spot]:
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: is larger than {MAX_BYTES // 10**6} MB; expected a recipe")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__})") from None
    try:
        node = _composed(text)
        data = yaml.safe_load(text)
    except TooManyError as error:
        raise UserError(f"{path.name}: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(_unreadable(path.name, error)) from None
    except (ValueError, RecursionError) as error:  # a date that is none, an endless nesting
        raise UserError(f"{path.name}: a value cannot be read as YAML: {error}") from None
    if not isinstance(data, dict) or node is None:
        raise UserError(f"{path.name}: expected a mapping of fields at the top")
    _refuse_twice(node, (), path.name, set())
    return data, _spot(node, path.name, node.start_mark.line)


class TooManyError(Exception):
    """Aliases that stand for more values than are read; the text is a sentence's end."""


def read_value(text: str) -> Any:
    """What a text holds as YAML. Raises what `yaml` raises, ValueError, RecursionError and TooManyError."""
    _composed(text)
    return yaml.safe_load(text)


def _composed(text: str) -> yaml.Node | None:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is not None and _values(node, {}) > MAX_VALUES:
        raise TooManyError(f"its aliases stand for more than {MAX_VALUES} values")
    return node


def _unreadable(name: str, error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "unreadable"
    where = f"{name}:{mark.line + 1}" if mark else name
    if "'\\t'" in problem:
        problem = "a tab; YAML indents by spaces"
    began = getattr(error, "context_mark", None)
    after = f", in what begins in line {began.line + 1}" if began and mark and began.line != mark.line else ""
    return f"{where}: not valid YAML: {problem}{after}"


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for when its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = MAX_VALUES + 1  # what contains itself is without end
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = list(node.value)
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_values(part, known) for part in parts)
    return known[id(node)]


def _spot(node: yaml.Node, name: str, line: int) -> Spot:
    inner: dict[str | int, Spot] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner[str(key.value)] = _spot(value, name, key.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        inner = {i: _spot(item, name, item.start_mark.line) for i, item in enumerate(node.value)}
    return Spot(f"{name}:{line + 1}", inner)


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


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, as a file is that includes the other."""
    data: dict[str, Any] = _merged(base, Spot(""), over, Spot(""))[0]
    return data


# --- merging ------------------------------------------------------------------------------------------------------


def _merged(base: Any, at: Spot, over: Any, over_at: Spot) -> tuple[Any, Spot]:
    """`over` on top of `base`; see the module."""
    if isinstance(base, dict) and isinstance(over, dict):
        data, inner = dict(base), dict(at.inner)
        for key, value in over.items():
            spot = over_at.inner.get(str(key), over_at)
            if key in data:
                data[key], inner[str(key)] = _merged(data[key], inner.get(str(key), at), value, spot)
            else:
                data[key], inner[str(key)] = value, spot
        return data, Spot(over_at.where, inner)
    if _named(base) and _named(over):
        return _merged_lists(base, at, over, over_at)
    return over, over_at


def _named(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
    )


def _merged_lists(base: list[Any], at: Spot, over: list[Any], over_at: Spot) -> tuple[list[Any], Spot]:
    _refuse_same_names(base, at)
    _refuse_same_names(over, over_at)
    items: dict[str, tuple[Any, Spot]] = {
        item["name"]: (item, at.inner.get(i, at)) for i, item in enumerate(base)
    }
    for i, item in enumerate(over):
        name, spot = item["name"], over_at.inner.get(i, over_at)
        if item.get(REMOVE) is True:
            if name not in items:
                raise UserError(f"{spot.where}: there is no {name!r} to remove{did_you_mean(name, items)}")
            del items[name]
        elif name in items:
            items[name] = _merged(*items[name], item, spot)
        else:
            items[name] = (item, spot)
    found = list(items.values())
    return [item for item, _ in found], Spot(over_at.where, {i: s for i, (_, s) in enumerate(found)})


def _refuse_same_names(items: list[Any], at: Spot) -> None:
    """Raise UserError where a list names two items alike: merged by name, one of them would be gone."""
    seen: dict[str, str] = {}
    for i, item in enumerate(items):
        where = at.inner.get(i, at).where
        if item["name"] in seen:
            first = seen[item["name"]]
            raise UserError(f"{where}: two items are both named {item['name']!r}; the first is at {first}")
        seen[item["name"]] = where


# --- validation ---------------------------------------------------------------------------------------------------


def validated(model: type[M], data: dict[str, Any], *, name: str, spot: Spot | None = None) -> M:
    """The model, or a UserError made of the first thing that is wrong with the data."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        whole = (*first["loc"], *first.get("ctx", {}).get("loc", ()))
        loc = _real_loc(whole, data, missing=first["type"] in ("missing", "unknown_field"))
        where = _where(spot, loc) if spot is not None else name
        told = loc[:-1] if first["type"] == "unknown_field" else loc
        dotted = ".".join(str(part) for part in told)
        complaint = sentence(first)
        raise UserError(f"{where}: {dotted}: {complaint}" if dotted else f"{where}: {complaint}") from None


@contextmanager
def told_where(spot: Spot) -> Iterator[None]:
    """What turns out later to be wrong with a field is told with its place in the file, too."""
    try:
        yield
    except FieldError as error:
        dotted = ".".join(map(str, error.loc))
        raise UserError(f"{_where(spot, error.loc)}: {dotted}: {error}") from None


def _real_loc(loc: tuple[Any, ...], data: Any, *, missing: bool) -> tuple[Any, ...]:
    """The part of pydantic's location that the data has; union branches and validators add names of their own."""
    out: list[Any] = []
    for part in loc:
        known = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if known:
            out.append(part)
            data = data[part]
    if missing and isinstance(data, dict) and loc and isinstance(loc[-1], str) and loc[-1] not in out:
        out.append(loc[-1])
    return tuple(out)


def _where(spot: Spot, loc: Sequence[Any]) -> str:
    """Where the deepest part of the location that was written stands."""
    for part in loc:
        inner = spot.inner.get(part if isinstance(part, int) else str(part))
        if inner is None:
            break
        spot = inner
    # A complaint about fields together is about the one that the command line changed.
    return next((s.where for s in spot.inner.values() if s.where.startswith("--set")), spot.where)
