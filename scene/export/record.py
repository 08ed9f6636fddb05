"""A window of the twin's life: what the live layer held at each frame, kept as changes only.

Frame k of a window is time code `start_code + k * codes_per_frame`. Values between two samples are interpolated by whoever
opens the file (matrices element by element), so where a value rests, its last frame is written again before it moves on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.export.own import OwnLayer
from twinstage.scene.stage import OpenedStage

MAX_FRAMES = 200_000
MAX_CHANGES = 20_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """Frames of a recorded window [s from the start of the recording], and their time codes."""

    start: float
    end: float
    fps: float
    start_code: float
    codes_per_second: float

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise UserError(
                f"a window from {self.start:g} s to {self.end:g} s is none: it runs from 0 or later onwards"
            )
        if not 0 < self.fps <= 1000:
            raise UserError(f"--fps is {self.fps:g}; a number above 0 and up to 1000 was expected")
        if self.count > MAX_FRAMES:
            raise UserError(
                f"the window has {self.count} frames; at most {MAX_FRAMES} can be written in one export"
            )

    @property
    def count(self) -> int:
        """Number of frames; the last one is at `end` or just before."""
        return int((self.end - self.start) * self.fps + 1e-9) + 1

    def time(self, frame: int) -> float:
        """When a frame is [s]."""
        return self.start + frame / self.fps

    def code(self, frame: int) -> float:
        """The time code of a frame."""
        return self.start_code + frame * self.codes_per_second / self.fps


@dataclass
class Track:
    """The values of one attribute: frames at which it changed, rising, and what it changed to (None: no value)."""

    frames: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    @property
    def moves(self) -> bool:
        """Whether it changed within the window."""
        return len(self.frames) > 1

    def samples(self, window: Window) -> Iterator[tuple[float, Any]]:
        """(time code, value): each change, and before it the last frame of what was before."""
        for k, (frame, value) in enumerate(zip(self.frames, self.values, strict=True)):
            if k and frame - 1 > self.frames[k - 1]:
                yield window.code(frame - 1), self.values[k - 1]
            yield window.code(frame), value


class Recorder:
    """Looks at the live layer, frame by frame. Attributes that stronger session layers cover are left alone.

    What the layer holds at the first frame is followed: a writer makes the specs of all bindings before its first tick.
    """

    def __init__(self, opened: OpenedStage, window: Window) -> None:
        self.window = window
        self.tracks: dict[str, Track] = {}
        self._opened = opened
        self._specs: dict[str, Any] = {}
        self._changes = 0

    def take(self, frame: int) -> None:
        """Note what changed since the last frame; the live layer must be up to date."""
        if not self._specs:
            self._look_for_specs()
        for path, spec in self._specs.items():
            value = spec.default
            if value is None:
                value = self._beneath(path)
            track = self.tracks.setdefault(path, Track())
            if track.values and track.values[-1] == value:
                continue
            track.frames.append(frame if track.frames else 0)
            track.values.append(value)
            self._changes += 1
            if self._changes > MAX_CHANGES:
                raise UserError(
                    f"the window holds more than {MAX_CHANGES} changes; choose a shorter one or fewer --fps"
                )

    def _look_for_specs(self) -> None:
        covered = [self._opened.layers.ui, self._opened.layers.randomization]
        live = self._opened.layers.live
        found: list[str] = []

        def look(path: Any) -> None:
            if path.IsPrimPropertyPath() and path.name != "xformOpOrder":
                found.append(str(path))

        live.Traverse("/", look)
        for path in sorted(found):
            if path not in self._specs and not any(_has_value(layer, path) for layer in covered):
                self._specs[path] = live.GetAttributeAtPath(path)

    def _beneath(self, path: str) -> Any:
        """What the stage says where the live layer says nothing."""
        attribute = self._opened.stage.GetAttributeAtPath(path)
        return attribute.Get(self._time()) if attribute else None

    def _time(self) -> Any:
        from twinstage.scene.read import time_at

        return time_at(self._opened.stage, None)


def _has_value(layer: Any, path: str) -> bool:
    spec = layer.GetAttributeAtPath(path)
    return spec is not None and spec.HasDefaultValue()


def add_samples(layer: Any, tracks: dict[str, Track], window: Window) -> None:
    """Write the tracks that move as time samples, in place of their defaults."""
    from pxr import Sdf

    for path, track in sorted(tracks.items()):
        spec = layer.GetAttributeAtPath(path)
        if spec is None or not track.moves:
            continue
        spec.ClearDefaultValue()
        for code, value in track.samples(window):
            layer.SetTimeSample(path, code, Sdf.ValueBlock() if value is None else value)


def set_range(layer: Any, window: Window) -> None:
    """The window's time codes as the layer's range."""
    layer.startTimeCode = window.start_code
    layer.endTimeCode = window.code(window.count - 1)
    layer.timeCodesPerSecond = window.codes_per_second
    layer.framesPerSecond = window.fps


def settle(layer: Any, tracks: dict[str, Track]) -> None:
    """Give what rests through the whole window its value there, whatever came after it."""
    for path, track in sorted(tracks.items()):
        spec = layer.GetAttributeAtPath(path)
        if spec is not None and not track.moves and track.values and spec.HasDefaultValue():
            spec.default = track.values[0]


def with_window(own: OwnLayer, tracks: dict[str, Track], window: Window) -> OwnLayer:
    """The own layer with the window as time samples."""
    settle(own.layer, tracks)
    add_samples(own.layer, tracks, window)
    set_range(own.layer, window)
    return own
