"""One truth: after any tick, pxr's local-to-world of every moving prim equals what a client holds.

The bundled work cell runs on its plant for simulated minutes; the client is a real one, over a real websocket.
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from twinstage.base.clock import NS, ManualClock
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.sim.plant.plant import Plant
from twinstage.sync.client import Client, connect
from twinstage.sync.serve import running

START = 1_700_000_000 * NS


@pytest.fixture
def twin(root: Path) -> LiveTwin:
    cell = root / "assets" / "library" / "workcell"
    files = TwinFiles(cell / "workcell.usda", cell / "bindings.yaml")
    return open_twin(files, clock=ManualClock(START), seed=3)


def _pxr_worlds(twin: LiveTwin, nodes: np.ndarray) -> dict[int, np.ndarray]:
    """world_from_node by pxr, prims and points alike."""
    from pxr import Usd, UsdGeom

    now = Usd.TimeCode.Default()
    cache = UsdGeom.XformCache(now)
    stage, snapshot, n = twin.opened.stage, twin.snapshot, len(twin.snapshot.prims)
    out = {}
    for node in nodes[nodes < n].tolist():
        prim = stage.GetPrimAtPath(snapshot.prims.path[node])
        out[node] = np.array(cache.GetLocalToWorldTransform(prim)).T
    for instancer in np.unique(snapshot.points.instancer):
        api = UsdGeom.PointInstancer(stage.GetPrimAtPath(snapshot.prims.path[instancer]))
        base = np.array(cache.GetLocalToWorldTransform(api.GetPrim())).T
        matrices = api.ComputeInstanceTransformsAtTime(
            now, now, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
        )
        ids = list(api.GetIdsAttr().Get() or range(len(matrices)))
        rows = np.flatnonzero(snapshot.points.instancer == instancer)
        for row in rows.tolist():
            at = ids.index(int(snapshot.points.point_id[row]))
            out[n + row] = base @ np.array(matrices[at]).T
    return out


def _below(twin: LiveTwin, moved: np.ndarray) -> np.ndarray:
    """The moved nodes and every node that hangs below one."""
    parent = twin.snapshot.node_parent
    mark = np.zeros(twin.snapshot.node_count, bool)
    mark[moved] = True
    for node in range(len(mark)):
        if parent[node] >= 0:
            mark[node] |= mark[parent[node]]
    return np.flatnonzero(mark)


async def _follow(twin: LiveTwin, ticks: int) -> tuple[float, int]:
    """Run the twin; the greatest difference between pxr and the client, and the number of comparisons."""
    assert twin.ingest is not None
    plant = Plant(seed=3, start_ns=START)
    rng = np.random.default_rng(5)
    now, worst, compared = START, 0.0, 0
    async with running(make_app(twin), port=0) as url, connect(url) as client:
        for _ in range(ticks):
            now += int(rng.uniform(0.01, 4.0) * NS)
            for arrival, source, line in plant.advance(now):
                twin.ingest.offer(source, line if line.endswith(b"\n") else line + b"\n", arrival)
            if twin.tick(now) is None:
                continue
            twin.flush()
            await _caught_up(client, twin)
            nodes = _below(twin, twin.hub.moved_nodes())
            for node, expected in _pxr_worlds(twin, nodes).items():
                held = client.model.world(node)
                worst = max(worst, float(np.abs(held - expected).max()))
                compared += 1
    return worst, compared


async def _caught_up(client: Client, twin: LiveTwin) -> None:
    tick = await client.frame(timeout=10)
    while tick.seq < twin.hub.seq:
        tick = await client.frame(timeout=10)


def test_pxr_and_a_client_hold_the_same_scene(twin: LiveTwin) -> None:
    worst, compared = asyncio.run(_follow(twin, ticks=60))
    assert compared > 5_000
    # Both hold the same quantised poses; what is left is float32 in rotations and point arrays, over a hall of 14 m.
    assert worst < 2e-5


def test_everything_that_the_demo_promises_moves(twin: LiveTwin) -> None:
    asyncio.run(_follow(twin, ticks=40))
    moved = twin.hub.moved_nodes()
    n = len(twin.snapshot.prims)
    paths = [twin.snapshot.prims.path[node] for node in moved[moved < n]]
    for part in (
        "/WorkCell/Robot",
        "/WorkCell/AGVs/AGV_1",
        "/WorkCell/AGVs/AGV_3",
        "/WorkCell/Totes",
        "/WorkCell/Tank",
    ):
        assert any(path.startswith(part) for path in paths), part
    assert (moved >= n).sum() >= 12, "the parcels on the belt"
