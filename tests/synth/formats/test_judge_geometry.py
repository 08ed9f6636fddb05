"""What the judges of exports compute for themselves: which ray hits a model where, and what is in front of a camera."""

import numpy as np
import pytest
import trimesh

from twinstage.synth.verify.formats import bop
from twinstage.synth.verify.formats.shapes import Mesh, first_hits
from twinstage.synth.verify.report import Judge


def test_first_hits_are_those_of_the_planes_of_a_box() -> None:
    """A box that is turned and moved, against slabs: the depth along rays of z = 1."""
    box = trimesh.creation.box(extents=(1.0, 2.0, 0.5))
    mesh = Mesh(np.array(box.vertices), np.array(box.faces))
    R = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])[:3, :3]
    t = np.array([0.1, -0.2, 4.0])
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 41), np.linspace(-0.5, 0.5, 41))
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    origin, ways, half = -R.T @ t, rays @ R, np.array([0.5, 1.0, 0.25])
    a, b = (-half - origin) / ways, (half - origin) / ways
    enter, leave = np.minimum(a, b).max(1), np.maximum(a, b).min(1)
    found = first_hits(mesh, R, t, rays)
    clear = np.abs(leave - enter) > 1e-6  # not along an edge
    assert (np.isfinite(found) == (enter <= leave))[clear].all() and np.isfinite(found).sum() > 100
    hit = clear & (enter <= leave)
    assert found[hit] == pytest.approx(enter[hit], abs=1e-9)
    behind = first_hits(mesh, R, t, rays, near=float(enter[hit].max()) + 1e-6)
    assert (behind[hit] >= enter[hit]).all()


@pytest.mark.parametrize(
    ("z", "right"),
    [
        (-0.9, True),
        (0.5, True),
        (-1.1, False),
    ],  # a shelf 2 m deep whose middle is behind the camera, or all of it
)
def test_a_model_is_in_front_of_the_camera_if_any_part_of_it_is(z: float, right: bool) -> None:
    box = trimesh.creation.box(extents=(0.5, 0.5, 2.0))
    mesh, judge = Mesh(np.array(box.vertices), np.array(box.faces)), Judge()
    pose = np.eye(3), np.array([0, 0, z])
    bop._check_in_front(mesh, pose, np.ones((2, 2), bool), "it", judge)
    assert (judge.findings == []) is right
    bop._check_in_front(None, pose, np.zeros((2, 2), bool), "it", judge)  # unseen
    assert (judge.findings == []) is right
