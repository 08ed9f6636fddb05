"""As much of protobuf's wire format as the messages of `foxglove` need: fields as bytes, and a description of the messages.

Pure. https://protobuf.dev/programming-guides/encoding
"""

import struct
from collections.abc import Iterable, Mapping, Sequence

DOUBLE, STRING, MESSAGE, BYTES, ENUM, BOOL, INT32, INT64 = 1, 9, 11, 12, 14, 8, 5, 3
"""Types of fields, by their numbers in descriptor.proto."""
Field = tuple[str, int, int, str, bool]
"""Name, number, type, type name ("" for scalars), whether it is repeated."""


def varint(value: int, width: int = 0) -> bytes:
    """A number >= 0; filled up to `width` bytes, which every reader takes."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        more = value or len(out) + 1 < width
        out.append(low | (0x80 if more else 0))
        if not more:
            return bytes(out)


def sized(number: int, data: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def text(number: int, value: str) -> bytes:
    return sized(number, value.encode())


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def doubles(values: Iterable[float]) -> bytes:
    """A message whose fields 1, 2, ... are numbers: a vector, a quaternion, a colour."""
    return b"".join(double(i + 1, float(value)) for i, value in enumerate(values))


def timestamp(ns: int) -> bytes:
    """google.protobuf.Timestamp, always of 12 bytes."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    return b"\x08" + varint(seconds, 5) + b"\x10" + varint(nanos, 5)


TIMESTAMP_BYTES = 12


def descriptor_set(package: str, messages: Mapping[str, Sequence[Field]]) -> bytes:
    """A FileDescriptorSet of these messages and of Timestamp and Duration; nested enums are not described."""
    time_fields: Sequence[Field] = (("seconds", 1, INT64, "", False), ("nanos", 2, INT32, "", False))
    times = [
        _file(f"google/protobuf/{name.lower()}.proto", "google.protobuf", {name: time_fields}, ())
        for name in ("Timestamp", "Duration")
    ]
    uses = ("google/protobuf/timestamp.proto", "google/protobuf/duration.proto")
    own = _file(f"{package}/twinstage.proto", package, messages, uses)
    return b"".join(sized(1, file) for file in (*times, own))


def _file(name: str, package: str, messages: Mapping[str, Sequence[Field]], uses: Sequence[str]) -> bytes:
    parts = [text(1, name), text(2, package), *(text(3, used) for used in uses)]
    for message, fields in messages.items():
        parts.append(sized(4, text(1, message) + b"".join(sized(2, _field(field)) for field in fields)))
    parts.append(text(12, "proto3"))
    return b"".join(parts)


def _field(field: Field) -> bytes:
    name, number, kind, type_name, repeated = field
    parts = [text(1, name), whole(3, number), whole(4, 3 if repeated else 1), whole(5, kind)]
    if type_name:
        parts.append(text(6, type_name))
    return b"".join(parts)
