"""Intrinsic shapes of no radius: no triangles, and never an exception."""

from pathlib import Path

import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.scene.tessellate import Shape, capsule, cylinder, sphere


@pytest.mark.parametrize("shape", [sphere(0.0), cylinder(1.0, 0.0, 0.0), capsule(1.0, 0.0, 0.0)])
def test_a_shape_of_no_radius_has_no_triangles(shape: Shape) -> None:
    assert shape.triangles.shape == (0, 3)


@pytest.mark.parametrize("size", ['custom string size = "big"', "Unknown size = 3"])
def test_a_size_that_is_no_number_is_told(tmp_path: Path, size: str) -> None:
    path = tmp_path / "s.usda"
    path.write_text(f'#usda 1.0\ndef Cube "C" {{\n {size}\n}}\ndef Cube "Fine" {{\n}}\n')
    snapshot = read_snapshot(open_stage(path, probe=False))
    assert len(snapshot.instances) == 1
    assert ("gprim.type", "/C") in {(f.code, f.path) for f in snapshot.findings}
