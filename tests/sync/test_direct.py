"""The short way between session and socket: raw bytes against a real server, and the same server the long way."""

import asyncio
import itertools
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from types import ModuleType

import numpy as np
import pytest

from twinstage.sync import server
from twinstage.sync.hub import Hub
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

HELLO = b'{"type":"hello","want":["pose"]}'
READY = b'{"type":"ready","revision":0}'
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: twin.v1\r\n\r\n"
)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def frame(body: bytes, first: int = 0x81, *, key: bytes | None = None) -> bytes:
    """A client's frame."""
    key = os.urandom(4) if key is None else key
    n = len(body)
    if n < 126:
        size = bytes([0x80 | n])
    else:
        size = b"\xfe" + struct.pack(">H", n) if n < 1 << 16 else b"\xff" + struct.pack(">Q", n)
    return (
        bytes([first]) + size + key + bytes(a ^ b for a, b in zip(body, itertools.cycle(key), strict=False))
    )


class Raw:
    """A client of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def frame(self) -> tuple[int, bytes]:
        """The server's next frame: its first byte and its body."""
        first, n = await self.reader.readexactly(2)
        if n == 126:
            n = int.from_bytes(await self.reader.readexactly(2), "big")
        elif n == 127:
            n = int.from_bytes(await self.reader.readexactly(8), "big")
        return first, await self.reader.readexactly(n)

    async def say(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()
            await asyncio.sleep(0.001)

    async def closed(self) -> int:
        """The code with which the server closes; what it says before is skipped."""
        while True:
            first, body = await self.frame()
            if first == 0x88:
                return int.from_bytes(body[:2], "big")


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Raw]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(UPGRADE)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


def new_hub(make: ModuleType, nodes: int = 3) -> Hub:
    return Hub(make.snapshot(["/World", *(f"/World/N{i}" for i in range(nodes - 1))]), epoch="e1")


def moved(make: ModuleType, hub: Hub, x: float) -> None:
    n = hub.scene.snapshot.node_count
    hub.publish(make.tick(make.poses(np.arange(n), np.full((n, 3), x), np.tile([1.0, 0, 0, 0], (n, 1)))))


def acked(hub: Hub) -> int:
    return max((session.acked_seq for session in hub.sessions), default=0)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 10_000])
def test_frames_may_come_in_any_pieces(make: ModuleType, step: int) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with running(create_app(hub), port=0) as url, raw(url) as client:
            moved(make, hub, 1.0)
            ping = frame(b'{"type":"ping","t":1,"filler":"' + b"x" * 300 + b'"}')
            long_ping = frame(b'{"type":"ping","t":2,"filler":"' + b"x" * 60_000 + b'"}')
            said = (
                frame(HELLO) + ping + frame(b"you?", 0x89) + frame(READY) + (long_ping if step > 99 else b"")
            )
            await client.say(said[k : k + step] for k in range(0, len(said), step))
            got = [await client.frame() for _ in range(5 if step > 99 else 4)]
            texts = [json.loads(body) for first, body in got if first == 0x81]
            assert (0x8A, b"you?") in got
            assert [text["type"] for text in texts] == ["welcome"] + ["pong"] * (len(texts) - 1)
            assert [text["t"] for text in texts[1:]] == ([1.0, 2.0] if step > 99 else [1.0])
            assert [first for first, _ in got].count(0x82) == 1
            ack = frame(b'{"type":"ack","seq":1}')
            await client.say(ack[k : k + 1] for k in range(len(ack)))
            await until(lambda: acked(hub) == 1)

    run(work)


def test_a_message_in_fragments_with_a_ping_in_between(make: ModuleType) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with running(create_app(hub), port=0) as url, raw(url) as client:
            parts = [
                frame(HELLO[:9], 0x01),
                frame(b"p", 0x89),
                frame(HELLO[9:20], 0x00),
                frame(HELLO[20:], 0x80),
            ]
            await client.say([b"".join(parts)])
            assert await client.frame() == (0x8A, b"p")
            assert json.loads((await client.frame())[1])["type"] == "welcome"

    run(work)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"{}", 0x01) + frame(READY), 1002),  # a text inside of a fragmented one
        (frame(b"\xff\xfe"), 1007),
        (frame(b"\xff\xfe" + b"x" * 300), 1007),
        (b"\x81\xff" + struct.pack(">Q", 1 << 40), 1009),
        (b"\xf1\x80" + bytes(4), 1002),  # reserved bits
        (b"\x83\x80" + bytes(4), 1002),  # an unknown kind
        (b"\x81\x01x", 1002),  # not masked
        (frame(b"\x03"), 4400),
        (frame(b"{}", 0x82), 4400),
        (frame(b'{"type":"ack","seq":9}'), 4409),
        (frame(HELLO), 4409),
    ],
)
def test_what_is_wrong_closes_with_its_code(make: ModuleType, bad: bytes, code: int) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with running(create_app(hub), port=0) as url, raw(url) as client:
            await client.say([frame(HELLO), bad])
            assert await client.closed() == code
            client.writer.write(frame(struct.pack(">H", code), 0x88))
            await until(lambda: not hub.sessions)

    run(work)


def test_another_server_takes_the_long_way(make: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "direct_socket", lambda scope: None)
    test_frames_may_come_in_any_pieces(make, 7)


@pytest.mark.parametrize("nodes", [1_000, 60_000])
def test_a_tick_that_does_not_fit_waits_for_room_and_stays_whole(make: ModuleType, nodes: int) -> None:
    async def work() -> None:
        from twinstage.sync import codec

        hub = new_hub(make, nodes)
        async with running(create_app(hub), port=0) as url, raw(url) as client:
            moved(make, hub, 1.0)
            await client.say([frame(HELLO), frame(READY)])
            assert json.loads((await client.frame())[1])["type"] == "welcome"
            await asyncio.sleep(0.05)  # nobody reads meanwhile
            frames, seen = [], 0
            while not frames or frames[-1].header.op != codec.OP_TICK_END:
                first, body = await client.frame()
                assert first == 0x82
                frames += codec.decode(body)
            seen = sum(each.header.n for each in frames)
            assert seen == nodes

    run(work)


def test_a_client_that_does_not_read_is_cut_off_and_forgotten(make: ModuleType) -> None:
    async def work() -> None:
        hub = new_hub(make, 60_000)
        async with running(create_app(hub), port=0) as url:
            host, port = url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port))) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, UPGRADE)
                await loop.sock_recv(sock, 1000)
                await loop.sock_sendall(sock, frame(HELLO) + frame(READY))
                await until(lambda: bool(hub.sessions))
                (session,) = hub.sessions
                for x in range(12):  # far more than the system's buffers take
                    moved(make, hub, float(x))
                    await asyncio.sleep(0.02)
                    await loop.sock_sendall(sock, frame(b'{"type":"ack","seq":%d}' % hub.seq))
                session.close(4408, "too slow")
                await until(lambda: not hub.sessions)

    run(work)


def test_a_defect_ends_one_connection_and_is_told(
    make: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with running(create_app(hub), port=0) as url, raw(url) as client, raw(url) as other:
            moved(make, hub, 1.0)
            await other.say([frame(HELLO), frame(READY)])
            await client.say([frame(HELLO)])
            await until(lambda: len(hub.sessions) == 2)
            assert json.loads((await client.frame())[1])["type"] == "welcome"
            broken = next(session for session in hub.sessions if not session.ticks_sent)

            def fail(now_ns: int) -> None:
                raise ZeroDivisionError("a defect")

            monkeypatch.setattr(broken, "next_message", fail)
            await client.say([frame(READY)])
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.frame()
            await until(lambda: len(hub.sessions) == 1)
            assert (await other.frame())[0] == 0x81 and (await other.frame())[0] == 0x82

    run(work)
    assert "a defect" in caplog.text
