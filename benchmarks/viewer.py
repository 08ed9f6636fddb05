"""The page in headless Chromium: what 10,000 moving poses cost it, how large it is, how soon there is a picture.

decode_apply_10k: script time of a frame in which a tick came: taking in its messages (checksums, decompressing, deltas),
interpolating, and writing the instances' columns; all 10,000 prims move in each tick, 20 ticks a second. It is processor time
of the page's main thread, read from the browser's trace (_viewer_trace.py): SwiftShader draws with threads on the same cores,
and what the page waits for them is not its own work. decode_apply_10k_wall is the wall time, with these waits. What drawing
costs is the graphics card's and not counted. The page has run for some dozens of frames before, so its code is compiled.
bundle_gzip: all that a browser fetches before the scene, each file gzipped.
first_picture: from asking for the page of the bundled work cell until the GPU is done with a frame of all its geometry at its
newest poses, in the colours of its materials (textures: their mean), under plain lights; nothing is cached. The materials
themselves, environment and shadows follow: complete_picture. Before, first_picture was of the complete picture, but did not
wait for the GPU.
orbit_1m: script time of a whole frame (apply and the calls that draw) of 1,000,000 still instances while the view is turned.
"""

import argparse
import gzip
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _common import figure
from _fanout_motion import make_motion, write_stage
from _viewer_trace import frames_with_a_tick, steps, traced, whole_frames

ROOT = Path(__file__).resolve().parent.parent
PRIMS, HZ, SEED = 10_000, 20.0, 1
STILL = 1_000_000
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
ROUNDS, FRAMES = 5, 60


def bundle_gzip() -> None:
    """The same three times: a size has no noise."""
    dist = ROOT / "viewer" / "dist"
    names = ("index.html", "app.js", "style.css")
    size = sum(len(gzip.compress((dist / name).read_bytes(), 9, mtime=0)) for name in names) / 1e6
    figure("viewer.bundle_gzip", [size] * 3, "MB", f"{', '.join(names)}, each gzipped, level 9")


@contextmanager
def moving(folder: Path) -> Iterator[str]:
    """A hub whose 10,000 prims all move; the address of its page."""
    stage = write_stage(folder / "plant.usda", make_motion(PRIMS, HZ, SEED), boxes=True)
    script = Path(__file__).parent / "_fanout_server.py"
    command = [sys.executable, str(script), str(stage), str(PRIMS), str(HZ), "viewer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            url = str(json.loads(child.stdout.readline())["url"])
            child.stdin.write('"go"\n')
            child.stdin.flush()
            yield url
            child.stdin.write('"quit"\n')
            child.stdin.flush()
            child.wait(20)
        finally:
            child.kill()


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """`twinstage serve` on a free port; its address."""
    command = [sys.executable, "-m", "twinstage", "serve", *arguments, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            line = next(line for line in child.stdout if line.startswith("serving "))
            yield line.split(" at ")[1].split()[0]
        finally:
            child.terminate()
            child.wait(20)


def wait(page: Any, expression: str, seconds: float = 180.0) -> None:
    """Polls from outside: the page's policy forbids what Playwright does inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            sys.exit(f"still not after {seconds} s: {expression}")
        page.wait_for_timeout(20)


def decode_apply(browser: Any, frames: int, rounds: int) -> None:
    """One sample a round: the median of its frames."""
    with tempfile.TemporaryDirectory() as folder, moving(Path(folder)) as url:
        page = browser.new_page(viewport={"width": 640, "height": 400})
        page.goto(f"{url}/?quality=low")
        wait(page, "!!(window.twinstage && twinstage.ready && twinstage.work.length > 40)")
        cpu, wall, ticks = [], [], []
        for _ in range(rounds):
            with traced(page) as events:
                page.evaluate("twinstage.work.length = 0")
                before, begin = page.evaluate("twinstage.wire.ticks"), time.monotonic()
                wait(page, f"twinstage.work.length >= {frames}")
                ticks.append((page.evaluate("twinstage.wire.ticks") - before) / (time.monotonic() - begin))
            found = frames_with_a_tick(steps(events))
            assert len(found) >= frames - 2, "the trace has lost frames"
            cpu.append(statistics.median(one for one, _ in found))
            wall.append(statistics.median(one for _, one in found))
        assert page.evaluate("twinstage.wire.resyncs") == 0
        page.close()
    rate = statistics.median(ticks)
    common = (
        f"a frame with ticks, medians of {frames} frames; {PRIMS} prims that all move, {HZ:g} ticks/s made, {rate:.1f} taken; "
        "headless Chromium, SwiftShader beside it on the same cores"
    )
    figure("viewer.decode_apply_10k", cpu, "ms", f"processor time of the page's script, {common}")
    figure("viewer.decode_apply_10k_wall", wall, "ms", f"wall time, waiting for a core included, {common}")


def orbit(browser: Any, seconds: float, rounds: int) -> None:
    """A million still instances: what a frame costs the script while the user turns the view."""
    with tempfile.TemporaryDirectory() as folder:
        stage = write_still(Path(folder) / "still.usdc", STILL)
        with serving(str(stage)) as url:
            page = browser.new_page(viewport={"width": 640, "height": 400})
            page.goto(f"{url}/?quality=low")
            wait(page, "!!window.twinstage?.ready")
            calls = page.evaluate("twinstage.drawing.cost.calls")
            box = page.locator("#canvas").bounding_box()
            assert box["x"] < 320 < box["x"] + box["width"], "the mouse would not be over the picture"
            page.mouse.move(320, 200)
            page.mouse.down()
            samples = []
            for _ in range(rounds):
                with traced(page) as events:
                    begin = time.monotonic()
                    while (gone := time.monotonic() - begin) < seconds:
                        page.mouse.move(320 + 60 * math.sin(4 * gone), 200 + 10 * math.sin(gone))
                        page.wait_for_timeout(15)
                samples.append(statistics.median(whole_frames(steps(events))))
            page.mouse.up()
            page.close()
    figure(
        "viewer.orbit_1m",
        samples,
        "ms",
        f"processor time of the page's script a frame while a mouse turns the view, medians over {seconds:g} s; {STILL} still "
        f"instances of two prototypes, {calls} draw calls; headless Chromium, SwiftShader beside it on the same cores",
    )


def write_still(path: Path, n: int) -> Path:
    """A PointInstancer of `n` boxes and cylinders in turn, a metre apart."""
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, "Z")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Site").GetPrim())
    instancer = UsdGeom.PointInstancer.Define(stage, "/Site/Parts")
    UsdGeom.Cube.Define(stage, "/Site/Parts/Protos/Box").CreateSizeAttr(0.5)
    UsdGeom.Cylinder.Define(stage, "/Site/Parts/Protos/Can").CreateRadiusAttr(0.2)
    instancer.CreatePrototypesRel().SetTargets(["/Site/Parts/Protos/Box", "/Site/Parts/Protos/Can"])
    k, side = np.arange(n), int(np.ceil(np.sqrt(n)))
    places = np.stack([k % side, k // side, 0 * k], 1).astype(np.float32)
    instancer.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(places))
    instancer.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy((k % 2).astype(np.int32)))
    stage.Save()
    return path


def first_picture(browser: Any, rounds: int) -> None:
    """Each round in a context of its own: nothing is cached in the browser; the server has baked its geometry before."""
    cell = ROOT / "assets" / "library" / "workcell"
    first, complete = [], []
    with serving(str(cell / "workcell.usda"), "--bindings", str(cell / "bindings.yaml")) as url:
        for k in range(rounds + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.goto(url)
            wait(page, "!!window.twinstage?.completeMs")
            if k > 0:
                first.append(page.evaluate("twinstage.readyMs") / 1000)
                complete.append(page.evaluate("twinstage.completeMs") / 1000)
            context.close()
    common = "work cell, 1280 x 800, from the navigation until the GPU is done; headless Chromium, SwiftShader beside it"
    figure(
        "viewer.first_picture",
        first,
        "s",
        f"all geometry, material colours, plain lights, the newest state; {common}",
    )
    figure("viewer.complete_picture", complete, "s", f"with materials, environment and shadows; {common}")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    bundle_gzip()
    chromium = next(
        (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
    )
    if chromium is None:
        sys.exit("no Chromium, so the page cannot be measured")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        decode_apply(browser, 20 if quick else FRAMES, 3 if quick else ROUNDS)
        first_picture(browser, 3 if quick else ROUNDS)
        orbit(browser, 2.0 if quick else 5.0, 3)
        browser.close()


if __name__ == "__main__":
    main()
