"""USD with motion -> GLB, judged by OpenUSD itself: XformCache for nodes, UsdSkelBakeSkinning for points."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt

from twinstage.base.errors import UserError
from twinstage.live.export import ExportOptions, export_files, write_own
from twinstage.live.twin import TwinFiles
from twinstage.scene.bones import make_bones
from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.export.own import own_layer
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.scene.transforms import decompose_trs
from twinstage.scene.writer import ColumnWriter

sys.path.insert(0, str(Path(__file__).parent))
from gltf_oracle import Oracle, distance
from tiny_gltf import CUBE_CORNERS
from usd_oracle import UsdOracle
from usd_stages import check_nodes, cube, exported, keys, stage_at

FEATURES = "assets/features"
SKELETONS = [
    # (file, most channels)
    (f"{FEATURES}/usdz/CesiumMan/CesiumMan.usdz", 57),
    (f"{FEATURES}/usdz/RiggedSimple/RiggedSimple.usdz", 6),
]


@pytest.mark.parametrize(("up", "metres"), [("Z", 1.0), ("Z", 0.01), ("Y", 0.01)])
def test_every_kind_of_transform_moves_as_openusd_says(
    tmp_path: Path, up: str, metres: float, validate_glb: Callable[..., list[str]]
) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path, up=up, metres=metres)
    world = UsdGeom.Xformable(stage.GetDefaultPrim())
    lift = world.AddTranslateOp()
    for code, height in ((0, 0), (12, 3), (48, -1)):
        lift.Set((1, height, 2), code)
    plain = UsdGeom.Xformable(cube(stage, "/World/plain"))
    plain.AddTranslateOp().Set((1, 2, 3))
    turn, size = plain.AddOrientOp(UsdGeom.XformOp.PrecisionDouble), plain.AddScaleOp()
    for code, angle in ((0, 0), (24, 170), (48, 340)):
        turn.Set(Gf.Quatd(Gf.Rotation(Gf.Vec3d(1, 1, 0), angle).GetQuat()), code)
    size.Set((1, 2, -1), 0), size.Set((2, 1, -1), 30)
    euler = UsdGeom.Xformable(cube(stage, "/World/euler"))
    angles = euler.AddRotateXYZOp()
    angles.Set((0, 0, 0), 0), angles.Set((100, -80, 400), 48)
    wheel = UsdGeom.Xformable(cube(stage, "/World/wheel"))
    spin = wheel.AddRotateZOp()
    spin.Set(0.0, 0), spin.Set(1440.0, 48)
    door = UsdGeom.Xformable(cube(stage, "/World/door"))
    pivot = door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot")
    pivot.Set((3, 1, 0))
    open_ = door.AddRotateYOp()
    open_.Set(0.0, 0), open_.Set(90.0, 48)
    door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot", True)
    free = UsdGeom.Xformable(cube(stage, "/World/free"))
    free.SetResetXformStack(True)
    slide = free.AddTranslateOp()
    slide.Set((0, 0, 0), 0), slide.Set((0, 0, 9), 48)
    spline = UsdGeom.Xformable(cube(stage, "/World/spline")).AddTranslateXOp()
    from pxr import Ts

    curve = Ts.Spline()
    for code, value, slope in ((0, 0, 0.3), (24, 5, 0), (48, 1, -0.2)):
        knot = Ts.Knot(
            time=code, value=value, nextInterp=Ts.InterpCurve, preTanSlope=slope, postTanSlope=slope
        )
        knot.SetPreTanWidth(6), knot.SetPostTanWidth(6)
        curve.SetKnot(knot)
    spline.GetAttr().SetSpline(curve)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    assert not done.findings
    names = {"plain", "free"}
    for seconds in (0.0, 0.25, 0.5, 1.0, 1.7, 2.0):
        assert check_nodes(found, path, seconds, 1e-6, {f"/World/{name}" for name in names}) == 2
        assert check_nodes(found, path, seconds, 5e-5) == 6
    assert (keys(found, "plain", "rotation"), keys(found, "plain", "scale")) == (3, 2)
    assert (keys(found, "plain", "translation"), keys(found, "World", "translation")) == (0, 3)
    assert keys(found, "door", "rotation") == 2 + (keys(found, "door", "translation") - 2)
    assert keys(found, "free", "translation") == 2


def test_moving_matrices_keep_their_keys_and_are_told(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    op = UsdGeom.Xformable(cube(stage, "/World/arm")).AddTransformOp()
    for code, angle in ((0, 0), (24, 90), (48, 180)):
        op.Set(Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(0, 0, 1), angle)), code)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert keys(found, "arm", "rotation") == 3
    assert keys(found, "arm", "scale") == 0
    for seconds in (0.0, 1.0, 2.0):
        assert check_nodes(found, path, seconds, 1e-6) == 1
    assert [f.code for f in done.findings] == ["gltf.matrix-motion"]


def test_instances_share_the_motion_of_what_they_hold(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path, metres=0.01)
    UsdGeom.Xform.Define(stage, "/Fan")
    stage.GetPrimAtPath("/Fan").SetSpecifier(Sdf.SpecifierClass)
    spin = UsdGeom.Xformable(cube(stage, "/Fan/blade")).AddRotateZOp()
    spin.Set(0.0, 0), spin.Set(90.0, 24)
    for k in range(3):
        fan = UsdGeom.Xform.Define(stage, f"/World/fan_{k}")
        fan.GetPrim().GetInherits().AddInherit("/Fan")
        fan.GetPrim().SetInstanceable(True)
        fan.AddTranslateOp().Set((3 * k, 0, 0))
    stage.Save()
    found, _ = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    for seconds in (0.0, 0.3, 1.0):
        assert check_nodes(found, path, seconds, 1e-6) == 3
    animation = found.doc["animations"][0]
    assert (len(animation["channels"]), len(animation["samplers"])) == (3, 1)


def test_keys_that_are_blocked_or_not_finite_are_left_out(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    blocked = UsdGeom.Xformable(cube(stage, "/World/blocked")).AddTranslateOp()
    blocked.Set((1, 0, 0), 0), blocked.Set((3, 0, 0), 12)
    blocked.GetAttr().Set(Sdf.ValueBlock(), 24)
    wild = UsdGeom.Xformable(cube(stage, "/World/wild")).AddTranslateOp()
    wild.Set((0, 0, 0), 0), wild.Set((2, 0, 0), 12), wild.Set((1e300, 0, 0), 24)
    broken = UsdGeom.Xformable(cube(stage, "/World/broken")).AddRotateXOp()
    broken.Set(0.0, 0), broken.Set(float("nan"), 12), broken.Set(90.0, 24)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    assert check_nodes(found, path, 0.5, 1e-6, {"/World/blocked", "/World/wild"}) == 2
    assert check_nodes(found, path, 0.99, 1e-6, {"/World/blocked"}) == 1
    assert check_nodes(found, path, 1.0, 1e-6, {"/World/broken"}) == 1
    assert [f.code for f in done.findings] == ["gltf.animation-keys"]


def test_a_clip_that_begins_before_zero_is_moved_there(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    op = UsdGeom.Xformable(cube(stage, "/World/a")).AddTranslateOp()
    op.Set((0, 0, 0), -12), op.Set((6, 0, 0), 12)
    stage.SetStartTimeCode(-12)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert [f.code for f in done.findings] == ["gltf.animation-start"]
    for seconds in (-0.5, 0.0, 0.4):
        there = UsdOracle(path).world("/World/a", seconds)
        (number,) = [n for n, node in enumerate(found.doc["nodes"]) if node["name"] == "a"]
        assert np.allclose(found.worlds(seconds + 0.5)[number], there, atol=1e-6)


def test_what_a_file_cannot_move_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    for name in "ab":
        seen = cube(stage, f"/World/{name}").CreateVisibilityAttr()
        seen.Set("inherited", 0), seen.Set("invisible", 24)
    points = cube(stage, "/World/c").GetPointsAttr()
    points.Set(Vt.Vec3fArray.FromNumpy(CUBE_CORNERS), 0)
    points.Set(Vt.Vec3fArray.FromNumpy(CUBE_CORNERS * 2), 24)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert "animations" not in found.doc
    assert [f.message for f in done.findings] == [
        "1 x points changes over time, which a GLB file shows as it is at the start",
        "2 x visibility changes over time, which a GLB file shows as it is at the start",
    ]


def character(path: Path, *, up: str, metres: float) -> None:
    """A skeleton under moving, turned nodes; one joint's parent is missing; two meshes, of which one names its own joints."""
    stage = stage_at(path, up=up, metres=metres)
    root = UsdSkel.Root.Define(stage, "/World/person")
    walk = root.AddTranslateOp()
    walk.Set((0, 0, 0), 0), walk.Set((5, 1, 0), 48)
    skeleton = UsdSkel.Skeleton.Define(stage, "/World/person/rig")
    skeleton.AddRotateXOp().Set(30.0)
    joints = ["hip", "hip/spine/neck", "hip/spine/neck/head", "tail"]
    local = [
        Gf.Matrix4d().SetTranslate(Gf.Vec3d(*place))
        for place in ((0, 0, 1), (0, 0, 1), (0, 0.5, 0.5), (0, 0, -1))
    ]
    bind = [local[0], local[1] * local[0], local[2] * local[1] * local[0], local[3]]
    skeleton.CreateJointsAttr(joints)
    skeleton.CreateRestTransformsAttr(local)
    skeleton.CreateBindTransformsAttr(bind)
    animation = UsdSkel.Animation.Define(stage, "/World/person/move")
    animation.CreateJointsAttr(["hip/spine/neck", "hip"])
    animation.CreateScalesAttr([Gf.Vec3h(1), Gf.Vec3h(1)])
    places, turns = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    for code, angle in ((0, 0), (10, 60), (48, -70)):
        neck = Gf.Quatf(Gf.Rotation(Gf.Vec3d(1, 0.3, 0), angle).GetQuat())
        turns.Set([neck, Gf.Quatf(1)], code)
    places.Set([(0, 0, 1), (0, 0, 1)], 0), places.Set([(0, 0, 1), (0, 2, 1)], 48)
    animation.CreateBlendShapesAttr(["smile", "frown"])
    weights = animation.CreateBlendShapeWeightsAttr()
    weights.Set([0.0, 1.0], 0), weights.Set([1.0, -0.5], 20), weights.Set([0.25, 0.0], 48)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    rng = np.random.default_rng(3)
    for name, own, width in (("body", [], 6), ("hat", ["tail", "hip/spine/neck/head", "hip"], 2)):
        mesh = cube(stage, f"/World/person/{name}")
        mesh.AddTranslateOp().Set((1, 2, 3))
        mesh.AddScaleOp().Set((1, 2, 1))
        api = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
        api.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
        api.CreateGeomBindTransformAttr(
            Gf.Matrix4d().SetScale(0.5) * Gf.Matrix4d().SetTranslate(Gf.Vec3d(0, 1, 1))
        )
        if own:
            api.CreateJointsAttr(own)
        count = len(own or joints)
        shares = rng.uniform(0.1, 1, (8, width))
        shares /= shares.sum(1, keepdims=True)
        numbers = rng.integers(0, count, (8, width))
        api.CreateJointIndicesPrimvar(False, width).Set(
            Vt.IntArray.FromNumpy(numbers.reshape(-1).astype("i4"))
        )
        api.CreateJointWeightsPrimvar(False, width).Set(
            Vt.FloatArray.FromNumpy(shares.reshape(-1).astype("f4"))
        )
    body = stage.GetPrimAtPath("/World/person/body")
    api = UsdSkel.BindingAPI(body)
    api.CreateBlendShapesAttr(["frown", "smile"])
    for name, offsets in (("frown", [(0, 0, 1)]), ("smile", [(1, 0, 0)])):
        shape = UsdSkel.BlendShape.Define(stage, f"/World/person/body/{name}")
        shape.CreateOffsetsAttr(offsets)
        shape.CreatePointIndicesAttr([5])
        api.CreateBlendShapeTargetsRel().AddTarget(shape.GetPath())
    half = UsdSkel.BlendShape.Get(stage, "/World/person/body/smile").CreateInbetween("half")
    half.SetWeight(0.5)
    half.SetOffsets([(0, 3, 0)])
    stage.Save()


@pytest.mark.parametrize(("up", "metres"), [("Z", 1.0), ("Y", 0.01)])
def test_a_skeleton_bends_as_openusd_bakes_it(
    tmp_path: Path, up: str, metres: float, validate_glb: Callable[..., list[str]]
) -> None:
    path, moments = tmp_path / "stage.usda", (0.0, 0.2, 0.4, 0.7, 1.0, 1.9, 2.0)
    character(path, up=up, metres=metres)
    found, done = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    assert [f.code for f in done.findings] == []
    wanted = UsdOracle(path, moments)
    for seconds in moments:
        assert distance(found.triangles(seconds), wanted.triangles(seconds), 1e-3) < 1e-5, seconds
    assert np.abs(wanted.triangles(0.0) - wanted.triangles(1.0)).max() > metres  # it moves, indeed
    assert len(found.doc["skins"]) == 1  # both meshes have the same bind transform
    mesh = next(m for m in found.doc["meshes"] if m["name"] == "body")
    assert mesh["extras"]["targetNames"] == ["frown", "smile_half", "smile"]
    assert keys(found, "neck", "rotation") == 3
    assert keys(found, "neck", "translation") == 0
    assert keys(found, "hip", "translation") == 2
    assert keys(found, "head", "rotation") == keys(found, "tail", "rotation") == 0


def chain(path: Path, method: str) -> None:
    """A cube of which every corner hangs on seven joints in a row, in equal and unequal shares."""
    stage = stage_at(path)
    UsdSkel.Root.Define(stage, "/World/root")
    skeleton = UsdSkel.Skeleton.Define(stage, "/World/root/rig")
    joints = ["/".join("abcdefg"[: k + 1]) for k in range(7)]
    local = [Gf.Matrix4d().SetTranslate(Gf.Vec3d(0, 0, 0.2))] * 7
    skeleton.CreateJointsAttr(joints)
    skeleton.CreateRestTransformsAttr(local)
    skeleton.CreateBindTransformsAttr(
        [Gf.Matrix4d().SetTranslate(Gf.Vec3d(0, 0, 0.2 * (k + 1))) for k in range(7)]
    )
    animation = UsdSkel.Animation.Define(stage, "/World/root/move")
    animation.CreateJointsAttr(joints)
    animation.CreateTranslationsAttr([Gf.Vec3f(0, 0, 0.2)] * 7)
    animation.CreateScalesAttr([Gf.Vec3h(1)] * 7)
    for code, angle in ((0, 0), (24, 20)):
        turn = Gf.Quatf(Gf.Rotation(Gf.Vec3d(1, 0, 0), angle).GetQuat())
        animation.CreateRotationsAttr().Set([turn] * 7, code)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    mesh = cube(stage, "/World/root/body")
    api = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    api.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    api.CreateSkinningMethodAttr(method)
    shares = np.random.default_rng(1).uniform(0.1, 1, (8, 7))
    shares /= shares.sum(1, keepdims=True)
    api.CreateJointIndicesPrimvar(False, 7).Set(list(range(7)) * 8)
    api.CreateJointWeightsPrimvar(False, 7).Set(Vt.FloatArray.FromNumpy(shares.reshape(-1).astype("f4")))
    stage.Save()


def test_vertices_on_more_than_four_joints_keep_them_all(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    path = tmp_path / "stage.usda"
    chain(path, "classicLinear")
    found, done = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    wanted = UsdOracle(path, (0.4,))
    for seconds in (0.0, 0.4, 1.0):
        assert distance(found.triangles(seconds), wanted.triangles(seconds), 1e-3) < 1e-5
    attributes = found.doc["meshes"][0]["primitives"][0]["attributes"]
    assert {"JOINTS_0", "JOINTS_1", "WEIGHTS_0", "WEIGHTS_1"} < set(attributes)
    first, second = (found.rows(attributes[f"WEIGHTS_{k}"]) for k in (0, 1))
    assert (first.min(1) >= second.max(1)).all()  # the strongest come first
    assert [f.code for f in done.findings] == ["gltf.skin-influences"]


def test_a_subdivision_mesh_that_bends_is_its_cage_and_told(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    chain(path, "classicLinear")
    stage = Usd.Stage.Open(str(path))
    UsdGeom.Mesh(stage.GetPrimAtPath("/World/root/body")).GetSubdivisionSchemeAttr().Set("catmullClark")
    stage.Save()
    found, done = exported(path, tmp_path)
    assert "1 x subdivision meshes that bend are written as their cages" in [f.message for f in done.findings]
    assert distance(found.triangles(1.0), UsdOracle(path, (1.0,)).triangles(1.0), 1e-3) < 1e-5


def test_dual_quaternions_are_drawn_as_they_stand_and_told(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    chain(path, "dualQuaternion")
    found, done = exported(path, tmp_path)
    assert not {"skins", "animations"} & set(found.doc)
    assert [(f.code, f.path) for f in done.findings] == [("gltf.skin", "/World/root/body")]
    assert distance(found.triangles(), UsdOracle(path).triangles(0.0), 1e-3) < 1e-5


def test_skeletons_in_native_instances_bend_each_for_itself(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    character(tmp_path / "person.usda", up="Z", metres=1.0)
    files = {}
    for name in ("whole", "instanced"):
        path = tmp_path / f"{name}.usda"
        stage = stage_at(path)
        for k in range(2):
            prim = UsdGeom.Xform.Define(stage, f"/World/copy_{k}")
            prim.AddTranslateOp().Set((0, 4 * k, 0))
            prim.GetPrim().GetReferences().AddReference("./person.usda")
            prim.GetPrim().SetInstanceable(name == "instanced")
        stage.Save()
        files[name], _ = exported(path, tmp_path)
        assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    wanted = UsdOracle(tmp_path / "whole.usda", (0.7,))
    for seconds in (0.0, 0.7, 2.0):
        for found in files.values():
            assert distance(found.triangles(seconds), wanted.triangles(seconds), 1e-3) < 1e-5
    assert len(files["instanced"].doc["meshes"]) == 2
    assert len(files["instanced"].doc["skins"]) == 2


def test_a_twin_whose_bone_was_turned_stands_so(tmp_path: Path) -> None:
    """What the twin says of the joints is stronger than the authored animation, in the file as in the stage."""
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    opened = open_stage(path, probe=False)
    assert make_bones(opened) == 4
    snapshot = read_snapshot(opened)
    node = next(n for p, n in snapshot.prims.index_of.items() if p.endswith("/hip/neck"))
    place, _, scale, _ = decompose_trs(snapshot.node_local[node][None])
    turned = np.array([[np.cos(0.5), np.sin(0.5), 0, 0]], np.float32)
    at = frozen(np.array([node]), np.uint32)
    pose = PoseColumns(
        1, 0, at, frozen(place, np.float64), frozen(turned, np.float32), frozen(scale, np.float32)
    )
    ColumnWriter(opened, snapshot).write(TickColumns(pose))
    own = own_layer(opened)
    write_own(own, ExportOptions(tmp_path / "out.glb"))
    flat = tmp_path / "flat.usda"
    own.stage().Flatten().Export(str(flat))
    found, before = Oracle((tmp_path / "out.glb").read_bytes()), UsdOracle(path).triangles(0.0)
    for seconds in (0.0, 1.0):
        there = UsdOracle(flat).triangles(seconds)
        assert distance(found.triangles(seconds), there, 1e-3) < 1e-5
        assert np.abs(there - before).max() > 0.1
    (animation,) = found.doc["animations"]  # the person still walks
    assert [c["target"]["path"] for c in animation["channels"]] == ["translation"]
    assert found.doc["nodes"][animation["channels"][0]["target"]["node"]]["name"] == "person"


def test_still_writes_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    found, _ = exported(path, tmp_path, still=True)
    assert not {"animations", "skins"} & set(found.doc)
    assert distance(found.triangles(), UsdOracle(path).triangles(0.0)) < 1e-6
    with pytest.raises(UserError, match=r"--still is for .glb files"):
        export_files(TwinFiles(stage=path), ExportOptions(tmp_path / "a.usda", still=True))


@pytest.mark.shared
@pytest.mark.parametrize(("name", "channels"), SKELETONS, ids=[Path(s[0]).stem for s in SKELETONS])
def test_real_skeletons_bend_as_openusd_bakes_them(
    shared: Path, tmp_path: Path, name: str, channels: int, validate_glb: Callable[..., list[str]]
) -> None:
    moments = (0.05, 0.33, 0.5, 1.01, 1.7)
    found, done = exported(shared / name, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    assert len(found.doc["animations"][0]["channels"]) <= channels
    wanted = UsdOracle(shared / name, moments)
    for seconds in moments:
        there = wanted.triangles(seconds)
        assert len(found.triangles(seconds)) == len(there)
        assert distance(found.triangles(seconds), there, 1e-4) < 1e-5, seconds
    assert done.bytes < 1.2 * (shared / name).stat().st_size + 8192
