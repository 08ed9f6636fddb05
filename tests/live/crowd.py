"""Many who ask at the same time, and somebody else who needs a thread meanwhile."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def crowd(
    ask: Callable[[], Awaitable[Any]], go: threading.Event, count: int, threads: int
) -> tuple[float, list[Any]]:
    """How long somebody else waits for one of asyncio's threads [s], and what the many are told, exceptions too.

    `go`: lets the answers come, set once somebody else had a thread.
    """

    async def main() -> tuple[float, list[Any]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
        asked = [asyncio.ensure_future(ask()) for _ in range(count)]
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        try:
            await asyncio.wait_for(asyncio.to_thread(time.monotonic), 3)
        finally:
            waited = time.monotonic() - begun
            go.set()
            told = await asyncio.gather(*asked, return_exceptions=True)
        return waited, told

    return asyncio.run(main())
