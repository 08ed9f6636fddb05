"""PointInstancers in every form: transforms, masks and bounds of the points equal what pxr computes."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import points as points_module
from twinstage.scene.read import read_snapshot
from twinstage.scene.read.point_frames import PIECE
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage

BOX = (
    'def Cube "Box" { double size = 0.5\n double3 xformOp:translate = (0, 0, 2)\n'
    ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
)


def expected_points(opened: OpenedStage, path: str, time: Any) -> tuple[np.ndarray, np.ndarray]:
    """instancer_from_point [m] and masks by pxr, in id order."""
    from pxr import UsdGeom

    api = UsdGeom.PointInstancer(opened.stage.GetPrimAtPath(path))
    kind = UsdGeom.PointInstancer
    matrices = np.array(
        api.ComputeInstanceTransformsAtTime(time, time, kind.ExcludeProtoXform, kind.IgnoreMask)
    )
    matrices = matrices.transpose(0, 2, 1).copy()
    matrices[:, :3, 3] *= opened.meters_per_unit
    mask = np.array(api.ComputeMaskAtTime(time) or [True] * len(matrices), bool)
    ids = api.GetIdsAttr().Get(time)
    order = np.argsort(ids) if ids else np.arange(len(matrices))
    return matrices[order], mask[order]


def assert_points(opened: OpenedStage, snapshot: Snapshot, path: str, time_code: float | None) -> None:
    from pxr import Usd

    time = Usd.TimeCode.Default() if time_code is None else Usd.TimeCode(time_code)
    matrices, mask = expected_points(opened, path, time)
    rows = snapshot.points.instancer == snapshot.prims.index_of[path]
    assert np.allclose(
        snapshot.points.local[rows], matrices, rtol=0, atol=1e-12 * max(1, np.abs(matrices).max())
    )
    assert snapshot.points.visible[rows].tolist() == mask.tolist()


def instancer(name: str = "P", extra: str = "", rel: str = "</Protos/Box>") -> str:
    return (
        f'def PointInstancer "{name}" {{ point3f[] positions = [(0, 0, 0), (5, 0, 0), (0, 5, 0)]\n'
        f" int[] protoIndices = [0, 0, 0]\n rel prototypes = {rel}\n {extra}\n}}\n"
    )


PROTOS = f'over "Protos" {{ {BOX} }}\n'


@pytest.mark.parametrize("up", ["Y", "Z"])
def test_orientations_scales_ids_and_masks(open_text: Any, assert_like_pxr: Any, up: str) -> None:
    extra = (
        "quath[] orientations = [(0.70703125, 0.70703125, 0, 0), (1, 0, 0, 0), (0.5, 0.5, 0.5, 0.5)]\n"
        " float3[] scales = [(1, 2, 3), (0, 0, 0), (-1, 1, 1)]\n int64[] ids = [7, -3, 5]\n int64[] invisibleIds = [5]"
    )
    opened = open_text(PROTOS + instancer(extra=extra), up=up, units=0.01)
    from pxr import UsdGeom

    UsdGeom.PointInstancer(opened.stage.GetPrimAtPath("/P")).DeactivateId(7)
    snapshot = assert_like_pxr(opened)
    assert_points(opened, snapshot, "/P", None)
    assert snapshot.points.point_id.tolist() == [-3, 5, 7]
    assert snapshot.points.visible.tolist() == [True, False, False]


def test_float_orientations_win_over_half_ones(open_text: Any, assert_like_pxr: Any) -> None:
    half = "quath[] orientations = [(1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)]\n"
    full = " quatf[] orientationsf = [(0.6, 0.8, 0, 0), (0, 0, 1, 0), (1, 0, 0, 0)]"
    opened = open_text(PROTOS + instancer(extra=half + full))
    snapshot = assert_like_pxr(opened)
    assert_points(opened, snapshot, "/P", None)
    assert not np.allclose(snapshot.points.local[0, :3, :3], np.eye(3))


MOVING = (
    "point3f[] positions.timeSamples = { 0: [(0, 0, 0), (1, 0, 0), (2, 0, 0)], 10: [(0, 9, 0), (1, 9, 0), (2, 9, 0)]\n}\n"
    " int64[] invisibleIds.timeSamples = { 0: [1], 5: []\n}\n"
)
SPEEDS = (
    " vector3f[] velocities.timeSamples = { 0: [(24, 0, 0), (0, 48, 0), (0, 0, 12)], 10: [(1, 1, 1), (0, 0, 0), (2, 2, 2)]\n}\n"
    " vector3f[] accelerations.timeSamples = { 0: [(24, 0, 0), (0, 48, 0), (0, 0, 12)], 10: [(1, 1, 1), (0, 0, 0), (2, 2, 2)]"
    "\n}\n"
    " quath[] orientations.timeSamples = { 0: [(1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)]\n}\n"
    " vector3f[] angularVelocities.timeSamples = { 0: [(90, 0, 0), (0, 45, 0), (0, 0, 180)]\n}\n"
)


@pytest.mark.parametrize("extra", [MOVING, MOVING + SPEEDS], ids=["held", "speeds"])
@pytest.mark.parametrize("time", [0.0, 2.5, 5.0, 12.0])
def test_animated_arrays(open_text: Any, assert_like_pxr: Any, extra: str, time: float) -> None:
    body = PROTOS + instancer(extra=extra).replace(
        "point3f[] positions = [(0, 0, 0), (5, 0, 0), (0, 5, 0)]\n", "", 1
    )
    opened = open_text(body)
    assert_points(opened, assert_like_pxr(opened, time), "/P", time)


def test_speeds_do_not_carry_points_away_where_no_start_is_authored(open_text: Any) -> None:
    body = PROTOS + instancer(extra=MOVING + SPEEDS).replace(
        "point3f[] positions = [(0, 0, 0), (5, 0, 0), (0, 5, 0)]\n", "", 1
    )
    snapshot = read_snapshot(open_text(body))
    assert snapshot.points.local[:, :3, 3].tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]


def test_many_points_come_in_pieces(open_text: Any) -> None:
    from pxr import Usd, UsdGeom, Vt

    opened = open_text(PROTOS + instancer())
    count = PIECE + 500
    rng = np.random.default_rng(5)
    api = UsdGeom.PointInstancer(opened.stage.GetPrimAtPath("/P"))
    quat = rng.normal(size=(count, 4)).astype(np.float16)
    with Usd.EditContext(opened.stage, opened.stage.GetRootLayer()):
        api.GetProtoIndicesAttr().Set(Vt.IntArray(count))
        for time in (0.0, 10.0):
            api.GetPositionsAttr().Set(
                Vt.Vec3fArray.FromNumpy(rng.normal(size=(count, 3)).astype(np.float32)), time
            )
        api.GetOrientationsAttr().Set(Vt.QuathArray.FromNumpy(quat))
        api.GetIdsAttr().Set(Vt.Int64Array.FromNumpy(rng.permutation(count).astype(np.int64)))
        assert_points(opened, read_snapshot(opened, 2.5), "/P", 2.5)
        zero = Vt.Vec3fArray.FromNumpy(rng.normal(size=(count, 3)).astype(np.float32))
        for time in (0.0, 10.0):
            api.GetVelocitiesAttr().Set(zero, time)
        assert_points(opened, read_snapshot(opened, 2.5), "/P", 2.5)


def test_prototypes_that_are_instances_or_lie_elsewhere(open_text: Any, assert_like_pxr: Any) -> None:
    body = (
        f'class Xform "_Part" {{ {BOX} def Cube "Side" {{ double3 xformOp:translate = (3, 0, 0)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n}\n'
        'def Scope "Lib" (active = true) { def Xform "Inst" (instanceable = true\n references = </_Part>) {'
        ' double3 xformOp:scale = (2, 2, 2)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n}\n}\n'
        + instancer(rel="[</Lib/Inst>, </Lib>]", extra="").replace("[0, 0, 0]", "[0, 1, 0]")
        + 'def Xform "Up" { double3 xformOp:translate = (0, 0, 50)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
        + instancer("Q", rel="</Lib/Inst/Box>")
        + "}\n"
    )
    snapshot = assert_like_pxr(open_text(body, up="Y"))
    assert np.bincount(snapshot.instances.prim)[snapshot.prims.index_of["/P"]] == 6
    assert np.bincount(snapshot.instances.prim)[snapshot.prims.index_of["/Up/Q"]] == 3


def test_an_instancer_inside_native_instances(open_text: Any, assert_like_pxr: Any) -> None:
    body = (
        f'class Xform "_Rack" {{ {instancer(rel="</_Rack/P/Box>").replace("rel ", BOX + " rel ", 1)} }}\n'
        'def Xform "A" (instanceable = true\n references = </_Rack>) { double3 xformOp:translate = (0, 0, 9)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
        'def Xform "B" (instanceable = true\n references = </_Rack>) { token visibility = "invisible"\n}\n'
    )
    snapshot = assert_like_pxr(open_text(body))
    assert [snapshot.prims.path[p] for p in snapshot.instances.prim] == ["/A/P"] * 3 + ["/B/P"] * 3
    assert snapshot.instances.visible.tolist() == [True] * 3 + [False] * 3
    assert [o.prim_path for o in snapshot.objects] == ["/A/P"] * 3 + ["/B/P"] * 3


def test_an_instancer_across_a_reference(open_text: Any, assert_like_pxr: Any, tmp_path: Any) -> None:
    body = (instancer(rel="</Rack/Protos/Box>") + PROTOS).replace(" }", "\n}")
    text = f'#usda 1.0\n(defaultPrim = "Rack")\ndef Xform "Rack" {{\n{body}\n}}\n'
    (tmp_path / "rack.usda").write_text(text)
    snapshot = assert_like_pxr(open_text('def "R" (references = @rack.usda@) {}'))
    assert len(snapshot.instances) == 3


def test_nested_instancers_with_their_own_masks_and_colours(open_text: Any, assert_like_pxr: Any) -> None:
    inner = (
        'def PointInstancer "In" { point3f[] positions = [(0, 0, 0), (5, 0, 0), (0, 5, 0)]\n int[] protoIndices = [0, 0, 0]\n'
        " rel prototypes = </P/Group/In/Box>\n int64[] invisibleIds = [1]\n"
        ' color3f[] primvars:displayColor = [(1, 0, 0), (0, 1, 0), (0, 0, 1)] (interpolation = "vertex")\n'
        + BOX
        + "}\n"
    )
    body = (
        'def PointInstancer "P" { point3f[] positions = [(0, 0, 0), (50, 0, 0)]\n int[] protoIndices = [0, 0]\n'
        f' rel prototypes = </P/Group>\n def Xform "Group" {{ double3 xformOp:translate = (0, 0, 7)\n'
        f' uniform token[] xformOpOrder = ["xformOp:translate"]\n {inner} {BOX} }}\n}}\n'
    )
    s = assert_like_pxr(open_text(body))
    assert len(s.objects) == 2 and s.instances.point_id.tolist() == [0] * 3 + [1] * 3
    colors = [s.materials[s.material_sets[k][0]].diffuse_color for k in s.instances.material_set]
    assert colors == [(0.18, 0.18, 0.18), (1, 0, 0), (0, 0, 1)] * 2


def test_purpose_inside_prototypes(open_text: Any, assert_like_pxr: Any) -> None:
    body = (
        f'def Xform "G" {{ uniform token purpose = "render"\n {instancer(rel="</G/Protos/T>")}\n'
        f' def Scope "Protos" {{ def Xform "T" {{ {BOX} def Cube "Guide" {{ uniform token purpose = "guide"\n}}\n}}\n}}\n}}\n'
        f'def Xform "H" {{ uniform token purpose = "proxy"\n {instancer(rel="</G/Protos/T>")} }}\n'
    )
    snapshot = assert_like_pxr(open_text(body))
    assert [
        snapshot.prims.path[p] for p in snapshot.instances.prim if snapshot.prims.path[p].startswith("/H")
    ] == []
    assert np.count_nonzero(snapshot.instances.prim == snapshot.prims.index_of["/G/P"]) == 3


def test_render_visibility_inside_prototypes(open_text: Any) -> None:
    api = '(prepend apiSchemas = ["VisibilityAPI"])'
    render = 'uniform token purpose = "render"\n'
    body = (
        f'over "Protos" {{ def Xform "T" {api} {{ uniform token renderVisibility = "invisible"\n'
        f' def Cube "Off" {{ {render} }}\n def Cube "Plain" {{}}\n'
        f' def Cube "On" {api} {{ {render} uniform token renderVisibility = "visible"\n}}\n}}\n}}\n'
    )
    snapshot = read_snapshot(open_text(body + instancer(rel="</Protos/T>")))
    assert len(snapshot.instances) == 6  # of three points, On and Plain


def test_objects_stand_in_path_order_around_instancers(open_text: Any, assert_like_pxr: Any) -> None:
    body = (
        PROTOS + 'def Xform "A" (kind = "component") { def Cube "A" {}\n def Cube "Z" {}\n'
        + instancer("M") + "}\n" + 'def Cube "B" {}\n' + instancer("C") + 'def Cube "D" {}\n'
    )  # fmt: skip
    s = assert_like_pxr(open_text(body))
    keys = [(o.prim_path, o.point_id) for o in s.objects]
    assert keys == sorted(keys) and len(set(keys)) == len(keys) == 9
    drawings = list(
        zip((s.prims.path[p] for p in s.instances.prim), s.instances.point_id.tolist(), strict=True)
    )
    assert drawings == sorted(drawings)
    for (path, point), row in zip(drawings, s.instances.object.tolist(), strict=True):
        owner = "/A" if path in ("/A/A", "/A/Z") else path
        assert (s.objects[row].prim_path, s.objects[row].point_id) == (owner, point)


def test_more_drawings_than_allowed_are_refused_before_they_are_made(
    open_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_module, "MAX_DRAWINGS", 2)
    snapshot = read_snapshot(open_text(PROTOS + instancer()))
    assert len(snapshot.points) == 0
    assert any(f.code == "points.too-many" and "expand to 3 drawings" in f.message for f in snapshot.findings)


def test_a_prototype_of_nested_instances_is_counted_first(
    open_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_module, "MAX_NESTED", 1000)
    body = 'class Xform "_P0" { def Cube "Box" {}\n}\n'
    for k in range(1, 4):
        inside = "".join(
            f'def Xform "I{i}" (instanceable = true\n references = </_P{k - 1}>) {{}}\n' for i in range(12)
        )
        body += f'class Xform "_P{k}" {{ {inside} }}\n'
    snapshot = read_snapshot(
        open_text(
            body + 'over "Lib" { def "Bomb" (references = </_P3>) {}\n}\n' + instancer(rel="</Lib/Bomb>")
        )
    )
    assert len(snapshot.instances) == 0
    assert any(f.code in ("points.nested", "stage.expansion") for f in snapshot.findings)
