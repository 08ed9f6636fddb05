"""op 1: absolute local poses, whatever the receiver held before.

Translations are whole multiples of a quantum of 2^-14 m (61 micrometres) from an origin that the frame names. Both are
sums of powers of two, so `origin + i * quantum` is exact in float64. Nodes further apart than 31 bits of quanta reach
(131 km) go to frames of their own with their own origins: no translation is ever clipped.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from twinstage.scene.columns import F4, F8, I8, U4, PoseColumns, frozen
from twinstage.sync.wire.header import FLAG_SCALE, MAX_BODY, OP_POSE, FrameError, Header, Stamp, seal
from twinstage.sync.wire.reader import Reader
from twinstage.sync.wire.rotation import dropped, pack_quaternions, unpack_quaternions

QUANTUM = 2.0**-14
"""Step of translations [m]: half of it, 31 micrometres, is the greatest error per axis."""
FARTHEST = 2.0**48
"""Translations beyond are refused, on every axis [m]."""
MAX_QUANTUM = 0.25e-3
_EXACT = 1 << 52
_CELL = 1 << 30
"""Edge of the cells that far nodes are sorted into [quanta]; a cell's centre is its frame's origin."""
_REACH = (1 << 31) - (1 << 14)
"""Translations within this distance of zero on every axis share a frame with the origin (0, 0, 0) [quanta]."""


@dataclass(frozen=True, slots=True)
class PoseBody:
    """A decoded op 1: node ids u4[n] ascending, translation f8[n, 3] [m], packed rotation u2[n, 3], scale f4[n, 3] or None."""

    index: U4
    translation: F8
    words: np.ndarray
    scale: F4 | None

    @property
    def rotation(self) -> F4:
        """Unit quaternions wxyz f4[n, 4]."""
        return frozen(unpack_quaternions(self.words), np.float32)

    def __len__(self) -> int:
        return len(self.index)


def quanta_of(translation: np.ndarray) -> I8:
    """Translations [m] as whole numbers of the quantum, i8."""
    return np.rint(np.asarray(translation, np.float64) / QUANTUM).astype(np.int64)


def snap_pose(pose: PoseColumns) -> PoseColumns:
    """The poses as every client will hold them, whatever else is in their frames.

    Written into the stage, they make stage and clients one: what is left between them is the rounding of floats. They bring
    their whole numbers along (`packed`), so that nobody has to work them out again.
    """
    words = pack_quaternions(pose.rotation)
    rotation = unpack_quaternions(words).astype(np.float32)
    # A near tie of the two largest components may change places once.
    moved = np.flatnonzero(np.abs(rotation).argmax(axis=1) != dropped(words))
    if len(moved):
        words[moved] = pack_quaternions(rotation[moved])
        rotation[moved] = unpack_quaternions(words[moved])
    steps = np.rint(pose.translation / QUANTUM)
    near = bool(np.abs(steps).max(initial=0.0) <= _EXACT)  # not where one is not a number
    packed = (frozen(steps.astype(np.int64), np.int64), frozen(words, np.uint16)) if near else None
    steps *= QUANTUM
    return replace(
        pose,
        translation=frozen(steps, np.float64),
        rotation=frozen(rotation, np.float32),
        packed=packed,
    )


def encode_pose(
    stamp: Stamp,
    index: U4,
    translation: F8,
    rotation: np.ndarray,
    scale: np.ndarray | None,
    *,
    zstd: bool = False,
) -> list[bytes]:
    """Frames of local poses: ids u32[n] ascending, translations f8[n, 3] [m], quaternions wxyz, scales."""
    words = pack_quaternions(rotation)
    return encode_packed(stamp, index, quanta_of(translation), words, scale, zstd=zstd)


def encode_packed(
    stamp: Stamp,
    index: np.ndarray,
    quanta: I8,
    words: np.ndarray,
    scale: np.ndarray | None,
    *,
    zstd: bool = False,
) -> list[bytes]:
    """The same of whole numbers: quanta i8[n, 3], packed rotations u2[n, 3], scale f4[n, 3] or None."""
    frames = []
    most = (MAX_BODY - 32) // (22 if scale is None else 34)
    for rows, origin in _cells(quanta):
        for start in range(0, len(index) if rows is None else len(rows), most):
            part = slice(start, start + most) if rows is None else rows[start : start + most]
            part_scale = None if scale is None else scale[part]
            body = _body(origin, index[part], quanta[part], words[part], part_scale)
            flags = 0 if scale is None else FLAG_SCALE
            frames.append(seal(stamp, OP_POSE, len(index[part]), body, flags=flags, zstd=zstd))
    return frames


def _cells(quanta: I8) -> Iterator[tuple[np.ndarray | None, I8]]:
    """Rows (None: all) that share a frame, with the frame's origin in quanta."""
    far = np.abs(quanta) >= _REACH
    if not far.any():  # as good as always
        yield None, np.zeros(3, np.int64)
        return
    cell = np.where(far.any(axis=1, keepdims=True), np.floor_divide(quanta + _CELL // 2, _CELL), 0)
    keys, inverse = np.unique(cell, axis=0, return_inverse=True)
    for k, key in enumerate(keys):
        yield np.flatnonzero(inverse.reshape(-1) == k), key * _CELL


def _body(origin: I8, index: np.ndarray, quanta: I8, words: np.ndarray, scale: np.ndarray | None) -> bytes:
    parts = [
        struct.pack("<4d", *(origin * QUANTUM), QUANTUM),
        index.astype("<u4").tobytes(),
        (quanta - origin).astype("<i4").tobytes(),
        b"" if scale is None else np.asarray(scale).astype("<f4").tobytes(),
        words.astype("<u2").tobytes(),
    ]
    return b"".join(parts)


def pose_size(n: int, flags: int) -> tuple[int, int]:
    """Least and greatest length of a body [B]."""
    size = 32 + n * (34 if flags & FLAG_SCALE else 22)
    return size, size


def read_pose(body: memoryview | bytes, header: Header) -> PoseBody:
    """The columns of an op 1."""
    reader, n = Reader(body), header.n
    origin, quantum = reader.take("<f8", 3), float(reader.take("<f8", 1)[0])
    if not (0 < quantum <= MAX_QUANTUM and (np.abs(origin) <= FARTHEST).all()):
        raise FrameError(f"a pose frame has the origin {origin.tolist()} and the quantum {quantum}")
    index, quanta = reader.take("<u4", n), reader.take("<i4", n, 3)
    scale: F4 | None = reader.take("<f4", n, 3) if header.flags & FLAG_SCALE else None
    words = reader.take("<u2", n, 3)
    translation = quanta * quantum
    translation += origin
    return PoseBody(index, frozen(translation, np.float64), words, scale)
