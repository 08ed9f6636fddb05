"""The stranger's client against real servers: its digest is the server's, its world is pxr's."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom
from tests.strangers.client import Client, GivenUp
from tests.sync import make
from tests.sync.access.access_desk import Desk

from twinstage.base.clock import NS, ManualClock, SystemClock
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.scene.columns import EntityColumns, PoseColumns, TextColumns, TickColumns, frozen
from twinstage.sim.plant.plant import Plant
from twinstage.sync.access.roles import Role
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.serve import bind, running
from twinstage.sync.server import create_app

START = 1_700_000_000 * NS
MILLIMETRE, TENTH = 1e-3, math.radians(0.1)


def run(work: Callable[[], Awaitable[None]], seconds: float = 60) -> None:
    asyncio.run(asyncio.wait_for(work(), seconds))


class Following:
    """`async with`: a stranger's client that runs beside the test; what ended it is raised at the end."""

    def __init__(self, url: str, **choices: object) -> None:
        self.client = Client(url, **choices)

    async def __aenter__(self) -> Client:
        self.task = asyncio.create_task(self.client.run())
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.stop()
        await self.task


async def same(client: Client) -> int:
    """Both sides hold the same; returns the tick at which they were asked."""
    seq, theirs, own_seq, mine = await client.digest()
    assert (seq, theirs) == (own_seq, mine)
    assert client.refusals == []
    return seq


# --- the world of pxr ---------------------------------------------------------------------------------------------------


def pxr_worlds(twin: LiveTwin) -> dict[int, np.ndarray]:
    """world_from_node by pxr in metres and Z-up, [4, 4] by node, prims and points alike."""
    stage, snapshot = twin.opened.stage, twin.snapshot
    metres = UsdGeom.GetStageMetersPerUnit(stage)
    ours = np.eye(4)
    if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y:
        ours[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    there, back = ours @ np.diag([metres] * 3 + [1]), np.diag([1 / metres] * 3 + [1])
    now = Usd.TimeCode.Default()
    cache = UsdGeom.XformCache(now)
    worlds = {}
    for node, path in enumerate(snapshot.prims.path):
        prim = stage.GetPrimAtPath(path)
        worlds[node] = np.array(cache.GetLocalToWorldTransform(prim)).T
    n = len(snapshot.prims)
    for instancer in np.unique(snapshot.points.instancer).tolist():
        api = UsdGeom.PointInstancer(stage.GetPrimAtPath(snapshot.prims.path[instancer]))
        matrices = api.ComputeInstanceTransformsAtTime(
            now, now, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
        )
        ids = list(api.GetIdsAttr().Get() or range(len(matrices)))
        for row in np.flatnonzero(snapshot.points.instancer == instancer).tolist():
            at = ids.index(int(snapshot.points.point_id[row]))
            worlds[n + row] = worlds[instancer] @ np.array(matrices[at]).T
    return {node: there @ world @ back for node, world in worlds.items()}


def errors(client: Client, worlds: dict[int, np.ndarray]) -> tuple[float, float]:
    """Greatest distance of origins [m] and angle of axes [rad]."""
    far = turned = 0.0
    for node, expected in worlds.items():
        held = np.array(client.copy.world(node))
        far = max(far, float(np.linalg.norm(held[:, 3] - expected[:3, 3])))
        ours, theirs = (m[:3, :3] / np.linalg.norm(m[:3, :3], axis=0) for m in (held, expected))
        sine = np.linalg.norm(np.cross(ours, theirs, axis=0), axis=0).max()
        turned = max(turned, float(np.arcsin(min(1.0, sine))))
        assert (np.einsum("ij,ij->j", ours, theirs) > 0).all()
    return far, turned


def test_the_work_cell(root: Path) -> None:
    cell = root / "assets" / "library" / "workcell"
    twin = open_twin(
        TwinFiles(cell / "workcell.usda", cell / "bindings.yaml"), clock=ManualClock(START), seed=3
    )

    async def work() -> None:
        plant, random, now = Plant(seed=3, start_ns=START), np.random.default_rng(5), START
        async with running(make_app(twin), port=0) as url, Following(url) as client:
            await client.until(lambda c: c.ticks > 0)
            for _ in range(6):
                for _ in range(6):
                    now += int(random.uniform(0.02, 1.5) * NS)
                    for arrival, source, line in plant.advance(now):
                        twin.ingest.offer(source, line if line.endswith(b"\n") else line + b"\n", arrival)
                    twin.tick(now)
                    await client.until(lambda c: c.copy.seq == twin.hub.seq)
                twin.flush()
                await same(client)
                far, turned = errors(client, pxr_worlds(twin))
                assert far < MILLIMETRE and turned < TENTH
            assert client.deltas > 100 and client.skipped == 0
            assert len(client.copy.poses) == len(twin.hub.moved_nodes()) > 20 and client.copy.signals

    run(work)


def arm(path: Path, *, metres: float, up: str) -> None:
    """A 6-axis chain 10 km from the origin, of which one prim hangs off the world, and points that move."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, metres)
    UsdGeom.SetStageUpAxis(stage, up)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/W").GetPrim())
    place = UsdGeom.Xform.Define(stage, "/W/Far")
    place.AddTranslateOp().Set(Gf.Vec3d(10_000 / metres, 3 / metres, -4 / metres))
    prim = "/W/Far"
    for joint in range(6):
        prim += f"/J{joint}"
        UsdGeom.Xform.Define(stage, prim).AddTranslateOp().Set(Gf.Vec3d(0.4 / metres, 0, 0.1 / metres))
    tool = UsdGeom.Xform.Define(stage, prim + "/Tool")
    tool.AddTranslateOp().Set(Gf.Vec3d(0, 0, 0.2 / metres))
    loose = UsdGeom.Xform.Define(stage, prim + "/Loose")
    loose.AddTranslateOp().Set(Gf.Vec3d(1 / metres, 2 / metres, 3 / metres))
    loose.SetResetXformStack(True)
    points = UsdGeom.PointInstancer.Define(stage, "/W/Parcels")
    UsdGeom.Cube.Define(stage, "/W/Parcels/Cube")
    points.CreatePrototypesRel().AddTarget("/W/Parcels/Cube")
    points.CreateProtoIndicesAttr([0, 0, 0])
    points.CreatePositionsAttr([Gf.Vec3f(k, 2 * k, 0) for k in range(3)])
    stage.Save()


@pytest.mark.parametrize(("metres", "up"), [(0.01, "Y"), (1.0, "Z")])
def test_far_from_the_origin_at_the_tool_of_a_chain(tmp_path: Path, metres: float, up: str) -> None:
    arm(tmp_path / "arm.usda", metres=metres, up=up)
    twin = open_twin(TwinFiles(tmp_path / "arm.usda"), clock=SystemClock())
    paths = twin.snapshot.prims.path
    joints = [i for i, path in enumerate(paths) if path[-2:-1] == "J" or path.endswith("Loose")]
    points = range(len(paths), twin.snapshot.node_count)
    nodes = np.array([*joints, *points])
    random = np.random.default_rng(7)

    def move(k: int) -> None:
        angle = 0.3 * k + np.arange(len(nodes))
        axis = random.normal(size=(len(nodes), 3)) if k == 0 else np.eye(3)[np.arange(len(nodes)) % 3]
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        quat = np.column_stack([np.cos(angle / 2), axis * np.sin(angle / 2)[:, None]])
        place = np.column_stack([0.4 + 0.01 * np.sin(angle), 0.02 * np.cos(angle), 0.1 + 0 * angle])
        ids = frozen(nodes, np.uint32)
        pose = PoseColumns(k, k, ids, frozen(place, np.float64), frozen(quat, np.float32), None)
        twin.edits.push(TickColumns(pose=pose))
        twin.tick(twin.clock.now_ns())
        twin.flush()

    async def work() -> None:
        async with running(make_app(twin), port=0) as url, Following(url) as client:
            for k in range(12):
                move(k)
                await client.until(lambda c: c.copy is not None and c.copy.seq == twin.hub.seq)
                far, turned = errors(client, pxr_worlds(twin))
                assert far < MILLIMETRE and turned < TENTH, (far, turned)
            await same(client)
            assert client.deltas > 30
            stage = client.welcome["stage"]
            assert (stage["metersPerUnit"], stage["upAxis"]) == (metres, up)

    run(work)


# --- a hub by hand: everything that a server may do to a client -----------------------------------------------------------

PATHS = ("/World", "/World/A", "/World/A/B", "/World/C")
SIGNALS = [SignalMeta("line1.x", "m"), SignalMeta("line1.state", type="string"), SignalMeta("line2.y", "K")]


def new_hub(epoch: str = "e1", *, points: int = 3, **more: object) -> Hub:
    return Hub(make.snapshot(PATHS, points=points), SIGNALS, epoch=epoch, **more)


def texts(**by_signal: str) -> TextColumns:
    ids = sorted(int(name[1:]) for name in by_signal)
    return TextColumns(
        frozen(np.array(ids), np.uint32),
        tuple(by_signal[f"s{i}"] for i in ids),
        frozen(np.full(len(ids), 5), np.int64),
        frozen(np.zeros(len(ids)), np.uint32),
    )


def change(hub: Hub, k: int, nodes: list[int] | None = None) -> int:
    """One tick with every kind of column; what it says depends on k alone."""
    nodes = list(range(hub.scene.snapshot.node_count)) if nodes is None else nodes
    random = np.random.default_rng(k)
    quat = random.normal(size=(len(nodes), 4)) * [0, 0, 1, 1] + [3, 1, 0, 0]
    place = np.array([[n, 0.01 * k, 1e4 if n == 2 else 0] for n in nodes])
    scale = np.ones((len(nodes), 3))
    scale[-1] += k // 5
    return hub.publish(
        make.tick(
            make.poses(nodes, place, quat, scale, event_ns=k + 1),
            signals=make.values([0, 2], [math.nan if k % 3 else 1.5 * k, -k], [k, k + 1], [0, 0x80000000]),
            texts=texts(s1=f"läuft {k}"),
            style=make.styles([k % 4], [[k % 256, 1, 2, 255]]),
            visibility=make.switches([(k + 1) % 4], [bool(k % 2)]),
            entities=EntityColumns(
                frozen(np.array([nodes[0]]), np.uint32), frozen(np.array([k if k % 4 else -1]), np.int64)
            ),
        )
    )


async def caught_up(client: Client, hub: Hub) -> None:
    await client.until(lambda c: c.copy is not None and c.copy.epoch == hub.epoch and c.copy.seq == hub.seq)


@pytest.mark.parametrize(
    "caps", [None, [], ["delta"], ["zstd"]], ids=["all", "none", "delta alone", "zstd alone"]
)
def test_every_kind_of_change_with_and_without_capabilities(caps: list[str] | None) -> None:
    async def work() -> None:
        hub = new_hub(points=200)
        async with running(create_app(hub), port=0) as url, Following(url, caps=caps) as client:
            for k in range(20):
                change(hub, k)
                await caught_up(client, hub)
            await same(client)
            copy = client.copy
            assert copy.texts[1][0] == "läuft 19" and copy.entities[0] == 19 and len(copy.poses) == 204
            asked = client.welcome["caps"]
            assert (client.deltas > 0) == ("delta" in asked) and (client.inflated > 0) == ("zstd" in asked)

    run(work)


def test_channels_that_nobody_wants_are_empty() -> None:
    async def work() -> None:
        hub = new_hub()
        async with running(create_app(hub), port=0) as url, Following(url, want=["style"]) as client:
            change(hub, 1)
            await caught_up(client, hub)
            await same(client)
            held = client.copy
            assert held.styles and held.visibility
            assert not (held.poses or held.signals or held.texts or held.entities)

    run(work)


def test_a_pause_and_a_rate() -> None:
    async def work() -> None:
        hub = new_hub()
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            change(hub, 0)
            await caught_up(client, hub)
            await client.pause()
            await client.ping()
            await client.until(lambda c: c.offset_ns is not None)  # the pause has arrived, too
            before = client.ticks
            for k in range(5):
                change(hub, k)
                await asyncio.sleep(0.01)
            assert client.ticks == before
            await client.pause(False)
            await caught_up(client, hub)
            assert client.ticks == before + 1
            await client.set_rate(10)
            await client.until(lambda c: c.tier == 10)
            for k in range(40):
                change(hub, k)
                await asyncio.sleep(0.01)
            assert client.ticks - before < 12
            await same(client)
            await client.set_rate(None)
            await client.until(lambda c: c.tier == 60)
            assert abs(client.offset_ns) < 5e7

    run(work)


def test_interest_comes_changes_and_goes() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        interest = {"prims": ["/World/A/**"], "signals": ["line1.*"]}
        async with running(create_app(hub), port=0) as url, Following(url, interest=interest) as client:
            await caught_up(client, hub)
            assert set(client.copy.poses) == {0, 1, 2} and set(client.copy.signals) == {0}
            await same(client)
            await client.set_interest(prims=["/World/C"])
            await client.until(lambda c: set(c.copy.poses) == set(range(7)))
            assert set(client.copy.signals) == {0, 2}
            for k in range(1, 4):
                change(hub, k)
                await caught_up(client, hub)
            await same(client)  # what it was told of before and left is made true for this
            await client.set_interest()
            for k in range(4, 8):
                change(hub, k)
                await caught_up(client, hub)
            await same(client)
            view = {"position": [0, 0, 10], "direction": [0, 0, -1], "far": 30, "verticalFov": 0.8}
            await client.set_interest(view={**view, "up": [0, 1, 0], "aspect": 1.5})
            await same(client)

    run(work)


def test_a_connection_that_is_lost_goes_on_where_it_was() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            await caught_up(client, hub)
            client.socket.transport.abort()
            change(hub, 1, [1])
            await client.until(lambda c: c.connections == 2 and c.ticks == 2)
            await same(client)
            assert (client.keyframes, client.fetches) == (1, 1)
            moved = {node: place[1] for node, (place, _, _) in client.copy.poses.items() if place[1]}
            assert moved == {1: round(0.01 * 2**14) / 2**14}

    run(work)


def test_another_scene_and_another_revision() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            await caught_up(client, hub)
            for points in (1, 9):
                hub.replace_scene(make.snapshot((*PATHS, "/World/D"), points=points))
                change(hub, 3)
                await client.until(lambda c: c.copy.revision == hub.revision and c.copy.seq == hub.seq)
                await same(client)
                assert client.copy.nodes == 5 + points == len(client.copy.poses)
            hub.replace_scene(make.snapshot(PATHS))
            hub.replace_scene(make.snapshot(PATHS, points=2))  # while it fetches the one before
            change(hub, 4)
            await client.until(lambda c: c.copy.revision == hub.revision and c.copy.seq == hub.seq)
            await same(client)
            assert client.connections == 1

    run(work)


def test_a_server_that_ends_and_another_that_begins() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with AsyncExitStack() as stack:
            async with running(create_app(hub), port=0) as url:
                client = await stack.enter_async_context(Following(url))
                await caught_up(client, hub)
            await client.until(lambda c: True)
            assert client.seen[-1]["type"] == "bye"
            later = new_hub("e2", points=1)
            change(later, 9)
            sock = bind("127.0.0.1", int(url.rpartition(":")[2]))
            await stack.enter_async_context(running(create_app(later), sock=sock))
            await caught_up(client, later)
            await same(client)
            assert client.closes[0][0] == 1012 and client.fetches == 2
            await client.stop()

    run(work)


def test_a_tier_that_the_server_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is slow to apply is stepped down, is told, and what it holds in the end is true."""

    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            await caught_up(client, hub)
            at_once = client.send

            async def late(**message: object) -> None:
                if message["type"] == "ack":
                    await asyncio.sleep(0.7)
                await at_once(**message)

            monkeypatch.setattr(client, "send", late)
            k = 0
            while client.tier == 60:
                change(hub, k := k + 1)
                await asyncio.sleep(0.02)
            assert client.tier in (30, 10) and any(m["type"] == "tier" and m["reason"] for m in client.seen)
            monkeypatch.setattr(client, "send", at_once)
            await caught_up(client, hub)
            await same(client)

    run(work)


def test_an_idle_twin_answers_digests_four_times_a_second() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            await caught_up(client, hub)
            begin = time.monotonic()
            for _ in range(4):
                first, second = await asyncio.gather(client.digest(), client.digest())
                assert first[1] == second[1] == second[3]
            assert time.monotonic() - begin < 1.8  # once a second it would be 3

    run(work)


def test_a_token_in_the_hello(tmp_path: Path) -> None:
    """And one that does not count ends the link for good."""
    desk = Desk(tmp_path / "tokens.json", SystemClock())
    token = desk.create("desk", Role.VIEWER)

    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        app = create_app(hub, access=desk.access())
        async with running(app, port=0) as url:
            async with Following(url, token=token) as client:
                await caught_up(client, hub)
                await same(client)
                assert client.welcome["role"] == "viewer"
            with pytest.raises(GivenUp, match="4401"):
                await Client(url, token=token[:-2] + "??").run()

    run(work)


def test_a_copy_that_differs_is_noticed_and_mended() -> None:
    async def work() -> None:
        hub = new_hub()
        change(hub, 0)
        async with running(create_app(hub), port=0) as url, Following(url) as client:
            await caught_up(client, hub)
            client.copy.poses[3] = client.copy.poses[2]
            _, theirs, _, mine = await client.digest()
            assert theirs != mine
            await client.until(lambda c: c.connections == 2 and c.keyframes == 2)
            assert client.refusals == ["the digest differs"]
            client.refusals.clear()
            await same(client)

    run(work)


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"protocol": {"min": 2, "max": 3}}, "4406"),
        ({"rate": "fast"}, "4400"),
        ({"rate": 0}, "4400"),
        ({"interest": {"view": {"position": [0, 0, 0], "direction": [0, 0, 0]}}}, "4400"),
        ({"type": "ready"}, "4409"),
    ],
)
def test_codes_after_which_one_does_not_come_again(hello: dict, code: str) -> None:
    async def work() -> None:
        async with running(create_app(new_hub()), port=0) as url:
            client = Client(url)
            at_once = client.send

            async def wrong(**message: object) -> None:
                await at_once(**message | hello | ({"revision": 0} if code == "4409" else {}))

            client.send = wrong
            with pytest.raises(GivenUp, match=code):
                await client.run()
            assert client.connections == 1

    run(work)
