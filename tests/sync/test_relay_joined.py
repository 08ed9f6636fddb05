"""A relay of several twins: one scene, each twin's rows bit by bit in their places."""

import asyncio
import importlib.util
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.sync.client import connect
from twinstage.sync.hub import Hub
from twinstage.sync.model import SceneModel
from twinstage.sync.relay.join import check_prefixes, join_documents
from twinstage.sync.relay.mirror import read_mirror
from twinstage.sync.scene_json import scene_bytes, scene_document


@pytest.fixture(scope="module")
def single() -> ModuleType:
    """The tests of a single relay: its twins and their motion."""
    path = Path(__file__).with_name("test_relay.py")
    spec = importlib.util.spec_from_file_location("twinstage_tests_single_relay", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def holds(model: SceneModel, prefix: str, hub: Hub) -> bool:
    """Whether a client of the whole has all that this twin says, as whole numbers and bits."""
    state, snapshot = hub.tiers[0].state, hub.scene.snapshot
    prims = [model.index_of[prefix + path] for path in snapshot.prims.path]
    points = [
        model.node(prefix + snapshot.prims.path[instancer], point)
        for instancer, point in zip(
            snapshot.points.instancer.tolist(), snapshot.points.point_id.tolist(), strict=True
        )
    ]
    nodes = np.array([*prims, *points])
    quanta, words, scale = state.pose.data
    moved = np.flatnonzero(state.pose.seq > 0)
    at = nodes[moved]
    good = bool(model._live[at].all()) and np.array_equal(
        np.rint(model._translation[at] * 2**14), quanta[moved]
    )
    good = good and np.array_equal(model._words[at], words[moved])
    good = good and np.array_equal(model._scale[at], scale[moved])
    styled = np.flatnonzero(state.style.seq > 0)
    good = good and np.array_equal(model._rgba[nodes[styled]], state.style.data[0][styled])
    switched = np.flatnonzero(state.visibility.seq > 0)
    good = good and np.array_equal(model._visible[nodes[switched]], state.visibility.data[0][switched])
    for node in np.flatnonzero(state.entities.seq > 0).tolist():
        good = (
            good
            and model.entity(0) == -1
            and model._entities.get(int(nodes[node])) == state.entities.data[0][node]
        )
    name = prefix[1:].replace("/", ".") + "."
    for row in np.flatnonzero(state.signals.seq > 0).tolist():
        told = model.value(name + hub.scene.signals[row].id)
        same = np.array_equal([told.value], [state.signals.data[0][row]], equal_nan=True)
        good = good and same and told.event_ns == state.signals.data[1][row]
    for row in np.flatnonzero(state.texts.seq > 0).tolist():
        good = (
            good and model.value(name + hub.scene.signals[row].id).text == state.texts.data[0][row].decode()
        )
    return good


def test_two_twins_are_one_scene_through_losses_restarts_and_new_scenes(
    make: ModuleType, relays: ModuleType, nats: Any, single: ModuleType
) -> None:
    deaf = False

    def sometimes(hear: Callable[[bytes], None]) -> Callable[[bytes], None]:
        return lambda data: None if deaf else hear(data)

    async def work() -> None:
        nonlocal deaf
        names = [nats.subject(), nats.subject()]
        first, second = single.new_hub(make, "a"), single.new_hub(make, "b")
        plants = [single.Plant(make, first, 1), single.Plant(make, second, 2)]
        prefixes = ["/Plant/Line1", "/Plant/Line2"]
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(relays.published(first, nats, names[0]))
            going = relays.published(second, nats, names[1])
            await going.__aenter__()
            joined = relays.relayed(
                nats, "-", join=dict(zip(prefixes, names, strict=True)), through=sometimes
            )
            url, relay = await stack.enter_async_context(joined)
            client = await stack.enter_async_context(connect(url))
            for step in range(60):
                deaf = 20 < step < 25
                plants[step % 2].step()
                plants[0].step()
                await asyncio.sleep(0.004)
            deaf = False
            await relays.until(
                lambda: holds(client.model, prefixes[0], first) and holds(client.model, prefixes[1], second)
            )
            assert (await client.digest()).equal
            assert relay.hub.counters.ticks < 200
            revision = client.model.revision
            second.replace_scene(make.snapshot(["/Other", "/Other/X"]), signals=[], bindings={})
            second.publish(make.tick(make.poses([1], [[4, 0, 0]])))
            plants[0].step()
            await relays.until(
                lambda: client.model.revision > revision and "/Plant/Line2/Other/X" in client.model.index_of
            )
            await relays.until(
                lambda: holds(client.model, prefixes[1], second) and holds(client.model, prefixes[0], first)
            )
            await going.__aexit__(None, None, None)
            third = single.new_hub(make, "c")
            await stack.enter_async_context(relays.published(third, nats, names[1]))
            await single.Plant(make, third, 3).steps(20)
            await relays.until(lambda: "/Plant/Line2/World/A" in client.model.index_of)
            await relays.until(
                lambda: holds(client.model, prefixes[1], third) and holds(client.model, prefixes[0], first)
            )
            assert (await client.digest()).equal and client.connected and client.reconnects == 0
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                scene = (await http.get("/api/scene")).json()
                assert scene["epoch"] == client.model.epoch and scene["revision"] == client.model.revision
                for each in (*scene["prototypes"], *scene["textures"]):
                    assert (await http.get(each["url"])).status_code == 200
                ready = (await http.get("/readyz")).json()
                assert ready["ready"] and [check["name"] for check in ready["checks"]] == ["nats", *prefixes]
                assert (await http.get("/api/v1/prims")).status_code == 404
            link = relay.links["/Plant/Line2"]
            assert link.edge.counts.restarts == 1 and relay.links["/Plant/Line1"].edge.counts.gaps >= 1

    run(work)


def test_a_joined_scene_places_what_its_parts_place(make: ModuleType) -> None:
    parts = {}
    for prefix, count in (("/P/B", 2), ("/P/A", 3), ("/Q", 0)):
        local = np.tile(make.translation(count, 0, 1), (4, 1, 1))
        shapes = (make.cube(), make.cube(uv=False)) if count == 2 else (make.cube(),)
        hub = Hub(make.snapshot(points=count, local=local, prototypes=shapes), epoch="e")
        parts[prefix] = json.loads(scene_bytes(hub.scene))
    document, places = join_documents(parts, epoch="j", revision=3)
    again = json.loads(json.dumps(document))
    whole, mirror = SceneModel(again), read_mirror(json.dumps(document).encode())
    assert document["nodes"]["path"][:4] == ["/P", "/P/A", "/P/B", "/Q"]
    assert len(document["prototypes"]) == 2 and len(document["textures"]) == 1
    for prefix, part in parts.items():
        alone = SceneModel(part)
        for path in alone.paths:
            assert np.array_equal(whole.world(whole.node(prefix + path)), alone.world(alone.node(path)))
        nodes = places[prefix].nodes
        assert np.array_equal(whole.locals()[nodes], alone.locals())
        assert np.all(np.diff(nodes) > 0)
        rows = [i for i, node in enumerate(document["instances"]["node"]) if node in set(nodes.tolist())]
        mine = part["instances"]
        hashes = [each["hash"] for each in document["prototypes"]]
        assert [hashes[document["instances"]["prototype"][row]] for row in rows] == [
            part["prototypes"][i]["hash"] for i in mine["prototype"]
        ]
        for column in ("materialSet", "object"):
            assert min(document["instances"][column][row] for row in rows) >= 0
        sets = {tuple(document["materialSets"][document["instances"]["materialSet"][row]]) for row in rows}
        assert {document["materials"][i]["path"] for one in sets for i in one} == {prefix + "/Looks/Red"}
    assert {each["path"] for each in document["cameras"]} == {f"{prefix}/World" for prefix in parts}
    assert sorted(document) == sorted(scene_document(hub.scene))
    assert [each["id"] for each in document["objects"]] == [1, 2, 3]
    assert mirror.snapshot.node_count == 4 + 12 + 5


@pytest.mark.parametrize(
    ("prefixes", "said"),
    [
        (["Line1"], "no prim path"),
        (["/a", "/a/b"], "lies below"),
        (["/"], "no prim path"),
        (["/a b"], "no prim path"),
    ],
)
def test_prefixes_that_cannot_be_beside_each_other_are_refused(prefixes: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_prefixes(prefixes)
    check_prefixes(["/a/b", "/a/c", "/ab"])
