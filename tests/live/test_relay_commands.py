"""Changes by people who look through a relay: done by the twin, under their names, with no more than the role of relays."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from edit_twin import make_twin
from tests.sync import relays
from tests.sync.conftest import Nats

from twinstage.base.clock import NS
from twinstage.live.server import make_app
from twinstage.sync.access.roles import Role
from twinstage.sync.client import CommandError, connect
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.twin import Publishing
from twinstage.sync.serve import running

TABLE = "/Hall/Table"


@pytest.fixture
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server that runs."""
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


def test_what_is_moved_through_a_relay_is_moved_in_the_twin(tmp_path: Path, nats: Nats) -> None:
    twin = make_twin(tmp_path)

    async def ticking() -> None:
        while True:
            twin.clock.set(twin.clock.now_ns() + NS // 10)  # type: ignore[attr-defined]
            twin.tick(twin.clock.now_ns())
            await asyncio.sleep(0.005)

    async def work() -> None:
        app = make_app(twin, camera_engine=None)
        trusted = Publishing(twin.hub, app, NatsChoices(nats.url, "trusted"), twin.clock, top=Role.ENGINEER)
        looking = Publishing(twin.hub, app, NatsChoices(nats.url, "looking"), twin.clock, top=Role.VIEWER)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(relays.beside(ticking, trusted.run, looking.run))
            own = await stack.enter_async_context(running(app, port=0))
            url, relay = await stack.enter_async_context(relays.relayed(nats, "trusted"))
            glass, _ = await stack.enter_async_context(relays.relayed(nats, "looking"))
            here = await stack.enter_async_context(connect(own))
            there = await stack.enter_async_context(connect(url))
            behind_glass = await stack.enter_async_context(connect(glass))
            answer = await there.move(TABLE, position=[1.0, 2.0, 3.0])
            assert answer.ok and answer.version == 1
            for client in (here, there, behind_glass):
                await relays.until(
                    lambda client=client: client.local(TABLE)[:3, 3].tolist() == [1.0, 2.0, 3.0]
                )
            await relays.until(lambda: relay.hub.edits() == 1)
            answer = await here.move(TABLE, position=[4.0, 2.0, 3.0])
            await relays.until(lambda: there.local(TABLE)[0, 3] == 4.0)
            with pytest.raises(CommandError, match="viewer"):
                await behind_glass.move(TABLE, position=[9.0, 9.0, 9.0])
            async with (
                httpx.AsyncClient(base_url=url, trust_env=False) as through,
                httpx.AsyncClient(base_url=own, trust_env=False) as direct,
            ):
                layers = [(await http.get("/api/v1/edits/layer.usda")).text for http in (through, direct)]
                assert layers[0] == layers[1] and "Table" in layers[0]
            assert here.local(TABLE)[0, 3] == 4.0

    try:
        asyncio.run(asyncio.wait_for(work(), 60))
    finally:
        twin.let_go()
