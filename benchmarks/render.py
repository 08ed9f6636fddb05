"""Labels, pictures, and Blender's Cycles on the same scenes.

labels_50_instances, label_rays: the label pass at 640x480 of a floor and 50 balls of 2,000 triangles, all moved before
each frame. direct_4spp_with_labels: picture and labels of the work cell, its vehicles moved before each frame.
path_16spp, path_ratio_to_cycles_equal_samples: `path` and Cycles in turns, the same camera, samples, longest path (5
segments, so 3 bounces) and box filter, no clamp, no denoiser, no adaptive sampling; Cycles with all cores, Embree,
persistent data and warmed up, counted from its first sample to its last (under persistent data it still makes a dome
map's table anew for each picture, which is not counted), while ours counts from snapshot to array. The ratio
of the figure is the worse one of cell and warehouse; cpu_ratio is that of processor time, for machines with other work.
path_ratio_to_cycles_equal_error: each against its own picture of many samples. Root mean square error of linear light
at the same exposure, limited to [0, 1], so that no firefly decides. `path` takes 64 samples; from Cycles at 16, 64 and
256 samples (a process each: samples cannot change under persistent data) the number with the same error is found, and
taken. ratio = Cycles' time / ours.
time_ratio_10m_to_100k_triangles: `path`, 500 instances of ten prototypes with 200, 2,000 or 20,000 triangles each.
path_*_instances: 50, 500 and 5,000 instances of 2,000 (quick: 200) triangles; move_one_of_*: what it takes to follow one
of them that moves. pose_update: what it takes to follow moved vehicles.
memory_slope_per_1000_frames: resident memory over frames of moved vehicles, picture and labels, in a process of its own.
Without bpy the peers are left out, without ../shared the warehouse; both are said on standard error.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import _render_scenes as scenes
from _common import figure

DEPTH = 5
ERROR_SIZE = (160, 120)
COUNTS = (16, 64, 256)


@dataclass(frozen=True)
class Form:
    """How long to take: the quick form has the same figures."""

    size: tuple[int, int] = (640, 480)
    peer_size: tuple[int, int] = (640, 480)
    frames: int = 8
    samples: int = 3
    growth_spp: int = 16
    crowd_triangles: int = 2000
    reference: int = 4096
    error_spp: int = 64
    memory_frames: int = 2000


QUICK = replace(
    Form(),
    peer_size=(240, 180),
    frames=3,
    growth_spp=4,
    crowd_triangles=200,
    reference=512,
    error_spp=16,
    memory_frames=200,
)


@dataclass(frozen=True)
class Scene:
    """A scene with its camera; `movers` are the nodes that frames move."""

    name: str
    snapshot: Any
    movers: np.ndarray

    def camera(self, size: tuple[int, int]) -> Any:
        return scenes.stage_camera(self.snapshot, size, "Overview")


def engine(kind: str, spp: int, depth: int = DEPTH) -> Any:
    """An engine without clamp, so that both measure the same."""
    from twinstage.render.engines import open_engine

    return open_engine(kind=kind, spp=spp, max_depth=depth, clamp=0)


def timed(work: Callable[..., object], *given: Any, **named: Any) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work(*given, **named)
    return time.perf_counter() - start


def note(text: str) -> None:
    """What is left out."""
    print(text, file=sys.stderr, flush=True)


def nodes_under(snapshot: Any, prefix: str) -> np.ndarray:
    """Nodes of the prims right below a path."""
    above = list(snapshot.prims.path).index(prefix)
    return np.flatnonzero(np.asarray(snapshot.prims.parent) == above)


def real_scenes() -> list[Scene]:
    """The cell, and the warehouse where it is."""
    cell = scenes.read(scenes.CELL)
    agvs = next(p for p in cell.prims.path if p.endswith("/AGVs"))
    out = [Scene("cell", cell, nodes_under(cell, agvs))]
    if scenes.WAREHOUSE.exists():
        out.append(Scene("warehouse", scenes.read(scenes.WAREHOUSE), np.empty(0, int)))
    else:
        note("the warehouse is left out: there is no ../shared beside the checkout")
    return out


def has_peer() -> bool:
    """Whether Cycles can be asked."""
    from twinstage.render.engines.bpy_link import find_python

    if find_python() is not None:
        return True
    note("Cycles is left out: there is no Python with bpy (TWINSTAGE_BPY_PYTHON, .venv-bpy)")
    return False


# ------------------------------------------------------------------------------- labels and direct light


def bench_labels(folder: Path, form: Form) -> None:
    """The label pass alone."""
    from twinstage.render.labels import label_pass

    snapshot, triangles = scenes.balls(folder, 50, 2000)
    camera, line = scenes.over_all(snapshot, form.size), nodes_under(snapshot, "/Line")
    label_pass(snapshot, camera)
    rates = []
    for sample in range(form.samples):
        frames = [scenes.moved(snapshot, line, sample * form.frames + k) for k in range(form.frames)]
        rates.append(form.frames / timed(lambda shots=frames: [label_pass(shot, camera) for shot in shots]))
    conditions = f"{size(form.size)}, 50 instances moved before each frame, {triangles} triangles, full masks"
    figure("render.labels_50_instances", rates, "frames/s", conditions)
    pixels = form.size[0] * form.size[1]
    figure(
        "render.label_rays",
        [rate * pixels / 1e6 for rate in rates],
        "million rays/s",
        conditions + "; rays through pixel centres, all else that the labels need included",
    )


def bench_direct(scene: Scene, form: Form) -> None:
    """A labelled picture."""
    from twinstage.render.labels import label_pass

    camera, made = scene.camera(form.size), engine("direct", 4)

    def shoot(step: int) -> None:
        snapshot = scenes.moved(scene.snapshot, scene.movers, step) if len(scene.movers) else scene.snapshot
        made.render(snapshot, camera, seed=step)
        label_pass(snapshot, camera)

    for step in range(3):  # builds, learns what moves, compiles
        shoot(step)
    rates = []
    for sample in range(form.samples):
        steps = range(10 + sample * form.frames, 10 + (sample + 1) * form.frames)
        rates.append(form.frames / timed(lambda chosen=steps: [shoot(k) for k in chosen]))
    suffix = "" if scene.name == "cell" else f"_{scene.name}"
    conditions = f"{scene.name}, {size(form.size)}, {len(scene.movers)} things moved before each frame"
    figure(f"render.direct_4spp_with_labels{suffix}", rates, "images/s", conditions)


def bench_pose_update(scene: Scene, form: Form) -> None:
    """A small picture of a moved scene less that of the same scene at rest."""
    camera, made = scene.camera((32, 24)), engine("direct", 1)
    states = [scenes.moved(scene.snapshot, scene.movers, k) for k in range(2 + 4 * form.samples)]
    for state in states[:2]:
        made.linear(state, camera)
        made.linear(state, camera)
    found = []
    for state in states[2:]:
        state.instance_world  # noqa: B018 - the snapshot's own work is not the engine's
        first = timed(made.linear, state, camera)
        found.append(1e3 * (first - timed(made.linear, state, camera)))
    conditions = (
        f"{scene.name}, {len(scene.movers)} vehicles moved; first picture of a state less the second one"
    )
    figure("render.pose_update", found, "ms", conditions)


# ------------------------------------------------------------------------------- against Cycles


def bench_equal_samples(listed: list[Scene], form: Form, peer: bool) -> None:
    """Both in turns at 16 samples."""
    ratios: dict[str, list[float]] = {}
    for scene in listed:
        camera = scene.camera(form.peer_size)
        ours, theirs = engine("path", 16), engine("bpy", 16) if peer else None
        ours.linear(scene.snapshot, camera)
        ours.linear(scene.snapshot, camera)
        if theirs is not None:
            theirs.linear(scene.snapshot, camera)
        rows, cpu = [], list[float]()
        for k in range(form.samples):
            busy = time.process_time()
            spent = timed(ours.linear, scene.snapshot, camera, seed=k + 1)
            busy, other = time.process_time() - busy, 0.0
            if theirs is not None:
                theirs.linear(scene.snapshot, camera, seed=k + 1)
                other = theirs.sampling_seconds
                cpu.append(theirs.sampling_cpu_seconds / busy)
            rows.append((spent, other))
        conditions = f"{scene.name}, {size(form.peer_size)}, 16 samples, {DEPTH} segments"
        more: dict[str, object] = {}
        if theirs is not None:
            rate = statistics.median(1 / other for _, other in rows)
            ratios[scene.name] = [other / spent for spent, other in rows]
            ratio = round(statistics.median(ratios[scene.name]), 2)
            more = {"peer": f"Cycles {theirs.version}", "peer_value": round(rate, 4), "ratio": ratio}
            more["cpu_ratio"] = round(statistics.median(cpu), 2)
            theirs.close()
        suffix = "" if scene.name == "cell" else f"_{scene.name}"
        figure(f"render.path_16spp{suffix}", [1 / spent for spent, _ in rows], "images/s", conditions, **more)
    if ratios:
        print_ratio(
            "render.path_ratio_to_cycles_equal_samples", ratios, f"{size(form.peer_size)}, 16 samples"
        )


def bench_equal_error(listed: list[Scene], form: Form) -> None:
    """Time to the same error."""
    ratios: dict[str, list[float]] = {}
    said = []
    for scene in listed:
        found, words = equal_error(scene, form)
        ratios[scene.name] = found
        said.append(words)
    conditions = f"{size(ERROR_SIZE)}, references of {form.reference} samples; " + "; ".join(said)
    print_ratio("render.path_ratio_to_cycles_equal_error", ratios, conditions)


def equal_error(scene: Scene, form: Form) -> tuple[list[float], str]:
    """Ratios of times, and how they came about."""
    from twinstage.render.color import auto_exposure

    camera, snapshot = scene.camera(ERROR_SIZE), scene.snapshot
    truth = engine("path", form.reference).linear(snapshot, camera, seed=99)
    scale = np.float32(2.0 ** auto_exposure(truth))

    def error(linear: np.ndarray, reference: np.ndarray) -> float:
        one, other = (np.clip(x * scale, 0.0, 1.0) for x in (linear, reference))
        return float(np.sqrt(((one - other) ** 2).mean(dtype=np.float64)))

    ours = engine("path", form.error_spp)
    ours.linear(snapshot, camera)
    shots = []
    for k in range(form.samples):
        start = time.perf_counter()
        linear = ours.linear(snapshot, camera, seed=k + 1)
        shots.append((time.perf_counter() - start, error(linear, truth)))
    wanted = statistics.median(e for _, e in shots)
    reference = cycles(scene, camera, form.reference, 1)[0][0]
    counts = [n for n in COUNTS if n < form.reference]
    errors = [error(cycles(scene, camera, n, 1)[0][0], reference) for n in counts]
    slope, offset = np.polyfit(np.log(counts), np.log(errors), 1)
    spp = int(np.clip(round(np.exp((np.log(wanted) - offset) / slope)), 1, form.reference // 2))
    theirs = cycles(scene, camera, spp, form.samples)
    reached = statistics.median(error(linear, reference) for linear, _ in theirs)
    ratios = [seconds / spent for (spent, _), (_, seconds) in zip(shots, theirs, strict=True)]
    words = (
        f"{scene.name}: path {form.error_spp} samples, error {wanted:.4f}, {statistics.median(s for s, _ in shots):.3f} s, "
        f"Cycles {spp} samples, error {reached:.4f}, {statistics.median(s for _, s in theirs):.3f} s"
    )
    return ratios, words


def cycles(scene: Scene, camera: Any, spp: int, pictures: int) -> list[tuple[np.ndarray, float]]:
    """Pictures and their seconds, from a process with that setting, warmed up if more than one picture is asked for."""
    made = engine("bpy", spp)
    try:
        out = []
        if pictures > 1:
            made.linear(scene.snapshot, camera)
        for k in range(pictures):
            out.append((made.linear(scene.snapshot, camera, seed=k + 1), made.sampling_seconds))
        return out
    finally:
        made.close()


def print_ratio(name: str, ratios: dict[str, list[float]], conditions: str) -> None:
    """The figure is the worse scene's; each scene's own follows under its name."""
    for scene, found in ratios.items():
        figure(f"{name}_{scene}", found, "ratio", conditions, peer="Cycles", peer_value=1.0)
    worst = min(ratios, key=lambda scene: statistics.median(ratios[scene]))
    figure(
        name, ratios[worst], "ratio", f"{worst}, the worse one; {conditions}", peer="Cycles", peer_value=1.0
    )


# ------------------------------------------------------------------------------- growth and memory


def bench_growth(folder: Path, form: Form) -> None:
    """Time a picture by triangles, and by instances."""
    series = {
        "triangles": [(500, 200), (500, 2000), (500, 20_000)],
        "instances": [(count, form.crowd_triangles) for count in (50, 500, 5000)],
    }
    for name, steps in series.items():
        times: list[list[float]] = []
        for instances, each in steps:
            snapshot, triangles = scenes.balls(folder, instances, each)
            camera, made = scenes.over_all(snapshot, form.size), engine("path", form.growth_spp)
            building = timed(made.linear, snapshot, camera)
            times.append([timed(made.linear, snapshot, camera, seed=k) for k in range(1, form.samples + 1)])
            conditions = (
                f"path, {form.growth_spp} samples, {size(form.size)}, {instances} instances, {triangles} triangles; "
                f"first picture {building:.1f} s, process {resident_mb():.0f} MB"
            )
            label = {200: "100k", 2000: "1m", 20_000: "10m"}[each] if name == "triangles" else str(instances)
            figure(f"render.path_{label}_{name}", [t * 1e3 for t in times[-1]], "ms", conditions)
            if name == "instances":
                figure(
                    f"render.move_one_of_{instances}",
                    moving_one(snapshot, made, form),
                    "ms",
                    f"one of {instances} instances moved; first small picture of a state less the second one",
                )
            del snapshot, made
            release()
        first, last = times[0], times[-1]
        ratio = [b / a for a, b in zip(first, last, strict=True)]
        if name == "triangles":
            figure("render.time_ratio_10m_to_100k_triangles", ratio, "ratio", conditions.split(";")[0])
        else:
            figure("render.time_ratio_5000_to_50_instances", ratio, "ratio", conditions.split(";")[0])


def moving_one(snapshot: Any, made: Any, form: Form) -> list[float]:
    """What it takes to follow one part that moves [ms]; the first two moves teach the scene what moves."""
    camera, part = scenes.over_all(snapshot, (32, 24)), nodes_under(snapshot, "/Line")[:1]
    found = []
    for step in range(2 + form.samples):
        state = scenes.moved(snapshot, part, step)
        state.instance_world  # noqa: B018 - the snapshot's own work is not the engine's
        first = timed(made.linear, state, camera)
        found.append(1e3 * (first - timed(made.linear, state, camera)))
    return found[2:]


def release() -> None:
    """Give the memory of what is no longer used back, so that the next scene's is its own."""
    from twinstage.render.mi.runtime import load_mitsuba

    gc.collect()
    dr = load_mitsuba().dr
    dr.sync_thread()
    dr.flush_malloc_cache()


def resident_mb() -> float:
    """Resident memory of this process [MB]."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory_child(frames: int) -> list[float]:
    """Resident memory [MB] after each frame, once the first ones are over."""
    from twinstage.render.labels import label_pass

    scene = real_scenes()[0]
    camera, made = scene.camera((160, 120)), engine("direct", 4)
    found = []
    for step in range(100 + frames):
        snapshot = scenes.moved(scene.snapshot, scene.movers, step)
        made.render(snapshot, camera, seed=step)
        label_pass(snapshot, camera)
        if step >= 100:
            found.append(resident_mb())
    return found


def bench_memory(form: Form) -> None:
    """Slopes of three equal parts of the run, by least squares."""
    command = [sys.executable, __file__, "--memory", str(form.memory_frames)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    series = np.array(json.loads(done.stdout.splitlines()[-1]))
    parts = np.array_split(series, 3)
    slopes = [1000 * np.polyfit(np.arange(len(part)), part, 1)[0] for part in parts]
    whole = 1000 * np.polyfit(np.arange(len(series)), series, 1)[0]
    conditions = (
        f"{len(series)} frames of the cell after 100, 160x120, direct 4 samples with labels, slopes of its three thirds; "
        f"whole run {whole:.2f} MB per 1,000, from {series[0]:.0f} to {series[-1]:.0f} MB"
    )
    figure("render.memory_slope_per_1000_frames", slopes, "MB", conditions)


def size(pixels: tuple[int, int]) -> str:
    """640x480."""
    return f"{pixels[0]}x{pixels[1]}"


def main() -> None:
    """All figures of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--quick", action="store_true", help="smaller pictures and references, the same figures"
    )
    parser.add_argument("--only", default="", help="parts by name: labels direct samples error growth memory")
    parser.add_argument("--memory", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps([round(mb, 3) for mb in memory_child(options.memory)]))
        return
    form, peer, listed = QUICK if options.quick else Form(), has_peer(), real_scenes()
    wanted = options.only.split() or ["labels", "direct", "samples", "error", "memory", "growth"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], None]] = {
            "labels": lambda: bench_labels(folder, form),
            "direct": lambda: bench_all_direct(listed, form),
            "samples": lambda: bench_equal_samples(listed, form, peer),
            "error": lambda: bench_equal_error(listed, form) if peer else None,
            "memory": lambda: bench_memory(form),
            "growth": lambda: bench_growth(folder, form),
        }
        for part, run in parts.items():
            if part in wanted:
                busy, seconds = os.times(), timed(run)
                spent = sum(os.times()[:4]) - sum(busy[:4])
                note(f"{part} took {seconds:.0f} s, {spent:.0f} s of processor time")


def bench_all_direct(listed: list[Scene], form: Form) -> None:
    """Labelled pictures of all scenes, and what a move costs."""
    for scene in listed:
        bench_direct(scene, form)
    bench_pose_update(listed[0], form)


if __name__ == "__main__":
    main()
