"""Key points on prims, instances and points, against pxr's own transforms."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot

CRATE = """def Xform "Crate" ( kind = "component" ) {
    custom point3f twin:keypoint:corner = (1, 0, 0)
    def Xform "Lid" { custom point3d twin:keypoint:grip = (0, 0, 2)
        double3 xformOp:translate = (0, 0, 3)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Top" {} }
}
"""


def world_points(snapshot: Any) -> dict[tuple[str, int, str], list[float]]:
    """World place of each key point by (object path, point id, name)."""
    table = snapshot.keypoints
    out = {}
    for row in range(len(table)):
        item = snapshot.objects[int(table.object[row])]
        matrix = snapshot.node_world[table.node[row]]
        place = matrix[:3, :3] @ table.local[row] + matrix[:3, 3]
        out[item.prim_path, item.point_id, table.name[row]] = place.round(9).tolist()
    return out


def test_key_points_belong_to_their_object_and_keep_their_frame(open_text: Any) -> None:
    s = read_snapshot(open_text(CRATE, units=0.01))
    assert world_points(s) == {
        ("/Crate", -1, "corner"): [0.01, 0, 0],
        ("/Crate", -1, "grip"): [0, 0, 0.05],
    }
    assert s.keypoints.object.tolist() == sorted(s.keypoints.object.tolist())
    assert s.findings == ()
    assert [s.keypoints.name[r] for r in s.keypoints.rows(0)] == ["corner", "grip"]


def test_world_places_are_pxrs(open_text: Any) -> None:
    from pxr import Gf, UsdGeom

    opened = open_text(
        'def Xform "A" { float3 xformOp:rotateXYZ = (10, 20, 30)\n float3 xformOp:scale = (2, -3, 0.5)\n'
        " double3 xformOp:translate = (4, 5, 6)\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ", "xformOp:scale"]\n'
        + CRATE
        + "}\n",
        up="Y",
        units=0.0254,
    )
    s = read_snapshot(opened)
    cache = UsdGeom.XformCache()
    for name, path, local in (("corner", "/A/Crate", (1, 0, 0)), ("grip", "/A/Crate/Lid", (0, 0, 2))):
        usd = cache.GetLocalToWorldTransform(opened.stage.GetPrimAtPath(path)).Transform(Gf.Vec3d(*local))
        expected = np.array([usd[0], -usd[2], usd[1]]) * 0.0254  # Y-up to Z-up
        assert world_points(s)["/A/Crate", -1, name] == pytest.approx(expected.tolist())


def test_instances_and_references_inherit_them(open_text: Any) -> None:
    uses = "".join(
        f'def "Use{i}" ( instanceable = true\n references = </Lib/Crate> ) {{ double3 xformOp:translate = ({i}, 0, 0)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
        for i in (1, 2)
    )
    plain = 'def "Plain" ( references = </Lib/Crate> ) { custom point3f twin:keypoint:corner = (7, 0, 0)\n}\n'
    s = read_snapshot(open_text(f'class "Lib" {{ {CRATE} }}\n{uses}{plain}'))
    assert world_points(s) == {
        ("/Plain", -1, "corner"): [7, 0, 0],
        ("/Plain", -1, "grip"): [0, 0, 5],
        ("/Use1", -1, "corner"): [2, 0, 0],
        ("/Use1", -1, "grip"): [1, 0, 5],
        ("/Use2", -1, "corner"): [3, 0, 0],
        ("/Use2", -1, "grip"): [2, 0, 5],
    }


def test_each_point_has_its_prototypes(open_text: Any) -> None:
    s = read_snapshot(
        open_text(
            f'def PointInstancer "P" {{ rel prototypes = [</P/Crate>, </P/Ball>]\n int[] protoIndices = [0, 1, 0]\n'
            " point3f[] positions = [(10, 0, 0), (20, 0, 0), (30, 0, 0)]\n int64[] ids = [5, 4, 3]\n"
            f'{CRATE} def Sphere "Ball" {{}} }}\n'
        )
    )
    assert world_points(s) == {
        ("/P", 3, "corner"): [31, 0, 0],
        ("/P", 3, "grip"): [30, 0, 5],
        ("/P", 5, "corner"): [11, 0, 0],
        ("/P", 5, "grip"): [10, 0, 5],
    }


def test_animated_key_points_are_those_of_the_moment(open_text: Any) -> None:
    opened = open_text(
        'def Cube "C" { custom point3d twin:keypoint:a.timeSamples = { 0: (0, 0, 0), 10: (10, 0, 0) } }\n'
    )
    assert read_snapshot(opened, 4.0).keypoints.local.tolist() == [[4, 0, 0]]


@pytest.mark.parametrize(
    ("body", "code", "left"),
    [
        ('def Cube "C" { custom string twin:keypoint:a = "here" }\n', "keypoint.value", 0),
        ('def Cube "C" { custom point3f twin:keypoint:a = (nan, 0, 0) }\n', "keypoint.value", 0),
        ('def Cube "C" { custom float2 twin:keypoint:a = (1, 0) }\n', "keypoint.value", 0),
        ('def Cube "C" { custom rel twin:keypoint:a = </C> }\n', "keypoint.value", 0),
        (
            'def Xform "X" { custom point3f twin:keypoint:a = (1, 0, 0)\n def Cube "C" {} }\n',
            "keypoint.no-object",
            0,
        ),
        (
            'def Xform "X" ( kind = "component" ) { custom point3f twin:keypoint:a = (1, 0, 0)\n'
            ' def Cube "C" { custom point3f twin:keypoint:a = (2, 0, 0) } }\n',
            "keypoint.twice",
            1,
        ),
    ],
)
def test_what_cannot_be_a_key_point_is_told(open_text: Any, body: str, code: str, left: int) -> None:
    s = read_snapshot(open_text(body))
    assert [f.code for f in s.findings] == [code]
    assert len(s.keypoints) == left
    if left:
        assert s.keypoints.local.tolist() == [[1, 0, 0]], "the first by path"


def test_too_many_are_left_out(open_text: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("twinstage.scene.read.keypoints.MAX_KEYPOINTS", 1)
    s = read_snapshot(open_text(CRATE))
    assert len(s.keypoints) == 0 and [f.code for f in s.findings] == ["keypoint.too-many"]
