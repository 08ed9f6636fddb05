"""Relays over a real NATS server: whatever is lost, killed or started anew, every client ends with the digest of the twin."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from twinstage.base.errors import UserError
from twinstage.scene.columns import EntityColumns, TextColumns, frozen
from twinstage.sync import messages
from twinstage.sync.access.access import Access
from twinstage.sync.access.roles import Role
from twinstage.sync.client import Client, connect
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.messages import CHANNELS, Interest
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.envelope import TICK, EnvelopeError, Feed, pack, read_feed, unpack
from twinstage.sync.relay.mirror import read_mirror
from twinstage.sync.scene_json import scene_bytes

PATHS = ["/World", "/World/A", "/World/A/B", "/World/C"]


def new_hub(make: ModuleType, epoch: str = "e1", **scene: object) -> Hub:
    signals = [SignalMeta("a.x", "m"), SignalMeta("a.text", "", "string")]
    return Hub(make.snapshot(PATHS, points=3, **scene), signals, {"/World/A": ["a.x"]}, epoch=epoch)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def digest_of(hub: Hub) -> str:
    return hub.digest(hub.view(frozenset(CHANNELS), Interest()), {})


class Plant:
    """Publishes ticks of all kinds, the same for the same seed."""

    def __init__(self, make: ModuleType, hub: Hub, seed: int = 1) -> None:
        self.make, self.hub = make, hub
        self.random = np.random.Generator(np.random.Philox(seed))
        self.where = self.random.uniform(-5, 5, (7, 3))
        self.where[3] += 2e5  # beyond one cell of quanta: frames with origins of their own

    def step(self) -> int:
        make, draw = self.make, self.random
        nodes = np.flatnonzero(draw.random(7) < 0.6)
        self.where[nodes] += draw.normal(scale=0.05, size=(len(nodes), 3))
        scale = np.where(draw.random((len(nodes), 3)) < 0.05, 2.0, 1.0) if draw.random() < 0.3 else None
        pose = (
            make.poses(nodes, self.where[nodes], draw.normal(size=(len(nodes), 4)), scale)
            if len(nodes)
            else None
        )
        now = int(draw.integers(1, 10**9))
        more: dict[str, Any] = {}
        if draw.random() < 0.5:
            more["signals"] = make.values([0], [draw.choice([np.nan, 1.0, draw.normal()])], [now], [0])
        if draw.random() < 0.3:
            more["style"] = make.styles([int(draw.integers(7))], [draw.integers(0, 255, 4)])
        if draw.random() < 0.3:
            more["visibility"] = make.switches([int(draw.integers(7))], [bool(draw.random() < 0.5)])
        if draw.random() < 0.3:
            u4 = lambda *row: frozen(np.array(row), np.uint32)  # noqa: E731
            more["texts"] = TextColumns(u4(1), (f"text {now}",), frozen(np.array([now]), np.int64), u4(0))
            more["entities"] = EntityColumns(u4(int(draw.integers(7))), frozen(np.array([now]), np.int64))
        return self.hub.publish(make.tick(pose, watermark_ns=self.hub.seq + 1, **more))

    async def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()
            await asyncio.sleep(0.002)


async def all_equal(relays: ModuleType, hub: Hub, *clients: Client) -> None:
    """Every client holds what the twin holds."""
    await relays.until(lambda: all(c.connected and c.model.epoch == hub.epoch for c in clients), 20)
    await relays.until(lambda: all(c.model.seq == hub.seq for c in clients), 20)
    for client in clients:
        assert client.model.digest() == digest_of(hub)
        assert (await client.digest(10)).server == digest_of(hub)


# ---------------------------------------------------------------------- one truth


def test_a_relay_has_the_epoch_revision_ticks_and_bits_of_its_twin(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make, revision=5), nats.subject()
        plant = Plant(make, hub)
        await plant.steps(5)
        async with (
            relays.published(hub, nats, subject) as twin,
            relays.relayed(nats, subject) as (url, relay),
            connect(url) as client,
            connect(url, caps=()) as plain,
        ):
            assert (relay.hub.epoch, relay.hub.revision, relay.hub.seq) == ("e1", 5, hub.seq)
            for _ in range(60):
                seq = plant.step()
                await relays.until(lambda seq=seq: relay.hub.seq == seq and client.model.seq == seq)
                assert relay.link.edge.digest() == digest_of(hub), seq
            await all_equal(relays, hub, client, plain)
            assert client.model.paths == PATHS and relay.link.edge.counts.gaps == 0
            assert relay.hub.stage == hub.stage and client.welcome.epoch == "e1"
            # What the twin has encoded goes on as it is.
            assert relay.hub.figures.frame_bytes["delta"].count == 0
            await relays.until(
                lambda: plain.model.tick_ns == client.model.tick_ns == hub.tiers[0].state.tick_ns
            )
            assert twin.publisher.dropped == 0

    run(work)


def test_a_relay_tells_events_and_notices_and_how_old_readings_are(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        heard: list[Any] = []
        hub.event("alarm", {"id": "before"})
        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject) as (url, relay),
            connect(url, on_event=lambda told: heard.append(told) if told.n else None) as client,
        ):
            hub.event("alarm", {"id": "high"})
            hub.notice("warning", "look out")
            await relays.until(lambda: client.notices == ["look out"] and len(heard) == 1)
            assert (heard[0].event, heard[0].n, heard[0].data) == ("alarm", 2, {"id": "high"})
            received = hub.clock.now_ns() - 50_000_000
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]])), received_ns=received)
            figure = relay.hub.figures.apply_seconds
            await relays.until(lambda: figure.count == 1)
            assert 0.05 <= figure.sum < 5

    run(work)


def test_a_replaced_scene_comes_through_with_what_was_told_meanwhile(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject) as (url, relay),
            connect(url) as client,
        ):
            for k in range(3):
                hub.replace_scene(make.snapshot(["/Other", f"/Other/X{k}"]), signals=[], bindings={})
                hub.publish(make.tick(make.poses([1], [[4 + k, 0, 0]])))
                hub.notice("info", f"scene {k}")
            await all_equal(relays, hub, client)
            assert client.world("/Other/X2")[0, 3] == 6.0 and relay.hub.revision == 3
            await relays.until(lambda: client.notices == ["scene 0", "scene 1", "scene 2"])
            assert relay.link.edge.counts.restarts == 0

    run(work)


def test_the_client_that_a_stranger_wrote_from_the_protocol_alone_follows_a_relay(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    from tests.strangers.client import Client as Stranger

    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        plant = Plant(make, hub)
        async with relays.published(hub, nats, subject), relays.relayed(nats, subject) as (url, _):
            client = Stranger(url)
            async with relays.beside(client.run):
                await relays.until(lambda: client.streaming)
                await plant.steps(40)
                await relays.until(lambda: client.copy is not None and client.copy.seq == 40)
                assert (await client.digest()) == (40, digest_of(hub), 40, digest_of(hub))
                assert client.deltas > 10 and client.keyframes == 1
                assert client.refusals == []
                await client.stop()

    run(work)


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lost_messages_between_twin_and_relay_are_noticed_and_made_good(
    make: ModuleType, relays: ModuleType, nats: Any, seed: int
) -> None:
    dice = random.Random(seed)
    losing = True

    def lossy(hear: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def maybe(data: bytes) -> None:
            if losing and dice.random() < 0.15:
                return
            if losing and dice.random() < 0.05:
                data = data[: dice.randrange(len(data))]
            elif losing and dice.random() < 0.05:
                flipped = bytearray(data)
                flipped[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
                data = bytes(flipped)
            hear(data)
            if losing and dice.random() < 0.05:
                hear(data)  # twice

        return maybe

    async def work() -> None:
        nonlocal losing
        hub, subject = new_hub(make), nats.subject()
        plant = Plant(make, hub, seed)
        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject, through=lossy) as (url, relay),
            connect(url) as client,
            connect(url, caps=()) as plain,
        ):
            await plant.steps(250)
            losing = False
            await all_equal(relays, hub, client, plain)
            assert relay.link.edge.counts.gaps > 5 and relay.link.edge.counts.caught_up > 5
            assert relay.link.edge.counts.refused > 0

    run(work)


def test_the_last_message_that_was_lost_is_noticed_by_the_next_beat(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        lost = 0

        def losing(hear: Callable[[bytes], None]) -> Callable[[bytes], None]:
            def maybe(data: bytes) -> None:
                nonlocal lost
                if read_feed(data).kind == TICK:
                    lost += 1
                else:
                    hear(data)

            return maybe

        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject, through=losing) as (url, relay),
            connect(url) as client,
        ):
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]])))
            await all_equal(relays, hub, client)
            assert lost == 1 and relay.link.edge.counts.gaps == 1

    run(work)


def test_a_killed_relay_leaves_its_clients_to_another_one_that_goes_on_where_they_were(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        plant = Plant(make, hub)
        ticks: list[Any] = []
        async with relays.published(hub, nats, subject), relays.relayed(nats, subject) as (url, second):
            first = relays.relayed(nats, subject)
            gone, relay = await first.__aenter__()
            async with connect(gone, on_tick=ticks.append) as client:
                await plant.steps(20)
                await all_equal(relays, hub, client)
                model, seq = client.model, client.model.seq
                # What a load balancer does: the same name leads to the other one.
                client.http_url, client._socket_url = url, url.replace("http", "ws") + "/ws"
                for session in relay.hub.sessions:  # the process is gone: nobody says goodbye
                    session.lost = True
                await first.__aexit__(None, None, None)
                await plant.steps(20)
                await all_equal(relays, hub, client)
                assert client.model is model  # `have` was good
                after = [tick for tick in ticks if tick.seq > seq]
                assert after and not any(tick.keyframe for tick in after)
            assert second.link.edge.counts.gaps == 0

    run(work)


def test_clients_that_move_to_and_fro_between_relays_that_lost_different_ticks_hold_the_truth(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    """A value that goes away and comes back while a relay is deaf must reach who saw it elsewhere."""

    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        deaf = False

        def sometimes(hear: Callable[[bytes], None]) -> Callable[[bytes], None]:
            return lambda data: None if deaf else hear(data)

        async with (
            relays.published(hub, nats, subject),
            relays.relayed(nats, subject) as (good_url, good),
            relays.relayed(nats, subject, through=sometimes) as (url, relay),
            connect(good_url) as client,
        ):
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]]), style=make.styles([1], [[9, 9, 9, 9]])))
            await relays.until(lambda: relay.hub.seq == 1)
            deaf = True
            hub.publish(make.tick(make.poses([1], [[2, 0, 0]]), style=make.styles([1], [[8, 8, 8, 8]])))
            await relays.until(lambda: client.model.seq == 2)
            client.http_url, client._socket_url = url, url.replace("http", "ws") + "/ws"
            for session in list(good.hub.sessions):
                session._paused = True  # it sees tick 2 and no more of this relay
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]]), style=make.styles([1], [[9, 9, 9, 9]])))
            deaf = False
            hub.publish(make.tick(make.poses([3], [[3, 0, 0]])))
            await relays.until(lambda: relay.hub.seq == 4 and relay.link.edge.in_step)
            for session in list(good.hub.sessions):
                session.close(1001, "moved by the test")
            await all_equal(relays, hub, client)
            assert client.world("/World/A")[0, 3] == 1.0 and client.style("/World/A") == (9, 9, 9, 9)

    run(work)


def test_nats_that_is_restarted_costs_viewers_nothing_but_time(
    make: ModuleType, relays: ModuleType, own_nats: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.sync.relay.edge.SILENT_S", 1.5)

    async def work() -> None:
        hub = new_hub(make)
        plant = Plant(make, hub)
        async with (
            relays.published(hub, own_nats, "t"),
            relays.relayed(own_nats, "t") as (url, relay),
            connect(url) as client,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await plant.steps(10)
            await all_equal(relays, hub, client)
            assert (await http.get("/readyz")).json()["ready"] is True
            await asyncio.to_thread(own_nats.stop)
            await relays.until(lambda: not relay.link.bus.connected)
            await plant.steps(30)  # the twin goes on; nobody hears it
            ready = await http.get("/readyz")
            assert ready.status_code == 503 and not ready.json()["checks"][0]["ok"]
            await relays.until(lambda: any("last state" in text for text in client.notices))
            assert client.connected and client.model.seq == 10  # the picture stays
            assert (await http.get("/api/scene")).status_code == 200
            async with connect(url) as late:  # and is there for newcomers
                assert late.model.seq == 10
            answer = await http.get("/api/v1/prims")
            assert answer.status_code == 503 and "cannot be reached" in answer.json()["error"]
            await asyncio.to_thread(own_nats.start)
            await all_equal(relays, hub, client)
            await relays.until(lambda: any("heard again" in text for text in client.notices))
            assert client.reconnects == 0 and relay.link.edge.counts.restarts == 0
            assert (await http.get("/readyz")).json()["ready"] is True
            await plant.steps(10)
            await all_equal(relays, hub, client)

    run(work)


def test_a_twin_that_falls_silent_is_told_to_viewers_and_so_is_its_return(
    make: ModuleType, relays: ModuleType, nats: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.sync.relay.edge.SILENT_S", 1.5)

    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        plant = Plant(make, hub)
        going = relays.published(hub, nats, subject)
        await going.__aenter__()
        async with relays.relayed(nats, subject) as (url, relay), connect(url) as client:
            await plant.steps(10)
            await all_equal(relays, hub, client)
            await going.__aexit__(None, None, None)
            await relays.until(lambda: any("last state" in text for text in client.notices))
            async with connect(url) as late:
                await relays.until(lambda: any("last state" in text for text in late.notices))
            assert not relay.readiness().ready and relay.link.bus.problem == "" and client.model.seq == 10
            await plant.steps(10)  # it was only out of reach: the same epoch goes on
            async with relays.published(hub, nats, subject):
                await all_equal(relays, hub, client)
                await relays.until(lambda: any("heard again" in text for text in client.notices))
                assert client.reconnects == 0 and relay.readiness().ready
                async with connect(url) as after:
                    assert after.model.seq == 20 and after.notices == []

    run(work)


def test_a_twin_that_is_started_anew_is_another_epoch_for_all_clients(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        subject = nats.subject()
        first, second = new_hub(make, "first"), new_hub(make, "second")
        async with relays.published(first, nats, subject):
            going = relays.relayed(nats, subject)
            url, relay = await going.__aenter__()
            link = connect(url)
            client = await link.__aenter__()
            await Plant(make, first).steps(10)
            await all_equal(relays, first, client)
        plant = Plant(make, second, 2)
        await plant.steps(3)  # before it is published
        async with relays.published(second, nats, subject):
            await plant.steps(5)
            await all_equal(relays, second, client)
            assert client.model.epoch == "second" and relay.link.edge.counts.restarts == 1
            await link.__aexit__(None, None, None)
            await going.__aexit__(None, None, None)

    run(work)


def test_what_was_corrupted_in_a_relay_is_found_by_the_digest_and_reaches_no_client_for_long(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        async with (
            relays.published(hub, nats, subject) as twin,
            relays.relayed(nats, subject) as (url, relay),
            connect(url) as client,
        ):
            twin.publisher._hash_after = float("inf")
            hub.publish(make.tick(make.poses([1, 3], [[1, 0, 0], [2, 0, 0]])))
            await relays.until(lambda: client.model.seq == 1)
            relay.hub.tiers[0].state.pose.data[0][1, 0] += 7
            async with connect(url) as late:
                assert late.model.digest() != digest_of(hub)
                twin.publisher._hash_after, twin.publisher._hashed_seq = 0.0, -1
                await relays.until(lambda: relay.link.edge.counts.digests_other == 1)
                await relays.until(lambda: late.model.digest() == digest_of(hub) == client.model.digest())
            twin.publisher._hash_after, twin.publisher._hashed_seq = 0.0, -1
            await relays.until(lambda: relay.link.edge.counts.digests_equal >= 1)

    run(work)


def test_without_a_twin_a_relay_says_so_and_takes_nobody_in(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    from twinstage.sync.relay.app import Relay
    from twinstage.sync.serve import running

    async def work() -> None:
        relay = Relay(NatsChoices(nats.url, nats.subject()))
        async with (
            relays.beside(relay.run),
            running(relay.app, port=0) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await relays.until(lambda: "nobody publishes there" in relay.link.edge.why)
            assert (await http.get("/healthz")).status_code == 200
            ready = await http.get("/readyz")
            assert ready.status_code == 503 and "nobody publishes there" in ready.json()["checks"][1]["text"]
            assert (await http.get("/api/scene")).status_code == 503
            async with open_websocket(
                url.replace("http", "ws") + "/ws", subprotocols=["twin.v1"], proxy=None
            ) as link:
                with pytest.raises(ConnectionClosed):
                    await link.recv()
                assert link.close_code == 1013

    run(work)


# ---------------------------------------------------------------------- files and calls


def test_files_are_those_of_the_twin_and_stay_when_it_is_gone(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        async with relays.alone(hub) as (own, _), httpx.AsyncClient(base_url=own, trust_env=False) as there:
            twin = relays.published(hub, nats, subject)
            await twin.__aenter__()
            async with (
                relays.relayed(nats, subject) as (url, relay),
                httpx.AsyncClient(base_url=url, trust_env=False) as http,
            ):
                await relays.until(lambda: len(relay.link.files._kept) == 2)
                await twin.__aexit__(None, None, None)
                scene = (await there.get("/api/scene")).json()
                paths = [
                    "/api/scene",
                    "/api/v1/scene",
                    scene["prototypes"][0]["url"],
                    scene["textures"][0]["url"],
                ]
                for path in paths:
                    for accepted in ("gzip", "identity"):
                        asked = {"accept-encoding": accepted}
                        mine, his = await http.get(path, headers=asked), await there.get(path, headers=asked)
                        assert mine.status_code == his.status_code == 200
                        assert mine.content == his.content and mine.headers["etag"] == his.headers["etag"]
                        assert mine.headers["content-type"] == his.headers["content-type"]
                        assert mine.headers["cache-control"] == his.headers["cache-control"]
                assert (await http.get("/glb/00.glb")).status_code == 404
                assert (await http.get("/texture/00")).status_code == 404

    run(work)


def test_long_answers_come_in_pieces(
    make: ModuleType, relays: ModuleType, nats: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("answers", "asking"):
        monkeypatch.setattr(f"twinstage.sync.relay.{module}.CHUNK", 300)

    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        await Plant(make, hub).steps(10)
        async with (
            relays.published(hub, nats, subject) as twin,
            relays.relayed(nats, subject) as (url, _),
            relays.relayed(nats, subject),
            connect(url) as client,
        ):
            await all_equal(relays, hub, client)
            assert 1 < len(twin.answers._kept) <= 8 and twin.answers.asked > 10

    run(work)


def test_calls_go_to_the_twin_with_the_name_and_the_role_of_the_caller(
    make: ModuleType, relays: ModuleType, nats: Any, tmp_path: Any
) -> None:
    from fastapi import FastAPI, Request

    from twinstage.sync.access.roles import caller
    from twinstage.sync.relay.twin import Publishing
    from twinstage.sync.server import create_app

    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        seen: list[tuple[str, str, bytes]] = []

        def more(app: FastAPI) -> None:
            async def act(request: Request) -> dict[str, str]:
                seen.append((caller().name, caller().role.word, await request.body()))
                return {"by": caller().name, "query": request.url.query}

            app.add_api_route("/api/v1/alarms", act, methods=["GET"])
            app.add_api_route("/api/v1/alarms/acknowledge", act, methods=["POST"])

        for top, refused in ((Role.ENGINEER, False), (Role.VIEWER, True)):
            app = create_app(hub, more=more, access=Access())
            name = f"{subject}.{top.word}"
            publishing = Publishing(hub, app, NatsChoices(nats.url, name), hub.clock, top=top)
            async with (
                relays.beside(publishing.run),
                relays.relayed(nats, name) as (url, relay),
                httpx.AsyncClient(base_url=url, trust_env=False) as http,
            ):
                looked = await http.get("/api/v1/alarms", params={"limit": 3})
                assert looked.json() == {"by": "local", "query": "limit=3"}
                acted = await http.post("/api/v1/alarms/acknowledge", json={"ids": ["a"]})
                if refused:
                    assert acted.status_code == 403 and "has the role viewer" in acted.json()["error"]
                else:
                    assert acted.status_code == 200 and seen[-1] == (
                        "local",
                        "engineer",
                        b'{"ids":["a"]}',
                    )
                assert (await http.get("/api/v1/nothing")).status_code == 404
                assert (await http.get("/api/v1/prims")).status_code == 404  # the twin's own answer
                assert relay.forward.failed == 0
                status = (await http.get("/api/status")).json()
                about = status["relay"]["twins"]["twin"]
                assert about["inStep"] is True and status["epoch"] == "e1"
                assert abs(int(about["clockOffsetNs"])) <= int(about["clockErrorNs"]) < 5e9  # one clock

    run(work)


def test_a_command_goes_to_the_twin_and_its_answer_to_who_asked(
    make: ModuleType, relays: ModuleType, nats: Any
) -> None:
    async def work() -> None:
        hub, subject = new_hub(make), nats.subject()
        seen: list[tuple[dict[str, Any], str]] = []

        def take(fields: Any, who: Any, say: Callable[[messages.Answer], None], now_ns: int) -> None:
            seen.append((dict(fields), f"{who.name} {who.role.word}"))
            asyncio.get_running_loop().call_later(0.01, say, messages.Answer(fields["id"], True, 8))

        async with (
            relays.published(hub, nats, subject, top=Role.OPERATOR),
            relays.relayed(nats, subject) as (url, relay),
            raw(url) as link,
        ):
            await link.send('{"type":"command","id":"c1","kind":"alarm","base":3}')
            said = await answer(link)
            assert (said["id"], said["ok"], said["code"]) == ("c1", False, "refused")
            assert said["error"] == "nothing can be changed through this server"
            hub.take_command, hub.edits = take, lambda: 8
            await link.send('{"type":"command","id":"c2","kind":"alarm","base":3}')
            assert await answer(link) == {"type": "answer", "id": "c2", "ok": True, "version": 8}
            fields = {key: seen[0][0].get(key) for key in ("id", "kind", "base")}
            assert fields == {"id": "c2", "kind": "alarm", "base": 3} and seen[0][1] == "local operator"
            await link.send('{"type":"command","id":"c3","kind":"move","base":3}')
            said = await answer(link)
            assert said["code"] == "forbidden" and "connect to the twin itself" in said["error"]
            assert len(seen) == 1
            hub.event("edit", {"version": 8})
            await relays.until(lambda: relay.hub.edits() == 8)

    run(work)


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Any]:
    """A websocket that has said hello and ready."""
    where = url.replace("http", "ws") + "/ws"
    async with open_websocket(where, subprotocols=["twin.v1"], compression=None, proxy=None) as link:
        await link.send('{"type":"hello"}')
        welcome = json.loads(await link.recv())
        await link.send(json.dumps({"type": "ready", "revision": welcome["revision"]}))
        yield link


async def answer(link: Any) -> dict[str, Any]:
    """The next answer to a command."""
    while True:
        message = await asyncio.wait_for(link.recv(), 60)
        if isinstance(message, str) and (found := json.loads(message))["type"] == "answer":
            return dict(found)


def test_two_twins_under_one_name_are_refused(make: ModuleType, relays: ModuleType, nats: Any) -> None:
    async def work() -> None:
        subject = nats.subject()
        async with relays.published(new_hub(make), nats, subject) as twin:
            await relays.until(lambda: twin.bus.connected)
            with pytest.raises(UserError, match="another twin publishes as"):
                async with relays.published(new_hub(make), nats, subject):
                    await asyncio.sleep(0)
                    await relays.until(lambda: False, 2.0)

    run(work)


def test_a_nats_server_that_takes_too_short_messages_is_told_at_once(
    make: ModuleType, relays: ModuleType, narrow_nats: Any
) -> None:
    async def work() -> None:
        with pytest.raises(UserError, match="max_payload"):
            async with relays.relayed(narrow_nats, "t"):
                pass

    run(work)


# ---------------------------------------------------------------------- pure parts


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"url": "http://127.0.0.1:4222"}, "no address of NATS"),
        ({"url": "nats://user:secret@127.0.0.1:4222"}, "password"),
        ({"url": "nats://plant.example:4222"}, "tls://"),
        ({"url": "tls://plant.example:4222"}, "--nats-credentials"),
        ({"url": "nats://127.0.0.1:4222", "subject": "a b"}, "no subject"),
        ({"url": "nats://127.0.0.1:4222", "subject": "a.>"}, "no subject"),
        ({"url": "nats://127.0.0.1:4222", "credentials": "hunter2"}, "env:NAME or file:PATH"),
        ({"url": "nats://127.0.0.1:4222", "credentials": "env:TWINSTAGE_NO_SUCH"}, "TWINSTAGE_NO_SUCH"),
    ],
)
def test_choices_that_cannot_be_right_are_one_sentence(choices: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as told:
        NatsChoices(**choices).check()  # type: ignore[arg-type]
    assert said in str(told.value) and "hunter2" not in str(told.value) and "secret@" not in str(told.value)


def test_credentials_are_read_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "nats://127.0.0.1:4222"
    monkeypatch.setenv("TS_NATS", "plant:pass:word")
    assert NatsChoices(url, credentials="env:TS_NATS").options() == {"user": "plant", "password": "pass:word"}
    monkeypatch.setenv("TS_NATS", "a-token")
    choices = NatsChoices(url, credentials="env:TS_NATS")
    assert choices.options() == {"token": "a-token"} and "TS_NATS" not in repr(choices)
    NatsChoices("nats://plant.example:4222", insecure=True).check()


def test_what_is_no_envelope_is_refused() -> None:
    feed = Feed(TICK, 7, 2**40, b"body", last=False, received_ns=-1)
    assert read_feed(feed.pack()) == feed
    assert unpack(pack({"a": 1}, b"rest")) == ({"a": 1}, b"rest")
    for data in (b"", b"\0" * 23, bytes([1, 9]) + bytes(30), bytes(1 << 20)):
        with pytest.raises(EnvelopeError):
            read_feed(data)
    for data in (b"", b"\xff\xff\xff\xff", b"\2\0\0\0[]", b"\2\0\0\0{x", pack([1])):
        with pytest.raises(EnvelopeError):
            unpack(data)


def test_a_mirror_selects_the_nodes_that_the_twin_selects(make: ModuleType) -> None:
    hub = new_hub(make, local=np.tile(make.translation(0, 0, 1), (4, 1, 1)))
    mirror = read_mirror(scene_bytes(hub.scene))
    other = Hub(mirror.snapshot, mirror.signals, mirror.bindings, epoch="e1")
    assert other.scene.signals == hub.scene.signals and other.scene.bindings == hub.scene.bindings
    for prims, signals in ((["/World/A/**"], None), (["/*/C"], ["a.*"]), (None, ["a.x"])):
        asked = Interest(prims, None, signals)
        mine, his = other.view(frozenset(CHANNELS), asked), hub.view(frozenset(CHANNELS), asked)
        for kind in ("pose", "signals"):
            a, b = mine.mask(kind), his.mask(kind)
            assert (a is None) == (b is None) and (a is None or np.array_equal(a, b))
    assert np.array_equal(mirror.snapshot.node_world, hub.scene.snapshot.node_world)
