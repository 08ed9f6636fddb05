"""Every fault of the network against every client: afterwards it holds what the server says, and nobody else has noticed."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import proxy as network
import pytest
from motion import Motion
from peers import KINDS, Peer, opened, settled, until

from twinstage.base.errors import TwinstageError
from twinstage.sync.client import Client, connect
from twinstage.sync.serve import running
from twinstage.sync.server import create_app


@dataclass(frozen=True)
class Fault:
    """What is done to a client. `keyframe`: whether it must begin anew for it (None: it may)."""

    name: str
    hook: Callable[[], Any] | None = None
    keyframe: bool | None = False
    reconnects: bool = True


IN_THE_MIDDLE = [
    Fault("half a frame, then cut", lambda: network.Once(network.half_then_cut)),
    Fault("half a frame as a message", lambda: network.Once(network.half_then_end), keyframe=True),
    Fault("a bit damaged", lambda: network.Once(network.damage), keyframe=True),
    Fault("frames of version 2", lambda: network.Once(network.other_version), keyframe=True),
    Fault("a tick lost", lambda: network.Once(network.lose), keyframe=True),
    Fault("two ticks swapped", lambda: network.Swap(), keyframe=True),
    Fault("a tick twice", lambda: network.Once(network.repeat), keyframe=None, reconnects=False),
    Fault("an old tick replayed", lambda: network.Replay(), keyframe=True),
]


CUT_S = float(os.environ.get("TWIN_CUT_S", "0.4"))
"""How long a network is cut, and silent; `make soak-stream` makes it the 30 s that an outage takes."""
VIEWERS = 3
"""They share the faults: a viewer waits longer after each connection that did not live for some seconds."""


class Bystander:
    """A client without a proxy: it must not notice anything."""

    def __init__(self, client: Client, seqs: list[int]) -> None:
        self.client, self.seqs = client, seqs

    async def judged(self) -> None:
        assert self.client.reconnects == 0
        told = await self.client.digest()
        assert told.equal
        gaps = [b - a for a, b in zip(self.seqs, self.seqs[1:], strict=False)]
        assert gaps.count(1) > 0.9 * len(gaps), gaps  # a busy machine may skip one


@contextlib.asynccontextmanager
async def bystander(url: str) -> AsyncIterator[Bystander]:
    seqs: list[int] = []
    async with connect(url, on_tick=lambda tick: seqs.append(tick.seq)) as client:
        yield Bystander(client, seqs)


@contextlib.asynccontextmanager
async def behind_proxies(
    url: str, node: str, kinds: Sequence[str] = KINDS, patience_s: float | None = None
) -> AsyncIterator[list[tuple[Any, network.Proxy]]]:
    """Clients of those kinds, each behind a network of its own."""
    port = int(url.rpartition(":")[2])
    async with contextlib.AsyncExitStack() as stack:
        out = []
        for kind in kinds:
            proxy = await stack.enter_async_context(network.running(port))
            out.append(
                (await stack.enter_async_context(opened(kind, proxy.url, node, patience_s=patience_s)), proxy)
            )
        yield out


async def went_on(peer: Peer) -> None:
    """It has applied ticks since now."""
    before = (await peer.counts())["seq"]

    async def later() -> bool:
        return bool((await peer.counts())["seq"] > before)

    await until(later, f"{peer.kind} goes on")


async def suffered(peer: Peer, proxy: network.Proxy, fault: Fault) -> str:
    """The fault happens, and is over; what it came to."""
    await went_on(peer)
    before = await peer.counts()
    assert fault.hook is not None
    proxy.hook = hook = fault.hook()

    async def done() -> bool:
        return bool(hook.done)

    await until(done, f"{fault.name} for {peer.kind}: {before}")

    async def back() -> bool:
        now = await peer.counts()
        return now["state"] == "live" and (not fault.reconnects or now["connections"] > before["connections"])

    await until(back, f"{peer.kind} is back after {fault.name}")
    proxy.hook = None
    told = await settled(peer)
    await went_on(peer)
    after = await peer.counts()
    anew = after["keyframes"] - before["keyframes"]
    if fault.keyframe is not None:
        assert anew == fault.keyframe, (fault.name, peer.kind, before, after)
    assert not after["ended"]
    assert told["seq"] >= before["seq"]
    return "began anew" if anew else "caught up" if fault.reconnects else "went on"


def test_what_a_man_in_the_middle_does_to_a_client_is_found_and_healed(make: ModuleType, node: str) -> None:
    table: dict[tuple[str, str], str] = {}
    kinds = ["python", "javascript", *["viewer"] * VIEWERS]

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            motion.going(),
            bystander(url) as good,
            behind_proxies(url, node, kinds) as clients,
        ):

            async def some_faults(peer: Peer, proxy: network.Proxy, faults: Sequence[Fault]) -> None:
                for fault in faults:
                    table[fault.name, peer.kind] = await suffered(peer, proxy, fault)

            viewers = iter(IN_THE_MIDDLE[k::VIEWERS] for k in range(VIEWERS))
            shares = [next(viewers) if kind == "viewer" else IN_THE_MIDDLE for kind in kinds]
            await asyncio.gather(
                *(some_faults(*client, share) for client, share in zip(clients, shares, strict=True))
            )
            await good.judged()

    asyncio.run(asyncio.wait_for(main(), 200))
    print()
    for fault in IN_THE_MIDDLE:
        print(f"{fault.name:28}", *(f"{kind}: {table[fault.name, kind]:12}" for kind in KINDS))


def test_cuts_delays_and_thin_lines(make: ModuleType, node: str) -> None:
    """A cable pulled for a while, a network that is silent and comes back, a slow one, one of 64 KB/s."""

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            motion.going(),
            bystander(url) as good,
            behind_proxies(url, node) as clients,
        ):

            async def bad_line(peer: Peer, proxy: network.Proxy) -> None:
                await went_on(peer)
                first = await peer.counts()
                proxy.cut()
                await asyncio.sleep(CUT_S)
                assert (await peer.counts())["state"] != "live"
                proxy.restore()
                await settled(peer)
                cut = await peer.counts()
                assert cut["connections"] > first["connections"] and cut["keyframes"] == first["keyframes"]

                proxy.silence()
                await asyncio.sleep(CUT_S)
                proxy.restore()
                await settled(peer)
                proxy.delay_s = 0.1
                await settled(peer)
                proxy.delay_s, proxy.bytes_per_second = 0.0, 65536
                await asyncio.sleep(0.5)
                await settled(peer)
                proxy.bytes_per_second = None
                await went_on(peer)
                await settled(peer)
                slow = await peer.counts()
                assert slow["keyframes"] == cut["keyframes"]
                if CUT_S < 3:  # a longer silence is taken for a lost connection
                    assert slow["connections"] == cut["connections"]

            await asyncio.gather(*(bad_line(peer, proxy) for peer, proxy in clients))
            await good.judged()

    asyncio.run(asyncio.wait_for(main(), 60 + 4 * CUT_S))


def test_a_connection_that_the_network_has_forgotten_is_noticed(
    make: ModuleType, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No end of it is told: a client that only listens would show the same picture for ever and call it live."""
    monkeypatch.setattr("twinstage.sync.client._KEEPALIVE_S", 0.3, raising=False)

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            motion.going(),
            bystander(url) as good,
            behind_proxies(url, node, patience_s=0.6) as clients,
        ):

            async def forgotten(peer: Peer, proxy: network.Proxy) -> None:
                await went_on(peer)
                before = await peer.counts()
                proxy.forget()
                await asyncio.sleep(0.1)
                stood = (await peer.counts())["seq"]

                async def noticed() -> bool:
                    now = await peer.counts()
                    return bool(now["connections"] > before["connections"] and now["seq"] > stood)

                await until(noticed, f"{peer.kind} notices", 8)
                await settled(peer)
                after = await peer.counts()
                assert after["keyframes"] == before["keyframes"], "it goes on from what it held"

            await asyncio.gather(*(forgotten(peer, proxy) for peer, proxy in clients))
            await good.judged()

    asyncio.run(asyncio.wait_for(main(), 200))


def test_a_quiet_server_is_not_taken_for_a_lost_one(
    make: ModuleType, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.sync.client._KEEPALIVE_S", 0.5, raising=False)

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            behind_proxies(url, node, patience_s=0.4) as clients,
        ):
            await asyncio.sleep(1.5)
            for peer, _ in clients:
                assert (await peer.counts())["connections"] == 1, peer.kind

    asyncio.run(asyncio.wait_for(main(), 200))


def test_a_state_that_is_not_the_server_s_is_given_up(make: ModuleType, node: str) -> None:
    """The hash is what finds what no checksum can; here it is the hash itself that was changed on its way."""

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            motion.going(),
            behind_proxies(url, node) as clients,
        ):

            async def lied_to(peer: Peer, proxy: network.Proxy) -> None:
                await settled(peer)
                before = await peer.counts()
                proxy.hook = hook = network.Lie()
                while not hook.done:
                    with contextlib.suppress(TwinstageError, RuntimeError, TimeoutError):
                        assert not (await peer.digest())["equal"]

                async def anew() -> bool:
                    now = await peer.counts()
                    return bool(now["state"] == "live" and now["keyframes"] == before["keyframes"] + 1)

                await until(anew, f"{peer.kind} begins anew", 8)
                await settled(peer)

            await asyncio.gather(*(lied_to(peer, proxy) for peer, proxy in clients))

    asyncio.run(asyncio.wait_for(main(), 200))


def test_a_scene_that_is_lost_on_its_way_is_asked_for_again(
    make: ModuleType, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network forgets everything while the scene is fetched."""
    monkeypatch.setattr("twinstage.sync.client._KEEPALIVE_S", 0.3)

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with running(create_app(motion.hub), port=0) as url, motion.going():

            async def joined(kind: str) -> None:
                async with network.running(int(url.rpartition(":")[2])) as proxy:
                    proxy.lost_request = b" /api/scene "
                    async with opened(kind, proxy.url, node, patience_s=0.6) as peer:
                        assert proxy.lost_request is None and proxy.accepted >= 3
                        await settled(peer)

            await asyncio.gather(*map(joined, KINDS))

    asyncio.run(asyncio.wait_for(main(), 200))


def test_a_wrong_version_in_the_handshake_ends_the_link_with_a_sentence(make: ModuleType, node: str) -> None:
    def speaks_two(message: network.Message) -> bytes:
        told = json.loads(message.payload)
        if told["type"] == "hello":
            told["protocol"] = {"min": 2, "max": 3}
        return json.dumps(told).encode()

    async def main() -> None:
        motion = Motion(make)
        motion.tick()
        async with (
            running(create_app(motion.hub), port=0) as url,
            motion.going(),
            bystander(url) as good,
            behind_proxies(url, node) as clients,
        ):

            async def refused(peer: Peer, proxy: network.Proxy) -> None:
                proxy.rewrite = speaks_two
                proxy.cut()
                proxy.restore()

                async def ended() -> bool:
                    return bool((await peer.counts())["ended"])

                await until(ended, f"the link of {peer.kind} ends")
                told = (await peer.counts())["ended"]
                assert "versions 2 to 3" in told and "1 to 1" in told, told
                accepted = proxy.accepted
                await asyncio.sleep(0.6)
                assert proxy.accepted == accepted, f"{peer.kind} tries again"

            await asyncio.gather(*(refused(peer, proxy) for peer, proxy in clients))
            await good.judged()

    asyncio.run(asyncio.wait_for(main(), 200))
