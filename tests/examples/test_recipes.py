"""Every recipe under examples/ runs as it is, in small, and its dataset and all its exports verify."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.recipe import load_recipe
from twinstage.synth.verify import verify

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SMALL = ["engine={kind: raycast}", "resolution=[160, 120]", "accept.min_visible_px=20"]
CHECKED = {
    "bin_picking/recipe.yaml": ({"bolt", "gear", "bushing", "bracket"}, ("filling.count=[14, 16]",)),
    "parcels/recipe.yaml": ({"parcel"}, ("how_many.count=[8, 9]",)),
    "warehouse/recipe.yaml": ({"shelf", "pallet_load", "bucket", "pallet_jack", "parcel", "tote"}, ()),
    "warehouse/kitti.yaml": ({"shelf", "pallet_load"}, ("cameras.truck.resolution=[310, 94]",)),
}
"""By recipe: classes that two frames show at least, and what more makes it small."""


def recipes() -> set[str]:
    """The recipes below examples/ but those of randomizers/, which tests/synth/randomizers runs one by one."""
    out = set()
    for path in EXAMPLES.glob("**/*.yaml"):
        data = yaml.safe_load(path.read_text())
        if path.parent.name != "randomizers" and ("recipe" in data or "include" in data):
            out.add(path.relative_to(EXAMPLES).as_posix())
    return out


def test_none_is_left_out() -> None:
    assert recipes() == set(CHECKED)


@pytest.mark.parametrize("name", CHECKED)
def test_it_runs_and_all_that_it_writes_verifies(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("warehouse/"):
        request.getfixturevalue("shared")
    classes, more = CHECKED[name]
    recipe = load_recipe(EXAMPLES / name, [*SMALL, *more])
    done = generate(recipe, tmp_path / "d", frames=2, base_dir=(EXAMPLES / name).parent)
    assert done.images == 2 * len(recipe.cameras) and done.annotations > 4
    report = verify(tmp_path / "d")
    assert report.findings == ()
    dataset = Dataset(tmp_path / "d")
    records = list(dataset.records())
    assert {o["class"] for r in records for c in r["cameras"] for o in c["objects"]} >= classes
    for export in recipe.export:
        assert any((tmp_path / "d" / export.folder).rglob("*"))
    for rest in (draws["rest"] for r in records for draws in r["draws"].values() if "rest" in draws):
        assert rest["max_penetration"] <= 5e-4 and rest["max_speed"] <= 0.005
    assert "Warning" not in capfd.readouterr().err  # OpenUSD found every file


def exports(name: str) -> Sequence[str]:
    return [writer.kind for writer in load_recipe(EXAMPLES / name).export]


def test_the_three_datasets_cover_the_formats() -> None:
    kinds = {kind for name in CHECKED for kind in exports(name)}
    assert kinds >= {"coco", "yolo", "kitti", "bop"}


def test_the_index_names_every_example() -> None:
    index = (EXAMPLES / "README.md").read_text()
    for folder in sorted(p for p in EXAMPLES.iterdir() if p.is_dir()):
        assert f"]({folder.name}/" in index, folder.name
