"""Commands that make the stage another one are worked out beside it: ticks go on, and so does whatever else people edit."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from edit_twin import ANNA, BEN, command, make_twin

from twinstage.live.commands import beside
from twinstage.live.twin import LiveTwin
from twinstage.sync.access.roles import Identity
from twinstage.sync.api.commands import Answer, Command

DOOR, MUG, TABLE = "/Hall/Door", "/Hall/Table/Mug", "/Hall/Table"


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    found = make_twin(tmp_path)
    yield found
    found.let_go()


class Slow:
    """Generations that wait until they may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.made: list[str] = []
        made = beside.made

        def slowly(wanted: beside.Wanted) -> Any:
            self.made.append(threading.current_thread().name)
            assert self.go.wait(20)
            return made(wanted)

        monkeypatch.setattr(beside, "made", slowly)

    async def begun(self, count: int = 1) -> None:
        while len(self.made) < count:
            await asyncio.sleep(0.005)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


async def answer(twin: LiveTwin, who: Identity, order: Command) -> Answer:
    assert twin.desk is not None
    found = twin.desk.command(order, who)
    return found if isinstance(found, Answer) else await found


def ticked(twin: LiveTwin) -> None:
    twin.clock.set(twin.clock.now_ns() + 16_000_000)  # type: ignore[attr-defined]
    twin.tick(twin.clock.now_ns())


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(main())


def opens() -> Command:
    return command("variant", path=DOOR, variant_set="open", variant="yes")


def test_ticks_and_other_edits_go_on_meanwhile(twin: LiveTwin, slow: Slow) -> None:
    async def work() -> None:
        assert twin.desk is not None
        before, revision = twin.opened, twin.hub.revision
        asked = asyncio.create_task(answer(twin, ANNA, opens()))
        await slow.begun()
        begun = time.monotonic()
        ticked(twin)
        moved = await answer(twin, BEN, command("move", path=TABLE, position=[1, 2, 0]))
        assert moved.ok and moved.version == 1 and time.monotonic() - begun < 30
        assert twin.hub.revision == revision and twin.opened is before
        slow.go.set()
        done = await asked
        assert done.ok and done.version == 2 and done.undo
        assert twin.opened is not before and twin.hub.revision > revision
        assert slow.made[0] != threading.main_thread().name
        assert twin.opened.stage.GetPrimAtPath(DOOR).GetVariantSet("open").GetVariantSelection() == "yes"
        ticked(twin)
        assert twin.hub.local(twin.snapshot.prims.index_of[TABLE])[:3, 3].tolist() == [1, 2, 0]
        undone = await answer(twin, ANNA, command("undo"))
        assert undone.ok and undone.version == 3
        assert twin.opened.stage.GetPrimAtPath(DOOR).GetVariantSet("open").GetVariantSelection() != "yes"

    run(work)


def test_the_same_command_again_is_the_same_one(twin: LiveTwin, slow: Slow) -> None:
    async def work() -> None:
        order = opens()
        first = asyncio.create_task(answer(twin, ANNA, order))
        await slow.begun()
        second = asyncio.create_task(answer(twin, ANNA, order))
        gone = asyncio.create_task(answer(twin, ANNA, order))
        await asyncio.sleep(0.02)
        gone.cancel()  # who asked has left: that ends nothing
        slow.go.set()
        assert await first == await second
        assert len(slow.made) == 1 and twin.desk is not None and twin.desk.version == 1
        assert (await answer(twin, ANNA, order)).version == 1

    run(work)


def test_what_others_changed_meanwhile_is_seen(twin: LiveTwin, slow: Slow) -> None:
    async def work() -> None:
        first = asyncio.create_task(answer(twin, ANNA, opens()))
        await slow.begun()
        label = command("set", path=MUG, property="semantics:labels:class", value=["cup"])
        second = asyncio.create_task(answer(twin, BEN, label))
        await asyncio.sleep(0.02)
        assert len(slow.made) == 1, "one after the other"
        slow.go.set()
        assert (await first).ok and (await second).ok
        mug = twin.snapshot.prims.index_of[MUG]
        assert "cup" in twin.snapshot.prims.labels[mug]
        assert twin.opened.stage.GetPrimAtPath(DOOR).GetVariantSet("open").GetVariantSelection() == "yes"

    run(work)


def test_a_command_that_another_one_has_overtaken_is_in_conflict(twin: LiveTwin, slow: Slow) -> None:
    async def work() -> None:
        asked = asyncio.create_task(answer(twin, ANNA, opens().model_copy(update={"base": 0})))
        await slow.begun()
        other = asyncio.create_task(answer(twin, BEN, opens().model_copy(update={"base": 0})))
        await asyncio.sleep(0.02)
        slow.go.set()
        assert (await asked).ok
        late = await other
        assert late.code == "conflict" and late.current is not None and late.current.author == "anna"
        assert (await answer(twin, BEN, opens())).ok  # without a base the last one wins

    run(work)


def test_what_cannot_be_changes_nothing(twin: LiveTwin) -> None:
    async def work() -> None:
        assert twin.desk is not None
        before, revision = twin.opened, twin.hub.revision
        wrong = {"kind": "pose", "prim": "/Hall/Nowhere", "position": {"x": "crane.x"}}
        refused = await answer(twin, ANNA, command("bind", binding=wrong))
        assert not refused.ok and refused.code == "refused" and "/Hall/Nowhere" in str(refused.error)
        assert (twin.opened, twin.hub.revision, twin.desk.version) == (before, revision, 0)

    run(work)
