"""The two arms of the shared assets: every joint bound and moved, against kinematics from the URDF's own numbers."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from twinstage.assets.check import Asked, check_file, check_stage
from twinstage.scene.joints import joint_limits

ARMS = {
    "abb": ("abb_irb2400/urdf/irb2400.urdf", "abb_irb2400/usd/abb_irb2400.usda", "colour_abb_orange"),
    "fanuc": ("fanuc_m710ic/urdf/m710ic50.urdf", "fanuc_m710ic/usd/fanuc_m710ic50.usda", "color_f5c221"),
}
COLOURS = """<?xml version="1.0"?>
<robot xmlns:xacro="http://ros.org/wiki/xacro">
  <xacro:macro name="material_abb_orange">
    <material name=""><color rgba="0.7372549 0.3490196 0.1607843 1"/></material>
  </xacro:macro>
  <xacro:macro name="material_abb_black">
    <material name=""><color rgba="0.1882353 0.1960784 0.2039216 1"/></material>
  </xacro:macro>
  <xacro:macro name="material_abb_yellow"><material name=""><color rgba="1 1 0 1"/></material></xacro:macro>
</robot>
"""


def turn(axis: tuple[float, ...], angle: float) -> np.ndarray:
    """Rotation about an axis, by the quaternion."""
    x, y, z = np.array(axis) / math.hypot(*axis) * math.sin(angle / 2)
    w = math.cos(angle / 2)
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return out


def kinematics(urdf: Path, q: dict[str, float]) -> dict[str, np.ndarray]:
    """world_from_link of every link for coordinates by joint, from the file's numbers."""
    root = ElementTree.parse(urdf).getroot()
    joints = [j for j in root.findall("joint") if j.find("parent") is not None]
    above = {j.find("child").get("link"): j for j in joints}  # type: ignore[union-attr]

    def world(link: str) -> np.ndarray:
        joint = above.get(link)
        if joint is None:
            return np.eye(4)
        origin, axis = joint.find("origin"), joint.find("axis")
        x, y, z = (float(v) for v in (origin.get("xyz") if origin is not None else "0 0 0").split())  # type: ignore[union-attr]
        r, p, w = (float(v) for v in (origin.get("rpy") if origin is not None else "0 0 0").split())  # type: ignore[union-attr]
        place = turn((0, 0, 1), w) @ turn((0, 1, 0), p) @ turn((1, 0, 0), r)
        place[:3, 3] = (x, y, z)
        along = tuple(float(v) for v in axis.get("xyz").split()) if axis is not None else (1.0, 0.0, 0.0)  # type: ignore[union-attr]
        moved = np.eye(4)
        coordinate = q.get(joint.get("name", ""), 0.0)
        if joint.get("type") in ("revolute", "continuous"):
            moved = turn(along, coordinate)
        elif joint.get("type") == "prismatic":
            moved[:3, 3] = np.array(along) / math.hypot(*along) * coordinate
        return world(joint.find("parent").get("link")) @ place @ moved  # type: ignore[union-attr]

    return {link.get("name", ""): world(link.get("name", "")) for link in root.findall("link")}


def joint_kinds(urdf: Path) -> dict[str, str]:
    return {
        j.get("name", ""): j.get("type", "")
        for j in ElementTree.parse(urdf).getroot().findall("joint")
        if j.get("type") in ("revolute", "continuous", "prismatic")
    }


def assert_follows(arm: Any, urdf: Path, q: dict[str, float]) -> None:
    expected, got = kinematics(urdf, q), arm.links()
    for name, matrix in expected.items():
        assert np.abs(got[name][:3, 3] - matrix[:3, 3]).max() < 1e-6, name
        assert np.abs(got[name][:3, :3] - matrix[:3, :3]).max() < 1e-6, name


@pytest.mark.parametrize("name", ARMS)
def test_each_joint_moves_what_hangs_on_it(
    name: str, shared: Path, imported: Callable[..., tuple[Path, Any]], arms: Any
) -> None:
    urdf = shared / "assets/industrial" / ARMS[name][0]
    stage, written = imported(urdf, labels=("robot_arm",))
    kinds = joint_kinds(urdf)
    assert len(kinds) == 6
    assert not written.notes
    assert written.triangles == check_file(stage, Asked()).triangles  # of what is drawn, so not of colliders
    assert [f for f in check_stage(stage) if f.severity != "info"] == []
    arm = arms(stage, kinds)
    assert_follows(arm, urdf, {})
    for joint in kinds:
        alone = {other: 0.7 if other == joint else 0.0 for other in kinds}
        arm.move(alone)
        assert_follows(arm, urdf, alone)
    rng = np.random.default_rng(1)
    for _ in range(5):
        q = dict(zip(kinds, rng.uniform(-1.5, 1.5, 6).tolist(), strict=True))
        arm.move(q)
        assert_follows(arm, urdf, q)


@pytest.mark.parametrize("name", ARMS)
def test_the_same_as_the_reference_conversion(
    name: str, shared: Path, imported: Callable[..., tuple[Path, Any]]
) -> None:
    """Joints, limits, bodies and the bounds of each link, as another converter made them of the same file."""
    home = shared / "assets/industrial"
    urdf = home / ARMS[name][0]
    ours, theirs = _facts(imported(urdf)[0]), _facts(home / ARMS[name][1])
    assert set(ours["joints"]) == set(theirs["joints"])
    for joint, (kind, bodies, limits, position, axis) in theirs["joints"].items():
        mine = ours["joints"][joint]
        assert mine[0] == kind
        if joint != "root_joint":
            assert mine[1] == bodies
        assert np.allclose(mine[3], position, atol=1e-6)
        if limits is not None:
            assert np.allclose(mine[2], limits, atol=1e-5)
            assert np.allclose(mine[4], axis, atol=1e-6)
    assert ours["bodies"] == theirs["bodies"]
    assert ours["colliders"] == theirs["colliders"]
    for link, box in theirs["boxes"].items():
        assert np.allclose(ours["boxes"][link], box, atol=1e-4), link


def _facts(stage: Path) -> dict[str, Any]:
    """What both conversions say, by names of prims."""
    from pxr import Gf, Usd, UsdGeom, UsdPhysics

    opened = Usd.Stage.Open(str(stage))
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), [UsdGeom.Tokens.default_])
    out: dict[str, Any] = {"joints": {}, "bodies": set(), "colliders": 0, "boxes": {}}
    for prim in opened.Traverse():
        if prim.IsA(UsdPhysics.Joint):
            joint = UsdPhysics.Joint(prim)
            bodies = [
                str(t).rpartition("/")[2]
                for rel in (joint.GetBody0Rel(), joint.GetBody1Rel())
                for t in rel.GetTargets()
            ]
            axis = None
            if prim.GetAttribute("physics:axis"):
                unit = Gf.Vec3d(*(float(prim.GetAttribute("physics:axis").Get() == a) for a in "XYZ"))
                axis = list(Gf.Rotation(Gf.Quatd(joint.GetLocalRot1Attr().Get())).TransformDir(unit))
            out["joints"][prim.GetName()] = (
                prim.GetTypeName(), bodies, joint_limits(prim, 1.0), list(joint.GetLocalPos0Attr().Get()), axis,
            )  # fmt: skip
        if prim.HasAPI(UsdPhysics.RigidBodyAPI):
            out["bodies"].add(prim.GetName())
            parts = [
                c
                for c in prim.GetChildren()
                if c.IsA(UsdGeom.Gprim) and UsdGeom.Imageable(c).ComputePurpose() == "default"
            ]
            boxes = [cache.ComputeWorldBound(c).ComputeAlignedRange() for c in parts]
            out["boxes"][prim.GetName()] = [[list(b.GetMin()), list(b.GetMax())] for b in boxes]
        out["colliders"] += prim.HasAPI(UsdPhysics.CollisionAPI)
    return out


def test_xacro_gives_the_same_arm(shared: Path, read: Callable[..., Any], tmp_path: Path) -> None:
    home = shared / "assets/industrial"
    colours = tmp_path / "abb_resources"
    (colours / "urdf").mkdir(parents=True)
    (colours / "package.xml").write_text("<package><name>abb_resources</name></package>")
    (colours / "urdf/common_materials.xacro").write_text(COLOURS)
    for urdf, xacro, packages in (
        ("fanuc_m710ic/urdf/m710ic50.urdf", "fanuc_m710ic/urdf/m710ic50.xacro", {}),
        ("abb_irb2400/urdf/irb2400.urdf", "abb_irb2400/urdf/irb2400.xacro", {"abb_resources": colours}),
    ):
        plain, expanded = read(home / urdf), read(home / xacro, packages=packages)
        assert [n.name for n in plain.nodes] == [n.name for n in expanded.nodes]
        assert [(j.name, j.kind, j.parent, j.child) for j in plain.joints] == [
            (j.name, j.kind, j.parent, j.child) for j in expanded.joints
        ]
        assert len(plain.joints) == 7
        for one, other in zip(plain.joints, expanded.joints, strict=True):
            assert np.allclose(one.parent_frame, other.parent_frame)
            assert one.axis == other.axis
            assert np.allclose(
                [one.lower or 0, one.upper or 0], [other.lower or 0, other.upper or 0], atol=2e-4
            )
        assert [m.base_color.value for m in plain.materials] == [
            m.base_color.value for m in expanded.materials
        ]
        assert not expanded.notes


def test_meshes_that_are_missing_are_told(shared: Path, read: Callable[..., Any]) -> None:
    document = read(shared / "assets/industrial/fanuc_m710ic/urdf/m710ic45m.xacro")
    told = [n for n in document.notes if n.code == "import.mesh-missing"]
    assert len(told) == 4
    assert "package://fanuc_m710ic_support/meshes/m710ic45m/visual/link_2.stl" in told[0].message
    assert told[0].path == "link link_2"
    assert sum(j.kind == "revolute" for j in document.joints) == 6
