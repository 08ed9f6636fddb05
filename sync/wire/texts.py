"""ops 7 and 8: the texts of string signals, and which entity a node shows."""

from collections.abc import Iterator, Sequence

import numpy as np

from twinstage.scene.columns import I8, U4, EntityColumns, TextColumns
from twinstage.sync.wire.header import MAX_BODY, OP_ENTITY, OP_TEXT, FrameError, Header, Stamp, seal
from twinstage.sync.wire.reader import Reader
from twinstage.sync.wire.values import parts_of

MAX_TEXT = 1 << 14
"""Longest text of a signal in UTF-8 [B]; longer ones are cut at a character."""
_ROW = 20


def utf8(text: str) -> bytes:
    """The bytes of a text as they travel: at most MAX_TEXT, and always valid."""
    data = text.encode("utf-8", "replace")
    return data if len(data) <= MAX_TEXT else data[:MAX_TEXT].decode("utf-8", "ignore").encode()


def encode_texts(
    stamp: Stamp, signal: U4, text: Sequence[bytes], event_ns: I8, quality: U4, *, zstd: bool = False
) -> list[bytes]:
    """Frames of texts: ids u32[n] ascending, UTF-8 bytes of at most MAX_TEXT each, event times, quality."""
    frames = []
    for part in _runs(text):
        ends = np.cumsum([len(data) for data in text[part]])
        columns = [
            event_ns[part].astype("<i8"),
            signal[part].astype("<u4"),
            quality[part].astype("<u4"),
            ends.astype("<u4"),
        ]
        body = b"".join([*(column.tobytes() for column in columns), *text[part]])
        frames.append(seal(stamp, OP_TEXT, len(ends), body, zstd=zstd))
    return frames


def _runs(text: Sequence[bytes]) -> Iterator[slice]:
    """Runs of texts that fit one frame each."""
    start = size = 0
    for row, data in enumerate(text):
        if row > start and size + _ROW + len(data) > MAX_BODY:
            yield slice(start, row)
            start, size = row, 0
        size += _ROW + len(data)
    if start < len(text):
        yield slice(start, len(text))


def encode_entities(stamp: Stamp, index: U4, entity: I8, *, zstd: bool = False) -> list[bytes]:
    """Frames of entities: node ids u32[n] ascending, entity ids i8[n]."""
    frames = []
    for part in parts_of(len(index), 12):
        body = entity[part].astype("<i8").tobytes() + index[part].astype("<u4").tobytes()
        frames.append(seal(stamp, OP_ENTITY, len(index[part]), body, zstd=zstd))
    return frames


def text_size(n: int, flags: int) -> tuple[int, int]:
    """Least and greatest length of a body [B]."""
    return _ROW * n, max(_ROW * n, MAX_BODY)


def read_texts(body: memoryview | bytes, header: Header) -> TextColumns:
    """The columns of an op 7; FrameError where the ends do not fit or a text is not UTF-8."""
    reader, n = Reader(body), header.n
    event_ns, signal = reader.take("<i8", n), reader.take("<u4", n)
    quality, ends = reader.take("<u4", n), reader.take("<u4", n).astype(np.int64)
    data = bytes(body[reader.at :])
    starts = np.concatenate([[0], ends])[:-1] if n else ends
    if (ends < starts).any() or (int(ends[-1]) if n else 0) != len(data):
        raise FrameError(f"the ends of {n} texts do not fit {len(data)} bytes")
    try:
        text = tuple(data[a:b].decode() for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    except UnicodeDecodeError as error:
        raise FrameError(f"a text is not UTF-8: {error.reason}") from None
    return TextColumns(signal, text, event_ns, quality)


def read_entities(body: memoryview | bytes, header: Header) -> EntityColumns:
    """The columns of an op 8."""
    reader = Reader(body)
    entity = reader.take("<i8", header.n)
    return EntityColumns(reader.take("<u4", header.n), entity)
