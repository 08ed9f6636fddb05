"""Joints: drawn within their limits, and moved as pxr, MuJoCo and the live bindings move them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.author import author_layer
from twinstage.scene.bindings import parse_bindings
from twinstage.scene.edits import apply_edits, batch
from twinstage.scene.physics import to_mjspec
from twinstage.scene.plan import compile_bindings
from twinstage.scene.read import read_snapshot
from twinstage.scene.read.mechanics import with_mechanics
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.draws import Draws
from twinstage.synth.randomizers import Rejected
from twinstage.synth.randomizers.articulation import ArticulationRandomizer
from twinstage.synth.recipe import parse_recipe
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.state import StateTable

HEAD = '#usda 1.0\n(\n    metersPerUnit = {mpu}\n    upAxis = "{up}"\n)\n'

ARM = """
def Xform "Arm"
{
    double3 xformOp:translate = (1, 2, 0.5)
    float xformOp:rotateZ = 90
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
    def Xform "Upper"
    {
        def Xform "Lower"
        {
            double3 xformOp:translate = (2, 0, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
            def Cube "Hand"
            {
                double size = 0.2
                double3 xformOp:translate = (1, 0, 0)
                uniform token[] xformOpOrder = ["xformOp:translate"]
            }
        }
    }
    def Scope "Joints"
    {
        def PhysicsRevoluteJoint "shoulder"
        {
            uniform token physics:axis = "Z"
            rel physics:body0 = </Arm>
            rel physics:body1 = </Arm/Upper>
            float physics:lowerLimit = -90
            float physics:upperLimit = 90
        }
        def PhysicsPrismaticJoint "reach"
        {
            uniform token physics:axis = "X"
            rel physics:body0 = </Arm/Upper>
            rel physics:body1 = </Arm/Upper/Lower>
            point3f physics:localPos0 = (1.5, 0, 0)
            float physics:lowerLimit = 0
            float physics:upperLimit = 0.8
        }
    }
}
"""

FLAT = """
def Xform "Flat"
{
    def Xform "Base" { }
    def Xform "One"
    {
        double3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "Two"
    {
        double3 xformOp:translate = (2, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "Tool"
    {
        double3 xformOp:translate = (3, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def PhysicsRevoluteJoint "a"
    {
        uniform token physics:axis = "Z"
        rel physics:body0 = </Flat/Base>
        rel physics:body1 = </Flat/One>
        point3f physics:localPos0 = (1, 0, 0)
    }
    def PhysicsRevoluteJoint "b"
    {
        uniform token physics:axis = "Z"
        rel physics:body0 = </Flat/One>
        rel physics:body1 = </Flat/Two>
        point3f physics:localPos0 = (1, 0, 0)
        float physics:lowerLimit = -180
        float physics:upperLimit = 180
    }
    def PhysicsFixedJoint "hold"
    {
        rel physics:body0 = </Flat/Two>
        rel physics:body1 = </Flat/Tool>
    }
}
"""


def read(folder: Path, body: str, *, mpu: float = 1.0, up: str = "Z") -> Snapshot:
    stage = folder / "s.usda"
    stage.write_text(HEAD.format(mpu=mpu, up=up) + body)
    opened = open_stage(stage, probe=False)
    return with_mechanics(read_snapshot(opened), opened)


def moved(
    snapshot: Snapshot, *items: dict[str, Any], frame: int = 0, **more: Any
) -> tuple[Snapshot, dict[str, Any]]:
    randomizer = ArticulationRandomizer(name="arm", joints=items, **more)
    draws = Draws(3, frame, "arm")
    return apply_edits(snapshot, batch(randomizer(snapshot, draws))), draws.log


def place(snapshot: Snapshot, path: str) -> Any:
    return snapshot.node_world[snapshot.prims.index_of[path]][:3, 3]


def test_what_hangs_on_a_joint_moves_with_it(tmp_path: Path) -> None:
    """The arm stands at (1, 2, 0.5), turned by 90 degrees: its x is the world's y."""
    out, _ = moved(read(tmp_path, ARM), {"joint": "/Arm/Joints/shoulder", "value": 90})
    assert place(out, "/Arm/Upper/Lower") == pytest.approx([1 - 2, 2, 0.5])
    assert place(out, "/Arm/Upper/Lower/Hand") == pytest.approx([1 - 3, 2, 0.5])
    assert place(out, "/Arm") == pytest.approx([1, 2, 0.5])


def test_a_coordinate_is_the_joints_own_where_the_stage_is_authored_off_zero(tmp_path: Path) -> None:
    """Its frame in body0 lies 1.5 m out and the body 2 m, so it stands at 0.5."""
    snapshot = read(tmp_path, ARM)
    out, log = moved(snapshot, {"joint": "/Arm/Joints/reach", "value": 0.1})
    assert log["joint /Arm/Joints/reach"] == pytest.approx(0.1)
    assert place(out, "/Arm/Upper/Lower") == pytest.approx([1, 2 + 1.6, 0.5])
    still, _ = moved(snapshot, {"joint": "/Arm/Joints/reach", "value": 0.5})
    np.testing.assert_allclose(still.node_world, snapshot.node_world, atol=1e-12)


@pytest.mark.parametrize(("mpu", "up"), [(0.01, "Z"), (1.0, "Y")])
def test_units_and_axes_of_the_stage_do_not_matter(tmp_path: Path, mpu: float, up: str) -> None:
    """Written again in centimetres, 0.3 m is 0.3 m; Y-up only turns the world."""
    snapshot = read(tmp_path, ARM, mpu=mpu, up=up)
    out, log = moved(snapshot, {"joint": "/Arm/Joints/reach", "share": 1.0})
    assert log["joint /Arm/Joints/reach"] == pytest.approx(0.8 * mpu)
    gone = np.linalg.norm(place(out, "/Arm/Upper/Lower") - place(snapshot, "/Arm/Upper/Lower"))
    assert gone == pytest.approx(0.3 * mpu, abs=1e-7)


def test_flat_robots_move_link_by_link_and_drag_what_is_fixed_to_them(tmp_path: Path) -> None:
    snapshot = read(tmp_path, FLAT)
    out, _ = moved(snapshot, {"joint": "/Flat/a", "value": 90}, {"joint": "/Flat/b", "value": -90})
    assert place(out, "/Flat/One") == pytest.approx([1, 0, 0])
    assert place(out, "/Flat/Two") == pytest.approx([1, 1, 0], abs=1e-12)
    assert place(out, "/Flat/Tool") == pytest.approx([2, 1, 0], abs=1e-12)


def test_values_stay_within_limits_and_fill_them(tmp_path: Path) -> None:
    snapshot = read(tmp_path, ARM)
    found = [moved(snapshot, {"joint": "/Arm/Joints/*"}, frame=f)[1] for f in range(60)]
    angles = [log["joint /Arm/Joints/shoulder"] for log in found]
    assert -90 <= min(angles) < -60 and 60 < max(angles) <= 90
    half = [
        moved(snapshot, {"joint": "/Arm/Joints/shoulder", "share": [0.5, 0.75]}, frame=f)[1]
        for f in range(20)
    ]
    assert all(0 <= log["joint /Arm/Joints/shoulder"] <= 45 for log in half)
    wide = [
        moved(snapshot, {"joint": "/Arm/Joints/shoulder", "value": [-180, 180]}, frame=f)[1]
        for f in range(20)
    ]
    assert all(abs(log["joint /Arm/Joints/shoulder"]) <= 90 for log in wide)
    with pytest.raises(Rejected, match="no value drawn for /Arm/Joints/shoulder lies within its limits"):
        moved(snapshot, {"joint": "/Arm/Joints/shoulder", "value": 120})
    assert moved(snapshot, {"joint": "/Arm/Joints/shoulder", "value": 120, "limits": [-130, 130]})[1]


def test_coupling_adds_another_joints_coordinate(tmp_path: Path) -> None:
    _, log = moved(
        read(tmp_path, FLAT),
        {"joint": "/Flat/a", "value": 50},
        {"joint": "/Flat/b", "value": 5, "coupling": {"/Flat/a": -2.0}},
    )
    assert log["joint /Flat/b"] == pytest.approx(5 - 100)


def test_a_later_item_holds_and_other_joints_keep_their_draws(tmp_path: Path) -> None:
    snapshot = read(tmp_path, ARM)
    every = moved(snapshot, {"joint": "/Arm/Joints/*"})[1]
    one = moved(snapshot, {"joint": "/Arm/Joints/*"}, {"joint": "/Arm/Joints/shoulder", "value": 12})[1]
    assert one["joint /Arm/Joints/shoulder"] == 12
    assert one["joint /Arm/Joints/reach"] == every["joint /Arm/Joints/reach"]


def test_a_prim_moves_about_an_axis_of_its_own(tmp_path: Path) -> None:
    """A door hinged 1 m beside its origin, opened by 90 degrees; a drawer that slides along a vector."""
    door = 'def Xform "Door"\n{\n    def Cube "Leaf" { double size = 1 }\n}\n'.replace(
        "{ double size = 1 }", "{\ndouble size = 1\n}"
    )
    snapshot = read(tmp_path, door)
    out, log = moved(snapshot, {"prim": "/Door", "axis": "Z", "pivot": [1, 0, 0], "value": 90})
    assert place(out, "/Door/Leaf") == pytest.approx([1, -1, 0])
    assert log["joint /Door"] == 90
    slid, _ = moved(snapshot, {"prim": "/Door", "axis": [0, 3, 4], "motion": "slide", "value": 0.5})
    assert place(slid, "/Door") == pytest.approx([0, 0.3, 0.4])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [{"joint": "/Arm/Joints/sholder"}],
            "no joint matches '/Arm/Joints/sholder', did you mean|no joint matches",
        ),
        ([{"joint": "/Arm/Upper"}], "/Arm/Upper is a Xform; only revolute and prismatic joints"),
        ([{"prim": "/Arm/Upper", "axis": "Z"}], "/Arm/Upper has no limits to draw between; give value"),
        (
            [{"joint": "/Arm/Joints/shoulder", "coupling": {"/Arm/Joints/x": 1}}],
            "is coupled to /Arm/Joints/x, which",
        ),
        (
            [{"joint": "/Arm/Joints/shoulder"}, {"prim": "/Arm/Upper", "axis": "Z", "value": 1}],
            "is moved by two joints",
        ),
        (
            [
                {"joint": "/Arm/Joints/shoulder", "value": 0, "coupling": {"/Arm/Joints/reach": 1}},
                {"joint": "/Arm/Joints/reach", "value": 0, "coupling": {"/Arm/Joints/shoulder": 1}},
            ],
            "leads back to itself",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, items: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        moved(read(tmp_path, ARM), *items)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({}, "exactly one of joint and prim"),
        ({"joint": "/A", "axis": "Z"}, "has its own axis"),
        ({"prim": "/A"}, "needs an axis"),
        ({"prim": "/A", "axis": [0, 0, 0]}, "no length"),
        ({"joint": "/A", "value": 1, "share": 0.5}, "exclude each other"),
        ({"joint": "/A", "limits": [2, 1]}, "1 is below 2"),
    ],
)
def test_bad_items_are_refused_when_the_recipe_is_read(item: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_recipe(
            {
                "stage": "s.usda",
                "cameras": [{"name": "c", "look_at": {"eye": [1, 0, 0], "target": [0, 0, 0]}}],
                "labels": {"x": None},
                "randomize": [{"kind": "articulation", "name": "arm", "joints": [item]}],
            }
        )


# --- real robots --------------------------------------------------------------------------------------------------

ROBOTS = ["industrial/abb_irb2400/usd/abb_irb2400.usda", "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda"]


@pytest.mark.parametrize("robot", ROBOTS)
def test_real_robots_stand_as_mujoco_and_the_bindings_put_them(
    shared: Path, robot: str, tmp_path: Path
) -> None:
    import mujoco

    opened = open_stage(shared / "assets" / robot, probe=False)
    snapshot = with_mechanics(read_snapshot(opened), opened)
    assert snapshot.mechanics is not None
    joints = [j.joint for j in snapshot.mechanics.joints]
    assert len(joints) == 6
    out, log = moved(snapshot, {"joint": f"{joints[0].path.rsplit('/', 1)[0]}/*", "share": [0.2, 0.8]})
    values = {j.path: math.radians(log[f"joint {j.path}"]) for j in joints}
    assert all(abs(v) > 1e-3 for v in values.values())

    model = to_mjspec(opened).spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    for path, q in values.items():
        data.qpos[model.joint(path).qposadr[0]] = q
    mujoco.mj_kinematics(model, data)
    for joint in joints:
        world = out.node_world[out.prims.index_of[joint.body1]]
        np.testing.assert_allclose(world[:3, 3], data.body(joint.body1).xpos, atol=2e-6)
        np.testing.assert_allclose(world[:3, :3], data.body(joint.body1).xmat.reshape(3, 3), atol=2e-6)

    bound = as_bound(opened, values)
    np.testing.assert_allclose(out.node_world, bound.node_world, atol=5e-6)
    assert np.abs(out.node_world - snapshot.node_world).max() > 0.1


def as_bound(opened: Any, values: dict[str, float]) -> Snapshot:
    """The scene as a live twin would move it with these coordinates [rad]."""
    names = {path: path.rsplit("/", 1)[1] for path in values}
    signals = "".join(
        f"  - {{id: {n}, source: a, field: {n}, unit: rad, type: f64}}\n" for n in names.values()
    )
    contract = parse_contract(
        "contract: 1\nsources:\n"
        '  a: {uri: "memory:a", reader: {format: jsonl, layout: long, time: {field: t, unit: s, epoch: unix}, '
        "name: n, value: v}}\nsignals:\n" + signals
    )
    text = "bindings: 1\nbindings:\n" + "".join(
        f"  - {{kind: joint, prim: {path}, signal: {name}}}\n" for path, name in names.items()
    )
    snapshot = read_snapshot(opened)
    plan = compile_bindings(parse_bindings(text), contract, opened, snapshot)
    state = StateTable(contract)
    for path, name in names.items():
        state.set(name, values[path], 1)
    return snapshot.moved(plan.evaluate(state, 1).pose)


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_layer_of_a_posed_robot_reads_back_in_pxr(shared: Path, robot: str) -> None:
    opened = open_stage(shared / "assets" / robot, probe=False)
    snapshot = with_mechanics(read_snapshot(opened), opened)
    randomizer = ArticulationRandomizer(name="arm", joints=({"joint": "/**/joint_*"},))
    edits = batch(randomizer(snapshot, Draws(4, 0, "arm")))
    opened.layers.randomization.ImportFromString(author_layer(edits, snapshot.stage))
    np.testing.assert_allclose(
        apply_edits(snapshot, edits).node_world, read_snapshot(opened).node_world, atol=1e-12
    )
