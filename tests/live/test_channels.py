"""From a line of telemetry to what clients hold, for what is no pose: alarms, things that come and go, texts, colours.

A live twin on a clock that stands where it is put, behind real sockets; the clients in Python and in JavaScript. And the time
that readings need to be applied at a client, from its real acknowledgements.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import proxy as network
import pytest
from peers import opened, settled, until
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket

from twinstage.base import quality
from twinstage.base.clock import NS, ManualClock
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.sync.client import connect
from twinstage.sync.serve import running

START = 1_700_000_000 * NS
STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Motor" (kind = "component")
{
    def Cube "Body" {}
}
def Xform "Crate"
{
    def Cube "Body" {}
}
"""
CONTRACT = """contract: 1
sources:
  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: ns}}}
signals:
  - {id: hot, source: plc, field: hot, unit: Cel, max_age: 5}
  - {id: x, source: plc, field: x, unit: m}
  - {id: recipe, source: plc, field: recipe, type: string}
  - {id: mode, source: plc, field: mode, type: enum, values: {idle: 0, running: 4}}
  - {id: seen0, source: plc, field: seen0, type: i64}
  - {id: seen1, source: plc, field: seen1, type: i64}
alarms:
  - {id: motor/hot, signal: hot, above: 80, hysteresis: 5, priority: high, message: "Too hot"}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: style, prim: /Motor, signal: hot, unit: Cel, steps: true, colormap: [[0, "#00ff00"], [80, "#ff0000"]]}
  - {kind: visibility, prim: /Motor/Body, expr: "hot < 373.15"}
  - {kind: pose, prim: /Motor, position: {x: x}}
  - {kind: entity, prim: /Crate, pool: 3, channels: 2, id: "seen{n}", position: {x: x}}
"""


class Cell:
    """The twin, its clock and its readings."""

    def __init__(self, folder: Path) -> None:
        for name, text in (("cell.usda", STAGE), ("contract.yaml", CONTRACT), ("bindings.yaml", BINDINGS)):
            (folder / name).write_text(text)
        files = TwinFiles(folder / "cell.usda", bindings=folder / "bindings.yaml")
        self.clock = ManualClock(START)
        self.twin: LiveTwin = open_twin(files, clock=self.clock)

    def say(self, *, under_way_ns: int = 0, **values: Any) -> int:
        """A reading of this moment, and the tick that takes it in so much later; its seq."""
        self.clock.advance(NS // 10)
        now = self.clock.now_ns()
        assert self.twin.ingest is not None
        self.twin.ingest.offer("plc", (json.dumps({"t": now, **values}) + "\n").encode(), now)
        self.clock.advance(under_way_ns)
        self.twin.tick(self.clock.now_ns())
        return self.twin.hub.seq

    def slots(self) -> list[str]:
        """Prims that an entity may be shown by."""
        return [path for path in self.twin.snapshot.prims.path if re.fullmatch(r"/Crate_entity_\d+", path)]


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell(tmp_path)


@contextlib.asynccontextmanager
async def served(cell: Cell) -> AsyncIterator[tuple[str, network.Proxy]]:
    """Its address, and a network in front of it."""
    async with (
        running(make_app(cell.twin, camera_engine=None), port=0) as url,
        network.running(int(url.rpartition(":")[2])) as proxy,
    ):
        yield url, proxy


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 200))


def test_alarms_are_told_once_each_and_a_gap_after_a_break_is_noticed(cell: Cell, node: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        async with served(cell) as (url, proxy):
            cell.say(hot=20)
            async with (
                connect(proxy.url, on_event=lambda event: heard.append(event)) as client,
                opened("javascript", proxy.url, node) as script,
            ):

                def alarms() -> list[tuple[int, str]]:
                    told = [event for event in heard if event.event == "alarm"]
                    return [(event.n, event.data["records"][0]["what"]) for event in told]

                async def both(count: int) -> bool:
                    events = [e for e in (await script.counts())["events"] if e["event"] == "alarm"]
                    return len(alarms()) == count and [e["n"] for e in events] == [n for n, _ in alarms()]

                cell.say(hot=90)
                await until(lambda: both(1), "the alarm is told")
                cell.say(hot=20)
                await until(lambda: both(2), "its end is told")
                assert [n for n, _ in alarms()] == [1, 2] and client.events_missed == 0

                proxy.cut()
                for hot in (90, 20, 90):  # nobody hears of these
                    cell.say(hot=hot)
                missed = cell.twin.hub.events - 2
                assert missed == 3
                proxy.restore()

                async def back() -> bool:
                    return client.events_missed == missed and (await script.counts())["state"] == "live"

                await until(back, "the gap is noticed without another event")
                assert (await script.counts())["welcome"]["events"] == 5
                assert len(alarms()) == 2
                async with httpx.AsyncClient(trust_env=False) as http:
                    (now,) = (await http.get(f"{url}/api/alarms")).json()["alarms"]
                assert (now["id"], now["state"]) == ("motor/hot", "unacknowledged")
                cell.say(hot=20)
                await until(lambda: both(3), "what comes later is told")
                assert alarms()[-1][0] == 6 and client.events_missed == missed

    run(main())


def test_things_come_and_go_and_no_id_is_used_for_another(cell: Cell, node: str) -> None:
    async def main() -> None:
        async with served(cell) as (url, proxy):
            cell.say(x=1.0, seen0=-1, seen1=-1)
            slots = cell.slots()
            assert len(slots) == 3
            async with connect(proxy.url) as client, opened("viewer", proxy.url, node) as viewer:

                async def held(seq: int) -> dict[int, float]:
                    """Entities that are shown, and where."""

                    async def there() -> bool:
                        return client.model.seq >= seq and (await viewer.counts())["seq"] >= seq

                    await until(there, f"tick {seq} is there")
                    assert (await settled(viewer))["equal"] and (await client.digest()).equal
                    return {
                        client.entity(path): float(client.world(path)[0, 3])
                        for path in slots
                        if client.visible(path) and client.entity(path) >= 0
                    }

                assert await held(cell.say(x=2.0, seen0=41)) == {41: 2.0}
                assert set(await held(cell.say(x=3.0, seen1=42))) == {41, 42}
                assert set(await held(cell.say(x=4.0, seen0=-1))) == {42}
                proxy.cut()
                seq = cell.say(x=5.0, seen0=43, seen1=-1)
                proxy.restore()
                assert set(await held(seq)) == {43}
                assert set(await held(cell.say(x=6.0, seen1=44))) == {43, 44}
                assert url

    run(main())


def test_texts_names_colours_and_qualities_reach_a_client(cell: Cell) -> None:
    async def main() -> None:
        async with served(cell) as (_, proxy), connect(proxy.url) as client:

            async def after(seq: int) -> None:
                async def there() -> bool:
                    return client.model.seq >= seq

                await until(there, f"tick {seq} is there")
                assert (await client.digest()).equal

            await after(cell.say(hot=20, recipe="Kräuter №5 🌿", mode="running"))
            assert client.value("recipe").text == "Kräuter №5 🌿"
            assert (client.value("mode").text, client.value("mode").value) == ("running", 4)
            assert client.style("/Motor/Body") == (0, 255, 0, 255) and client.visible("/Motor/Body")
            assert client.value("hot").value == pytest.approx(293.15)
            proxy.cut()
            cell.say(recipe="lost on its way")
            seq = cell.say(hot=150, recipe="", mode="idle")
            proxy.restore()
            await after(seq)
            assert client.value("recipe").text == "" and client.value("mode").text == "idle"
            assert client.style("/Motor") == (255, 0, 0, 255) and not client.visible("/Motor/Body")
            cell.clock.advance(6 * NS)
            cell.twin.tick(cell.clock.now_ns())
            await after(cell.twin.hub.seq)
            assert client.value("hot").quality == quality.UNCERTAIN_LAST_USABLE

    run(main())


@contextlib.asynccontextmanager
async def by_hand(url: str) -> AsyncIterator[ClientConnection]:
    """A client that acknowledges when the test says so."""
    address = url.replace("http", "ws") + "/ws"
    async with open_websocket(address, subprotocols=["twin.v1"], compression=None, proxy=None) as link:  # type: ignore[list-item]
        await link.send('{"type":"hello"}')
        revision = json.loads(await link.recv())["revision"]
        await link.send(json.dumps({"type": "ready", "revision": revision}))
        await link.recv()
        yield link


async def latencies(url: str) -> tuple[int, float, dict[str, int]]:
    """Count, sum [s] and buckets of readings' ways to a client, as Prometheus would read them."""
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(f"{url}/metrics")).text
    name = "twin_sync_apply_latency_seconds"
    found = dict(re.findall(rf'^{name}_(\w+(?:{{le="[^"]+"}})?) (\S+)$', page, re.M))
    buckets = {key[11:-2]: int(float(value)) for key, value in found.items() if key.startswith("bucket")}
    return int(float(found["count"])), float(found["sum"]), buckets


def test_prometheus_tells_how_long_readings_really_took_to_be_applied(cell: Cell) -> None:
    """From the arrival of the oldest reading in a tick to the acknowledgement; what was not acknowledged counts for nothing."""

    async def main() -> None:
        async with (
            served(cell) as (url, _),
            by_hand(url) as link,
            by_hand(url),
        ):  # the second one never acknowledges
            start = cell.twin.hub.seq
            await link.send(json.dumps({"type": "ack", "seq": start}))
            assert (await latencies(url))[0] == 0, "a keyframe is no reading"
            expected = []
            for way_ms in (15, 35, 110, 700):
                seq = cell.say(x=float(way_ms), under_way_ns=4_000_000)
                await link.recv()
                cell.clock.advance((way_ms - 4) * 1_000_000)
                assert (await latencies(url))[0] == len(expected), "sent is not applied"
                await link.send(json.dumps({"type": "ack", "seq": seq}))
                expected.append(way_ms / 1e3)

                async def counted(count: int = len(expected)) -> bool:
                    return (await latencies(url))[0] == count

                await until(counted, "the acknowledgement counts")
            count, total, buckets = await latencies(url)
            assert (count, round(total, 9)) == (4, round(sum(expected), 9))
            assert [buckets[le] for le in ("0.01", "0.02", "0.04", "0.12", "0.5", "1.0", "+Inf")] == [
                0,
                1,
                2,
                3,
                3,
                4,
                4,
            ]
            # Two ticks under way, both acknowledged at once: each counts from its own oldest reading.
            cell.say(x=1.0)
            await link.recv()
            seq = cell.say(x=2.0)
            await link.recv()
            await link.send(json.dumps({"type": "ack", "seq": seq}))

            async def six() -> bool:
                return (await latencies(url))[0] == 6

            await until(six, "both count")
            assert round((await latencies(url))[1] - total, 9) == 0.1

    run(main())


def test_what_a_client_of_ours_acknowledges_is_what_prometheus_counts(cell: Cell) -> None:
    async def main() -> None:
        taken: list[int] = []
        async with served(cell) as (url, _):
            cell.say(x=0.0)
            async with connect(
                url, on_tick=lambda tick: None if tick.keyframe else taken.append(tick.seq)
            ) as client:
                for k in range(20):
                    seq = cell.say(x=float(k), under_way_ns=1_000_000)

                    async def there(seq: int = seq) -> bool:
                        return client.model.seq == seq

                    await until(there, f"tick {seq} is applied")

                async def all_counted() -> bool:
                    return (await latencies(url))[0] == len(taken) == 20

                await until(all_counted, f"{len(taken)} ticks are counted")

    run(main())
