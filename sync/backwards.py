"""Ticks of a span of the past as frames, forwards or backwards. Pure.

Backwards the span is gone through forwards once, and for each tick what it changed is kept as it was before; then a keyframe of
the end is told, and the changes are taken back one by one. What that needs grows with what changed, not with the scene.
"""

from collections.abc import Iterable

import numpy as np

from twinstage.scene.columns import (
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.sync import codec
from twinstage.sync.hub import usable
from twinstage.sync.messages import CHANNELS
from twinstage.sync.state import State
from twinstage.sync.view import View

_EVERYTHING = View(frozenset(CHANNELS))
Moments = Iterable[tuple[int, TickColumns]]
"""Rising moments [ns], and what changed by then; the first one tells all that is not in the state yet."""


def told(
    state: State, ticks: Moments, epoch_crc: int, *, backwards: bool, most_bytes: int
) -> tuple[bytes, int]:
    """A keyframe and the ticks after it (backwards: before it), and the moment of the last one; cut off behind `most_bytes`.

    `state` is taken over; what is in it stands at all moments. Poses must be snapped, see `codec.snap_pose`.
    """
    return (_backwards if backwards else _forwards)(state, ticks, epoch_crc, most_bytes)


def _forwards(state: State, ticks: Moments, epoch_crc: int, most_bytes: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    size = moment = 0
    begin = state.seq
    for seq, (moment, tick) in enumerate(ticks, begin + 1):
        size += _take(state, seq, tick, moment, epoch_crc, parts, keyframe=seq == begin + 1)
        if size > most_bytes:
            break
    return b"".join(parts), moment


def _backwards(state: State, ticks: Moments, epoch_crc: int, most_bytes: int) -> tuple[bytes, int]:
    undone: list[tuple[int, TickColumns]] = []
    moment = 0
    for seq, (later, tick) in enumerate(ticks, state.seq + 1):
        if moment:
            undone.append((moment, before(state, tick)))
        state.take(seq, tick, usable(tick), later, moved=False)
        moment = later
    parts = state.encode(epoch_crc, None, _EVERYTHING, zstd=True)
    size = sum(map(len, parts))
    for seq, (earlier, tick) in enumerate(reversed(undone), state.seq + 1):
        if size > most_bytes:
            break
        moment = earlier
        size += _take(state, seq, tick, moment, epoch_crc, parts, keyframe=False)
    return b"".join(parts), moment


def _take(
    state: State,
    seq: int,
    tick: TickColumns,
    moment: int,
    epoch_crc: int,
    parts: list[bytes],
    *,
    keyframe: bool,
) -> int:
    """One tick into the state, and its messages to `parts`; returns their bytes."""
    base = None if keyframe else state.seq
    moved = state.take(seq, tick, usable(tick), moment, moved=not keyframe)
    messages = state.encode(epoch_crc, base, _EVERYTHING, moved=moved, zstd=True)
    parts += messages
    return sum(map(len, messages))


def before(state: State, tick: TickColumns) -> TickColumns:
    """The rows of a tick as they are before it. A node that was never placed until then stays where the tick puts it."""
    poses, signals, texts = state.pose, state.signals, state.texts
    rows = tick.pose.index[poses.seq[tick.pose.index] > 0]
    quanta, words, scale = (column[rows] for column in poses.data)
    said, spoken = tick.signals.signal, tick.texts.signal
    value, value_ns, quality = (column[said] for column in signals.data)
    text, text_ns, text_quality = (column[spoken] for column in texts.data)
    return TickColumns(
        pose=PoseColumns(
            tick.pose.ordinal,
            state.event_ns,
            frozen(rows, np.uint32),
            frozen(quanta * codec.QUANTUM, np.float64),
            frozen(codec.unpack_quaternions(words), np.float32),
            frozen(scale, np.float32),
            (frozen(quanta, np.int64), frozen(words, np.uint16)),
        ),
        style=StyleColumns(tick.style.index, state.style.data[0][tick.style.index]),
        visibility=VisibilityColumns(tick.visibility.index, state.visibility.data[0][tick.visibility.index]),
        signals=SignalColumns(said, value, value_ns, quality),
        watermark_ns=state.watermark_ns,
        texts=TextColumns(spoken, tuple(one.decode() for one in text.tolist()), text_ns, text_quality),
        entities=EntityColumns(tick.entities.index, state.entities.data[0][tick.entities.index]),
    )
