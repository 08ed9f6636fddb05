"""A twin that watches its files, served in a thread of this process, for tests that save."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twinstage.base.clock import SystemClock
from twinstage.live.server import ServerThread, open_watched
from twinstage.live.twin import LiveTwin, TwinFiles

PATIENCE_S = 60.0

CELL = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
    subLayers = [@./looks.usda@]
)
def Xform "Cell" (kind = "assembly")
{
    def Xform "Cart"
    {
        double3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Mesh "Plate"
        {
            int[] faceVertexCounts = [4]
            int[] faceVertexIndices = [0, 1, 2, 3]
            point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
            uniform token subdivisionScheme = "none"
            texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
        }
    }
    def Xform "Lamp" (references = @./lamp.usda@)
    {
    }
    def Cube "Post"
    {
        double size = 1
    }
}
"""
LAMP = """#usda 1.0
(
    defaultPrim = "Lamp"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Lamp"
{
    def Mesh "Shade"
    {
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [(0, 0, 2), (1, 0, 2), (0, 1, 2)]
        uniform token subdivisionScheme = "none"
    }
}
"""
LOOKS = """#usda 1.0
over "Cell"
{
    def Scope "Looks"
    {
        def Material "Paint"
        {
            token outputs:surface.connect = </Cell/Looks/Paint/Surface.outputs:surface>
            def Shader "Surface"
            {
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor = (0.8, 0.1, 0.1)
                float inputs:roughness = 0.4
                token outputs:surface
            }
        }
    }
    over "Cart"
    {
        over "Plate" (prepend apiSchemas = ["MaterialBindingAPI"])
        {
            rel material:binding = </Cell/Looks/Paint>
        }
    }
}
"""


def write_cell(folder: Path) -> Path:
    """The cell and the two layers that it names; its root file."""
    (folder / "lamp.usda").write_text(LAMP)
    (folder / "looks.usda").write_text(LOOKS)
    (folder / "cell.usda").write_text(CELL)
    return folder / "cell.usda"


class Watched:
    """A served twin and its saves."""

    def __init__(self, live: LiveTwin, server: ServerThread) -> None:
        self.live = live
        self.server = server
        self.url = server.url

    @property
    def status(self) -> dict[str, Any]:
        assert self.live.watch is not None
        return self.live.watch.status()

    def until(self, holds: Callable[[dict[str, Any]], bool], what: str = "") -> dict[str, Any]:
        """Wait until the status is as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(self.status):
            assert time.monotonic() < deadline, (what, self.status)
            self.server.raise_failure()
            time.sleep(0.02)
        return self.status

    def saved(self, save: Callable[[], object]) -> dict[str, Any]:
        """Save something that is good, and wait until the scene has it; what the last save did."""
        before = self.status["saves"]
        save()
        return dict(self.until(lambda now: now["saves"] > before and now["state"] == "watching")["last"])

    def broken(self, save: Callable[[], object]) -> str:
        """Save something that is not, and wait until that is told; the sentence."""
        before = self.status["text"]
        save()
        return str(self.until(lambda now: now["state"] == "broken" and now["text"] != before)["text"])

    def prim(self, path: str) -> int:
        return self.live.snapshot.prims.index_of[path]

    def points(self, path: str) -> list[list[float]]:
        """Points of what is drawn at a prim [m]."""
        snapshot = self.live.snapshot
        row = snapshot.instances.prim.tolist().index(self.prim(path))
        points: list[list[float]] = snapshot.prototypes[snapshot.instances.prototype[row]].points.tolist()
        return points


@contextmanager
def watched(stage: Path, **files: Any) -> Iterator[Watched]:
    """Serve a stage and watch it."""
    live = open_watched(TwinFiles(stage, **files), 0.0, clock=SystemClock())
    server = ServerThread(live, host="127.0.0.1", port=0)
    server.start()
    try:
        twin = Watched(live, server)
        twin.until(lambda now: now["state"] == "watching", "the first reading")
        yield twin
    finally:
        server.stop()
