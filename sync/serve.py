"""Running the app: one port, bound before anything starts, and a clean end.

`running` embeds the server in an event loop that does other work, too; `serve` is the whole program: it
returns after SIGINT or SIGTERM, when all clients have been told.
"""

import asyncio
import errno
import gc
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync.access.door import door
from twinstage.sync.cameras import CameraSource
from twinstage.sync.direct import DirectSocket
from twinstage.sync.hub import Hub
from twinstage.sync.messages import MAX_MESSAGE_BYTES

_GOODBYE_S = 1.0
"""Time that clients have to take the goodbye [s]."""

Background = Callable[[], Awaitable[None]]


def bind(host: str, port: int) -> socket.socket:
    """A listening-ready TCP socket; UserError where the address cannot be had. Port 0 picks a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError) as error:
        raise UserError(f"cannot listen on {host!r}, port {port}: {error}") from None
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise UserError(_bind_sentence(error, host, port)) from None
    sock.setblocking(False)
    return sock


def _bind_sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is already in use; stop that server or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this user has; choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}; use 127.0.0.1, or 0.0.0.0 for all of its addresses"
    return f"cannot listen on port {port} of {host}: {error.strerror}"


def url_of(sock: socket.socket, *, secure: bool = False) -> str:
    """The address a browser opens."""
    host, port = sock.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http{'s' if secure else ''}://{name}:{port}"


class _Server(uvicorn.Server):
    """Leaves signals to its caller, and says goodbye before it closes connections."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but that a TLS handshake has a time of its own (by default it is a minute)."""
        context, self.config.ssl = self.config.ssl, None
        if context is None or not sockets:
            await super().startup(sockets)
            return
        await super().startup([])
        seconds = self.config.app.state.access.limits.header_seconds  # type: ignore[union-attr]
        for sock in sockets:
            listening = await asyncio.get_running_loop().create_server(
                self._connection, sock=sock, ssl=context, ssl_handshake_timeout=seconds
            )
            self.servers.append(listening)

    def _connection(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.config.app.state  # type: ignore[union-attr]
        hub: Hub | None = getattr(state, "hub", None)  # a server without a twin has none
        if hub is not None:
            hub.stop("the server is stopping")
        deadline = asyncio.get_running_loop().time() + _GOODBYE_S
        while hub is not None and hub.sessions and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        cameras: CameraSource | None = getattr(state, "cameras", None)
        if cameras is not None:
            await cameras.close()
        self._drop_stuck()
        await super().shutdown(sockets)

    def _drop_stuck(self) -> None:
        """A client that does not read would keep its connection, and so the server, from ending."""
        for connection in list(self.server_state.connections):
            transport = connection.transport  # not an asyncio.Transport where uvloop made it
            if transport is not None and transport.get_write_buffer_size():
                transport.abort()


@asynccontextmanager
async def running(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    sock: socket.socket | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serves while the block runs; yields the address. UserError where the port is in use."""
    sock = sock or bind(host, port)
    server = _Server(_config(app, tls))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if task.done():
                raise TwinstageError("the server ended before it had started") from task.exception()
            await asyncio.sleep(0.005)
        yield url_of(sock, secure=tls is not None)
    finally:
        server.should_exit = True
        await task
        sock.close()


def _config(app: FastAPI, tls: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=door(app.state.access),
        ws=DirectSocket,
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    config.load()
    config.ssl = tls
    return config


def serve(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    background: Sequence[Background] = (),
    on_ready: Callable[[str], None] | None = None,
    duration: float | None = None,
    stop: asyncio.Event | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serves until SIGINT, SIGTERM, `stop` or the end of `duration` [s].

    `background` are coroutine functions that run beside the server, on its event loop (the one that the hub
    belongs to); if one raises, the server stops and the error is raised here. `on_ready` is called with the
    address. UserError where the port is in use.
    """
    sock = bind(host, port)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(app, sock, background, on_ready, duration, stop or asyncio.Event(), tls))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the fastest event loop that there is; None: asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(
    app: FastAPI,
    sock: socket.socket,
    background: Sequence[Background],
    on_ready: Callable[[str], None] | None,
    duration: float | None,
    stop: asyncio.Event,
    tls: ssl.SSLContext | None,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(
            NotImplementedError, RuntimeError, ValueError
        ):  # not on Windows, not off the main thread
            loop.add_signal_handler(number, stop.set)
    async with running(app, sock=sock, tls=tls) as url:
        if on_ready:
            on_ready(url)
        # The scene and all modules stay: looking through them for garbage again and again would stop the stream each time,
        # for 0.1 s and more.
        gc.collect()
        gc.freeze()
        tasks = [asyncio.ensure_future(work()) for work in background]
        try:
            await _until(stop, tasks, duration)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _until(
    stop: asyncio.Event, tasks: Sequence["asyncio.Future[None]"], duration: float | None
) -> None:
    """Waits for the signal, the end of the time, or the first failure of a task."""
    waiter = asyncio.ensure_future(stop.wait())
    pending: set[asyncio.Future[object]] = {waiter, *tasks}  # type: ignore[arg-type]
    deadline = None if duration is None else asyncio.get_running_loop().time() + duration
    try:
        while not waiter.done():
            left = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return
            for task in done:
                task.result()
    finally:
        waiter.cancel()
