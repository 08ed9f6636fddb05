"""What a producer pushes comes out as columns, newest first, and nonsense is refused in one sentence."""

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from twinstage.base.errors import UserError
from twinstage.live.edits import ProducerEdits
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage


@pytest.fixture
def edits(tmp_path_factory: pytest.TempPathFactory) -> ProducerEdits:
    path = tmp_path_factory.mktemp("stage") / "two.usda"
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.Cube.Define(stage, "/A")
    box = UsdGeom.Xform.Define(stage, "/A/B")
    box.AddTranslateOp().Set((1.0, 2.0, 3.0))
    stage.Save()
    return ProducerEdits(read_snapshot(open_stage(path)))


def test_nothing_pushed_is_nothing_to_say(edits: ProducerEdits) -> None:
    assert edits.take(1, 0) is None


def test_newest_pose_wins_and_what_is_left_out_stays(edits: ProducerEdits) -> None:
    edits.set_pose("/A/B", position=(9, 9, 9))
    edits.set_pose("/A/B", rotation=(2, 0, 0, 0))
    columns = edits.take(4, 77)
    assert columns is not None
    assert columns.ordinal == 4
    assert columns.pose.event_ns == 77
    np.testing.assert_array_equal(columns.pose.translation, [[9, 9, 9]])
    np.testing.assert_array_equal(columns.pose.rotation, [[1, 0, 0, 0]])
    assert columns.pose.scale is None
    assert edits.take(5, 78) is None


def test_a_left_out_part_is_the_authored_one(edits: ProducerEdits) -> None:
    edits.set_pose("/A/B", scale=(1, 1, 2))
    columns = edits.take(1, 0)
    assert columns is not None
    np.testing.assert_allclose(columns.pose.translation, [[1, 2, 3]])
    np.testing.assert_allclose(columns.pose.scale, [[1, 1, 2]])


def test_a_left_out_part_survives_a_tick(edits: ProducerEdits) -> None:
    edits.set_pose("/A/B", position=(5, 5, 5))
    edits.take(1, 0)
    edits.set_pose("/A/B", rotation=(0, 0, 0, 1))
    columns = edits.take(2, 0)
    assert columns is not None
    np.testing.assert_array_equal(columns.pose.translation, [[5, 5, 5]])


def test_visibility_and_colour(edits: ProducerEdits) -> None:
    edits.set_visible("/A", False)
    edits.set_color("/A/B", (255, 0, 0, 255))
    columns = edits.take(1, 0)
    assert columns is not None
    assert list(columns.visibility.visible) == [False]
    assert columns.style.rgba.tolist() == [[255, 0, 0, 255]]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda e: e.set_pose("/A/C", position=(0, 0, 0)), "there is no prim /A/C; did you mean '/A/B'?"),
        (
            lambda e: e.set_pose("/A", position=(0, 0)),
            "a position of /A must be 3 finite numbers, got (0, 0)",
        ),
        (lambda e: e.set_pose("/A", rotation=(0, 0, 0, 0)), "the rotation of /A is the zero quaternion"),
        (
            lambda e: e.set_pose("/A", position=(0, 0, float("nan"))),
            "a position of /A must be 3 finite numbers",
        ),
    ],
)
def test_nonsense_is_refused(edits: ProducerEdits, call: object, text: str) -> None:
    with pytest.raises(UserError, match="^" + __import__("re").escape(text)):
        call(edits)  # type: ignore[operator]
    assert edits.take(1, 0) is None
