"""A stage at another time code: what is kept of the first reading equals what a second one gives."""

from pathlib import Path

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.read.again import only_transforms_vary, read_moved
from twinstage.scene.stage import open_stage

STAGE = """#usda 1.0
(
    startTimeCode = 0
    endTimeCode = 10
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Xform "World" {{
    double xformOp:rotateY.timeSamples = {{ 0: 0, 10: 90 }}
    uniform token[] xformOpOrder = ["xformOp:rotateY"]
    def Camera "Eye" {{
        double3 xformOp:translate.timeSamples = {{ 0: (0, 0, 100), 10: (50, 0, 100) }}
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
    def SphereLight "Lamp" {{
        double3 xformOp:translate.timeSamples = {{ 0: (0, 10, 0), 10: (0, 90, 0) }}
        uniform token[] xformOpOrder = ["!resetXformStack!", "xformOp:translate"]
    }}
    def Xform "Arms" {{
        def "One" (
            instanceable = true
            prepend references = </Arm>
        ) {{
        }}
        def "Two" (
            instanceable = true
            prepend references = </Arm>
        ) {{
        }}
    }}
    {more}
}}
class Xform "Arm" {{
    def Cube "Part" {{
        double xformOp:rotateZ.timeSamples = {{ 0: 0, 10: 360 }}
        matrix4d xformOp:transform = ( (2,0,0,0), (0,1,0,0), (0,0,1,0), (5,0,0,1) )
        uniform token[] xformOpOrder = ["xformOp:rotateZ", "xformOp:transform"]
    }}
}}
"""

OTHERS = {
    "a visibility": 'def Cube "C" {\n token visibility.timeSamples = { 0: "inherited", 5: "invisible" }\n}',
    "a size": 'def Cube "C" {\n double size.timeSamples = { 0: 1, 5: 2 }\n}',
    "a lens": 'def Camera "C" {\n float focalLength.timeSamples = { 0: 20, 5: 50 }\n}',
    "a light": 'def SphereLight "L" {\n float inputs:intensity.timeSamples = { 0: 1, 5: 2 }\n}',
    "points": 'def Points "P" {\n point3f[] points.timeSamples = { 0: [(0, 0, 0)], 5: [(1, 0, 0)] }\n}',
    "a prototype": """def PointInstancer "I" {
    rel prototypes = </World/Arms/One>
    int[] protoIndices = [0]
    point3f[] positions = [(0, 0, 0)]
}""",
    "a part of a prototype": """def PointInstancer "I" {
    rel prototypes = </World/I/A>
    int[] protoIndices = [0]
    point3f[] positions = [(0, 0, 0)]
    def Xform "A" {
        def Cube "C" {
            double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 5: (9, 0, 0) }
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
}""",
    "the points of an instancer": """def PointInstancer "I" {
    rel prototypes = </World/I/C>
    int[] protoIndices = [0]
    point3f[] positions.timeSamples = { 0: [(0, 0, 0)], 5: [(9, 0, 0)] }
    def Cube "C" {
    }
}""",
    "a skeleton": 'def SkelRoot "S" {\n}',
}


def _opened(tmp_path: Path, more: str = ""):  # type: ignore[no-untyped-def]
    path = tmp_path / "s.usda"
    path.write_text(STAGE.format(more=more))
    return open_stage(path, probe=False)


MOVING_INSTANCER = """def PointInstancer "I" {
    rel prototypes = </World/I/C>
    int[] protoIndices = [0, 0]
    point3f[] positions = [(0, 0, 0), (7, 0, 0)]
    double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (9, 0, 0) }
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Cube "C" {
    }
}"""


@pytest.mark.parametrize("more", ["", MOVING_INSTANCER])
def test_moved_prims_are_where_a_second_reading_has_them(tmp_path: Path, more: str) -> None:
    opened = _opened(tmp_path, more)
    if more:  # what is shared moves, too, and might be what the instancer's prototypes hold
        arms = opened.stage.GetPrimAtPath("/World/Arms")
        arms.SetActive(False)
    assert only_transforms_vary(opened.stage)
    base = read_snapshot(opened, 0)
    for time in (0.0, 2.5, 10.0):
        quick, full = read_moved(opened, base, time), read_snapshot(opened, time)
        assert quick is not None
        for name in ("node_local", "node_world", "instance_world"):
            assert np.array_equal(getattr(quick, name), getattr(full, name)), name
        assert repr(quick.cameras) == repr(full.cameras) and repr(quick.lights) == repr(full.lights)
        assert np.array_equal(quick.node_world, base.node_world) == (time == 0.0)
        assert quick.prototypes is base.prototypes and quick.instances is base.instances


@pytest.mark.parametrize("what", OTHERS)
def test_whatever_else_may_differ_is_read_again(tmp_path: Path, what: str) -> None:
    assert not only_transforms_vary(_opened(tmp_path, OTHERS[what]).stage)


def test_a_transform_that_is_not_finite_later_is_read_again(tmp_path: Path) -> None:
    lost = (
        'def Cube "C" {\n double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 5: (nan, 0, 0) }\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}'
    )
    opened = _opened(tmp_path, lost)
    assert only_transforms_vary(opened.stage)
    base = read_snapshot(opened, 0)
    assert read_moved(opened, base, 0.0) is not None
    assert read_moved(opened, base, 5.0) is None
    assert read_moved(opened, read_snapshot(opened, 5), 0.0) is None, "what was hidden is shown again"
