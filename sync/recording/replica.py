"""The state that a run of ticks leaves behind, exact to the bit, and what each tick changed in the numbers that travel.

Filled by decoded frames; gives keyframes, hashes, and what a hub takes in. No I/O.
"""

from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import (
    EntityColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
from twinstage.sync.codec import QUANTUM, DeltaBody, EntityBody, Frame, FrameError, PoseBody, TextBody
from twinstage.sync.messages import CHANNELS
from twinstage.sync.state import PackedPoses, State
from twinstage.sync.view import KINDS, View

Changes = tuple[TickColumns, PackedPoses]
"""What a tick says: everything but poses (those in the columns are empty), and the poses."""
_EVERYTHING = View(frozenset(CHANNELS))


class Replica:
    """State of one scene: so many nodes and signals."""

    def __init__(self, nodes: int, signals: int) -> None:
        self._nodes, self._signals = nodes, signals
        self.state = State(nodes, signals)

    @property
    def seq(self) -> int:
        """The tick that it stands at."""
        return self.state.seq

    def apply(self, frames: Sequence[Frame]) -> Changes:
        """All frames of one tick, its end included; FrameError where they do not fit what is held."""
        head = frames[-1].header
        if head.keyframe:
            self.state = State(self._nodes, self._signals)
        elif head.seq < self.seq or not self._follows(head.base_seq, frames):
            raise FrameError(f"tick {head.seq} builds on {head.base_seq}, but the last one was {self.seq}")
        bodies = [frame.body for frame in frames]
        poses = self._poses(bodies, head.event_ns)
        columns = TickColumns(
            pose=empty_pose(head.seq, head.event_ns),
            visibility=_shown(bodies),
            style=_styles(bodies),
            signals=_signal_rows(bodies),
            texts=_texts(bodies),
            entities=_entities(bodies),
            watermark_ns=head.watermark_ns,
        )
        self._check(columns, poses)
        self.state.take_packed(head.seq, columns, poses, head.tick_ns, moved=False)
        return columns, poses

    def _follows(self, base: int, frames: Sequence[Frame]) -> bool:
        """Whether a tick with that base says all that is missing, and its changes are changes of what is held."""
        behind = (self.seq - base) & 0xFFFFFFFF
        return behind == 0 or (behind < 1 << 31 and not any(isinstance(f.body, DeltaBody) for f in frames))

    def _poses(self, bodies: Sequence[object], event_ns: int) -> PackedPoses:
        parts: list[tuple[np.ndarray, ...]] = []
        for body in bodies:
            if isinstance(body, PoseBody):
                scale = np.ones((len(body), 3), np.float32) if body.scale is None else body.scale
                quanta = np.rint(body.translation / QUANTUM).astype(np.int64)
                parts.append((body.index, quanta, body.words, scale))
            elif isinstance(body, DeltaBody):
                parts.append(self._moved(body))
        if not parts:
            none = np.empty((0, 3))
            return PackedPoses(
                np.empty(0, np.uint32), none.astype(np.int64), none.astype(np.uint16), none, event_ns
            )
        rows, quanta, words, scale = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(parts) > 1:
            order = np.argsort(rows, kind="stable")
            rows, quanta, words, scale = rows[order], quanta[order], words[order], scale[order]
        return PackedPoses(rows, quanta, words, scale, event_ns)

    def _moved(self, body: DeltaBody) -> tuple[np.ndarray, ...]:
        self._known(body.index, self._nodes, "node")
        if not (self.state.pose.seq[body.index] > 0).all():
            raise FrameError("a tick changes the pose of a node that has none yet")
        quanta, words, scale = (column[body.index] for column in self.state.pose.data)
        steps = np.rint(body.move * (body.quantum / QUANTUM)).astype(np.int64)
        return body.index, quanta + steps, words + body.turn, scale

    def _check(self, columns: TickColumns, poses: PackedPoses) -> None:
        for rows in (poses.rows, columns.visibility.index, columns.style.index, columns.entities.index):
            self._known(rows, self._nodes, "node")
        for rows in (columns.signals.signal, columns.texts.signal):
            self._known(rows, self._signals, "signal")

    @staticmethod
    def _known(rows: np.ndarray, count: int, what: str) -> None:
        if len(rows) and int(rows.max()) >= count:
            raise FrameError(f"a tick names {what} {int(rows.max())}, but the scene has {count} of them")

    def keyframe(self, epoch_crc: int) -> list[bytes]:
        """Messages of a keyframe with all that is held."""
        return self.state.encode(epoch_crc, None, _EVERYTHING, zstd=True)

    def digest(self) -> str:
        """SHA-256 (hex) of all that is held: section 6 of docs/protocol.md."""
        return self.state.digest(_EVERYTHING, {})

    def copy(self) -> State:
        """What is held, for someone who will change it."""
        out, mine = State(self._nodes, self._signals), self.state
        for kind in KINDS:
            new, old = out.column(kind), mine.column(kind)
            rows = np.flatnonzero(old.seq > 0)
            new.store(0, max(mine.seq, 1), rows, *(column[rows] for column in old.data))
        out.seq, out.event_ns = mine.seq, mine.event_ns
        out.watermark_ns, out.tick_ns = mine.watermark_ns, mine.tick_ns
        return out


def _shown(bodies: Sequence[object]) -> VisibilityColumns:
    parts = [body for body in bodies if isinstance(body, VisibilityColumns)]
    return VisibilityColumns(
        _joined([part.index for part in parts], np.uint32),
        _joined([part.visible for part in parts], np.bool_),
    )


def _styles(bodies: Sequence[object]) -> StyleColumns:
    parts = [body for body in bodies if isinstance(body, StyleColumns)]
    rgba = _joined([part.rgba for part in parts], np.uint8).reshape(-1, 4)
    return StyleColumns(_joined([part.index for part in parts], np.uint32), rgba)


def _signal_rows(bodies: Sequence[object]) -> SignalColumns:
    parts = [body for body in bodies if isinstance(body, SignalColumns)]
    return SignalColumns(
        _joined([part.signal for part in parts], np.uint32),
        _joined([part.value for part in parts], np.float64),
        _joined([part.event_ns for part in parts], np.int64),
        _joined([part.quality for part in parts], np.uint32),
    )


def _texts(bodies: Sequence[object]) -> TextColumns:
    parts = [body for body in bodies if isinstance(body, TextBody)]
    return TextColumns(
        _joined([part.signal for part in parts], np.uint32),
        tuple(text for part in parts for text in part.text),
        _joined([part.event_ns for part in parts], np.int64),
        _joined([part.quality for part in parts], np.uint32),
    )


def _entities(bodies: Sequence[object]) -> EntityColumns:
    parts = [body for body in bodies if isinstance(body, EntityBody)]
    return EntityColumns(
        _joined([part.index for part in parts], np.uint32), _joined([part.entity for part in parts], np.int64)
    )


def _joined(parts: Sequence[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return frozen(np.concatenate(parts) if parts else np.empty(0), dtype)
