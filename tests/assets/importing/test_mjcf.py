"""MJCF: the import moved by bindings against MuJoCo's own kinematics, and back into MuJoCo through UsdPhysics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.check import check_stage
from twinstage.assets.importing.document import Document, Mesh
from twinstage.base.errors import UserError
from twinstage.scene.physics import to_mjspec
from twinstage.scene.stage import open_stage

ARM = """<mujoco model="two link">
  <compiler angle="degree"/>
  <default>
    <geom rgba="0.2 0.4 0.6 1"/>
    <default class="visual"><geom contype="0" conaffinity="0" group="2"/></default>
    <default class="collision"><geom group="3" friction="0.7 0.005 0.0001"/></default>
    <joint damping="0.5"/>
  </default>
  <asset>
    <texture name="checker" type="2d" builtin="flat" rgb1="1 0 0" rgb2="1 0 0" width="4" height="4"/>
    <texture name="sky" type="cube" builtin="flat" rgb1="0 0 1" rgb2="0 0 1" width="4" height="24"/>
    <material name="paint" texture="checker" texrepeat="2 3"/>
    <material name="blue" texture="sky"/>
    <material name="steel" rgba="0.5 0.5 0.55 1" metallic="1" roughness="0.3"/>
    <mesh name="wedge" vertex="0 0 0  1 0 0  0 1 0  0 0 1" scale="0.2 0.2 0.2"/>
  </asset>
  <worldbody>
    <light pos="0 0 3"/>
    <geom name="floor" type="plane" size="2 3 0.1" material="paint" rgba="0.5 0.5 0.5 1"/>
    <body name="base" pos="0 0 0.1">
      <geom type="cylinder" size="0.1 0.05" material="steel" rgba="0.5 0.5 0.5 1"/>
      <body name="upper" pos="0 0 0.1" euler="0 10 0">
        <joint name="shoulder" axis="0 1 0" range="-90 90" pos="0 0 0.02"/>
        <geom name="shell" class="visual" type="mesh" mesh="wedge" pos="0.01 0.02 0.03" euler="0 0 30"/>
        <geom class="collision" type="capsule" fromto="0 0 0 0 0 0.4" size="0.04"/>
        <site name="elbow site" pos="0 0 0.4"/>
        <body name="fore" pos="0 0 0.4">
          <joint name="elbow" axis="0 1 1" range="-120 120" ref="15"/>
          <joint name="extend" type="slide" axis="0 0 1" range="0 0.1"/>
          <inertial pos="0 0 0.1" mass="0.8" fullinertia="0.02 0.03 0.015 0.001 0 0"/>
          <geom class="visual" type="box" size="0.03 0.03 0.15" pos="0 0 0.15" rgba="1 0.5 0 0.5"/>
          <camera name="eye" pos="0 0 0.3" fovy="60"/>
          <body name="tool" pos="0 0 0.3">
            <geom type="ellipsoid" size="0.02 0.03 0.04" material="blue" rgba="0.5 0.5 0.5 1"/></body>
        </body>
      </body>
    </body>
    <body name="ball" pos="1 0 0.5"><freejoint/><geom type="sphere" size="0.1" mass="2"/></body>
    <body name="shelf" pos="0 2 0"><geom type="box" size="0.5 0.2 0.02"/></body>
    <body name="follower" pos="0 1 0.2">
      <joint name="copy" axis="0 0 1"/><geom type="box" size="0.1 0.05 0.05"/>
    </body>
  </worldbody>
  <equality><joint joint1="copy" joint2="elbow" polycoef="0.1 -2 0 0 0"/></equality>
</mujoco>
"""
HINGES = {"shoulder": "revolute", "elbow": "revolute", "extend": "prismatic", "copy": "revolute"}
BODIES = ("base", "upper", "fore", "tool", "follower", "shelf")
REFERENCE = np.radians(15)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "arm.xml").write_text(ARM)
    return tmp_path / "arm.xml"


def kinematics(
    file: Path | None, q: dict[str, float], spec: Any = None, prefix: str = ""
) -> dict[str, np.ndarray]:
    """MuJoCo's world matrices of bodies by name for coordinates by joint; of a file, or of a spec."""
    import mujoco

    compiled = mujoco.MjModel.from_xml_path(str(file)) if spec is None else spec.compile()
    data = mujoco.MjData(compiled)
    for n in range(compiled.njnt):
        name = compiled.joint(n).name.rpartition("/")[2]
        if name in q:
            data.qpos[compiled.jnt_qposadr[n]] = q[name]
    mujoco.mj_kinematics(compiled, data)
    out = {}
    for n in range(1, compiled.nbody):
        matrix = np.eye(4)
        matrix[:3, :3] = data.xmat[n].reshape(3, 3)
        matrix[:3, 3] = data.xpos[n]
        out[compiled.body(n).name.rpartition("/")[2]] = matrix
    return out


def test_each_joint_moves_as_in_mujoco(
    model: Path, imported: Callable[..., tuple[Path, Any]], arms: Any
) -> None:
    stage, written = imported(model, labels=("arm",))
    assert [f for f in check_stage(stage) if f.severity != "info"] == []
    assert written.joints == 6  # base and tool are held, four move
    arm = arms(stage, HINGES)
    rng = np.random.default_rng(3)
    draws = [dict.fromkeys(HINGES, 0.0)]
    draws += [{**draws[0], name: 0.08} for name in HINGES]
    draws += [
        {
            "shoulder": rng.uniform(-1, 1),
            "elbow": rng.uniform(-2, 2),
            "extend": rng.uniform(0, 0.1),
            "copy": rng.uniform(-3, 3),
        }
        for _ in range(5)
    ]
    for q in draws:
        arm.move(q)
        # A binding counts from where the stage stands, which is at the reference.
        expected, got = kinematics(model, {**q, "elbow": q["elbow"] + REFERENCE}), arm.links()
        for body in BODIES:
            assert np.abs(got[body] - expected[body]).max() < 1e-6, (body, q)


def test_back_into_mujoco(model: Path, imported: Callable[..., tuple[Path, Any]]) -> None:
    """What UsdPhysics holds makes the same machine: kinematics at any coordinate, masses and centres."""
    import mujoco

    stage, _ = imported(model)
    world = to_mjspec(open_stage(stage, probe=False))
    again, before = world.spec.compile(), mujoco.MjModel.from_xml_path(str(model))
    q = {"shoulder": 0.5, "elbow": 1.0, "extend": 0.05, "copy": -1.0}
    expected, got = kinematics(model, q), kinematics(None, q, world.spec)
    for body in ("upper", "fore", "tool", "follower"):
        assert np.abs(got[body] - expected[body]).max() < 1e-5, body
    names = {again.body(n).name.rpartition("/")[2]: n for n in range(1, again.nbody)}
    for body in ("upper", "fore", "ball"):
        one, other = names[body], before.body(body).id
        assert again.body_mass[one] == pytest.approx(before.body_mass[other], rel=1e-5)
        assert np.allclose(again.body_ipos[one], before.body_ipos[other], atol=1e-6)
        assert np.allclose(np.sort(again.body_inertia[one]), np.sort(before.body_inertia[other]), rtol=1e-4)
    joints = {again.joint(n).name.rpartition("/")[2]: n for n in range(again.njnt)}
    assert np.allclose(again.jnt_range[joints["shoulder"]], np.radians([-90, 90]), atol=1e-5)
    assert np.allclose(again.jnt_range[joints["elbow"]], np.radians([-120, 120]), atol=1e-5)
    assert np.allclose(again.jnt_range[joints["extend"]], [0, 0.1], atol=1e-6)
    copied = Path(stage).parent / "payload/physics.usda"
    assert 'string mimic = "elbow"' in copied.read_text()


def test_looks_purposes_and_notes(model: Path, read: Callable[..., Document]) -> None:
    document = read(model)
    nodes = {n.name: n for n in document.nodes}
    assert nodes["capsule_collision"].purpose == "guide"
    collider = nodes["capsule_collision"].collider
    assert collider is not None and collider.dynamic_friction == 0.7
    assert nodes["shell"].collider is None and nodes["shell"].purpose == "default"
    assert nodes["shelf"].body is None and nodes["ball"].body is not None
    assert nodes["eye"].camera == 0
    assert document.cameras[0].vertical_fov == pytest.approx(np.radians(60))
    assert document.nodes[nodes["elbow site"].parent].name == "upper"
    looks = {m.name: m for m in document.materials}
    paint = looks["paint"].base_color.texture
    assert paint is not None and paint.uv_scale == (2, 3)
    assert looks["blue"].base_color.texture is None
    assert looks["blue"].base_color.value == pytest.approx((0, 0, 1))
    assert looks["steel"].metallic.value == (1.0,) and looks["steel"].roughness.value[0] == pytest.approx(0.3)
    assert looks["color_ff8000"].opacity.value == (0.5,)
    mimic = next(j.mimic for j in document.joints if j.name == "copy")
    assert mimic is not None and mimic.multiplier == -2
    assert mimic.offset == pytest.approx(0.1 + 2 * REFERENCE)
    told = " ".join(n.message for n in document.notes)
    for words in ("a small body lies between each two", "lights (1)", "wraps a cube"):
        assert words in told
    wedge = document.geometry[nodes["shell"].geometry]
    assert isinstance(wedge, Mesh)
    assert len(wedge.points) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('mesh="wedge"', 'mesh="widget"'), "MuJoCo does not compile it"),
        (("<worldbody>", "<wordlbody>"), "this is no file of MuJoCo, because it is no valid XML"),
        (('<mujoco model="two link">', "<svg>"), "no valid XML"),
    ],
)
def test_broken_mjcf_is_one_sentence(
    model: Path, read: Callable[..., Document], change: tuple[str, str], sentence: str
) -> None:
    model.write_text(ARM.replace(*change, 1))
    with pytest.raises(UserError) as told:
        read(model)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


SPHERE = '<mujoco><worldbody><geom size="1"/></worldbody></mujoco>'
TETRAHEDRON = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"
MESH = '<asset><mesh name="m" file="{}"/></asset><worldbody><geom type="mesh" mesh="m"/></worldbody>'


@pytest.mark.parametrize(
    "body",
    [
        '<include file="../out/x.xml"/>',
        '<include file="sub/far.xml"/>',
        '<include file="link/x.xml"/>',
        '<asset><model name="m" file="../out/x.xml"/></asset>',
        MESH.format("../out/x.obj"),
        MESH.format("{out}/x.obj"),
        MESH.format("link.obj"),
        '<compiler meshdir="../out"/>' + MESH.format("x.obj"),
        '<compiler assetdir="sub"/>' + MESH.format("../../out/x.obj"),
        '<include file="sub/dir.xml"/>' + MESH.format("x.obj"),
        '<compiler strippath="true" meshdir="{out}"/>' + MESH.format("a/b/x.obj"),
        '<asset><texture name="t" type="cube" fileright="../out/x.png"/></asset>',
    ],
)
def test_mjcf_names_no_file_outside(tmp_path: Path, read: Callable[..., Document], body: str) -> None:
    """Also where no kernel's wall stands: these are read in this process, and MuJoCo would open them."""
    home, out = tmp_path / "home", tmp_path / "out"
    (home / "sub").mkdir(parents=True)
    out.mkdir()
    (out / "x.xml").write_text(SPHERE)
    (out / "x.obj").write_text(TETRAHEDRON)
    (out / "x.png").write_bytes(b"no picture")
    (home / "sub/far.xml").write_text('<mujoco><include file="../../out/x.xml"/></mujoco>')
    (home / "sub/dir.xml").write_text('<mujoco><compiler meshdir="../out"/></mujoco>')
    (home / "link").symlink_to(out)
    (home / "link.obj").symlink_to(out / "x.obj")
    (home / "r.xml").write_text(f"<mujoco>{body}</mujoco>".replace("{out}", str(out)))
    with pytest.raises(UserError, match="which lies outside the file's own folder") as told:
        read(home / "r.xml")
    assert "\n" not in str(told.value)
    if "texture" not in body:
        read(home / "r.xml", roots=(tmp_path,))


def test_mjcf_reads_its_own_files(tmp_path: Path, read: Callable[..., Document]) -> None:
    for folder in ("parts/meshes", "parts/more"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "parts/meshes/x.obj").write_text(TETRAHEDRON)
    (tmp_path / "parts/asset.xml").write_text(f"<mujoco>{MESH.format('../meshes/x.obj')}</mujoco>")
    (tmp_path / "r.xml").write_text(
        '<mujoco><compiler meshdir="parts/more"/><include file="parts/asset.xml"/></mujoco>'
    )
    assert len(read(tmp_path / "r.xml").geometry) == 1


@pytest.mark.parametrize("where", ["{}<mujoco>", "<mujoco>{}"])
def test_mjcf_has_no_document_type(tmp_path: Path, read: Callable[..., Document], where: str) -> None:
    """Two parsers read it differently: what is a text for one is an element for the other."""
    kind = "<!DOCTYPE mujoco [<!ENTITY a \"><include file='/nowhere/x.xml'/>\">]>"
    (tmp_path / "r.xml").write_text(SPHERE.replace("<mujoco>", where.format(kind)))
    with pytest.raises(UserError, match=r"has a document type|no valid XML"):
        read(tmp_path / "r.xml")


def test_mjcf_is_utf_8(tmp_path: Path, read: Callable[..., Document]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "é.xml").write_text(SPHERE)
    text = '<?xml version="1.0" encoding="latin-1"?><mujoco><include file="../é.xml"/></mujoco>'
    (tmp_path / "home/r.xml").write_bytes(text.encode())
    with pytest.raises(UserError, match="save it in UTF-8"):
        read(tmp_path / "home/r.xml")
    (tmp_path / "home/r.xml").write_bytes(text.replace("latin-1", "utf-8").encode())
    with pytest.raises(UserError, match="which lies outside the file's own folder"):
        read(tmp_path / "home/r.xml")


def test_other_xml(tmp_path: Path, read: Callable[..., Document]) -> None:
    (tmp_path / "x.xml").write_text("<svg/>")
    with pytest.raises(UserError, match="its root element is <svg>"):
        read(tmp_path / "x.xml")
    (tmp_path / "r.xml").write_text(
        "<robot name='r'><link name='a'><visual><geometry><box size='1 2 3'/></geometry></visual></link></robot>"
    )
    assert read(tmp_path / "r.xml").origin.format == "URDF"
