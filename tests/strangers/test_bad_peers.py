"""Peers that break the rules below the messages: each costs one connection, which is told why, and no memory."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from tests.strangers.client import Client
from tests.strangers.fuzz_session import change, new_hub
from tests.strangers.fuzz_socket import (
    HEADS,
    UPGRADE,
    complaints,
    one_connection,
    read_frame,
    server_end,
    watched,
)
from tests.strangers.noise import ws_frame
from tests.sync import make

from twinstage.sync import direct, server
from twinstage.sync.direct import DirectSocket
from twinstage.sync.hub import Hub
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

HELLO = b'{"type":"hello"}'
RANDOM = Random(1)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@asynccontextmanager
async def peer(
    url: str, *, early: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A websocket of bytes, welcomed; it takes 64 KiB at most ahead of who reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url), limit=1 << 15)
    try:
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ws_frame(RANDOM, HELLO))
        await read_frame(reader)
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[DirectSocket]:
    """Every websocket that a server of this test has accepted."""
    made: list[DirectSocket] = []
    accept = DirectSocket.handle_connect

    def noted(self: DirectSocket, event: object) -> None:
        made.append(self)
        accept(self, event)

    monkeypatch.setattr(DirectSocket, "handle_connect", noted)
    return made


async def good(client: Client, hub: Hub) -> None:
    """The client beside still has its stream and its digest."""
    change(hub, hub.seq)
    seq, theirs, own, mine = await client.digest()
    assert (seq, theirs, client.connections) == (own, mine, 1)


@pytest.fixture(params=["the short way", "the long way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the server talks to its sockets: the long way is that of a client that spoke too early."""
    if request.param == "the long way":
        monkeypatch.setattr(server, "direct_socket", lambda scope: None)


@pytest.mark.usefixtures("way")
def test_a_flood_of_pings_is_too_many_messages() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with watched(hub) as (url, client), peer(url) as (reader, writer):
            writer.write(ws_frame(RANDOM, b"", 0x89) * 1500)
            assert await server_end(reader) == "4429"
            await good(client, hub)

    run(work)


def test_pongs_that_nobody_reads_are_not_heaped_up(sockets: list[DirectSocket]) -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with watched(hub) as (url, client), peer(url) as (_, writer):
            victim = sockets[-1]
            ping = ws_frame(RANDOM, bytes(125), 0x89)
            victim.toll = None  # many pings, slowly
            for _ in range(400):
                writer.write(ping * 100)
                await writer.drain()
                await asyncio.sleep(0)
            await good(client, hub)
            assert victim.transport.get_write_buffer_size() < 100_000 < 400 * 100 * 127

    run(work)


@pytest.mark.usefixtures("way")
def test_a_message_of_endless_empty_pieces_is_refused() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with watched(hub) as (url, client), peer(url) as (reader, writer):
            writer.write(ws_frame(RANDOM, b"", 0x01) + ws_frame(RANDOM, b"", 0x00) * 900)
            await asyncio.sleep(0.6)  # the bucket of messages fills again
            writer.write(ws_frame(RANDOM, b"", 0x00) * 200)
            assert await server_end(reader) == "1009"
            await good(client, hub)

    run(work)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x83\x80" + bytes(4), "1002"),
        (ws_frame(RANDOM, b"\xff" * 300), "1007"),
        (b"\x81\xff" + struct.pack(">Q", 1 << 40), "1009"),
        (ws_frame(RANDOM, b"nothing"), "4400"),
        (ws_frame(RANDOM, b"\x03\xe8bye", 0x88), "1000"),
    ],
)
def test_the_code_arrives_though_more_was_sent_behind(bad: bytes, code: str) -> None:
    """A socket that is closed with bytes unread resets the connection, and the code is lost."""

    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url:
            for _ in range(5):
                async with peer(url) as (reader, writer):
                    for part in (bad, *[ws_frame(RANDOM, b"x" * 5000)] * 40):
                        writer.write(part)
                        await asyncio.sleep(0)
                    assert await server_end(reader) == code

    run(work)


@pytest.mark.parametrize(
    "last", [b"\x83\x80" + bytes(4), ws_frame(RANDOM, b"\x03\xe8bye", 0x88), ws_frame(RANDOM, b"?")]
)
def test_who_ends_without_reading_is_forgotten(
    last: bytes, sockets: list[DirectSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "LAST_WORDS_S", 0.2)

    async def work() -> None:
        paths = ["/World", *(f"/World/N{i}" for i in range(60_000))]
        hub = Hub(make.snapshot(paths), epoch="e1")
        async with running(create_app(hub), port=0) as url, peer(url) as (_, writer):
            victim = sockets[-1]
            victim.close_timeout = 0.3
            writer.write(ws_frame(RANDOM, b'{"type":"ready","revision":0}'))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            (session,) = hub.sessions
            n, k = len(paths), 0
            while not victim.transport.get_write_buffer_size():  # the system's buffers come first
                hub.publish(make.tick(make.poses(range(n), [[k := k + 1, 0, 0]] * n)))
                await asyncio.sleep(0.01)
                writer.write(ws_frame(RANDOM, b'{"type":"ack","seq":%d}' % session._last_sent))
                assert k < 100
            writer.write(last)
            while not victim.disconnected or hub.sessions:
                await asyncio.sleep(0.02)

    run(work)


@pytest.mark.parametrize("head", HEADS[:10], ids=range(10))
def test_a_handshake_that_is_wrong_is_answered_and_no_defect(head: bytes) -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        with complaints() as lines:
            async with running(create_app(hub), port=0) as url:
                asyncio.get_running_loop().set_exception_handler(
                    lambda _, context: lines.append(str(context))
                )
                end = await one_connection(port_of(url), b"", head, RANDOM)
                assert end in ("HTTP 400", "HTTP 403", "HTTP 404", "4406", "open")
            assert lines == []

    run(work)
