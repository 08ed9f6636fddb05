"""`--set a.b=c`: changes of a recipe from the command line.

Items of lists go by index, `name` or (where only one has it) `kind`; the list itself may be left out, so that
`camera.distance.max=4` reaches the randomizer that is named, or is of the kind, `camera`. Shorthands are written out as far as
needed: `[2, 6]` has a `min` and a `max`.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.distributions.shorthand import full_form
from twinstage.synth.yaml_file import Spot, TooManyError, read_value

LISTS = ("randomize", "cameras", "sensors", "lights", "export")
"""Fields whose items may be named without them."""

_NUMBERS = {"min": "low", "max": "high"}
_OF_NUMBERS = (
    "low",
    "high",
    "mean",
    "std",
    "value",
    "values",
    "weights",
    "base",
    "dimension",
    "slope",
    "offset",
)


def apply_overrides(
    data: dict[str, Any], overrides: Sequence[str], fields: Sequence[str] = ()
) -> dict[str, Any]:
    """The data with `a.b=c` assignments made; `c` is read as YAML. `fields`: what the top level may hold.

    Raises UserError for an assignment without `=` or a path that leads nowhere.
    """
    return overridden(data, Spot(""), overrides, fields)[0]


def overridden(
    data: dict[str, Any], spot: Spot, overrides: Sequence[str], fields: Sequence[str] = ()
) -> tuple[dict[str, Any], Spot]:
    """The same, with where each value comes from: an override is told as `--set 'a.b=c'`."""
    for text in overrides:
        key, equals, value = text.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path):
            raise UserError(f"--set {text!r}: expected a.b=value")
        parsed = _parsed(text, value, path[-1])
        path = _from_top(data, path, fields, text)
        data, spot = _assigned(data, spot, path, parsed, text)
    return data, spot


def _parsed(text: str, value: str, key: str) -> Any:
    try:
        parsed = read_value(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UserError(f"--set {text!r}: {value!r} is not a YAML value") from None
    except TooManyError as error:
        raise UserError(f"--set {text[:80]!r}: {error}") from None
    # A kind is a word, also where YAML reads it as something else: `engine.kind=null`.
    return value.strip() if key == "kind" and not isinstance(parsed, str) else parsed


def _from_top(data: dict[str, Any], path: list[str], fields: Sequence[str], text: str) -> list[str]:
    """The path with the list in front whose item it begins with."""
    head = path[0]
    if head in data or head in fields or not fields or len(path) == 1:
        return path
    known: list[str] = []
    for name in LISTS:
        items = data.get(name)
        if isinstance(items, list):
            words = [word for item in items for word in _words(item)]
            if head in words:
                return [name, *path]
            known += words
    raise UserError(
        f"--set {text!r}: there is no field or item {head!r}{did_you_mean(head, [*fields, *known])}"
    )


def _words(item: Any) -> list[str]:
    """What an item goes by."""
    if isinstance(item, dict):
        return [str(item[key]) for key in ("name", "kind") if key in item]
    return [str(item).rsplit("/", 1)[-1]]


def _assigned(data: Any, spot: Spot, path: list[str], value: Any, text: str) -> tuple[Any, Spot]:
    here = Spot(f"--set {text!r}")
    if not path:
        return value, here
    head, rest = path[0], path[1:]
    if data is None:
        data = {}
    data, head = _written_out(data, head)
    key: str | int
    if isinstance(data, dict):
        key, inner = head, data.get(head, {} if rest else None)
        if head == "engine" and rest and isinstance(inner, str):  # `engine: direct` is short for its kind
            inner = {"kind": inner}
        out: Any = dict(data)
    elif isinstance(data, list):
        key = _item(data, head, text)
        inner, out = data[key], list(data)
    else:
        raise UserError(f"--set {text!r}: {head!r} would lie inside a plain value")
    out[key], below = _assigned(inner, spot.inner.get(key, here), rest, value, text)
    return out, Spot(spot.where, {**spot.inner, key: below})


def _written_out(data: Any, head: str) -> tuple[Any, str]:
    """A shorthand in full, where the next step of the path needs it."""
    key = _NUMBERS.get(head, head)
    if isinstance(data, str) and not head.isdigit():
        return {"name": data.rsplit("/", 1)[-1], "prim": data} if head in _OF_CAMERAS else data, head
    numbers = _is_number(data) or (isinstance(data, list) and len(data) == 2 and all(map(_is_number, data)))
    if key not in _OF_NUMBERS or not (numbers or isinstance(data, dict)):
        return data, head
    full = full_form(data)
    if not isinstance(full, dict) or "kind" not in full or (full is data and head not in _NUMBERS):
        return data, head
    if isinstance(data, dict) and "kind" in data and head in data:
        return data, head
    if full["kind"] == "constant" and key in ("low", "high"):
        full = {"kind": "uniform", "low": full["value"], "high": full["value"]}
    return full, key


_OF_CAMERAS = ("name", "prim", "look_at", "resolution", "square_pixels")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _item(items: list[Any], name: str, text: str) -> int:
    if name.isdigit() and int(name) < len(items):
        return int(name)
    for key in ("name", "kind"):
        hits = [i for i, item in enumerate(items) if isinstance(item, dict) and str(item.get(key)) == name]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise UserError(
                f"--set {text!r}: several items have the {key} {name!r}; name one by its name or index"
            )
    names = [_words(item)[0] if _words(item) else "" for item in items]
    if name not in names:
        raise UserError(f"--set {text!r}: there is no item {name!r}{did_you_mean(name, names)}")
    return names.index(name)
