"""Skinned gprims against UsdSkel.BakeSkinning on a copy of the stage, at times that have samples (it bakes no others)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

FILES = {
    "usdz/CesiumMan/CesiumMan.usdz": (1.0, 13.0),
    "usdz/RiggedSimple/RiggedSimple.usdz": (1.0, 20.0),
    "pixar/skel/arm.usda": (1.0, 10.0),
    "pixar/skel/twoBends.usda": (1.0,),
    "tinyusdz/skintest.usda": (1.0,),
    "tinyusdz/blendshape.usda": (1.0,),
    "tinyusdz/blendshape-and-animation-test-001.usda": (1.0, 10.0, 20.0),
}


def baked(path: Path, time: float) -> dict[str, np.ndarray]:
    """Corner positions of each mesh in the stage's world, after BakeSkinning in memory."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(str(path))
    for layer in stage.GetUsedLayers():
        layer.SetPermissionToSave(False)
    for prim in stage.Traverse():
        if prim.IsA(UsdSkel.Root):
            assert UsdSkel.BakeSkinning(UsdSkel.Root(prim), Gf.Interval(time, time))
    out = {}
    cache = UsdGeom.XformCache(time)
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.Mesh):
            mesh = UsdGeom.Mesh(prim)
            points = np.array(mesh.GetPointsAttr().Get(time), float)
            world = points @ np.array(cache.GetLocalToWorldTransform(prim))[:3, :3]
            out[str(prim.GetPath())] = world + np.array(cache.GetLocalToWorldTransform(prim))[3, :3]
    stage.Reload()
    return out


def ours(snapshot: Snapshot, path: str) -> np.ndarray:
    """World positions of the vertices drawn for a prim [m]."""
    (k,) = np.flatnonzero(snapshot.instances.prim == snapshot.prims.index_of[path])
    matrix = snapshot.instance_world[k]
    return snapshot.prototypes[snapshot.instances.prototype[k]].points @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("name", FILES)
def test_equals_bake_skinning(shared: Path, name: str) -> None:
    path = shared / "assets" / "features" / name
    opened = open_stage(path, probe=False)
    for time in FILES[name]:
        snapshot = read_snapshot(opened, time, refine=0)
        assert not any(f.code.startswith("skel.") for f in snapshot.findings)
        for prim, points in baked(path, time).items():
            points = points * opened.meters_per_unit
            if opened.up_axis == "Y":
                points = points[:, [0, 2, 1]] * [1, -1, 1]
            drawn = ours(snapshot, prim)
            size = np.ptp(points, axis=0).max()
            gaps = np.abs(drawn[:, None] - points[None]).max(2)
            assert gaps.min(1).max() < 1e-5 * size, (prim, time)
            assert gaps.min(0).max() < 1e-5 * size or len(points) > len(drawn), (prim, time)


RIG = """
def SkelRoot "Root" (prepend apiSchemas = ["SkelBindingAPI"])
{{
    double3 xformOp:translate = (0, 0, 5)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    rel skel:skeleton = </Root/Skel>
    def Skeleton "Skel" (prepend apiSchemas = ["SkelBindingAPI"])
    {{
        uniform token[] joints = ["a", "a/b"]
        uniform matrix4d[] bindTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(2,0,0,1))]
        uniform matrix4d[] restTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(2,0,0,1))]
        rel skel:animationSource = </Root/Skel/Anim>
        double3 xformOp:translate = (0, 1, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def SkelAnimation "Anim"
        {{
            uniform token[] joints = ["a", "a/b"]
            float3[] translations = [(0, 0, 0), (2, 0, 0)]
            quatf[] rotations = [(1, 0, 0, 0), (0.8, 0, 0, 0.6)]
            half3[] scales = [(1, 1, 1), (1, 2, 1)]
        }}
    }}
    {gprim}
}}
"""
STRIP = """def Mesh "M" (prepend apiSchemas = ["SkelBindingAPI"])
    {{
        uniform token subdivisionScheme = "none"
        point3f[] points = [(0, 0, 0), (2, 0, 0), (4, 0, 0), (4, 1, 0), (2, 1, 0), (0, 1, 0)]
        int[] faceVertexCounts = [4, 4]
        int[] faceVertexIndices = [0, 1, 4, 5, 1, 2, 3, 4]
        normal3f[] normals = [(0.6, 0, 0.8), (0.6, 0, 0.8), (0, 0, 1), (0, 0, 1),
            (0.6, 0, 0.8), (0, 0.6, 0.8)] (interpolation = "vertex")
        double3 xformOp:translate = (0.5, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        {extra}
    }}
"""


def world_of(
    text: str, open_text: Any, tmp_path: Path, kind: str = "points"
) -> tuple[np.ndarray, np.ndarray]:
    """Ours and pxr's baked values of the only gprim, each sorted."""
    from pxr import Usd, UsdGeom, UsdSkel

    opened = open_text(text)
    snapshot = read_snapshot(opened)
    assert not any(f.code.startswith("skel.") for f in snapshot.findings), snapshot.findings
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    assert UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetPrimAtPath("/Root")))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/Root/M"))
    matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(mesh.GetPrim()))
    at = snapshot.instance_world[0]
    if kind == "points":
        theirs = np.array(mesh.GetPointsAttr().Get()) @ matrix[:3, :3] + matrix[3, :3]
        mine = snapshot.prototypes[0].points @ at[:3, :3].T + at[:3, 3]
    else:
        theirs = np.array(mesh.GetNormalsAttr().Get(), float)
        theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
        mine = snapshot.prototypes[0].normals
    stage.GetRootLayer().Reload(force=True)
    return mine, theirs


EXTRAS = {
    "linear": 'int[] primvars:skel:jointIndices = [0, 1, 1, 1, 0, 0] (interpolation = "vertex"; elementSize = 1)\n'
    'float[] primvars:skel:jointWeights = [1, 1, 1, 1, 1, 1] (interpolation = "vertex"; elementSize = 1)',
    "mixed": "int[] primvars:skel:jointIndices = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1] "
    '(interpolation = "vertex"; elementSize = 2)\n'
    "float[] primvars:skel:jointWeights = [1, 0, 0.5, 0.5, 0.2, 0.8, 0, 1, 0.5, 0.5, 1, 0] "
    '(interpolation = "vertex"; elementSize = 2)',
    "own joint order": 'uniform token[] skel:joints = ["a/b", "a"]\n'
    'int[] primvars:skel:jointIndices = [1, 0, 0, 0, 1, 1] (interpolation = "vertex"; elementSize = 1)\n'
    'float[] primvars:skel:jointWeights = [1, 1, 1, 1, 1, 1] (interpolation = "vertex"; elementSize = 1)\n'
    "matrix4d primvars:skel:geomBindTransform = ((0, 1, 0, 0), (-1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 1))",
    "rigid": 'int[] primvars:skel:jointIndices = [1] (interpolation = "constant"; elementSize = 1)\n'
    'float[] primvars:skel:jointWeights = [1] (interpolation = "constant"; elementSize = 1)',
}
EXTRAS["dual quaternion"] = (
    EXTRAS["mixed"] + '\nuniform token primvars:skel:skinningMethod = "dualQuaternion"'
)


@pytest.mark.parametrize("name", EXTRAS)
def test_ways_to_bind(open_text: Any, tmp_path: Path, name: str) -> None:
    text = RIG.format(gprim=STRIP.format(extra=EXTRAS[name]))
    mine, theirs = world_of(text, open_text, tmp_path)
    gaps = np.abs(mine[:, None] - theirs[None]).max(2)
    assert gaps.min(1).max() < 1e-5
    assert gaps.min(0).max() < 1e-5
    assert np.ptp(theirs[:, 1]) > 1.5, "the strip is bent, so that the bind pose would not pass"


@pytest.mark.parametrize("name", ["linear", "mixed", "own joint order"])
def test_normals_follow(open_text: Any, tmp_path: Path, name: str) -> None:
    mine, theirs = world_of(
        RIG.format(gprim=STRIP.format(extra=EXTRAS[name])), open_text, tmp_path, "normals"
    )
    gaps = np.abs(mine[:, None] - theirs[None]).max(2)
    assert gaps.min(1).max() < 1e-5
    assert gaps.min(0).max() < 1e-5


def test_normals_follow_blend_shapes(open_text: Any, tmp_path: Path) -> None:
    shape = """
        uniform token[] skel:blendShapes = ["lean"]
        rel skel:blendShapeTargets = </Root/M/lean>
        def BlendShape "lean"
        {
            uniform vector3f[] offsets = [(0, 0, 1), (0, 0, 1)]
            uniform vector3f[] normalOffsets = [(1, 0, 0), (0, 2, 0)]
            uniform int[] pointIndices = [1, 4]
        }
    """
    weights = 'uniform token[] blendShapes = ["lean"]\nfloat[] blendShapeWeights = [0.5]\nhalf3[] scales ='
    text = RIG.format(gprim=STRIP.format(extra=EXTRAS["linear"] + shape)).replace("half3[] scales =", weights)
    mine, theirs = world_of(text, open_text, tmp_path, "normals")
    gaps = np.abs(mine[:, None] - theirs[None]).max(2)
    assert gaps.min(1).max() < 1e-5
    assert gaps.min(0).max() < 1e-5


def test_a_rigid_shape_goes_with_its_joint(open_text: Any) -> None:
    cube = f'def Cube "M" (prepend apiSchemas = ["SkelBindingAPI"])\n{{\n{EXTRAS["rigid"]}\n}}\n'
    snapshot = read_snapshot(open_text(RIG.format(gprim=cube)))
    at = snapshot.instance_world[0]
    centre = snapshot.prototypes[0].points.mean(0) @ at[:3, :3].T + at[:3, 3]
    # Joint b turns about (2, 0, 0) by 2 acos(0.8) after doubling y; the cube's centre lies 2 before it.
    turn = 2 * np.arccos(0.8)
    assert np.allclose(centre, [2 - 2 * np.cos(turn), -2 * np.sin(turn) + 1, 5], atol=1e-5)
    assert np.allclose(np.linalg.norm(snapshot.prototypes[0].normals, axis=1), 1, atol=1e-6)


def test_influences_that_do_not_fit_leave_the_bind_pose(open_text: Any) -> None:
    for extra in (
        EXTRAS["linear"].replace("[0, 1, 1, 1, 0, 0]", "[0, 1, 1, 7, 0, 0]"),
        EXTRAS["linear"].replace("[1, 1, 1, 1, 1, 1]", "[1, 1]"),
    ):
        snapshot = read_snapshot(open_text(RIG.format(gprim=STRIP.format(extra=extra))))
        assert [f.path for f in snapshot.findings if f.code == "skel.binding"] == ["/Root/M"]
        assert snapshot.prototypes[0].points[:, 1].max() == 1


def test_instances_move_on_their_own(open_text: Any) -> None:
    """Two instances of one SkelRoot, each with an animation of its own; two more share one."""
    strip = STRIP.format(extra=EXTRAS["linear"].replace("\n", "\n        "))
    rig = RIG.format(gprim=strip).replace("rel skel:animationSource = </Root/Skel/Anim>\n", "")
    anim = (
        'def SkelAnimation "{n}" {{ uniform token[] joints = ["a", "a/b"]\n float3[] translations = [(0, 0, 0), (2, 0, {z})]\n'
        "quatf[] rotations = [(1, 0, 0, 0), (1, 0, 0, 0)]\n half3[] scales = [(1, 1, 1), (1, 1, 1)]\n}}\n"
    )
    user = (
        'def Xform "U{k}" (prepend apiSchemas = ["SkelBindingAPI"])\n{{\n rel skel:animationSource = </{n}>\n'
        'double3 xformOp:translate = ({k}, 0, 0)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
        'def "I" (instanceable = true\n prepend references = </Root>)\n{{\n}}\n}}\n'
    )
    text = rig + anim.format(n="P", z=3) + anim.format(n="Q", z=7)
    text += user.format(k=1, n="P") + user.format(k=2, n="Q") + user.format(k=3, n="Q")
    snapshot = read_snapshot(open_text(text))
    heights = {}
    for k, p in enumerate(snapshot.instances.prim):
        path = snapshot.prims.path[p]
        at = snapshot.instance_world[k]
        points = snapshot.prototypes[snapshot.instances.prototype[k]].points @ at[:3, :3].T + at[:3, 3]
        heights[path] = float(points[:, 2].max())
    assert heights == {"/Root/M": 5, "/U1/I/M": 8, "/U2/I/M": 12, "/U3/I/M": 12}
    assert len(snapshot.prototypes) == 3


def test_influences_without_a_skeleton_are_told(open_text: Any) -> None:
    text = STRIP.format(extra=EXTRAS["linear"])
    snapshot = read_snapshot(open_text(text))
    assert [f.path for f in snapshot.findings if f.code == "skel.unbound"] == ["/M"]
    assert snapshot.prototypes[0].points[:, 1].max() == 1
