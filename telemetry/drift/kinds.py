"""What a raw value is: a number, true or false, text, or nothing."""

import re
from typing import Literal

Kind = Literal["number", "bool", "text", "list", "none"]

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BOOL = frozenset({"true", "false"})


def kind_of(raw: object, decimal: str, missing: tuple[object, ...]) -> tuple[Kind, float]:
    """Its kind, and its value where it is a number (else NaN). Text of a table is looked into, JSON text is text."""
    if raw is None or raw in missing:
        return "none", _NAN
    if isinstance(raw, bool):
        return "bool", _NAN
    if isinstance(raw, int | float):
        return "number", float(raw) if abs(raw) < _LARGEST else _NAN
    return ("list", _NAN) if isinstance(raw, list) else ("text", _NAN)


def kind_of_cell(cell: str, decimal: str, missing: tuple[object, ...]) -> tuple[Kind, float]:
    """The same for a cell of a table."""
    if cell in missing:
        return "none", _NAN
    text = cell.replace(",", ".") if decimal == "," else cell
    if _NUMBER.fullmatch(text) and not (decimal == "," and "." in cell):
        return "number", float(text)
    return ("bool", _NAN) if cell.lower() in _BOOL else ("text", _NAN)


_NAN = float("nan")
_LARGEST = 1e300
