"""What people write for a distribution -> its full form, a mapping with a `kind`."""

from typing import Any

_PAIRS = ("uniform", "loguniform", "integers", "halton", "sobol")
_LISTS = ("choice", "sequence")
_ALIASES = {"min": "low", "max": "high"}
_KINDS = {"truncated": "normal"}


def full_form(data: Any) -> Any:
    """The full form of a shorthand (see `distributions`); what is none comes back as it is."""
    if isinstance(data, bool):
        return data
    if isinstance(data, int | float):
        return {"kind": "constant", "value": data}
    if isinstance(data, list | tuple):
        return {"kind": "uniform", "low": data[0], "high": data[1]} if len(data) == 2 else data
    return _of_mapping(data) if isinstance(data, dict) else data


def _of_mapping(data: dict[Any, Any]) -> Any:
    data = {_ALIASES.get(key, key) if isinstance(key, str) else key: value for key, value in data.items()}
    if "kind" in data:
        return {**data, "kind": _KINDS.get(data["kind"], data["kind"])} if _is_text(data["kind"]) else data
    if "if" in data:
        return {"kind": "if", **data}
    if set(data) == {"low", "high"}:
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


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
