"""Plays a recording into a hub: pause, seek, speed, loop. Reads no clock: `advance` is told what time it is.

Each recorded tick becomes one tick of the hub, with what it said, to the bit; its number and its stamp are new. A jump is one
keyframe, and so is the beginning of a loop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from twinstage.base.errors import UserError
from twinstage.scene.columns import TickColumns
from twinstage.sync.codec import FrameError
from twinstage.sync.document import bindings_of, signals_of, snapshot_of
from twinstage.sync.hub import Hub
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
        self._replica = self._new_replica()
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
        at_ns = min(max(at_ns, self.archive.start_ns), self.archive.end_ns)
        self._steps = self.archive.steps(at_ns)
        first = next(self._steps)
        self._take_keyframe(first)
        self._next = None
        for step in self._steps:
            if step.at_ns > at_ns:
                self._next = step
                break
            self._follow_silently(step)
        self.hub.begin_again(self._replica.state.copy(), now_ns=now_ns)
        self._position_ns, self._told_ns = at_ns, now_ns
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

    def _follow_silently(self, step: Step) -> None:
        if step.keyframe:
            self._take_keyframe(step)
        elif step.frames:
            self._apply(step)

    def _take_keyframe(self, step: Step) -> None:
        mark = step.mark
        assert mark is not None
        if mark.scene != self.scene:
            self.scene = mark.scene
            document = self.archive.document(mark.scene)
            self.hub.replace_scene(snapshot_of(document), signals_of(document), bindings_of(document))
        self._replica = self._new_replica()
        self._apply(step)

    def _apply(self, step: Step) -> TickColumns:
        try:
            made = self._replica.apply(step.frames)
        except FrameError as error:
            raise UserError(f"{self.archive.path} is damaged: {error}") from None
        self.shown = step.at_ns, self._replica.seq
        return made

    def _tell(self, event: dict[str, Any]) -> None:
        name, data = event.get("event"), event.get("data")
        if isinstance(name, str) and isinstance(data, dict):
            self.hub.event(name, data)

    def _new_replica(self) -> Replica:
        scene = self.hub.scene
        return Replica(scene.snapshot.node_count, len(scene.signals))


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
