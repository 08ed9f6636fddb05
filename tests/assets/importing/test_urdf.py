"""URDF by hand: odd axes, sliders, mimics and frames move as they should; mistakes are one sentence each."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.document import Document, Mesh, Shape
from twinstage.assets.importing.imports import import_file
from twinstage.assets.importing.usd_physics import principal, principal_axis
from twinstage.base.errors import UserError

Read = Callable[..., Document]
BOX = "<visual><geometry><box size='0.1 0.2 0.3'/></geometry></visual>"


def write(folder: Path, body: str, name: str = "r.urdf") -> Path:
    (folder / name).write_text(f"<?xml version='1.0'?>\n<robot name='r'>{body}</robot>")
    return folder / name


def joint(name: str, kind: str, parent: str, child: str, more: str = "") -> str:
    return (
        f"<joint name='{name}' type='{kind}'><parent link='{parent}'/><child link='{child}'/>{more}</joint>"
    )


ODD = (
    f"<link name='world'/><link name='a-1'>{BOX}</link><link name='b'>{BOX}</link><link name='c'>{BOX}</link>"
    f"<link name='d'>{BOX}</link><link name='tip'/>"
    + joint("hold", "fixed", "world", "a-1", "<origin xyz='0 0 1' rpy='0.1 0.2 0.3'/>")
    + joint(
        "swing",
        "revolute",
        "a-1",
        "b",
        "<origin xyz='0.1 0.2 0.3' rpy='-0.4 0.5 1.6'/><axis xyz='1 2 -3'/>"
        "<limit lower='-1' upper='2' velocity='3' effort='4'/><dynamics damping='0.5' friction='0.25'/>",
    )
    + joint(
        "slide",
        "prismatic",
        "b",
        "c",
        "<origin xyz='0 0.3 0' rpy='0 0 0.7'/><axis xyz='0 -1 1'/><limit lower='-0.5' upper='0.5' velocity='1' effort='1'/>",
    )
    + joint(
        "spin",
        "continuous",
        "c",
        "d",
        "<axis xyz='-1 0 0'/><mimic joint='swing' multiplier='-2' offset='0.5'/>",
    )
    + joint("end", "fixed", "d", "tip", "<origin xyz='1 0 0'/>")
)


def turn(axis: tuple[float, ...], angle: float) -> np.ndarray:
    """Rodrigues, by the exponential series of the cross product."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.eye(4)
    out[:3, :3] = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return out


def move(*xyz: float) -> np.ndarray:
    out = np.eye(4)
    out[:3, 3] = xyz
    return out


def rpy(r: float, p: float, y: float) -> np.ndarray:
    return turn((0, 0, 1), y) @ turn((0, 1, 0), p) @ turn((1, 0, 0), r)


def test_odd_axes_sliders_and_frames(
    tmp_path: Path, imported: Callable[..., tuple[Path, Any]], arms: Any
) -> None:
    stage, written = imported(write(tmp_path, ODD))
    assert written.notes == ()
    arm = arms(stage, {"swing": "revolute", "slide": "prismatic", "spin": "continuous"})
    for swing, slide, spin in ((0, 0, 0), (0.8, 0, 0), (0, 0.3, 0), (0, 0, -2.0), (1.5, -0.4, 3.0)):
        arm.move({"swing": swing, "slide": slide, "spin": spin})
        a = move(0, 0, 1) @ rpy(0.1, 0.2, 0.3)
        b = a @ move(0.1, 0.2, 0.3) @ rpy(-0.4, 0.5, 1.6) @ turn((1, 2, -3), swing)
        c = b @ move(0, 0.3, 0) @ rpy(0, 0, 0.7) @ move(0, -slide / math.sqrt(2), slide / math.sqrt(2))
        d = c @ turn((-1, 0, 0), spin)
        got = arm.links()
        for name, expected in (("a_1", a), ("b", b), ("c", c), ("d", d), ("tip", d @ move(1, 0, 0))):
            assert np.abs(got[name] - expected).max() < 1e-6, (name, swing, slide, spin)


def test_what_the_layer_says(tmp_path: Path, imported: Callable[..., tuple[Path, Any]]) -> None:
    from pxr import Usd, UsdPhysics

    stage = Usd.Stage.Open(str(imported(write(tmp_path, ODD))[0]))

    def prim(path: str) -> Any:
        return stage.GetPrimAtPath(path)

    assert prim("/r/world/a_1").GetDisplayName() == "a-1"
    swing = prim("/r/Joints/swing")
    assert swing.GetCustomData()["joint"] == {"velocityLimit": 3.0, "effortLimit": 4.0, "friction": 0.25}
    assert swing.GetAttribute("physics:lowerLimit").Get() == pytest.approx(math.degrees(-1))
    drive = UsdPhysics.DriveAPI(swing, "angular")
    assert drive.GetDampingAttr().Get() == pytest.approx(math.radians(0.5))
    assert drive.GetStiffnessAttr().Get() == 0
    spin = prim("/r/Joints/spin")
    assert spin.GetCustomData()["joint"] == {"mimic": "swing", "multiplier": -2.0, "offset": 0.5}
    assert spin.GetAttribute("physics:lowerLimit").Get() == -math.inf
    hold = prim("/r/Joints/hold")
    assert [str(t) for t in hold.GetRelationship("physics:body0").GetTargets()] == ["/r"]
    assert hold.GetAttribute("physics:localPos0").Get() == (0, 0, 1)
    bodies = [p.GetName() for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI)]
    assert bodies == ["a_1", "b", "c", "d"]
    roots = [str(p.GetPath()) for p in stage.Traverse() if p.HasAPI(UsdPhysics.ArticulationRootAPI)]
    assert roots == ["/r/world"]


def test_inertia_is_turned_into_the_link(tmp_path: Path, read: Read) -> None:
    inertial = (
        "<inertial><origin xyz='1 2 3' rpy='0 0 1.5707963267948966'/><mass value='2'/>"
        "<inertia ixx='1' iyy='2' izz='2.5' ixy='0' ixz='0' iyz='0'/></inertial>"
    )
    body = read(write(tmp_path, f"<link name='a'>{BOX}{inertial}</link>")).nodes[0].body
    assert body is not None and body.mass == 2 and body.center == (1, 2, 3)
    assert np.allclose(body.inertia, np.diag([2, 1, 2.5]))


def test_principal_axes() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        axis = rng.normal(size=3)
        token, rotation = principal_axis(tuple(axis))
        assert np.allclose(rotation @ np.eye(3)["XYZ".index(token)], axis / np.linalg.norm(axis))
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        spread = rng.normal(size=(3, 3))
        inertia = spread @ spread.T
        moments, axes = principal(inertia)
        assert np.allclose(axes @ np.diag(moments) @ axes.T, inertia)
        assert np.linalg.det(axes) == pytest.approx(1)
    assert principal_axis((0, 0, -1))[0] == "Z"
    assert np.array_equal(principal_axis((0, 1, 0))[1], np.eye(3))


def test_shapes_materials_and_meshes(tmp_path: Path, read: Read) -> None:
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes/t.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    text = (
        "<material name='blue'><color rgba='0 0 1 0.5'/></material><link name='a'>"
        "<visual><geometry><sphere radius='0.5'/></geometry><material name='blue'/></visual>"
        "<visual name='can'><geometry><cylinder radius='0.1' length='2'/></geometry></visual>"
        "<visual><geometry><mesh filename='meshes/t.obj' scale='0.001 0.001 0.001'/></geometry><material name='blue'/></visual>"
        "<collision><geometry><mesh filename='meshes/t.obj' scale='0.001 0.001 0.001'/></geometry></collision>"
        "<collision><geometry><box size='1 2 3'/></geometry></collision>"
        "<visual><geometry><mesh filename='package://other/x.stl'/></geometry></visual></link>"
    )
    document = read(write(tmp_path, text), packages={})
    names = [n.name for n in document.nodes]
    assert names == ["a", "sphere", "can", "t", "t_collision", "box_collision"]
    sphere, can, mesh, hull, box = (document.geometry[n.geometry] for n in document.nodes[1:])
    assert isinstance(sphere, Shape) and sphere.size == (0.5,)
    assert isinstance(can, Shape) and can.size == (0.1, 2.0)
    assert isinstance(box, Shape) and box.size == (1.0, 2.0, 3.0)
    assert mesh is hull and isinstance(mesh, Mesh), "one file is read once"
    assert np.allclose(document.nodes[3].transform.to_matrix(), np.diag([1e-3, 1e-3, 1e-3, 1]))
    (blue,) = document.materials
    assert document.nodes[1].material == document.nodes[3].material == 0
    assert document.nodes[4].material == -1
    assert blue.base_color.value == (0, 0, 1) and blue.opacity.value == (0.5,)
    (told,) = document.notes
    assert "the package 'other' is unknown" in told.message
    assert "--package other=DIR" in told.message


def test_a_mobile_base_is_not_held(tmp_path: Path, read: Read) -> None:
    body = f"<link name='a'>{BOX}</link><link name='w'>{BOX}</link>" + joint("wheel", "continuous", "a", "w")
    assert [j.name for j in read(write(tmp_path, body)).joints] == ["root_joint", "wheel"]
    assert [j.name for j in read(write(tmp_path, body), fixed_base=False).joints] == ["wheel"]


TWO = f"<link name='a'>{BOX}</link><link name='b'>{BOX}</link>"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "the robot has no links"),
        ("<link/>", "a <link> has no name"),
        ("<link name='a'/><link name='a'/>", "two links are named 'a'"),
        (TWO, "the links 'a', 'b' hang on no joint, so the robot has 2 roots"),
        (TWO + joint("j", "fixed", "a", "x"), "joint 'j': its child 'x' is no link"),
        (TWO + joint("j", "hinge", "a", "b"), "joint 'j' has the type 'hinge'"),
        (
            TWO + joint("j", "fixed", "a", "b") + joint("k", "fixed", "a", "b"),
            "the child of two joints, 'j' and 'k'",
        ),
        (TWO + joint("j", "fixed", "a", "b") + joint("k", "fixed", "b", "a"), "the links form a loop"),
        (TWO + joint("j", "revolute", "a", "b", "<axis xyz='0 0 0'/>"), "its axis has no direction"),
        (TWO + joint("j", "revolute", "a", "b", "<axis xyz='0 0'/>"), "xyz='0 0'; 3 numbers were expected"),
        (
            TWO + joint("j", "revolute", "a", "b", "<limit lower='2' upper='1'/>"),
            "its lower limit 2 lies above the upper 1",
        ),
        (
            TWO + joint("jab", "revolute", "a", "b", "<limit/><mimic joint='jib'/>"),
            "joint 'jab' mimics 'jib', which is no other joint",
        ),
        (
            "<link name='a'><visual><geometry><box size='1 0 1'/></geometry></visual></link>",
            "its box measures 1 0 1 m",
        ),
        (
            "<link name='a'><visual><geometry><box size='1 1'/></geometry></visual></link>",
            "size='1 1'; 3 numbers",
        ),
        ("<link name='a'><visual><geometry><mesh/></geometry></visual></link>", "its <mesh> has no filename"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, read: Read, body: str, sentence: str) -> None:
    with pytest.raises(UserError) as told:
        read(write(tmp_path, body))
    assert sentence in str(told.value)
    assert "r.urdf" in str(told.value)


def test_what_is_not_carried_is_told(tmp_path: Path, read: Read) -> None:
    more = "<limit lower='0' upper='1'/><safety_controller k_velocity='1'/>"
    body = (
        f"{TWO}<link name='c'>{BOX}</link><gazebo/><transmission/><gazebo/>"
        + joint("j", "prismatic", "a", "b", more)
        + joint("f", "floating", "a", "c")
    )
    document = read(write(tmp_path, body))
    told = [n.message for n in document.notes]
    assert "not carried over: 2 <gazebo>" in told
    assert "not carried over: <safety_controller> of joints" in told
    assert any("a floating joint is no UsdPhysics joint, so 'c' is free" in t for t in told)


XACRO = """<?xml version="1.0"?>
<robot name="x" xmlns:xacro="http://ros.org/wiki/xacro">
  <xacro:arg name="size" default="0.1"/>
  <xacro:property name="length" value="$(arg size)"/>
  <link name="a"><visual><geometry><box size="${{length * 2}} 1 {}"/></geometry></visual></link>
</robot>
"""


def test_xacro_arguments_and_mistakes(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "7")

    def made(text: str, **options: Any) -> Document:
        (tmp_path / "x.xacro").write_text(XACRO.format(text))
        return read(tmp_path / "x.xacro", **options)

    assert made("1").geometry[0].size == (0.2, 1, 1)  # type: ignore[union-attr]
    assert made("1", arguments="size:=0.5").geometry[0].size == (1, 1, 1)  # type: ignore[union-attr]
    assert made("$(optenv SECRET 3)").geometry[0].size == (0.2, 1, 3)  # type: ignore[union-attr]
    for text, options, sentence in (
        ("1", {"arguments": "size=0.5"}, "'size=0.5' is no argument; name:=value was expected"),
        ("$(arg width)", {}, "the argument 'width' has no value"),
        ("$(env SECRET)", {}, "the environment variable 'SECRET', which imports do not show"),
        ("$(find nowhere)", {}, "the package 'nowhere' is unknown"),
        ("${1 / 0}", {}, "xacro cannot expand it"),
        ("${open('/etc/passwd')}", {}, "xacro cannot expand it"),
    ):
        with pytest.raises(UserError) as told:
            made(text, **options)
        assert sentence in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "${[x.__class__.__base__.__subclasses__() for x in [()]]}",
        "${(lambda: ().__class__)()}",
        "${(str(dict())[0] + '0.__class__' + str(dict())[1]).format(1)}",
        "${list(map(str.format, [str(dict())[0] + '0.__class__' + str(dict())[1]], [1]))}",
        "${list(map(str.format_map, ['a'], [dict(a=1)]))}",
        "${[g.gi_frame.f_back for g in [(1 for x in [1])]][0]}",
        "${python.vars(xacro)}",
        "${python['type'](1)}",
        "${python.get('vars')(xacro)}",
        "${xacro.load_yaml.__globals__}",
        "${sin.__self__}",
        "${[0 for python['len'] in [1]]}",
        "${(lambda __x: __x)(1)}",
        "${__builtins__}",
        "${[(yield 1) for x in [1]]}",
    ],
)
def test_xacro_reaches_nothing_of_the_interpreter(tmp_path: Path, read: Read, text: str) -> None:
    """As a value, as the default of a property that another expression uses, and in a file of YAML."""
    text = text.replace("'", "&quot;")
    held = f'<xacro:property name="p" value="{text}"/>'.replace("{", "{{").replace("}", "}}")
    for body in (XACRO.format(text), XACRO.format("${p}").replace("<link", held.format() + "<link")):
        (tmp_path / "x.xacro").write_text(body)
        with pytest.raises(
            UserError, match=r"which imports do not evaluate|is not defined|it: ('type' when|'NoneType')"
        ):
            read(tmp_path / "x.xacro")
    (tmp_path / "x.yaml").write_text("a: !degrees " + text[2:-1].replace("&quot;", '"'))
    (tmp_path / "x.xacro").write_text(XACRO.format("${xacro.load_yaml('x.yaml')['a']}"))
    with pytest.raises(UserError):
        read(tmp_path / "x.xacro")


def test_xacro_eval_says_what_to_write(tmp_path: Path, read: Read) -> None:
    for text in ("$(eval open('/etc/passwd'))", "$(eval 1+1)"):
        (tmp_path / "x.xacro").write_text(XACRO.format("").replace("$(arg size)", text))
        with pytest.raises(UserError, match=r"x\.xacro: it holds \$\(eval .*write \$\{\.\.\.\} instead"):
            read(tmp_path / "x.xacro")


def test_xacro_expressions_that_robots_use(tmp_path: Path, read: Read) -> None:
    (tmp_path / "x.yaml").write_text("limits: {max: !degrees 180, items: [1, 2]}\nname: Left\n")
    config = "<xacro:property name='c' value='${xacro.load_yaml(&quot;x.yaml&quot;)}'/>"
    for text, value in (
        ("${c.limits.max}", np.pi),
        ("${c['limits'].get('max')}", np.pi),
        ("${sum_ if False else len([k for k in c.limits.keys()])}", 2),
        ("${max(map(lambda x: x * math.pi, [1, 2]))}", 2 * np.pi),
        ("${len(c.name.lower().replace('le', '').split(','))}", 1),
        ("${python.sum([i for i in python.range(4)])}", 6),
        ("${python.round(radians(180) + (1.5).real)}", 5),
        ("${(x := 3) + x}", 6),
        ("${len(str.upper('ab'))}", 2),
    ):
        (tmp_path / "x.xacro").write_text(XACRO.format(text).replace("<link", config + "<link"))
        assert read(tmp_path / "x.xacro").geometry[0].size[2] == pytest.approx(value), text  # type: ignore[union-attr]


def test_packages_beside_the_file(tmp_path: Path, imported: Callable[..., tuple[Path, Any]]) -> None:
    """A mesh of a neighbouring package is reached through the door, and a folder beside that is no package is not."""
    for name in ("arm_support", "arm_meshes", "secrets"):
        (tmp_path / name / "urdf").mkdir(parents=True)
        (tmp_path / name / "t.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        if name != "secrets":
            (tmp_path / name / "package.xml").write_text(f"<package>\n<name> {name}_ros </name></package>")
    visual = "<visual><geometry><mesh filename='{}'/></geometry></visual>"
    body = "".join(
        visual.format(uri) for uri in ("package://arm_meshes_ros/t.obj", "../../secrets/t.obj", "../t.obj")
    )
    _, written = imported(write(tmp_path / "arm_support/urdf", f"<link name='a'>{body}</link>"))
    assert written.meshes == 2
    (told,) = written.notes
    assert told.code == "import.mesh-outside"
    assert "secrets" in told.message and "--asset-root" in told.fix


def test_a_robot_of_which_no_mesh_is_found_says_what_to_do(tmp_path: Path) -> None:
    mesh = '<visual><geometry><mesh filename="package://far/{}.stl"/></geometry></visual>'
    links = "".join(f'<link name="{name}">{mesh.format(name)}</link>' for name in "ab")
    joint = '<joint name="j" type="fixed"><parent link="a"/><child link="b"/></joint>'
    (tmp_path / "r.urdf").write_text(f'<robot name="r">{links}{joint}</robot>')
    with pytest.raises(UserError, match=r"drawn: .*package://far/a\.stl.*--package far=DIR \(and 1 more\)"):
        import_file(tmp_path / "r.urdf", tmp_path / "out")
    assert not (tmp_path / "out").exists()
