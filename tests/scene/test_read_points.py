"""PointInstancers: identity, visibility, prototypes wherever they lie, labels, colours, nesting."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot

FIELD = """def PointInstancer "P" {
    point3f[] positions = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)]
    int[] protoIndices = [0, 1, 0, 1]
    int64[] ids = [40, 30, 20, 10]
    int64[] invisibleIds = [20]
    rel prototypes = [</P/Protos/Box>, </P/Protos/Group>]
    EXTRA
    def Scope "Protos" {
        def Cube "Box" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {
            token[] semantics:labels:class = ["box"]
            double3 xformOp:translate = (0, 0, 5)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
        def Xform "Group" {
            def Sphere "A" { double3 xformOp:translate = (0, 7, 0)
                uniform token[] xformOpOrder = ["xformOp:translate"]
            }
            def Sphere "B" {}
            def Sphere "Off" { token visibility = "invisible"
            }
        }
    }
}
"""


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def test_rows_are_sorted_by_id_and_carry_parts(read: Any) -> None:
    s = read(FIELD.replace("EXTRA", ""))
    assert s.points.point_id.tolist() == [10, 20, 30, 40]
    assert s.points.local[:, 0, 3].tolist() == [3, 2, 1, 0]
    assert s.instances.point_id.tolist() == [10, 10, 20, 30, 30, 40]
    assert [s.prims.path[p] for p in s.instances.prim] == ["/P"] * 6
    assert s.instances.visible.tolist() == [True, True, False, True, True, True]
    assert s.instance_world[:, :3, 3].tolist() == [
        [3, 7, 0],
        [3, 0, 0],
        [2, 0, 5],
        [1, 7, 0],
        [1, 0, 0],
        [0, 0, 5],
    ]


def test_every_point_is_an_object_with_its_prototypes_class(read: Any) -> None:
    body = FIELD.replace("EXTRA", 'token[] semantics:labels:class = ["parcel"]')
    s = read(body.replace('"P" {', '"P" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {', 1))
    assert [(o.point_id, o.name) for o in s.objects] == [
        (10, "parcel"),
        (20, "box"),
        (30, "parcel"),
        (40, "box"),
    ]
    assert s.objects[1].labels == ("box", "parcel")
    assert s.instances.object.tolist() == [0, 0, 1, 2, 2, 3]


def test_prototypes_below_an_over_are_found(read: Any) -> None:
    s = read(
        'def PointInstancer "P" { point3f[] positions = [(1, 2, 3)]\n int[] protoIndices = [0]\n'
        ' rel prototypes = </Hidden/Box>\n}\nover "Hidden" { def Cube "Box" {}\n}\n'
    )
    assert len(s.instances) == 1
    assert s.instance_world[0, :3, 3].tolist() == [1, 2, 3]
    assert "/Hidden/Box" not in s.prims.path


def test_nested_instancers_expand_into_the_outer_point(read: Any) -> None:
    s = read(
        'def PointInstancer "P" { point3f[] positions = [(10, 0, 0), (20, 0, 0)]\n int[] protoIndices = [0, 0]\n'
        ' rel prototypes = </P/Inner>\n def PointInstancer "Inner" { point3f[] positions = [(0, 1, 0), (0, 2, 0)]\n'
        ' int[] protoIndices = [0, 0]\n rel prototypes = </P/Inner/Box>\n def Cube "Box" {}\n}\n}\n'
    )
    assert len(s.objects) == 2
    assert s.instance_world[:, :3, 3].tolist() == [[10, 1, 0], [10, 2, 0], [20, 1, 0], [20, 2, 0]]
    assert s.instances.point_id.tolist() == [0, 0, 1, 1]


def test_colour_by_point(read: Any) -> None:
    s = read(
        FIELD.replace(
            "EXTRA",
            'color3f[] primvars:displayColor = [(1,0,0),(0,1,0),(1,0,0),(0,0,1)] (interpolation = "vertex")',
        )
    )
    colors = [s.materials[s.material_sets[k][0]].diffuse_color for k in s.instances.material_set]
    assert colors == [(0, 0, 1)] * 2 + [(1, 0, 0)] + [(0, 1, 0)] * 2 + [(1, 0, 0)]


def test_arrays_that_do_not_fit_are_told(read: Any) -> None:
    s = read(FIELD.replace("EXTRA", "float3[] scales = [(1, 1, 1)]"))
    assert len(s.points) == 0
    assert any("/P is not drawn: scales has 1 entries, protoIndices 4" in str(f) for f in s.findings)


def test_prototype_index_out_of_range_is_told(read: Any) -> None:
    s = read(FIELD.replace("[0, 1, 0, 1]", "[0, 1, 0, 7]").replace("EXTRA", ""))
    assert any("1 points name a prototype that does not exist" in str(f) for f in s.findings)
    assert 10 not in s.instances.point_id.tolist()


def test_many_points_do_not_cost_a_matrix_each_for_identity(read: Any) -> None:
    n = 5000
    points = ", ".join(f"({i}, 0, 0)" for i in range(n))
    s = read(
        f'def PointInstancer "P" {{ point3f[] positions = [{points}]\n int[] protoIndices = [{", ".join("0" * n)}]\n'
        ' rel prototypes = </P/Box>\n def Cube "Box" {}\n}\n'
    )
    assert len(s.instances) == n
    assert s.instances.local.strides[0] == 0
    assert np.array_equal(s.instance_world[:, 0, 3], np.arange(n))
