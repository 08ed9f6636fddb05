"""The newest state of everything that moves, its rate tiers, and the clients that follow them.

Clients of one tier that are in step share one encoding; so do clients that fell behind by the same ticks.

A hub belongs to one event loop: call its methods on that loop's thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakValueDictionary

import msgspec
import numpy as np

from twinstage.base.clock import Clock, SystemClock
from twinstage.base.errors import UserError
from twinstage.scene.columns import (
    F8,
    Bool,
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
)
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import compose_trs
from twinstage.sync import codec
from twinstage.sync.figures import Counters, StreamFigures
from twinstage.sync.frustum import Places, seen
from twinstage.sync.interest import Selector
from twinstage.sync.messages import CHANNELS, RESTARTING, TIERS, Away, Eye, Interest, StageInfo
from twinstage.sync.playhead import Room
from twinstage.sync.session import Session
from twinstage.sync.state import Column, State
from twinstage.sync.stream import Admit, TakeCommand, TakeControl
from twinstage.sync.tiers import Tier
from twinstage.sync.view import Masks, View


@dataclass(frozen=True, slots=True)
class SignalMeta:
    """What a viewer shows of a signal besides its value: SI unit and type name of the contract; of an enum, names by code."""

    id: str
    unit: str = ""
    type: str = "f64"
    labels: Mapping[int, str] = field(default_factory=dict)


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


class Tap(Protocol):
    """Takes every tick of the fastest tier, and all else that viewers are told, to somewhere else."""

    def changed(self, tier: Tier) -> None:
        """The fastest tier has told a tick."""
        ...

    def scene_replaced(self) -> None:
        """Node ids are void."""
        ...

    def notice(self, level: str, text: str) -> None:
        """A text for all viewers."""
        ...

    def event(self, name: str, n: int, data: Mapping[str, Any]) -> None:
        """Something happened, number n."""
        ...


class Hub:
    """Latest state of one twin and its clients; implements `session.Stream`.

    Args:
        snapshot: the scene that node ids refer to.
        signals: in the order of the state's `signal_ids`: the index is the id in frames.
        bindings: signal ids by prim path, for value panels.
        epoch: names this run; must differ after a restart (see `new_epoch`).
        clock: the time of day, for the stamps of ticks and the pace of the tiers; the system's where None.
        tiers: ticks a second of the rate tiers, falling; the first one tells every tick.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta] = (),
        bindings: Mapping[str, Sequence[str]] | None = None,
        *,
        epoch: str,
        clock: Clock | None = None,
        tiers: Sequence[float] = TIERS,
    ) -> None:
        self.epoch = epoch
        self.epoch_crc = codec.epoch_crc(epoch)
        self.clock: Clock = clock or SystemClock()
        self.counters = Counters()
        self.figures = StreamFigures()
        self.sessions: set[Session] = set()
        self.room = Room(self.sessions)
        self.taps: list[Tap] = []
        self.serves: tuple[str, ...] | None = None
        """Parts of the REST interface that are there, `messages.SERVES`; None: not known."""
        self.standing = ""
        """A warning that holds now: told to who comes; "" for none."""
        self.away: Away | None = None
        """Which twin a relay cannot reach now, since when; None where it can."""
        self.closed_for = ""
        """Why nobody can follow it now, in one sentence; "" where everybody can."""
        self.on_pending: Callable[[], None] | None = None
        """Called when a tier has something to tell later; whoever keeps the time calls `advance` then."""
        self.take_command: TakeCommand | None = None
        """Does what clients want changed; None: nothing can be changed through this hub."""
        self.take_control: TakeControl | None = None
        """Takes what people do with a program's controls; None: there are none."""
        self.edits: Callable[[], int] = lambda: 0
        """Number of the newest transaction."""
        self._rates = tuple(tiers)
        self._events = 0
        self._set_scene(snapshot, signals, bindings or {}, snapshot.revision, 0)

    def _set_scene(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta],
        bindings: Mapping[str, Sequence[str]],
        revision: int,
        seq: int,
    ) -> None:
        by_path = {path: tuple(ids) for path, ids in bindings.items()}
        self.scene = Scene(snapshot, tuple(signals), by_path, self.epoch, revision)
        self.floor = 0
        """Who holds only older ticks needs a keyframe."""
        self._set_state(self._new_state(seq))
        self._views: WeakValueDictionary[tuple[frozenset[str], bytes], View] = WeakValueDictionary()
        self._selector: Selector | None = None

    def _set_state(self, state: State, *, untold: bool = False) -> None:
        """`untold`: the slower tiers have yet to tell what is in it."""
        self._state, seq = state, state.seq - untold
        self.tiers = tuple(
            Tier(hz, state if i == 0 else self._new_state(seq), self.epoch_crc, self._encoded)
            for i, hz in enumerate(self._rates)
        )
        self._digests: dict[View, str] = {}
        self._places: Places | None = None
        for tap in self.taps:
            self.tiers[0].listeners.add(tap)

    def _new_state(self, seq: int) -> State:
        state = State(self.scene.snapshot.node_count, len(self.scene.signals))
        state.seq = seq
        return state

    def _encoded(self, kind: str, size: int) -> None:
        self.counters.encodings += 1
        self.counters.bytes_encoded += size
        self.figures.frame_bytes[kind].observe(size)

    @property
    def seq(self) -> int:
        """The newest tick."""
        return self._state.seq

    @property
    def events(self) -> int:
        """Number of the newest event, 0 = none yet."""
        return self._events

    @property
    def stage(self) -> StageInfo:
        """How the stage was authored."""
        stage = self.scene.snapshot.stage
        return StageInfo(stage.meters_per_unit, stage.up_axis, stage.hash)

    @property
    def revision(self) -> int:
        """Counts scenes; node ids are valid within one."""
        return self.scene.revision

    # ------------------------------------------------------------------ from the twin

    def publish(
        self, columns: TickColumns, *, now_ns: int | None = None, received_ns: int | None = None
    ) -> int:
        """Takes one tick in and wakes the clients that may have it; returns its seq.

        A tick that changes nothing, not even the watermark, is not counted. `now_ns`: the time of day, the clock's where None.
        `received_ns`: when the oldest of the readings in it arrived, if known; both in ns since 1970, UTC. UserError where
        a column names a node or signal that the scene does not have.
        """
        state = self._state
        now = self.clock.now_ns() if now_ns is None else now_ns
        parts = (
            columns.pose,
            columns.style,
            columns.visibility,
            columns.signals,
            columns.texts,
            columns.entities,
        )
        if not any(len(part) for part in parts) and columns.watermark_ns == state.watermark_ns:
            self.advance(now)
            return self.seq
        self._check(columns)
        keep = usable(columns)
        self.counters.ticks += 1
        self.counters.refused_rows += int(len(keep) - np.count_nonzero(keep))
        before = state.seq
        moved = state.take(before + 1, columns, keep, now, moved=bool(self.tiers[0].listeners))
        self._digests.clear()
        for tier in self.tiers:
            tier.arrived(received_ns)
        self.tiers[0].tell(before, moved, now)
        if self.advance(now) is not None and self.on_pending is not None:
            self.on_pending()
        return self.seq

    def begin_again(self, state: State, *, now_ns: int | None = None) -> int:
        """Becomes what `state` is, and nothing of what was told before counts any more: all clients get a keyframe.

        For jumps in time, of the same scene. `state` is taken over. Returns the new seq.
        """
        seq = self.seq + 1
        state.restamp(seq, self.clock.now_ns() if now_ns is None else now_ns)
        self._set_state(state, untold=True)
        self.floor = seq
        for session in self.sessions:
            session.begin_again()
        if self.advance(now_ns) is not None and self.on_pending is not None:
            self.on_pending()
        return seq

    def advance(self, now_ns: int | None = None) -> int | None:
        """Lets the slower tiers tell what is due; returns the time until the next one is [ns], None = nothing waits."""
        now = self.clock.now_ns() if now_ns is None else now_ns
        waits = []
        for tier in self.tiers[1:]:
            wait = tier.wait_ns(self._state, now)
            if wait == 0:
                tier.follow(self._state, now)
            elif wait is not None:
                waits.append(wait)
        return min(waits, default=None)

    def _check(self, columns: TickColumns) -> None:
        nodes, signals = self.scene.snapshot.node_count, len(self.scene.signals)
        sized = {
            "pose": (columns.pose.index, nodes),
            "style": (columns.style.index, nodes),
            "visibility": (columns.visibility.index, nodes),
            "signal": (columns.signals.signal, signals),
            "text": (columns.texts.signal, signals),
            "entity": (columns.entities.index, nodes),
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
        rows, switched = self.moved_nodes(), np.flatnonzero(shown.seq > 0)
        quanta, words, scale = (column[rows] for column in pose.data)
        translation = quanta * codec.QUANTUM
        rotation = codec.unpack_quaternions(words).astype(np.float32)
        return (
            PoseColumns(self.seq, self._state.event_ns, rows.astype(np.uint32), translation, rotation, scale),
            VisibilityColumns(switched.astype(np.uint32), shown.data[0][switched]),
        )

    def latest(self) -> TickColumns:
        """All rows that were told since the scene was set, as one tick: what another scene with the same nodes begins with."""
        state = self._state
        pose, shown = self.newest()

        def rows(column: Column) -> tuple[np.ndarray, ...]:
            at = np.flatnonzero(column.seq > 0)
            return (at.astype(np.uint32), *(data[at] for data in column.data))

        texts, text, text_ns, text_quality = rows(state.texts)
        return TickColumns(
            pose=pose,
            visibility=shown,
            style=StyleColumns(*rows(state.style)),
            signals=SignalColumns(*rows(state.signals)),
            watermark_ns=state.watermark_ns,
            texts=TextColumns(texts, tuple(_text(one) for one in text.tolist()), text_ns, text_quality),
            entities=EntityColumns(*rows(state.entities)),
        )

    def local(self, node: int) -> F8:
        """parent_from_node f8[4, 4] [m] as viewers have it."""
        pose = self._state.pose
        if not pose.seq[node]:
            return np.array(self.scene.snapshot.node_local[node])
        quanta, words, scale = (column[node : node + 1] for column in pose.data)
        return np.asarray(compose_trs(quanta * codec.QUANTUM, codec.unpack_quaternions(words), scale)[0])

    @property
    def event_ns(self) -> int:
        """Source time of the newest pose change [ns since 1970, UTC]; 0 before the first."""
        return self._state.event_ns

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
            self.seq,
        )
        for follower in (*self.sessions, *self.taps):
            follower.scene_replaced()
        return self.revision

    def tap(self, tap: Tap) -> None:
        """From now on all ticks and all else go there, too."""
        self.taps.append(tap)
        self.tiers[0].listeners.add(tap)

    def notice(self, level: str, text: str) -> None:
        """Shows a text to all viewers: level info, warning or error."""
        for follower in (*self.sessions, *self.taps):
            follower.notice(level, text)

    def twin_is(self, away: Away | None, standing: str = "") -> None:
        """Tells all viewers that the twin of this relay cannot be reached, or can again; `standing`: the same as a warning."""
        self.away, self.standing = away, standing
        for session in self.sessions:
            session.away(away or Away(None))

    def event(self, name: str, data: Mapping[str, Any], n: int | None = None) -> int:
        """Tells all clients that want events that something happened; returns the event's number, `n` where it has one."""
        self._events = self._events + 1 if n is None else n
        for follower in (*self.sessions, *self.taps):
            follower.event(name, self._events, data)
        return self._events

    def events_are(self, n: int, *, tell: bool = True) -> None:
        """There were `n` events, of a hub that goes on with another's count; `tell` who follows how many it has missed."""
        missed = n - self._events
        if missed > 0 and tell:
            self.event("missed", {"count": missed}, n)
        self._events = max(self._events, n)

    # ------------------------------------------------------------------ from another hub

    def become(
        self,
        snapshot: Snapshot,
        signals: Sequence[SignalMeta],
        bindings: Mapping[str, Sequence[str]],
        *,
        epoch: str,
        revision: int,
    ) -> None:
        """Another hub's scene from now on; its keyframe is to be absorbed next. Of another epoch, all clients come anew."""
        restarted = epoch != self.epoch
        self.epoch, self.epoch_crc = epoch, codec.epoch_crc(epoch)
        self._set_scene(snapshot, signals, bindings, revision, 0 if restarted else self.seq)
        if restarted:
            self._events = 0
            self.stop("the twin has been started anew")
        else:
            for session in self.sessions:
                session.scene_replaced()
        for tap in self.taps:
            tap.scene_replaced()

    def absorb(
        self,
        frames: Sequence[codec.Frame],
        *,
        now_ns: int | None = None,
        received_ns: int | None = None,
        ready: list[bytes] | None = None,
    ) -> int:
        """Takes in one tick of another hub of the same epoch and revision, with its seq; returns it.

        `ready`: its messages, if they are those for everybody who stands at the tick before. FrameError where the tick does not
        build on what is held here; nothing is changed then.
        """
        now = self.clock.now_ns() if now_ns is None else now_ns
        state, header = self._state, frames[-1].header
        base_fits = header.keyframe or header.base_seq == state.seq & 0xFFFFFFFF
        if header.epoch_crc != self.epoch_crc or not base_fits or header.seq < state.seq:
            raise codec.FrameError(
                f"tick {header.seq} builds on {header.base_seq}, but the last one was {state.seq}"
            )
        before = state.seq
        moved = state.take_frames(frames, moved=bool(self.tiers[0].listeners))
        self.counters.ticks += 1
        self._digests.clear()
        for tier in self.tiers:
            tier.arrived(received_ns)
        everything = self.view(frozenset(CHANNELS), Interest())
        self.tiers[0].tell(before, moved, now, None if ready is None else (everything, ready))
        if self.advance(now) is not None and self.on_pending is not None:
            self.on_pending()
        return self.seq

    # ------------------------------------------------------------------ for clients

    def connect(self, wake: Callable[[], None], *, now_ns: int, admit: Admit | None = None) -> Session:
        """A new client; `wake` is called when its session has something to send, `admit` says who it is."""
        session = Session(self, wake, now_ns=now_ns, admit=admit)
        self.sessions.add(session)
        return session

    def disconnect(self, session: Session) -> None:
        """Forgets a client."""
        self.sessions.discard(session)
        self.room.left(session)
        session.tier.listeners.discard(session)

    def stop(self, reason: str) -> None:
        """Says goodbye to all clients; they will try to reconnect."""
        for session in self.sessions:
            session.close(RESTARTING, reason)

    def tick(self, base_seq: int | None, want: frozenset[str]) -> list[bytes]:
        """Messages with all changes after `base_seq` (None: a keyframe), absolute and plain, encoded once for all."""
        return self.tiers[0].messages(base_seq, self.view(want, Interest()), delta=False, zstd=False)

    def view(self, want: frozenset[str], interest: Interest, before: View | None = None) -> View:
        """What a client with those channels and that interest is shown; the same object for the same question.

        `before`: what it was shown so far; it stays where the client's camera sees no other nodes now.
        """
        key = (want, msgspec.json.encode(msgspec.structs.replace(interest, view=None)))
        view = self._views.get(key)
        if view is None:
            selector = self._select()
            nodes = selector.nodes(interest.prims, interest.labels)
            view = self._views[key] = View(want, nodes, selector.signals(interest.signals))
        return view if interest.view is None else self._seen(view, interest.view, before)

    def _seen(self, whole: View, eye: Eye, before: View | None) -> View:
        """The part of a view that a camera may see."""
        if self._places is None:
            self._places = Places(self.scene.snapshot)
        was = None if before is None else before.nodes
        centre, radius = self._places.balls(self._state.pose, self.clock.now_ns())
        nodes = self._select().narrowed(whole.nodes, seen(eye, centre, radius, was))
        if (
            before is not None
            and was is not None
            and np.array_equal(was, nodes)
            and before.signals is whole.signals
        ):
            return before
        return View(whole.want, nodes, whole.signals)

    def _select(self) -> Selector:
        if self._selector is None:
            self._selector = Selector(self.scene.snapshot, [signal.id for signal in self.scene.signals])
        return self._selector

    def digest(self, view: View, held: Masks) -> str:
        """Hash of the newest state as far as it is shown, and of the rows that are `held` from before."""
        if held:
            return self._state.digest(view, held)
        if view not in self._digests:
            self._digests[view] = self._state.digest(view, held)
        return self._digests[view]


def new_epoch(now_ns: int) -> str:
    """A name for a server's run from the time of its start."""
    return format(now_ns, "x")


def _text(stored: "str | bytes") -> str:
    return stored if isinstance(stored, str) else stored.decode()


def usable(columns: TickColumns) -> Bool:
    """Which poses are finite numbers with a quaternion that has a direction, bool[n]."""
    pose = columns.pose
    quat = pose.rotation
    keep: Bool = np.asarray(np.einsum("ij,ij->i", quat, quat) > 1e-12, bool)
    for column in (pose.translation, quat, pose.scale):
        if column is not None and not np.isfinite(column).all():
            keep &= np.isfinite(column).all(axis=1)
    if np.abs(pose.translation).max(initial=0.0) < codec.FARTHEST:
        return keep
    keep &= np.abs(pose.translation).max(axis=1, initial=0.0) < codec.FARTHEST
    return keep
