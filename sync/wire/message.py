"""Whole messages: frames back to back, cut apart, checked and decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from twinstage.scene.columns import EntityColumns, SignalColumns, StyleColumns, TextColumns, VisibilityColumns
from twinstage.sync.wire import delta, header, pose, texts, values
from twinstage.sync.wire.header import FrameError, Header, Stamp

Body: TypeAlias = (
    pose.PoseBody
    | delta.DeltaBody
    | SignalColumns
    | StyleColumns
    | VisibilityColumns
    | TextColumns
    | EntityColumns
    | None
)
_Size = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame; `body` is None at the end of a tick."""

    header: Header
    body: Body = None


def _fixed(row: int) -> _Size:
    return lambda n, flags: (row * n, row * n)


_KINDS: dict[int, tuple[_Size, Callable[[memoryview | bytes, Header], Body]]] = {
    header.OP_POSE: (pose.pose_size, pose.read_pose),
    header.OP_SIGNALS: (_fixed(24), values.read_signals),
    header.OP_STYLE: (_fixed(8), values.read_style),
    header.OP_VISIBILITY: (_fixed(5), values.read_visibility),
    header.OP_TICK_END: (_fixed(0), lambda body, head: None),
    header.OP_DELTA: (delta.delta_size, delta.read_delta),
    header.OP_TEXT: (texts.text_size, texts.read_texts),
    header.OP_ENTITY: (_fixed(12), texts.read_entities),
}


def encode_tick_end(stamp: Stamp) -> bytes:
    """The frame without rows that closes a tick."""
    return header.seal(stamp, header.OP_TICK_END, 0, b"")


def decode(message: bytes) -> list[Frame]:
    """All frames of known kinds in a message; FrameError where it is not whole. Arrays are read-only or new."""
    return decode_counting(message)[0]


def decode_counting(message: bytes) -> tuple[list[Frame], int]:
    """The same, and how many frames were skipped because their kind is not known here."""
    frames: list[Frame] = []
    skipped, offset, data = 0, 0, memoryview(message)
    while offset < len(data):
        head = header.read_header(data, offset)
        stored = header.stored_body(data, offset, head)
        kind = _KINDS.get(head.op)
        if kind is None:
            skipped += 1
        else:
            frames.append(Frame(head, _body(stored, head, *kind)))
        offset += header.HEADER_SIZE + head.size + (-head.size % 8)
    return frames, skipped


def _body(
    stored: memoryview, head: Header, size: _Size, read: Callable[[memoryview | bytes, Header], Body]
) -> Body:
    least, most = size(head.n, head.flags)
    if least > header.MAX_BODY:
        raise FrameError(
            f"a frame of kind {head.op} says that it has {head.n} rows, more than any message holds"
        )
    most = min(most, header.MAX_BODY)
    if head.flags & header.FLAG_ZSTD:
        return read(header.inflate(stored, least, most), head)
    if not least <= len(stored) <= most:
        raise FrameError(f"a frame of kind {head.op} with {head.n} rows has a body of {len(stored)} bytes")
    return read(stored, head)


def packed(frames: list[bytes]) -> list[bytes]:
    """Joins small frames into messages of at most MESSAGE_BYTES."""
    out: list[list[bytes]] = [[]]
    size = 0
    for frame in frames:
        if out[-1] and size + len(frame) > header.MESSAGE_BYTES:
            out.append([])
            size = 0
        out[-1].append(frame)
        size += len(frame)
    return [b"".join(part) if len(part) > 1 else part[0] for part in out]
