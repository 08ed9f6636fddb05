"""The live source: listens on this machine for newline-delimited rows, any number of writers at once.

Only whole lines enter the stream, so that writers never cut into each other's rows. A queue of bounded length lies between;
when the twin falls behind, writers are made to wait by TCP itself, and nothing is dropped. There is no authentication,
hence only loopback addresses.
"""

import asyncio
import errno
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError
from twinstage.telemetry.contract import SourceSpec
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.sources.base import SOURCES, Chunk, uri_rest

READ = 1 << 16
QUEUE = 64
MAX_WRITERS = 256


@SOURCES.register
class TcpSource:
    """`tcp:PORT` or `tcp:HOST:PORT` with a loopback host. It never ends by itself."""

    kind = "tcp"

    async def open(
        self, uri: str, *, spec: SourceSpec, base_dir: Path, seed: int, clock: Clock, speed: float
    ) -> AsyncIterator[Chunk]:
        host, port = tcp_address(uri)
        listener = _Listener(spec.max_line)
        try:
            server = await asyncio.start_server(listener.serve, host, port)
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened: {error.strerror}"
            raise UserError(f"port {port} on {host}, which source {uri!r} listens on, {why}") from None
        try:
            while True:
                yield await listener.queue.get()
        finally:
            server.close()
            listener.close()


def tcp_address(uri: str) -> tuple[str, int]:
    """Host and port of a `tcp:` URI. Raises UserError for what is no loopback address or no port."""
    host, _, port = uri_rest(uri).rpartition(":")
    host = {"": "127.0.0.1", "localhost": "127.0.0.1"}.get(host, host.strip("[]"))
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"source {uri!r} names no port; expected for example 'tcp:9000'")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UserError(
            f"source {uri!r} would listen on {host}; it has no access control, so only 127.0.0.1 is allowed"
        )
    return host, int(port)


class _Listener:
    """Accepts writers and queues their whole lines."""

    def __init__(self, max_line: int) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self._max_line = max_line
        self._writers: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._writers) >= MAX_WRITERS:
            writer.close()
            return
        self._writers.add(task)
        lines = LineBuffer(self._max_line)
        try:
            while data := await reader.read(READ):
                await self._put(lines.feed(data))
            await self._put(lines.flush())
        except (ConnectionError, asyncio.CancelledError):
            pass  # the writer went away, or the source is closing
        finally:
            self._writers.discard(task)
            writer.close()

    async def _put(self, lines: list[bytes]) -> None:
        if lines:
            await self.queue.put(b"\n".join(lines) + b"\n")

    def close(self) -> None:
        for task in self._writers:
            task.cancel()
