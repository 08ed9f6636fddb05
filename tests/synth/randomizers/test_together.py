"""All kinds that place things, in one recipe: the same bytes in any order, and a layer that makes the frame again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.frame import FrameMaker
from twinstage.synth.recipe import Recipe, parse_recipe

ENTRIES = """
- {kind: variants, name: size, prims: [/World/Things/Box_A], set: size}
- {kind: animation, name: moment, time_codes: [0, 48], step: 12}
- {kind: count, name: some, prims: ["/World/Things/*", /World/Marbles], count: [8, 14]}
- kind: scatter
  name: boxes
  prims: ["/World/Things/Box_*"]
  over: [/World/Table/Top]
  support: 1
  avoid: [/World/Crate, /World/Turntable, "/World/Arm/*"]
- {kind: context, name: tins, prims: ["/World/Things/Tin_*"], relation: in, to: /World/Crate, crowded: hide}
- {kind: pose, name: mugs, prims: ["/World/Things/Mug_*"], rotate: {z: [0, 360]}}
- kind: distractors
  name: clutter
  files: ["distractors/*.usda"]
  count: [2, 6]
  most: 6
  over: [/World/Table/Top]
  avoid: ["/World/Things/*", /World/Crate, /World/Turntable, "/World/Arm/*"]
  crowded: hide
- {kind: visibility, name: marbles, prims: [/World/Marbles], probability: 0.7}
"""


def together(small_recipe: Callable[..., Recipe]) -> Recipe:
    data: dict[str, Any] = small_recipe("scatter", ["annotate=[instance]"]).model_dump(
        mode="json", exclude_none=True
    )
    return parse_recipe({**data, "randomize": yaml.safe_load(ENTRIES)})


def test_frames_have_the_same_bytes_in_any_order(
    small_recipe: Callable[..., Recipe], recipes: Path, tmp_path: Path
) -> None:
    recipe, files = together(small_recipe), []
    for name, order in (("up", [0, 1, 2]), ("down", [2, 1, 0])):
        maker = FrameMaker(recipe, recipes)
        for frame in order:
            maker.make(tmp_path / name, frame)
        paths = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        files.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in paths})
    assert files[0] == files[1] and len(files[0]) >= 9


def test_the_layer_of_all_together_makes_the_frame_again(
    small_recipe: Callable[..., Recipe], recipes: Path
) -> None:
    maker = FrameMaker(together(small_recipe), recipes)
    made = maker.randomized(1)
    opened = open_stage(recipes / "scene.usda", probe=False)
    opened.layers.randomization.ImportFromString(maker.layer(made))
    read = read_snapshot(opened, made.scene.time)
    assert read.prims.path == made.snapshot.prims.path
    np.testing.assert_allclose(read.node_world, made.snapshot.node_world, rtol=0, atol=1e-9)
    assert np.array_equal(read.instances.visible, made.snapshot.instances.visible)
    assert not read.instances.visible.all()
