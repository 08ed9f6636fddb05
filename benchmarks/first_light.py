"""First light, measured as a user meets it: through the real server, the real client and a real dataset.

event_to_client: a producer sends JSON lines over TCP to `twinstage serve` (a process of its own); the time from an
event's own stamp to the moment a client in this process has applied it.
pose_sets_per_second: prim poses that a client of a 10,000-prim twin applied, 60 ticks a second asked for.
labelled_images_per_second: the bundled work cell, 640 x 480, picture and all labels, from file to file.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from _common import figure

CONTRACT = """contract: 1
sources:
  plc: {{uri: "tcp://127.0.0.1:{port}", lateness: 0,
        reader: {{format: jsonl, layout: wide, time: {{field: t, unit: ns}}}}}}
signals:
{signals}"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def write_twin(folder: Path, prims: int, port: int) -> None:
    """A stage of boxes on a grid, each moved along z by a signal of its own."""
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateNew(str(folder / "grid.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Grid").GetPrim())
    for i in range(prims):
        cube = UsdGeom.Cube.Define(stage, f"/Grid/Box_{i}")
        cube.AddTranslateOp().Set((2.5 * (i % 100), 2.5 * (i // 100), 0.0))
    stage.Save()
    signals = "\n".join(
        f"  - {{id: z{i}, source: plc, field: z{i}, unit: m, type: f64}}" for i in range(prims)
    )
    (folder / "contract.yaml").write_text(CONTRACT.format(port=port, signals=signals) + "\n")
    binding = '  - {kind: pose, pattern: "/Grid/Box_{n}", position: {z: "z{n}"}}\n'
    (folder / "bindings.yaml").write_text("bindings: 1\ncontract: contract.yaml\nbindings:\n" + binding)


def start_server(folder: Path) -> tuple["subprocess.Popen[str]", str]:
    """`twinstage serve` on a free port; returns the process and the address."""
    command = [sys.executable, "-m", "twinstage", "serve", str(folder / "grid.usda"), "--port", "0"]
    child = subprocess.Popen(
        [*command, "--bindings", str(folder / "bindings.yaml")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("serving "):
            return child, line.split(" at ")[1].split()[0]
    raise RuntimeError("the server did not start")


def connect_producer(port: int) -> socket.socket:
    """A connection to the twin's TCP source."""
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the telemetry port does not answer")


async def latencies(url: str, port: int, events: int, prims: int) -> list[float]:
    """Milliseconds from an event's stamp to its value in the client, one entry an event that was seen."""
    from twinstage.sync.client import connect

    out: list[float] = []
    async with connect(url) as client:
        done = threading.Event()

        def produce() -> None:
            with connect_producer(port) as sock:
                for k in range(events):
                    record: dict[str, float] = {f"z{i}": k * 1e-3 for i in range(prims)}
                    sock.sendall(json.dumps({"t": time.time_ns(), **record}).encode() + b"\n")
                    time.sleep(0.0137)
            done.set()

        thread = threading.Thread(target=produce)
        thread.start()
        last = 0
        while not done.is_set():
            try:
                await client.frame(timeout=0.5)
            except TimeoutError:
                continue
            stamp = client.value("z0").event_ns
            if stamp > last:
                out.append((time.time_ns() - stamp) / 1e6)
                last = stamp
        thread.join()
    return out[len(out) // 10 :]  # the first ones include the connection


async def pose_sets(folder: Path, prims: int, seconds: float) -> float:
    """Prim poses a second that a client applied, pushed by the Python producer in this process's server thread."""
    import numpy as np

    import twinstage
    from twinstage.scene.columns import PoseColumns, TickColumns, frozen
    from twinstage.sync.client import connect

    twin = twinstage.open(folder / "grid.usda")
    url = twin.serve(port=0)
    live = twin.live
    index = frozen(
        np.array([live.snapshot.prims.index_of[f"/Grid/Box_{i}"] for i in range(prims)]), np.uint32
    )
    order = np.argsort(index)
    index = frozen(index[order], np.uint32)
    rotation = frozen(np.tile([1.0, 0.0, 0.0, 0.0], (prims, 1)), np.float32)
    stop = threading.Event()

    def produce() -> None:
        tick = 0
        while not stop.wait(1 / 60):
            tick += 1
            z = np.zeros((prims, 3))
            z[:, 2] = np.sin(tick / 60 + np.arange(prims))
            columns = TickColumns(PoseColumns(tick, time.time_ns(), index, frozen(z, np.float64), rotation))
            twin.publish(columns)

    applied = 0
    async with connect(url) as client:
        thread = threading.Thread(target=produce)
        thread.start()
        await client.frame()
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            tick = await client.frame()
            applied += len(tick.nodes)
        elapsed = time.perf_counter() - started
        stop.set()
        thread.join()
    twin.close()
    return applied / elapsed


ENGINE = ("engine.kind=direct", "engine.spp=3")
WORKERS = 2


def images_per_second(folder: Path, frames: int) -> float:
    """Images a second of `synth generate` on the bundled work cell; each worker's first frame (start-up) left out."""
    from twinstage.assets.library import bundled
    from twinstage.live.datasets import generate_dataset

    stamps: list[float] = []

    def progress(done: int, total: int) -> None:
        stamps.append(time.perf_counter())

    out = Path(tempfile.mkdtemp(dir=folder)) / "data"
    recipe = bundled("workcell") / "recipe.yaml"
    done = generate_dataset(
        recipe, out=out, frames=frames, overrides=ENGINE, workers=WORKERS, progress=progress
    )
    # stamps[0] is the start; then one for each frame. Kernels are compiled during each worker's first frame.
    first = 2 * WORKERS
    return (done.images / done.frames) * (len(stamps) - 1 - first) / (stamps[-1] - stamps[first])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run with the same figures")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _latency(folder, events=120 if quick else 400)
        _poses(folder, seconds=2.0 if quick else 5.0)
        _images(folder, frames=12 if quick else 24)


def _latency(folder: Path, events: int) -> None:
    port, prims = free_port(), 20
    write_twin(folder, prims, port)
    runs = []
    server, url = start_server(folder)
    try:
        for _ in range(3):
            runs.append(sorted(asyncio.run(latencies(url, port, events, prims))))
    finally:
        server.terminate()
        server.wait()
    conditions = f"{prims} signals a JSON line, 73 lines/s over TCP, lateness 0, server at 60 Hz, {events} events a run"
    figure("first_light.event_to_client_p50", [statistics.median(run) for run in runs], "ms", conditions)
    figure("first_light.event_to_client_p95", [run[int(0.95 * len(run))] for run in runs], "ms", conditions)


def _poses(folder: Path, seconds: float) -> None:
    prims = 10_000
    write_twin(folder, prims, free_port())
    rates = [asyncio.run(pose_sets(folder, prims, seconds)) for _ in range(3)]
    conditions = (
        f"{prims} prims at 60 Hz, one client, server thread and client share one process, {seconds} s a run"
    )
    figure("first_light.pose_sets_per_second", rates, "1/s", conditions)


def _images(folder: Path, frames: int) -> None:
    rates = [images_per_second(folder, frames) for _ in range(3)]
    conditions = (
        f"work cell (167 objects, 440 instances), 640x480, direct 3 samples a pixel, rgb + depth + instance masks + all "
        f"labels written, {WORKERS} workers, {frames} frames a run, start-up left out"
    )
    figure("first_light.labelled_images_per_second", rates, "1/s", conditions)


if __name__ == "__main__":
    main()
