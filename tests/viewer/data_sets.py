"""Small datasets for the pages that show some, and the servers of these pages as programs of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAGE = """#usda 1.0
(
    defaultPrim = "Room"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Room"
{
    def Cube "Floor"
    {
        double size = 1
        double3 xformOp:translate = (0, 0, -0.05)
        double3 xformOp:scale = (8, 8, 0.1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
        color3f[] primvars:displayColor = [(0.5, 0.5, 0.5)]
    }
    def Xform "Box_A" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {
        token[] semantics:labels:class = ["box"]
        custom double3 twin:keypoint:top = (0, 0, 0.4)
        custom double3 twin:keypoint:foot = (0, 0, -0.4)
        double3 xformOp:translate = (-0.3, 0, 0.4)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body"
        {
            double size = 0.8
            color3f[] primvars:displayColor = [(0.8, 0.3, 0.2)]
        }
    }
    def Xform "Box_B" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {
        token[] semantics:labels:class = ["box"]
        double3 xformOp:translate = (0.4, 1, 0.4)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body"
        {
            double size = 0.8
            color3f[] primvars:displayColor = [(0.2, 0.6, 0.3)]
        }
    }
    def Xform "Ball" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {
        token[] semantics:labels:class = ["ball"]
        double3 xformOp:translate = (1.2, -0.5, 0.35)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Sphere "Body"
        {
            double radius = 0.35
            color3f[] primvars:displayColor = [(0.2, 0.4, 0.9)]
        }
    }
    def DistantLight "Sun"
    {
        float inputs:intensity = 2
        float xformOp:rotateX = 30
        uniform token[] xformOpOrder = ["xformOp:rotateX"]
    }
    def DomeLight "Sky"
    {
        float inputs:intensity = 0.5
    }
    def Camera "Eye"
    {
        custom token twin:lens:model = "opencv"
        custom double[] twin:lens:coefficients = [-0.2, 0.05, 0.002, -0.001, 0]
        custom double4 twin:lens:K = (110, 112, 81, 59)
        custom int2 twin:lens:imageSize = (160, 120)
        float2 clippingRange = (0.05, 100)
        matrix4d xformOp:transform = ( (1, 0, 0, 0), (0, 0.5, 0.8660254037844386, 0),
            (0, -0.8660254037844386, 0.5, 0), (0.2, -3, 2, 1) )
        uniform token[] xformOpOrder = ["xformOp:transform"]
    }
}
"""
RECIPE = """recipe: 1
stage: room.usda
seed: 5
frames: 4
resolution: [160, 120]
cameras:
  - Eye
  - {name: side, look_at: {eye: [3.5, -1, 1.5], target: [0, 0, 0.3], fov: 50}}
labels:
  box: {labels: [box], keypoints: [top, foot], skeleton: [[top, foot]], sigmas: [0.05, 0.05]}
  ball: ball
randomize:
  - kind: pose
    name: goods
    prims: [/Room/Box_*, /Room/Ball]
    scatter: {min: [-0.9, -0.7], max: [1.1, 1.2]}
    rotate: {z: [-60, 60]}
    no_overlap: true
  - kind: light
    name: sun # how bright
    lights: [/Room/Sun]
    intensity: [0.5, 2]
annotate: [rgb, depth, instance]
engine: {kind: raycast}
accept: {min_visible_px: 20, min_objects: 2}
splits: {train: 3, val: 1}
"""


def write_room(folder: Path) -> Path:
    """The stage and its recipe; the path of the recipe."""
    (folder / "room.usda").write_text(STAGE)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    return recipe


def make_datasets(folder: Path) -> Path:
    """A folder with `room`, four frames, and `many`, 600 frames of the same records and a rejected one."""
    from twinstage.synth.generation import generate
    from twinstage.synth.recipe import load_recipe

    recipe = write_room(folder)
    root = folder / "sets"
    generate(load_recipe(recipe), root / "room", base_dir=folder)
    _many(root / "room", root / "many", 600)
    return root


def _many(source: Path, out: Path, frames: int) -> None:
    for name in ("records", "images"):
        (out / name).mkdir(parents=True)
    texts = [path.read_text() for path in sorted((source / "records").glob("*.json"))]
    for frame in range(frames):
        old = frame % len(texts)
        text = texts[old].replace(f'"frame":{old},', f'"frame":{frame},')
        (out / "records" / f"{frame:06d}.json").write_text(text)
    record = json.loads(texts[0])
    refused = {"attempt": 0, "rule": "accept.min_objects", "reason": "1 annotated objects, at least 2 wanted"}
    record |= {"frame": frames, "rejected": True, "cameras": [], "rejected_attempts": [refused]}
    (out / "records" / f"{frames:06d}.json").write_text(json.dumps(record))
    for image in (source / "images").glob("*_rgb.png"):
        os.link(image, out / "images" / image.name)
    shutil.copy(source / "labels.json", out / "labels.json")
    manifest = json.loads((source / "manifest.json").read_text()) | {"frames": frames + 1, "files": {}}
    (out / "manifest.json").write_text(json.dumps(manifest))


@contextmanager
def serving(*arguments: str, says: str) -> Iterator[str]:
    """A `twinstage` command that serves a page; gives its address, which it says behind those words."""
    child = subprocess.Popen(
        [sys.executable, "-m", "twinstage", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stderr is not None
    try:
        line = child.stdout.readline()
        assert line.startswith(says), line + child.stderr.read()
        yield line.split(" at ")[1].split()[0] + "/"
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        child.stderr.close()
