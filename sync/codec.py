"""twin.v1 binary frames: columns to bytes and back. Pure numpy; docs/protocol.md is the text of this module.

A message holds one or more frames back to back; each frame is a 40-byte header, columns in falling order of
element size (so that every column is aligned to its own size), and zeros up to a multiple of 8 bytes. All
values are absolute, so frames are idempotent and a later frame of the same node wins: conflation needs no
baseline.

Translations are whole multiples of a quantum of 2^-14 m (61 micrometres) from an origin that the frame names.
Both are sums of powers of two, so `origin + i * quantum` is exact in float64. Nodes further apart than 31
bits of quanta reach (131 km) go to frames of their own with their own origins: no finite translation is ever
clipped.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from twinstage.scene.columns import (
    F4,
    F8,
    I8,
    U1,
    U4,
    Bool,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    VisibilityColumns,
    frozen,
)

VERSION = 1
OP_POSE = 1
OP_SIGNALS = 2
OP_STYLE = 3
OP_VISIBILITY = 4
OP_TICK_END = 5
FLAG_KEYFRAME = 1
FLAG_SCALE = 2

QUANTUM = 2.0**-14
"""Step of translations [m]: half of it, 31 micrometres, is the greatest error per axis."""
CELL = 2.0**16
"""Edge of the cells that far nodes are sorted into [m]; a cell's centre is its frame's origin."""
REACH = 2.0**17 - 1.0
"""Translations within this distance of zero on every axis share a frame with the origin (0, 0, 0) [m]."""
MAX_ROWS = 32768
"""Rows a frame at most: a frame stays under 1.2 MB."""

_HEADER = struct.Struct("<BBHIQqqII")
HEADER_SIZE = _HEADER.size
_HALF = 16383
_UNIT = _HALF * np.sqrt(2.0)


class FrameError(ValueError):
    """Bytes that are not a twin.v1 frame."""


@dataclass(frozen=True, slots=True)
class Header:
    """What every frame begins with. `base_seq`: low 32 bits of the tick built on, 0 in keyframes."""

    op: int
    flags: int
    n: int
    seq: int
    event_ns: int
    watermark_ns: int
    base_seq: int
    epoch_crc: int

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

    def header(self, op: int, n: int, flags: int = 0) -> bytes:
        """The 40 bytes of a frame of that kind with n rows."""
        flags |= FLAG_KEYFRAME if self.keyframe else 0
        return _HEADER.pack(
            op,
            VERSION,
            flags,
            n,
            self.seq,
            self.event_ns,
            self.watermark_ns,
            self.base_seq & 0xFFFFFFFF,
            self.epoch_crc,
        )


Body: TypeAlias = PoseColumns | SignalColumns | StyleColumns | VisibilityColumns | None


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame; `body` is None at the end of a tick."""

    header: Header
    body: Body = None


def epoch_crc(epoch: str) -> int:
    """CRC-32 (zlib) of the epoch's UTF-8 bytes."""
    return zlib.crc32(epoch.encode())


def pack_quaternions(quat: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [n, 4] as smallest-three u16[n, 3]; the rotation errs by 0.0086 degrees at most."""
    q = np.asarray(quat, np.float64)
    q = q / np.linalg.norm(q, axis=1, keepdims=True)
    largest = np.argmax(np.abs(q), axis=1)
    rows = np.arange(len(q))
    q = np.where(q[rows, largest][:, None] < 0, -q, q)
    kept = _OTHERS[largest]
    words = np.rint(q[rows[:, None], kept] * _UNIT).astype(np.int32) + _HALF
    np.clip(words, 0, 2 * _HALF, out=words)
    words[:, 0] |= (largest & 1) << 15
    words[:, 1] |= (largest >> 1) << 15
    packed: np.ndarray = words.astype("<u2")
    return packed


def unpack_quaternions(words: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[n, 4] of smallest-three u16[n, 3]; the dropped component is positive."""
    w = np.asarray(words).astype(np.int32)
    largest = (w[:, 0] >> 15) | ((w[:, 1] >> 15) << 1)
    small = ((w & 0x7FFF) - _HALF) / _UNIT
    out = np.empty((len(w), 4))
    rows = np.arange(len(w))
    out[rows[:, None], _OTHERS[largest]] = small
    out[rows, largest] = np.sqrt(np.maximum(0.0, 1.0 - (small * small).sum(1)))
    return out


def snap_pose(pose: PoseColumns) -> PoseColumns:
    """The poses as every client will hold them, whatever else is in their frames.

    Written into the stage, they make stage and clients one: what is left between them is the rounding of floats.
    """
    rotation = pose.rotation
    for _ in range(2):  # a near tie of the two largest components may change places once
        rotation = frozen(unpack_quaternions(pack_quaternions(rotation)), np.float32)
    translation = frozen(np.rint(pose.translation / QUANTUM) * QUANTUM, np.float64)
    return replace(pose, translation=translation, rotation=rotation)


_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def encode_pose(
    stamp: Stamp, index: U4, translation: F8, rotation: np.ndarray, scale: np.ndarray | None
) -> list[bytes]:
    """Frames of local poses: ids u32[n] ascending, translations f8[n, 3] [m], quaternions wxyz, scales."""
    frames = []
    for rows, origin in _cells(translation):
        for start in range(0, len(index) if rows is None else len(rows), MAX_ROWS):
            part = slice(start, start + MAX_ROWS) if rows is None else rows[start : start + MAX_ROWS]
            part_scale = None if scale is None else scale[part]
            columns = (index[part], translation[part], rotation[part], part_scale)
            frames.append(_pose_frame(stamp, origin, *columns))
    return frames


def _cells(translation: F8) -> Iterator[tuple[np.ndarray | None, F8]]:
    """Rows (None: all) that share a frame, with the frame's origin."""
    if np.abs(translation).max(initial=0.0) < REACH:
        yield None, np.zeros(3)
        return
    cell = np.where(np.abs(translation).max(1, keepdims=True) < REACH, 0.0, np.rint(translation / CELL))
    keys, inverse = np.unique(cell, axis=0, return_inverse=True)
    for k, key in enumerate(keys):
        yield np.flatnonzero(inverse.reshape(-1) == k), key * CELL


def _pose_frame(
    stamp: Stamp, origin: F8, index: U4, translation: F8, rotation: np.ndarray, scale: np.ndarray | None
) -> bytes:
    quanta = np.rint((translation - origin) / QUANTUM).astype("<i4")
    parts = [
        stamp.header(OP_POSE, len(index), 0 if scale is None else FLAG_SCALE),
        struct.pack("<4d", *origin, QUANTUM),
        index.astype("<u4").tobytes(),
        quanta.tobytes(),
        b"" if scale is None else np.asarray(scale).astype("<f4").tobytes(),
        pack_quaternions(rotation).tobytes(),
    ]
    return _padded(parts)


def encode_signals(stamp: Stamp, signal: U4, value: F8, event_ns: I8, quality: U4) -> list[bytes]:
    """Frames of signal values: ids u32[n] ascending, SI values f8[n], event times i8[n], quality u32[n]."""
    frames = []
    for start in range(0, len(signal), MAX_ROWS):
        part = slice(start, start + MAX_ROWS)
        columns = [
            value[part].astype("<f8"),
            event_ns[part].astype("<i8"),
            signal[part].astype("<u4"),
            quality[part].astype("<u4"),
        ]
        header = stamp.header(OP_SIGNALS, len(columns[0]))
        frames.append(_padded([header, *(column.tobytes() for column in columns)]))
    return frames


def encode_style(stamp: Stamp, index: U4, rgba: U1) -> list[bytes]:
    """Frames of display colours: ids u32[n] ascending, sRGB rgba u8[n, 4]."""
    return [
        _padded([stamp.header(OP_STYLE, len(ids)), ids.tobytes(), rgba[part].astype(np.uint8).tobytes()])
        for part, ids in _chunks(index)
    ]


def encode_visibility(stamp: Stamp, index: U4, visible: Bool) -> list[bytes]:
    """Frames of nodes' own visibility: ids u32[n] ascending, bool[n]."""
    return [
        _padded([stamp.header(OP_VISIBILITY, len(ids)), ids.tobytes(), visible[part].astype("u1").tobytes()])
        for part, ids in _chunks(index)
    ]


def encode_tick_end(stamp: Stamp) -> bytes:
    """The frame without rows that closes a tick."""
    return stamp.header(OP_TICK_END, 0)


def _chunks(index: U4) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(index), MAX_ROWS):
        part = slice(start, start + MAX_ROWS)
        yield part, index[part].astype("<u4")


def _padded(parts: list[bytes]) -> bytes:
    size = sum(map(len, parts))
    return b"".join([*parts, bytes(-size % 8)])


def read_header(data: bytes | memoryview, offset: int = 0) -> Header:
    """The header at that offset; FrameError where it is cut off, of another version or of an unknown kind."""
    if len(data) - offset < HEADER_SIZE:
        raise FrameError(f"a frame header needs {HEADER_SIZE} bytes, {len(data) - offset} are left")
    op, version, flags, n, seq, event_ns, watermark_ns, base, crc = _HEADER.unpack_from(data, offset)
    if version != VERSION:
        raise FrameError(f"frame version {version}, expected {VERSION}")
    if op not in _SIZES:
        raise FrameError(f"unknown frame kind {op}")
    return Header(op, flags, n, seq, event_ns, watermark_ns, base, crc)


def _pose_size(n: int, flags: int) -> int:
    return 32 + n * (34 if flags & FLAG_SCALE else 22)


def _fixed(row: int) -> Callable[[int, int], int]:
    return lambda n, flags: row * n


_SIZES: dict[int, Callable[[int, int], int]] = {
    OP_POSE: _pose_size,
    OP_SIGNALS: _fixed(24),
    OP_STYLE: _fixed(8),
    OP_VISIBILITY: _fixed(5),
    OP_TICK_END: _fixed(0),
}


def decode(message: bytes) -> list[Frame]:
    """All frames of a message; FrameError where it is not whole. Arrays are read-only."""
    frames, offset = [], 0
    while offset < len(message):
        header = read_header(message, offset)
        size = HEADER_SIZE + _SIZES[header.op](header.n, header.flags)
        size += -size % 8
        if offset + size > len(message):
            raise FrameError(f"a frame of {size} bytes is cut off after {len(message) - offset}")
        frames.append(Frame(header, _body(message, offset + HEADER_SIZE, header)))
        offset += size
    return frames


def _body(data: bytes, at: int, header: Header) -> Body:
    reader, n = _Reader(data, at), header.n
    if header.op == OP_POSE:
        return _pose_body(reader, header)
    if header.op == OP_SIGNALS:
        value, event_ns = reader.take("<f8", n), reader.take("<i8", n)
        signal, quality = reader.take("<u4", n), reader.take("<u4", n)
        return SignalColumns(signal, value, event_ns, quality)
    if header.op == OP_STYLE:
        return StyleColumns(reader.take("<u4", n), reader.take("u1", n, 4))
    if header.op == OP_VISIBILITY:
        return VisibilityColumns(reader.take("<u4", n), reader.take("u1", n) != 0)
    return None


def _pose_body(reader: "_Reader", header: Header) -> PoseColumns:
    n = header.n
    origin, quantum = reader.take("<f8", 3), reader.take("<f8", 1)[0]
    index, quanta = reader.take("<u4", n), reader.take("<i4", n, 3)
    scale: F4 | None = reader.take("<f4", n, 3) if header.flags & FLAG_SCALE else None
    rotation = unpack_quaternions(reader.take("<u2", n, 3))
    translation = frozen(origin + quanta * quantum, np.float64)
    return PoseColumns(header.seq, header.event_ns, index, translation, frozen(rotation, np.float32), scale)


class _Reader:
    """Takes columns one after the other out of a frame's body."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, dtype: str, n: int, width: int = 1) -> np.ndarray:
        column = np.frombuffer(self.data, dtype, n * width, self.at)
        self.at += column.nbytes
        return column.reshape(n, width) if width > 1 else column
