"""A picture that starts from the label pass's hits is the one that casts its own, through a frame's own ways."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from twinstage.render.engines import open_engine
from twinstage.synth.frame import FrameMaker
from twinstage.synth.images import photo
from twinstage.synth.look import look
from twinstage.synth.recipe import Recipe


def test_the_same_bytes_with_the_hits_of_the_label_pass_or_without(
    yard: Path, yard_recipe: Callable[..., Recipe]
) -> None:
    recipe = yard_recipe(engine={"kind": "raycast", "spp": 1})
    maker = FrameMaker(recipe, yard.parent)
    seen = []
    for frame in (0, 1):
        made = maker.randomized(frame)
        view = look(recipe, maker.staged, made, recipe.cameras[0])
        assert view.hits is not None and view.hits.camera is view.capture.camera
        both = [
            photo(
                open_engine(recipe.engine), recipe.engine, made.snapshot, each, made.effects, (1, frame)
            ).rgb
            for each in (view, replace(view, hits=None))
        ]
        assert both[0].tobytes() == both[1].tobytes() and both[0].std() > 5
        seen.append(both[0])
    assert not np.array_equal(*seen)
