"""A source that a program feeds: the fake for tests, and the door for producers without a file or a socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from weakref import WeakValueDictionary

from twinstage.base.clock import Clock
from twinstage.telemetry.contract import SourceSpec
from twinstage.telemetry.sources.base import SOURCES, Chunk, uri_rest


class MemoryChannel:
    """What is put in comes out of the source `memory:NAME`. Bounded: `put` waits while `capacity` chunks lie unread."""

    def __init__(self, name: str, capacity: int = 1024) -> None:
        self.name = name
        self._queue: asyncio.Queue[Chunk | BaseException | None] = asyncio.Queue(capacity)
        _CHANNELS[name] = self

    async def put(self, chunk: Chunk) -> None:
        """Bytes (or a Restart) for the source."""
        await self._queue.put(chunk)

    async def fail(self, error: BaseException) -> None:
        """Make the source raise, as a broken connection would."""
        await self._queue.put(error)

    async def close(self) -> None:
        """End the source."""
        await self._queue.put(None)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """What was put, until closed; an error that was put is raised."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


_CHANNELS: WeakValueDictionary[str, MemoryChannel] = WeakValueDictionary()


@SOURCES.register
class MemorySource:
    """`memory:NAME`; a channel of that name must exist, or come to exist: until then opening fails and is tried again."""

    kind = "memory"

    async def open(
        self, uri: str, *, spec: SourceSpec, base_dir: Path, seed: int, clock: Clock, speed: float
    ) -> AsyncIterator[Chunk]:
        name = uri_rest(uri)
        channel = _CHANNELS.get(name)
        if channel is None:
            raise ConnectionError(f"nothing feeds memory:{name} yet")
        async for chunk in channel.chunks():
            yield chunk
