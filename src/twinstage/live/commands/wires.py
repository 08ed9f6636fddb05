"""Edits of bindings: which bindings a twin has once its file's are changed, taken away and added to. Plain data.

A binding of the file has its number there as its key ("0", "1", ...), an added one the key that it was given. The property of
an edit is `binding:KEY`, its value the binding's fields, or `REMOVED`.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.bindings import Binding, Bindings

PREFIX = "binding:"
REMOVED = "removed"
LONGEST = 16_384
"""Longest binding as JSON [characters]."""


def is_binding(name: str) -> bool:
    """Whether a property is a binding."""
    return name.startswith(PREFIX)


def changed_bindings(file: Bindings, values: Mapping[tuple[str, str], Any]) -> Bindings:
    """The bindings with those edits, in the file's order, added ones after it by key."""
    out: list[Binding] = []
    places: list[str] = []
    for number, binding in enumerate(file.bindings):
        value = values.get(("", f"{PREFIX}{number}"))
        if value != REMOVED:
            out.append(binding if value is None else parsed(value))
            places.append(file.where(number) if value is None else f"binding {number}")
    for key in sorted(added_keys(file, values)):
        out.append(parsed(values["", f"{PREFIX}{key}"]))
        places.append(f"binding {key}")
    bindings = Bindings(contract=file.contract, bindings=tuple(out))
    bindings._places = tuple(places)
    return bindings


def keys_of(file: Bindings, values: Mapping[tuple[str, str], Any]) -> list[str]:
    """Keys of the bindings that there are, in the same order."""
    kept = [
        str(number)
        for number in range(len(file.bindings))
        if values.get(("", f"{PREFIX}{number}")) != REMOVED
    ]
    return [*kept, *sorted(added_keys(file, values))]


def added_keys(file: Bindings, values: Mapping[tuple[str, str], Any]) -> list[str]:
    """Keys of bindings that the file does not have."""
    keys = [name.removeprefix(PREFIX) for path, name in values if not path and is_binding(name)]
    return [
        key for key in keys if not _in_file(file, key) and values["", PREFIX + key] not in (None, REMOVED)
    ]


def _in_file(file: Bindings, key: str) -> bool:
    return key.isdecimal() and key.isascii() and int(key) < len(file.bindings)


def checked_binding(data: dict[str, Any]) -> dict[str, Any]:
    """The fields of a binding as they are kept; UserError with what is wrong."""
    if len(json.dumps(data)) > LONGEST:
        raise UserError(f"a binding of more than {LONGEST} characters")
    if data.get("kind") == "entity":
        raise UserError(
            "an entity binding makes its copies when the twin starts; put it into the bindings file"
        )
    binding = parsed(data)
    return {"kind": binding.kind, **binding.model_dump(mode="json", exclude_unset=True)}


def parsed(data: Any) -> Binding:
    """A binding of its fields."""
    try:
        # By JSON: what YAML has as a list is a tuple here.
        return Bindings.model_validate_json(json.dumps({"bindings": [data]})).bindings[0]
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][2:])
        text = first["msg"].removeprefix("Value error, ")
        raise UserError(f"the binding: {place + ': ' if place else ''}{text}") from None


def new_key(file: Bindings, values: Mapping[tuple[str, str], Any], data: Mapping[str, Any]) -> str:
    """A key for a binding that is added without one: says what it drives."""
    target = str(data.get("prim") or data.get("pattern") or data.get("frame") or "")
    plain = f"{data['kind']} {target}"[:150]
    taken = set(keys_of(file, values))
    number = 1
    while (key := plain if number == 1 else f"{plain} {number}") in taken:
        number += 1
    return key


def known_key(file: Bindings, values: Mapping[tuple[str, str], Any], key: str) -> str:
    """The key of a binding that there is."""
    keys = keys_of(file, values)
    if key not in keys:
        raise UserError(f"there is no binding {key!r}{did_you_mean(key, keys)}")
    return key
