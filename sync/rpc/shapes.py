"""Messages of the gRPC service as plain data, made from the models of the operations.

How types map: text, choices and times are `string`; whole numbers `int64`; numbers `double`; lists are repeated, lists of lists
row by row; what may be null is `optional`; a null in a list of numbers is NaN, of whole numbers -1; objects of unknown
fields are `string` with JSON; a value of one of several types is a `Scalar`. Fields are numbered in the order of the model.
"""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from twinstage.sync.api.operation import Operation
from twinstage.sync.api.table import OPERATIONS

Kind = Literal["bool", "int64", "double", "string", "json", "scalar", "map", "message"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field holds. `message`: its name; `repeated`, `optional`: as in a .proto file."""

    kind: Kind
    repeated: bool = False
    optional: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """A field. `name`: in the .proto file; `alias`: in JSON; `attribute`: of the model."""

    name: str
    number: int
    shape: Shape
    alias: str
    attribute: str
    about: str


@dataclass(frozen=True, slots=True)
class MessageShape:
    """A message."""

    name: str
    about: str
    fields: tuple[FieldShape, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A unary call."""

    name: str
    operation: Operation
    request: MessageShape
    answer: MessageShape


@cache
def methods() -> tuple[Method, ...]:
    """All unary calls."""
    return tuple(_method(op) for op in OPERATIONS if op.answer is not None and op.rpc)


@cache
def messages() -> dict[str, MessageShape]:
    """All messages by name."""
    found: dict[str, MessageShape] = {}
    for method in methods():
        found[method.request.name] = method.request
        assert method.operation.answer is not None
        for shape in _reached(method.operation.answer):
            found[shape.name] = shape
    return found


def _method(operation: Operation) -> Method:
    assert operation.answer is not None
    name = operation.id[0].upper() + operation.id[1:]
    return Method(name, operation, _request(name, operation), message_of(operation.answer))


def _request(name: str, operation: Operation) -> MessageShape:
    """What is asked and the body in one message; what is not set has the model's default."""
    models = [operation.asks, *([operation.body] if operation.body is not None else [])]
    described = [(key, field) for model in models for key, field in model.model_fields.items()]
    fields = tuple(_field(number, key, field, asked=True) for number, (key, field) in enumerate(described, 1))
    return MessageShape(f"{name}Request", operation.summary, fields)


@cache
def message_of(model: type[BaseModel]) -> MessageShape:
    """The message of a model."""
    about = " ".join((model.__doc__ or "").split())
    fields = (_field(number, *item) for number, item in enumerate(model.model_fields.items(), 1))
    return MessageShape(model.__name__, about, tuple(fields))


def _reached(model: type[BaseModel]) -> Iterator[MessageShape]:
    """The message of a model and of those within."""
    yield message_of(model)
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            yield from _reached(inner)


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        if not isinstance(part, str):
            yield from _models(part)


def _field(number: int, key: str, field: Any, asked: bool = False) -> FieldShape:
    alias = field.alias or key
    shape = shape_of(field.annotation)
    if asked and not shape.repeated and shape.kind != "map":
        shape = Shape(shape.kind, False, True, shape.message)
    return FieldShape(to_snake(alias), number, shape, alias, key, field.description or "")


def shape_of(kind: Any) -> Shape:
    """What a field of that type holds."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        if len(parts) > 1:
            return Shape("scalar", message="Scalar")
        inner = shape_of(parts[0])
        return (
            inner if inner.repeated or inner.kind == "map" else Shape(inner.kind, False, True, inner.message)
        )
    if origin is tuple:
        inner = shape_of(get_args(kind)[0])
        return Shape(inner.kind, repeated=True, message=inner.message)
    if origin is dict:
        return Shape("map" if get_args(kind)[1] is str else "json")
    if origin is Literal:
        return Shape("string")
    if hasattr(kind, "__metadata__"):  # Annotated
        return shape_of(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return Shape("message", message=kind.__name__)
    plain: dict[Any, Kind] = {bool: "bool", int: "int64", float: "double", str: "string"}
    return Shape(plain[kind])
