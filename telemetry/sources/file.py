"""Replay of a recorded CSV or JSONL file, paced by the rows' own times.

The first row goes out at once, every other one as much later as its time says, divided by `speed`; rows without a
readable time go with the row before them, so that bad lines reach the quarantine. With `loop` the file begins again one
mean step after its last row, announced by a `Restart` that carries the length of the cycle.

Event times stay those of the rows at any speed, so rates and integrals are right; at a speed other than 1 they drift away
from the wall clock, and an age is then to be taken against the ingest's watermark.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.contract import SourceSpec
from twinstage.telemetry.readers import row_clock
from twinstage.telemetry.sources.base import SOURCES, Chunk, Restart, Source, uri_rest

BLOCK = 1 << 16


@SOURCES.register
class FileSource:
    """`file:path`, relative to the contract."""

    kind = "file"
    replays = True

    @staticmethod
    def read(path: Path) -> BinaryIO:
        """The recording as lines. Raises UserError where it cannot be read."""
        return open_file(path)

    async def open(
        self, uri: str, *, spec: SourceSpec, base_dir: Path, seed: int, clock: Clock, speed: float
    ) -> AsyncIterator[Chunk]:
        path = file_path(uri, base_dir)
        pace = _Pace(clock, speed)
        shift = 0
        while True:
            cycle = _Cycle()
            with self.read(path) as file:
                async for chunk in _play(file, spec, pace, cycle, shift):
                    yield chunk
            if not spec.loop:
                return
            if cycle.length_ns <= 0:
                raise UserError(f"{path} cannot loop: it has no two rows with different times")
            shift += cycle.length_ns
            await pace.until(shift)
            yield Restart(cycle.length_ns)


def file_path(uri: str, base_dir: Path) -> Path:
    """The file that a `file:` URI names."""
    return base_dir / uri_rest(uri)


def open_file(path: Path) -> BinaryIO:
    """Open for reading, or say in one sentence why not."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            f"there is no telemetry file {str(path)!r}{did_you_mean(path.name, near, most=4)}"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{str(path)!r} is a folder; a telemetry file was expected") from None
    except OSError as error:
        raise UserError(f"the telemetry file {str(path)!r} cannot be read: {error.strerror}") from None


def is_recording(kind: str) -> bool:
    """Whether sources of that kind replay a file."""
    return issubclass(SOURCES.get(kind), FileSource)


def open_recording(kind: str, path: Path) -> BinaryIO | None:
    """A recording of a source kind as lines; None where that kind is not a recording in a file."""
    source: type[Source] = SOURCES.get(kind)
    return source.read(path) if issubclass(source, FileSource) else None


class _Cycle:
    """First and last time of one pass through a file [ns], and how many rows told one."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = 0
        self.rows = 0

    def see(self, time: int) -> int:
        """Take a row's time; returns how long after the first row it is due (never less than for rows before)."""
        if self.first is None:
            self.first = self.last = time
        self.last = max(self.last, time)
        self.rows += 1
        return self.last - self.first

    @property
    def length_ns(self) -> int:
        """From the first row to the last, and one mean step; 0 if there are no two times."""
        if self.first is None or self.last == self.first:
            return 0
        span = self.last - self.first
        return span + span // (self.rows - 1)


class _Pace:
    """Replay time to the caller's time: 0 is the moment of the first question."""

    def __init__(self, clock: Clock, speed: float) -> None:
        if not speed > 0:
            raise UserError(f"a replay cannot run at speed {speed:g}; expected a number above 0")
        self._clock = clock
        self._speed = speed
        self._start: int | None = None

    def wait_s(self, offset_ns: int) -> float:
        """Seconds until a row is due that comes `offset_ns` after the first; 0 or less if it is."""
        if math.isinf(self._speed):
            return 0.0
        now = self._clock.now_ns()
        if self._start is None:
            self._start = now
        return (offset_ns / self._speed - (now - self._start)) / 1e9

    async def until(self, offset_ns: int) -> None:
        """Return when it is due."""
        while (wait := self.wait_s(offset_ns)) > 0:
            await asyncio.sleep(wait)


async def _play(
    file: BinaryIO, spec: SourceSpec, pace: _Pace, cycle: _Cycle, shift: int
) -> AsyncIterator[bytes]:
    """One pass: lines in blocks of what is due at the same moment."""
    row_time = row_clock(spec)
    block = bytearray()
    number = 0
    while line := file.readline(spec.max_line + 2):
        number += 1
        time = row_time(line.rstrip(b"\r\n"), number)
        if time is not None:
            offset = cycle.see(time) + shift
            if pace.wait_s(offset) > 0:
                if block:
                    yield bytes(block)
                    block.clear()
                await pace.until(offset)
        block += line
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
            await asyncio.sleep(0)
    if block and not block.endswith(b"\n"):
        block += b"\n"
    if block:
        yield bytes(block)
        await asyncio.sleep(0)
