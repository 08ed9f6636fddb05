"""Clients that no server likes, for `soak_live`: each runs until it is cancelled and counts what it did.

One stops to read, one reads 64 KB/s, one is a hidden tab, one sends rubbish, one goes in the middle of a tick. None of them
may fail: whatever the server does to them is its right.
"""

import asyncio
import base64
import contextlib
import json
import os
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import websockets.exceptions
from websockets.asyncio.client import connect as open_websocket
from websockets.typing import Subprotocol

SLOW_BYTES_PER_SECOND = 65536
_STEPS = 10
_HELLO = {"type": "hello", "caps": ["delta", "zstd"]}
_TICK_END = 5
_FAULTS = (OSError, EOFError, ValueError, websockets.exceptions.WebSocketException, TimeoutError)
RUBBISH: tuple[str | bytes, ...] = (
    "",
    "{",
    "[]",
    "null",
    '{"type": "hello"}' * 2,
    '{"type": "ack", "seq": 1}',
    '{"type": "ack", "seq": -1}',
    '{"type": "hello", "want": 7}',
    '{"type": "hello", "have": {"epoch": "", "seq": 1e30}}',
    '{"type": "interest", "prims": ["[", "**/**/**"]}',
    "[" * 5000,
    "x" * 60_000,
    b"\x00" * 100,
    bytes(range(256)) * 20,
)


class Pipe:
    """A websocket read by hand, as slowly as one likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._data = b""
        self.ready = False

    def say(self, message: dict[str, object]) -> None:
        """A control message, masked with zeros."""
        body = json.dumps(message).encode()
        self.writer.write(b"\x81" + bytes([0x80 | len(body)]) + bytes(4) + body)

    def fed(self, data: bytes) -> None:
        """Acknowledges the ticks that are complete, answers the welcome and pings."""
        self._data += data
        while (size := _frame_size(self._data)) and len(self._data) >= sum(size):
            head, length = size
            first, body = self._data[0] & 15, self._data[head : head + length]
            self._data = self._data[head + length :]
            if first == 9:
                self.writer.write(b"\x8a" + bytes([0x80 | length]) + bytes(4) + body)
            if first == 1 and (told := json.loads(body))["type"] == "welcome":
                self.say({"type": "ready", "revision": told["revision"]})
                self.ready = True
            at = 0
            while first == 2 and at + 56 <= length:
                if body[at] == _TICK_END:
                    self.say({"type": "ack", "seq": int.from_bytes(body[at + 8 : at + 16], "little")})
                stored = int.from_bytes(body[at + 48 : at + 52], "little")
                at += 56 + stored + -stored % 8


def _frame_size(data: bytes) -> tuple[int, int] | None:
    """Head and body of the server's frame that begins there; None where its head is not whole."""
    if len(data) < 10:
        small = len(data) >= 2 and data[1] < 126
        return (2, data[1]) if small else None
    if data[1] < 126:
        return 2, data[1]
    return (
        (4, struct.unpack_from(">H", data, 2)[0])
        if data[1] == 126
        else (10, struct.unpack_from(">Q", data, 2)[0])
    )


@contextlib.asynccontextmanager
async def pipe(url: str) -> AsyncIterator[Pipe]:
    """A client that has said hello and ready, with small buffers."""
    parts = urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 14)
    try:
        head = f"GET /ws HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = base64.b64encode(os.urandom(16)).decode()
        head += f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: twin.v1\r\n\r\n"
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        made = Pipe(reader, writer)
        made.say(_HELLO)
        while not made.ready:
            made.fed(await _some(reader, 1000))
        yield made
    finally:
        writer.transport.abort()


async def frozen(url: str, did: Counter[str]) -> None:
    """Stops to read and to acknowledge; comes back once it has been closed for sure."""
    while True:
        with contextlib.suppress(*_FAULTS):
            async with pipe(url):
                did["frozen"] += 1
                await asyncio.sleep(90)
        await asyncio.sleep(1)


async def slow(url: str, did: Counter[str]) -> None:
    """Reads 64 KB/s and acknowledges what it has."""
    while True:
        with contextlib.suppress(*_FAULTS):
            async with pipe(url) as made:
                did["slow"] += 1
                while True:
                    made.fed(await _some(made.reader, SLOW_BYTES_PER_SECOND // _STEPS))
                    await asyncio.sleep(1 / _STEPS)
        await asyncio.sleep(1)


async def hidden(url: str, did: Counter[str]) -> None:
    """A tab in the background: it pauses, is shown for a moment every few seconds, and is hidden again."""
    while True:
        with contextlib.suppress(*_FAULTS):
            async with pipe(url) as made:
                did["hidden"] += 1
                while True:
                    made.say({"type": "pause"})
                    await _for(made, 3.0)
                    made.say({"type": "resume"})
                    await _for(made, 0.5)
        await asyncio.sleep(1)


async def rubbish(url: str, did: Counter[str]) -> None:
    """Sends what is no message, again and again."""
    address, draw = "ws" + url.removeprefix("http") + "/ws", random.Random(1)
    while True:
        with contextlib.suppress(*_FAULTS):
            async with open_websocket(address, subprotocols=[Subprotocol("twin.v1")], proxy=None) as link:
                if draw.random() < 0.5:
                    await link.send(json.dumps(_HELLO))
                await link.send(draw.choice(RUBBISH))
                did["rubbish"] += 1
                async with asyncio.timeout(5):
                    async for _ in link:
                        pass
        await asyncio.sleep(0.2)


async def cut(url: str, did: Counter[str]) -> None:
    """Goes without a word after some bytes of its first ticks."""
    draw = random.Random(2)
    while True:
        with contextlib.suppress(*_FAULTS):
            async with pipe(url) as made:
                did["cut"] += 1
                await _some(made.reader, draw.randrange(1, 20_000))
        await asyncio.sleep(0.2)


async def _some(reader: asyncio.StreamReader, most: int) -> bytes:
    """At least a byte; EOFError at the end."""
    data = await reader.read(most)
    if not data:
        raise EOFError
    return data


async def _for(made: Pipe, seconds: float) -> None:
    """Reads on for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                made.fed(await _some(made.reader, 1 << 16))


ALL = (frozen, slow, hidden, rubbish, cut)
