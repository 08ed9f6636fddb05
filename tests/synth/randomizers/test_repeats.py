"""Randomizers of looks repeat: alone, in a run, among others."""

from collections.abc import Callable
from pathlib import Path

from tests.synth.randomizers.looks import MakeYard

from twinstage.scene.edits import apply_edits, batch
from twinstage.synth.frame import FrameMaker
from twinstage.synth.recipe import Recipe

KINDS = ("material", "binding", "environment", "sun", "lights", "background", "fog", "sensor")


def test_a_frame_made_alone_has_the_bytes_of_one_made_in_a_run(
    small_recipe: Callable[..., Recipe], recipes: Path, tmp_path: Path
) -> None:
    more = ["engine={kind: raycast, spp: 1}"]
    items = {r.name: r for kind in KINDS for r in small_recipe(kind, more).randomize}
    recipe = small_recipe("fog", more).model_copy(update={"randomize": tuple(items.values())})
    run = FrameMaker(recipe, recipes)
    for frame in range(3):
        run.make(tmp_path / "run", frame)
    FrameMaker(recipe, recipes).make(tmp_path / "alone", 2)
    alone = sorted(p.relative_to(tmp_path / "alone") for p in (tmp_path / "alone").rglob("*") if p.is_file())
    assert len(alone) == 5
    for path in alone:
        assert (tmp_path / "alone" / path).read_bytes() == (tmp_path / "run" / path).read_bytes(), path


def test_adding_one_disturbs_no_other(yard_with: MakeYard) -> None:
    lamps = {"kind": "lights", "name": "pool"}
    sun = {"kind": "sun", "name": "sun", "azimuth": [0, 9], "elevation": [20, 50]}
    fog = {"kind": "fog", "name": "fog", "visibility": [1, 9]}
    alone = yard_with(lamps)[0].randomized(1).draws["pool"]
    among = yard_with(fog, sun, lamps)[0].randomized(1).draws
    assert among["pool"] == alone and set(among) == {"fog", "sun", "pool"}
    assert apply_edits(yard_with()[0].snapshot, batch([])).lights  # an empty batch changes nothing
