"""A hub behind HTTP in a thread of the test, with ticks that the test makes; and stages of many instances."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.sync.hub import Hub

START_NS = 1_700_000_000_000_000_000


class Served:
    """A hub with the built viewer behind HTTP, in a thread of its own. `port`: 0 for any; `url`: where it is."""

    def __init__(self, hub: Hub, viewer: Path, port: int = 0) -> None:
        self.hub = hub
        self._viewer, self._port = viewer, port
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self.url = ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(60), "the server did not start"

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        from twinstage.sync.serve import running
        from twinstage.sync.server import create_app

        app = create_app(self.hub, viewer_dir=self._viewer)
        async with running(app, port=self._port) as url:
            self.url = url.rstrip("/") + "/"
            self._started.set()
            await self._stop.wait()

    def do(self, call: Callable[[], Any]) -> None:
        """Runs a call on the loop that the hub belongs to."""
        if not self._started.is_set():
            call()
            return

        async def run() -> None:
            call()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def end(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)


class HubServer(Served):
    """Serves a stage; `move` says where nodes are."""

    def __init__(self, stage: Path, root: Path, epoch: str = "first") -> None:
        self.snapshot = read_snapshot(open_stage(stage))
        super().__init__(Hub(self.snapshot, epoch=epoch), root / "viewer" / "dist")
        self._ordinal = 0
        self.move([], np.empty((0, 3)))
        self.start()

    def move(self, nodes: Any, translation: np.ndarray, quaternion: np.ndarray | None = None) -> int:
        """Publishes poses: node ids [n], translations [n, 3] in metres, quaternions w, x, y, z [n, 4]; returns the seq."""
        self._ordinal += 1
        ids = frozen(np.asarray(nodes, np.uint32), np.uint32)
        turn = np.tile([1.0, 0, 0, 0], (len(ids), 1)) if quaternion is None else quaternion
        when = START_NS + self._ordinal * 50_000_000
        pose = PoseColumns(
            self._ordinal, when, ids, frozen(translation, np.float64), frozen(turn, np.float32)
        )
        self.do(lambda: self.hub.publish(TickColumns(pose)))
        return int(self.hub.seq)

    def reload(self) -> None:
        """The same stage as another revision: every client fetches it anew."""
        self.do(lambda: self.hub.replace_scene(self.snapshot, (), {}))


def parts(
    path: Path, n: int, *, spacing: float = 1.0, origin: tuple[float, float, float] = (0, 0, 0)
) -> Path:
    """A stage with one PointInstancer of `n` boxes and cylinders in turn, on a square grid from `origin` on."""
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, "Z")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Site").GetPrim())
    instancer = UsdGeom.PointInstancer.Define(stage, "/Site/Parts")
    UsdGeom.Cube.Define(stage, "/Site/Parts/Protos/Box").CreateSizeAttr(0.5)
    can = UsdGeom.Cylinder.Define(stage, "/Site/Parts/Protos/Can")
    can.CreateRadiusAttr(0.2)
    can.CreateHeightAttr(0.6)
    instancer.CreatePrototypesRel().SetTargets(["/Site/Parts/Protos/Box", "/Site/Parts/Protos/Can"])
    k, side = np.arange(n), int(np.ceil(np.sqrt(n)))
    places = spacing * np.stack([k % side, k // side, 0 * k], 1) + np.asarray(origin)
    instancer.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(places.astype(np.float32)))
    instancer.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy((k % 2).astype(np.int32)))
    stage.Save()
    return path
