"""The past of several twins at a relay that joins them: one moment for all, as each of them tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from api_twin import START, make_twin, say
from tests.sync import relays
from tests.sync.conftest import Nats

from twinstage.base.clock import NS
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync import codec
from twinstage.sync.access.roles import Role
from twinstage.sync.api.past import LIVE, PastAsk
from twinstage.sync.model import SceneModel
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.twin import Publishing
from twinstage.sync.scene_json import scene_document
from twinstage.telemetry.history.moments import iso_ns

JOIN = {"/P/One": "one", "/P/Two": "two", "/P/Three": "three"}
BEGAN = {"/P/One": 0.0, "/P/Two": 0.0, "/P/Three": None}
PRIMS = ("/Cell/Agv1", "/Cell/Agv2", "/Cell/Agv1/Body")


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[dict[str, LiveTwin]]:
    """Three seconds each; the third one keeps no history."""
    made = {}
    for prefix, name in JOIN.items():
        (tmp_path / name).mkdir()
        made[prefix] = make_twin(tmp_path / name, history=prefix != "/P/Three")
    for k in range(11, 31):
        for n, twin in enumerate(made.values(), 1):
            say(
                twin,
                k / 10,
                x=k * 100 * n,
                x2=k + n,
                name=f"{n} at {k}",
                state="idle" if k % 3 else "busy",
                n=k,
            )
    for twin in made.values():
        if twin.recorder is not None:
            twin.recorder.commit()
    yield made
    for twin in made.values():
        twin.let_go()


@asynccontextmanager
async def joined(twins: dict[str, LiveTwin], nats: Nats) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        for prefix, twin in twins.items():
            app = make_app(twin, camera_engine=None)
            choices = NatsChoices(nats.url, JOIN[prefix])
            await enter(relays.beside(Publishing(twin.hub, app, choices, twin.clock, top=Role.ENGINEER).run))
        url, relay = await enter(relays.relayed(nats, "-", join=JOIN))
        yield await enter(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)), relay


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 200))


def held(document: dict[str, Any], data: bytes) -> Iterator[SceneModel]:
    """What a client holds after each tick."""
    model, frames = SceneModel(document), list[codec.Frame]()
    for frame in codec.decode(data):
        frames.append(frame)
        if frame.header.op == codec.OP_TICK_END:
            assert model.apply(frames) is not None, "a tick that builds on another one"
            frames = []
            yield model


def facts(model: SceneModel, under: str = "", name: str = "") -> dict[str, Any]:
    """What it holds of one twin."""
    poses = {path: np.round(model.local(model.node(under + path)), 6).tolist() for path in PRIMS}
    signals = ("agv1.x", "agv2.x", "agv1.name", "agv1.state", "agv1.count")
    values = {one: model.value(name + one) for one in signals}
    return poses | {one: repr(value) for one, value in values.items()}


async def alone(twin: LiveTwin, at: int, to: int | None = None) -> list[dict[str, Any]]:
    """The same, as the twin itself tells it."""
    assert twin.past is not None
    told = await twin.past.ticks(PastAsk(at=iso_ns(at), to=None if to is None else iso_ns(to)))
    return [facts(model) for model in held(scene_document(twin.hub.scene), told.data)]


def test_all_twins_are_shown_at_one_moment(twins: dict[str, LiveTwin], nats: Nats) -> None:
    async def work() -> None:
        async with joined(twins, nats) as (http, relay):
            assert "past" in relay.hub.serves
            document = (await http.get("/api/v1/scene")).json()
            for second in (0.5, 1.7, 2.95):
                at = START + round(second * NS)
                answer = await http.get("/api/v1/past", params={"at": iso_ns(at)})
                assert answer.status_code == 200, answer.text
                assert answer.headers["twin-revision"] == str(relay.hub.revision)
                assert json.loads(answer.headers[LIVE]) == ["/P/Three"], "it has no history, and says so"
                (model,) = held(document, answer.content)
                assert model.tick_ns == at
                for prefix in ("/P/One", "/P/Two"):
                    (own,) = await alone(twins[prefix], at)
                    assert facts(model, prefix, prefix[1:].replace("/", ".") + ".") == own
                assert model.value("P.Three.agv2.x").value == 33, "as it is now"

    run(work())


@pytest.mark.parametrize("way", [1, -1])
def test_a_span_goes_through_all_of_them(twins: dict[str, LiveTwin], nats: Nats, way: int) -> None:
    ends = (START + 12 * NS // 10, START + 27 * NS // 10)[::way]

    async def work() -> None:
        async with joined(twins, nats) as (http, _):
            document = (await http.get("/api/v1/scene")).json()
            query = {"at": iso_ns(ends[0]), "to": iso_ns(ends[1]), "hz": 10, "viewer": "me"}
            answer = await http.get("/api/v1/past", params=query)
            got = [
                (model.tick_ns, facts(model, "/P/One", "P.One."), facts(model, "/P/Two", "P.Two."))
                for model in held(document, answer.content)
            ]
            assert [at for at, *_ in got] == list(range(ends[0], ends[1] + way, way * NS // 10))
            assert answer.headers["twin-until-ns"] == str(ends[1])
            for place, prefix in ((1, "/P/One"), (2, "/P/Two")):
                assert [row[place] for row in got] == await alone(twins[prefix], *ends)
            assert len({row[1]["agv1.x"] for row in got}) == 16

    run(work())


def test_a_twin_whose_history_began_later_is_shown_as_it_began(tmp_path: Path, nats: Nats) -> None:
    made = {}
    for prefix, name in JOIN.items():
        (tmp_path / name).mkdir()
        made[prefix] = make_twin(tmp_path / name, history=prefix != "/P/Three")
    older, later = made["/P/One"], make_later(tmp_path / "later")
    made["/P/Two"].let_go()
    made["/P/Two"] = later
    say(older, 12, x=77)
    for twin in (older, later):
        assert twin.recorder is not None
        twin.recorder.commit()

    async def work() -> None:
        async with joined(made, nats) as (http, _):
            document = (await http.get("/api/v1/scene")).json()
            answer = await http.get("/api/v1/past", params={"at": "0.5"})
            (model,) = held(document, answer.content)
            assert model.value("P.One.agv1.x").value == pytest.approx(0.5)
            assert model.value("P.Two.agv1.x").value == pytest.approx(4.0), "its first reading"
            query = {"at": iso_ns(START + 9 * NS), "to": iso_ns(START + 11 * NS), "hz": 2}
            answer = await http.get("/api/v1/past", params=query)
            x = [(m.tick_ns - START, m.value("P.Two.agv1.x").value) for m in held(document, answer.content)]
            assert [at for at, _ in x] == [9 * NS + k * NS // 2 for k in range(5)]
            assert [value for _, value in x] == pytest.approx([4.0, 4.0, 4.0, 4.5, 5.0])

    run(work())
    for twin in made.values():
        twin.let_go()


def make_later(folder: Path) -> LiveTwin:
    """A twin whose history begins ten seconds after that of the others."""
    from api_twin import write_files

    from twinstage.base.clock import ManualClock
    from twinstage.live.twin import TwinFiles, open_twin

    folder.mkdir()
    write_files(folder)
    files = TwinFiles(folder / "cell.usda", folder / "bindings.yaml", history=folder / "history")
    twin = open_twin(files, clock=ManualClock(START + 10 * NS))
    for k in range(11):
        say(twin, 10 + k / 10, x=4000 + 100 * k)
    return twin


def test_alarms_as_they_stood_and_those_of_now_where_nothing_is_kept(
    twins: dict[str, LiveTwin], nats: Nats
) -> None:
    for twin in twins.values():
        assert twin.alarms is not None
        twin.alarms.commit()

    async def work() -> None:
        async with joined(twins, nats) as (http, _):
            query = {"at": iso_ns(START + NS // 2), "all": "true"}
            told = (await http.get("/api/v1/past/alarms", params=query)).json()["alarms"]
            assert {one["id"]: one["condition"] for one in told} == {
                "P.One.agv1/far": False,
                "P.Two.agv1/far": False,
                "P.Three.agv1/far": True,
            }

    run(work())


def test_what_cannot_be_answered_is_said_in_a_sentence(twins: dict[str, LiveTwin], nats: Nats) -> None:
    async def work() -> None:
        async with joined(twins, nats) as (http, relay):
            for query, status, sentence in (
                ({"at": "-5"}, 422, "lies before the histories"),
                ({"at": "noon"}, 422, "is no moment"),
                ({"at": "0", "to": "3600", "hz": 60}, 422, "more than 1200 ticks"),
                ({"at": "0", "x": 1}, 422, "no parameter"),
            ):
                answer = await http.get("/api/v1/past", params=query)
                assert answer.status_code == status and sentence in answer.json()["error"], answer.text
            relay.whole.past._begun.clear()
            for link in relay.links.values():
                link.hub.serves = ("prims",)
            answer = await http.get("/api/v1/past", params={"at": "0"})
            assert answer.status_code == 404 and "has a history" in answer.json()["error"]

    run(work())
