"""The telemetry source `plant:workcell?stream=robot`: one stream of the plant, paced by the clock.

Options after `?`: `stream` (robot, plc, fleet, tank; needed), `seed` (default: the run's), `start` (ISO-8601 instant of the
plant's time zero; default: now) and `duration` [s] (default: endless). All sources that one clock and seed drive share
their start, so that the robot, the belt and the vehicles of a contract tell one story; one that is opened later, or
again, joins in where the plant is by then.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from twinstage.base.clock import NS, Clock
from twinstage.base.errors import UserError, did_you_mean
from twinstage.sim.plant.plant import Plant
from twinstage.sim.plant.streams import STREAMS
from twinstage.telemetry.contract import SourceSpec
from twinstage.telemetry.sources import SOURCES, uri_rest

STEP_NS = NS // 100
"""Lines that arrive within the same 10 ms go out together."""
OPTIONS = ("stream", "seed", "start", "duration")


@dataclass(frozen=True, slots=True)
class PlantUri:
    """A `plant:` URI, taken apart. `start_ns` and `seed` are None where the caller decides; `duration_s` may be inf."""

    stream: str
    seed: int | None
    start_ns: int | None
    duration_s: float


def parse_uri(uri: str) -> PlantUri:
    """Raises UserError, one sentence that quotes the URI."""
    name, _, query = uri_rest(uri).partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if name != "workcell":
        raise UserError(f"{uri!r} names the plant {name!r}{did_you_mean(name, ['workcell'])}")
    for key in options:
        if key not in OPTIONS:
            raise UserError(f"{uri!r} has the option {key!r}{did_you_mean(key, OPTIONS)}")
    stream = options.get("stream")
    if stream is None:
        raise UserError(f"{uri!r} names no stream; expected ?stream= and one of {', '.join(STREAMS)}")
    if stream not in STREAMS:
        raise UserError(f"{uri!r} names the stream {stream!r}{did_you_mean(stream, STREAMS)}")
    try:
        seed = int(options["seed"]) if "seed" in options else None
        duration = float(options.get("duration", "inf"))
        start = datetime.fromisoformat(options["start"]) if "start" in options else None
    except ValueError as error:
        raise UserError(f"{uri!r} has an option that cannot be read: {error}") from None
    if not duration > 0:
        raise UserError(f"{uri!r} asks for a duration of {duration:g} s; expected a number above 0")
    if start is not None and start.tzinfo is None:
        raise UserError(f"{uri!r} gives a start without its zone; expected for example 2026-01-01T00:00:00Z")
    return PlantUri(
        stream, seed, None if start is None else round(start.timestamp() * 1000) * 1_000_000, duration
    )


_STARTS: "WeakKeyDictionary[Clock, dict[int, int]]" = WeakKeyDictionary()


def shared_start(clock: Clock, seed: int) -> int:
    """Time zero [ns since 1970, UTC] of the plant that this clock and seed drive: now, at the first question."""
    return _STARTS.setdefault(clock, {}).setdefault(seed, clock.now_ns())


@SOURCES.register
class PlantSource:
    """`plant:workcell?stream=robot`."""

    kind = "plant"

    async def open(
        self, uri: str, *, spec: SourceSpec, base_dir: Path, seed: int, clock: Clock, speed: float
    ) -> AsyncIterator[bytes]:
        asked = parse_uri(uri)
        if not speed > 0:
            raise UserError(f"the plant cannot run at speed {speed:g}; expected a number above 0")
        if math.isinf(speed) and math.isinf(asked.duration_s):
            raise UserError(
                f"{uri!r} is endless and cannot run as fast as possible; give it a duration or a speed"
            )
        used_seed = seed if asked.seed is None else asked.seed
        zero = shared_start(clock, used_seed)
        start = zero if asked.start_ns is None else asked.start_ns
        plant = Plant(seed=used_seed, start_ns=start, streams=(asked.stream,))
        end = start + round(asked.duration_s * NS) if math.isfinite(asked.duration_s) else None
        due = start
        if math.isfinite(speed):  # who connects late, or again, has missed what was said before
            due = max(due, start + round((clock.now_ns() - zero) * speed))
            plant.skip(due)
        while end is None or due < end:
            due = max(due + STEP_NS, plant.next_ns())
            if end is not None:
                due = min(due, end)
            while (wait := (due - start) / speed / NS - (clock.now_ns() - zero) / NS) > 0:
                await asyncio.sleep(wait)
            chunk = b"".join(raw for _, _, raw in plant.advance(due))
            if chunk:
                yield chunk
                if math.isinf(speed):
                    await asyncio.sleep(0)
