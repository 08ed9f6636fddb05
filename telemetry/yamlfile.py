"""A YAML file into a pydantic model, where every mistake is one sentence that names file, line and field.

The node graph is walked once for line numbers and for keys written twice (which YAML parsers silently accept), and turned
into data; then pydantic judges the data, and its first complaint is put into words with the line of the nearest node.

libyaml parses where it is there: a contract of ten thousand signals in a second or two. It would overflow the C stack on
deep nesting, so the depth is looked at first, and its words for what is no YAML are not used: the Python parser judges
whatever it refuses.
"""

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from twinstage.base.errors import UserError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


def load_model(path: Path, model: type[Model], noun: str) -> Model:
    """Read `path` as a `model`. Raises UserError (one sentence) for anything wrong with the file or its content."""
    return parse_model(read_text(path, noun), model, noun=noun, where=str(path))


def read_text(path: Path, noun: str) -> str:
    """The file's text (UTF-8), or a UserError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UserError(f"there is no {noun} {str(path)!r}{did_you_mean(path.name, near)}") from None
    except IsADirectoryError:
        raise UserError(f"the {noun} {str(path)!r} is a folder; a YAML file was expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; a YAML text file was expected") from None
    except OSError as error:
        raise UserError(f"the {noun} {str(path)!r} cannot be read: {error.strerror}") from None


def parse_model(text: str, model: type[Model], *, noun: str, where: str) -> Model:
    """The same for text; `where` names it in messages."""
    with _uncollected():
        return _parse_model(text, model, noun, where)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: among a million new nodes, none of it garbage, it takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _parse_model(text: str, model: type[Model], noun: str, where: str) -> Model:
    try:
        lines, data = _parse(text, where)
    except yaml.YAMLError as error:
        raise UserError(_syntax_sentence(error, where)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: a value cannot be read as YAML: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{where}: a {noun} is a mapping of names to values, and this is {_kind(data)}")
    try:
        return model.model_validate(_plain(data))
    except ValidationError as error:
        raise UserError(_sentence(error.errors(include_url=False), model, lines, where)) from None


def _parse(text: str, where: str) -> "tuple[_Lines, Any]":
    """Line numbers and plain data. Lines come first: merge keys are dissolved while data is made."""
    if FastLoader is not None:
        try:
            if not _is_deep(text, FastLoader):
                return _read(FastLoader(text), where)
        except yaml.YAMLError:
            pass  # the Python parser says why
    return _read(PlainLoader(text), where)


def _read(loader: Any, where: str) -> "tuple[_Lines, Any]":
    try:
        node = loader.get_single_node()
        lines = _Lines(node, where)
        return lines, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _is_deep(text: str, loader: Any) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        kind = type(event)
        if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            depth += 1
            if depth > DEEP:
                return True
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            depth -= 1
    return False


MOST_ALIASED = 200_000
"""Values of a file in which most stand for others by aliases: a kilobyte of them can come to a thousand million."""
DEEP = 64
"""Levels of nesting that are left to libyaml."""


class PlainLoader(yaml.SafeLoader):
    """YAML 1.1 without its surprises: `on`, `off`, `yes`, `no` stay text, so do dates, `1:30` and `007`."""


PlainLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
):
    PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


FastLoader: Any = None
"""The same on libyaml; None where it is missing."""
if yaml.__with_libyaml__:

    class _FastLoader(yaml.CSafeLoader):
        pass

    _FastLoader.yaml_implicit_resolvers = PlainLoader.yaml_implicit_resolvers
    FastLoader = _FastLoader


class FieldError(ValueError):
    """A mistake that a model's validator found below itself: `location` leads from the model to the culprit."""

    def __init__(self, message: str, *location: str | int) -> None:
        super().__init__(message)
        self.location = location


class _Lines:
    """Line number of every node, by path of keys and indices."""

    def __init__(self, root: yaml.Node | None, where: str) -> None:
        self._where = where
        self._line: dict[Location, int] = {(): 1}
        self._visits, self._nodes = 0, set[int]()
        if root is not None:
            self._walk(root, (), frozenset())

    def of(self, location: Location) -> int:
        """Line of the node at `location`, or of its nearest ancestor."""
        return self._line[self.known(location)]

    def known(self, location: Location) -> Location:
        """The part of a pydantic location that is in the file: without the names of union members and validators."""
        out: Location = ()
        for part in location:
            if (*out, part) in self._line:
                out = (*out, part)
        return out

    def _walk(self, node: yaml.Node, location: Location, above: frozenset[int]) -> None:
        if id(node) in above:  # an alias to an ancestor
            raise UserError(f"{self._where}:{node.start_mark.line + 1}: an alias refers to its own parent")
        self._visits += 1
        self._nodes.add(id(node))
        if self._visits > MOST_ALIASED and self._visits > 2 * len(self._nodes):
            raise UserError(f"{self._where}: its aliases stand for more than {MOST_ALIASED:,} values")
        self._line.setdefault(location, node.start_mark.line + 1)
        above = above | {id(node)}
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*location, index), above)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                line = key.start_mark.line + 1
                if name in seen:
                    raise UserError(f"{self._where}:{line}: {dotted((*location, name))} is given twice")
                seen.add(name)
                self._line[(*location, name)] = line
                self._walk(value, (*location, name), above)


def dotted(location: Iterable[str | int]) -> str:
    """`('signals', 3, 'unit')` as `signals[3].unit`."""
    out = ""
    for part in location:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _sentence(errors: list[ErrorDetails], model: type[BaseModel], lines: _Lines, where: str) -> str:
    # A list whose items are wrong is too short for pydantic, which is no news.
    errors = [e for e in errors if e["type"] != "too_short"] or errors
    # By line; on one line a misspelt field comes before the field that it leaves missing.
    order = sorted(errors, key=lambda e: (lines.of(_location(e)), e["type"] == "missing"))
    told = [(lines.of(_location(e)), _complaint(e, model, lines)) for e in order]
    line, text = told[0]
    more = len({text for _, text in told}) - 1
    tail = f" (and {more} more)" if more else ""
    return f"{where}:{line}: {text}{tail}"


def _location(error: ErrorDetails) -> Location:
    cause = error.get("ctx", {}).get("error")
    below = cause.location if isinstance(cause, FieldError) else ()
    return (*error["loc"], *below)


def _complaint(error: ErrorDetails, model: type[BaseModel], lines: _Lines) -> str:
    found = lines.known(_location(error))
    kind = error["type"]
    if kind == "missing":
        return f"{dotted(found) or 'the file'} lacks the field {str(error['loc'][-1])!r}"
    name = dotted(found) or "the file"
    if kind == "extra_forbidden":
        owner = _model_at(model, found[:-1])
        known = field_names(owner) if owner else []
        return f"{name} is not a known field{did_you_mean(str(error['loc'][-1]), known)}"
    if kind == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        return f"{dotted(found)}: {message}" if found else message
    if kind in {"tuple_type", "list_type"}:
        return f"{name} is {_shorten(error['input'])}; expected a list"
    if kind == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", "another value")).replace("'", "")
        return f"{name} is {error['input']!r}; expected {expected}"
    message = error["msg"].removeprefix("Input should be ")
    return f"{name} is {_shorten(error['input'])}; expected {message}"


def field_names(model: type[BaseModel]) -> list[str]:
    """Names that a user may write in that model."""
    names: list[str] = []
    for name, info in model.model_fields.items():
        names.append(info.alias or name)
    return names


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model that owns `location`, following fields, lists, dicts and unions of one model."""
    found: Any = model
    for part in location:
        candidates = _models_in(found)
        if isinstance(part, int) or not candidates:
            continue
        owner = next((m for m in candidates if part in m.model_fields), None)
        # A key that is no field is the key of a dict: stay at the dict's value type.
        found = owner.model_fields[part].annotation if owner else found
    models = _models_in(found)
    return models[0] if models else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    out: list[type[BaseModel]] = []
    for argument in get_args(annotation):
        out += _models_in(argument)
    return out


def _plain(data: Any) -> Any:
    """Keys as text: a mapping may have numbers for names, and true and false."""
    if isinstance(data, dict):
        return {
            str(key).lower() if isinstance(key, bool) else str(key): _plain(value)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_plain(item) for item in data]
    return data


def _syntax_sentence(error: yaml.YAMLError, where: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    place = f"{where}:{mark.line + 1}" if mark is not None else where
    return f"{place}: this is not YAML: {problem}"


def _kind(data: object) -> str:
    return {type(None): "empty", list: "a list", str: "a text"}.get(type(data), f"a {type(data).__name__}")


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
