"""Plays a recording into a hub: pause, seek, speed, loop. Reads no clock: `advance` is told what time it is.

Each recorded tick becomes one tick of the hub, with what it said, to the bit; its number and its stamp are new. A jump is one
keyframe, and so is the beginning of a loop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from twinstage.base.errors import UserError
from twinstage.scene.columns import TickColumns
from twinstage.scene.snapshot import Snapshot
from twinstage.sync.codec import FrameError
from twinstage.sync.document import bindings_of, signals_of, snapshot_of
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.recording.archive import Archive, Step
from twinstage.sync.recording.replica import Replica

Status = Literal["playing", "paused", "buffering", "ended"]
MIN_SPEED, MAX_SPEED = 0.01, 100.0
MOST_STEPS = 200
"""Ticks that are played before others get their turn."""
_LATE_NS = 250_000_000
"""So far behind it counts as buffering, and the position waits for what is shown."""


@dataclass(frozen=True, slots=True)
class At:
    """How a playback stands. Times in ns since 1970, by the recorded server's clock."""

    status: Status
    position_ns: int
    speed: float
    loop: bool


Made = tuple[Snapshot, Sequence[SignalMeta], Mapping[str, Sequence[str]]]
"""A scene as a hub takes it: snapshot, signals, bindings."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump that was prepared. `made`: the scene, where it is another one; `reached`: recorded time [ns] and seq."""

    at_ns: int
    scene: int
    made: Made | None
    replica: Replica
    steps: Iterator[Step]
    following: Step | None
    reached: tuple[int, int]


class Playback:
    """Feeds `hub`, which `hub_of` made. Belongs to the hub's event loop."""

    def __init__(self, archive: Archive, hub: Hub, *, speed: float = 1.0, loop: bool = False) -> None:
        self.archive = archive
        self.hub = hub
        self.loop = loop
        self.speed = _checked(speed)
        self.paused = False
        self.scene = 0
        """Number of the scene document that is shown."""
        self.shown: tuple[int, int] | None = None
        """Recorded time [ns] and seq of the tick that is shown."""
        self._ended = self._behind = False
        self._position_ns = archive.start_ns
        self._told_ns: int | None = None
        self._replica = Replica(*self._sizes(0))
        self._steps: Iterator[Step] = iter(())
        self._next: Step | None = None

    # ------------------------------------------------------------------ orders

    @property
    def at(self) -> At:
        """How it stands."""
        moving: Status = "buffering" if self._behind else "playing"
        status: Status = "ended" if self._ended else "paused" if self.paused else moving
        return At(status, self._position_ns, self.speed, self.loop)

    def play(self, now_ns: int) -> None:
        """Goes on; from the beginning where it has ended."""
        if self._ended:
            self.seek(self.archive.start_ns, now_ns)
        self.paused, self._told_ns = False, now_ns

    def pause(self, now_ns: int) -> None:
        """Stands still at what is shown."""
        self.advance(now_ns)
        self.paused = True

    def set_speed(self, speed: float, now_ns: int) -> None:
        """That many times as fast from now on. Raises UserError outside 0.01 to 100."""
        checked = _checked(speed)
        self.advance(now_ns)
        self.speed = checked

    def seek(self, at_ns: int, now_ns: int) -> None:
        """Shows that moment, or the nearest that there is."""
        self.land(self.prepare(at_ns), now_ns)

    def prepare(self, at_ns: int) -> Jump:
        """What a jump there needs: all that takes time. Changes nothing, and may run on another thread."""
        at_ns = min(max(at_ns, self.archive.start_ns), self.archive.end_ns)
        steps, following, reached = self.archive.steps(at_ns), None, None
        scene, replica = -1, Replica(0, 0)
        for step in steps:
            if reached is not None and step.at_ns > at_ns:
                following = step
                break
            if step.keyframe:
                assert step.mark is not None
                scene = step.mark.scene
                replica = Replica(*self._sizes(scene))
            if step.frames:
                self._applied(replica, step)
                reached = step.at_ns, replica.seq
        if reached is None:
            raise UserError(f"{self.archive.path} is damaged: nothing is told at that moment")
        made = None if scene == self.scene else self._made(scene)
        return Jump(at_ns, scene, made, replica, steps, following, reached)

    def land(self, jump: Jump, now_ns: int) -> None:
        """Shows what was prepared."""
        if jump.scene != self.scene:
            self._show_scene(jump.scene, jump.made)
        self._replica, self._steps, self._next = jump.replica, jump.steps, jump.following
        self.shown = jump.reached
        self.hub.begin_again(self._replica.state.copy(), now_ns=now_ns)
        self._position_ns, self._told_ns = jump.at_ns, now_ns
        self._ended = self._behind = False

    # ------------------------------------------------------------------ time

    def advance(self, now_ns: int) -> float | None:
        """Plays what is due by `now_ns` (any clock that only rises); returns the time until the next [s], None = never."""
        if self.paused or self._ended:
            return None
        since = 0 if self._told_ns is None else max(0, now_ns - self._told_ns)
        self._told_ns = now_ns
        target = self._position_ns + int(since * self.speed)
        for _ in range(MOST_STEPS):
            step = self._peek()
            if step is None:
                return self._end(now_ns)
            if step.at_ns > target:
                self._position_ns, self._behind = target, False
                return (step.at_ns - target) / 1e9 / self.speed
            self._next = None
            self._position_ns = max(self._position_ns, step.at_ns)
            self._follow(step, now_ns)
        late = target - self._position_ns
        self._behind = late > _LATE_NS * self.speed
        if not self._behind:
            self._told_ns = now_ns - int(late / self.speed)
        return 0.0

    def _end(self, now_ns: int) -> float | None:
        self._position_ns = self.archive.end_ns
        if self.loop and self.archive.end_ns > self.archive.start_ns:
            self.seek(self.archive.start_ns, now_ns)
            return 0.0
        self._ended, self._behind = True, False
        return None

    def _peek(self) -> Step | None:
        if self._next is None:
            self._next = next(self._steps, None)
        return self._next

    def _follow(self, step: Step, now_ns: int) -> None:
        if step.event is not None:
            self._tell(step.event)
        elif step.keyframe:
            assert step.mark is not None
            if (step.mark.scene, step.mark.seq) == (self.scene, self._replica.seq):
                return  # it stands there already
            self._take_keyframe(step)
            self.hub.begin_again(self._replica.state.copy(), now_ns=now_ns)
        elif step.frames:
            self.hub.publish(self._apply(step), now_ns=now_ns)

    def _take_keyframe(self, step: Step) -> None:
        mark = step.mark
        assert mark is not None
        if mark.scene != self.scene:
            self._show_scene(mark.scene, None)
        self._replica = Replica(*self._sizes(mark.scene))
        self._apply(step)

    def _apply(self, step: Step) -> TickColumns:
        made = self._applied(self._replica, step)
        self.shown = step.at_ns, self._replica.seq
        return made

    def _applied(self, replica: Replica, step: Step) -> TickColumns:
        try:
            return replica.apply(step.frames)
        except FrameError as error:
            raise UserError(f"{self.archive.path} is damaged: {error}") from None

    def _show_scene(self, scene: int, made: Made | None) -> None:
        self.scene = scene
        self.hub.replace_scene(*(made or self._made(scene)))

    def _made(self, scene: int) -> Made:
        document = self.archive.document(scene)
        return snapshot_of(document), signals_of(document), bindings_of(document)

    def _sizes(self, scene: int) -> tuple[int, int]:
        """How many nodes and signals a scene has."""
        document = self.archive.document(scene)
        return document["nodes"]["count"] + document["points"]["count"], len(document["signals"])

    def _tell(self, event: dict[str, Any]) -> None:
        name, data = event.get("event"), event.get("data")
        if isinstance(name, str) and isinstance(data, dict):
            self.hub.event(name, data)


def hub_of(archive: Archive, epoch: str) -> Hub:
    """A hub of the recording's first scene, without any values yet."""
    document = archive.document(0)
    return Hub(snapshot_of(document), signals_of(document), bindings_of(document), epoch=epoch)


def scene_of(playback: Playback) -> bytes:
    """The scene document that is shown, as the hub numbers it."""
    hub = playback.hub
    document = playback.archive.document(playback.scene)
    return msgspec.json.encode(document | {"epoch": hub.epoch, "revision": hub.revision})


def _checked(speed: float) -> float:
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise UserError(f"a speed of {speed:g}: {MIN_SPEED:g} to {MAX_SPEED:g} are possible")
    return speed
