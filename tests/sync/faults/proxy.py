"""A bad network, and a man in the middle: a proxy between a client and a server of this machine.

It cuts, goes silent, delays, throttles; and it speaks websocket, so that a hook can drop, damage, repeat, hold back or cut
single messages of a stream whose bytes are otherwise untouched. One proxy a client: what it does hits nobody else.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

TEXT, BINARY, CLOSE = 1, 2, 8
TICK_END = 5


@dataclass(frozen=True, slots=True)
class Message:
    """A whole websocket frame. `raw`: as it came; `payload`: without the mask."""

    opcode: int
    payload: bytes
    raw: bytes

    @property
    def ends_tick(self) -> bool:
        """Whether it is a binary message whose last frame (56 bytes, no body) ends a tick."""
        return self.opcode == BINARY and len(self.payload) >= 56 and self.payload[-56] == TICK_END


@dataclass(eq=False)
class Link:
    """One connection through the proxy. `stream`: it is a websocket."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    stream: bool = False
    dead: bool = False
    """Nothing passes any more, and nobody is told: what a router does that has forgotten the connection."""
    told: int = 0
    """Binary messages to the client so far."""

    async def tell(self, payload: bytes, opcode: int = BINARY) -> None:
        """A whole message to the client."""
        await self.raw(framed(opcode, payload))

    async def raw(self, data: bytes) -> None:
        """Bytes to the client."""
        self.client.write(data)
        await self.client.drain()

    def cut(self) -> None:
        """Both ends are told at once, without a goodbye."""
        for writer in (self.client, self.server):
            writer.transport.abort()


Hook = Callable[[Link, Message], Awaitable[None]]
"""Gets each message of the server to a client of the stream and passes it on, or not."""
Rewrite = Callable[[Message], bytes]
"""Gives the payload of each message of a client."""


class Proxy:
    """Listens on a port of its own; `running` starts it. All attributes may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.links: set[Link] = set()
        self.accepted = 0
        self.delay_s = 0.0
        """Added to what goes to the client."""
        self.bytes_per_second: int | None = None
        """Of what goes to the client."""
        self.hook: Hook | None = None
        self.rewrite: Rewrite | None = None
        self.lost_request: bytes | None = None
        """Once: the connection of the next request for that path is forgotten, and all streams with it."""
        self._up = asyncio.Event()
        self._up.set()
        self._refusing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def streams(self) -> list[Link]:
        """The websockets that are open."""
        return [link for link in self.links if link.stream]

    def cut(self) -> None:
        """The cable is pulled: all connections break, and no new one comes about before `restore`."""
        self._refusing = True
        for link in list(self.links):
            link.cut()

    def silence(self) -> None:
        """Nothing passes any more, new connections are not answered; nothing is lost, and nobody is told."""
        self._up.clear()

    def forget(self) -> None:
        """A router forgets its connections: both ends believe in them, nothing passes any more; the server's end is closed
        as its keepalive would do. New connections work."""
        for link in list(self.links):
            link.dead = True
            link.server.transport.abort()

    def restore(self) -> None:
        """The network is good again."""
        self._refusing = False
        self._up.set()

    # ------------------------------------------------------------------ inside

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._up.wait()
        if self._refusing:
            return
        self.accepted += 1
        answers, requests = await asyncio.open_connection("127.0.0.1", self.target)
        link = Link(writer, requests)
        self.links.add(link)
        ways = [
            asyncio.create_task(self._requests(link, reader)),
            asyncio.create_task(self._answers(link, answers)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            while link.dead:  # the client's end stays open, and deaf
                await asyncio.sleep(0.05)
        finally:
            self.links.discard(link)
            requests.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(self, link: Link, reader: asyncio.StreamReader) -> None:
        while (
            not link.stream
        ):  # a connection may be used for several requests, the last of them for the stream
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0]
            link.stream = b" /ws " in line
            await self._up.wait()
            if self.lost_request is not None and self.lost_request in line:
                self.lost_request = None
                self.forget()
                return
            link.server.write(head)
        async for message in _messages(_Source(reader)):
            await self._up.wait()
            if link.dead:
                continue
            data = message.raw
            if self.rewrite is not None and message.opcode == TEXT:
                data = framed(TEXT, self.rewrite(message), masked=True)
            link.server.write(data)
            await link.server.drain()

    async def _answers(self, link: Link, reader: asyncio.StreamReader) -> None:
        source = _Source(reader)
        while data := await source.some():
            await self._up.wait()
            if link.stream:  # an answer comes after its request: by now it is known what it is
                source.rest = data
                await link.raw(await source.until(b"\r\n\r\n"))
                break
            await link.raw(data)
        async for message in _messages(source):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.bytes_per_second:
                await asyncio.sleep(len(message.raw) / self.bytes_per_second)
            await self._up.wait()
            if link.dead:
                return
            link.told += message.opcode == BINARY
            if self.hook is None or message.opcode not in (TEXT, BINARY):
                await link.raw(message.raw)
            else:
                await self.hook(link, message)
        if not link.dead:
            link.client.close()
            await link.client.wait_closed()


class _Source:
    """A reader that takes back what was read too much."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.rest = b""

    async def some(self) -> bytes:
        """What there is; empty at the end."""
        data, self.rest = self.rest or await self._reader.read(1 << 16), b""
        return data

    async def exactly(self, n: int) -> bytes:
        """So many bytes; EOFError where they do not come."""
        while len(self.rest) < n:
            if not (more := await self._reader.read(1 << 16)):
                raise EOFError
            self.rest += more
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    async def until(self, mark: bytes) -> bytes:
        """Up to and with the mark."""
        while mark not in self.rest:
            data = await self.exactly(len(self.rest) + 1)
            self.rest = data + self.rest
        return await self.exactly(self.rest.index(mark) + len(mark))


async def _messages(source: _Source) -> AsyncIterator[Message]:
    """Whole websocket frames until the end."""
    while True:
        try:
            head = await source.exactly(2)
            n, raw = head[1] & 0x7F, head
            if n >= 126:
                more = await source.exactly(2 if n == 126 else 8)
                n, raw = int.from_bytes(more, "big"), raw + more
            mask = await source.exactly(4) if head[1] & 0x80 else b""
            body = await source.exactly(n)
        except EOFError:
            return
        payload = bytes(b ^ mask[k & 3] for k, b in enumerate(body)) if mask else body
        yield Message(head[0] & 15, payload, raw + mask + body)


def framed(opcode: int, payload: bytes, *, masked: bool = False) -> bytes:
    """A whole websocket frame; a client's is masked (with zeros)."""
    n, bit = len(payload), 0x80 if masked else 0
    if n < 126:
        head = bytes((0x80 | opcode, bit | n))
    elif n < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, bit | 126, n)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, bit | 127, n)
    return head + (bytes(4) if masked else b"") + payload


@contextlib.asynccontextmanager
async def running(port: int) -> AsyncIterator[Proxy]:
    """A proxy to that port."""
    proxy = Proxy(port)
    sock = socket.create_server(("127.0.0.1", 0))
    proxy.port = sock.getsockname()[1]
    server = await asyncio.start_server(proxy._accept, sock=sock, limit=1 << 20)
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy._tasks):
            task.cancel()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)


# ---------------------------------------------------------------------- what a man in the middle does


class Once:
    """A hook that does something to one tick, the next after `after` binary messages, and passes everything else."""

    def __init__(self, act: Hook, after: int = 3) -> None:
        self._act = act
        self._after = after
        self.done = False

    async def __call__(self, link: Link, message: Message) -> None:
        if not self.done and message.ends_tick and link.told > self._after:
            self.done = True
            await self._act(link, message)
        else:
            await link.raw(message.raw)


async def half_then_cut(link: Link, message: Message) -> None:
    """Half of a message's bytes, then nothing any more."""
    await link.raw(message.raw[: len(message.raw) // 2])
    link.cut()


async def half_then_end(link: Link, message: Message) -> None:
    """Half of a frame as if that were the whole message."""
    await link.tell(message.payload[: len(message.payload) // 2])


async def damage(link: Link, message: Message) -> None:
    """A bit in the middle is another one."""
    data = bytearray(message.payload)
    data[len(data) // 2] ^= 0x10
    await link.tell(bytes(data))


async def other_version(link: Link, message: Message) -> None:
    """Frames of version 2."""
    data = bytearray(message.payload)
    data[1] = 2
    await link.tell(bytes(data))


async def repeat(link: Link, message: Message) -> None:
    """The same tick twice."""
    await link.tell(message.payload)
    await link.tell(message.payload)


async def lose(link: Link, message: Message) -> None:
    """The tick never comes."""


class Swap:
    """A hook that sends a tick after the next one. Where no next one comes (the client is at single catch-ups), it lets it go
    and tries the next."""

    def __init__(self, after: int = 3) -> None:
        self._after = after
        self._held: bytes | None = None
        self.done = False

    async def __call__(self, link: Link, message: Message) -> None:
        if self.done or not message.ends_tick or link.told <= self._after:
            await link.raw(message.raw)
        elif self._held is None:
            self._held = message.raw
            asyncio.get_running_loop().call_later(0.3, self._let_go, link)
        else:
            held, self._held, self.done = self._held, None, True
            await link.raw(message.raw + held)

    def _let_go(self, link: Link) -> None:
        if self._held is not None:
            link.client.write(self._held)
            self._held = None


class Lie:
    """A hook that makes the next digest another one."""

    done = False

    async def __call__(self, link: Link, message: Message) -> None:
        if message.opcode == TEXT and b'"sha256"' in message.payload and not self.done:
            self.done = True
            told = json.loads(message.payload)
            await link.tell(json.dumps(told | {"sha256": "0" * 64}).encode(), TEXT)
        else:
            await link.raw(message.raw)


class Replay:
    """A hook that sends the first tick after `after` messages again once `later` more have passed."""

    def __init__(self, after: int = 3, later: int = 5) -> None:
        self._after, self._later = after, later
        self._kept: bytes | None = None
        self.done = False

    async def __call__(self, link: Link, message: Message) -> None:
        await link.raw(message.raw)
        if not message.ends_tick or self.done:
            return
        if link.told > self._after and self._kept is None:
            self._kept = message.payload
        elif self._kept is not None and link.told > self._after + self._later:
            self.done = True
            await link.tell(self._kept)
