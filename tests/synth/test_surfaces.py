"""Points on triangles, against areas that are known; support, against a surface that can be told in one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.draws import Stream
from twinstage.synth.surfaces import surface_of

ROOFS = """#usda 1.0
(
    metersPerUnit = {mpu}
    upAxis = "{up}"
    defaultPrim = "Roofs"
)
def Xform "Roofs"
{{
    {root}
    def Mesh "Roof"
    {{
        int[] faceVertexCounts = [4, 4, 4]
        int[] faceVertexIndices = [0, 1, 2, 3, 3, 2, 4, 5, 6, 7, 8, 9]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (1, 4, 3), (0, 4, 3),
            (0, 0, -1), (0, 5, -1), (1, 5, -1), (1, 0, -1)]
        uniform token subdivisionScheme = "none"
    }}
    def Mesh "Mirrored"
    {{
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
        uniform token subdivisionScheme = "none"
        double3 xformOp:translate = (5, 0, 2)
        float3 xformOp:scale = (-1, 1, 1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }}
}}
"""
"""A flat square, a slope of 45 degrees three times its depth, a ceiling that faces down, and a mirrored floor at 2 m."""


def roofs(folder: Path, up: str = "Z", mpu: float = 1.0) -> Snapshot:
    order = (["rotateX"] if up == "Y" else []) + ["scale"]
    root = f"double3 xformOp:scale = ({1 / mpu}, {1 / mpu}, {1 / mpu})\n"
    root += "float xformOp:rotateX = -90\n" if up == "Y" else ""
    root += "uniform token[] xformOpOrder = [" + ", ".join(f'"xformOp:{op}"' for op in order) + "]"
    (folder / "roofs.usda").write_text(ROOFS.format(mpu=mpu, up=up, root=root))
    return read_snapshot(open_stage(folder / "roofs.usda", probe=False))


def index(snapshot: Snapshot, name: str) -> int:
    return snapshot.prims.index_of[f"/Roofs/{name}"]


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
def test_points_are_uniform_over_the_area_and_lie_on_it(tmp_path: Path, up: str, mpu: float) -> None:
    snapshot = roofs(tmp_path, up, mpu)
    surface = surface_of(snapshot, [index(snapshot, "Roof")], 50)
    assert surface.until[-1] == pytest.approx(1 + 3 * np.sqrt(2))
    stream = Stream("points")
    drawn = [surface.spot(stream) for _ in range(6000)]
    points = np.array([p for p, _ in drawn])
    x, y, z = points.T
    np.testing.assert_allclose(z, np.maximum(y - 1, 0), atol=1e-6)
    flat = y < 1
    assert flat.mean() == pytest.approx(1 / (1 + 3 * np.sqrt(2)), abs=0.02)
    # Ten by ten cells over the slope: chi-square with 99 degrees of freedom stays below its 99.9 % point.
    cells, _, _ = np.histogram2d(x[~flat], y[~flat], bins=10, range=[[0, 1], [1, 4]])
    expected = (~flat).sum() / 100
    assert ((cells - expected) ** 2 / expected).sum() < 148.2
    normals = np.array([n for _, n in drawn])
    np.testing.assert_allclose(normals[flat], np.broadcast_to([0, 0, 1], normals[flat].shape), atol=1e-6)
    tilted = np.array([0, -1, 1]) / np.sqrt(2)
    np.testing.assert_allclose(normals[~flat], np.broadcast_to(tilted, normals[~flat].shape), atol=1e-6)


def test_slopes_ceilings_and_hidden_things_are_left_out(tmp_path: Path) -> None:
    snapshot = roofs(tmp_path)
    assert surface_of(snapshot, [index(snapshot, "Roof")], 44).until[-1] == pytest.approx(1)
    hidden = replace(snapshot, instances=replace(snapshot.instances, visible=np.zeros(2, bool)))
    assert len(surface_of(hidden, [index(snapshot, "Roof")], 44)) == 0


def test_a_mirrored_floor_faces_up_still(tmp_path: Path) -> None:
    snapshot = roofs(tmp_path)
    surface = surface_of(snapshot, [index(snapshot, "Mirrored")], 10)
    assert surface.until[-1] == pytest.approx(1)
    point, normal = surface.spot(Stream("p"))
    assert 4 <= point[0] <= 5 and point[2] == pytest.approx(2) and normal[2] == pytest.approx(1)


def test_support_asks_for_a_surface_below_each_point(tmp_path: Path) -> None:
    snapshot = roofs(tmp_path)
    surface = surface_of(snapshot, [index(snapshot, "Roof")], 50)
    assert surface.heights(0.5, 3).tolist() == pytest.approx([2])
    assert surface.heights(0.5, -0.1).tolist() == []
    square = np.array([[x, y, 0.0] for x in (0.2, 0.8) for y in (0.1, 0.9)])
    assert surface.bears(square, 0.005)
    assert not surface.bears(square + np.array([0.3, 0, 0]), 0.005)  # over the edge
    assert not surface.bears(square + np.array([0, 0.5, 0]), 0.005)  # the slope comes through
    assert not surface.bears(square + np.array([0, 0, 0.1]), 0.005)  # it floats
