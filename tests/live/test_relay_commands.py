"""Changes by people who look through a relay: done by the twin, under their names, with no more than the role of relays."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from edit_twin import make_twin
from test_commands import tokens_of
from tests.sync import relays
from tests.sync.conftest import Nats

from twinstage.base.clock import NS
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.access.roles import Role
from twinstage.sync.api.commands import TransactionsAsk
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
            with pytest.raises(
                CommandError, match=r"nobody do through a relay .* connect to the twin itself"
            ):
                await behind_glass.move(TABLE, position=[9.0, 9.0, 9.0])
            async with (
                httpx.AsyncClient(base_url=url, trust_env=False) as through,
                httpx.AsyncClient(base_url=own, trust_env=False) as direct,
            ):
                layers = [(await http.get("/api/v1/edits/layer.usda")).text for http in (through, direct)]
                assert layers[0] == layers[1] and "Table" in layers[0]
            assert here.local(TABLE)[0, 3] == 4.0

    try:
        asyncio.run(asyncio.wait_for(work(), 200))
    finally:
        twin.let_go()


async def ticking(twin: LiveTwin) -> None:
    while True:
        twin.clock.set(twin.clock.now_ns() + NS // 10)  # type: ignore[attr-defined]
        twin.tick(twin.clock.now_ns())
        await asyncio.sleep(0.005)


def test_commands_at_a_relay_of_two_twins_go_to_the_one_that_they_are_for(tmp_path: Path, nats: Nats) -> None:
    """Roles count at the relay and at the twins; journals name who; versions, conflicts and undo are those of the whole."""
    folders = {"/P/One": tmp_path / "one", "/P/Two": tmp_path / "two"}
    for folder in folders.values():
        folder.mkdir()
    twins = {prefix: make_twin(folder) for prefix, folder in folders.items()}
    one, two = twins.values()
    access, token = tokens_of(tmp_path)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            own = []
            for name, twin in (("one", one), ("two", two)):
                app = make_app(twin, camera_engine=None)
                at = Publishing(twin.hub, app, NatsChoices(nats.url, name), twin.clock, top=Role.ENGINEER)
                await enter(relays.beside(at.run, partial(ticking, twin)))
                own.append(await enter(running(app, port=0)))
            joined = {"/P/One": "one", "/P/Two": "two"}
            url, _ = await enter(relays.relayed(nats, "-", join=joined, access=access))
            told: list[Any] = []
            anna = await enter(connect(url, token=token["anna"], on_event=told.append))
            ben = await enter(connect(url, token=token["ben"]))
            olga = await enter(connect(url, token=token["olga"]))
            vic = await enter(connect(url, token=token["vic"]))
            here = await enter(connect(own[1]))

            # where to
            done = await anna.move("/P/Two" + TABLE, position=[1.0, 2.0, 3.0])
            assert done.version == 1 and (one.hub.edits(), two.hub.edits()) == (0, 1)
            await relays.until(lambda: here.local(TABLE)[:3, 3].tolist() == [1.0, 2.0, 3.0])
            await relays.until(lambda: ben.local("/P/Two" + TABLE)[:3, 3].tolist() == [1.0, 2.0, 3.0])
            assert not np.array_equal(ben.local("/P/One" + TABLE), ben.local("/P/Two" + TABLE))
            done = await ben.set("/P/One/Hall/Lamp", "inputs:intensity", 7.0)
            assert done.version == 2 and (one.hub.edits(), two.hub.edits()) == (1, 1)
            await relays.until(
                lambda: any(event.event == "edit" and event.data["version"] == 2 for event in told)
            )
            events = [event.data for event in told if event.event == "edit"]
            assert [event["twin"] for event in events] == ["/P/Two", "/P/One"]
            assert events[0]["transactions"][0]["edits"] == [["/P/Two/Hall/Table", "pose"]]
            assert [event["transactions"][0]["version"] for event in events] == [1, 2]
            # who
            assert one.desk is not None and two.desk is not None
            asked = TransactionsAsk()
            assert [row.author for row in one.desk.transactions(asked).transactions] == ["ben"]
            assert [row.author for row in two.desk.transactions(asked).transactions] == ["anna"]
            for client in (olga, vic):
                with pytest.raises(CommandError, match="needs the role engineer") as error:
                    await client.move("/P/One" + TABLE, position=[0, 0, 0])
                assert error.value.code == "forbidden"
            # conflicts, in the whole's numbers and paths
            with pytest.raises(CommandError, match="anna has changed pose") as error:
                await ben.move("/P/Two" + TABLE, position=[5, 5, 5], base=0)
            assert error.value.code == "conflict" and error.value.answer.version == 2
            assert error.value.current["path"] == "/P/Two/Hall/Table" and error.value.current["version"] == 1
            done = await ben.move("/P/Two" + TABLE, position=[5, 5, 5], base=1)
            assert done.version == 3
            await here.move(TABLE, position=[6, 6, 6])  # at the twin itself
            await relays.until(lambda: anna.edits == 4)
            # what names no prim
            with pytest.raises(CommandError, match="does not say for which twin"):
                await olga.command("alarm", alarms=["crane/load"], action="shelve", seconds=60)
            await olga.command("alarm", alarms=["crane/load"], action="shelve", seconds=60, twin="/P/Two")
            assert one.alarms is not None and two.alarms is not None
            assert two.alarms.page(before=None, alarm=None, limit=1)[0]["by"] == "olga"
            assert not [row for row in one.alarms.page(before=None, alarm=None, limit=9) if row["by"]]
            await relays.until(lambda: any(e.event == "alarm" and e.data["twin"] == "/P/Two" for e in told))
            # undo
            done = await ben.undo(of=2)
            assert done.version == 5 and one.hub.edits() == 2
            with pytest.raises(CommandError, match="nobody knows version 99"):
                await ben.undo(of=99)
            with pytest.raises(CommandError, match="names /P/One and /P/Two"):
                await anna.command(
                    "transaction",
                    edits=[
                        {"kind": "visibility", "path": f"{prefix}/Hall/Lamp", "visible": False}
                        for prefix in twins
                    ],
                )
            await anna.command(
                "transaction",
                edits=[
                    {"kind": "visibility", "path": f"/P/One/Hall/{name}", "visible": False}
                    for name in ("Lamp", "Door")
                ],
            )
            assert (await anna.undo()).version == 7 and one.hub.edits() == 4
            for path in ("/P/One", "/Q/Hall", "Hall"):
                with pytest.raises(CommandError, match="in none of the twins"):
                    await anna.move(path, position=[0, 0, 0])
            with pytest.raises(CommandError, match="no prim"):
                await anna.move("/P/One/Hall/Nothing", position=[0, 0, 0])
            with pytest.raises(CommandError, match="there is no twin '7' here"):
                await anna.command("undo", twin=7)
            # what is placed: below a prim of one twin, at the top of one, or in one that is named
            pump = "starter/pump.usda"
            placed = [
                await anna.place(pump, parent="/P/Two/Hall/Table", name="Small"),
                await anna.place(pump, parent="/P/Two"),
                await anna.place(pump, twin="/P/One"),
            ]
            assert [answer.placed for answer in placed] == [
                ["/P/Two/Hall/Table/Small"],
                ["/P/Two/Pump"],
                ["/P/One/Hall/Pump"],
            ]
            await relays.until(
                lambda: (
                    {"/P/Two/Pump", "/P/One/Hall/Pump"} <= {*ben.model.paths}
                    and "/P/One/Pump" not in ben.model.paths
                )
            )
            with pytest.raises(CommandError, match="does not say for which twin"):
                await anna.place(pump)
            await anna.remove("/P/Two/Pump")
            await relays.until(lambda: "/P/Two/Pump" not in ben.model.paths)

    try:
        asyncio.run(asyncio.wait_for(work(), 200))
    finally:
        one.let_go()
        two.let_go()
