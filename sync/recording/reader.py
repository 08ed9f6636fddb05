"""Finds what an MCAP file holds: by its index, or, where its writer was killed, by walking over its records.

Sizes that a file states are looked at before anything is read; a damaged file is a UserError of one sentence.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from twinstage.base.errors import UserError
from twinstage.sync.recording import records as r

MOST_FILE = 2 << 30
"""Largest attachment that is read [B]."""
MOST_SUMMARY = 256 << 20
MOST_RECORDS = 5_000_000
"""Outside of chunks, where there is no index."""
_MOST_SMALL = 1 << 20
_TAIL = r.HEAD.size + 20 + len(r.MAGIC)
_FIXED = 8 + 8


class McapFile:
    """An MCAP file that is open for reading. `whole`: it has its index; `lost`: bytes at its end that are no whole record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schemas: dict[int, r.Schema] = {}
        self.channels: dict[int, r.Channel] = {}
        self.chunks: list[r.ChunkPlace] = []
        self.files: dict[str, r.FilePlace] = {}
        self.whole = False
        self.lost = 0
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            if self._file.read(len(r.MAGIC)) != r.MAGIC:
                raise UserError(f"{self.path} is no recording: it does not begin as an MCAP file does")
            self.profile = self._read_head()
            try:
                self.whole = self._read_summary()
            except (r.RecordError, struct.error):
                self.whole = False
            if not self.whole:
                self._walk()
        except (r.RecordError, struct.error) as error:
            raise UserError(f"{self.path} is damaged: {error}") from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}") from None

    def _read_head(self) -> str:
        opcode, content = self._record(len(r.MAGIC), _MOST_SMALL)
        if opcode != r.HEADER:
            raise r.RecordError("its first record is no header")
        return r.read_header(content)[0]

    def _read_summary(self) -> bool:
        """Whether the index at the end is there and true."""
        if self._size < 2 * len(r.MAGIC) + _TAIL:
            return False
        tail = self._bytes(self._size - _TAIL, _TAIL)
        opcode, length = r.HEAD.unpack_from(tail)
        if (opcode, length) != (r.FOOTER, 20) or tail[-len(r.MAGIC) :] != r.MAGIC:
            return False
        start, _, crc = struct.unpack_from("<QQI", tail, r.HEAD.size)
        size = self._size - _TAIL - start
        if not 0 < size <= MOST_SUMMARY or start < len(r.MAGIC):
            return False
        summary = self._bytes(start, size)
        if crc and zlib.crc32(tail[: r.HEAD.size + 16], zlib.crc32(summary)) != crc:
            return False
        for opcode, content in r.inside_of(summary):
            if opcode == r.CHUNK_INDEX:
                self.chunks.append(r.read_chunk_index(content))
            elif opcode == r.ATTACHMENT_INDEX:
                place = r.read_attachment_index(content)
                self.files[place.name] = place
            else:
                self._declare(opcode, content)
        return True

    def _declare(self, opcode: int, content: bytes | memoryview) -> None:
        if opcode == r.SCHEMA:
            schema = r.read_schema(content)
            self.schemas[schema.id] = schema
        elif opcode == r.CHANNEL:
            channel = r.read_channel(content)
            self.channels[channel.id] = channel

    def _walk(self) -> None:
        """Over all records, from the beginning to the first that is not whole."""
        for table in (self.schemas, self.channels, self.files):
            table.clear()
        self.chunks.clear()
        at, count = len(r.MAGIC), 0
        while at + r.HEAD.size <= self._size:
            count += 1
            if count > MOST_RECORDS:
                raise r.RecordError(f"it has no index and more than {MOST_RECORDS} records")
            opcode, length = r.HEAD.unpack(self._bytes(at, r.HEAD.size))
            end = at + r.HEAD.size + length
            if opcode == r.DATA_END:
                return  # only the index is missing
            if end > self._size or opcode == 0:
                break
            try:
                self._pass(opcode, at, length)
            except (r.RecordError, struct.error):
                break
            at = end
        self.lost = self._size - at

    def _pass(self, opcode: int, at: int, length: int) -> None:
        content = at + r.HEAD.size
        if opcode == r.CHUNK:
            start_ns, end_ns, size, _ = r.CHUNK_HEAD.unpack(self._bytes(content, r.CHUNK_HEAD.size))
            self.chunks.append(r.ChunkPlace(at, r.HEAD.size + length, start_ns, end_ns, size, length, {}))
        elif opcode == r.MESSAGE_INDEX and self.chunks:
            channel = int.from_bytes(self._bytes(content, 2), "little")
            dict_of = self.chunks[-1].indexes
            assert isinstance(dict_of, dict)
            dict_of[channel] = at
        elif opcode == r.ATTACHMENT:
            place = self._attachment_head(at, length)
            self.files[place.name] = place
        elif opcode in (r.SCHEMA, r.CHANNEL):
            self._declare(opcode, self._record(at, _MOST_SMALL)[1])

    def _attachment_head(self, at: int, length: int) -> r.FilePlace:
        cursor = r.Cursor(self._bytes(at + r.HEAD.size, min(length, 4096)))
        log_ns, _ = cursor.number(8), cursor.number(8)
        name, media_type, size = cursor.text(), cursor.text(), cursor.number(8)
        return r.FilePlace(name, media_type, at, r.HEAD.size + length, size, log_ns)

    # ------------------------------------------------------------------ asking

    def messages(self, chunk: r.ChunkPlace) -> Iterator[r.Message]:
        """Messages of a chunk, as they were written. Raises UserError where it is damaged."""
        try:
            opcode, content = self._record(chunk.offset, r.MOST_CHUNK)
            if opcode != r.CHUNK:
                raise r.RecordError("the index leads to something that is no chunk")
            for kind, inside in r.inside_of(r.read_chunk(content)):
                if kind == r.MESSAGE:
                    yield r.read_message(inside)
        except (r.RecordError, struct.error) as error:
            raise UserError(f"{self.path} is damaged at byte {chunk.offset}: {error}") from None

    def file(self, name: str) -> bytes | None:
        """The content of an attached file, None where there is none. Raises UserError where it is damaged."""
        place = self.files.get(name)
        if place is None:
            return None
        try:
            opcode, content = self._record(place.offset, MOST_FILE)
            if opcode != r.ATTACHMENT:
                raise r.RecordError("the index leads to something that is no file")
            crc = int.from_bytes(content[-4:], "little")
            if crc and zlib.crc32(memoryview(content)[:-4]) != crc:
                raise r.RecordError(f"{name} has another checksum than it states")
            cursor = r.Cursor(content)
            cursor.take(_FIXED)
            cursor.text(), cursor.text()
            return bytes(cursor.take(cursor.number(8)))
        except r.RecordError as error:
            raise UserError(f"{self.path} is damaged: {error}") from None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _bytes(self, at: int, count: int) -> bytes:
        if at < 0 or at + count > self._size:
            raise r.RecordError(f"it ends at byte {self._size}, but more is expected there")
        data = os.pread(self._file.fileno(), count, at)
        if len(data) != count:
            raise r.RecordError("it is shorter than it was")
        return data

    def _record(self, at: int, most: int) -> tuple[int, bytes]:
        opcode, length = r.HEAD.unpack(self._bytes(at, r.HEAD.size))
        if length > most:
            raise r.RecordError(f"the record at byte {at} states {length} bytes, at most {most} are read")
        return opcode, self._bytes(at + r.HEAD.size, length)
