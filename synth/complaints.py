"""What pydantic says is wrong -> one sentence that says what was expected, in plain words, with the near miss."""

import re
from collections.abc import Mapping
from typing import Any

from twinstage.base.errors import did_you_mean

_LONGEST, _MOST, _DEEPEST = 40, 14, 3
"""Letters of a quotation; items of a list (14 fill it) and lists within lists that are looked at for one."""


def sentence(error: Mapping[str, Any]) -> str:
    """The complaint of one of pydantic's errors (an item of `ValidationError.errors()`)."""
    kind, context, given = error["type"], error.get("ctx", {}), error.get("input")
    text = str(error["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        loc = error.get("loc", ())
        if loc and isinstance(loc[-1], int) and isinstance(given, list | tuple):
            return f"has {len(given)} items; expected {loc[-1] + 1}"
        return "is missing"
    if kind in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or [str(context.get("expected"))]
        near = (
            did_you_mean(given, known, most=20) if isinstance(given, str) else f"; known: {', '.join(known)}"
        )
        return f"{shown(given)} is not known here{near}"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
        tag = str(context.get("tag"))
        return f"there is no kind {tag!r}{did_you_mean(tag, known, most=20)}"
    if kind in _EXPECTED:
        return f"{shown(given)} is given; expected {_EXPECTED[kind]}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"is {shown(given)}; expected {words} {context[key]:g}"
    if kind in ("too_short", "too_long"):
        return _length(kind, context)
    if kind == "string_too_short":
        return "is empty; expected a text"
    if kind == "string_pattern_mismatch":
        return f"is {shown(given)}; expected {_PATTERNS.get(context['pattern'], 'the form ' + context['pattern'])}"
    return text


_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "a list, such as [a, b]"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type"), "a mapping of fields, such as {a: 1}"
    ),
    "string_type": "a text",
    "date_from_datetime_parsing": "a day, such as 2024-06-21",
}

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}

_PATTERNS = {
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a name of letters, digits and _",
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": "a folder name of letters, digits, _ and -",
    r"^#[0-9a-fA-F]{6}$": "a colour, such as '#c84b31'",
}


def _length(kind: str, context: Mapping[str, Any]) -> str:
    actual = context.get("actual_length")
    if kind == "too_short":
        least = context["min_length"]
        return (
            "is empty; expected at least one"
            if actual == 0 and least == 1
            else f"has {actual} items; expected {least}"
        )
    return f"has {actual} items; expected at most {context['max_length']}"


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    return _cut(_told(value, _DEEPEST))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _told(value: Any, deeper: int) -> str:
    if isinstance(value, str):
        return repr(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        if not deeper:
            return "[...]"
        # No more than what is quoted is looked at: with YAML's aliases a list may stand for more than can be counted.
        return "[" + ", ".join(_cut(_told(item, deeper - 1)) for item in value[:_MOST]) + "]"
    if isinstance(value, int) and value.bit_length() > 3322:
        return "a number of more than 1000 digits"
    return str(value)
