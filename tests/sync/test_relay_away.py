"""A twin that is away behind a relay: who looks is told, since when, and that it is back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import httpx
import pytest

from twinstage.sync import messages as m
from twinstage.sync.client import connect
from twinstage.sync.hub import Hub


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.sync.relay.edge.SILENT_S", 1.5)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def new_hub(make: ModuleType, epoch: str = "e1") -> Hub:
    hub = Hub(make.snapshot(["/World", "/World/A"]), epoch=epoch)
    hub.publish(make.tick(make.poses([1], [[1, 0, 0]])))
    return hub


def test_clients_know_since_when_the_twin_is_away_and_that_it_is_back(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        going = relays.published(hub, nats, subject)
        await going.__aenter__()
        async with (
            relays.relayed(nats, subject) as (url, _),
            connect(url) as client,
            connect(url, want=("pose",)) as picture,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            assert client.away is None
            assert (await http.get("/api/status")).json()["relay"]["awaySinceNs"] is None
            await going.__aexit__(None, None, None)
            gone_ns = time.time_ns()
            await relays.until(lambda: client.away is not None and picture.away is not None)
            assert client.connected and client.away.twins == []
            assert -2e9 < int(client.away.since_ns) - gone_ns < 0.5e9  # the last beat, by the twin's clock
            status = (await http.get("/api/status")).json()
            assert status["relay"]["awaySinceNs"] == client.away.since_ns
            async with connect(url) as late:
                await relays.until(lambda: late.away is not None)
                assert late.away == client.away
            async with relays.published(hub, nats, subject):
                await relays.until(lambda: client.away is None and picture.away is None)
                async with connect(url) as after:
                    assert after.away is None
                assert (await http.get("/api/status")).json()["relay"]["awaySinceNs"] is None

    run(work)


def test_a_lost_link_and_another_run_of_the_twin_end_what_was_said(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        subject = nats.subject()
        going = relays.published(new_hub(make, "a"), nats, subject)
        await going.__aenter__()
        async with relays.relayed(nats, subject) as (url, relay), connect(url) as client:
            await going.__aexit__(None, None, None)
            await relays.until(lambda: client.away is not None)
            for session in list(relay.hub.sessions):
                session.close(1001, "by the test")
            await relays.until(lambda: client.reconnects == 1 and client.connected)
            await relays.until(lambda: client.away is not None)
            async with relays.published(new_hub(make, "b"), nats, subject):
                await relays.until(lambda: client.reconnects == 2 and client.connected)
                await relays.until(lambda: client.away is None)
                assert client.welcome.epoch == "b"

    run(work)


def test_a_joined_relay_says_which_of_its_twins_are_away(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        names = [nats.subject(), nats.subject()]
        first = relays.published(new_hub(make, "a"), nats, names[0])
        second = relays.published(new_hub(make, "b"), nats, names[1])
        await first.__aenter__()
        await second.__aenter__()
        joined = dict(zip(["/P/One", "/P/Two"], names, strict=True))
        async with relays.relayed(nats, "-", join=joined) as (url, _), connect(url) as client:
            await second.__aexit__(None, None, None)
            await relays.until(lambda: client.away is not None and client.away.twins == ["/P/Two"])
            since = client.away.since_ns
            await first.__aexit__(None, None, None)
            await relays.until(lambda: client.away.twins == ["/P/One", "/P/Two"])
            assert client.away.since_ns == since  # the first that went
            async with relays.published(new_hub(make, "c"), nats, names[1]):
                await relays.until(lambda: client.away is not None and client.away.twins == ["/P/One"])
                assert int(client.away.since_ns) > int(since)
                async with relays.published(new_hub(make, "d"), nats, names[0]):
                    await relays.until(lambda: client.away is None)

    run(work)


def test_the_message_is_what_the_protocol_says() -> None:
    assert json.loads(m.to_text(m.Away("17"))) == {"type": "away", "sinceNs": "17", "twins": []}
    assert m.from_server('{"type":"away","sinceNs":null}') == m.Away(None)
