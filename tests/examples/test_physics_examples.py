"""The scene of examples/bin_picking: where parts come to rest, and that its files are what the script writes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.generation import generate
from twinstage.synth.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def test_all_parts_lie_in_the_tote(tmp_path: Path) -> None:
    small = ["engine={kind: 'null'}", "resolution=[64, 48]", "frames=1", "annotate=[instance]", "export=[]"]
    recipe = load_recipe(EXAMPLES / "bin_picking/recipe.yaml", [*small, "accept.min_visible_px=1"])
    generate(recipe, tmp_path / "d", base_dir=EXAMPLES / "bin_picking")
    opened = open_stage(EXAMPLES / "bin_picking/bin_picking.usda", probe=False)
    layer = (tmp_path / "d/frames/000000.usda").read_text()
    opened.layers.randomization.ImportFromString(layer)
    snapshot = read_snapshot(opened)
    inside = 0
    for row in np.flatnonzero(snapshot.instances.visible):
        path = snapshot.prims.path[int(snapshot.instances.prim[row])]
        if path.startswith("/Cell/Parts/"):
            world, points = (
                snapshot.instance_world[row],
                snapshot.prototypes[int(snapshot.instances.prototype[row])].points,
            )
            placed = points @ world[:3, :3].T + world[:3, 3]
            assert placed[:, 2].min() > 0.005 - 5e-4  # the tote's floor is 5 mm thick
            low = placed[placed[:, 2] < 0.13]
            assert np.abs(low[:, 0]).max(initial=0) < 0.1915 and np.abs(low[:, 1]).max(initial=0) < 0.1415
            inside += 1
    assert inside > 20


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "bin_picking_scene", ROOT / "scripts" / "bin_picking_scene.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_files_are_what_the_script_writes() -> None:
    made = script()
    assert (EXAMPLES / "bin_picking/bin_picking.usda").read_text() == made.scene()
    for name, (make, _) in made.PARTS.items():
        assert (EXAMPLES / f"bin_picking/parts/{name}.usda").read_text() == make()


def test_parts_carry_key_points_on_their_surface_or_axis() -> None:
    snapshot = read_snapshot(open_stage(EXAMPLES / "bin_picking/parts/bolt.usda", probe=False))
    names = [snapshot.keypoints.name[i] for i in range(len(snapshot.keypoints))]
    assert names == ["head", "neck", "tip"]
    points = np.concatenate([p.points for p in snapshot.prototypes])
    assert snapshot.keypoints.local[2] == pytest.approx([0, 0, points[:, 2].min()], abs=1e-6)
