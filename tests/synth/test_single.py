"""One frame alone: the bytes of the run, and a stage that other tools open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.synth.frame import FrameMaker
from twinstage.synth.plan import plan
from twinstage.synth.single import make_frame


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_has_the_bytes_of_the_run(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    done = make_frame(yard_recipe(), 1, tmp_path / "f", base_dir=yard.parent)
    alone = contents(tmp_path / "f")
    assert set(done.files) == set(alone) and "records/000001.json" in alone and done.usd is None
    assert alone.items() <= contents(yard_dataset).items()


def test_its_stage_shows_what_was_labelled(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    """pxr opens it without us: every matrix of the frame's own snapshot, and the texture's file."""
    from pxr import Usd, UsdGeom

    recipe = yard_recipe()
    done = make_frame(recipe, 2, tmp_path / "deep" / "f", base_dir=yard.parent, usd=True)
    stage = Usd.Stage.Open(str(done.usd))
    job = plan(recipe)[2]
    made = FrameMaker(recipe, yard.parent).randomized(2, done.summary.attempts - 1, job.split)
    cache = UsdGeom.XformCache()
    for path in ("/Yard/Box_A", "/Yard/Box_C", "/Yard/Cameras/Front", "/TwinstageCameras/side"):
        prim = stage.GetPrimAtPath(path)
        ours = made.snapshot.node_world[made.snapshot.prims.index_of[path]]
        theirs = np.array(cache.GetLocalToWorldTransform(prim)).T
        assert np.allclose(theirs, ours, atol=1e-9), path
    assert stage.GetDefaultPrim().GetPath() == "/Yard"
    texture = stage.GetPrimAtPath("/Yard/Looks/Printed/Picture").GetAttribute("inputs:file").Get()
    assert Path(texture.resolvedPath).is_file()
    assert str(tmp_path) not in Path(str(done.usd)).read_text()


def test_frames_and_folders_that_cannot_be(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="frame 3: the recipe has frames 0 to 2"):
        make_frame(yard_recipe(), 3, tmp_path / "f", base_dir=yard.parent)
    with pytest.raises(UserError, match="holds a dataset; choose another folder"):
        make_frame(yard_recipe(), 1, yard_dataset, base_dir=yard.parent)
    away = [{"kind": "camera", "name": "away", "cameras": ["Front"], "target": [50, 0, 5], "distance": 1}]
    recipe = yard_recipe(randomize=away, cameras=["Front"], accept={"attempts": 2})
    with pytest.raises(UserError, match="frame 0 is rejected, so there is no stage of it: 0 annotated"):
        make_frame(recipe, 0, tmp_path / "f", base_dir=yard.parent, usd=True)
