"""A relay of two twins: calls, overlays and controls go to the twins that they are about, under the names of the whole."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_twin import START, make_twin, say
from tests.sync import relays
from tests.sync.conftest import Nats

from twinstage.base.clock import NS
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.access.roles import Role
from twinstage.sync.overlay.board import Data
from twinstage.sync.overlay.controls import Use
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.twin import Publishing

JOIN = {"/P/One": "one", "/P/Two": "two"}


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[list[LiveTwin]]:
    """The second one keeps no history and is half a second younger."""
    made = []
    for name in JOIN.values():
        (tmp_path / name).mkdir()
        made.append(make_twin(tmp_path / name, history=name == "one"))
    say(made[1], 1.5, x=333, x2=8)
    yield made
    for twin in made:
        twin.let_go()


@asynccontextmanager
async def joined(
    twins: list[LiveTwin], nats: Nats, join: dict[str, str] = JOIN
) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        for twin, subject in zip(twins, JOIN.values(), strict=True):
            app = make_app(twin, camera_engine=None)
            choices = NatsChoices(nats.url, subject)
            await enter(relays.beside(Publishing(twin.hub, app, choices, twin.clock, top=Role.ENGINEER).run))
        if len(join) == 1:
            url, relay = await enter(relays.relayed(nats, next(iter(join.values()))))
        else:
            url, relay = await enter(relays.relayed(nats, "-", join=join))
        yield await enter(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)), relay


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 200))


def test_values_alarms_prims_and_history_are_those_of_all(twins: list[LiveTwin], nats: Nats) -> None:
    async def work() -> None:
        async with joined(twins, nats) as (http, relay):

            async def get(path: str, status: int = 200, **query: Any) -> Any:
                answer = await http.get(path, params=query)
                assert answer.status_code == status, answer.text
                return answer.json()

            assert relay.hub.serves == ("prims", "values", "history", "past", "alarms", "overlays")
            values = {row["id"]: row["value"] for row in (await get("/api/v1/values", limit=1000))["values"]}
            assert values["P.One.agv1.x"] == pytest.approx(1.0) and values["P.Two.agv2.x"] == 8
            assert len(values) == 10
            some = await get("/api/v1/values", id="*.Two.agv*.x")
            assert [row["id"] for row in some["values"]] == ["P.Two.agv1.x", "P.Two.agv2.x"]
            assert (await get("/api/v1/values/P.Two.agv2.x"))["value"] == 8
            assert "names begin with P.One. or P.Two." in (await get("/api/v1/values/agv2.x", 404))["error"]

            alarms = (await get("/api/v1/alarms"))["alarms"]
            assert [row["id"] for row in alarms] == ["P.One.agv1/far", "P.Two.agv1/far"]
            assert alarms[0]["signal"] == "P.One.agv1.x"
            body = {"alarms": ["P.Two.agv1/far"], "by": "ana"}
            done = await http.post("/api/v1/alarms/acknowledge", json=body)
            assert done.status_code == 200 and done.json()["done"][0]["alarm"] == "P.Two.agv1/far"
            assert twins[0].alarms is not None and twins[1].alarms is not None
            states = [row["state"] for row in (await get("/api/v1/alarms", all="true"))["alarms"]]
            assert states[0] == "unacknowledged" and states[1] != "unacknowledged"
            wrong = await http.post(
                "/api/v1/alarms/acknowledge", json={"alarms": ["P.Two.none"], "by": "ana"}
            )
            assert wrong.status_code == 409 and wrong.json()["refused"][0]["alarm"] == "P.Two.none"
            twins[0].alarms.journal.commit()
            records = (await get("/api/v1/alarms/journal"))["records"]
            assert records[0]["what"] == "acknowledged" and records[0]["alarm"] == "P.Two.agv1/far"
            assert [int(row["atNs"]) for row in records] == sorted(
                (int(row["atNs"]) for row in records), reverse=True
            )
            only = (await get("/api/v1/alarms/journal", alarm="P.One.agv1/far"))["records"]
            assert {row["alarm"] for row in only} == {"P.One.agv1/far"}

            prim = await get("/api/v1/prims/P/Two/Cell/Agv1")
            assert (prim["path"], prim["parent"]) == ("/P/Two/Cell/Agv1", "/P/Two/Cell")
            assert "P.Two.agv1.x" in prim["signals"] and prim["children"] == ["/P/Two/Cell/Agv1/Body"]
            assert {row["id"] for row in prim["values"]} == set(prim["signals"])
            assert "/api/v1/scene" in (await get("/api/v1/prims", 404))["error"]
            assert "in any of the twins" in (await get("/api/v1/prims/Elsewhere", 404))["error"]

            chart = await get("/api/v1/history/chart", signal="P.One.agv1.x", buckets=2)
            assert chart["signal"] == "P.One.agv1.x" and sum(chart["count"]) == 11
            told = await get("/api/v1/history/as-of", signal="P.One.agv1.x", at="0.5")
            assert [row["signal"] for row in told["readings"]] == ["P.One.agv1.x"]
            assert (
                "keeps no history"
                in (await get("/api/v1/history/chart", 404, signal="P.Two.agv1.x"))["error"]
            )
            assert (await get("/api/v1/history"))["firstNs"] == str(START)

    run(work())


@pytest.mark.parametrize("single", [True, False])
def test_controls_and_overlays_pass_a_relay(twins: list[LiveTwin], nats: Nats, single: bool) -> None:
    uses: list[Use] = []
    one = twins[0]
    one.ui.callbacks.used = uses.append  # type: ignore[method-assign]
    slider = {"kind": "slider", "label": "Speed", "role": "operator", "value": 1.0, "min": 0.0, "max": 2.0}
    one.ui.board.put("speed", slider)
    one.ui.board.put("pick", {"kind": "click", "prim": "/Cell/Agv1", "role": "viewer"})
    picture = Data(b"\x89PNG\r\n\x1a\n...", "image/png")
    one.ui.board.put(
        "map", {"kind": "image", "pose": [0] * 7, "width": 1.0, "aspect": 1.0}, {"image": picture}
    )
    start, under = ("", "") if single else ("P.One.", "/P/One")

    async def work() -> None:
        async with joined(twins, nats, {"-": "one"} if single else JOIN) as (http, relay):
            say(one, 2.0, x=1)  # tells what is on the board
            told = (await http.get("/api/v1/overlays")).json()
            items = {item["name"]: item for item in told["items"]}
            assert set(items) == {start + "speed", start + "pick", start + "map"}
            assert items[start + "pick"]["prim"] == under + "/Cell/Agv1"
            content = await http.get(f"/api/v1/overlays/{items[start + 'map']['image']['data']}")
            assert content.content == picture.content and content.headers["content-type"] == "image/png"
            notices: list[str] = []

            class Tap:
                def notice(self, level: str, text: str) -> None:
                    notices.append(text)

            session = relay.hub.connect(lambda: None, now_ns=0)
            session.notice = Tap().notice  # type: ignore[method-assign]

            def say_control(**fields: Any) -> None:
                import json

                session.receive(json.dumps({"type": "control", **fields}), now_ns=NS, wall_ns=NS)

            session.receive('{"type": "hello"}', now_ns=0, wall_ns=0)
            say_control(name=start + "speed", value=1.5)
            say_control(name=start + "pick", path=under + "/Cell/Agv1/Body", position=[1, 2, 3])
            await relays.until(lambda: len(uses) == 2)
            assert {(use.name, use.value, use.prim) for use in uses} == {
                ("speed", 1.5, ""),
                ("pick", None, "/Cell/Agv1/Body"),
            }
            say_control(name=start + "speed", value=9)
            say_control(name=start + "gone")
            await relays.until(lambda: len(notices) == 2)
            assert any("from 0 to 2" in text for text in notices)
            assert any("no control 'gone'" in text for text in notices)
            relay.hub.disconnect(session)

    run(work())
