"""3D boxes, whole silhouettes and 6D poses: model points land where the judge's own formulas put them, within 0.01 px."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from exactness import ours
from exactness.cases import EYES, scene
from exactness.eyes import Eye
from twinstage.render.boxes import box_3d, full_box
from twinstage.render.poses import object_poses

PLACE = "10 km away, centimetres, Y-up"
LENSES = [
    name for name in EYES if not name.startswith("rolling") and "cut" not in name and "inside" not in name
]
PIXELS = 0.01
BITS = np.array(list(product((0, 1), repeat=3)), np.float64)


def _corners(thing) -> np.ndarray:
    low, high = thing.shape.box()
    local = low + BITS * (high - low)
    return local @ thing.placed[:3, :3].T + thing.placed[:3, 3]


def _seen(eye: Eye, corners: np.ndarray) -> bool:
    """Whether the lens shows all corners, well before the camera."""
    local = eye.local(corners)
    return bool((local[:, 2] > 0.3).all())


@pytest.mark.parametrize("lens", LENSES)
def test_boxes_and_poses(lens: str) -> None:
    made, about = scene("flat", PLACE)
    eye = EYES[lens](about)
    camera = ours.camera(eye)
    poses = object_poses(made.snapshot, camera)
    compared = 0
    for thing, row in zip(made.things, made.row.tolist(), strict=True):
        box = box_3d(made.snapshot, camera, row)
        assert box is not None
        corners = _corners(thing)
        assert np.abs(box.corners - corners).max() < 2e-6, thing.path
        assert np.isclose(np.linalg.det(poses.rotation[row]), 1.0)
        model = box.low + BITS * (box.high - box.low)
        local = poses.points(row, model)
        assert np.abs(local - eye.local(corners)).max() < 2e-6, thing.path
        if not _seen(eye, corners):
            continue
        compared += 1
        wanted = eye.project(corners)
        inside = (np.abs(wanted - [80, 60]) < [160, 120]).all(1)  # beyond, a distorted lens may see nothing
        assert np.abs(box.pixels - wanted)[inside].max(initial=0.0) < PIXELS, thing.path
        assert np.abs(box.depth - eye.local(corners)[:, 2]).max() < 1e-5
        if lens in ("pinhole", "orthographic") or lens.startswith("pinhole, offset"):
            full = full_box(made.snapshot, camera, row)
            assert full is not None
            assert np.abs(np.subtract(full, [*wanted.min(0), *wanted.max(0)])).max() < PIXELS, thing.path
    assert compared >= 3


def test_poses_of_a_wrong_matrix_are_caught() -> None:
    """A millimetre, or rows for columns, is more than the limits above."""
    made, about = scene("flat", "metres, Z-up")
    eye = EYES["pinhole"](about)
    shifted = replace(eye, pose=eye.pose + np.eye(4, k=3) * 1e-3)
    swapped = eye.pose.copy()
    swapped[:3, :3] = eye.pose[:3, :3].T
    corners = _corners(made.things[-1])
    for wrong in (shifted, replace(eye, pose=swapped)):
        poses = object_poses(made.snapshot, ours.camera(wrong))
        row = int(made.row[-1])
        box = box_3d(made.snapshot, ours.camera(wrong), row)
        assert box is not None
        local = poses.points(row, box.low + BITS * (box.high - box.low))
        assert np.abs(local - eye.local(corners)).max() > 1e-4
        assert not (np.abs(box.pixels - eye.project(corners)) < PIXELS).all()
