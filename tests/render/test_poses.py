"""6D poses: reprojected model points land where the object's own points do."""

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.poses import object_poses, rotation_vector

cv2 = pytest.importorskip("cv2")


def rotation(seed: int) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.linalg.det(q)


@pytest.fixture
def cases(hand):
    shear = np.eye(4)
    shear[0, 1] = 0.4
    turned = hand.pose([0, 1, 2], rotation=rotation(2))
    return [
        hand.pose([1, 0, 0], rotation=rotation(1)),
        hand.pose([0, 1, 0], rotation=rotation(2), scale=[2, 0.5, 3]),
        hand.pose([0, 0, 1], rotation=rotation(3), scale=[-1, 1, 1]),
        hand.pose([0, 0, 1], rotation=rotation(4), scale=[1, 2, -3]),
        turned @ shear,
    ]


@pytest.fixture
def scene(hand, cases):
    s = hand.snapshot([(hand.box(), pose, k) for k, pose in enumerate(cases)])
    from dataclasses import replace

    from twinstage.scene.snapshot import ObjectTable, SceneObject

    # Each object is its own prim.
    objects = ObjectTable.of(
        [SceneObject(k, f"/p{k:04d}", -1, "", ()) for k in range(len(cases))], s.prims.path
    )
    return replace(s, objects=objects)


def test_model_points_reproject_onto_the_object(scene, cases):
    camera = look_at([6, 5, 4], [0, 0, 0])
    poses = object_poses(scene, camera)
    points = np.random.default_rng(0).normal(size=(50, 3))
    for k, world in enumerate(cases):
        r, t, model = poses.rotation[k], poses.translation[k], points @ poses.model[k].T
        assert np.allclose(r @ r.T, np.eye(3), atol=1e-12) and np.linalg.det(r) == pytest.approx(1)
        # By OpenCV, from the pose alone.
        rvec, _ = cv2.Rodrigues(r)
        theirs, _ = cv2.projectPoints(model, rvec, t, np.array(camera.K), np.zeros(5))
        ours, _ = camera.project(points @ world[:3, :3].T + world[:3, 3])
        assert np.abs(theirs[:, 0] - ours).max() < 0.01
        assert np.allclose(poses.points(k, points), model @ r.T + t)
        assert rotation_vector(r) == pytest.approx(rvec[:, 0], abs=1e-9)


def test_scale_mirror_and_shear_are_told(scene):
    poses = object_poses(scene, look_at([6, 5, 4], [0, 0, 0]))
    assert poses.mirrored.tolist() == [False, False, True, True, False]
    assert poses.sheared.tolist() == [False, False, False, False, True]
    assert poses.scale[1] == pytest.approx([2, 0.5, 3])
    assert np.abs(poses.scale[3]) == pytest.approx([1, 2, 3])
    assert np.linalg.det(poses.model[3]) == pytest.approx(-6)
    assert np.allclose(poses.model[0], np.eye(3)) and np.allclose(poses.model[1], np.diag([2, 0.5, 3]))
    assert np.allclose(poses.matrices[:, 3], [0, 0, 0, 1])


def test_some_objects_only_and_none(scene):
    camera = look_at([6, 5, 4], [0, 0, 0])
    assert object_poses(scene, camera, np.array([3, 1])).object.tolist() == [3, 1]
    assert len(object_poses(scene, camera, np.array([], int))) == 0


def test_what_is_squashed_flat_has_no_rotation(hand):
    s = hand.snapshot([(hand.box(), hand.pose([1, 2, 3], scale=[1, 0, 1]), 0)])
    poses = object_poses(s, look_at([6, 5, 4], [0, 0, 0]))
    assert np.isnan(poses.rotation).all() and np.isfinite(poses.translation).all()


def test_rotation_vectors_at_the_ends():
    assert rotation_vector(np.eye(3)) == pytest.approx([0, 0, 0])
    half_turn = np.diag([1.0, -1.0, -1.0])
    assert np.abs(rotation_vector(half_turn)) == pytest.approx([np.pi, 0, 0])
