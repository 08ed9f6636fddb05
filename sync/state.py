"""The newest state of everything that a stream tells, as columns that remember when each row changed.

Each row holds the seq of its last change (and of its first). What a client lacks is then one vectorised comparison,
whatever it missed: the cost of joining or catching up depends on the scene, never on the uptime, and no history is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import (
    Bool,
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
)
from twinstage.sync import codec, digest
from twinstage.sync.view import KINDS, Masks, View

_EXACT = 1 << 52
"""Quanta beyond this lie where float64 cannot add one any more: such poses always travel whole."""
_NEAR = (1 << 15) - 1
_REACH = (1 << 31) - 1


class Column:
    """Rows with the seq of their first and last change (0 = never). `data`: one array a field, all of n rows."""

    def __init__(self, *data: np.ndarray) -> None:
        self.data = data
        self.seq = np.zeros(len(data[0]), np.int64)
        self.first = np.zeros(len(data[0]), np.int64)
        self._newest = np.empty(0, np.intp)
        self._newest_after = -1

    def store(self, after: int, seq: int, rows: np.ndarray, *values: np.ndarray) -> None:
        """Rows (ascending) that change in tick `seq`, which follows tick `after`. Fields without values stay as they are."""
        self._newest, self._newest_after = rows, after
        if len(rows):
            self.seq[rows] = seq
            new = rows[self.first[rows] == 0]
            self.first[new] = seq
            for column, value in zip(self.data, values, strict=False):
                column[rows] = value

    def follow(self, newer: "Column", seq: int) -> np.ndarray:
        """Becomes what `newer` is, having been the same at `seq`; returns the rows that changed, ascending."""
        rows = newer.since(seq)
        self._newest, self._newest_after = rows, seq
        if len(rows):
            self.seq[rows], self.first[rows] = newer.seq[rows], newer.first[rows]
            for column, value in zip(self.data, newer.data, strict=True):
                column[rows] = value[rows]
        return rows

    def restamp(self, seq: int) -> None:
        """Whatever was told was told at `seq`."""
        told = np.flatnonzero(self.seq > 0)
        self.seq[told] = self.first[told] = seq
        self._newest, self._newest_after = told, seq - 1

    def since(self, base: int) -> np.ndarray:
        """Rows changed after tick `base`, ascending."""
        return self._newest if base == self._newest_after else np.flatnonzero(self.seq > base)


@dataclass(frozen=True, slots=True)
class Moved:
    """How poses changed from one tick to the next.

    rows [k] ascending; move i4[k, 3] in quanta; turn i2[k, 3], modulo 2^16; absolute bool[k]: what cannot go as a delta (its
    numbers mean nothing).
    """

    rows: np.ndarray
    move: np.ndarray
    turn: np.ndarray
    absolute: Bool


class Told:
    """The rows of a tick's frames by kind, ready to be stored: frames of one kind joined, ids ascending."""

    def __init__(self, frames: Sequence[codec.Frame], held: "State") -> None:
        self.scaled = False
        self._held = held
        self._parts: dict[str, list[tuple[np.ndarray, ...]]] = {kind: [] for kind in KINDS}
        for frame in frames:
            self._add(frame)

    def columns(self, kind: str) -> tuple[np.ndarray, ...]:
        """Rows [k] ascending, and the columns of that kind."""
        parts = self._parts[kind]
        if not parts:
            empty = np.empty(0, np.intp)
            return (empty, *(column[empty] for column in self._held.column(kind).data))
        joined = parts[0] if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts, strict=True)))
        rows = joined[0].astype(np.intp)
        if len(rows) and int(rows.max()) >= len(self._held.column(kind).seq):
            raise codec.FrameError(f"a frame of {kind} names row {int(rows.max())}, which this scene has not")
        if len(parts) > 1:
            order = np.argsort(rows, kind="stable")
            return (rows[order], *(column[order] for column in joined[1:]))
        return (rows, *joined[1:])

    def _add(self, frame: codec.Frame) -> None:
        body = frame.body
        if isinstance(body, codec.PoseBody):
            self.scaled |= body.scale is not None
            scale = np.ones((len(body), 3), np.float32) if body.scale is None else body.scale
            self._parts["pose"].append(
                (body.index, codec.quanta_of(body.translation), np.asarray(body.words), scale)
            )
        elif isinstance(body, codec.DeltaBody):
            self._add_delta(body, frame.header)
        elif isinstance(body, StyleColumns):
            self._parts["style"].append((body.index, body.rgba))
        elif isinstance(body, VisibilityColumns):
            self._parts["visibility"].append((body.index, body.visible))
        elif isinstance(body, SignalColumns):
            self._parts["signals"].append((body.signal, body.value, body.event_ns, body.quality))
        elif isinstance(body, TextColumns):
            text = np.empty(len(body), object)
            text[:] = [codec.utf8(one) for one in body.text]
            self._parts["texts"].append((body.signal, text, body.event_ns, body.quality))
        elif isinstance(body, EntityColumns):
            self._parts["entities"].append((body.index, body.entity))

    def _add_delta(self, body: codec.DeltaBody, header: codec.Header) -> None:
        held = self._held
        if header.keyframe or header.base_seq != held.seq & 0xFFFFFFFF:
            raise codec.FrameError(f"a delta on tick {header.base_seq}, but the last one was {held.seq}")
        rows = body.index
        if len(rows) and int(rows.max()) >= len(held.pose.seq):
            raise codec.FrameError(f"a delta names node {int(rows.max())}, which this scene has not")
        if not (held.pose.seq[rows] > 0).all() or body.quantum != codec.QUANTUM:
            raise codec.FrameError(f"a delta of tick {header.seq} builds on poses that are not held")
        quanta, words, scale = (column[rows] for column in held.pose.data)
        self._parts["pose"].append((rows, quanta + body.move, words + body.turn, scale))


class State:
    """Columns of one scene revision, and the times of the tick that they stand at."""

    def __init__(self, nodes: int, signals: int) -> None:
        ones = np.ones((nodes, 3), np.float32)
        self.pose = Column(np.zeros((nodes, 3), np.int64), np.zeros((nodes, 3), np.uint16), ones)
        self.style = Column(np.zeros((nodes, 4), np.uint8))
        self.visibility = Column(np.ones(nodes, np.bool_))
        times, quality = np.zeros(signals, np.int64), np.zeros(signals, np.uint32)
        self.signals = Column(np.full(signals, np.nan), times, quality)
        self.texts = Column(np.full(signals, b"", object), times.copy(), quality.copy())
        self.entities = Column(np.full(nodes, -1, np.int64))
        self._scaled = False
        """Whether there was ever a scale."""
        self.seq = 0
        self.event_ns = 0
        self.watermark_ns = 0
        self.tick_ns = 0

    def column(self, kind: str) -> Column:
        """The column of a kind of `view.KINDS`."""
        column: Column = getattr(self, kind)
        return column

    # ------------------------------------------------------------------ filling

    def take(
        self, seq: int, columns: TickColumns, usable: Bool, tick_ns: int, *, moved: bool
    ) -> Moved | None:
        """One tick in; `usable`: which poses count. Poses that stay where they are do not count as changed.

        Returns how the poses changed if `moved` asks for it.
        """
        after, self.seq, self.tick_ns = self.seq, seq, tick_ns
        change = self._take_poses(after, columns, usable, moved)
        style, shown, signals = columns.style, columns.visibility, columns.signals
        self.style.store(after, seq, style.index, style.rgba)
        self.visibility.store(after, seq, shown.index, shown.visible)
        self.signals.store(after, seq, signals.signal, signals.value, signals.event_ns, signals.quality)
        self._take_others(after, columns)
        if len(columns.pose):  # not the maximum: a source's clock may be set back, and a replay may loop
            self.event_ns = columns.pose.event_ns
        self.watermark_ns = columns.watermark_ns
        return change

    def restamp(self, seq: int, tick_ns: int) -> None:
        """Now counts as one tick, number `seq`."""
        self.seq, self.tick_ns = seq, tick_ns
        for kind in KINDS:
            self.column(kind).restamp(seq)

    def copy(self) -> "State":
        """The same, for someone who will change it."""
        out = State(len(self.pose.seq), len(self.signals.seq))
        for kind in KINDS:
            new, old = out.column(kind), self.column(kind)
            rows = np.flatnonzero(old.seq > 0)
            new.store(0, max(self.seq, 1), rows, *(column[rows] for column in old.data))
        out.seq, out.event_ns, out._scaled = self.seq, self.event_ns, self._scaled
        out.watermark_ns, out.tick_ns = self.watermark_ns, self.tick_ns
        return out

    def _take_poses(self, after: int, columns: TickColumns, usable: Bool, moved: bool) -> Moved | None:
        rows, quanta, words, scale = _usable_poses(columns.pose, usable)
        data = self.pose.data
        if scale is not None:
            self._scaled = True
        elif self._scaled:
            scale = np.ones((len(rows), 3), np.float32)
        new = (
            [quanta, words] if scale is None else [quanta, words, scale]
        )  # without: every scale is and stays 1
        old = [column.take(rows, axis=0) for column in data[: len(new)]]
        had = self.pose.seq.take(rows) > 0
        differs = ~had
        for after_it, before_it in zip(new, old, strict=True):
            differs |= _any(after_it != before_it)
        if not differs.all():
            at = np.flatnonzero(differs)
            rows, had = rows.take(at), had.take(at)
            new, old = (
                [column.take(at, axis=0) for column in new],
                [column.take(at, axis=0) for column in old],
            )
        change = _moved(rows, had, old, new) if moved else None
        self.pose.store(after, self.seq, rows, *new)
        return change

    def _take_others(self, after: int, columns: TickColumns) -> None:
        texts, entities = columns.texts, columns.entities
        told = np.empty(len(texts), object)
        told[:] = [codec.utf8(text) for text in texts.text]
        self.texts.store(after, self.seq, texts.signal, told, texts.event_ns, texts.quality)
        self.entities.store(after, self.seq, entities.index, entities.entity)

    def take_frames(self, frames: Sequence[codec.Frame], *, moved: bool) -> Moved | None:
        """One tick in as another server told it, whole numbers and all: what it holds afterwards is the same, bit by bit.

        Every row that is told counts as changed. FrameError where a delta does not build on what is held, or an id is unknown.
        """
        told = Told(frames, self)
        columns = {
            kind: told.columns(kind) for kind in KINDS
        }  # whatever is wrong shows here, before anything is changed
        header = frames[-1].header
        after, self.seq, self.tick_ns = self.seq, header.seq, header.tick_ns
        self.event_ns, self.watermark_ns = header.event_ns, header.watermark_ns
        self._scaled |= told.scaled
        rows, *new = columns["pose"]
        change = None
        if moved:
            old = [column[rows] for column in self.pose.data]
            change = _moved(rows, self.pose.seq[rows] > 0, old, new)
        for kind, (rows, *new) in columns.items():
            self.column(kind).store(after, self.seq, rows, *new)
        return change

    def follow(self, newer: "State") -> Moved:
        """Becomes what `newer` is now, and tells how the poses changed."""
        after = self.seq
        rows = newer.pose.since(after)
        old = [column[rows] for column in self.pose.data]
        had = self.pose.seq[rows] > 0
        for kind in KINDS:
            self.column(kind).follow(newer.column(kind), after)
        self.seq, self.event_ns = newer.seq, newer.event_ns
        self.watermark_ns, self.tick_ns = newer.watermark_ns, newer.tick_ns
        return _moved(rows, had, old, [column[rows] for column in self.pose.data])

    # ------------------------------------------------------------------ telling

    def encode(
        self,
        epoch_crc: int,
        base: int | None,
        view: View,
        *,
        moved: Moved | None = None,
        also: Masks | None = None,
        zstd: bool = False,
    ) -> list[bytes]:
        """Messages of one tick: all that changed after tick `base` (None: a keyframe) and that the view shows.

        `moved`: how poses changed since exactly `base`; they go as deltas then. `also`: rows to tell in any case.
        """
        since = base or 0
        stamp = codec.Stamp(
            self.seq, self.event_ns, self.watermark_ns, since, epoch_crc, base is None, self.tick_ns
        )

        def rows(kind: str) -> np.ndarray:
            return view.rows(kind, self.column(kind), since, also)

        frames = (
            self._moved_frames(stamp, view, moved, zstd)
            if moved
            else self._pose_frames(stamp, rows("pose"), zstd)
        )
        at = rows("style")
        frames += codec.encode_style(stamp, at, self.style.data[0][at], zstd=zstd)
        at = rows("visibility")
        frames += codec.encode_visibility(stamp, at, self.visibility.data[0][at], zstd=zstd)
        at = rows("signals")
        frames += codec.encode_signals(stamp, at, *(column[at] for column in self.signals.data), zstd=zstd)
        at = rows("texts")
        if len(at):
            text, times, quality = (column[at] for column in self.texts.data)
            frames += codec.encode_texts(stamp, at, text.tolist(), times, quality, zstd=zstd)
        at = rows("entities")
        frames += codec.encode_entities(stamp, at, self.entities.data[0][at], zstd=zstd)
        frames.append(codec.encode_tick_end(stamp))
        return codec.packed(frames)

    def _pose_frames(self, stamp: codec.Stamp, rows: np.ndarray, zstd: bool) -> list[bytes]:
        """Rows without a scale first, so that they need no column for it."""
        if not len(rows):
            return []
        quanta, words, scale = (column[rows] for column in self.pose.data)
        plain = ~_any(scale != 1)
        frames: list[bytes] = []
        for part, factors in ((plain, None), (~plain, scale)):
            if part.all():
                return codec.encode_packed(stamp, rows, quanta, words, factors, zstd=zstd)
            at = np.flatnonzero(part)
            some = None if factors is None else factors[at]
            frames += codec.encode_packed(stamp, rows[at], quanta[at], words[at], some, zstd=zstd)
        return frames

    def _moved_frames(self, stamp: codec.Stamp, view: View, moved: Moved, zstd: bool) -> list[bytes]:
        shown = view.shows("pose", moved.rows)
        whole = moved.rows[shown & moved.absolute]
        at = np.flatnonzero(shown & ~moved.absolute)
        columns = (moved.rows, moved.move, moved.turn)
        rows, move, turn = (
            columns if len(at) == len(moved.rows) else (each.take(at, axis=0) for each in columns)
        )
        frames = self._pose_frames(stamp, whole, zstd)
        return frames + (codec.encode_delta(stamp, rows, move, turn, zstd=zstd) if len(rows) else [])

    def digest(self, view: View, held: Masks) -> str:
        """What `SceneModel.digest` of a client gives that was told all of the view, and before that what is `held`."""

        def rows(kind: str) -> np.ndarray:
            return view.rows(kind, self.column(kind), 0, held)

        def columns(kind: str) -> tuple[np.ndarray, ...]:
            at = rows(kind)
            return (at, *(column[at] for column in self.column(kind).data))

        texts, text, _, quality = columns("texts")
        return digest.hex_digest(
            digest.pose_rows(*columns("pose")),
            digest.style_rows(*columns("style")),
            digest.visibility_rows(*columns("visibility")),
            digest.signal_rows(*columns("signals")),
            digest.text_rows(texts, text.tolist(), quality),
            digest.entity_rows(*columns("entities")),
        )


def _usable_poses(
    pose: PoseColumns, usable: Bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows, quanta, words and scale (None: all 1) of the poses that count."""
    part = slice(None) if usable.all() else usable
    if pose.packed is None:
        quanta, words = codec.quanta_of(pose.translation[part]), codec.pack_quaternions(pose.rotation[part])
    else:
        quanta, words = pose.packed[0][part], pose.packed[1][part]
    return pose.index[part], quanta, words, None if pose.scale is None else pose.scale[part]


def _moved(rows: np.ndarray, had: Bool, old: list[np.ndarray], new: list[np.ndarray]) -> Moved:
    """Columns `old` and `new`: quanta, words and, unless every scale is 1, scale of those rows."""
    move = new[0] - old[0]
    turn = (new[1] - old[1]).view(np.int16)
    reach = _greatest(move)
    absolute = ~had | (_greatest(new[0]) > _EXACT) | (reach > _REACH)
    if len(new) > 2 and (scaled := new[2] != old[2]).any():
        absolute |= _any(scaled)
    far = (reach > _NEAR) & ~absolute
    if (
        0 < 8 * np.count_nonzero(far) <= len(rows)
    ):  # a few jumps must not make the columns of all others wider
        absolute |= far
    return Moved(rows, move.astype(np.int32), turn, absolute)


def joined(parts: Sequence[Moved]) -> Moved:
    """How poses changed over several ticks, one after the other."""
    first = parts[0]
    if all(np.array_equal(first.rows, part.rows) for part in parts[1:]):
        rows, places = first.rows, [slice(None)] * len(parts)
    else:
        rows = np.unique(np.concatenate([part.rows for part in parts]))
        places = [np.searchsorted(rows, part.rows) for part in parts]  # type: ignore[misc]
    move = np.zeros((len(rows), 3), np.int64)
    turn, absolute = np.zeros((len(rows), 3), np.int16), np.zeros(len(rows), np.bool_)
    for part, at in zip(parts, places, strict=True):
        move[at] += part.move
        turn[at] += part.turn
        absolute[at] |= part.absolute
    absolute |= _greatest(move) > _REACH
    return Moved(rows, move.astype(np.int32), turn, absolute)


def _any(columns: np.ndarray) -> Bool:
    """Which rows of bool[n, k] hold a true one. For small k several times faster than numpy's reduction of an axis."""
    out: Bool = columns[:, 0].copy()
    for k in range(1, columns.shape[1]):
        out |= columns[:, k]
    return out


def _greatest(columns: np.ndarray) -> np.ndarray:
    """Greatest magnitude of each row of i8[n, 3]."""
    size = np.abs(columns)
    greatest: np.ndarray = np.maximum(np.maximum(size[:, 0], size[:, 1]), size[:, 2])
    return greatest
