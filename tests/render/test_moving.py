"""Cameras that move while their shutter is open, against USD's own interpolation."""

from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.moving import camera_at, moving_camera
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

RIG = """#usda 1.0
( metersPerUnit = 1
  upAxis = "Z"
  timeCodesPerSecond = 50
  startTimeCode = 0
  endTimeCode = 100 )
def Xform "Rig" { double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 100: (10, 0, 0) }
  uniform token[] xformOpOrder = ["xformOp:translate"]
  def Camera "Eye" { double shutter:open = -0.5
    double shutter:close = 0.5
    double twin:shutter:readout = 0.01
  }
  def Camera "Still" {}
}
def Cube "Box" {}
"""


@pytest.fixture
def opened(tmp_path: Any) -> Any:
    (tmp_path / "rig.usda").write_text(RIG)
    return open_stage(tmp_path / "rig.usda", [tmp_path], probe=False)


def test_camera_moves_with_its_rig_while_the_shutter_is_open(opened):
    # 10 units in 100 codes at 50 codes a second: 5 m/s; the middle of the exposure is at code 20.
    camera, motion = camera_at(opened, "Eye", 64, 48, time_code=20.0, keys=3)
    assert camera.world_from_camera[:3, 3] == pytest.approx([2, 0, 0])
    x = camera.row_poses()[:, 0, 3]
    assert x[0] == pytest.approx(2.0) and x[-1] == pytest.approx(2.0 + 5 * 0.01)
    assert np.allclose(np.diff(x), 5 * 0.01 / 47)
    assert motion.seconds[0] == pytest.approx(-0.01) and motion.seconds[-1] == pytest.approx(0.02)
    assert motion.at(0.0).node_world[camera_row(motion)][:3, 3] == pytest.approx([2, 0, 0])
    seen = motion.at(0.015)
    expected = read_snapshot(opened, 20.0 + 0.015 * 50).node_world
    assert np.allclose(seen.node_world, expected)


def camera_row(motion):
    return motion.snapshots[0].cameras[0].prim


def test_a_shutter_that_opens_and_closes_at_once_needs_one_moment(opened):
    camera, motion = camera_at(opened, "Still", 64, 48, time_code=20.0)
    assert camera.path is None and motion.seconds == (0.0,)


def test_moments_without_movement_give_no_path(opened):
    snapshot = read_snapshot(opened, 5.0)
    camera, motion = moving_camera([(-0.1, snapshot), (0.1, snapshot)], "Eye", 64, 48)
    assert camera.path is None and motion.still


def test_a_rolling_shutters_projection_agrees_with_its_rays(opened):
    moments = [(t / 50.0, read_snapshot(opened, 20.0 + t)) for t in (-1.0, 0.0, 1.0)]
    camera, _ = moving_camera(moments, "Eye", 64, 48)
    origins, directions = camera.rays()
    pixels, _ = camera.project(origins + 4.0 * directions)
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    assert np.abs(pixels - np.stack([x.ravel(), y.ravel()], -1)).max() < 0.01


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda s, o: moving_camera([(0.1, s), (0.0, s)], "Eye", 8, 8), "rise"),
        (lambda s, o: moving_camera([], "Eye", 8, 8), "rise"),
        (lambda s, o: moving_camera([(0.0, s)], "Eyes", 8, 8), "did you mean 'Eye'"),
        (lambda s, o: camera_at(o, "Eye", 8, 8, keys=1), "2 to 64 moments"),
    ],
)
def test_mistakes_are_one_sentence(opened, call, sentence):
    with pytest.raises(UserError, match=sentence):
        call(read_snapshot(opened, 0.0), opened)
