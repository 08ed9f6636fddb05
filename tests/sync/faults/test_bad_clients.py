"""One client frozen, one at 64 KB/s, one hidden, among good ones: what each costs, what becomes of it, and who notices.

On a driven clock, without sockets: memory is counted in bytes of queues, lateness in ticks. The sockets' share follows below.
"""

import asyncio
import json
import os
import socket
from types import ModuleType

import numpy as np
import proxy as network
from line import HIGH_WATER, SECOND, LineClient
from motion import Motion
from peers import opened, settled, until

from twinstage.base.clock import ManualClock
from twinstage.sync import codec, messages
from twinstage.sync.hub import Hub
from twinstage.sync.serve import bind, running
from twinstage.sync.server import create_app
from twinstage.sync.session import MAX_CONTROL_BYTES

FRAME = SECOND // 60
MOVING = 1_000


class Crowd:
    """A hub on a clock of its own, in which everything moves sixty times a second, and its clients."""

    def __init__(self, make: ModuleType) -> None:
        self.make = make
        paths = ["/W", *(f"/W/n{k:04}" for k in range(MOVING))]
        self.hub = Hub(make.snapshot(paths), epoch="e", clock=ManualClock(SECOND))
        self.random = np.random.Generator(np.random.Philox(2))
        self.place = self.random.uniform(-100, 100, (MOVING, 3))
        self.turn = self.random.normal(size=(MOVING, 4))
        self.clients: list[LineClient] = []
        self.frames = 0

    def step(self, ns: int = FRAME) -> None:
        self.hub.clock.advance(ns)
        self.place += self.random.normal(0, 0.02, self.place.shape)
        self.turn += 0.02 * self.random.normal(size=self.turn.shape)
        poses = self.make.poses(range(1, MOVING + 1), self.place, self.turn)
        self.hub.publish(self.make.tick(poses))
        for client in self.clients:
            if client.session.closed is None or client.session._control:
                client.run(ns)
        before, self.frames = self.frames * FRAME // SECOND, self.frames + max(1, ns // FRAME)
        if self.frames * FRAME // SECOND > before:
            for session in list(self.hub.sessions):
                session.expire(self.hub.clock.now_ns())

    def seconds(self, count: float) -> None:
        for _ in range(round(60 * count)):
            self.step()

    @property
    def cached(self) -> int:
        """Bytes that the tiers keep for all of their clients together."""
        kept = {id(m): len(m) for tier in self.hub.tiers for made in tier._cache.values() for m in made}
        return sum(kept.values())


def test_bad_clients_cost_a_bounded_number_of_bytes_and_nobody_else_notices(make: ModuleType) -> None:
    crowd = Crowd(make)
    crowd.step()
    hub = crowd.hub
    good = [LineClient(hub), LineClient(hub)]
    frozen, slow = LineClient(hub, bytes_per_second=0), LineClient(hub, bytes_per_second=65536)
    hidden = LineClient(hub)
    crowd.clients = [*good, frozen, slow, hidden]
    crowd.seconds(2)
    whole = sum(map(len, hub.tick(None, frozenset(messages.CHANNELS))))
    hidden.say(type="pause")
    quiet, cached = hidden.received, 0
    for _ in range(18):
        crowd.seconds(1)
        cached = max(cached, crowd.cached)
    # A client holds what its transport takes, one tick that is being sent, and a few texts: however long it lasts.
    for client in (frozen, slow, hidden):
        assert client.most_queued < HIGH_WATER + codec.MESSAGE_BYTES + whole, client.most_queued
    assert cached < 8 * whole, (cached, whole)
    assert hidden.received == quiet and hidden.queued == 0
    assert frozen.session.rate == 0 and frozen.session.closed is None and frozen.received == 0
    assert 0 < slow.session.rate < 60 and slow.tiers and slow.session.closed is None

    slow.bytes_per_second = None
    hidden.say(type="resume")
    crowd.seconds(2)
    behind = hub.seq - slow.seq
    assert behind <= 30, f"{behind} ticks behind, 2 s after it recovered"
    assert hub.seq - hidden.seq <= 1 and hidden.keyframes == slow.keyframes == 1
    crowd.seconds(20)
    assert slow.session.rate >= 30 and hub.seq - slow.seq <= 2
    print(
        f"\nframe of all: {whole} B; frozen {frozen.most_queued} B, slow {slow.most_queued} B, tiers {cached} B; {behind=}"
    )
    for client in good:
        assert client.tiers == [] and client.session.ticks_skipped == 0
        assert client.seqs == list(range(client.seqs[0], hub.seq + 1))

    for _ in range(24):  # until it has owed its acknowledgement for a minute
        crowd.step(SECOND)
    assert frozen.session.closed is not None
    code, reason = frozen.session.closed
    assert code == messages.TOO_SLOW and "was not acknowledged in 60 s" in reason
    frozen.bytes_per_second = None  # it reads after all, and learns why
    frozen.run(SECOND)
    assert frozen.tiers == [30, 10, 2, 0]
    assert [m["type"] for m in frozen.control[-2:]] == ["event", "bye"] and frozen.control[-1][
        "reason"
    ] == reason
    for client in (*good, slow, hidden):
        client.say(type="digest")
        client.run(SECOND)
        assert client.compared == 1 and client.session.closed is None


def test_a_client_that_does_not_read_its_alarms_is_closed_and_keeps_few_of_them(make: ModuleType) -> None:
    crowd = Crowd(make)
    crowd.step()
    good, frozen = LineClient(crowd.hub), LineClient(crowd.hub, bytes_per_second=0)
    crowd.clients = [good, frozen]
    crowd.seconds(0.5)
    record = {"alarm": "motor/hot", "message": "x" * 500}
    for k in range(2000):
        crowd.hub.event("alarm", {"count": 1, "records": [record]})
        good.run(FRAME)
        if frozen.session.closed is None:
            frozen.run(FRAME)
        if k % 60 == 59:
            for session in list(crowd.hub.sessions):
                session.expire(good.now + k * FRAME)
    assert [m["n"] for m in good.control if m["type"] == "event"] == list(range(1, 2001))
    assert frozen.session.closed is not None and frozen.session.closed[0] == messages.TOO_SLOW
    assert "control messages wait unread" in frozen.session.closed[1]
    assert frozen.most_queued < HIGH_WATER + codec.MESSAGE_BYTES + MAX_CONTROL_BYTES


def test_many_events_at_once_close_nobody_who_reads(make: ModuleType) -> None:
    """A hundred of them between two turns of the loop, before any socket could take one."""
    crowd = Crowd(make)
    crowd.step()
    good = LineClient(crowd.hub)
    crowd.clients = [good]
    crowd.seconds(0.5)
    for k in range(500):
        crowd.hub.event("command", {"number": k})
    good.session.expire(good.now)
    crowd.seconds(0.5)
    assert good.session.closed is None
    assert [m["n"] for m in good.control if m["type"] == "event"] == list(range(1, 501))


def test_a_frozen_and_a_slow_socket_hold_no_more_than_one_tick(make: ModuleType) -> None:
    """The same with real sockets: what uvicorn's transport holds for each."""
    n = 20_000

    async def main() -> None:
        hub = Hub(make.snapshot(["/W", *(f"/W/n{i:05d}" for i in range(n))]), epoch="e")
        random = np.random.Generator(np.random.Philox(1))
        hub.publish(make.tick(make.poses(range(1, n + 1), random.normal(size=(n, 3)))))
        sock = bind("127.0.0.1", 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        async with running(create_app(hub), sock=sock) as url, network.running(sock.getsockname()[1]) as thin:
            thin.bytes_per_second = 65536
            _, frozen = await _frozen(sock.getsockname()[1])
            async with asyncio.timeout(60):
                while not hub.sessions:
                    await asyncio.sleep(0.01)
            (session,) = hub.sessions
            writer = session._wake.__self__._socket.transport  # type: ignore[attr-defined]
            most = 0
            for _ in range(60):
                hub.publish(make.tick(make.poses(range(1, n + 1), random.normal(size=(n, 3)))))
                await asyncio.sleep(0.01)
                rest = sum(map(len, (*session._rest, *session._control)))
                most = max(most, writer.get_write_buffer_size() + rest)
            whole = sum(map(len, hub.tick(None, frozenset(messages.CHANNELS))))
            assert session.ticks_sent == 1 and 0 < most < HIGH_WATER + codec.MESSAGE_BYTES + whole
            frozen.transport.abort()
            assert url

    asyncio.run(asyncio.wait_for(main(), 200))


async def _frozen(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that says hello and ready and reads no more."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Protocol: twin.v1\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    for text in ({"type": "hello"}, {"type": "ready", "revision": 0}):
        writer.write(network.framed(network.TEXT, json.dumps(text).encode(), masked=True))
    await writer.drain()
    return reader, writer


def test_a_hidden_tab_gets_nothing_and_comes_back_with_one_catch_up(make: ModuleType, node: str) -> None:
    """The viewer's own wire behind a proxy that counts."""

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            network.running(int(url.rpartition(":")[2])) as proxy,
            motion.going(),
            opened("viewer", proxy.url, node) as peer,
        ):
            await peer.ask("hidden", hidden=True)
            (session,) = motion.hub.sessions

            async def paused() -> bool:
                return session._paused and not session.unacked

            await until(paused, "the server knows that the tab is hidden")
            (link,), seq = proxy.streams, motion.hub.seq
            told, sent = link.told, session.bytes_sent

            async def later() -> bool:
                return motion.hub.seq >= seq + 40

            await until(later, "time passes")
            assert (link.told, session.bytes_sent) == (told, sent)
            before = await peer.counts()
            await peer.ask("hidden", hidden=False)
            await settled(peer)
            after = await peer.counts()
            assert after["keyframes"] == before["keyframes"] == 1 and after["connections"] == 1
            first = after["seqs"][before["ticks"]]
            assert first - before["seq"] >= 40, "all that was missed, in one tick"

    asyncio.run(asyncio.wait_for(main(), 200))


# ---------------------------------------------------------------------- what does not depend on the past


def test_joining_costs_the_same_however_long_the_server_has_run(make: ModuleType) -> None:
    """Counted in rows and bytes, and in what the hub keeps; not in seconds. `make soak-stream` does it after more."""
    join_cost_after(make, int(os.environ.get("TWIN_JOIN_TICKS", "20000")))


def join_cost_after(make: ModuleType, count: int) -> None:
    hub = Hub(
        make.snapshot(["/W", *(f"/W/n{k:03}" for k in range(300))]), epoch="e", clock=ManualClock(SECOND)
    )
    everything = make.tick(make.poses(range(1, 301), np.zeros((300, 3))))
    hub.publish(everything)
    ticks = [make.tick(make.poses([1 + k % 300], [[float(k), 0, 0]])) for k in range(1, 601)]

    def joined() -> tuple[int, int, int]:
        client = LineClient(hub, caps=[])
        client.run(FRAME)
        assert client.keyframes == 1
        rows = int(np.count_nonzero(client.model._live))
        hub.disconnect(client.session)
        return rows, client.received - len(json.dumps(client.control[0])), len(client.control)

    def kept() -> int:
        return sum(len(tier._chain) + len(tier._cache) for tier in hub.tiers)

    for tick in ticks:
        hub.publish(tick)
    early, keeps = joined(), kept()
    for k in range(count):
        hub.publish(ticks[k % len(ticks)], now_ns=SECOND + k)
    assert hub.seq > count
    late = joined()
    assert (late[0], late[2]) == (early[0], early[2]) == (300, 1)
    assert abs(late[1] - early[1]) < 100  # the numbers in the welcome have more digits
    assert kept() <= keeps


def test_another_epoch_makes_what_was_held_worthless(make: ModuleType) -> None:
    """The same client comes again: to the same run, to another one, and to the same with a seq that it never had."""
    motions = {epoch: Motion(make, 20, epoch=epoch, seed=9) for epoch in ("first", "second")}
    for motion in motions.values():
        motion.hub.clock = ManualClock(SECOND)
        for _ in range(5):
            motion.tick()
    client = LineClient(motions["first"].hub)
    client.run(FRAME)
    motions["first"].tick()
    for epoch, seq, keyframes in (("first", 5, 1), ("second", 6, 2), ("first", 6, 3), ("first", 99, 4)):
        client.session.close(1000, "a cut")
        have = {"epoch": client.model.epoch, "revision": 0, "seq": seq}
        client = client.again(motions[epoch].hub, have)
        client.run(FRAME)
        assert client.keyframes == keyframes, (epoch, seq)
        client.say(type="digest")
        client.hub.clock.advance(SECOND)  # type: ignore[attr-defined]
        client.run(FRAME)
        assert client.compared == 1
