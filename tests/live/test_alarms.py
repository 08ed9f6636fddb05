"""Alarms of a running twin: shown, journalled, answered over HTTP, sent, and there again after a restart."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pxr import Usd, UsdGeom

from twinstage.base.clock import NS, ManualClock
from twinstage.base.errors import UserError
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

START = 1_700_000_000 * NS
CONTRACT = """
contract: 1
sources:
  plc: {uri: "tcp://127.0.0.1:9", reader: {format: jsonl, layout: wide, time: {field: t, unit: ns}}, lateness: 0}
signals:
  - {id: door, source: plc, field: door, unit: mm, type: f64, max_age: 2}
  - {id: motor, source: plc, field: motor, unit: Cel, type: f64}
"""
ALARMS = """alarms:
  - {id: motor/hot, signal: motor, above: 80, hysteresis: 5, priority: high, message: "Too hot", response: "Cool it"}
  - {id: door.open, signal: door, above: 900, priority: low}
"""
BINDINGS = (
    "bindings: 1\ncontract: contract.yaml\nbindings:\n  - {kind: pose, prim: /Door, position: {x: door}}\n"
)

Make = Callable[..., LiveTwin]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    stage = Usd.Stage.CreateNew(str(tmp_path / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.Cube.Define(stage, "/Door")
    stage.Save()
    (tmp_path / "bindings.yaml").write_text(BINDINGS)

    def open_it(alarms: str = ALARMS, **more: Any) -> LiveTwin:
        (tmp_path / "contract.yaml").write_text(CONTRACT + alarms)
        files = TwinFiles(tmp_path / "cell.usda", tmp_path / "bindings.yaml", **more)
        return open_twin(files, clock=ManualClock(START))

    return open_it


def say(twin: LiveTwin, second: float, **values: float) -> None:
    """Readings at a second, and the tick that takes them."""
    at = START + round(second * NS)
    assert twin.ingest is not None
    twin.ingest.offer("plc", (json.dumps({"t": at, **values}) + "\n").encode(), at)
    twin.clock.set(at)  # type: ignore[attr-defined]
    twin.tick(at)


def asking(twin: LiveTwin, work: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        transport = httpx.ASGITransport(make_app(twin, camera_engine=None))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await work(client)

    asyncio.run(main())


def notices(twin: LiveTwin) -> list[tuple[str, str]]:
    heard: list[tuple[str, str]] = []
    assert twin.alarms is not None
    twin.alarms.notify = lambda level, text: heard.append((level, text))
    return heard


async def active(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    return [(a["id"], a["state"]) for a in (await client.get("/api/alarms")).json()["alarms"]]


def test_raised_shown_listed_and_acknowledged(make: Make) -> None:
    twin = make()
    heard = notices(twin)
    say(twin, 0, motor=20, door=100)
    say(twin, 1, motor=85, door=100)
    assert heard == [("error", "high alarm motor/hot raised: Too hot (85 °C)")]

    async def work(client: httpx.AsyncClient) -> None:
        (alarm,) = (await client.get("/api/alarms")).json()["alarms"]
        assert alarm | {"raised": None} == {
            "id": "motor/hot",
            "state": "unacknowledged",
            "active": True,
            "condition": True,
            "priority": "high",
            "signal": "motor",
            "expr": "",
            "kind": "above",
            "limit": 80.0,
            "value": pytest.approx(85),
            "unit": "Cel",
            "raised": None,
            "shelvedUntil": None,
            "suppressed": False,
            "outOfService": False,
            "message": "Too hot",
            "response": "Cool it",
        }
        assert alarm["raised"].startswith("2023-11-14T22:13:21")
        assert len((await client.get("/api/alarms?all=true")).json()["alarms"]) == 2
        body = {"alarms": ["motor/hot"], "by": "anna", "comment": "on my way"}
        answer = await client.post("/api/alarms/acknowledge", json=body)
        assert answer.status_code == 200
        assert answer.json()["done"][0]["what"] == "acknowledged"
        assert await active(client) == [("motor/hot", "acknowledged")]
        again = await client.post("/api/alarms/acknowledge", json=body)
        assert (again.status_code, "nothing to acknowledge" in again.json()["error"]) == (409, True)
        records = (await client.get("/api/alarms/journal")).json()["records"]
        assert [(r["what"], r["by"], r["comment"]) for r in records] == [
            ("acknowledged", "anna", "on my way"),
            ("raised", "", ""),
        ]
        status = (await client.get("/api/status")).json()["alarms"]
        assert status == {
            "active": {"low": 0, "medium": 0, "high": 1, "critical": 0},
            "unacknowledged": 0,
            "flooded": False,
        }

    asking(twin, work)
    say(twin, 2, motor=70)
    assert twin.alarms is not None
    assert twin.alarms.engine.active() == []


def test_many_at_once_each_by_itself(make: Make) -> None:
    twin = make()
    say(twin, 0, motor=85, door=950)

    async def work(client: httpx.AsyncClient) -> None:
        body = {"alarms": ["door.open", "gone", "motor/hot", "door.open"], "by": "anna"}
        answer = (await client.post("/api/alarms/acknowledge", json=body)).json()
        assert [r["alarm"] for r in answer["done"]] == ["door.open", "motor/hot"]
        assert [r["alarm"] for r in answer["refused"]] == ["gone"]

    asking(twin, work)


def test_shelved_unshelved_and_out_of_service(make: Make) -> None:
    twin = make()
    say(twin, 0, motor=85, door=100)

    async def work(client: httpx.AsyncClient) -> None:
        async def do(action: str, **more: Any) -> httpx.Response:
            return await client.post(
                f"/api/alarms/{action}", json={"alarms": ["motor/hot"], "by": "anna", **more}
            )

        assert (await do("shelve", seconds=60)).json()["done"][0]["until"].startswith("2023-11-14T22:14:20")
        assert await active(client) == []
        assert (await do("unshelve")).status_code == 200
        assert (await do("unshelve")).status_code == 409
        say(twin, 1, motor=86)
        assert await active(client) == [("motor/hot", "unacknowledged")]
        assert (await do("out-of-service", comment="sensor is broken")).status_code == 200
        assert (await do("out-of-service")).status_code == 409
        say(twin, 2, motor=87)
        assert await active(client) == []
        assert (await do("in-service")).status_code == 200
        assert (await do("shelve", seconds=8 * 86_400)).status_code == 409

    asking(twin, work)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("acknowledge", {"alarms": ["gone"], "by": "a"}, 404),
        ("explode", {"alarms": ["motor/hot"], "by": "a"}, 404),
        ("acknowledge", {"alarms": [], "by": "a"}, 422),
        ("acknowledge", {"alarms": ["motor/hot"]}, 422),
        ("acknowledge", {"alarms": ["motor/hot"], "by": " "}, 422),
        ("acknowledge", {"alarms": ["motor/hot"], "by": "a\nb"}, 422),
        ("acknowledge", {"alarms": ["motor/hot"], "by": "a", "more": 1}, 422),
        ("acknowledge", {"alarms": ["motor/hot"], "by": "a", "seconds": 5}, 422),
        ("acknowledge", {"alarms": ["x"] * 1001, "by": "a"}, 422),
        ("shelve", {"alarms": ["motor/hot"], "by": "a"}, 422),
        ("shelve", {"alarms": ["motor/hot"], "by": "a", "seconds": -1}, 422),
        ("acknowledge", {"alarms": ["motor/hot"], "by": "a", "comment": "x" * 70_000}, 413),
    ],
)
def test_what_is_refused(make: Make, action: str, body: dict[str, Any], status: int) -> None:
    twin = make()
    say(twin, 0, motor=85)

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post(f"/api/alarms/{action}", json=body)
        assert answer.status_code == status
        assert isinstance(answer.json()["error"], str)
        assert await active(client) == [("motor/hot", "unacknowledged")], "and nothing was done"

    asking(twin, work)


def test_no_page_of_another_origin_and_no_form_acknowledges(make: Make) -> None:
    twin = make()
    say(twin, 0, motor=85)
    body = json.dumps({"alarms": ["motor/hot"], "by": "a"})

    async def work(client: httpx.AsyncClient) -> None:
        async def post(**headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.post("/api/alarms/acknowledge", content=body, headers=named)).status_code

        assert await post(origin="http://evil.example", content_type="application/json") == 403
        assert await post(content_type="text/plain") == 415
        assert await active(client) == [("motor/hot", "unacknowledged")]
        assert await post(origin="http://127.0.0.1", content_type="application/json") == 200

    asking(twin, work)


def test_a_restart_forgets_nothing(make: Make, tmp_path: Path) -> None:
    history = tmp_path / "history"
    first = make(history=history)
    say(first, 0, motor=85, door=950)

    async def work(client: httpx.AsyncClient) -> None:
        await client.post("/api/alarms/acknowledge", json={"alarms": ["door.open"], "by": "anna"})
        await client.post("/api/alarms/shelve", json={"alarms": ["motor/hot"], "by": "anna", "seconds": 30})

    asking(first, work)  # answered, so it is safe: the first twin is not closed in order
    assert first.recorder is not None
    first.recorder.journal.commit()
    first.recorder._lock.close()  # as the end of its process does
    second = make(history=history)
    assert second.alarms is not None
    assert first.alarms is not None
    assert second.alarms.engine.listed() == first.alarms.engine.listed()
    second.tick(START + NS)
    assert [item.spec.id for item in second.alarms.engine.active()] == ["door.open"], "nothing new was raised"
    second.tick(START + 31 * NS)
    states = {i.spec.id: i.alarm.state for i in second.alarms.engine.active()}
    assert states == {"motor/hot": "unacknowledged", "door.open": "acknowledged"}, (
        "its time on the shelf is over"
    )
    second.alarms.close()
    assert second.recorder is not None
    second.recorder.close()


def test_the_journal_of_many_records_comes_in_pages(make: Make) -> None:
    twin = make()
    for k in range(30):
        say(twin, k, motor=85 if k % 2 else 20, door=0)

    async def work(client: httpx.AsyncClient) -> None:
        first = (await client.get("/api/alarms/journal?limit=10")).json()["records"]
        rest = (await client.get(f"/api/alarms/journal?before={first[-1]['number']}")).json()["records"]
        numbers = [r["number"] for r in [*first, *rest]]
        assert numbers == list(range(numbers[0], 0, -1))
        assert (await client.get("/api/alarms/journal?limit=0")).status_code == 422
        assert (await client.get("/api/alarms/journal?alarm=none")).json()["records"] == []

    asking(twin, work)


def test_a_journal_that_fails_stops_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    twin = make()
    assert twin.alarms is not None

    def fail() -> None:
        raise OSError(28, "no space left")

    twin.alarms.journal.commit = fail  # type: ignore[method-assign]
    say(twin, 0, motor=85)
    twin.alarms.commit()
    twin.alarms.commit()
    assert [r.message for r in caplog.records if "no space" in r.message] == ["no space left"], "told once"
    assert len(twin.alarms.engine.active()) == 1

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/alarms/acknowledge", json={"alarms": ["motor/hot"], "by": "a"})
        assert (answer.status_code, "not kept yet" in answer.json()["error"]) == (500, True)

    asking(twin, work)


def test_whom_to_tell_comes_from_a_file(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "notify.yaml"
    path.write_text("notify: 1\nsinks:\n  - {kind: fake, least: high}\n")
    twin = make(notify=path)
    assert twin.alarms is not None
    (outlet,) = twin.alarms._outlets
    say(twin, 0, motor=85, door=950)
    twin.alarms.close()
    assert [message.alarm for message in outlet.sink.sent] == ["motor/hot"]  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="the contract has no alarms"):
        make(alarms="", notify=path)


def test_a_flood_is_one_notice_and_one_message(make: Make, tmp_path: Path) -> None:
    many = "alarms:\n" + "".join(
        f"  - {{id: a{k}, signal: motor, above: {20 + k}, priority: {'critical' if k == 39 else 'medium'}}}\n"
        for k in range(40)
    )
    (tmp_path / "notify.yaml").write_text("notify: 1\nsinks:\n  - {kind: fake}\n")
    twin = make(alarms=many, notify=tmp_path / "notify.yaml")
    heard = notices(twin)
    for k in range(41):
        say(twin, k, motor=19.5 + k, door=0)
    assert twin.alarms is not None
    twin.tick(START + 120 * NS)
    (outlet,) = twin.alarms._outlets
    twin.alarms.close()
    sent = outlet.sink.sent  # type: ignore[attr-defined]
    assert [m.what for m in sent] == [*["raised"] * 10, "flood_began", "raised", "summary"]
    assert sent[-2].alarm == "a39", "the critical one is told by itself"
    assert sent[-1].data["total"] == 29
    assert len(heard) == 12
    assert len(twin.alarms.engine.active()) == 40, "all are listed"


def test_a_mode_suppresses_by_design(make: Make) -> None:
    extra = "  - {id: mode, source: plc, field: mode, type: string}\nmode: mode\n"
    twin = make(
        alarms=extra + "alarms:\n  - {id: hot, signal: motor, above: 80, suppress_in: [maintenance]}\n"
    )
    say(twin, 0, motor=85, mode="maintenance")  # type: ignore[arg-type]

    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/alarms")).json() == {
            "mode": "maintenance",
            "flooded": False,
            "count": 1,
            "alarms": [],
        }
        say(twin, 1, motor=86, mode="running")  # type: ignore[arg-type]
        assert await active(client) == [("hot", "unacknowledged")]

    asking(twin, work)


def test_a_contract_without_alarms_has_no_routes(make: Make) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/alarms")).status_code == 404

    asking(make(alarms=""), work)


def test_qualities_are_computed_once_a_tick(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = make(ALARMS + "  - {id: door.old, signal: door, stale: true, priority: low}\n")
    assert twin.ingest is not None and twin.alarms is not None
    asked, real = list[int](), twin.ingest.state.effective_quality

    def counted(now_ns: int) -> Any:
        asked.append(now_ns)
        return real(now_ns)

    monkeypatch.setattr(twin.ingest.state, "effective_quality", counted)
    say(twin, 0, door=1, motor=1)
    say(twin, 3, motor=90)
    assert len(asked) == 2
    assert {item.spec.id for item in twin.alarms.engine.active()} == {"motor/hot", "door.old"}
