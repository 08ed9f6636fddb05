"""What people write for a distribution -> its full form, a mapping with a `kind`."""

from typing import Any

from pydantic import BaseModel

from twinstage.base.errors import did_you_mean
from twinstage.synth.complaints import shown
from twinstage.synth.model import wrong

_WORDS = {
    **dict.fromkeys(("uniform", "loguniform", "integers", "halton", "sobol"), "[low, high]"),
    **dict.fromkeys(("choice", "sequence"), "a list of numbers"),
    "normal": "[mean, std]",
    "truncated": "[mean, std, low, high]",
    "constant": "a number",
}
_PAIRS = ("uniform", "loguniform", "integers", "halton", "sobol")
_LISTS = ("choice", "sequence")
_ALIASES = {"min": "low", "max": "high"}
_KINDS = {"truncated": "normal"}

_NUMBER = {"type": "number"}
_PAIR = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
_ROW = {"type": "array", "items": _NUMBER, "minItems": 1}


def _one(field: str, value: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field: value, **more},
        "required": [field],
        "additionalProperties": False,
    }


WRITTEN: tuple[dict[str, Any], ...] = (
    _NUMBER,
    _PAIR,
    {**_one("min", _NUMBER, max=_NUMBER), "required": ["min", "max"]},
    {**_one("low", _NUMBER, high=_NUMBER), "required": ["low", "high"]},
    _one("constant", _NUMBER),
    *(_one(kind, _PAIR) for kind in ("uniform", "loguniform", "integers")),
    _one("normal", _PAIR, low=_NUMBER, high=_NUMBER, min=_NUMBER, max=_NUMBER),
    _one("truncated", {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4}),
    _one("choice", {"anyOf": [_ROW, {"type": "object", "additionalProperties": _NUMBER}]}, weights=_ROW),
    _one("sequence", _ROW, every={"type": "integer"}),
    _one("halton", _PAIR, base={"type": "integer"}),
    _one("sobol", _PAIR, dimension={"type": "integer"}),
    {
        "type": "object",
        "properties": {"if": {"type": "string"}, "then": {}, "else": {}},
        "required": ["if", "then", "else"],
        "additionalProperties": False,
    },
)
"""JSON Schemas of the shorthands."""


def full_form(data: Any) -> Any:
    """The full form of a shorthand (see `distributions`); what is none comes back as it is."""
    if isinstance(data, bool):
        return data
    if isinstance(data, int | float):
        return {"kind": "constant", "value": data}
    if isinstance(data, list | tuple):
        return {"kind": "uniform", "low": data[0], "high": data[1]} if len(data) == 2 else data
    return _of_mapping(data) if isinstance(data, dict) else data


def checked_form(data: Any) -> Any:
    """The same for pydantic; raises its error for what is no distribution at all."""
    full = full_form(data)
    if isinstance(full, BaseModel) or (isinstance(full, dict) and "kind" in full):
        return full
    if isinstance(full, dict) and full:
        odd = next((key for key in full if key not in _WORDS), next(iter(full)))
        if odd in _WORDS:
            raise wrong(f"{shown(data.get(odd))} does not fit {odd!r}; expected {_WORDS[odd]}", odd)
        raise wrong(f"there is no distribution {str(odd)!r}{did_you_mean(str(odd), _WORDS, most=20)}", odd)
    raise wrong(
        f"{shown(data)} is no number to draw; expected 3, [low, high], {{normal: [mean, std]}} or the like"
    )


def _of_mapping(data: dict[Any, Any]) -> Any:
    data = {_ALIASES.get(key, key) if isinstance(key, str) else key: value for key, value in data.items()}
    if "kind" in data:
        return {**data, "kind": _KINDS.get(data["kind"], data["kind"])} if _is_text(data["kind"]) else data
    if "if" in data:
        return {"kind": "if", **data}
    if set(data) == {"low", "high"} and all(_is_number(value) for value in data.values()):
        return {"kind": "uniform", **data}
    kinds = [key for key in data if key in (*_PAIRS, *_LISTS, "normal", "truncated", "constant")]
    if len(kinds) != 1:
        return data
    kind = kinds[0]
    more = {key: value for key, value in data.items() if key != kind}
    named = _named(kind, data[kind])
    return data if named is None else {"kind": _KINDS.get(kind, kind), **named, **more}


def _named(kind: str, value: Any) -> dict[str, Any] | None:
    """The fields that a kind's one value stands for."""
    items = list(value) if isinstance(value, list | tuple) else None
    if kind == "constant":
        return {"value": value}
    if kind == "choice" and isinstance(value, dict):
        return {"values": list(value), "weights": list(value.values())}
    if items is not None and kind in _LISTS:
        return {"values": items}
    names = {"normal": ("mean", "std"), "truncated": ("mean", "std", "low", "high")}.get(
        kind, ("low", "high")
    )
    return dict(zip(names, items, strict=True)) if items is not None and len(items) == len(names) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
