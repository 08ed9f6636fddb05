"""Models <-> messages, by their shapes."""

import json
import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from twinstage.sync.rpc.shapes import FieldShape, MessageShape, messages


def fill(message: Any, model: BaseModel, shape: MessageShape) -> Any:
    """Put a model into an empty message; returns it."""
    for field in shape.fields:
        value = getattr(model, field.attribute)
        if value is not None:
            _put(message, field, value)
    return message


def _put(message: Any, field: FieldShape, value: Any) -> None:
    kind, name = field.shape.kind, field.name
    if kind == "map":
        getattr(message, name).update(value)
    elif kind == "json":
        setattr(message, name, json.dumps(value, ensure_ascii=False))
    elif kind == "message":
        inner = messages()[field.shape.message]
        if field.shape.repeated:
            for one in value:
                fill(getattr(message, name).add(), one, inner)
        else:
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value, inner)
    elif kind == "scalar":
        _scalar(getattr(message, name), value)
    elif field.shape.repeated:
        getattr(message, name).extend(_flat(value, math.nan if kind == "double" else -1))
    else:
        setattr(message, name, value)


def _scalar(message: Any, value: Any) -> None:
    if isinstance(value, tuple | list):
        message.numbers.SetInParent()
        message.numbers.numbers.extend(value)
    else:
        kinds = {bool: "flag", int: "whole", float: "number", str: "text"}
        setattr(message, kinds[type(value)], value)


def _flat(values: Any, null: float) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value, null)
        else:
            yield null if value is None else value


def taken(message: Any, shape: MessageShape) -> dict[str, Any]:
    """What a request says, by the names that JSON has; what is not set is left out."""
    out: dict[str, Any] = {}
    for field in shape.fields:
        if field.shape.repeated:
            values = list(getattr(message, field.name))
            out |= {field.alias: values} if values else {}
        elif message.HasField(field.name):
            out[field.alias] = getattr(message, field.name)
    return out
