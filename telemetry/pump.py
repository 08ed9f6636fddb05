"""Runs all sources of a contract and offers what they bring to the ingest.

Every source is a task of its own. One that fails is logged, counted and opened again, after 0.5 s, 1 s, 2 s, ... up to
30 s; the others never notice. A mistake of the user at the first opening (no such file, port in use) ends the pump with
its one sentence instead, for no retry would mend it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract, SourceSpec
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.preflight import check_sources
from twinstage.telemetry.sources import SOURCES, Restart

log = logging.getLogger("twinstage.telemetry.pump")

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 30.0


@dataclass(slots=True)
class SourceStatus:
    """How a source is doing. `failures` counts all; `error` is the last one's text, empty while it runs well."""

    state: Literal["opening", "running", "waiting", "ended"] = "opening"
    failures: int = 0
    error: str = ""


async def pump(
    contract: Contract,
    ingest: Ingest,
    *,
    base_dir: Path,
    clock: Clock,
    seed: int,
    speed: float,
    stop: asyncio.Event,
    status: dict[str, SourceStatus] | None = None,
    on_data: Callable[[], None] | None = None,
    on_chunk: Callable[[str, bytes | Restart], None] | None = None,
) -> None:
    """Run until all sources have ended or `stop` is set.

    `base_dir`: the contract's folder. `speed`: of replays; inf is as fast as possible. `status`: filled by source name,
    for whoever shows it. `on_data`: called after each chunk, for who would rather be woken than look. `on_chunk`: called
    with each chunk and its source's name after the ingest has had it.
    Raises UserError for sources that cannot work.
    """
    for finding in check_sources(contract, base_dir):
        log.warning("%s", finding)
    told = {} if status is None else status
    # Replayed faster or slower than life, event times part from the clock, and only arrivals tell a value's age.
    ingest.state.by_arrival[:] = speed != 1.0

    async def run(name: str, spec: SourceSpec) -> None:
        told[name] = SourceStatus()
        runner = _Runner(name, spec, ingest, told[name], clock=clock, on_data=on_data, on_chunk=on_chunk)
        await runner.run(base_dir=base_dir, seed=seed, speed=speed)

    stopped = asyncio.create_task(stop.wait())
    running: set[asyncio.Task[Any]] = {
        asyncio.create_task(run(name, spec)) for name, spec in contract.sources.items()
    }
    try:
        while running and not stop.is_set():
            done, _ = await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                task.result()
    finally:
        for task in (*running, stopped):
            task.cancel()
        await asyncio.gather(*running, stopped, return_exceptions=True)


class _Runner:
    """One source, through all its failures."""

    def __init__(
        self,
        name: str,
        spec: SourceSpec,
        ingest: Ingest,
        status: SourceStatus,
        *,
        clock: Clock,
        on_data: Callable[[], None] | None,
        on_chunk: Callable[[str, bytes | Restart], None] | None,
    ) -> None:
        self._name = name
        self._spec = spec
        self._ingest = ingest
        self._status = status
        self._clock = clock
        self._on_data = on_data
        self._on_chunk = on_chunk
        self._ever = False
        self._retry_s = FIRST_RETRY_S

    async def run(self, *, base_dir: Path, seed: int, speed: float) -> None:
        while True:
            try:
                await self._once(base_dir, seed, speed)
            except UserError as error:
                if not self._ever:
                    raise
                self._failed(error)
            except Exception as error:  # a source is foreign code: whatever it raises must not end the twin
                self._failed(error)
            else:
                self._ingest.finish(self._name, self._clock.now_ns())
                self._status.state = "ended"
                return
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)

    async def _once(self, base_dir: Path, seed: int, speed: float) -> None:
        self._status.state = "opening"
        source = SOURCES.get(self._spec.kind)()
        # The ingest may have heard of this source before: before a failure, or in an earlier run.
        if getattr(source, "replays", False):
            self._ingest.begin_again(self._name, self._clock.now_ns())
        else:
            self._ingest.reconnect(self._name, self._clock.now_ns())
        stream = source.open(
            self._spec.uri, spec=self._spec, base_dir=base_dir, seed=seed, clock=self._clock, speed=speed
        )
        try:
            async for chunk in stream:
                self._take(chunk)
        finally:  # in any case, so that its socket or file is freed
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    def _take(self, chunk: bytes | Restart) -> None:
        now = self._clock.now_ns()
        if isinstance(chunk, Restart):
            self._ingest.restart(self._name, chunk.shift_ns, now)
        else:
            self._ingest.offer(self._name, chunk, now)
        if self._on_chunk is not None:
            self._on_chunk(self._name, chunk)
        if isinstance(chunk, Restart):
            return
        self._ever = True
        self._retry_s = FIRST_RETRY_S
        self._status.state, self._status.error = "running", ""
        if self._on_data is not None:
            self._on_data()

    def _failed(self, error: Exception) -> None:
        self._status.state = "waiting"
        self._status.failures += 1
        self._status.error = f"{type(error).__name__}: {error}"
        log.warning("source %r failed, next try in %.1f s: %s", self._name, self._retry_s, self._status.error)
        self._ingest.reconnect(self._name, self._clock.now_ns())
