"""The clients of `sync_fanout`, in one process: many that only check, one that decodes everything and knows the motion.

A checking client reads websocket and twin.v1 frames by hand, looks at header, sequence, epoch, base and CRC of each frame,
and acknowledges a tick when its last frame is there. It is told what to do by JSON lines on standard input, as the server.
"""

import asyncio
import base64
import json
import os
import resource
import socket
import struct
import sys
import time
import zlib
from array import array
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from _fanout_motion import Motion, make_motion, path_of

HEADER = struct.Struct("<BBHIQqqqIIII")
TICK_END, DELTA, KEYFRAME = 5, 6, 1
HELLO = {"type": "hello", "token": None, "want": None, "caps": ["delta", "zstd"], "have": None}


class Wrong(Exception):
    """Something in a frame that must not be."""


class Checker(asyncio.Protocol):
    """One client that checks and acknowledges."""

    def __init__(self) -> None:
        self.seq = 0
        self.epoch_crc = 0
        self.seen = array("q")
        """Ticks that are complete, since the last `mark`."""
        self.late = array("d")
        """Their age on completion [ms]."""
        self.bytes = 0
        self.tick_ns = 0
        self.tier = ""
        self.ready = asyncio.get_running_loop().create_future()
        self.gone: str = ""
        self.acknowledge = True
        self.bytes_per_second = 0.0
        """Reads no faster than that; 0: as fast as it can."""
        self._chunks: list[bytes] = []
        self._have = self._need = 0
        self._upgraded = False
        self._message: list[bytes] = []

    # ------------------------------------------------------------------ the websocket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport: Any = transport
        host, port = transport.get_extra_info("peername")[:2]
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: twin.v1",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode())

    def connection_lost(self, error: Exception | None) -> None:
        """The server ended it, or we did."""
        self.gone = self.gone or "lost"
        if not self.ready.done():
            self.ready.set_exception(Wrong(f"the connection ended at once: {self.gone}"))

    def data_received(self, data: bytes) -> None:
        """Collects until a whole websocket frame is there."""
        if self.bytes_per_second:
            self.transport.pause_reading()
            wait = len(data) / self.bytes_per_second
            asyncio.get_running_loop().call_later(wait, self.go_on)
        self._chunks.append(data)
        self._have += len(data)
        if self._have < self._need:
            return
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if not self._upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise Wrong(data[:200].decode(errors="replace"))
            self._upgraded, data = True, data[end + 4 :]
            self.say(HELLO)
        at = self._frames(data)
        rest = data[at:]
        self._chunks, self._have = ([rest] if rest else []), len(rest)

    def go_on(self) -> None:
        """Reads on after a rest."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _frames(self, data: bytes) -> int:
        """Takes the whole frames; how many bytes they were. `_need`: length that the rest must have to be whole."""
        at, size = 0, len(data)
        while True:
            if size - at < 2:
                self._need = 2
                return at
            first, length, begin = data[at], data[at + 1], at + 2
            if length == 126:
                begin += 2
                if size < begin:
                    self._need = begin - at
                    return at
                length = int.from_bytes(data[begin - 2 : begin], "big")
            elif length == 127:
                begin += 8
                if size < begin:
                    self._need = begin - at
                    return at
                length = int.from_bytes(data[begin - 8 : begin], "big")
            end = begin + length
            if size < end:
                self._need = end - at
                return at
            self._frame(first, memoryview(data)[begin:end])
            at = end

    def _frame(self, first: int, body: memoryview) -> None:
        kind = first & 15
        if kind == 9:
            self._send(0x8A, bytes(body))
        elif kind == 8:
            self.gone = f"{int.from_bytes(body[:2], 'big')} {bytes(body[2:]).decode()}"
        elif kind == 1:
            self._text(json.loads(bytes(body)))
        elif kind in (0, 2):
            if first & 128 and not self._message:
                self._binary(body)
                return
            self._message.append(bytes(body))
            if first & 128:
                whole, self._message = b"".join(self._message), []
                self._binary(memoryview(whole))

    def say(self, message: dict[str, Any]) -> None:
        """Sends a control message."""
        self._send(0x81, json.dumps(message).encode())

    def _send(self, first: int, body: bytes) -> None:
        if self.transport.is_closing():
            return
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
        self.transport.write(bytes([first]) + size + bytes(4) + body)  # masked with zeros

    # ------------------------------------------------------------------ twin.v1

    def _text(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "welcome":
            self.epoch_crc = zlib.crc32(message["epoch"].encode())
            self.say({"type": "ready", "revision": message["revision"]})
        elif kind == "tier":
            self.tier = f"{message.get('hz')} Hz: {message.get('reason')}"
        elif kind == "bye":
            self.gone = message["reason"]

    def _binary(self, body: memoryview) -> None:
        self.bytes += len(body)
        at = 0
        while at < len(body):
            op, version, flags, _, seq, _, _, tick_ns, base, epoch, size, crc = HEADER.unpack_from(body, at)
            end = at + HEADER.size + size
            found = zlib.crc32(body[at + HEADER.size : end], zlib.crc32(body[at : at + HEADER.size - 4]))
            if version != 1 or epoch != self.epoch_crc or end > len(body):
                raise Wrong(f"version {version}, epoch {epoch:08x}, {len(body)} bytes")
            if found != crc:
                raise Wrong(f"CRC of op {op} in tick {seq}")
            stands = self.seq & 0xFFFFFFFF
            if seq <= self.seq or not (flags & KEYFRAME or base == stands or (base < stands and op != DELTA)):
                raise Wrong(f"tick {seq} on {base} after tick {self.seq}")
            at = end + -end % 8
            if op == TICK_END:
                self._complete(seq, tick_ns)

    def _complete(self, seq: int, tick_ns: int) -> None:
        self.seq, self.tick_ns = seq, tick_ns
        self.seen.append(seq)
        self.late.append((time.time_ns() - tick_ns) / 1e6)
        if self.acknowledge:
            self._send(0x81, b'{"type":"ack","seq":%d}' % seq)
        if not self.ready.done():
            self.ready.set_result(None)

    def mark(self) -> None:
        """Forgets what has been seen."""
        self.seen, self.late, self.bytes = array("q"), array("d"), 0


class Judge:
    """The client of the product; every so often all poses that it holds are compared with the formula."""

    def __init__(self, motion: Motion, every: int) -> None:
        self.motion, self.every = motion, every
        self.seen, self.late = array("q"), array("d")
        self.error_m = self.error_rad = 0.0
        self.compared = 0
        self.client: Any = None
        self._rows: tuple[Any, np.ndarray] | None = None

    def on_tick(self, tick: Any) -> None:
        """After each applied tick."""
        self.seen.append(tick.seq)
        self.late.append((time.time_ns() - tick.event_ns) / 1e6)
        if self.client is not None and tick.seq % self.every == 0:
            self.compare(tick.seq)

    def compare(self, seq: int) -> None:
        """All poses against the motion at that tick."""
        model = self.client.model
        if self._rows is None or self._rows[0] is not model:
            rows = [model.index_of[path_of(i)] for i in range(self.motion.prims)]
            self._rows = (model, np.array(rows))
        held = model.locals()[self._rows[1]]
        where, turn = self.motion.pose(seq)
        self.error_m = max(self.error_m, float(np.abs(held[:, :3, 3] - where).max()))
        apart = np.linalg.norm(held[:, :3, :3] - matrices(turn), axis=(1, 2)) / (2 * np.sqrt(2.0))
        self.error_rad = max(self.error_rad, float(2 * np.arcsin(apart.max())))
        self.compared += 1

    def mark(self) -> None:
        """Forgets what has been seen."""
        self.seen, self.late = array("q"), array("d")


class Ages:
    """The client of the product; how old each value is when it has been applied."""

    def __init__(self) -> None:
        self.client: Any = None
        self.late: list[np.ndarray] = []
        self._known = np.zeros(0, np.int64)

    def on_tick(self, tick: Any) -> None:
        """After each applied tick: the signals whose source time is another one."""
        now, stamps = time.time_ns(), self.client.model._event_ns if self.client else self._known
        if len(stamps) == len(self._known):
            fresh = stamps[stamps != self._known]
            self.late.append((now - fresh) / 1e6)
        self._known = stamps.copy()


def matrices(quat: np.ndarray) -> np.ndarray:
    """Rotation matrices f8[n, 3, 3] of quaternions wxyz."""
    w, x, y, z = np.asarray(quat, np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


class Crowd:
    """All clients of this process."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.checkers: list[Checker] = []
        self.bad: dict[str, Checker] = {}
        self.judge: Judge | None = None
        self.ages: Ages | None = None
        self._stack = AsyncExitStack()

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command by its name."""
        arguments = dict(command)
        answer = await getattr(self, "do_" + arguments.pop("do"))(**arguments)
        return dict(answer or {})

    async def _one(self, receive_buffer: int = 0) -> Checker:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await loop.sock_connect(sock, self.address)
        _, checker = await loop.create_connection(Checker, sock=sock)
        await asyncio.wait_for(asyncio.shield(checker.ready), 60)
        return checker

    async def do_connect(self, clients: int) -> None:
        """More checking clients; each has its first state when this returns."""
        for _ in range(clients):
            self.checkers.append(await self._one())

    async def do_judge(self, prims: int, hz: float, every: int) -> None:
        """The client that decodes all."""
        from twinstage.sync.client import connect

        self.judge = Judge(make_motion(prims, hz), every)
        link = connect(self.url, on_tick=self.judge.on_tick, timeout=60)
        self.judge.client = await self._stack.enter_async_context(link)

    async def do_misbehave(self, bytes_per_second: float) -> None:
        """Three more clients: one stops to read, one reads slowly, one is hidden."""
        frozen, slow, hidden = await self._one(1 << 15), await self._one(1 << 15), await self._one()
        frozen.transport.pause_reading()
        slow.bytes_per_second = bytes_per_second
        hidden.say({"type": "pause"})
        self.bad = {"frozen": frozen, "slow": slow, "hidden": hidden}

    async def do_recover(self, wait: float) -> dict[str, Any]:
        """The slow one reads as fast as it can, the hidden one is shown; how old their pictures are after `wait` [s]."""
        slow, hidden = self.bad["slow"], self.bad["hidden"]
        before = len(slow.seen)
        slow.bytes_per_second = 0.0
        slow.go_on()
        hidden.say({"type": "resume"})
        await asyncio.sleep(wait)
        now = time.time_ns()
        return {
            "slow_ms": (now - slow.tick_ns) / 1e6,
            "hidden_ms": (now - hidden.tick_ns) / 1e6,
            "slow_ticks": before,
            "gone": {name: each.gone for name, each in self.bad.items() if each.gone},
        }

    async def do_leave(self) -> None:
        """The bad ones go."""
        for each in self.bad.values():
            each.transport.abort()
        self.bad = {}

    async def do_mark(self) -> None:
        """A measurement begins."""
        for each in self._all():
            each.mark()
        if self.ages:
            self.ages.late = []

    async def do_report(self, first: int, last: int) -> dict[str, Any]:
        """What all saw of the ticks after `first` up to `last`; the bad ones are not among them."""
        shares, late = [], []
        for each in self._all():
            seen = np.frombuffer(each.seen, np.int64)
            inside = (seen > first) & (seen <= last)
            shares.append(float(np.count_nonzero(inside)) / max(1, last - first))
            late.append(np.frombuffer(each.late, np.float64)[inside])
        ages = np.concatenate(late)
        ages = ages if len(ages) else np.zeros(1)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        ticks = sum(len(each.seen) for each in self.checkers)
        gone = [each.gone for each in self.checkers if each.gone]
        out = {
            "applied": float(np.mean(shares)),
            "applied_least": float(np.min(shares)),
            "p50": float(np.percentile(ages, 50)),
            "p99": float(np.percentile(ages, 99)),
            "bytes_per_tick": sum(each.bytes for each in self.checkers) / max(1, ticks),
            "ticks": ticks,
            "cpu": usage.ru_utime + usage.ru_stime,
            "gone": gone[:3],
            "tiers": sorted({each.tier for each in self.checkers if each.tier})[:3],
        }
        judge = self.judge
        if judge is not None:
            own = judge.client.reconnects
            out |= {"error_mm": judge.error_m * 1e3, "error_deg": float(np.degrees(judge.error_rad))}
            out |= {"compared": judge.compared, "judge_applied": shares[0], "reconnects": own}
        return out

    def _all(self) -> list[Judge | Checker]:
        return [*([self.judge] if self.judge else []), *self.checkers]

    async def do_join(self, path: str) -> dict[str, Any]:
        """Milliseconds from nothing to the first complete state of a client of the product, that prim's pose included."""
        from twinstage.sync.client import connect

        begun = time.perf_counter()
        async with connect(self.url, timeout=60) as client:
            client.world(path)
            return {"ms": (time.perf_counter() - begun) * 1e3}

    async def do_values(self) -> None:
        """A client that looks at the ages of values."""
        from twinstage.sync.client import connect

        self.ages = Ages()
        link = connect(self.url, on_tick=self.ages.on_tick, timeout=60)
        self.ages.client = await self._stack.enter_async_context(link)

    async def do_ages(self) -> dict[str, Any]:
        """Of the values since `mark`, without the first tenth, which includes the producer's connection."""
        late = np.concatenate(self.ages.late)
        late = late[len(late) // 10 :]
        return {"p50": np.percentile(late, 50), "p99": np.percentile(late, 99), "rows": len(late)}

    async def do_quit(self) -> None:
        """The end."""
        await self._stack.aclose()
        for each in [*self.checkers, *self.bad.values()]:
            each.transport.abort()


async def main() -> None:
    """URL; then commands until the end of the input."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    loop.set_exception_handler(_fatal)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd = Crowd(sys.argv[1])
    while line := (await reader.readline()).strip():
        command = json.loads(line)
        print(json.dumps(await crowd.obey(command)), flush=True)
        if command["do"] == "quit":
            return


def _fatal(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A client that finds something wrong ends the benchmark."""
    if isinstance(context.get("exception"), Wrong):
        print(json.dumps({"wrong": str(context["exception"])}), flush=True)
        os._exit(1)
    loop.default_exception_handler(context)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
