"""Labelled datasets, from recipe to files, and a Cycles pipeline that writes the same labels of the same frames.

direct_images_per_second, ratio_to_cycles_pipeline: the bundled work cell and the warehouse of ../shared, 640x480, rgb, depth,
normal and instance images with the record, direct light (no bounce), 4 samples a pixel, no denoising, two workers; their
start is left out. The peer (`_synth_blender.py`) draws the same poses and cameras with Cycles on all cores, warmed up,
persistent data on, box filter, as many samples, no bounce, no denoising, and writes rgb, depth, normal, instance, visible
masks, boxes and poses. It has less to do: no whole silhouettes, counts, occlusion or layers, which ours holds too, and in the
warehouse neither the recipe's lamps and distractors nor another sky in each frame. The figures are the slower scene's.
raycast_images_per_second: the same with the engine that only shades, for labels more than for looks.
two_single_thread_workers_speedup: images a second of two workers of a thread each over one process of one thread.
masks_300_objects: 300 balls in one image of 640x480: label pass with whole silhouettes, masks as RLE, boxes, record, JSON.
ms_a_frame_*: the same by number of objects and of triangles. frame_time_last_to_first: over a long run.
memory_slope_per_1000_frames: resident memory of such a run in a process of its own, thirds of it.
--quick takes less than three minutes on two idle cores; its long run is short, and its conditions say how short.
Without bpy the peer is left out, without ../shared the warehouse; both are said on standard error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import itertools

import _render_scenes as scenes
from _common import figure

ANNOTATE = "annotate=[rgb,depth,instance,normal]"
SAMPLES = 4
WARM_UP = 4
"""Images of each worker that do not count; at least two frames."""

PEER = Path(__file__).with_name("_synth_blender.py")


@dataclass(frozen=True)
class Form:
    """How long to take: the quick form has the same figures. `images`: of ours, `peer_images`: of the peer; `turns`: how
    often two workers and one thread take turns."""

    images: int = 66
    peer_images: int = 12
    samples: int = 5
    turns: int = 3
    memory_frames: int = 2000


QUICK = replace(Form(), images=24, peer_images=4, samples=3, turns=1, memory_frames=300)


@dataclass(frozen=True)
class Scene:
    """A recipe and the name of its scene."""

    name: str
    recipe: Path

    def load(self, *more: str) -> Any:
        from twinstage.synth.recipe import load_recipe

        return load_recipe(
            self.recipe,
            [ANNOTATE, "resolution=[640,480]", "engine.denoise=false", "splits={}", "split_by=[]", *more],
        )


CELL = Scene("cell", scenes.CELL.parent / "recipe.yaml")
WAREHOUSE = Scene("warehouse", scenes.ROOT / "examples" / "warehouse" / "recipe.yaml")
DIRECT = ("engine.kind=direct", f"engine.spp={SAMPLES}", "engine.clamp=0")


def note(text: str) -> None:
    """What is left out."""
    print(text, file=sys.stderr, flush=True)


def listed() -> list[Scene]:
    """The cell, and the warehouse where it is."""
    if scenes.WAREHOUSE.exists():
        return [CELL, WAREHOUSE]
    note("the warehouse is left out: there is no ../shared beside the checkout")
    return [CELL]


# ------------------------------------------------------------------------------- images a second


def rates(scene: Scene, form: Form, *overrides: str, workers: int = 2) -> list[float]:
    """Images a second of `generate`, in as many stretches as samples; the first images of each worker do not count."""
    from twinstage.synth.generation import generate

    recipe, stamps = scene.load(*overrides), list[float]()
    cameras = len(recipe.cameras)
    early = workers * max(WARM_UP // cameras, 2)
    with tempfile.TemporaryDirectory() as folder:
        generate(
            recipe.model_copy(update={"frames": early + form.images // cameras, "export": ()}),
            Path(folder) / "data",
            base_dir=scene.recipe.parent,
            workers=workers,
            judged=False,  # the judge works after the last frame, in this process
            progress=lambda *_: stamps.append(time.perf_counter()),
        )
    warm = np.array(stamps[early:])  # the first stamp is the start
    cuts = np.linspace(0, len(warm) - 1, form.samples + 1).round().astype(int)
    return [cameras * float((b - a) / (warm[b] - warm[a])) for a, b in itertools.pairwise(cuts)]


def bench_images(form: Form) -> None:
    """Ours and the peer's, scene by scene."""
    from twinstage.render.engines.bpy_link import find_python

    python = find_python()
    if python is None:
        note("the Cycles pipeline is left out: there is no Python with bpy (TWINSTAGE_BPY_PYTHON, .venv-bpy)")
    direct: dict[str, list[float]] = {}
    peers: dict[str, list[float]] = {}
    version = ""
    for scene in listed():
        direct[scene.name] = rates(scene, form, *DIRECT)
        if python is not None:
            peers[scene.name], version = pipeline(scene, form, python)
        raycast = rates(scene, form, "engine.kind=raycast", "engine.spp=1")
        suffix = "" if scene is CELL else f"_{scene.name}"
        figure(
            f"synth.raycast_images_per_second{suffix}",
            raycast,
            "images/s",
            f"{scene.name}, 640x480, one sample, all files",
        )
    print_images(direct, peers, version)


def print_images(direct: dict[str, list[float]], peers: dict[str, list[float]], version: str) -> None:
    """Each scene's figures, then those of the slower one under the plain name."""
    slow = min(direct, key=lambda name: statistics.median(direct[name]))
    conditions = (
        f"640x480, direct light, {SAMPLES} samples, rgb, depth, normal, instance and record; files written"
    )
    ratios: dict[str, list[float]] = {}
    for name, values in direct.items():
        more: dict[str, object] = {}
        if name in peers:
            rate = statistics.harmonic_mean(
                peers[name]
            )  # all images over all seconds: cameras see more or less
            ratios[name] = [value / rate for value in values]
            ratio = round(statistics.median(ratios[name]), 2)
            more = {"peer": f"Cycles pipeline in bpy {version}", "peer_value": round(rate, 4), "ratio": ratio}
        label = "synth.direct_images_per_second"
        figure(f"{label}_{name}", values, "images/s", f"{name}, {conditions}", **more)
        if name == slow:
            figure(label, values, "images/s", f"{name}, the slower scene, {conditions}", **more)
    worst = min(ratios, key=lambda name: statistics.median(ratios[name]), default="")
    for name, values in ratios.items():
        label, peer = (
            "synth.ratio_to_cycles_pipeline",
            {"peer": f"Cycles pipeline in bpy {version}", "peer_value": 1.0},
        )
        more = {**peer, "ratio": round(statistics.median(values), 2)}
        figure(f"{label}_{name}", values, "ratio", f"{name}, {conditions}", **more)
        if name == worst:
            figure(label, values, "ratio", f"{name}, the worse scene, {conditions}", **more)


def pipeline(scene: Scene, form: Form, python: Path) -> tuple[list[float], str]:
    """Images a second of the peer, frame by frame, and its version."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "PXR_PLUGINPATH_NAME", "LD_PRELOAD")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(peer_job(scene, form)))
        done = subprocess.run(
            [str(python), "-I", str(PEER), str(job), folder],
            capture_output=True,
            text=True,
            env=environment,
        )
    if done.returncode:
        sys.exit(f"the Cycles pipeline failed: {done.stderr.strip().splitlines()[-1:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if not all(answer["objects"]):
        note(f"{scene.name}: the peer saw objects {answer['objects']}")
    return [1 / seconds for seconds in answer["seconds"]], answer["version"]


def peer_job(scene: Scene, form: Form) -> dict[str, Any]:
    """The frames of the recipe as plain data: where things and the cameras are."""
    from twinstage.render.camera import USD_FROM_OPENCV
    from twinstage.synth.frame import FrameMaker
    from twinstage.synth.look import recipe_camera

    recipe = scene.load(*DIRECT)
    maker = FrameMaker(recipe, scene.recipe.parent)
    objects = maker.snapshot.objects
    shots = []
    for image in range(form.peer_images):
        frame, place = divmod(image, len(recipe.cameras))
        made = maker.randomized(frame)
        camera, _ = recipe_camera(recipe, made.snapshot, recipe.cameras[place])
        shots.append(
            {
                "world_from_camera": (camera.world_from_camera @ USD_FROM_OPENCV).tolist(),
                "fov": float(2 * np.arctan(camera.width / 2 / camera.K[0, 0])),
                "moved": moved_things(made) if place == 0 else {},
            }
        )
    return {
        "stage": str((scene.recipe.parent / recipe.stage).resolve()),
        "size": [640, 480],
        "samples": SAMPLES,
        "bounces": 0,
        "labelled": sorted({objects[row].prim_path for row in maker.staged.first.classes}),
        "frames": shots,
    }


def moved_things(made: Any) -> dict[str, Any]:
    """Where a frame puts what the stage holds: world matrices by prim path."""
    from twinstage.scene.edits import TRANSFORM

    prims = made.snapshot.prims
    paths = [e.prim_path for e in made.edits.edits if e.property == TRANSFORM]
    return {
        p: made.snapshot.node_world[prims.index_of[p]].tolist()
        for p in paths
        if not p.startswith("/Twinstage")  # the recipe's own, of which the stage's file knows nothing
    }


def bench_workers(form: Form) -> None:
    """Two processes of a thread each against one, stretch by stretch, taken in turns."""
    pairs = list[float]()
    for _ in range(form.turns):
        two = rates(CELL, form, *DIRECT, workers=2)
        command = [sys.executable, __file__, "--one-thread", *(["--quick"] if form == QUICK else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        one = statistics.median(json.loads(done.stdout.splitlines()[-1]))
        pairs += [rate / one for rate in two]
    figure(
        "synth.two_single_thread_workers_speedup",
        pairs,
        "ratio",
        f"cell, 640x480, direct, {SAMPLES} samples, files written",
    )


def one_thread(form: Form) -> list[float]:
    """The rate of one process with one thread."""
    from twinstage.render.threads import limit_threads

    limit_threads(1)
    return rates(CELL, form, *DIRECT, workers=1)


# ------------------------------------------------------------------------------- growth


def bench_growth(form: Form) -> None:
    """Labels of one image by number of objects and of triangles."""
    with tempfile.TemporaryDirectory() as folder:
        for objects, triangles in ((30, 2000), (300, 200), (300, 2000), (300, 20_000), (1000, 2000)):
            label, seen = labelling(Path(folder), objects, triangles)
            seconds = [label() for _ in range(1 + form.samples)][1:]
            conditions = (
                f"640x480, {objects} objects of {triangles} triangles, {seen} seen; silhouettes, RLE, JSON"
            )
            if (objects, triangles) == (300, 2000):
                figure("synth.masks_300_objects", seconds, "s", conditions)
            name = f"synth.ms_a_frame_{objects}_objects_{triangles}_triangles"
            figure(name, [1e3 * s for s in seconds], "ms", conditions)


def labelling(folder: Path, objects: int, triangles: int) -> tuple[Any, int]:
    """A call that labels one image and gives its seconds; and the number of objects that are seen."""
    from twinstage.synth.frame import FrameMaker
    from twinstage.synth.recipe import parse_recipe

    path = folder / f"balls_{objects}_{triangles}.usdc"
    write_labelled_balls(path, objects, triangles)
    side = float(np.ceil(objects**0.5))
    look = {"eye": [0, -1.1 * side, 1.3 * side], "target": [0, -0.05 * side, 0], "fov": 50}
    recipe = parse_recipe(
        {
            "stage": path.name,
            "frames": 1,
            "cameras": [{"name": "view", "look_at": look}],
            "labels": ["ball"],
            "annotate": ["instance"],
            "engine": {"kind": "null"},
        }
    )
    maker = FrameMaker(recipe, folder)
    out = folder / "out"
    seen = maker.make(out, 0, None).annotations

    def label() -> float:
        start = time.perf_counter()
        maker.make(out, 0, None)
        return time.perf_counter() - start

    return label, seen


def write_labelled_balls(path: Path, objects: int, triangles: int) -> None:
    """`_render_scenes.write_balls`, each ball an object of class ball."""
    from pxr import Sdf, Usd

    scenes.write_balls(path, objects, triangles)
    layer = Sdf.Layer.FindOrOpen(str(path))
    for k in range(objects):
        prim = layer.GetPrimAtPath(f"/Line/Part_{k}")
        prim.kind = "component"
        prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["SemanticsLabelsAPI:class"]))
        labels = Sdf.AttributeSpec(prim, "semantics:labels:class", Sdf.ValueTypeNames.TokenArray)
        labels.default = ["ball"]
    layer.Save()
    assert Usd.Stage.Open(layer)


# ------------------------------------------------------------------------------- long runs


def memory_child(frames: int) -> dict[str, list[float]]:
    """Resident memory [MB] and seconds of each frame, once the first 200 are over."""
    from twinstage.synth.frame import FrameMaker

    small = "resolution=[160,120]"
    recipe = CELL.load("engine.kind=raycast", "engine.spp=1", small, "accept.min_objects=0")
    maker = FrameMaker(recipe, CELL.recipe.parent)
    memory, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for frame in range(200 + frames):
            start = time.process_time()
            maker.make(Path(folder), frame, None)
            if frame >= 200:
                seconds.append(time.process_time() - start)
                memory.append(resident_mb())
    return {"memory": memory, "seconds": seconds}


def resident_mb() -> float:
    """Resident memory of this process [MB]."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


STRETCH = 25
"""Frames of which the median counts: memory rises a little until what was freed is given back, which is every few frames."""


def slope(middle: np.ndarray) -> float:
    """MB per 1,000 frames by least squares, of one value a stretch."""
    return float(np.polyfit(np.arange(len(middle)) * STRETCH, middle, 1)[0]) * 1000


def bench_memory(form: Form) -> None:
    """Slopes of three runs at once, each by least squares; and what a frame costs at their ends and at their beginnings."""
    command = [sys.executable, __file__, "--memory", str(form.memory_frames)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    slopes, ratios, told = [], [], []
    for run in runs:
        out, _ = run.communicate()
        if run.returncode:
            sys.exit("a run of the memory figure failed")
        found = json.loads(out.splitlines()[-1])
        memory, seconds = np.array(found["memory"]), np.array(found["seconds"])
        middle = np.median(memory[: len(memory) // STRETCH * STRETCH].reshape(-1, STRETCH), 1)
        slopes.append(slope(middle))
        told.append(f"{middle[0]:.1f} to {middle[-1]:.1f}")
        first, *_, last = np.array_split(seconds, 3)
        ratios.append(float(np.median(last) / np.median(first)))
    conditions = (
        f"{form.memory_frames} frames of the cell after 200, 160x120, raycast, three runs; least squares over medians of "
        f"{STRETCH} frames; {', '.join(told)} MB"
    )
    figure("synth.memory_slope_per_1000_frames", slopes, "MB", conditions)
    conditions = (
        f"processor time a frame, last third of {form.memory_frames} frames over the first, three runs"
    )
    figure("synth.frame_time_last_to_first", ratios, "ratio", conditions)


PARTS = {"images": bench_images, "workers": bench_workers, "growth": bench_growth, "memory": bench_memory}


def main() -> None:
    """All figures of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer frames, the same figures")
    parser.add_argument("--only", default=" ".join(PARTS), help=f"parts by name: {' '.join(PARTS)}")
    parser.add_argument("--memory", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    parser.add_argument("--one-thread", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    form = QUICK if options.quick else Form()
    if options.memory:
        print(json.dumps(memory_child(options.memory)))
    elif options.one_thread:
        print(json.dumps(one_thread(form)))
    else:
        for name in options.only.split():
            PARTS[name](form)


if __name__ == "__main__":
    main()
