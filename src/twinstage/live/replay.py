"""A recording played in no time: the sources' own code under a clock that jumps from one thing due to the next.

Sources wait with `asyncio.sleep`; here the event loop's clock is ours, so sleeping costs nothing and the order of events
is that of a live run. The same recording always gives the same states, and no wall clock is read.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.settings import Settings
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.preflight import HEAD
from twinstage.telemetry.pump import pump
from twinstage.telemetry.readers import open_decoder
from twinstage.telemetry.sources import SOURCES
from twinstage.telemetry.sources.file import file_path, open_file

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

LONGEST_S = 7 * 86_400
"""The furthest that a replay may go [s]."""

_TICKS = 60_000
"""Ticks of a replay up to which it keeps the live rate; beyond, it ticks more slowly."""

_MARGIN_S = 1e-6
"""A frame is taken this much after its time, so that what is due at that very moment is in it."""


class VirtualTime(selectors.SelectSelector):
    """A selector that never waits: it moves time on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self.seconds += timeout
        return super().select(0 if timeout is not None else None)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its selector."""

    def __init__(self) -> None:
        self.virtual = VirtualTime()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.seconds


class ReplayClock:
    """A clock that shows the time of a virtual loop."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self.loop: VirtualLoop | None = None

    def now_ns(self) -> int:
        seconds = self.loop.time() if self.loop is not None else 0.0
        return self.start_ns + round(seconds * NS)


def run_virtually(make: Callable[[], Coroutine[Any, Any, None]], clock: ReplayClock) -> None:
    """Run a coroutine to its end in a loop of its own."""
    loop = VirtualLoop()
    clock.loop = loop
    try:
        loop.run_until_complete(make())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def replay(
    live: "LiveTwin", clock: ReplayClock, times: Iterable[float], on_frame: Callable[[int, float], None]
) -> float | None:
    """Play the sources of a twin and call `on_frame(k, t)` at each of `times` [s], rising; the twin ticks as when live.

    At each call the live layer is up to date. Returns the tick [s] by which all recordings had been told to their ends; None
    where they go on. UserError for times beyond a week, or sources that are no recordings.
    """
    contract, ingest = live.contract, live.ingest
    if contract is None or ingest is None:
        raise UserError("without bindings there is no recording to replay: add --bindings")
    _check_replayable(contract)
    ended: float | None = None

    async def play() -> None:
        nonlocal ended
        stop = asyncio.Event()
        feeding = asyncio.create_task(
            pump(
                contract,
                ingest,
                base_dir=live.base_dir,
                clock=clock,
                seed=live.seed,
                speed=1.0,
                stop=stop,
            )
        )
        loop, period = asyncio.get_running_loop(), 1.0 / live.settings.tick_hz
        tick = 0
        try:
            for frame, time in enumerate(times):
                if time > LONGEST_S:
                    raise UserError(f"{time:g} s is further than a replay goes ({LONGEST_S} s)")
                while tick * period < time - period / 2:
                    await _until(loop, tick * period + _MARGIN_S)
                    live.tick(clock.now_ns())
                    if ended is None and feeding.done():
                        ended = tick * period
                    tick += 1
                    if tick % 600 == 0:
                        live.flush()
                await _until(loop, time + _MARGIN_S)
                live.tick(clock.now_ns())
                live.flush()
                on_frame(frame, time)
                if feeding.done():
                    feeding.result()
        finally:
            stop.set()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            ingest.close()

    run_virtually(play, clock)
    return ended


def paced(settings: Settings, seconds: float) -> Settings:
    """Fewer ticks a second for a moment far into a recording: values are exact at any rate, grips to within a tick."""
    return settings.model_copy(
        update={"tick_hz": min(settings.tick_hz, max(1.0, _TICKS / max(seconds, 1.0)))}
    )


async def _until(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Return when the loop's time is there, and all that was due before has been done."""
    wait = seconds - loop.time()
    await asyncio.sleep(max(0.0, wait))
    for _ in range(4):
        await asyncio.sleep(0)


def recording_start_ns(contract: Contract, base_dir: Path) -> int | None:
    """The earliest absolute event time at the head of the recordings [ns since 1970, UTC]; None where times are relative."""
    found: list[int] = []
    for name, spec in contract.sources.items():
        if spec.kind != "file" or spec.clock.epoch == "now":
            continue
        with open_file(file_path(spec.uri, base_dir)) as file:
            rows = LineBuffer(spec.max_line).feed(file.read(HEAD))
        events = open_decoder(contract, name).decode(rows, 1).events
        if events:
            found.append(min(event[0] for event in events) + _base_ns(spec))
    return min(found, default=None)


def _base_ns(spec: Any) -> int:
    from twinstage.telemetry.intake import base_ns as base

    return base(spec) or 0


def _check_replayable(contract: Contract) -> None:
    for name, spec in contract.sources.items():
        if spec.kind in ("tcp", "memory"):
            raise UserError(
                f"source {name!r} is live ({spec.uri}), so there is no recording of it to export; "
                "name a contract whose source is a file"
            )
        SOURCES.get(spec.kind)
