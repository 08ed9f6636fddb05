"""Rigs and stereo pairs against OpenCV's stereo functions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import PINHOLE, OpenCV
from twinstage.render.motion import Trajectory
from twinstage.render.rig import Rig, StereoPair, rig_of_scene, stereo_of_scene, stereo_pair
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

cv2 = pytest.importorskip("cv2")

POINTS = np.random.default_rng(0).uniform([-2, -2, -1], [2, 2, 2], (40, 3))


def eye(position=(6, -5, 3), target=(0, 0, 0), **more: Any) -> Camera:
    return look_at(position, target, **more)


@pytest.mark.parametrize("centred", [False, True])
def test_disparity_of_a_parallel_pair(centred):
    camera = eye()
    pair = stereo_pair(camera, 0.12, centred=centred)
    assert pair.is_rectified and pair.baseline == pytest.approx(0.12)
    left, depth = pair.left.project(POINTS)
    right, _ = pair.right.project(POINTS)
    assert np.abs(left[:, 1] - right[:, 1]).max() < 1e-9
    assert np.abs(left[:, 0] - right[:, 0] - camera.K[0, 0] * 0.12 / depth).max() < 1e-9
    assert np.allclose(pair.disparity(depth), left[:, 0] - right[:, 0])
    assert np.allclose(pair.depth(left[:, 0] - right[:, 0]), depth)
    middle = (pair.left.world_from_camera[:3, 3] + pair.right.world_from_camera[:3, 3]) / 2
    assert np.allclose(
        middle if centred else pair.left.world_from_camera[:3, 3], camera.world_from_camera[:3, 3]
    )
    assert pair.disparity(np.array([np.inf])) == 0


def test_q_reprojects_as_opencv_does():
    pair = stereo_pair(eye(width=320, height=240), 0.2)
    left, depth = pair.left.project(POINTS)
    disparity = pair.disparity(depth)
    # OpenCV's own Q for the same rig.
    k = np.array(pair.left.K)
    k[:2, 2] -= 0.5
    r_t = pair.rig.relative(0, 1)
    found = cv2.stereoRectify(
        k, np.zeros(5), k, np.zeros(5), (320, 240), r_t[:3, :3], r_t[:3, 3:], flags=cv2.CALIB_ZERO_DISPARITY
    )
    p1, theirs = found[2], found[4]
    ours = pair.q(integer_centres=True)
    # It chooses its own focal length and centre; for those, Q has the same form.
    assert theirs[3, 2] == pytest.approx(ours[3, 2]) and theirs[3, 3] == pytest.approx(ours[3, 3])
    assert theirs[:3, 3] == pytest.approx([-p1[0, 2], -p1[1, 2], p1[0, 0]])
    assert ours[:3, 3] == pytest.approx([-k[0, 2], -k[1, 2], k[0, 0]])
    in_left = (POINTS - pair.left.world_from_camera[:3, 3]) @ pair.left.world_from_camera[:3, :3]
    pixels = np.stack([left[:, 0] - 0.5, left[:, 1] - 0.5, disparity], -1)
    assert np.abs(cv2.perspectiveTransform(pixels[None], ours)[0] - in_left).max() < 1e-9
    homogeneous = np.stack([left[:, 0], left[:, 1], disparity, np.ones(len(left))], -1) @ pair.q().T
    assert np.abs(homogeneous[:, :3] / homogeneous[:, 3:] - in_left).max() < 1e-9


def test_principal_points_and_pixels_may_differ():
    left = Camera("l", 640, 480, pinhole(500, 400, 300, 250), np.eye(4))
    pose = np.eye(4)
    pose[0, 3] = 0.3
    pair = StereoPair(left, Camera("r", 640, 480, pinhole(500, 400, 340, 250), pose))
    assert pair.is_rectified
    points = np.array([[0.1, 0.2, 2.0], [0.5, -0.1, 7.0]])
    a, b = left.project(points)[0], pair.right.project(points)[0]
    assert np.allclose(pair.disparity(points[:, 2]), a[:, 0] - b[:, 0])
    h = np.column_stack([a, a[:, 0] - b[:, 0], np.ones(2)]) @ pair.q().T
    assert np.allclose(h[:, :3] / h[:, 3:], points)


def test_converging_and_distorted_cameras_are_rectified():
    left = eye((6, -5, 3), (0, 0, 0))
    across = left.world_from_camera[:3, 0]
    right = look_at(np.array([6, -5, 3]) + 0.4 * across + [0, 0, 0.02], [0.1, 0, 0], roll=0.02)
    left = Camera("l", 640, 480, left.K, left.world_from_camera, lens=OpenCV((-0.1, 0.01)))
    pair = StereoPair(left, right)
    assert not pair.is_rectified
    with pytest.raises(UserError, match="rectified"):
        pair.disparity(np.ones(1))
    flat = pair.rectified()
    assert flat.is_rectified and flat.left.lens is PINHOLE and flat.baseline == pytest.approx(pair.baseline)
    a, depth = flat.left.project(POINTS)
    b, _ = flat.right.project(POINTS)
    assert np.abs(a[:, 1] - b[:, 1]).max() < 1e-9
    assert np.allclose(a[:, 0] - b[:, 0], flat.disparity(depth))
    assert np.allclose(flat.left.world_from_camera[:3, 3], left.world_from_camera[:3, 3])
    assert flat.left.world_from_camera[:3, 2] @ left.world_from_camera[:3, 2] > 0.99


def test_relative_poses_are_opencvs_r_and_t():
    a, b, c = eye(), eye((1, 7, 2)), eye((-4, 3, 5), roll=1.0)
    rig = Rig((a, b, c))
    # x_b = R x_a + T
    in_a = (POINTS - a.world_from_camera[:3, 3]) @ a.world_from_camera[:3, :3]
    in_c = (POINTS - c.world_from_camera[:3, 3]) @ c.world_from_camera[:3, :3]
    r_t = rig.relative(0, 2)
    assert np.allclose(in_a @ r_t[:3, :3].T + r_t[:3, 3], in_c)
    assert np.allclose(rig.world_from_rig @ rig.rig_from_cameras[1], b.world_from_camera)
    moved = rig.moved(b.world_from_camera)
    assert np.allclose(moved.relative(0, 2), r_t) and np.allclose(
        moved.cameras[0].world_from_camera, b.world_from_camera
    )


STEREO = (
    'def Xform "{0}" {{ double3 xformOp:translate = ({1}, 0, 2)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    ' def Camera "L" {{ uniform token stereoRole = "left"\n}}\n'
    ' def Camera "R" {{ uniform token stereoRole = "right"\n double3 xformOp:translate = (0.1, 0, 0)\n'
    ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}}\n def Camera "M" {{}}\n}}\n'
)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def make(body: str, name: str) -> Any:
        (tmp_path / name).write_text(f'#usda 1.0\n( metersPerUnit = 1\n upAxis = "Z" )\n{body}')
        return read_snapshot(open_stage(tmp_path / name, [tmp_path], probe=False))

    return make


def test_pairs_of_a_stage_by_their_roles(read):
    s = read(STEREO.format("Head", 0), "one.usda")
    pair = stereo_of_scene(s, 64, 48)
    assert (pair.left.name, pair.right.name) == ("L", "R") and pair.is_rectified
    assert pair.baseline == pytest.approx(0.1)
    two = read(STEREO.format("Head", 0) + STEREO.format("Head2", 5), "two.usda")
    with pytest.raises(UserError, match=r"stereoRole left in .*two\.usda; found /Head/L, /Head2/L"):
        stereo_of_scene(two, 64, 48)
    assert stereo_of_scene(two, 64, 48, "/Head2").left.world_from_camera[0, 3] == pytest.approx(5)
    with pytest.raises(UserError, match="below /Hea; found none"):
        stereo_of_scene(two, 64, 48, "/Hea")
    assert len(rig_of_scene(s, ["L", "M", "/Head/R"], 64, 48).cameras) == 3


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Rig(()), "needs a camera"),
        (lambda: stereo_pair(eye(), 0.0), "above 0 m"),
        (lambda: stereo_pair(eye(), float("nan")), "above 0 m"),
        (lambda: StereoPair(eye(), eye()).rectified(), "same place"),
        (
            lambda: StereoPair(stereo_pair(eye(), 1.0).right, stereo_pair(eye(), 1.0).left).rectified(),
            "to the right",
        ),
        (
            lambda: Rig(
                (
                    Camera(
                        "a", 4, 4, np.eye(3), np.eye(4), path=Trajectory(np.arange(2.0), np.zeros((2, 4, 4)))
                    ),
                )
            ),
            "rest while",
        ),
    ],
)
def test_mistakes_are_one_sentence(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call()
