"""The warehouse example on the real stage: a labelled dataset that verifies."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.recipe import load_recipe
from twinstage.synth.verify import verify

pytestmark = pytest.mark.shared


SMALL = (
    "resolution=[320, 240]",
    "engine={kind: direct, spp: 2, largest_map: 256, largest_texture: 256}",
    "accept.min_visible_px=20",
)


@pytest.fixture(scope="module")
def warehouse(root: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("warehouse") / "d"
    recipe = load_recipe(root / "examples/warehouse/recipe.yaml", list(SMALL))
    generate(recipe, out, frames=2, base_dir=root / "examples/warehouse")
    return out


def test_it_verifies_and_shows_every_class(warehouse: Path) -> None:
    report = verify(warehouse)
    assert report.findings == () and report.counts["coco.score"] > 0
    seen = {o["class"] for r in Dataset(warehouse).records() for c in r["cameras"] for o in c["objects"]}
    assert seen == {"shelf", "pallet_load", "bucket", "pallet_jack", "parcel", "tote"}


def test_every_labelled_component_of_the_stage_is_known_by_its_own_path(warehouse: Path, root: Path) -> None:
    """Native instances are told apart: what pxr finds labelled is what the overview can see, and nothing else."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(root / "examples/warehouse/warehouse.usda"))
    labelled = {}
    for prim in stage.Traverse():
        labels = prim.GetAttribute("semantics:labels:class").Get()
        if labels:
            labelled[str(prim.GetPath())] = labels[0]
    for record in Dataset(warehouse).records():
        for camera in record["cameras"]:
            for item in camera["objects"]:
                assert labelled[item["prim_path"]] == item["class"]
    paths = {o["prim_path"] for r in Dataset(warehouse).records() for c in r["cameras"] for o in c["objects"]}
    assert len(paths) > 8


def test_sizes_are_those_of_the_files(warehouse: Path, root: Path) -> None:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(root / "examples/warehouse/warehouse.usda"))
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render"])
    items = [o for r in Dataset(warehouse).records() for c in r["cameras"] for o in c["objects"]]
    for item in items[:10]:
        size = (
            cache.ComputeUntransformedBound(stage.GetPrimAtPath(item["prim_path"]))
            .ComputeAlignedRange()
            .GetSize()
        )
        assert np.all(np.array(item["size"]) <= np.array(size) + 1e-4)
        assert max(item["size"]) == pytest.approx(max(size), rel=0.02)


def test_the_same_seed_gives_the_same_picture_in_a_new_process(
    root: Path, shared: Path, warehouse: Path, tmp_path: Path
) -> None:
    """The second frame, made without the first."""
    options = [f"--set={change}" for change in SMALL] + ["--frames", "2", "--shard", "1/2", "--no-verify"]
    recipe = root / "examples/warehouse/recipe.yaml"
    command = [
        sys.executable,
        "-m",
        "twinstage",
        "synth",
        "generate",
        str(recipe),
        "--out",
        str(tmp_path / "d"),
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "d/images").iterdir())
    assert len(made) == 3 * 3
    for path in made:
        assert path.read_bytes() == (warehouse / "images" / path.name).read_bytes(), path.name


def test_the_example_names_the_stage_beside_the_checkout(root: Path, shared: Path) -> None:
    from pxr import Sdf

    folder = root / "examples/warehouse"
    layer = Sdf.Layer.FindOrOpen(str(folder / load_recipe(folder / "recipe.yaml").stage))
    (below,) = layer.subLayerPaths
    there = shared / "assets/industrial/aws_small_warehouse/small_warehouse.usda"
    assert (folder / below).resolve() == there.resolve()
