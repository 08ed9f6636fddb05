"""Live bones: a binding turns a joint, and the mesh bends alike in USD (BakeSkinning) and by the wire's skin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.bending import bent_scene
from twinstage.scene.bones import make_bones
from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.skins import bent, bone_boxes, strongest
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.scene.writer import ColumnWriter

FILES = ("usdz/CesiumMan/CesiumMan.usdz", "usdz/RiggedSimple/RiggedSimple.usdz", "pixar/skel/arm.usda")


def drawn(snapshot: Snapshot, path: str) -> np.ndarray:
    """Vertices of a bent mesh where the viewer draws them [m]."""
    (skin,) = [s for s in snapshot.skins if snapshot.prims.path[snapshot.instances.prim[s.instance]] == path]
    weights = snapshot.prototypes[snapshot.instances.prototype[skin.instance]].skin
    assert weights is not None
    return bent(weights, snapshot.node_world[list(skin.nodes)])


def baked(opened: Any, to_ours: Any) -> dict[str, np.ndarray]:
    """World positions of every mesh of the composed stage, by pxr, in metres and Z-up."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    flat = Usd.Stage.Open(opened.stage.Flatten())
    time = flat.GetStartTimeCode() if flat.HasAuthoredTimeCodeRange() else 0.0
    for prim in flat.Traverse():
        if prim.IsA(UsdSkel.Root):
            UsdSkel.BakeSkinning(UsdSkel.Root(prim), Gf.Interval(time, time))
    out = {}
    cache = UsdGeom.XformCache(time)
    for prim in flat.Traverse():
        if prim.IsA(UsdGeom.Mesh):
            matrix = np.array(cache.GetLocalToWorldTransform(prim))
            points = np.array(UsdGeom.Mesh(prim).GetPointsAttr().Get(time), float)
            out[str(prim.GetPath())] = to_ours(points @ matrix[:3, :3] + matrix[3, :3])
    return out


def ours_of(opened: Any) -> Any:
    def turn(points: np.ndarray) -> np.ndarray:
        points = points * opened.meters_per_unit
        return points[:, [0, 2, 1]] * [1, -1, 1] if opened.up_axis == "Y" else points

    return turn


def assert_same(mine: np.ndarray, theirs: np.ndarray) -> None:
    size = np.ptp(theirs, axis=0).max()
    for k in range(0, len(mine), 500):
        gaps = np.abs(mine[k : k + 500, None] - theirs[None]).max(2)
        assert gaps.min(1).max() < 2e-4 * size


@pytest.mark.parametrize("name", FILES)
def test_bones_that_move_bend_the_mesh_in_the_stage_and_on_the_wire_alike(shared: Path, name: str) -> None:
    opened = open_stage(shared / "assets" / "features" / name, probe=False)
    still = read_snapshot(opened, refine=0)
    assert make_bones(opened) > 0
    assert make_bones(opened) == 0, "made once"
    snapshot = read_snapshot(opened, refine=0)
    assert snapshot.skins, "the mesh hangs on its bones"
    # Nothing has moved: as the authored animation has it.
    first = snapshot.skins[0]
    path = snapshot.prims.path[snapshot.instances.prim[first.instance]]
    (row,) = np.flatnonzero(still.instances.prim == still.prims.index_of[path])
    points = still.prototypes[still.instances.prototype[row]].points
    world = still.instance_world[row]
    before = drawn(snapshot, path)
    assert_same(before, points @ world[:3, :3].T + world[:3, 3])
    # A bone in the middle of the chain turns by 50 degrees about an axis of its own.
    node = max(first.nodes, key=lambda n: (snapshot.prims.path[n].count("/") <= 5, n))

    from twinstage.scene.transforms import decompose_trs, quat_to_matrix

    turn = quat_to_matrix(np.array([np.cos(0.44), 0, np.sin(0.44) * 0.6, np.sin(0.44) * 0.8]))
    local = np.array(snapshot.node_local[node])
    local[:3, :3] = local[:3, :3] @ turn
    translation, rotation, scale, _ = decompose_trs(local[None])
    pose = PoseColumns(
        1,
        0,
        frozen(np.array([node]), np.uint32),
        frozen(translation, np.float64),
        frozen(rotation, np.float32),
        frozen(scale, np.float32),
    )
    ColumnWriter(opened, snapshot).write(TickColumns(pose))
    moved = snapshot.moved(pose)
    after = drawn(moved, path)
    assert np.abs(after - before).max() > 0.05 * np.ptp(before, axis=0).max(), "it is bent"
    assert_same(after, baked(opened, ours_of(opened))[path])
    # Our own pictures bend it as well: those of a moved snapshot, and whoever reads the stage now.
    shape = bent_scene(moved)
    own = shape.prototypes[shape.instances.prototype[first.instance]]
    world = shape.instance_world[first.instance]
    assert_same(after, own.points @ world[:3, :3].T + world[:3, 3])
    assert own.hash not in {p.hash for p in snapshot.prototypes}
    assert bent_scene(still) is still
    again = read_snapshot(opened, refine=0)
    read = again.prototypes[again.instances.prototype[first.instance]]
    points = read.points
    same = (read.normals * own.normals).sum(1)
    assert np.percentile(same, 1) > 0.99 and same.min() > 0.9, "normals are bent, too"
    world = again.instance_world[first.instance]
    assert_same(after, points @ world[:3, :3].T + world[:3, 3])


def test_the_strongest_four_influences_sum_to_one() -> None:
    joints, weights = strongest(np.array([[5, 6, 7, 8, 9]]), np.array([[0.1, 0.4, 0.0, 0.3, 0.2]]))
    assert joints.tolist() == [[6, 8, 9, 5]]
    assert np.allclose(weights, [[0.4, 0.3, 0.2, 0.1]])
    joints, weights = strongest(np.array([[3]]), np.array([[0.0]]))
    assert weights.tolist() == [[1, 0, 0, 0]] and joints.shape == (1, 4)


def test_boxes_hold_what_hangs_on_each_bone(shared: Path) -> None:
    opened = open_stage(shared / "assets" / "features" / FILES[1], probe=False)
    make_bones(opened)
    snapshot = read_snapshot(opened, refine=0)
    skin = next(p.skin for p in snapshot.prototypes if p.skin is not None)
    boxes = bone_boxes(skin)
    for bone, box in enumerate(boxes):
        own = skin.points[((skin.joints == bone) & (skin.weights > 0)).any(1)]
        assert np.isnan(box).all() if not len(own) else (own >= box[:3]).all() and (own <= box[3:]).all()
    assert not np.isnan(boxes).all()


ARM = """
def SkelRoot "Arm" (prepend apiSchemas = ["SkelBindingAPI"])
{
    rel skel:skeleton = </Arm/Skel>
    def Skeleton "Skel"
    {
        uniform token[] joints = ["base", "base/fore", "base/fore/hand"]
        uniform matrix4d[] bindTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(200,0,0,1)),
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(400,0,0,1))]
        uniform matrix4d[] restTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(200,0,0,1)),
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(200,0,0,1))]
        double3 xformOp:translate = (0, 100, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Mesh "Skin" (prepend apiSchemas = ["SkelBindingAPI"])
    {
        uniform token subdivisionScheme = "none"
        uniform bool doubleSided = true
        point3f[] points = [(0, 0, 0), (200, 0, 0), (400, 0, 0), (400, 80, 0), (200, 80, 0), (0, 80, 0)]
        int[] faceVertexCounts = [4, 4]
        int[] faceVertexIndices = [0, 1, 4, 5, 1, 2, 3, 4]
        int[] primvars:skel:jointIndices = [0, 1, 1, 1, 1, 0] (interpolation = "vertex"; elementSize = 1)
        float[] primvars:skel:jointWeights = [1, 1, 1, 1, 1, 1] (interpolation = "vertex"; elementSize = 1)
    }
}
"""
FORE = "/Arm/Skel/base/fore"


@pytest.mark.parametrize("up", ["Y", "Z"])
def test_a_binding_turns_a_joint_by_the_path_of_its_bone(make_twin: Any, up: str) -> None:
    lines = f"{{kind: joint, prim: {FORE}, axis: [0, 0, 1], signal: arm.elbow}}"
    twin = make_twin(ARM, lines, {"arm.elbow": "rad"}, up=up, units=0.01)
    assert twin.snapshot.prims.index_of[f"{FORE}/hand"]
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    writer.write(twin.tick(arm__elbow=np.pi / 2))
    points = drawn(twin.now, "/Arm/Skin")
    # (4, 0) m turns about (2, 0) m to (2, 2) m; the skeleton stands 1 m along y; then Y-up becomes Z-up.
    tip = np.array([2, 3, 0.0]) if up == "Z" else np.array([2, 0.0, 3])
    assert np.abs(points - tip).max(1).min() < 1e-6
    theirs = baked(twin.opened, ours_of(twin.opened))["/Arm/Skin"]
    assert len(theirs) == len(points)
    assert_same(points, theirs)
    assert_same(theirs, points)


def test_a_wrong_bone_is_told_with_the_ones_that_are_there(make_twin: Any) -> None:
    with pytest.raises(UserError, match=r"there is no prim /Arm/Skel/base/foree.*fore"):
        make_twin(
            ARM,
            "{kind: joint, prim: /Arm/Skel/base/foree, axis: [0, 0, 1], signal: a.b}",
            {"a.b": "rad"},
        )


def test_the_wire_has_the_mesh_at_rest_and_what_it_hangs_on(open_text: Any) -> None:
    import json
    import struct

    from twinstage.scene.glb import bake_prototype, glb_size

    opened = open_text(ARM, units=0.01)
    make_bones(opened)
    snapshot = read_snapshot(opened)
    data = bake_prototype(snapshot.prototypes[0])
    assert len(data) == glb_size(snapshot.prototypes[0])
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    assert {"POSITION", "NORMAL", "_JOINTS", "_WEIGHTS"} <= attributes.keys()
    assert document["accessors"][attributes["_JOINTS"]]["type"] == "VEC4"
    assert document["accessors"][attributes["POSITION"]]["max"] == pytest.approx([4, 0.8, 0])
    # Without bones the same mesh is as it was, and has another hash.
    plain = read_snapshot(open_text(ARM, units=0.01, name="plain.usda"))
    assert plain.prototypes[0].skin is None and plain.prototypes[0].hash != snapshot.prototypes[0].hash
    assert (
        np.abs(np.sort(plain.prototypes[0].points, 0) - np.sort(snapshot.prototypes[0].points, 0)).max()
        < 1e-6
    )
