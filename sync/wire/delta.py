"""op 6: how poses changed since the tick before, as whole numbers in byte planes.

Only for a receiver that has applied exactly the tick before; it adds the numbers to what it holds. Differences are small
and alike, and the planes lay their nearly constant upper bytes side by side: zstd leaves 3 to 6 bytes a row.
"""

import struct
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import U4
from twinstage.sync.wire.header import MAX_BODY, OP_DELTA, FrameError, Header, Stamp, seal
from twinstage.sync.wire.pose import MAX_QUANTUM, QUANTUM

_HEAD = struct.Struct("<d8B")
_ID_WIDTHS = (1, 2, 4)
_MOVE_WIDTHS = (0, 1, 2, 4)
_TURN_WIDTHS = (0, 1, 2)
_WIDEST = 4 + 3 * 4 + 3 * 2
MAX_DELTA_ROWS = (MAX_BODY - _HEAD.size) // _WIDEST


@dataclass(frozen=True, slots=True)
class DeltaBody:
    """A decoded op 6: node ids u4[n] ascending; `move` i4[n, 3] in quanta of `quantum` [m]; `turn` u2[n, 3], modulo 2^16."""

    index: U4
    quantum: float
    move: np.ndarray
    turn: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


def encode_delta(
    stamp: Stamp, index: np.ndarray, move: np.ndarray, turn: np.ndarray, *, zstd: bool = True
) -> list[bytes]:
    """Frames of changes: ids u4[n] ascending, move i8[n, 3] within int32, turn i2[n, 3] (the difference modulo 2^16)."""
    frames = []
    for start in range(0, len(index), MAX_DELTA_ROWS):
        part = slice(start, start + MAX_DELTA_ROWS)
        body = _body(index[part], move[part], turn[part])
        frames.append(seal(stamp, OP_DELTA, len(index[part]), body, zstd=zstd))
    return frames


def _body(index: np.ndarray, move: np.ndarray, turn: np.ndarray) -> bytes:
    ids = index.astype(np.int64)
    gaps = np.diff(ids, prepend=0)
    width = _unsigned_width(int(gaps.max(initial=0)))
    widths, parts = [width], [_planes(gaps, width)]
    for columns in (move.T, turn.T):
        for column in columns:
            width = _signed_width(int(column.min(initial=0)), int(column.max(initial=0)))
            widths.append(width)
            parts.append(_planes(column, width))
    return b"".join([_HEAD.pack(QUANTUM, *widths, 0), *parts])


def _unsigned_width(most: int) -> int:
    return 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4


def _signed_width(least: int, most: int) -> int:
    reach = max(most, -1 - least)
    if least == most == 0:
        return 0
    return 1 if reach < 1 << 7 else 2 if reach < 1 << 15 else 4


def _planes(column: np.ndarray, width: int) -> bytes:
    """The lowest bytes of all rows, then the next ones, and so on."""
    if not width:
        return b""
    low = column.astype(f"<u{width}" if width > 1 else np.uint8)
    return low.tobytes() if width == 1 else low.view(np.uint8).reshape(-1, width).T.tobytes()


def delta_size(n: int, flags: int) -> tuple[int, int]:
    """Least and greatest length of a body [B]; the exact one is in its widths."""
    return _HEAD.size + n, _HEAD.size + _WIDEST * n


def read_delta(body: memoryview | bytes, header: Header) -> DeltaBody:
    """The columns of an op 6; FrameError where widths, length or ids are impossible."""
    n = header.n
    quantum, ids_width, *widths, reserved = _HEAD.unpack_from(body, 0)
    moves, turns = widths[:3], widths[3:]
    known = ids_width in _ID_WIDTHS and all(w in _MOVE_WIDTHS for w in moves)
    if not known or not all(w in _TURN_WIDTHS for w in turns) or reserved:
        raise FrameError(f"a delta frame has the widths {[ids_width, *widths, reserved]}")
    if not 0 < quantum <= MAX_QUANTUM:
        raise FrameError(f"a delta frame has the quantum {quantum}")
    size = _HEAD.size + n * (ids_width + sum(widths))
    if len(body) != size:
        raise FrameError(f"a delta frame of {n} rows has {len(body)} bytes, its widths say {size}")
    raw = np.frombuffer(body, np.uint8, offset=_HEAD.size)
    gaps, at = _joined(raw, 0, n, ids_width)
    ids = np.cumsum(gaps.astype(np.int64))
    if n and (int(ids[-1]) > 0xFFFFFFFF or (gaps[1:] == 0).any()):
        raise FrameError("the ids of a delta frame do not ascend within 32 bits")
    move = np.zeros((n, 3), np.int32)
    turn = np.zeros((n, 3), np.uint16)
    for k, width in enumerate(moves):
        if width:
            column, at = _joined(raw, at, n, width)
            move[:, k] = column.view(f"i{width}")
    for k, width in enumerate(turns):
        if width:
            column, at = _joined(raw, at, n, width)
            turn[:, k] = column.view(f"i{width}").astype(np.uint16)
    return DeltaBody(ids.astype(np.uint32), quantum, move, turn)


def _joined(raw: np.ndarray, at: int, n: int, width: int) -> tuple[np.ndarray, int]:
    """One column of unsigned numbers out of its byte planes, and where the next one begins."""
    planes = raw[at : at + n * width].reshape(width, n)
    column: np.ndarray = np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(n)
    return column, at + n * width
