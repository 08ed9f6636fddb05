"""From a save to the picture: `serve --watch` on a stage of 100 MB.

From the moment a new file takes the old one's name until a follower holds the scene with it: a Python client (document and
changed models), and the page in headless Chromium (the frame in which the new scene is whole). Three saves: one mesh of the
crate; a material in the crate; a material in a small layer above it. `tick_late`: how late the latest of 60 ticks a second
came while a mesh was saved, while a prim was labelled, and at rest. `--quick`: 10 MB. `--trace`: one save of each kind, as a
table of moments from the save to the follower's scene, on one clock; no figures.
"""

import argparse
import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from _common import figure
from _watch_stage import BYTES_A_MESH, root_text, write_crate
from _watch_trace import HEARD, NOTED, Moment, Requests, of_page, of_twin, table

ROUNDS = 5
SETTLED_S = 5.0
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
SEEN = """revision => { const t = window.twinstage; window.seenAt = 0;
  const look = () => { if (t.ready && t.drawing.revision > revision) window.seenAt = Date.now();
    else requestAnimationFrame(look); };
  requestAnimationFrame(look); }"""


@dataclass(frozen=True)
class Follower:
    """Who follows a twin. `measure`: from a save until the scene is there [s]; `moments`: of the newest one."""

    name: str
    measure: "Callable[[Stage, Callable[[], None]], float]"
    moments: Callable[[], list[Moment]]


class Stage:
    """The files, and saves of them; each save is another content."""

    def __init__(self, folder: Path, meshes: int) -> None:
        self.folder = folder
        self.root = folder / "plant.usda"
        self.crates = [folder / f"state{k}.usdc" for k in range(3)]
        write_crate(self.crates[0], meshes)
        write_crate(self.crates[1], meshes, bump=0.4)
        write_crate(self.crates[2], meshes, red=0.9)
        shutil.copy(self.crates[0], folder / "big.usdc")
        self.root.write_text(root_text(0.5))
        self.megabytes = self.crates[0].stat().st_size / 1e6
        self._turn = 0

    def mesh(self) -> None:
        """One mesh of the crate."""
        self._turn += 1
        self._replace(self.crates[self._turn % 2])

    def inner_material(self) -> None:
        """A material in the crate."""
        self._turn += 1
        self._replace(self.crates[2 if self._turn % 2 else 0])

    def material(self) -> None:
        """A material in the small layer."""
        self._turn += 1
        other = self.folder / ".plant.tmp"
        other.write_text(root_text(round(0.1 + self._turn % 9 / 10, 2)))
        self.renamed = time.time()
        os.replace(other, self.root)

    def _replace(self, content: Path) -> None:
        other = self.folder / ".big.tmp"
        shutil.copy(content, other)
        self.renamed = time.time()
        os.replace(other, self.folder / "big.usdc")


class Twin:
    """`twinstage serve --watch`, a program of its own."""

    def __init__(self, stage: Path) -> None:
        command = [sys.executable, "-m", "twinstage", "serve", str(stage), "--watch", "--port", "0"]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._child.stdout is not None
        line = next(line for line in self._child.stdout if line.startswith("serving "))
        self.url = line.split(" at ")[1].split()[0].rstrip("/")

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/status") as answer:
            return dict(json.load(answer)["watch"])

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        while not holds(self.status()):
            time.sleep(0.05)

    def end(self) -> None:
        self._child.terminate()
        self._child.wait()


async def label(live: Any, number: int) -> None:
    """A command that makes the scene another one: it is worked out beside the stage."""
    from twinstage.sync.access.roles import Identity, Role
    from twinstage.sync.api.commands import Command

    order = Command(
        id=f"label-{number}",
        kind="set",
        path=f"/World/M{number}",
        property="semantics:labels:class",
        value=["crate"],
    )
    answer = await live.desk.command(order, Identity(name="designer", role=Role.ENGINEER))
    assert answer.ok, answer


def ticks(stage: Stage, rounds: int) -> None:
    """How late the latest tick comes: at rest, while a mesh is saved, and while a prim is labelled; the twin in a thread of
    this process.
    """
    from twinstage.base.clock import SystemClock
    from twinstage.live.server import ServerThread, open_watched
    from twinstage.live.twin import TwinFiles

    live = open_watched(TwinFiles(stage.root), 0.0, clock=SystemClock())
    times: list[float] = []
    tick = live.tick

    def noted(now_ns: int) -> Any:
        times.append(time.monotonic())
        return tick(now_ns)

    def latest(since: float) -> float:
        gaps = [b - a for a, b in itertools.pairwise(at for at in times if at >= since)]
        return 1000 * (max(gaps, default=0.0) - 1 / live.settings.tick_hz)

    live.tick = noted  # type: ignore[method-assign]
    server = ServerThread(live, host="127.0.0.1", port=0)
    server.start()
    assert live.watch is not None
    try:
        while live.watch.status()["state"] != "watching":
            time.sleep(0.05)
        rest, late = [], []
        stage.mesh()
        for _ in range(rounds):
            time.sleep(2)
            rest.append(latest(time.monotonic() - 1.5))
            begun, saves = time.monotonic(), live.watch.status()["saves"]
            stage.mesh()
            while live.watch.status()["saves"] == saves:
                time.sleep(0.05)
            time.sleep(0.2)
            late.append(latest(begun))
        labelled = []
        for k in range(rounds):
            begun = time.monotonic()
            server.start_task(lambda k=k: label(live, k)).result(120)  # type: ignore[misc]
            time.sleep(0.2)
            labelled.append(latest(begun))
    finally:
        server.stop()
    size = f"{stage.megabytes:.0f} MB usdc"
    figure("watch.tick_late", late, "ms", f"the latest of 60 ticks a second while a mesh is saved, {size}")
    figure("watch.tick_late_label", labelled, "ms", f"the same while a person labels a prim, {size}")
    figure("watch.tick_late_at_rest", rest, "ms", "the same in 1.5 s without a save")


@contextmanager
def follower(twin: Twin) -> Iterator[Follower]:
    """A Python client."""
    from twinstage.sync.client import connect

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    leave = asyncio.Event()

    async def follow(ready: threading.Event, holder: dict[str, Any]) -> None:
        async with connect(twin.url) as client:
            holder["client"] = client
            await client.frame()
            ready.set()
            await leave.wait()

    async def next_scene(client: Any, revision: int, known: set[str]) -> float:
        while client.scene["revision"] <= revision:
            await asyncio.sleep(0.002)
        for k, prototype in enumerate(client.scene["prototypes"]):
            if prototype["hash"] not in known:
                await client.geometry(k)
        return time.time()

    ready, holder = threading.Event(), dict[str, Any]()
    asyncio.run_coroutine_threadsafe(follow(ready, holder), loop)
    ready.wait(60)
    client = holder["client"]
    asked = Requests(client)

    def measure(stage: Stage, save: Callable[[], None]) -> float:
        known = {one["hash"] for one in client.scene["prototypes"]}
        asked.moments.clear()
        future = asyncio.run_coroutine_threadsafe(next_scene(client, client.scene["revision"], known), loop)
        save()
        return float(future.result(120)) - stage.renamed

    yield Follower("client", measure, lambda: list(asked.moments))
    loop.call_soon_threadsafe(leave.set)
    time.sleep(0.2)
    loop.call_soon_threadsafe(loop.stop)


@contextmanager
def page(twin: Twin) -> Iterator[Follower]:
    """A page in a browser."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        shown = browser.new_page(viewport={"width": 480, "height": 300})
        shown.set_default_timeout(240_000)
        shown.goto(twin.url)
        while not shown.evaluate("!!(window.twinstage && twinstage.ready)"):
            shown.wait_for_timeout(200)

        def measure(stage: Stage, save: Callable[[], None]) -> float:
            shown.evaluate(NOTED)
            shown.evaluate(SEEN, shown.evaluate("twinstage.drawing.revision"))
            save()
            while not (at := shown.evaluate("window.seenAt")):
                shown.wait_for_timeout(20)
            return float(at) / 1000 - stage.renamed

        yield Follower("browser", measure, lambda: of_page(shown.evaluate(HEARD)))
        browser.close()


def kinds(stage: Stage) -> Iterator[tuple[str, Callable[[], None]]]:
    """All three kinds of save; each time the next one is another scene."""
    yield "mesh", stage.mesh
    yield "material_in_crate", stage.inner_material
    yield "material", stage.material


def saves(twin: Twin, stage: Stage, who: Follower, rounds: int) -> None:
    """Figures of all three."""
    for name, save in kinds(stage):
        first(name, save)
        samples = []
        for _ in range(rounds):
            time.sleep(0.5)
            samples.append(who.measure(stage, save))
        steps = twin.status()["last"]["steps"]
        figure(f"watch.{who.name}_{name}", samples, "s", f"{stage.megabytes:.0f} MB usdc", steps_ms=steps)


def traces(twin: Twin, stage: Stage, who: Follower) -> None:
    """A table of each."""
    for name, save in kinds(stage):
        first(name, save)
        who.measure(stage, save)
        time.sleep(1)
        took = who.measure(stage, save)
        time.sleep(0.3)
        moments = [*of_twin(twin.status()["last"]), *who.moments()]
        ended = stage.renamed + took
        print(table(f"{who.name}, {name}", stage.renamed, moments, ended, "the scene is there"), flush=True)


def first(name: str, save: Callable[[], None]) -> None:
    """The first save may be of what is there already, which makes no new scene."""
    if name != "material":
        save()
        time.sleep(SETTLED_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--no-client", action="store_true")
    parser.add_argument("--trace", action="store_true")
    args = parser.parse_args()
    megabytes = 10.0 if args.quick else args.megabytes
    rounds = 3 if args.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), round(megabytes * 1e6 / BYTES_A_MESH))
        if not (args.trace or args.no_client):
            ticks(stage, rounds)
        twin = Twin(stage.root)
        try:
            twin.until(lambda now: now["state"] == "watching")
            followers = ((follower, args.no_client), (page, args.no_browser))
            for made in (made for made, left_out in followers if not left_out):
                with made(twin) as who:
                    if args.trace:
                        traces(twin, stage, who)
                    else:
                        saves(twin, stage, who, rounds)
        finally:
            twin.end()


if __name__ == "__main__":
    main()
