"""What every frame begins with, and how a body becomes a frame: compressed where it helps, with its size and checksum."""

import struct
import threading
import zlib
from dataclasses import dataclass

import zstandard

VERSION = 1
OP_POSE = 1
OP_SIGNALS = 2
OP_STYLE = 3
OP_VISIBILITY = 4
OP_TICK_END = 5
OP_DELTA = 6
OP_TEXT = 7
OP_ENTITY = 8
FLAG_KEYFRAME = 1
FLAG_SCALE = 2
FLAG_ZSTD = 4

MESSAGE_BYTES = 1 << 18
"""No message and no frame is longer [B]; nor is an inflated body."""

_HEADER = struct.Struct("<BBHIQqqqIII")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
MAX_BODY = MESSAGE_BYTES - HEADER_SIZE
"""Longest body, inflated [B]."""
_WORTH_ZSTD = 128
"""Shorter bodies are never compressed [B]."""


class FrameError(ValueError):
    """Bytes that are not a twin.v1 frame."""


@dataclass(frozen=True, slots=True)
class Header:
    """What every frame begins with.

    `base_seq`: low 32 bits of the tick built on, 0 in keyframes. `tick_ns`: the server's time of day when the tick was
    made. `size`: bytes of the body as stored. Times are ns since 1970, UTC.
    """

    op: int
    flags: int
    n: int
    seq: int
    event_ns: int
    watermark_ns: int
    tick_ns: int
    base_seq: int
    epoch_crc: int
    size: int
    crc: int

    @property
    def keyframe(self) -> bool:
        return bool(self.flags & FLAG_KEYFRAME)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The header fields that all frames of one tick share."""

    seq: int
    event_ns: int
    watermark_ns: int
    base_seq: int
    epoch_crc: int
    keyframe: bool = False
    tick_ns: int = 0


def epoch_crc(epoch: str) -> int:
    """CRC-32 (zlib) of the epoch's UTF-8 bytes."""
    return zlib.crc32(epoch.encode())


def seal(stamp: Stamp, op: int, n: int, body: bytes, *, flags: int = 0, zstd: bool = False) -> bytes:
    """One whole frame: header, body (compressed where asked for and where it helps), zeros up to a multiple of 8."""
    flags |= FLAG_KEYFRAME if stamp.keyframe else 0
    if zstd and len(body) >= _WORTH_ZSTD:
        small = _tools().compressor.compress(body)
        if len(small) < 0.95 * len(body):
            body, flags = small, flags | FLAG_ZSTD
    head = _HEADER.pack(
        op,
        VERSION,
        flags,
        n,
        stamp.seq,
        stamp.event_ns,
        stamp.watermark_ns,
        stamp.tick_ns,
        stamp.base_seq & 0xFFFFFFFF,
        stamp.epoch_crc,
        len(body),
    )
    crc = zlib.crc32(body, zlib.crc32(head))
    return b"".join((head, _CRC.pack(crc), body, bytes(-len(body) % 8)))


def read_header(data: bytes | memoryview, offset: int = 0) -> Header:
    """The header at that offset; FrameError where it is cut off or of another version. The checksum is not looked at."""
    if len(data) - offset < HEADER_SIZE:
        raise FrameError(f"a frame header needs {HEADER_SIZE} bytes, {len(data) - offset} are left")
    op, version, *rest = _HEADER.unpack_from(data, offset)
    if version != VERSION:
        raise FrameError(f"frame version {version}, expected {VERSION}")
    return Header(op, *rest, *_CRC.unpack_from(data, offset + _HEADER.size))


def stored_body(data: memoryview, offset: int, header: Header) -> memoryview:
    """The body as it stands in the message, without padding; FrameError where it is cut off or its checksum is wrong."""
    at = offset + HEADER_SIZE
    end = at + header.size
    if end + (-header.size % 8) > len(data):
        raise FrameError(f"a frame with a body of {header.size} bytes is cut off after {len(data) - at}")
    body = data[at:end]
    found = zlib.crc32(body, zlib.crc32(data[offset : offset + _HEADER.size]))
    if found != header.crc:
        raise FrameError(f"a frame of kind {header.op} says checksum {header.crc:08x}, but has {found:08x}")
    return body


def inflate(stored: memoryview, least: int, most: int) -> bytes:
    """The body of one zstd frame whose stated content size lies within [least, most]; it is looked at before inflating."""
    try:
        parameters = zstandard.get_frame_parameters(stored)
        size = parameters.content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN or not least <= size <= most:
            raise FrameError(f"a compressed body states {size} bytes, expected {least} to {most}")
        if parameters.dict_id:
            raise FrameError("a compressed body asks for a dictionary")
        if size == 0:
            raise FrameError("a compressed body of nothing")
        body: bytes = _tools().decompressor.decompress(stored, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise FrameError(f"a compressed body cannot be inflated: {error}") from None
    if len(body) != size:
        raise FrameError(f"a compressed body states {size} bytes, but holds {len(body)}")
    return body


class _Tools(threading.local):
    """zstd contexts: costly to make, and not to be shared by threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.decompressor = zstandard.ZstdDecompressor()


_TOOLS = _Tools()


def _tools() -> _Tools:
    return _TOOLS
