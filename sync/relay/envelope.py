"""What travels between a twin and its relays. Pure.

A *feed* message is a head of 24 bytes, then a body. Its number `n` counts the messages of one epoch, so that whatever is
lost on the way is noticed with the next one; a beat has the number of the last message before it. A *question* and an
*answer* are the length of a JSON head (u32, little-endian), the head, and bytes.
"""

import struct
from dataclasses import dataclass
from typing import Any

import msgspec

BEAT, TICK, TOLD = 0, 1, 2
"""Kinds: a sign of life (JSON); messages of one tick, as twin.v1 frames; something told to all viewers (JSON)."""
LAST = 1
"""Flag: the last message of its tick."""
VERSION = 1
MOST_FEED = (1 << 18) + 1024
"""Longest feed message [B]."""
CHUNK = 1 << 19
"""Bytes of a long answer that one message carries; NATS takes 1 MiB."""
_HEAD = struct.Struct("<BBHIQq")
_LENGTH = struct.Struct("<I")


class EnvelopeError(ValueError):
    """Bytes that nobody of this version sends."""


@dataclass(frozen=True, slots=True)
class Feed:
    """`received_ns`: oldest arrival of what a tick tells, by the twin's clock, 0 = not known [ns since 1970, UTC]."""

    kind: int
    epoch_crc: int
    n: int
    body: bytes
    last: bool = True
    received_ns: int = 0

    def pack(self) -> bytes:
        """As it travels."""
        flags = LAST if self.last else 0
        return _HEAD.pack(self.kind, VERSION, flags, self.epoch_crc, self.n, self.received_ns) + self.body


def read_feed(data: bytes) -> Feed:
    """Raises EnvelopeError."""
    if not _HEAD.size <= len(data) <= MOST_FEED + _HEAD.size:
        raise EnvelopeError(f"a feed message of {len(data)} bytes")
    kind, version, flags, crc, n, received = _HEAD.unpack_from(data)
    if version != VERSION:
        raise EnvelopeError(f"a feed message of version {version}, this relay reads {VERSION}")
    return Feed(kind, crc, n, data[_HEAD.size :], bool(flags & LAST), received)


def pack(head: Any, body: bytes = b"") -> bytes:
    """A question or an answer."""
    text = msgspec.json.encode(head)
    return b"".join((_LENGTH.pack(len(text)), text, body))


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Head and body. Raises EnvelopeError."""
    if len(data) < _LENGTH.size:
        raise EnvelopeError(f"an answer of {len(data)} bytes")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    if end > len(data):
        raise EnvelopeError("an answer that is cut off")
    return json_object(data[_LENGTH.size : end]), data[end:]


def json_object(data: bytes) -> dict[str, Any]:
    """Raises EnvelopeError."""
    try:
        head = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EnvelopeError(f"not JSON: {error}") from None
    if not isinstance(head, dict):
        raise EnvelopeError("not a JSON object")
    return head
