"""ops 2, 3 and 4: signal values, colours and visibility, all absolute."""

from collections.abc import Iterator

import numpy as np

from twinstage.scene.columns import F8, I8, U1, U4, Bool, SignalColumns, StyleColumns, VisibilityColumns
from twinstage.sync.wire.header import MAX_BODY, OP_SIGNALS, OP_STYLE, OP_VISIBILITY, Header, Stamp, seal
from twinstage.sync.wire.reader import Reader


def encode_signals(
    stamp: Stamp, signal: U4, value: F8, event_ns: I8, quality: U4, *, zstd: bool = False
) -> list[bytes]:
    """Frames of signal values: ids u32[n] ascending, SI values f8[n], event times i8[n], quality u32[n]."""
    frames = []
    for part in parts_of(len(signal), 24):
        columns = [
            value[part].astype("<f8"),
            event_ns[part].astype("<i8"),
            signal[part].astype("<u4"),
            quality[part].astype("<u4"),
        ]
        body = b"".join(column.tobytes() for column in columns)
        frames.append(seal(stamp, OP_SIGNALS, len(columns[0]), body, zstd=zstd))
    return frames


def encode_style(stamp: Stamp, index: U4, rgba: U1, *, zstd: bool = False) -> list[bytes]:
    """Frames of display colours: ids u32[n] ascending, sRGB rgba u8[n, 4]."""
    return [
        seal(
            stamp,
            OP_STYLE,
            len(index[part]),
            _ids(index[part]) + rgba[part].astype(np.uint8).tobytes(),
            zstd=zstd,
        )
        for part in parts_of(len(index), 8)
    ]


def encode_visibility(stamp: Stamp, index: U4, visible: Bool, *, zstd: bool = False) -> list[bytes]:
    """Frames of nodes' own visibility: ids u32[n] ascending, bool[n]."""
    return [
        seal(
            stamp,
            OP_VISIBILITY,
            len(index[part]),
            _ids(index[part]) + visible[part].astype("u1").tobytes(),
            zstd=zstd,
        )
        for part in parts_of(len(index), 5)
    ]


def parts_of(n: int, row: int) -> Iterator[slice]:
    """Runs of rows of that many bytes that fit one frame each."""
    most = MAX_BODY // row
    return (slice(start, start + most) for start in range(0, n, most))


def _ids(index: np.ndarray) -> bytes:
    return index.astype("<u4").tobytes()


def read_signals(body: memoryview | bytes, header: Header) -> SignalColumns:
    """The columns of an op 2."""
    reader, n = Reader(body), header.n
    value, event_ns = reader.take("<f8", n), reader.take("<i8", n)
    signal, quality = reader.take("<u4", n), reader.take("<u4", n)
    return SignalColumns(signal, value, event_ns, quality)


def read_style(body: memoryview | bytes, header: Header) -> StyleColumns:
    """The columns of an op 3."""
    reader = Reader(body)
    return StyleColumns(reader.take("<u4", header.n), reader.take("u1", header.n, 4))


def read_visibility(body: memoryview | bytes, header: Header) -> VisibilityColumns:
    """The columns of an op 4."""
    reader = Reader(body)
    return VisibilityColumns(reader.take("<u4", header.n), reader.take("u1", header.n) != 0)
