"""The camera for stages without one sees all that is drawn, and nothing but a little air around it."""

from pathlib import Path

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.framing import drawn_bounds, frame_scene
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

SCENE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Cube "A" { double size = 2
 double3 xformOp:translate = (10, 0, 0)
 uniform token[] xformOpOrder = ["xformOp:translate"] }
def Cube "B" { double size = 1
 double3 xformOp:translate = (0, 5, 3)
 uniform token[] xformOpOrder = ["xformOp:translate"] }
def Cube "Hidden" { double size = 500
 token visibility = "invisible" }
def PointInstancer "P" { rel prototypes = </P/C>
 int[] protoIndices = [0, 0]
 point3f[] positions = [(-4, 0, 0), (0, 0, -6)]
 def Cube "C" { double size = 0.5
 double3 xformOp:translate = (0, 0, 1)
 uniform token[] xformOpOrder = ["xformOp:translate"] } }
"""


def read(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "s.usda"
    path.write_text(text.replace(" }", "\n}"))
    return read_snapshot(open_stage(path, probe=False))


def test_bounds_are_those_of_what_is_visible(tmp_path: Path) -> None:
    low, high = drawn_bounds(read(tmp_path, SCENE))
    assert np.allclose(low, (-4.25, -1, -5.25)) and np.allclose(high, (11, 5.5, 3.5))


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (100, 700)])
def test_every_corner_is_inside_the_image(tmp_path: Path, size: tuple[int, int]) -> None:
    snapshot = read(tmp_path, SCENE)
    camera = frame_scene(snapshot, *size)
    low, high = drawn_bounds(snapshot)
    corners = np.array([[(low, high)[b][i] for i, b in enumerate(bits)] for bits in np.ndindex(2, 2, 2)])
    seen = np.linalg.inv(camera.world_from_camera) @ np.c_[corners, np.ones(8)].T
    assert (seen[2] > camera.near).all() and (seen[2] < camera.far).all()
    pixels = (camera.K @ seen[:3])[:2] / seen[2]
    assert (pixels > 0).all() and (size > pixels.T).all()
    assert np.ptp(pixels, axis=1).max() > 0.3 * min(size)


def test_nothing_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"s\.usda draws nothing"):
        frame_scene(read(tmp_path, '#usda 1.0\ndef Xform "A" { }\n'), 64, 64)


def test_nothing_drawn_is_told_with_what_went_wrong(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "elsewhere.usda").write_text('#usda 1.0\ndef Cube "B" {\n}\n')
    lost = '#usda 1.0\ndef Xform "A" (\n references = @../elsewhere.usda@</B>\n)\n{\n}\n'
    with pytest.raises(UserError, match=r"draws nothing.* \(.*elsewhere.*outside.*\)$"):
        drawn_bounds(read(inside, lost))
    (tmp_path / "elsewhere.usda").unlink()
    with pytest.raises(UserError, match=r"draws nothing.* \(.*Could not open asset.*elsewhere.*\)$"):
        drawn_bounds(read(inside, lost))
