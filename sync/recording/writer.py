"""Appends an MCAP file: chunks of messages as they come, files in between, the index at the end.

Everything that was handed over by `flush` survives the death of the process: a reader finds it without the index.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import IO

from twinstage.sync.recording import records as r


class McapWriter:
    """Writes to `out`, which is at its beginning. Same calls, same bytes."""

    def __init__(self, out: IO[bytes], *, profile: str, library: str, chunk_bytes: int = 1 << 20) -> None:
        self._out = out
        self._at = 0
        self._chunk_bytes = chunk_bytes
        self._schemas: list[r.Schema] = []
        self._channels: list[r.Channel] = []
        self._chunks: list[r.ChunkPlace] = []
        self._files: list[r.FilePlace] = []
        self._notes: list[tuple[int, int, str]] = []
        self._counts: dict[int, int] = {}
        self._inside: list[bytes] = []
        self._inside_size = 0
        self._entries: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._span: tuple[int, int] | None = None
        self._chunk_span: tuple[int, int] | None = None
        self._put(r.MAGIC + r.header(profile, library))

    @property
    def size(self) -> int:
        """Bytes so far, without what waits for its chunk."""
        return self._at

    @property
    def waiting(self) -> int:
        """Bytes that wait for their chunk to be closed."""
        return self._inside_size

    def schema(self, name: str, encoding: str, data: bytes) -> int:
        """Declares how messages look; returns its id."""
        made = r.Schema(len(self._schemas) + 1, name, encoding, data)
        self._schemas.append(made)
        self._put(r.schema(made))
        return made.id

    def channel(self, topic: str, encoding: str, schema: int = 0) -> int:
        """Declares a channel; returns its id."""
        made = r.Channel(len(self._channels) + 1, schema, topic, encoding)
        self._channels.append(made)
        self._counts[made.id] = 0
        self._put(r.channel(made))
        return made.id

    def file(self, name: str, media_type: str, data: bytes, *, log_ns: int) -> None:
        """Attaches a file. What was said before stands before it."""
        self.flush()
        made = r.attachment(name, media_type, log_ns, data)
        self._files.append(r.FilePlace(name, media_type, self._at, len(made), len(data), log_ns))
        self._put(made)

    def note(self, name: str, pairs: Mapping[str, str]) -> None:
        """Metadata."""
        self.flush()
        made = r.metadata(name, pairs)
        self._notes.append((self._at, len(made), name))
        self._put(made)

    def message(
        self, channel: int, data: bytes, *, log_ns: int, publish_ns: int | None = None, sequence: int = 0
    ) -> None:
        """Appends a message to the open chunk; times in ns since 1970."""
        made = r.message(
            r.Message(
                channel, sequence & 0xFFFFFFFF, log_ns, log_ns if publish_ns is None else publish_ns, data
            )
        )
        self._entries[channel].append((log_ns, self._inside_size))
        self._inside.append(made)
        self._inside_size += len(made)
        self._counts[channel] += 1
        self._chunk_span = _joined(self._chunk_span, log_ns)
        if self._inside_size >= self._chunk_bytes:
            self.flush()

    def flush(self) -> None:
        """Closes the chunk and hands everything to the operating system."""
        if self._inside and self._chunk_span is not None:
            self._close_chunk(*self._chunk_span)
        self._out.flush()

    def _close_chunk(self, start_ns: int, end_ns: int) -> None:
        made, stored = r.chunk(start_ns, end_ns, b"".join(self._inside))
        offset, size = self._at, self._inside_size
        self._put(made)
        begin, indexes = self._at, {}
        for channel, entries in sorted(self._entries.items()):
            indexes[channel] = self._at
            self._put(r.message_index(channel, entries))
        self._chunks.append(
            r.ChunkPlace(offset, len(made), start_ns, end_ns, size, stored, indexes, self._at - begin)
        )
        self._span = _joined(_joined(self._span, start_ns), end_ns)
        self._inside, self._inside_size, self._chunk_span = [], 0, None
        self._entries.clear()

    def finish(self) -> None:
        """Writes the index. Nothing may be appended afterwards; the file stays open."""
        self.flush()
        self._put(r.data_end())
        start = self._at
        start_ns, end_ns = self._span or (0, 0)
        groups = (
            (r.SCHEMA, [r.schema(it) for it in self._schemas]),
            (r.CHANNEL, [r.channel(it) for it in self._channels]),
            (
                r.STATISTICS,
                [
                    r.statistics(
                        self._counts,
                        schemas=len(self._schemas),
                        files=len(self._files),
                        notes=len(self._notes),
                        chunks=len(self._chunks),
                        start_ns=start_ns,
                        end_ns=end_ns,
                    )
                ],
            ),
            (r.CHUNK_INDEX, [r.chunk_index(it) for it in self._chunks]),
            (r.ATTACHMENT_INDEX, [r.attachment_index(it) for it in self._files]),
            (r.METADATA_INDEX, [r.metadata_index(*it) for it in self._notes]),
        )
        summary, offsets = bytearray(), bytearray()
        for opcode, parts in groups:
            data = b"".join(parts)
            if data:
                offsets += r.summary_offset(opcode, start + len(summary), len(data))
                summary += data
        offsets_start = start + len(summary)
        summary += offsets
        self._put(bytes(summary) + r.footer(start, offsets_start, bytes(summary)) + r.MAGIC)
        self._out.flush()

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)


def _joined(span: tuple[int, int] | None, at_ns: int) -> tuple[int, int]:
    return (at_ns, at_ns) if span is None else (min(span[0], at_ns), max(span[1], at_ns))
