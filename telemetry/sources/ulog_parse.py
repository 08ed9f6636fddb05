"""The messages of a ULog file (PX4's documented format), from bytes. Reads forward only, so a damaged file ends it early.

header   magic, version, start time (16 bytes)
message  u16 size, u8 kind, then `size` bytes; little-endian throughout
         F: a format, `name:type field;type[n] field;`   A: a subscription: u8 instance, u16 id, name of the format
         D: u16 id, then the fields                       B: flags, with the offsets of sections that were appended
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"ULog\x01\x12\x35"
_TYPES = {
    "int8_t": "b", "uint8_t": "B", "int16_t": "h", "uint16_t": "H", "int32_t": "i", "uint32_t": "I", "int64_t": "q",
    "uint64_t": "Q", "float": "f", "double": "d", "bool": "?", "char": "B",
}  # fmt: skip
MOST_FIELDS, MOST_DEPTH = 10_000, 8

Number = int | float | bool


class UlogError(ValueError):
    """Bytes that are no flight log, or a part of one that cannot be."""


@dataclass(frozen=True, slots=True)
class _Layout:
    names: tuple[str, ...]
    keep: tuple[bool, ...]  # not padding
    pattern: struct.Struct


def messages(data: bytes) -> Iterator[tuple[str, int, dict[str, Number]]]:
    """(format, instance, values by field) of each message, in the order of the file. Raises UlogError."""
    if not data.startswith(MAGIC):
        raise UlogError("it does not begin as one")
    formats: dict[str, list[tuple[str, int, str]]] = {}
    subscribed: dict[int, tuple[str, int, _Layout]] = {}
    appended: list[int] = []
    at = 16
    while at + 3 <= len(data):
        size, kind = struct.unpack_from("<HB", data, at)
        body, end = data[at + 3 : at + 3 + size], at + 3 + size
        stop = appended[0] if appended else len(data)
        if end > stop:  # cut off: the rest of this section is lost
            if not appended:
                return
            at = appended.pop(0)
            continue
        at = end
        if kind == 0x42 and len(body) >= 40:
            appended = sorted({n for n in struct.unpack_from("<3Q", body, 16) if at < n < len(data)})
        elif kind == 0x46:
            name, fields = _format(body)
            formats[name] = fields
        elif kind == 0x41 and len(body) > 3:
            instance, number = struct.unpack_from("<BH", body)
            name = body[3:].decode("ascii", "replace")
            subscribed[number] = (name, instance, _layout(name, formats))
        elif kind == 0x44 and len(body) >= 2:
            found = subscribed.get(int.from_bytes(body[:2], "little"))
            if found is not None:
                name, instance, layout = found
                yield name, instance, _values(layout, body[2:])
        if appended and at == appended[0]:
            appended.pop(0)


def _format(body: bytes) -> tuple[str, list[tuple[str, int, str]]]:
    """Name, and (type, count or 0 for a single one, field) of each field."""
    name, colon, rest = body.decode("ascii", "replace").partition(":")
    if not colon:
        raise UlogError(f"the format {name[:40]!r} names no fields")
    fields = []
    for part in filter(None, rest.split(";")):
        kind, blank, field = part.partition(" ")
        base, bracket, count = kind.partition("[")
        number = count.removesuffix("]")
        if not blank or (bracket and not (number.isdigit() and len(number) < 6)):
            raise UlogError(f"the format {name[:40]!r} has a field {part[:40]!r}")
        fields.append((base, int(number) if bracket else 0, field))
    return name, fields


def _layout(name: str, formats: dict[str, list[tuple[str, int, str]]]) -> _Layout:
    flat: list[tuple[str, str]] = []
    _flatten(name, formats, "", flat, [MOST_FIELDS])
    while flat and _is_padding(flat[-1][0]):
        flat.pop()  # padding at the end is not written
    keep = tuple(not _is_padding(field) for field, _ in flat)
    return _Layout(
        tuple(field for field, _ in flat), keep, struct.Struct("<" + "".join(code for _, code in flat))
    )


def _is_padding(field: str) -> bool:
    return field.rpartition(".")[2].startswith("_padding")


def _flatten(
    name: str,
    formats: dict[str, list[tuple[str, int, str]]],
    before: str,
    out: list[tuple[str, str]],
    left: list[int],
) -> None:
    """Put (field, struct code) of each number, arrays and formats within formats taken apart. `left`: steps that remain."""
    if name not in formats or before.count(".") > MOST_DEPTH:
        raise UlogError(f"the format {name[:40]!r} is not there")
    for kind, count, field in formats[name]:
        for k in range(count or 1):
            left[0] -= 1
            if left[0] < 0:
                raise UlogError(f"a format has more than {MOST_FIELDS} fields")
            full = f"{before}{field}[{k}]" if count else f"{before}{field}"
            if kind in _TYPES:
                out.append((full, _TYPES[kind]))
            else:
                _flatten(kind, formats, f"{full}.", out, left)


def _values(layout: _Layout, body: bytes) -> dict[str, Number]:
    if len(body) < layout.pattern.size:
        raise UlogError(f"a message is {len(body)} bytes long; expected {layout.pattern.size}")
    values = layout.pattern.unpack_from(body)
    return {name: value for name, value, keep in zip(layout.names, values, layout.keep, strict=True) if keep}
