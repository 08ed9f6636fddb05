"""The service as the text of a .proto file, and the classes of its messages, made at run time: nothing is generated before."""

import textwrap
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.sync.rpc.shapes import FieldShape, MessageShape, Shape, messages, methods

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

PACKAGE = "twinstage.v1"
SERVICE = f"{PACKAGE}.Twin"

_OWN = """// A value of one of several types; none is set where there is no value.
message Scalar {
  oneof kind {
    bool flag = 1;
    int64 whole = 2;
    double number = 3;
    string text = 4;
    Numbers numbers = 5;
  }
}

message Numbers {
  repeated double numbers = 1;
}

// What to follow.
message FollowRequest {
  // The `hello` of twin.v1 as JSON; without it, everything.
  optional string hello = 1;
}

// One message of twin.v1 (docs/protocol.md), as the websocket would carry it.
message FollowMessage {
  oneof message {
    string text = 1;
    bytes binary = 2;
  }
}
"""


@cache
def proto_text() -> str:
    """The .proto file."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "// Made by `twinstage openapi --proto` from the models of the HTTP API; change those, not this file."
    yield f'syntax = "proto3";\n\npackage {PACKAGE};\n'
    yield "// What a running twin answers; the same as its HTTP API (docs/api.md). Commands that change the twin, and"
    yield "// edits that stand, are over HTTP and the websocket alone (docs/commands.md). ActOnAlarms is here."
    yield "service Twin {"
    for method in methods():
        yield f"  // {method.operation.summary}."
        yield f"  rpc {method.name}({method.request.name}) returns ({method.answer.name});"
    yield "  // The stream of the twin. The server acknowledges each message when gRPC has taken it."
    yield "  rpc Follow(FollowRequest) returns (stream FollowMessage);"
    yield "}\n"
    for shape in messages().values():
        yield from _comment(shape.about, "")
        yield f"message {shape.name} {{"
        for field in shape.fields:
            yield from _comment(field.about, "  ")
            yield f"  {_label(field.shape)}{_type(field.shape)} {field.name} = {field.number};"
        yield "}\n"
    yield _OWN


def _comment(text: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 100, initial_indent=f"{indent}// ", subsequent_indent=f"{indent}// ")


def _label(shape: Shape) -> str:
    if shape.repeated:
        return "repeated "
    return "optional " if shape.optional and shape.kind != "map" and not shape.message else ""


def _type(shape: Shape) -> str:
    named = {"json": "string", "map": "map<string, string>"}
    return shape.message or named.get(shape.kind, shape.kind)


@cache
def classes() -> dict[str, Any]:
    """The class of each message, by name. UserError where protobuf is not installed."""
    try:
        from google.protobuf import descriptor_pool, message_factory
    except ImportError:
        raise UserError("gRPC needs packages that are not here: pip install 'twinstage[grpc]'") from None
    pool = descriptor_pool.DescriptorPool()
    file = _file()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}"))
        for message in file.message_type
    }


def _file() -> "FileDescriptorProto":
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="twinstage/v1/twin.proto", package=PACKAGE, syntax="proto3")
    for shape in messages().values():
        _message(file.message_type.add(), shape)
    _choice(
        file.message_type.add(name="Scalar"),
        "kind",
        {"flag": "bool", "whole": "int64", "number": "double", "text": "string", "numbers": "Numbers"},
    )
    numbers = file.message_type.add(name="Numbers").field.add(name="numbers", number=1)
    numbers.type, numbers.label = numbers.TYPE_DOUBLE, numbers.LABEL_REPEATED
    follow = MessageShape(
        "FollowRequest", "", (FieldShape("hello", 1, Shape("string", optional=True), "hello", "hello", ""),)
    )
    _message(file.message_type.add(), follow)
    _choice(file.message_type.add(name="FollowMessage"), "message", {"text": "string", "binary": "bytes"})
    return file


def _message(out: "DescriptorProto", shape: MessageShape) -> None:
    out.name = shape.name
    for field in shape.fields:
        made = out.field.add(name=field.name, number=field.number, json_name=field.alias)
        made.label = made.LABEL_REPEATED if field.shape.repeated else made.LABEL_OPTIONAL
        _set_type(made, _type(field.shape))
        if field.shape.kind == "map":
            _map(out, made, field.name)
        elif field.shape.optional and not field.shape.message and not field.shape.repeated:
            made.proto3_optional = True
            made.oneof_index = len(out.oneof_decl)
            out.oneof_decl.add(name=f"_{field.name}")


def _choice(out: "DescriptorProto", name: str, kinds: dict[str, str]) -> None:
    out.oneof_decl.add(name=name)
    for number, (field, kind) in enumerate(kinds.items(), 1):
        made = out.field.add(name=field, number=number, oneof_index=0)
        made.label = made.LABEL_OPTIONAL
        _set_type(made, kind)


def _map(out: "DescriptorProto", field: Any, name: str) -> None:
    entry = out.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for number, key in enumerate(("key", "value"), 1):
        part = entry.field.add(name=key, number=number)
        part.type, part.label = part.TYPE_STRING, part.LABEL_OPTIONAL
    field.label, field.type = field.LABEL_REPEATED, field.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{out.name}.{entry.name}"


def _set_type(field: Any, kind: str) -> None:
    plain = {"bool", "int64", "double", "string", "bytes"}
    if kind in plain:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    elif not kind.startswith("map<"):
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
