"""The page over hours, in minutes: reloads of its scene and live data without end, and what of it stays in memory.

    python scripts/soak_viewer.py                      # 200 reloads, then 30 minutes of 1,000 points that move at 20 Hz
    python scripts/soak_viewer.py --reloads 20 --minutes 1

Prints the heap after a forced collection (objects, buffers), what three holds on the GPU, and the scenes that are still
referenced; exits with 1 where any of them grows. Needs playwright and a Chromium.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.sync.assets import find_viewer
from twinstage.sync.hub import Hub
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

MOVING = 1000
HZ = 20
WARM_RELOADS = 10
WARM_SECONDS = 60.0
BUFFER_SLACK = 1 << 20
# V8 goes on compiling what runs, and the browser lists what was fetched.
HEAP_SLACK = 3 << 20
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic"]


def _author(path: Path) -> Path:
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, "Z")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Site").GetPrim())
    instancer = UsdGeom.PointInstancer.Define(stage, "/Site/Parts")
    UsdGeom.Cube.Define(stage, "/Site/Parts/Protos/Box").CreateSizeAttr(0.5)
    UsdGeom.Sphere.Define(stage, "/Site/Parts/Protos/Ball").CreateRadiusAttr(0.3)
    instancer.CreatePrototypesRel().SetTargets(["/Site/Parts/Protos/Box", "/Site/Parts/Protos/Ball"])
    k = np.arange(MOVING)
    places = np.stack([k % 40, k // 40, 0 * k], 1).astype(np.float32)
    instancer.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(places))
    instancer.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy((k % 2).astype(np.int32)))
    stage.Save()
    return path


class Twin:
    """A hub in a thread of its own, whose points go in circles at HZ while `moving`."""

    def __init__(self, stage: Path) -> None:
        self.snapshot = read_snapshot(open_stage(stage))
        self.hub = Hub(self.snapshot, epoch="soak")
        self.moving = threading.Event()
        self.url = ""
        self._ordinal = 0
        self._ready, self._stop = threading.Event(), threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve()), daemon=True
        )
        self._thread.start()
        self._ready.wait(60)

    async def _serve(self) -> None:
        async with running(create_app(self.hub, viewer_dir=find_viewer()), port=0) as self.url:
            self._tick()
            self._ready.set()
            while not self._stop.is_set():
                await asyncio.sleep(1 / HZ)
                if self.moving.is_set():
                    self._tick()

    def _tick(self) -> None:
        self._ordinal += 1
        k = np.arange(MOVING)
        phase = self._ordinal / 40 + k
        at = np.stack([k % 40 + 0.4 * np.cos(phase), k // 40 + 0.4 * np.sin(phase), 0 * k], 1)
        ids = frozen(len(self.snapshot.prims) + k, np.uint32)
        turn = frozen(np.tile([1.0, 0, 0, 0], (MOVING, 1)), np.float32)
        now = time.time_ns()
        self.hub.publish(TickColumns(PoseColumns(self._ordinal, now, ids, frozen(at, np.float64), turn)))

    def reload(self) -> int:
        """Another revision of the same stage; returns its number."""

        async def replace() -> None:
            self.hub.replace_scene(self.snapshot, (), {})
            self._tick()

        asyncio.run_coroutine_threadsafe(replace(), self._loop).result(30)
        return int(self.hub.revision)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(10)


class Page:
    """The page, and what it holds."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.cdp = page.context.new_cdp_session(page)

    def until(self, expression: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            if time.monotonic() > deadline:
                sys.exit(f"still not after {seconds:.0f} s: {expression}")
            self.page.wait_for_timeout(50)

    def held(self) -> dict[str, int]:
        for _ in range(3):
            self.cdp.send("HeapProfiler.collectGarbage")
        heap = self.cdp.send("Runtime.getHeapUsage")
        cost = self.page.evaluate("twinstage.drawing.cost")
        gpu = {name: cost[name] for name in ("geometries", "textures", "programs", "attributes")}
        alive = self.page.evaluate("twinstage.drawing.scenesAlive")
        return {
            "heap": heap["usedSize"],
            "buffers": heap.get("backingStorageSize", 0),
            "scenes": alive,
            **gpu,
        }


def _told(title: str, held: dict[str, int]) -> None:
    sizes = f"heap {held['heap'] / 1e6:6.2f} MB, buffers {held['buffers'] / 1e6:6.2f} MB"
    rest = ", ".join(f"{name} {held[name]}" for name in held if name not in ("heap", "buffers"))
    print(f"{title:>14}: {sizes}, {rest}", flush=True)


def _grown(before: dict[str, int], after: dict[str, int]) -> list[str]:
    found = [
        name for name in ("geometries", "textures", "programs", "attributes") if after[name] > before[name]
    ]
    found += ["scenes"] if after["scenes"] > 2 else []
    found += ["buffers"] if after["buffers"] > before["buffers"] + BUFFER_SLACK else []
    return found + (["heap"] if after["heap"] > before["heap"] + HEAP_SLACK else [])


def _reloads(twin: Twin, page: Page, count: int) -> list[str]:
    before: dict[str, int] = {}
    for k in range(WARM_RELOADS + count):
        revision = twin.reload()
        page.until(f"twinstage.drawing.revision === {revision} && twinstage.ready")
        page.page.evaluate("twinstage.drawing.draw()")
        if k == WARM_RELOADS - 1:
            before = page.held()
            _told("warm", before)
        elif k >= WARM_RELOADS and (k - WARM_RELOADS + 1) % 50 == 0:
            _told(f"{k - WARM_RELOADS + 1} reloads", page.held())
    after = page.held()
    _told(f"{count} reloads", after)
    return _grown(before, after)


def _live(twin: Twin, page: Page, minutes: float) -> list[str]:
    twin.moving.set()
    warm = min(WARM_SECONDS, 30 * minutes)
    page.page.wait_for_timeout(1000 * warm)
    before = page.held()
    _told("warm", before)
    left = 60 * minutes
    while left > 0:
        step = min(300.0, left)
        page.page.wait_for_timeout(1000 * step)
        left -= step
        after = page.held()
        _told(f"{minutes - left / 60:.1f} min live", after)
    twin.moving.clear()
    print(f"{'':>14}  {page.page.evaluate('twinstage.wire.ticks')} ticks came", flush=True)
    return _grown(before, after)


def main() -> int:
    """Returns 1 where something grows."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        twin = Twin(_author(Path(folder) / "parts.usdc"))
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = Page(browser.new_page(viewport={"width": 480, "height": 320}))
        page.page.goto(twin.url)
        page.until("!!(window.twinstage && twinstage.ready)")
        grown = _reloads(twin, page, options.reloads) if options.reloads else []
        grown += _live(twin, page, options.minutes) if options.minutes else []
        browser.close()
        twin.end()
    print("grows: " + ", ".join(grown) if grown else "nothing grows")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
