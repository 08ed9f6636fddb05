"""How far a run is: a bar with rate, time left and rejects on a terminal, a line now and then where there is none."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from twinstage.synth.frame import FrameSummary

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


class FrameProgress(Protocol):
    """What the run tells."""

    def update(self, done: int, total: int) -> None: ...

    def frame(self, summary: "FrameSummary") -> None: ...


class Rejects:
    """Counts attempts and frames that were rejected."""

    def __init__(self) -> None:
        self.attempts = self.frames = 0

    def frame(self, summary: "FrameSummary") -> None:
        self.attempts += len(summary.refused)
        self.frames += summary.reason is not None

    def __str__(self) -> str:
        if not self.attempts:
            return "no rejects"
        given_up = f", {_count(self.frames, 'frame')} given up" if self.frames else ""
        return f"{_count(self.attempts, 'reject')}{given_up}"


class Lines(Rejects):
    """A line every ten seconds, and one at the end."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream
        self._began: tuple[float, int] | None = None
        self._told = 0.0

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = (now, done)
            self._told = now
        if now - self._told >= EVERY or (done == total and total and done > self._began[1]):
            self._told = now
            print(self.line(done, total, now), file=self.stream, flush=True)

    def line(self, done: int, total: int, now: float) -> str:
        """`120 of 1000 frames, 3.1 a second, 4:43 left, 2 rejects`."""
        began, first = self._began or (now, done)
        rate = (done - first) / (now - began) if now > began else 0.0
        left = f", {_clock((total - done) / rate)} left" if rate > 0 and done < total else ""
        return f"{done} of {total} frames, {rate:.1f} a second{left}, {self}"


class Bar(Rejects):
    """A bar on a terminal."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        columns = (
            TextColumn("frames"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rejects]}"),
        )
        self.bar = Progress(*columns, console=console)
        self._task = self.bar.add_task("frames", total=None, rate="", rejects="")
        self._began: tuple[float, int] | None = None

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = (now, done)
            self.bar.start()  # at the first sign of work: a mistake found before leaves one sentence and no bar
        began, first = self._began
        rate = f"{(done - first) / (now - began):.1f}/s" if now > began else ""
        self.bar.update(self._task, completed=done, total=total, rate=rate, rejects=str(self))


@contextmanager
def frame_progress() -> Iterator[FrameProgress]:
    """A bar or lines on standard error, so that standard output stays a result that a program can read."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(sys.stderr)
        return
    bar = Bar(console)
    try:
        yield bar
    finally:
        if bar.bar.live.is_started:
            bar.bar.stop()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
