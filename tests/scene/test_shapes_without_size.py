"""Intrinsic shapes of no radius: no triangles, and never an exception."""

import pytest

from twinstage.scene.tessellate import Shape, capsule, cylinder, sphere


@pytest.mark.parametrize("shape", [sphere(0.0), cylinder(1.0, 0.0, 0.0), capsule(1.0, 0.0, 0.0)])
def test_a_shape_of_no_radius_has_no_triangles(shape: Shape) -> None:
    assert shape.triangles.shape == (0, 3)
