"""USD motion that is odd: variants with other prims, instances in variants, wrong types, instancers -> GLB."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt

from twinstage.base.errors import UserError
from twinstage.scene.read import motion

sys.path.insert(0, str(Path(__file__).parent))
from gltf_oracle import Oracle
from test_glb_usd_motion import character
from usd_stages import check_nodes, cube, exported, keys, stage_at


def in_variants(stage: Usd.Stage, author: dict[str, Callable[[], None]]) -> None:
    """What each animation authors, in its variant; the first is selected."""
    sets = stage.GetDefaultPrim().GetVariantSets().AddVariantSet("animation")
    for name in author:
        sets.AddVariant(name)
    for name, write in author.items():
        sets.SetVariantSelection(name)
        with sets.GetVariantEditContext():
            write()
    sets.SetVariantSelection(next(iter(author)))


def checked(stage: Usd.Stage, path: Path, folder: Path, name: str, paths: set[str]) -> int:
    """Nodes of the animation of that name at some moments, against the stage with that variant selected."""
    stage.GetDefaultPrim().GetVariantSets().SetSelection("animation", name)
    here = path.with_name(f"{name}.usda")
    stage.Export(str(here))
    data = (folder / "out.glb").read_bytes()
    number = [a["name"] for a in Oracle(data).doc["animations"]].index(name)
    return sum(check_nodes(Oracle(data, animation=number), here, s, 1e-6, paths) for s in (0.0, 0.7, 2.0))


def test_prims_that_one_animation_alone_has(tmp_path: Path, validate_glb: Callable[..., list[str]]) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    base = UsdGeom.Xformable(cube(stage, "/World/base")).AddTranslateOp()

    def walk() -> None:
        tool = UsdGeom.Xformable(cube(stage, "/World/tool")).AddTranslateOp()
        tool.Set((0, 0, 0), 0), tool.Set((4, 0, 0), 48)
        character(tmp_path / "person.usda", up="Z", metres=1.0)
        stage.DefinePrim("/World/guest").GetReferences().AddReference("./person.usda")

    def wait() -> None:
        base.Set((0, 0, 0), 0), base.Set((0, 3, 0), 48)
        other = UsdGeom.Xformable(cube(stage, "/World/other")).AddTranslateOp()
        other.Set((0, 0, 0), 0), other.Set((4, 0, 0), 48)

    in_variants(stage, {"walk": walk, "wait": wait})
    stage.Save()
    found, done = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    assert [a["name"] for a in found.doc["animations"]] == ["walk", "wait"]
    assert checked(stage, path, tmp_path, "walk", {"/World/base", "/World/tool"}) == 6
    assert checked(stage, path, tmp_path, "wait", {"/World/base"}) == 3
    assert [f.message for f in done.findings] == [
        "1 x prims move in an animation that is not selected and are not there in the one that is; they are left out"
    ]


def test_instances_move_in_every_animation(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    for name, far in (("Fan", 90.0), ("Saw", -30.0)):
        holder = UsdGeom.Xform.Define(stage, f"/{name}")
        holder.GetPrim().SetSpecifier(Sdf.SpecifierClass)
        spin = UsdGeom.Xformable(cube(stage, f"/{name}/blade")).AddRotateZOp()
        spin.Set(0.0, 0), spin.Set(far, 24)

    def fans(which: dict[str, str]) -> Callable[[], None]:
        def write() -> None:
            for prim, held in which.items():
                made = UsdGeom.Xform.Define(stage, f"/World/{prim}").GetPrim()
                made.GetInherits().SetInherits([Sdf.Path(f"/{held}")])
                made.SetInstanceable(True)

        return write

    in_variants(stage, {"a": fans({"x": "Fan", "y": "Saw"}), "b": lambda: None, "c": fans({"x": "Saw"})})
    stage.Save()
    exported(path, tmp_path)
    assert checked(stage, path, tmp_path, "a", {"/World/x/blade", "/World/y/blade"}) == 6
    assert checked(stage, path, tmp_path, "c", {"/World/x/blade"}) == 3


@pytest.mark.parametrize("kind", ["String", "Double", "Float3Array", "Color3f"])
def test_ops_of_another_type(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    good = UsdGeom.Xformable(cube(stage, "/World/good")).AddTranslateOp()
    good.Set((0, 0, 0), 0), good.Set((0, 3, 0), 48)
    prim = cube(stage, "/World/odd").GetPrim()
    first, last = {
        "String": ("a", "b"),
        "Double": (1.0, 2.0),
        "Float3Array": ([(1, 2, 3)], [(3, 2, 1)]),
        "Color3f": ((1, 2, 3), (3, 2, 1)),
    }[kind]
    attribute = prim.CreateAttribute("xformOp:translate", getattr(Sdf.ValueTypeNames, kind))
    prim.CreateAttribute("xformOpOrder", Sdf.ValueTypeNames.TokenArray).Set(["xformOp:translate"])
    attribute.Set(first, 0), attribute.Set(last, 48)
    stage.Save()
    found, done = exported(path, tmp_path)
    paths = {"/World/good"} | ({"/World/odd"} if kind == "Color3f" else set())
    assert check_nodes(found, path, 1.0, 1e-6, paths) == len(paths)
    told = [f.path for f in done.findings if f.code == "gltf.transform-type"]
    assert told == ([] if kind == "Color3f" else ["/World/odd"])


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("translations", "StringArray", Vt.StringArray(["a", "b"])),
        ("rotations", "Float3Array", Vt.Vec3fArray([(1, 2, 3), (3, 2, 1)])),
        ("scales", "Double", 2.0),
    ],
)
def test_animations_of_another_type_are_left_out(tmp_path: Path, name: str, kind: str, value: object) -> None:
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    stage = Usd.Stage.Open(str(path))
    prim = stage.GetPrimAtPath("/World/person/move")
    prim.RemoveProperty(name)
    layer = stage.GetRootLayer()  # the stage itself sets values of the schema's type alone
    spec = Sdf.AttributeSpec(layer.GetPrimAtPath(prim.GetPath()), name, getattr(Sdf.ValueTypeNames, kind))
    for code in (0, 48):
        layer.SetTimeSample(spec.path, code, value)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert keys(found, "person", "translation") == 2
    assert keys(found, "neck", "rotation") == 0
    assert ("gltf.skel-animation", "/World/person/move") in [(f.code, f.path) for f in done.findings]


def test_joints_that_are_sheared_are_told(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    stage = Usd.Stage.Open(str(path))
    rest = UsdSkel.Skeleton.Get(stage, "/World/person/rig").GetRestTransformsAttr()
    local = list(rest.Get())
    local[3] = Gf.Matrix4d(
        1, 0, 0, 0, 0.4, 1, 0, 0, 0, 0, 1, 0, 0, 0, -1, 1
    )  # the tail, which no animation moves
    rest.Set(local)
    stage.Save()
    _, done = exported(path, tmp_path)
    assert [(f.code, f.path) for f in done.findings] == [("gltf.shear-motion", "/World/person/rig")]


def test_bones_and_an_animation_make_one_channel(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    """As a window of a recording has it: samples of the prims that are joints, beside those of the SkelAnimation."""
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    stage = Usd.Stage.Open(str(path))
    bones = {
        "hip": "hip",
        "hip/neck": "hip/spine/neck",
        "hip/neck/head": "hip/spine/neck/head",
        "tail": "tail",
    }
    for bone, joint in bones.items():
        prim = UsdGeom.Xform.Define(stage, f"/World/person/rig/{bone}")
        prim.GetPrim().CreateAttribute("twin:joint", Sdf.ValueTypeNames.Token).Set(joint)
        slide = prim.AddTranslateOp()
        slide.Set((0, 0, 1), 0), slide.Set((0, 2, 1), 48)
    stage.Save()
    found, _ = exported(path, tmp_path)
    assert validate_glb((tmp_path / "out.glb").read_bytes()) == []
    for animation in found.doc["animations"]:
        targets = [(c["target"]["node"], c["target"]["path"]) for c in animation["channels"]]
        assert len(set(targets)) == len(targets)
    assert keys(found, "neck", "rotation") == 3


@pytest.mark.parametrize("native", [False, True])
def test_what_point_instancers_draw_moves_not_and_is_counted(tmp_path: Path, native: bool) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    fans = UsdGeom.PointInstancer.Define(stage, "/World/fans")
    fan = UsdGeom.Xform.Define(stage, "/World/fans/fan").GetPrim()
    holder = "/Fan" if native else "/World/fans/fan"
    if native:
        UsdGeom.Xform.Define(stage, "/Fan").GetPrim().SetSpecifier(Sdf.SpecifierClass)
        fan.GetInherits().AddInherit("/Fan")
        fan.SetInstanceable(True)
    blade = UsdGeom.Xformable(cube(stage, f"{holder}/blade")).AddRotateZOp()
    blade.Set(0.0, 0), blade.Set(90.0, 24)
    fans.CreatePrototypesRel().SetTargets(["/World/fans/fan"])
    fans.CreateProtoIndicesAttr([0, 0])
    fans.CreatePositionsAttr([(0, 0, 0), (5, 0, 0)])
    stage.Save()
    found, done = exported(path, tmp_path)
    assert "animations" not in found.doc
    assert [f.message for f in done.findings] == [
        "1 x moving prims are drawn by point instancers, whose points a GLB file shows as they are at the start"
    ]


def test_what_the_library_says_of_another_animation_is_a_finding(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    base = UsdGeom.Xformable(cube(stage, "/World/base")).AddTranslateOp()

    def walk() -> None:
        base.Set((0, 0, 0), 0), base.Set((4, 0, 0), 48)

    def lost() -> None:
        stage.DefinePrim("/World/guest").GetReferences().AddReference("./gone.usda")

    in_variants(stage, {"walk": walk, "lost": lost})
    stage.Save()
    capfd.readouterr()
    _, done = exported(path, tmp_path)
    assert capfd.readouterr().err == ""
    (told,) = [f for f in done.findings if f.code == "usd.diagnostic"]
    assert "gone.usda" in told.message


def test_too_many_samples_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stage.usda"
    character(path, up="Z", metres=1.0)
    read = []
    monkeypatch.setattr(motion, "MOST_NUMBERS", 40)
    monkeypatch.setattr(motion.MotionReader, "tracks", lambda *_: read.append(1))
    with pytest.raises(UserError, match=r"animation has 54 numbers"):
        exported(path, tmp_path)
    assert not read
