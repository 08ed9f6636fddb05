"""What a crowd of objects costs: whole silhouettes, masks, counts, boxes, poses, the record and its JSON."""

import time
from pathlib import Path

import numpy as np

from twinstage.synth.annotate import ObjectRecords
from twinstage.synth.canonical import canonical_json
from twinstage.synth.frame import FrameMaker
from twinstage.synth.look import look
from twinstage.synth.recipe import parse_recipe

MOST_SECONDS = 1.2
"""Of a core, for 300 objects in one image of 640x480; measured 0.45."""

OBJECT = """
    def Xform "O{k}" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {{
        token[] semantics:labels:class = ["thing"]
        double3 xformOp:translate = {at}
        float3 xformOp:rotateXYZ = {turn}
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
        def {shape} "Body"
        {{
            double {size}
        }}
    }}
"""

CAMERA = """
    def Camera "Eye"
    {
        float focalLength = 24
        float horizontalAperture = 24
        float verticalAperture = 18
        matrix4d xformOp:transform = ((1, 0, 0, 0), (0, 0.5, 0.8660254, 0), (0, -0.8660254, 0.5, 0), (0, -5, 3.5, 1))
        uniform token[] xformOpOrder = ["xformOp:transform"]
    }
"""


def test_300_objects_in_one_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shapes = [("Cube", "size = 0.3"), ("Sphere", "radius = 0.15"), ("Cylinder", "radius = 0.12")]
    text = (
        '#usda 1.0\n(\n    metersPerUnit = 1\n    upAxis = "Z"\n    defaultPrim = "W"\n)\ndef Xform "W"\n{\n'
    )
    for k in range(300):
        at = tuple(float(v) for v in rng.uniform([-2.6, -2, 0.1], [2.6, 2.2, 1.0]))
        turn = tuple(float(v) for v in rng.uniform(0, 360, 3))
        shape, size = shapes[k % 3]
        text += OBJECT.format(k=k, at=at, turn=turn, shape=shape, size=size)
    (tmp_path / "crowd.usda").write_text(text + CAMERA + "}\n")
    recipe = parse_recipe(
        {"stage": "crowd.usda", "cameras": ["Eye"], "labels": ["thing"], "annotate": ["instance"]}
    )
    maker = FrameMaker(recipe, tmp_path)
    made = maker.randomized(0)
    classes = {cls.name: cls for cls in recipe.labels}
    spent = []
    for _ in range(3):  # the first builds what is kept from frame to frame
        start = time.process_time()
        view = look(recipe, maker.staged, made, recipe.cameras[0])
        found = ObjectRecords(made.snapshot, view.capture.camera, view.seen, made.scene.classes, classes)
        data = canonical_json(found.records())
        spent.append(time.process_time() - start)
    assert len(view.seen) > 290 and len(data) > 100_000
    assert min(spent) < MOST_SECONDS
