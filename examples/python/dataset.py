"""A labelled dataset in ten lines of Python: `python examples/python/dataset.py out/python`."""

import sys

from twinstage.assets import library
from twinstage.synth import LookAt, Recipe, generate

view = {"name": "view", "look_at": LookAt(eye=(5.5, -5.0, 2.2), target=(0, 0.5, 0.8), fov=62)}
boxes = {"kind": "pose", "name": "bench", "prims": ["/WorkCell/Packing/Box_*"], "rotate": {"z": [-60, 60]}}
walk = {"kind": "camera", "name": "walk", "cameras": ["view"], "target": [0, 0, 0.8], "distance": [4, 7]}
recipe = Recipe(
    stage="workcell.usda", cameras=[view], labels=["robot", "box", "tote"], randomize=[boxes, walk],
    resolution=(320, 240), frames=3, engine={"kind": "raycast"}, export=[{"kind": "coco"}],
)  # fmt: skip
made = generate(recipe, out=sys.argv[1], base_dir=library.__path__[0] + "/workcell")
print(
    f"{made.images} images, {made.annotations} annotations, {made.checks} checks, {len(made.findings)} findings"
)
