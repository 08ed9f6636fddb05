"""Through real sockets: broken frames, pieces, floods and handshakes against a running server, a good client beside them."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.strangers.client import Client
from tests.strangers.fuzz_session import change, new_hub
from tests.strangers.noise import CODES, Breaker, Talker, ws_frame

from twinstage.sync.hub import Hub
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: twin.v1\r\n\r\n"
)
HEADS = [
    UPGRADE.replace(b"13\r\n", b"8\r\n"),
    UPGRADE.replace(b"twin.v1", b"twin.v9"),
    UPGRADE.replace(b"Sec-WebSocket-Protocol: twin.v1\r\n", b""),
    UPGRADE.replace(b"MDEyMzQ1Njc4OWFiY2RlZg==", b"short"),
    UPGRADE.replace(b"/ws", b"/w\xfcs"),
    UPGRADE.replace(b"/ws", b"/ws?" + b"a" * 9000),
    UPGRADE.replace(b"twin.v1", b"twin.v1, " + b"x," * 3000),
    UPGRADE.replace(
        b"twin.v1", b"twin.v1\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    ),
    UPGRADE.replace(b"twin.v1", b"twin.v1, twin.token.\xff\xfe"),
    UPGRADE.replace(b"twin.v1", b"twin.v1\r\nOrigin: http://elsewhere.example"),
    UPGRADE.replace(b"twin.v1", b"twin.v1\r\nX: " + b"y" * 70_000),
    UPGRADE.replace(b"GET", b"POST"),
    UPGRADE[:100],
]
QUIET_S = 0.25


@dataclass
class Met:
    """What became of the connections."""

    connections: int = 0
    messages: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """By close code; `open`: still there when the client went, `left`: after the client's own close, else what came."""
    failures: list[str] = field(default_factory=list)
    ticks: int = 0
    """That the good client applied."""
    digests: int = 0
    grown_mib: float = 0.0
    """Memory of the process at the end against after a fifth of the connections."""


class Complaints(logging.Handler):
    """Keeps what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage() + (repr(record.exc_info[1]) if record.exc_info else ""))


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What anybody logs as an error meanwhile."""
    handler = Complaints()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.lines
    finally:
        logging.getLogger().removeHandler(handler)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The server's next frame: its first byte and its body."""
    first, n = await reader.readexactly(2)
    assert n < 128, "a server's frame is masked"
    if n == 126:
        n = int.from_bytes(await reader.readexactly(2), "big")
    elif n == 127:
        n = int.from_bytes(await reader.readexactly(8), "big")
    return first, await reader.readexactly(n)


async def one_connection(port: int, data: bytes, head: bytes, random: Random) -> str:
    """Sends it all in pieces; says how it ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        early = random.random() < 0.1 and head == UPGRADE  # it speaks before it is answered
        at = at_first = random.randrange(len(data) + 1) if early else 0
        writer.write(head + data[:at])
        if head != UPGRADE:
            return await refused(reader)
        status = await reader.readuntil(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 101"), status
        ending = asyncio.create_task(server_end(reader))
        while at < len(data) and not ending.done():
            step = random.choice([1, 7, 500, 100_000])
            writer.write(data[at : at + step])
            at += step
            await asyncio.sleep(0)
        writer.write(ws_frame(random, b"last", 0x89))
        end = await ending
        # uvicorn drops what comes in one piece with the handshake (RFC 6455, 4.1: a client waits for the answer). What follows
        # is noise then, and noise may be a close of any code, which is sent back as it is.
        return "echo" if at_first and end.isdigit() and 3000 <= int(end) < 5000 else end
    except ConnectionError:
        return "cut"
    finally:
        writer.transport.abort()


async def refused(reader: asyncio.StreamReader) -> str:
    """How a handshake that is wrong was answered."""
    try:
        status = (await asyncio.wait_for(reader.readuntil(b"\r\n"), QUIET_S)).split()[1].decode()
    except TimeoutError:
        return "open"
    except asyncio.IncompleteReadError:
        return "cut"
    if status != "101":
        return f"HTTP {status}"
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), QUIET_S)
    return await server_end(reader)


async def server_end(reader: asyncio.StreamReader) -> str:
    """Reads until the connection ends, the last ping is answered, or nothing comes any more."""
    try:
        while True:
            first, body = await asyncio.wait_for(read_frame(reader), QUIET_S)
            if first == 0x88:
                return str(int.from_bytes(body[:2], "big")) if body else "none"
            if (first, body) == (0x8A, b"last"):
                return "open"
    except TimeoutError:
        return "open"
    except (asyncio.IncompleteReadError, ConnectionError):
        return "cut"


@asynccontextmanager
async def watched(hub: Hub) -> AsyncIterator[tuple[str, Client]]:
    """A server, and a good client that follows it."""
    async with running(create_app(hub), port=0) as url:
        client = Client(url)
        task = asyncio.create_task(client.run())
        try:
            await client.until(lambda c: c.ticks > 0)
            yield url, client
        finally:
            await client.stop()
            await task


async def fuzz_sockets(connections: int, seed: int, *, at_once: int = 8) -> Met:
    """So many connections, a few at once, on one server."""
    random, hub, met = Random(f"sockets {seed}"), new_hub(), Met()
    change(hub, 0)
    with complaints() as lines:
        async with watched(hub) as (url, good):
            port, first = int(url.rpartition(":")[2]), 0.0
            asyncio.get_running_loop().set_exception_handler(lambda _, context: lines.append(str(context)))
            while met.connections < connections:
                batch = []
                for _ in range(min(at_once, connections - met.connections)):
                    mine = Random(f"socket {seed} {met.connections}")
                    data, count = Breaker(mine, Talker(mine)).connection()
                    met.messages += count
                    head = UPGRADE if random.random() < 0.93 else random.choice(HEADS)
                    batch.append((data, head, one_connection(port, data, head, mine)))
                    met.connections += 1
                for (data, head, _), end in zip(
                    batch, await asyncio.gather(*(work for _, _, work in batch)), strict=True
                ):
                    judge(met, data, head, end)
                change(hub, met.connections)
                seq, theirs, own, mine_ = await good.digest()
                if (seq, theirs) != (own, mine_) or good.connections != 1:
                    met.failures.append(f"the good client lost its way: {good.closes} {good.refusals}")
                met.digests += 1
                if not first and met.connections >= connections // 5:
                    first = resident_mib()
            met.ticks, met.grown_mib = good.ticks, resident_mib() - first if first else 0.0
            deadline = asyncio.get_running_loop().time() + 5
            while len(hub.sessions) > 1 and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.01)
            if len(hub.sessions) != 1:
                met.failures.append(f"{len(hub.sessions)} sessions are left")
    met.failures += lines
    return met


def resident_mib() -> float:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def judge(met: Met, data: bytes, head: bytes, end: str) -> None:
    """A connection ends by a code, by the client's own close, or not at all."""
    met.ends[end] += 1
    known = (
        end in ("open", "none", "echo")
        or end.startswith("HTTP 4")
        or (end.isdigit() and int(end) in CODES | {3000, 1001})
    )
    if not known:
        met.failures.append(f"ended with {end!r} after {head[-40:]!r} {data[:3000].hex()}")
