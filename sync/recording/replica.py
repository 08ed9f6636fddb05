"""The state that a run of ticks leaves behind, exact to the bit, and what each tick changed in the numbers that travel.

Filled by decoded frames; gives keyframes, hashes, and what a hub takes in. No I/O.
"""

from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import (
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
from twinstage.sync.codec import (
    QUANTUM,
    DeltaBody,
    Frame,
    FrameError,
    Header,
    PoseBody,
    quanta_of,
    unpack_quaternions,
)
from twinstage.sync.messages import CHANNELS
from twinstage.sync.state import State
from twinstage.sync.view import View

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

    def apply(self, frames: Sequence[Frame]) -> TickColumns:
        """All frames of one tick, its end included; FrameError where they do not fit what is held. Returns what they say."""
        head = frames[-1].header
        if head.keyframe:
            self.state = State(self._nodes, self._signals)
        elif head.seq < self.seq or not self._follows(head.base_seq, frames):
            raise FrameError(f"tick {head.seq} builds on {head.base_seq}, but the last one was {self.seq}")
        bodies = [frame.body for frame in frames]
        columns = TickColumns(
            pose=self._poses(bodies, head),
            visibility=_shown(bodies),
            style=_styles(bodies),
            signals=_signal_rows(bodies),
            texts=_texts(bodies),
            entities=_entities(bodies),
            watermark_ns=head.watermark_ns,
        )
        self._check(columns)
        usable = np.ones(len(columns.pose), np.bool_)
        self.state.take(head.seq, columns, usable, head.tick_ns, moved=False)
        self.state.event_ns = head.event_ns
        return columns

    def _follows(self, base: int, frames: Sequence[Frame]) -> bool:
        """Whether a tick with that base says all that is missing, and its changes are changes of what is held."""
        behind = (self.seq - base) & 0xFFFFFFFF
        return behind == 0 or (behind < 1 << 31 and not any(isinstance(f.body, DeltaBody) for f in frames))

    def _poses(self, bodies: Sequence[object], head: Header) -> PoseColumns:
        parts: list[tuple[np.ndarray, ...]] = []
        for body in bodies:
            if isinstance(body, PoseBody):
                scale = np.ones((len(body), 3), np.float32) if body.scale is None else body.scale
                parts.append((body.index, quanta_of(body.translation), body.words, scale))
            elif isinstance(body, DeltaBody):
                parts.append(self._moved(body))
        if not parts:
            return empty_pose(head.seq, head.event_ns)
        rows, quanta, words, scale = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(parts) > 1:
            order = np.argsort(rows, kind="stable")
            rows, quanta, words, scale = rows[order], quanta[order], words[order], scale[order]
        return PoseColumns(
            head.seq,
            head.event_ns,
            frozen(rows, np.uint32),
            frozen(quanta * QUANTUM, np.float64),
            frozen(unpack_quaternions(words), np.float32),
            frozen(scale, np.float32),
            (frozen(quanta, np.int64), frozen(words, np.uint16)),
        )

    def _moved(self, body: DeltaBody) -> tuple[np.ndarray, ...]:
        self._known(body.index, self._nodes, "node")
        if not (self.state.pose.seq[body.index] > 0).all():
            raise FrameError("a tick changes the pose of a node that has none yet")
        quanta, words, scale = (column[body.index] for column in self.state.pose.data)
        steps = np.rint(body.move * (body.quantum / QUANTUM)).astype(np.int64)
        return body.index, quanta + steps, words + body.turn, scale

    def _check(self, columns: TickColumns) -> None:
        for rows in (
            columns.pose.index,
            columns.visibility.index,
            columns.style.index,
            columns.entities.index,
        ):
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
    parts = [body for body in bodies if isinstance(body, TextColumns)]
    return TextColumns(
        _joined([part.signal for part in parts], np.uint32),
        tuple(text for part in parts for text in part.text),
        _joined([part.event_ns for part in parts], np.int64),
        _joined([part.quality for part in parts], np.uint32),
    )


def _entities(bodies: Sequence[object]) -> EntityColumns:
    parts = [body for body in bodies if isinstance(body, EntityColumns)]
    return EntityColumns(
        _joined([part.index for part in parts], np.uint32), _joined([part.entity for part in parts], np.int64)
    )


def _joined(parts: Sequence[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return frozen(np.concatenate(parts) if parts else np.empty(0), dtype)
