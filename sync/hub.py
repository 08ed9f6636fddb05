"""The newest state of everything that moves, as columns, and the clients that follow it.

Each node and signal remembers the seq of the tick that changed it last. What a client lacks is then one
vectorised comparison, whatever it missed: the cost of joining or catching up depends on the scene, never on
the uptime, and no history is kept. Clients that are in step share one encoding; so do clients that fell
behind by the same ticks.

A hub belongs to one event loop: call its methods on that loop's thread.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import Bool, PoseColumns, SignalColumns, TickColumns, VisibilityColumns
from twinstage.scene.snapshot import Snapshot
from twinstage.sync import codec
from twinstage.sync.messages import RESTARTING
from twinstage.sync.session import Admit, Session


@dataclass(frozen=True, slots=True)
class SignalMeta:
    """What a viewer shows of a signal besides its value: SI unit and type name of the contract."""

    id: str
    unit: str = ""
    type: str = "f64"


@dataclass(frozen=True, slots=True)
class Scene:
    """What node and signal ids refer to, all of one revision; replaced as a whole.

    `signals` are in the order of the state's `signal_ids`: the index is the id in frames. `bindings`: signal
    ids by prim path.
    """

    snapshot: Snapshot
    signals: tuple[SignalMeta, ...]
    bindings: Mapping[str, tuple[str, ...]]
    epoch: str
    revision: int


@dataclass
class Counters:
    """Totals since the start."""

    ticks: int = 0
    refused_rows: int = 0
    """Poses that were not finite numbers, or whose quaternion was zero: the node kept its last pose."""
    encodings: int = 0
    bytes_encoded: int = 0


@dataclass
class _Column:
    """Rows with the seq of their last change (0 = never)."""

    seq: np.ndarray
    data: tuple[np.ndarray, ...]
    newest: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    """Rows that the newest tick changed, ascending."""

    def store(self, seq: int, rows: np.ndarray, *values: np.ndarray) -> None:
        self.newest = rows
        if len(rows):
            self.seq[rows] = seq
            for column, value in zip(self.data, values, strict=True):
                column[rows] = value

    def since(self, base: int, newest_seq: int) -> np.ndarray:
        """Rows changed after `base`, ascending."""
        return self.newest if base == newest_seq - 1 else np.flatnonzero(self.seq > base)


class _State:
    """Columns of one scene revision."""

    def __init__(self, nodes: int, signals: int) -> None:
        def column(n: int, *data: np.ndarray) -> _Column:
            return _Column(np.zeros(n, np.int64), data)

        scale = np.ones((nodes, 3), np.float32)
        self.pose = column(nodes, np.zeros((nodes, 3), np.int64), np.zeros((nodes, 3), np.uint16), scale)
        self.style = column(nodes, np.zeros((nodes, 4), np.uint8))
        self.visibility = column(nodes, np.ones(nodes, np.bool_))
        zeros = np.zeros(signals, np.int64)
        self.signals = column(signals, np.full(signals, np.nan), zeros, np.zeros(signals, np.uint32))
        self.event_ns = 0
        self.watermark_ns = 0


class Hub:
    """Latest state of one twin and its clients; implements `session.Stream`.

    Args:
        snapshot: the scene that node ids refer to.
        signals: in the order of the state's `signal_ids`: the index is the id in frames.
        bindings: signal ids by prim path, for value panels.
        epoch: names this run; must differ after a restart (see `new_epoch`).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta] = (),
        bindings: Mapping[str, Sequence[str]] | None = None,
        *,
        epoch: str,
    ) -> None:
        self.epoch = epoch
        self.epoch_crc = codec.epoch_crc(epoch)
        self.seq = 0
        self.counters = Counters()
        self.sessions: set[Session] = set()
        self._cache: dict[tuple[int | None, frozenset[str]], list[bytes]] = {}
        self._set_scene(snapshot, signals, bindings or {}, snapshot.revision)

    def _set_scene(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta],
        bindings: Mapping[str, Sequence[str]],
        revision: int,
    ) -> None:
        by_path = {path: tuple(ids) for path, ids in bindings.items()}
        self.scene = Scene(snapshot, tuple(signals), by_path, self.epoch, revision)
        self._state = _State(snapshot.node_count, len(signals))
        self._cache.clear()

    @property
    def revision(self) -> int:
        """Counts scenes; node ids are valid within one."""
        return self.scene.revision

    # ------------------------------------------------------------------ from the twin

    def publish(self, columns: TickColumns) -> int:
        """Takes one tick in and wakes the clients that may have it; returns its seq.

        A tick that changes nothing, not even the watermark, is not counted. UserError where a column names a
        node or signal that the scene does not have.
        """
        state = self._state
        pose, keep = columns.pose, _usable(columns)
        nothing = not (len(pose) or len(columns.style) or len(columns.visibility) or len(columns.signals))
        if nothing and columns.watermark_ns == state.watermark_ns:
            return self.seq
        self._check(columns)
        self.seq += 1
        self.counters.ticks += 1
        self.counters.refused_rows += int(len(keep) - np.count_nonzero(keep))
        scale = np.ones((1, 3), np.float32) if pose.scale is None else pose.scale[keep]
        quanta, words = codec.quanta_of(pose.translation[keep]), codec.pack_quaternions(pose.rotation[keep])
        state.pose.store(self.seq, pose.index[keep], quanta, words, scale)
        state.style.store(self.seq, columns.style.index, columns.style.rgba)
        state.visibility.store(self.seq, columns.visibility.index, columns.visibility.visible)
        _store_signals(state, self.seq, columns.signals)
        if len(pose):  # not the maximum: a source's clock may be set back, and a replay may loop
            state.event_ns = pose.event_ns
        state.watermark_ns = columns.watermark_ns
        self._cache.clear()
        for session in self.sessions:
            session.changed()
        return self.seq

    def _check(self, columns: TickColumns) -> None:
        nodes, signals = self.scene.snapshot.node_count, len(self.scene.signals)
        sized = {
            "pose": (columns.pose.index, nodes),
            "style": (columns.style.index, nodes),
            "visibility": (columns.visibility.index, nodes),
            "signal": (columns.signals.signal, signals),
        }
        for name, (index, n) in sized.items():
            if len(index) and int(index.max()) >= n:
                row = int(index.max())
                raise UserError(f"a {name} column names row {row}, but this scene has {n} of them")

    def moved_nodes(self) -> np.ndarray:
        """Nodes that have moved since the scene was set, i8[n] ascending."""
        return np.flatnonzero(self._state.pose.seq > 0)

    def newest(self) -> tuple[PoseColumns, VisibilityColumns]:
        """Poses and visibility of all nodes that changed since the scene was set: copies, for another thread or process."""
        pose, shown = self._state.pose, self._state.visibility
        rows, switched = np.flatnonzero(pose.seq > 0), np.flatnonzero(shown.seq > 0)
        quanta, words, scale = (column[rows] for column in pose.data)
        translation = quanta * codec.QUANTUM
        rotation = codec.unpack_quaternions(words).astype(np.float32)
        return (
            PoseColumns(self.seq, self._state.event_ns, rows.astype(np.uint32), translation, rotation, scale),
            VisibilityColumns(switched.astype(np.uint32), shown.data[0][switched]),
        )

    def replace_scene(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta] | None = None,
        bindings: Mapping[str, Sequence[str]] | None = None,
    ) -> int:
        """Another scene from now on; clients fetch it and get a keyframe. Returns the new revision.

        All live values are forgotten, so publish a full tick (`plan.evaluate(..., full=True)`) next.
        """
        old = self.scene
        self._set_scene(
            snapshot,
            old.signals if signals is None else signals,
            old.bindings if bindings is None else bindings,
            max(old.revision + 1, snapshot.revision),
        )
        for session in self.sessions:
            session.scene_replaced()
        return self.revision

    def notice(self, level: str, text: str) -> None:
        """Shows a text to all viewers: level info, warning or error."""
        for session in self.sessions:
            session.notice(level, text)

    # ------------------------------------------------------------------ for clients

    def connect(self, wake: Callable[[], None], *, now_ns: int, admit: Admit | None = None) -> Session:
        """A new client; `wake` is called when its session has something to send, `admit` says who it is."""
        session = Session(self, wake, now_ns=now_ns, admit=admit)
        self.sessions.add(session)
        return session

    def disconnect(self, session: Session) -> None:
        """Forgets a client."""
        self.sessions.discard(session)

    def stop(self, reason: str) -> None:
        """Says goodbye to all clients; they will try to reconnect."""
        for session in self.sessions:
            session.close(RESTARTING, reason)

    def tick(self, base_seq: int | None, want: frozenset[str]) -> list[bytes]:
        """Messages with all changes after `base_seq` (None: a keyframe), encoded once for all."""
        key = (base_seq, want)
        if key not in self._cache:
            self._cache[key] = self._encode(base_seq, want)
        return self._cache[key]

    def _encode(self, base_seq: int | None, want: frozenset[str]) -> list[bytes]:
        state, base = self._state, base_seq or 0
        stamp = codec.Stamp(
            self.seq,
            state.event_ns,
            state.watermark_ns,
            base,
            self.epoch_crc,
            base_seq is None,
            time.time_ns(),
        )
        frames: list[bytes] = []
        if "pose" in want:
            frames += _pose_frames(stamp, state.pose, state.pose.since(base, self.seq))
        if "style" in want:
            rows = state.style.since(base, self.seq)
            frames += codec.encode_style(stamp, rows, state.style.data[0][rows])
            rows = state.visibility.since(base, self.seq)
            frames += codec.encode_visibility(stamp, rows, state.visibility.data[0][rows])
        if "scalar" in want:
            rows = state.signals.since(base, self.seq)
            frames += codec.encode_signals(stamp, rows, *(column[rows] for column in state.signals.data))
        frames.append(codec.encode_tick_end(stamp))
        self.counters.encodings += 1
        self.counters.bytes_encoded += sum(map(len, frames))
        return codec.packed(frames)


def new_epoch(now_ns: int) -> str:
    """A name for a server's run from the time of its start."""
    return format(now_ns, "x")


def _usable(columns: TickColumns) -> Bool:
    """Which poses are finite numbers with a quaternion that has a direction, bool[n]."""
    pose = columns.pose
    keep = np.asarray(np.abs(pose.rotation).max(axis=1, initial=0.0) > 1e-6, bool)
    for column in (pose.translation, pose.rotation, pose.scale):
        if column is not None:
            keep &= np.isfinite(column).all(axis=1)
    keep &= np.abs(pose.translation).max(axis=1, initial=0.0) < codec.FARTHEST
    return keep


def _store_signals(state: _State, seq: int, signals: SignalColumns) -> None:
    state.signals.store(seq, signals.signal, signals.value, signals.event_ns, signals.quality)


def _pose_frames(stamp: codec.Stamp, pose: _Column, rows: np.ndarray) -> list[bytes]:
    if not len(rows):
        return []
    quanta, words, scale = (column[rows] for column in pose.data)
    return codec.encode_packed(stamp, rows, quanta, words, None if (scale == 1).all() else scale)
