"""Events through relays: none is lost without notice, whatever is away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from twinstage.sync.client import connect
from twinstage.sync.hub import Hub
from twinstage.sync.relay.publisher import KEPT_TOLD


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def new_hub(make: ModuleType, epoch: str = "e1") -> Hub:
    return Hub(make.snapshot(["/World", "/World/A"]), epoch=epoch)


def test_a_relay_knows_how_many_events_there_were_before_it(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        for k in range(3):
            hub.event("alarm", {"id": k})
        heard: list[int] = []
        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject) as (url, relay),
            connect(url, on_event=lambda told: heard.append(told.n)) as client,
        ):
            assert relay.hub.events == client.welcome.events == 3
            hub.event("alarm", {"id": 3})
            await relays.until(lambda: heard == [4])
            assert client.events_missed == 0
            async with connect(url) as late:
                assert late.welcome.events == 4

    run(work)


def test_a_client_that_moves_to_another_relay_knows_what_it_has_missed(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject) as (url, first),
            connect(url) as client,
        ):
            hub.event("alarm", {})
            await relays.until(lambda: client._event == 1)
            for session in list(first.hub.sessions):
                session.lost = True
            hub.event("alarm", {})  # told by the first relay only: the second one comes after it
            async with relays.relayed(nats, subject) as (other, second):
                client.http_url, client._socket_url = other, other.replace("http", "ws") + "/ws"
                for session in list(first.hub.sessions):
                    session.want = frozenset()  # the network drops what is told now
                    hub.event("alarm", {})
                    await relays.until(lambda: second.hub.events == 3)
                    session.close(1001, "moved by the test")
                await relays.until(lambda: client.reconnects == 1 and client.connected)
                assert client.welcome.events == 3 and client._event == 3
                assert client.events_missed == 3 - 2

    run(work)


@pytest.mark.parametrize("count", [3, KEPT_TOLD + 20])
def test_events_while_nats_was_away_come_afterwards_and_those_too_old_are_counted(
    make: ModuleType, relays: ModuleType, own_nats: Any, count: int
) -> None:
    async def work() -> None:
        hub = new_hub(make)
        heard: list[int] = []
        async with (
            relays.published(hub, own_nats, "t"),
            relays.relayed(own_nats, "t") as (url, relay),
            connect(url, on_event=lambda told: heard.append(told.n) if told.n else None) as client,
        ):
            hub.event("alarm", {"id": "before"})
            await relays.until(lambda: heard == [1])
            await asyncio.to_thread(own_nats.stop)
            await relays.until(lambda: not relay.link.bus.connected)
            for k in range(count):
                hub.event("alarm", {"id": k})
            await asyncio.to_thread(own_nats.start)
            await relays.until(lambda: client._event == count + 1, 20)
            missed = max(0, count - KEPT_TOLD)
            assert heard == [1, *([1 + missed] if missed else []), *range(2 + missed, count + 2)]
            assert client.events_missed == missed and relay.hub.events == hub.events

    run(work)


def test_that_all_events_are_too_old_is_told_without_waiting_for_another_one(
    make: ModuleType, relays: ModuleType, own_nats: Any
) -> None:
    """Notices push events out of what is kept: the number tells."""

    async def work() -> None:
        hub = new_hub(make)
        async with (
            relays.published(hub, own_nats, "t"),
            relays.relayed(own_nats, "t") as (url, relay),
            connect(url) as client,
        ):
            await asyncio.to_thread(own_nats.stop)
            await relays.until(lambda: not relay.link.bus.connected)
            hub.event("alarm", {})
            for k in range(KEPT_TOLD):
                hub.notice("info", f"{k}")
            await asyncio.to_thread(own_nats.start)
            await relays.until(lambda: client.events_missed == 1, 20)
            assert relay.hub.events == 1
            hub.event("alarm", {})
            await relays.until(lambda: client._event == 2)
            assert client.events_missed == 1

    run(work)


def test_a_twin_that_is_started_anew_brings_its_own_count(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        subject = nats.subject()
        first, second = new_hub(make, "a"), new_hub(make, "b")
        async with relays.published(first, nats, subject):
            going = relays.relayed(nats, subject)
            url, relay = await going.__aenter__()
            link = connect(url)
            client = await link.__aenter__()
            for _ in range(5):
                first.event("alarm", {})
            await relays.until(lambda: client._event == 5)
        second.event("alarm", {})
        second.event("alarm", {})
        async with relays.published(second, nats, subject):
            await relays.until(lambda: client.welcome.epoch == "b" and client.connected)
            assert relay.hub.events == client.welcome.events == client.events_missed == 2
            await link.__aexit__(None, None, None)
            await going.__aexit__(None, None, None)

    run(work)


def test_a_joined_relay_counts_what_its_twins_have_missed(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hubs, names = [new_hub(make, "a"), new_hub(make, "b")], [nats.subject(), nats.subject()]
        hubs[1].event("alarm", {})
        joined = dict(zip(["/P/One", "/P/Two"], names, strict=True))
        heard: list[Any] = []
        async with (
            relays.published(hubs[0], nats, names[0]),
            relays.published(hubs[1], nats, names[1]),
            relays.relayed(nats, "-", join=joined) as (url, relay),
            connect(url, on_event=lambda told: heard.append(told) if told.n else None) as client,
        ):
            before = client.welcome.events
            assert before == 0  # what was before the whole is no news
            hubs[1].event("alarm", {"id": "x"})
            await relays.until(lambda: len(heard) == 1)
            assert heard[0].data == {"id": "x", "twin": "/P/Two"} and heard[0].n == before + 1
            part = relay.links["/P/Two"]
            part.hub.events_are(part.hub.events + 3)  # what a catch-up says that came too late
            await relays.until(lambda: client.events_missed == 3)
            assert heard[1].event == "missed" and heard[1].data == {"count": 3, "twin": "/P/Two"}

    run(work)
