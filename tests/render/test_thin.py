"""What is squashed flat is a sheet that labels see."""

import numpy as np
import pytest

from twinstage.render.aovs import MAKERS
from twinstage.render.boxes import box_3d
from twinstage.render.camera import look_at
from twinstage.render.labels import label_pass
from twinstage.render.thin import flat, inverse, inverses, solid

STILL = [name for name in MAKERS if name != "motion" and not name.startswith("flow")]


def test_flat_is_a_plane_no_line_no_point_and_nothing_thick() -> None:
    thick = np.diag([1.0, 1e-5, 1e-6])
    sheet = np.array([[1.0, 5, 9], [-3, -7, -11], [2, 6, 10]])
    line, point = np.diag([2.0, 0, 0]), np.zeros((3, 3))
    broken, mirrored = np.full((3, 3), np.nan), np.diag([-1.0, 2, 3])
    found = flat(np.array([np.eye(3), thick, sheet, line, point, broken, mirrored]))
    assert found.tolist() == [False, False, True, False, False, False, False]
    found = solid(np.array([np.eye(3), thick, sheet, line, point, broken, mirrored]))
    assert found.tolist() == [True, True, False, False, False, False, True]
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = sheet, (1, 2, 3)
    there = whole @ np.array([0.3, -0.2, 0.5, 1])
    assert np.allclose(whole @ inverse(whole) @ there, there)
    solid_one = np.eye(4)
    solid_one[:3, :3] = np.diag([-1.0, 2, 3])
    both = inverses(np.stack([whole, solid_one, whole]))
    assert np.allclose(both[1] @ solid_one, np.eye(4))
    assert np.array_equal(both[0], inverse(whole)) and np.array_equal(both[2], both[0])


@pytest.mark.parametrize("squash", [np.diag([1.0, 1, 0]), np.array([[1.0, 0, 0.4], [0, 1, 0.2], [0, 0, 0]])])
def test_a_squashed_box_is_a_sheet(hand, squash: np.ndarray) -> None:
    """A unit box pressed onto the plane z = 0.5: the closed form is the ray's place in that plane."""
    pose = hand.pose([0.2, 0.1, 0.5])
    pose[:3, :3] = squash
    snapshot = hand.snapshot([(hand.box(), pose, 0), (hand.quad(9.0), hand.pose(), 1)])
    camera = look_at([0.3, -2.0, 2.5], [0, 0, 0.3], width=80, height=60)
    capture = label_pass(snapshot, camera, aovs=STILL)
    origin, direction = camera.rays()
    t = (0.5 - origin[:, 2]) / direction[:, 2]
    x, y = (origin[:, :2] + t[:, None] * direction[:, :2] - pose[:2, 3]).T
    reach = 0.5 + 0.5 * np.abs(squash[:2, 2])
    inside = np.maximum(np.abs(x) / reach[0], np.abs(y) / reach[1])
    seen = capture.aovs["object"].ravel() == 1
    if not squash[:2, 2].any():
        assert (seen == (inside < 1))[np.abs(inside - 1) > 1e-4].all()
    assert seen.sum() > 300 and not seen[inside > 1.001].any()
    assert np.allclose(capture.aovs["depth"].ravel()[seen], t[seen], rtol=1e-6)
    assert np.allclose(capture.aovs["normal"].reshape(-1, 3)[seen], [0, 0, 1], atol=1e-4)
    nocs = capture.aovs["nocs"].reshape(-1, 3)[seen]
    assert ((nocs >= 0) & (nocs <= 1)).all()
    box = box_3d(snapshot, camera, 0)
    assert box is not None and np.allclose(box.corners[:, 2], 0.5, atol=1e-6)
