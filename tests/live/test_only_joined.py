"""One plant as several twins of a subtree each, joined by a relay: what viewers see is what one twin of all would show."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_only import BINDINGS, NS, START, make
from tests.sync import relays
from tests.sync.conftest import Nats

from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.access.roles import Role
from twinstage.sync.client import connect
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.twin import Publishing
from twinstage.sync.serve import running

LINES = ("/Plant/Line1", "/Plant/Line10", "/Plant/Line2")


@pytest.fixture
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A NATS server that runs."""
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


def step(twins: list[LiveTwin], k: int) -> None:
    """The same telemetry and the same time for all."""
    now = START + k * NS
    values = {"t": now, "all": 5.0 * k, "one": 1.0 * k, "two": 2.0 * k, "ten": 10.0 * k}
    for twin in twins:
        assert twin.ingest is not None
        twin.ingest.offer("plc", (json.dumps(values) + "\n").encode(), now)
        twin.clock.set(now)  # type: ignore[attr-defined]
        twin.tick(now)


def drawn(scene: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Prim path, prototype and point of each drawing."""
    rows, paths = scene["instances"], scene["nodes"]["path"]
    hashes = [scene["prototypes"][i]["hash"] for i in rows["prototype"]]
    return sorted(zip((paths[i] for i in rows["prim"]), hashes, rows["point"], strict=True))


def test_the_joined_twins_of_three_lines_look_like_one_twin_of_the_plant(tmp_path: Path, nats: Nats) -> None:
    whole = make(tmp_path)
    shards = [make(tmp_path, line) for line in LINES]
    twins = [whole, *shards]

    async def work() -> None:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            for line, shard in zip(LINES, shards, strict=True):
                app = make_app(shard, camera_engine=None)
                choices = NatsChoices(nats.url, line.rpartition("/")[2])
                await enter(
                    relays.beside(Publishing(shard.hub, app, choices, shard.clock, top=Role.ENGINEER).run)
                )
            direct = await enter(running(make_app(whole, camera_engine=None), port=0))
            step(twins, 1)
            joined = {line: line.rpartition("/")[2] for line in LINES}
            url, relay = await enter(relays.relayed(nats, "-", join=joined))
            one, many = await enter(connect(direct)), await enter(connect(url))
            paths = [path for path in one.model.paths if path.startswith(LINES) or path == "/Plant"]
            assert set(paths) <= set(many.model.paths) and len(set(many.model.paths)) == len(many.model.paths)
            assert set(many.model.paths) <= set(one.model.paths)
            assert drawn(many.scene) == [row for row in drawn(one.scene) if row[0] in set(many.model.paths)]
            assert len(many.scene["points"]["id"]) == 6
            for k in range(2, 6):
                step(twins, k)
                await relays.until(lambda k=k: one.world("/Plant/Line1/Box")[0, 3] == 101 + k)
                for client in (one, many):  # the last to arrive of each line, and what is above all
                    await relays.until(
                        lambda client=client, k=k: (
                            client.world("/Plant/Line1/Box")[0, 3] == 101 + k
                            and client.world("/Plant/Line2/Box")[0, 3] == 102 + 2 * k
                            and client.world("/Plant/Line10/Box")[0, 3] == 110 + 10 * k
                            and client.world("/Plant")[1, 3] == 5 * k
                        )
                    )
                for path in paths:
                    np.testing.assert_allclose(many.world(path), one.world(path), atol=1e-9, err_msg=path)
                assert np.array_equal(many.world("/Plant/Line2/Bolts", 1), one.world("/Plant/Line2/Bolts", 1))
            assert (await many.digest()).equal

            async def ticking() -> None:
                for k in range(6, 1000):
                    step(twins, k)
                    await asyncio.sleep(0.01)

            await enter(relays.beside(ticking))
            answer = await many.set("/Plant/Line2/Bin", "visibility", False)
            assert answer.ok and [twin.hub.edits() for twin in shards] == [0, 0, 1]
            await relays.until(lambda: not many.visible("/Plant/Line2/Bin"))
            answer = await many.move("/Plant/Line1", position=[0, 0, 0])
            assert [twin.hub.edits() for twin in shards] == [1, 0, 1] and relay.in_step

    try:
        asyncio.run(asyncio.wait_for(work(), 200))
    finally:
        for twin in twins:
            twin.let_go()


def test_bindings_of_the_whole_are_shared_out(tmp_path: Path) -> None:
    """Each binding below the lines is followed by one of the twins, those above by all."""
    shards = [make(tmp_path, line) for line in LINES]
    kept = [len(twin.bindings.bindings) for twin in shards if twin.bindings is not None]
    assert sum(kept) == BINDINGS.count("{kind:") + 2 * 2  # of /Plant, and the pattern, in each
    for twin in shards:
        twin.let_go()
