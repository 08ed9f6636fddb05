"""Image files that randomizers choose among: splits, what cannot be used, what belongs to a dataset."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.synth.randomizers.looks import MakeYard, save

from twinstage.base.errors import UserError
from twinstage.synth.dealing import Dealing
from twinstage.synth.draws import Draws
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers import RANDOMIZERS
from twinstage.synth.unfinished import cpu


def test_a_split_sees_its_own_images_only(yard_with: MakeYard, tmp_path: Path) -> None:
    for k in range(6):
        save(tmp_path, f"sky/{k}.png", (k, k, k))
    maker, _ = yard_with({"kind": "environment", "maps": ["sky"]})
    (randomizer,) = maker.recipe.randomize
    dealing = Dealing(3, {"train": 1, "val": 1}, frozenset({"hdri"}))
    seen: dict[str, set[str]] = {"train": set(), "val": set()}
    for split, found in seen.items():
        for frame in range(20):
            draws = Draws(3, frame, "r0", 0, split, dealing)
            randomizer(maker.snapshot, draws)
            found.add(draws.log["map"])
    assert len(seen["train"]) == len(seen["val"]) == 3 and not seen["train"] & seen["val"]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (["nothing.hdr"], "'nothing.hdr' names no image in the recipe's folder"),
        (["none/*.hdr"], "names no image"),
        (["../elsewhere.png"], "outside the stage's folder and the recipe's asset_roots"),
        (["/etc/passwd"], "is absolute"),
        (["yard.usda"], "yard.usda is no image"),
    ],
)
def test_images_that_cannot_be_used(
    yard_writer: Callable[..., Path],
    yard_recipe: Callable[..., Any],
    tmp_path: Path,
    maps: list[str],
    message: str,
) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    yard_writer(folder)
    save(tmp_path, "elsewhere.png", (1, 2, 3))
    recipe = yard_recipe(randomize=[{"kind": "environment", "name": "sky", "maps": maps}])
    with pytest.raises(UserError, match=message) as caught:
        FrameMaker(recipe, folder).check()
    assert "\n" not in str(caught.value) and "'sky'" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "sun"}, "give azimuth and elevation, or place"),
        ({"kind": "sun", "azimuth": 1}, "give azimuth and elevation, or place"),
        ({"kind": "background", "palette": ["#ffffff"], "images": ["x"]}, "give one of"),
        ({"kind": "material", "materials": ["/a"]}, "nothing to do"),
        ({"kind": "material", "materials": ["/a"], "roughness": 1, "images": {"roughness": ["x"]}}, "both"),
        ({"kind": "sensor", "read_noise": 3}, "need a full_well"),
        ({"kind": "fog", "visibility": 3, "law": "other"}, "wmo"),
        ({"kind": "lights", "kinds": ["rect", "rect"]}, "each kind is named once"),
    ],
)
def test_recipes_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RANDOMIZERS.get(fields["kind"]).model_validate({"name": "r", **fields})


def test_an_image_that_changed_is_not_the_same_dataset(
    yard_writer: Callable[..., Path], yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    from twinstage.synth.generation import generate

    stage = yard_writer(tmp_path)
    digest = save(tmp_path, "sky.png", (1, 2, 3))
    recipe = yard_recipe(randomize=[{"kind": "environment", "name": "sky", "maps": ["sky.png"]}], export=[])
    generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["inputs"] == {"sky.png": digest}
    one = recipe.model_copy(update={"frames": 1})
    state = {**manifest, "recipe_hash": one.hash, "frames_hash": one.frames_hash, "shard": [0, 1]}
    (tmp_path / "out" / "manifest.json").unlink()
    kept = {k: state[k] for k in ("recipe_hash", "frames_hash", "stages", "inputs", "shard", "versions")}
    (tmp_path / "out" / ".run.json").write_text(json.dumps(kept | {"cpu": cpu()}))
    generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)  # the same goes on
    (tmp_path / "out" / "manifest.json").unlink()
    (tmp_path / "out" / ".run.json").write_text(json.dumps(kept | {"cpu": cpu()}))
    save(tmp_path, "sky.png", (3, 2, 1))
    with pytest.raises(UserError, match="other image files beside the stage"):
        generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)
