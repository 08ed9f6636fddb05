"""A client of twin.v1 as a stranger would write it: from docs/protocol.md alone, standard library and `websockets`.

Nothing here knows the twinstage package. `decode` reads one message, `Copy` is what a client holds of the twin and
`Client` keeps a copy in step with a server, through lost connections, new scenes and new lives of the server.
"""

import asyncio
import hashlib
import json
import math
import struct
import time
import urllib.request
import zlib
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import websockets
from websockets.asyncio.client import connect

try:
    import zstandard
except ImportError:  # then it does not ask for the capability
    zstandard = None

KEYFRAME, SCALE, ZSTD = 1, 2, 4
HEADER = struct.Struct("<BBHIQqqqIIII")
MOST_BODY = 262_088
LONGEST_MESSAGE = 256 * 1024
QUANTUM = 2.0**-14
NOTHING = "9d908ecfb6b256def8b49a7c504e6c889c4b0e41fe6ce3e01863dd7b61a20aa0"  # the digest of an empty copy
AGAIN = {1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429}


class Refused(Exception):
    """A message or a tick that a client must refuse: close with 4400, connect again without `have`."""


class GivenUp(Exception):
    """The server closed with a code after which one does not try again."""


# --- one message ------------------------------------------------------------------------------------------------------


@dataclass
class Frame:
    op: int
    version: int
    flags: int
    n: int
    seq: int
    event_ns: int
    watermark_ns: int
    tick_ns: int
    base_seq: int
    epoch_crc: int
    size: int
    crc: int
    columns: dict = field(default_factory=dict)

    @property
    def keyframe(self):
        return bool(self.flags & KEYFRAME)


def decode(message):
    """-> (frames, how many of unknown kinds were skipped). Raises Refused."""
    frames, skipped, at = [], 0, 0
    while at < len(message):
        if len(message) - at < HEADER.size:
            raise Refused("fewer bytes than a header has")
        frame = Frame(*HEADER.unpack_from(message, at))
        if frame.version != 1:
            raise Refused(f"frame version {frame.version}")
        begin, end = at + HEADER.size, at + HEADER.size + frame.size
        after = at + (HEADER.size + frame.size + 7) // 8 * 8
        if after > len(message):
            raise Refused("a body that is longer than the message")
        body = bytes(message[begin:end])
        if zlib.crc32(body, zlib.crc32(message[at : at + 52])) != frame.crc:
            raise Refused("wrong checksum")
        at = after
        if not 1 <= frame.op <= 8:
            skipped += 1
            continue
        if frame.flags & ZSTD:
            body = inflated(body, *sizes(frame))
        try:
            frame.columns = read(frame, body)
        except (struct.error, ValueError) as error:
            raise Refused(f"op {frame.op}: {error}") from error
        frames.append(frame)
    return frames, skipped


def inflated(stored, least, most):
    """The content of one zstd frame that states how long it is, between `least` and `most` bytes."""
    if len(stored) < 6 or stored[:4] != b"\x28\xb5\x2f\xfd":
        raise Refused("not a zstd frame")
    descriptor = stored[4]
    single, size_flag, dictionary = descriptor >> 5 & 1, descriptor >> 6, descriptor & 3
    if dictionary:
        raise Refused("a zstd frame with a dictionary")
    length = (1 if single else 0, 2, 4, 8)[size_flag]
    begin = 5 + (0 if single else 1)
    if not length or len(stored) < begin + length:
        raise Refused("a zstd frame that does not state its size")
    size = int.from_bytes(stored[begin : begin + length], "little") + (256 if length == 2 else 0)
    if size == 0 or not least <= size <= min(most, MOST_BODY):
        raise Refused(f"a zstd frame of {size} bytes")
    if zstandard is None:
        raise Refused("a zstd frame that nobody asked for")
    reader = zstandard.ZstdDecompressor().decompressobj()
    try:
        content = reader.decompress(stored)
    except zstandard.ZstdError as error:
        raise Refused(f"zstd: {error}") from error
    if len(content) != size or not reader.eof or reader.unused_data:
        raise Refused("a zstd frame whose content is not what it states")
    return content


TABLES = {  # name, type and width of each column, in order
    2: (("value", "d", 1), ("event_ns", "q", 1), ("ids", "I", 1), ("quality", "I", 1)),
    3: (("ids", "I", 1), ("rgba", "B", 4)),
    4: (("ids", "I", 1), ("visible", "?", 1)),
    5: (),
    7: (("event_ns", "q", 1), ("ids", "I", 1), ("quality", "I", 1), ("ends", "I", 1)),
    8: (("entity", "q", 1), ("ids", "I", 1)),
}


def row_size(table):
    return sum(struct.calcsize("<" + code) * width for _, code, width in table)


def pose_table(frame):
    scale = (("scale", "f", 3),) if frame.flags & SCALE else ()
    return (("ids", "I", 1), ("translation", "i", 3), *scale, ("words", "H", 3))


def sizes(frame):
    """What the content of a body may measure: least, most."""
    n = frame.n
    if frame.op == 6:
        return 16 + n, 16 + 22 * n
    if frame.op == 1:
        return (32 + n * row_size(pose_table(frame)),) * 2
    least = n * row_size(TABLES[frame.op])
    return least, MOST_BODY if frame.op == 7 else least


def columns(table, body, at, n):
    """-> (columns by name, where they end)"""
    told = {}
    for name, code, width in table:
        numbers = struct.unpack_from(f"<{n * width}{code}", body, at)
        at += n * width * struct.calcsize("<" + code)
        whole = width == 1
        told[name] = (
            list(numbers) if whole else list(zip(*(numbers[i::width] for i in range(width)), strict=True))
        )
    if any(b <= a for a, b in zip(told.get("ids", ()), told.get("ids", ())[1:], strict=False)):
        raise Refused("ids that do not grow")
    return told, at


def read(frame, body):
    """The columns of a body. Raises Refused, struct.error, ValueError."""
    least, most = sizes(frame)
    if not least <= len(body) <= most:
        raise Refused(f"a body of {len(body)} bytes for {frame.n} rows")
    if frame.op == 5 and frame.n:
        raise Refused("an end of tick with rows")
    if frame.op == 6:
        return read_deltas(frame.n, body)
    if frame.op == 1:
        return read_poses(frame, body)
    told, at = columns(TABLES[frame.op], body, 0, frame.n)
    if frame.op == 7:
        begins = [0, *told["ends"]]
        if any(b < a for a, b in pairwise(begins)) or at + begins[-1] != len(body):
            raise Refused("texts that do not fill their bytes")
        told["text"] = [
            body[at + a : at + b].decode() for a, b in zip(begins, told.pop("ends"), strict=False)
        ]
    return told


def quantum_of(value):
    if not 0 < value <= 0.25e-3:
        raise Refused(f"a quantum of {value}")
    return value


def read_poses(frame, body):
    *origin, quantum = struct.unpack_from("<4d", body)
    quantum_of(quantum)
    if not all(abs(x) <= 2.0**48 for x in origin):
        raise Refused("an origin that is too far away")
    told, _ = columns(pose_table(frame), body, 32, frame.n)
    told["translation"] = [
        tuple(o + i * quantum for o, i in zip(origin, t, strict=True)) for t in told["translation"]
    ]
    return {"scale": None} | told


def read_deltas(n, body):
    quantum, *widths = struct.unpack_from("<d8B", body)
    quantum_of(quantum)
    wrong = widths[7] or widths[0] not in (1, 2, 4) or any(w not in (0, 1, 2, 4) for w in widths[1:4])
    if wrong or any(w not in (0, 1, 2) for w in widths[4:7]) or len(body) != 16 + n * sum(widths[:7]):
        raise Refused(f"widths {widths} for {n} rows in {len(body)} bytes")
    at, told = 16, []
    for number, width in enumerate(widths[:7]):
        planes = [body[at + j * n : at + (j + 1) * n] for j in range(width)]
        at += width * n
        signed = number > 0  # two's complement
        told.append(
            [int.from_bytes(bytes(v), "little", signed=signed) for v in zip(*planes, strict=True)] or [0] * n
        )
    ids = list(accumulate(told[0]))
    if any(gap < 1 for gap in told[0][1:]) or (ids and ids[-1] > 0xFFFFFFFF):
        raise Refused("ids that do not grow, or beyond 32 bits")
    move, turn = list(zip(*told[1:4], strict=True)), list(zip(*told[4:7], strict=True))
    return {"ids": ids, "quantum": quantum, "move": move, "turn": turn}


def quaternion(words):
    """w, x, y, z of three packed words."""
    k = (words[0] >> 15) | (words[1] >> 15) << 1
    small = [((word & 0x7FFF) - 16383) / (16383 * math.sqrt(2)) for word in words]
    return (*small[:k], math.sqrt(max(0.0, 1.0 - sum(v * v for v in small))), *small[k:])


# --- what a client holds ------------------------------------------------------------------------------------------------


def local_matrix(translation, words, scale):
    """T * R * S, upper three rows."""
    w, x, y, z = quaternion(words)
    turn = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return [[turn[i][j] * scale[j] for j in range(3)] + [translation[i]] for i in range(3)]


def product(a, b):
    return [
        [sum(a[i][k] * b[k][j] for k in range(3)) + (a[i][3] if j == 3 else 0.0) for j in range(4)]
        for i in range(3)
    ]


class Copy:
    """A copy of the twin: a scene, and what ticks said since the last keyframe."""

    def __init__(self, scene):
        self.scene, self.epoch, self.revision = scene, scene["epoch"], scene["revision"]
        self.crc = zlib.crc32(self.epoch.encode())
        self.prims = scene["nodes"]["count"]
        self.nodes = self.prims + scene["points"]["count"]
        self.signal_count = len(scene["signals"])
        self.seq = None  # of the last tick that was applied
        self.forget()

    def forget(self):
        self.poses, self.styles, self.visibility = {}, {}, {}
        self.signals, self.texts, self.entities = {}, {}, {}

    def apply(self, frames):
        """The frames of one whole tick; -> False where it is of another epoch. Raises Refused."""
        end = frames[-1]
        if end.epoch_crc != self.crc:
            return False
        if any(
            f.seq != end.seq or f.epoch_crc != end.epoch_crc or f.keyframe != end.keyframe for f in frames
        ):
            raise Refused("frames of different ticks")
        if not end.keyframe:
            if self.seq is None or end.seq < self.seq:
                raise Refused(f"tick {end.seq} after {self.seq}")
            if any(0 < (f.base_seq - self.seq) & 0xFFFFFFFF < 1 << 31 for f in frames):
                raise Refused(f"tick {end.seq} is on {end.base_seq}, but the last one was {self.seq}")
        if any(f.op == 6 and (self.seq is None or f.base_seq != self.seq & 0xFFFFFFFF) for f in frames):
            raise Refused("a delta on another tick than the last one")
        for frame in frames:
            known = self.signal_count if frame.op in (2, 7) else self.nodes
            if frame.columns.get("ids") and frame.columns["ids"][-1] >= known:
                raise Refused("an id that the scene does not have")
        if end.keyframe:
            self.forget()
        for frame in frames:
            self.take(frame.op, **frame.columns)
        self.seq = end.seq
        return True

    def take(self, op, ids=(), **c):
        if op == 1:
            scales = c["scale"] or [(1.0, 1.0, 1.0)] * len(ids)
            self.poses.update(zip(ids, zip(c["translation"], c["words"], scales, strict=True), strict=True))
        elif op == 2:
            self.signals.update(
                zip(ids, zip(c["value"], c["event_ns"], c["quality"], strict=True), strict=True)
            )
        elif op == 3:
            self.styles.update(zip(ids, c["rgba"], strict=True))
        elif op == 4:
            self.visibility.update(zip(ids, c["visible"], strict=True))
        elif op == 6:
            for node, move, turn in zip(ids, c["move"], c["turn"], strict=True):
                if node not in self.poses:
                    raise Refused("a delta of a node that never came whole")
                place, words, scale = self.poses[node]
                place = tuple(p + d * c["quantum"] for p, d in zip(place, move, strict=True))
                words = tuple((w + d) & 0xFFFF for w, d in zip(words, turn, strict=True))
                self.poses[node] = place, words, scale
        elif op == 7:
            self.texts.update(zip(ids, zip(c["text"], c["event_ns"], c["quality"], strict=True), strict=True))
        elif op == 8:
            self.entities.update(zip(ids, c["entity"], strict=True))

    def digest(self):
        nan = bytes.fromhex("000000000000f87f")
        total = hashlib.sha256(struct.pack("<I", len(self.poses)))
        for i, (place, words, scale) in sorted(self.poses.items()):
            total.update(struct.pack("<I3q3H3f", i, *(round(t / QUANTUM) for t in place), *words, *scale))
        total.update(struct.pack("<I", len(self.styles)))
        for i, rgba in sorted(self.styles.items()):
            total.update(struct.pack("<I4B", i, *rgba))
        total.update(struct.pack("<I", len(self.visibility)))
        for i, shown in sorted(self.visibility.items()):
            total.update(struct.pack("<IB", i, shown))
        total.update(struct.pack("<I", len(self.signals)))
        for i, (value, event, quality) in sorted(self.signals.items()):
            number = nan if math.isnan(value) else struct.pack("<d", value)
            total.update(struct.pack("<I", i) + number + struct.pack("<qI", event, quality))
        total.update(struct.pack("<I", len(self.texts)))
        for i, (text, _, quality) in sorted(self.texts.items()):
            stored = text.encode()
            total.update(struct.pack("<II", i, len(stored)) + stored + struct.pack("<I", quality))
        total.update(struct.pack("<I", len(self.entities)))
        for i, entity in sorted(self.entities.items()):
            total.update(struct.pack("<Iq", i, entity))
        return total.hexdigest()

    def local(self, node):
        if node in self.poses:
            return local_matrix(*self.poses[node])
        table, row = ("nodes", node) if node < self.prims else ("points", node - self.prims)
        numbers = self.scene[table]["local"][12 * row : 12 * row + 12]
        return [numbers[0:4], numbers[4:8], numbers[8:12]]

    def world(self, node):
        """The upper three rows of world_from_node, metres, Z up."""
        matrix = self.local(node)
        while (node := self.parent(node)) >= 0:
            matrix = product(self.local(node), matrix)
        return matrix

    def parent(self, node):
        if node >= self.prims:
            return self.scene["points"]["instancer"][node - self.prims]
        return -1 if self.scene["nodes"]["resets"][node] else self.scene["nodes"]["parent"][node]


# --- the connection -----------------------------------------------------------------------------------------------------


class Client:
    """Follows the twin at `http://host:port`; `run` returns after `stop`, or raises GivenUp."""

    def __init__(self, address, token=None, want=None, caps=None, interest=None, rate=None):
        self.address, self.token, self.want = address.rstrip("/"), token, want
        self.caps = caps if caps is not None else ["delta", "digest"] + (["zstd"] if zstandard else [])
        self.interest, self.rate = interest, rate
        self.copy = self.welcome = self.socket = self.tier = self.offset_ns = None
        self.collected, self.events, self.seen, self.trips = [], [], [], []
        self.skipped = self.ticks = self.keyframes = self.deltas = self.inflated = self.ignored = 0
        self.connections = self.fetches = 0
        self.refusals, self.closes = [], []  # why this side closed; codes that the server closed with
        self.whole = False  # the copy may be named in `have`
        self.paused = self.stopped = self.streaming = False
        self.waiting = []  # (condition, future)
        self.digests = []  # futures of digests that were asked for

    async def run(self):
        pause = 0.25
        while not self.stopped:
            before = self.ticks
            code = await self.once()
            self.streaming, self.collected, self.socket = False, [], None
            if self.stopped:
                return
            if code not in AGAIN and code != 4400:
                raise GivenUp(f"{code}: {self.closes[-1:]}")
            if self.ticks > before:
                pause = 0.25
            await asyncio.sleep(pause)
            pause = min(5.0, 2 * pause)

    async def once(self):
        """One connection; -> the code that it ended with."""
        address = "ws" + self.address.removeprefix("http") + "/ws"
        try:
            async with connect(address, subprotocols=["twin.v1"], max_size=LONGEST_MESSAGE) as socket:
                self.socket = socket
                self.connections += 1
                await self.greet()
                async for message in socket:
                    await (
                        self.on_text(json.loads(message))
                        if isinstance(message, str)
                        else self.on_bytes(message)
                    )
                    self.look()
        except Refused as error:
            self.refusals.append(str(error))
            self.whole = False
            return 4400
        except websockets.InvalidStatus as error:
            self.closes.append((error.response.status_code, "refused"))
            return 1006 if error.response.status_code >= 500 else error.response.status_code
        except websockets.ConnectionClosed:
            pass
        except OSError:
            return 1006
        code = self.socket.close_code
        self.closes.append((code, self.socket.close_reason))
        if code == 4400:
            raise GivenUp(f"4400: {self.socket.close_reason}")
        return 1005 if code == 1000 and not self.stopped else code

    async def greet(self):
        hello = {"type": "hello", "protocol": {"min": 1, "max": 1}, "token": self.token, "caps": self.caps}
        hello |= {"interest": self.interest, "rate": self.rate} | (
            {} if self.want is None else {"want": self.want}
        )
        if self.whole and self.copy is not None and self.copy.seq is not None:
            hello["have"] = {"epoch": self.copy.epoch, "revision": self.copy.revision, "seq": self.copy.seq}
        await self.send(**hello)

    async def send(self, **message):
        if self.socket is not None:
            await self.socket.send(json.dumps(message, allow_nan=False))

    async def refuse(self, why):
        await self.socket.close(4400, why[:100])
        raise Refused(why)

    async def on_bytes(self, message):
        try:
            frames, skipped = decode(message)
            self.skipped += skipped
            for frame in frames:
                self.collected.append(frame)
                if frame.op == 5:
                    tick, self.collected = self.collected, []
                    await self.on_tick(tick)
        except Refused as error:
            await self.refuse(str(error))

    async def on_tick(self, tick):
        if not self.copy.apply(tick):
            self.ignored += 1
            return
        self.ticks += 1
        self.keyframes += tick[-1].keyframe
        self.deltas += sum(f.n for f in tick if f.op == 6)
        self.inflated += sum(bool(f.flags & ZSTD) for f in tick)
        if tick[-1].keyframe:
            self.whole = self.interest is None
        await self.send(type="ack", seq=self.copy.seq)

    async def on_text(self, message):
        self.seen.append(message)
        kind = message.get("type")
        if kind == "welcome":
            self.welcome, self.tier = message, message["rate"]
            held = self.copy is not None and (self.copy.epoch, self.copy.revision)
            if held != (message["epoch"], message["revision"]):
                await self.fetch()
            await self.ready()
        elif kind == "event":
            self.events.append(message)
            if message["event"] == "scene":
                self.collected, self.streaming = [], False
                await self.fetch()
                await self.ready()
        elif kind == "tier":
            self.tier = message["hz"]
        elif kind == "digest":
            await self.on_digest(message)
        elif kind == "pong":
            self.trips = [*self.trips[-7:], self.trip(message)]
            self.offset_ns = min(self.trips)[1]

    async def on_digest(self, message):
        mine = self.copy.digest()
        asked, self.digests = self.digests, []
        for future in asked:  # one answer may be to several questions
            if not future.done():
                future.set_result((message["seq"], message["sha256"], self.copy.seq, mine))
        if (message["seq"], message["sha256"]) != (self.copy.seq, mine):
            await self.refuse("the digest differs")

    async def fetch(self):
        head = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(self.address + "/api/scene", headers=head)
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=30).read())
        self.copy, self.whole = Copy(json.loads(text)), False
        self.fetches += 1

    async def ready(self):
        await self.send(type="ready", revision=self.copy.revision)
        self.streaming = True
        if self.paused:
            await self.send(type="pause")
        if self.digests:
            await self.send(type="digest")

    # what its user may ask

    async def digest(self):
        """-> (seq, hash) of the server and (seq, hash) of this copy, of one moment."""
        self.digests.append(asyncio.get_running_loop().create_future())
        future = self.digests[-1]
        if self.streaming:
            await self.send(type="digest")
        return await asyncio.wait_for(future, 20)

    async def set_interest(self, **parts):
        self.interest, self.whole = parts or None, False
        await self.send(type="interest", **parts)

    async def set_rate(self, hz):
        self.rate = hz
        await self.send(type="rate", hz=hz)

    async def pause(self, paused=True):
        self.paused = paused
        await self.send(type="pause" if paused else "resume")

    async def ping(self):
        await self.send(type="ping", t=time.time())

    def trip(self, pong):
        """-> (round trip in seconds, offset in nanoseconds)"""
        now = time.time()
        return now - pong["t"], int(pong["serverTimeNs"]) - int((pong["t"] + now) / 2 * 1e9)

    async def until(self, condition, seconds=20):
        if condition(self):
            return
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((condition, future))
        await asyncio.wait_for(future, seconds)

    def look(self):
        for condition, future in self.waiting:
            if not future.done() and condition(self):
                future.set_result(None)
        self.waiting = [pair for pair in self.waiting if not pair[1].done()]

    async def stop(self):
        self.stopped = True
        if self.socket is not None:
            await self.socket.close()
