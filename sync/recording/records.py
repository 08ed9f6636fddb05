"""Records of an MCAP file (version 0): bytes that are appended, and bytes that are read. Pure.

A record is `u8 opcode | u64 length | content`, little-endian; a text is `u32 length | UTF-8`. The numbers of the opcodes, the
order of the fields and the magic bytes are those of the MCAP specification.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import zstandard

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
ATTACHMENT, ATTACHMENT_INDEX, STATISTICS, METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = range(9, 16)
HEAD = struct.Struct("<BQ")
"""What each record begins with: opcode, length."""
CHUNK_HEAD = struct.Struct("<QQQI")
"""Start and end time of the messages, size and CRC-32 of the records inside."""
_MESSAGE = struct.Struct("<HIQQ")
_ATTACHMENT = struct.Struct("<QQ")

MOST_CHUNK = 64 << 20
"""Largest chunk, inflated, that is read [B]."""


class RecordError(ValueError):
    """Bytes that are not the record they should be."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What messages of a channel look like."""

    id: int
    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """A run of messages of one kind. `schema` 0: none."""

    id: int
    schema: int
    topic: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message; times in ns since 1970, UTC."""

    channel: int
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk lies in the file, the times of its messages, and the channels that it holds."""

    offset: int
    length: int
    start_ns: int
    end_ns: int
    size: int
    stored: int
    indexes: Mapping[int, int] = field(default_factory=dict)
    """Offset of the message index of each channel."""
    index_length: int = 0


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where an attachment lies. `offset`, `length`: of the record."""

    name: str
    media_type: str
    offset: int
    length: int
    size: int
    log_ns: int


def text(value: str) -> bytes:
    """A text with its length."""
    data = value.encode()
    return len(data).to_bytes(4, "little") + data


def record(opcode: int, content: bytes) -> bytes:
    """A whole record."""
    return HEAD.pack(opcode, len(content)) + content


def header(profile: str, library: str) -> bytes:
    return record(HEADER, text(profile) + text(library))


def schema(it: Schema) -> bytes:
    size = len(it.data).to_bytes(4, "little")
    return record(SCHEMA, it.id.to_bytes(2, "little") + text(it.name) + text(it.encoding) + size + it.data)


def channel(it: Channel) -> bytes:
    return record(
        CHANNEL, struct.pack("<HH", it.id, it.schema) + text(it.topic) + text(it.encoding) + bytes(4)
    )


def message(it: Message) -> bytes:
    return record(MESSAGE, _MESSAGE.pack(it.channel, it.sequence, it.log_ns, it.publish_ns) + it.data)


def chunk(start_ns: int, end_ns: int, inside: bytes) -> tuple[bytes, int]:
    """The record of a chunk of those records, compressed by zstd; and the length of what is compressed."""
    small = zstandard.ZstdCompressor(level=3).compress(inside)
    head = CHUNK_HEAD.pack(start_ns, end_ns, len(inside), zlib.crc32(inside))
    return record(CHUNK, head + text("zstd") + len(small).to_bytes(8, "little") + small), len(small)


def message_index(channel_id: int, entries: list[tuple[int, int]]) -> bytes:
    body = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    return record(MESSAGE_INDEX, struct.pack("<HI", channel_id, len(body)) + body)


def chunk_index(it: ChunkPlace) -> bytes:
    places = b"".join(struct.pack("<HQ", *entry) for entry in sorted(it.indexes.items()))
    content = struct.pack("<QQQQI", it.start_ns, it.end_ns, it.offset, it.length, len(places)) + places
    return record(
        CHUNK_INDEX,
        content + struct.pack("<Q", it.index_length) + text("zstd") + struct.pack("<QQ", it.stored, it.size),
    )


def attachment(name: str, media_type: str, log_ns: int, data: bytes) -> bytes:
    content = b"".join(
        (
            _ATTACHMENT.pack(log_ns, log_ns),
            text(name),
            text(media_type),
            len(data).to_bytes(8, "little"),
            data,
        )
    )
    return record(ATTACHMENT, content + zlib.crc32(content).to_bytes(4, "little"))


def attachment_index(it: FilePlace) -> bytes:
    numbers = struct.pack("<QQQQQ", it.offset, it.length, it.log_ns, it.log_ns, it.size)
    return record(ATTACHMENT_INDEX, numbers + text(it.name) + text(it.media_type))


def metadata(name: str, pairs: Mapping[str, str]) -> bytes:
    body = b"".join(text(key) + text(value) for key, value in pairs.items())
    return record(METADATA, text(name) + len(body).to_bytes(4, "little") + body)


def metadata_index(offset: int, length: int, name: str) -> bytes:
    return record(METADATA_INDEX, struct.pack("<QQ", offset, length) + text(name))


def statistics(
    counts: Mapping[int, int],
    *,
    schemas: int,
    files: int,
    notes: int,
    chunks: int,
    start_ns: int,
    end_ns: int,
) -> bytes:
    rows = b"".join(struct.pack("<HQ", *entry) for entry in sorted(counts.items()))
    numbers = (sum(counts.values()), schemas, len(counts), files, notes, chunks, start_ns, end_ns, len(rows))
    return record(STATISTICS, struct.pack("<QHIIIIQQI", *numbers) + rows)


def summary_offset(opcode: int, start: int, length: int) -> bytes:
    return record(SUMMARY_OFFSET, struct.pack("<BQQ", opcode, start, length))


def data_end() -> bytes:
    return record(DATA_END, bytes(4))


def footer(summary_start: int, offsets_start: int, summary: bytes) -> bytes:
    """The last record; `summary`: all records between the end of the data and this one."""
    head = HEAD.pack(FOOTER, 20) + struct.pack("<QQ", summary_start, offsets_start)
    return head + zlib.crc32(head, zlib.crc32(summary)).to_bytes(4, "little")


class Cursor:
    """Takes numbers and texts out of the content of a record; RecordError where it ends too early."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.at = 0

    def take(self, count: int) -> memoryview:
        if count < 0 or self.at + count > len(self.data):
            raise RecordError("a record is shorter than what it holds")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def text(self) -> str:
        try:
            return bytes(self.take(self.number(4))).decode()
        except UnicodeDecodeError:
            raise RecordError("a text is not UTF-8") from None


def read_header(content: bytes) -> tuple[str, str]:
    """Profile and library."""
    cursor = Cursor(content)
    return cursor.text(), cursor.text()


def read_schema(content: bytes | memoryview) -> Schema:
    c = Cursor(content)
    return Schema(c.number(2), c.text(), c.text(), bytes(c.take(c.number(4))))


def read_channel(content: bytes | memoryview) -> Channel:
    c = Cursor(content)
    return Channel(c.number(2), c.number(2), c.text(), c.text())


def read_message(content: bytes | memoryview) -> Message:
    if len(content) < _MESSAGE.size:
        raise RecordError("a message is shorter than its head")
    channel_id, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(content)
    return Message(channel_id, sequence, log_ns, publish_ns, bytes(content[_MESSAGE.size :]))


def read_chunk_index(content: bytes | memoryview) -> ChunkPlace:
    c = Cursor(content)
    start_ns, end_ns, offset, length = (c.number(8) for _ in range(4))
    places = Cursor(c.take(c.number(4)))
    indexes = {}
    while places.at < len(places.data):
        channel_id = places.number(2)
        indexes[channel_id] = places.number(8)
    index_length = c.number(8)
    c.text()
    stored, size = c.number(8), c.number(8)
    return ChunkPlace(offset, length, start_ns, end_ns, size, stored, indexes, index_length)


def read_attachment_index(content: bytes | memoryview) -> FilePlace:
    c = Cursor(content)
    offset, length, log_ns, _, size = (c.number(8) for _ in range(5))
    return FilePlace(c.text(), c.text(), offset, length, size, log_ns)


def read_chunk(content: bytes | memoryview) -> bytes:
    """The records inside a chunk; RecordError where its size, its checksum or its compression is wrong."""
    c = Cursor(content)
    _, _, size, crc = CHUNK_HEAD.unpack(c.take(CHUNK_HEAD.size))
    kind = c.text()
    stored = c.take(c.number(8))
    if size > MOST_CHUNK:
        raise RecordError(f"a chunk states {size} bytes, at most {MOST_CHUNK} are read")
    if kind == "":
        inside = bytes(stored)
    elif kind == "zstd":
        try:
            stated = zstandard.get_frame_parameters(stored).content_size
            if stated not in (size, zstandard.CONTENTSIZE_UNKNOWN):
                raise RecordError(f"a chunk states {size} bytes, its content {stated}")
            inside = zstandard.ZstdDecompressor().decompress(stored, max_output_size=size)
        except zstandard.ZstdError as error:
            raise RecordError(f"a chunk cannot be inflated: {error}") from None
    else:
        raise RecordError(f"a chunk is compressed by {kind!r}; zstd was expected")
    if len(inside) != size or (crc and zlib.crc32(inside) != crc):
        raise RecordError("a chunk has another checksum than it states")
    return inside


def inside_of(records: bytes) -> list[tuple[int, memoryview]]:
    """Opcode and content of the records back to back; RecordError where one is cut off."""
    out = []
    view, at = memoryview(records), 0
    while at < len(view):
        if at + HEAD.size > len(view):
            raise RecordError("a record is cut off")
        opcode, length = HEAD.unpack_from(view, at)
        at += HEAD.size
        if at + length > len(view):
            raise RecordError("a record is cut off")
        out.append((opcode, view[at : at + length]))
        at += length
    return out
