"""UsdPhysics -> MuJoCo: poses against pxr, motion against rigid transforms written here, dynamics against formulas."""

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.physics import PhysicsWorld, to_mjspec
from twinstage.scene.stage import OpenedStage, open_stage

REAL = [
    "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda",
    "industrial/abb_irb2400/usd/abb_irb2400.usda",
    "industrial/newton_cell/palletizer_scene.usda",
    "industrial/newton_cell/boxes_fourbar.usda",
    "industrial/newton_cell/cartpole.usda",
    "industrial/usd_optimize/editStageMetrics_physics.usda",
]


def compiled(world: PhysicsWorld) -> tuple[Any, Any]:
    """Model and data, at the authored state."""
    model = world.spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("stage").id)
    mujoco.mj_forward(model, data)
    return model, data


def codes(world: PhysicsWorld) -> set[str]:
    return {finding.code for finding in world.findings}


def usd_world(opened: OpenedStage, path: str, *, scaled: bool = False) -> np.ndarray:
    """pxr's world matrix, in metres and Z-up, column-vector, its scale removed unless asked for."""
    from pxr import Usd, UsdGeom

    stage = opened.stage
    time = stage.GetStartTimeCode() if stage.HasAuthoredTimeCodeRange() else Usd.TimeCode.EarliestTime()
    matrix = np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(stage.GetPrimAtPath(path))).T
    if opened.up_axis == "Y":
        matrix = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]) @ matrix
    matrix[:3, 3] *= opened.meters_per_unit
    return matrix if scaled else matrix / np.append(np.linalg.norm(matrix[:3, :3], axis=0), 1.0)


def pose(data: Any, path: str) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = data.body(path).xmat.reshape(3, 3)
    out[:3, 3] = data.body(path).xpos
    return out


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest, shared: Path) -> tuple[OpenedStage, PhysicsWorld]:
    path = shared / "assets" / request.param
    opened = open_stage(path, asset_roots=[shared / "assets"], probe=False)
    return opened, to_mjspec(opened)


def test_bodies_stand_where_the_stage_says(real: tuple[OpenedStage, PhysicsWorld]) -> None:
    from pxr import UsdPhysics

    opened, world = real
    _, data = compiled(world)
    rigid = {str(prim.GetPath()) for prim in opened.stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)}
    assert rigid and set(world.bodies) == rigid
    for path in world.bodies:
        assert np.allclose(pose(data, path), usd_world(opened, path), atol=1e-6), path


def axis_turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = axis
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.eye(4)
    out[:3, :3] = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k
    return out


def joint_frame(opened: OpenedStage, joint: Any, end: int) -> np.ndarray:
    """The joint frame at one end in the world [m, Z-up], straight from the attributes."""
    targets = joint.GetRelationship(f"physics:body{end}").GetTargets()
    local = np.eye(4)
    rotation = joint.GetAttribute(f"physics:localRot{end}").Get()
    if rotation is not None:
        w, (x, y, z) = rotation.GetReal(), rotation.GetImaginary()
        local[:3, :3] = np.eye(3) * (w * w - x * x - y * y - z * z) + 2 * np.outer((x, y, z), (x, y, z))
        local[:3, :3] += 2 * w * np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    position = joint.GetAttribute(f"physics:localPos{end}").Get() or (0, 0, 0)
    local[:3, 3] = np.array(position) * opened.meters_per_unit
    if not targets:
        return local
    out = usd_world(opened, str(targets[0])) @ local
    out[:, 3] = (
        usd_world(opened, str(targets[0]), scaled=True) @ local[:, 3]
    )  # a position feels the body's scale
    return out


@pytest.mark.parametrize("name", [REAL[0], REAL[1], REAL[3], REAL[4]])
def test_each_joint_moves_its_body_about_its_own_frame(name: str, shared: Path) -> None:
    """world(body1) = F0 * motion(q) * F1^-1 * world0(body1), with F the joint frames of the stage, relative to body0."""
    path = shared / "assets" / name
    opened = open_stage(path, asset_roots=[shared / "assets"], probe=False)
    model, data = compiled(to_mjspec(opened))
    moved = 0
    for j in range(model.njnt):
        if int(model.jnt_type[j]) not in (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)):
            continue
        joint = opened.stage.GetPrimAtPath(model.joint(j).name)
        body1 = str(joint.GetRelationship("physics:body1").GetTargets()[0])
        body0 = joint.GetRelationship("physics:body0").GetTargets()
        body0 = str(body0[0]) if body0 else ""
        axis = np.array(
            {"X": (1, 0, 0), "Y": (0, 1, 0), "Z": (0, 0, 1)}[joint.GetAttribute("physics:axis").Get()]
        )
        mujoco.mj_resetDataKeyframe(model, data, 0)
        q = 0.37
        data.qpos[model.jnt_qposadr[j]] = q
        mujoco.mj_kinematics(model, data)
        motion = np.eye(4)
        if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_HINGE:
            motion = axis_turn(axis, q)
        else:
            motion[:3, 3] = axis * q
        f0, f1 = joint_frame(opened, joint, 0), joint_frame(opened, joint, 1)
        base = (
            pose(data, body0) @ np.linalg.inv(usd_world(opened, body0))
            if body0 in to_names(model)
            else np.eye(4)
        )
        expected = base @ f0 @ motion @ np.linalg.inv(f1) @ usd_world(opened, body1)
        assert np.allclose(pose(data, body1), expected, atol=2e-6), model.joint(j).name
        moved += 1
    assert moved >= 2


def to_names(model: Any) -> set[str]:
    return {model.body(b).name for b in range(model.nbody)}


def test_the_arm_in_all_joints_at_once(shared: Path) -> None:
    """FANUC, six joints: the product of joint frames and rotations, by hand."""
    opened = open_stage(shared / "assets" / REAL[0], asset_roots=[shared / "assets"], probe=False)
    model, data = compiled(to_mjspec(opened))
    q = np.array([0.4, -0.5, 0.6, 1.1, -0.7, 2.0])
    total = None
    for number, angle in enumerate(q, 1):
        joint = opened.stage.GetPrimAtPath(f"/fanuc_m710ic50/Physics/joint_{number}")
        data.joint(str(joint.GetPath())).qpos = angle
        axis = np.array(
            {"X": (1, 0, 0), "Y": (0, 1, 0), "Z": (0, 0, 1)}[joint.GetAttribute("physics:axis").Get()]
        )
        f0, f1 = joint_frame(opened, joint, 0), joint_frame(opened, joint, 1)
        step = f0 @ axis_turn(axis, angle) @ np.linalg.inv(f1)
        total = step if total is None else total @ step
    mujoco.mj_kinematics(model, data)
    last = "/fanuc_m710ic50/Geometry/base_link/link_1/link_2/link_3/link_4/link_5/link_6"
    assert total is not None
    assert np.allclose(pose(data, last), total @ usd_world(opened, last), atol=5e-6)
    limits = opened.stage.GetPrimAtPath("/fanuc_m710ic50/Physics/joint_2")
    low, high = (math.radians(limits.GetAttribute(f"physics:{n}Limit").Get()) for n in ("lower", "upper"))
    assert np.allclose(model.joint("/fanuc_m710ic50/Physics/joint_2").range, (low, high))


def test_the_fourbar_closes_its_loop(shared: Path) -> None:
    opened = open_stage(shared / "assets" / REAL[3], asset_roots=[shared / "assets"], probe=False)
    world = to_mjspec(opened)
    model, data = compiled(world)
    assert (model.njnt, model.neq) == (4, 2)  # a float and three hinges; the fourth is two points on its axis
    assert np.abs(data.efc_pos[data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY]).max() < 1e-7
    assert np.allclose(sorted(model.body_mass[1:]), [1, 1, 1, 1])
    assert np.allclose(model.opt.gravity, (0, 0, -9.8067), atol=1e-6)
    hinges = [model.joint(j).dofadr[0] for j in range(4) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_HINGE]
    data.qvel[hinges[0]] = 1.0
    for _ in range(200):
        mujoco.mj_step(model, data)
    joint = opened.stage.GetPrimAtPath("/boxes_fourbar/Joints/joint_4")
    ends = []
    for end in (0, 1):
        body = str(joint.GetRelationship(f"physics:body{end}").GetTargets()[0])
        ends.append(pose(data, body) @ np.append(joint.GetAttribute(f"physics:localPos{end}").Get(), 1.0))
    assert np.linalg.norm(ends[0] - ends[1]) < 2e-3


# --- small stages ------------------------------------------------------------------------------------------------------

SCENE = 'def PhysicsScene "Scene" {\n }\n'
BODY = '(prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])'
MESH_BODY = '(prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"])'
COLLIDER = '(prepend apiSchemas = ["PhysicsCollisionAPI"])'


def made(open_text: Any, body: str, **stage: Any) -> tuple[PhysicsWorld, Any, Any]:
    world = to_mjspec(open_text(SCENE + body, **stage))
    return (world, *compiled(world))


@pytest.mark.parametrize(("up", "units"), [("Z", 1.0), ("Y", 0.01)])
def test_a_box_comes_to_rest_on_the_ground(open_text: Any, up: str, units: float) -> None:
    """In any unit and axis: half its height above the plane, and it falls by g t^2 / 2 before."""
    height, side = 1.0 / units, 0.4 / units
    place = f"(0, {height}, 0)" if up == "Y" else f"(0, 0, {height})"
    body = f"""def Plane "Ground" {COLLIDER} {{
    uniform token axis = "{up}" }}
def Cube "Box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {{
    double size = {side}
    double3 xformOp:translate = {place}
    uniform token[] xformOpOrder = ["xformOp:translate"] }}
"""
    world, model, data = made(open_text, body, up=up, units=units)
    assert np.allclose(model.opt.gravity, (0, 0, -9.81))
    assert model.body("/Box").mass == pytest.approx(0.4**3 * 1000, rel=1e-6)
    steps = 100
    for _ in range(steps):
        mujoco.mj_step(model, data)
    fall = 9.81 * (steps * model.opt.timestep) ** 2 / 2
    assert data.body("/Box").xpos[2] == pytest.approx(1 - fall, abs=2 * 9.81 * model.opt.timestep**2 * steps)
    for _ in range(1500):
        mujoco.mj_step(model, data)
    assert data.body("/Box").xpos[2] == pytest.approx(0.2, abs=2e-3)
    assert np.abs(data.qvel).max() < 1e-3
    assert world.findings == ()


PENDULUM = """def Xform "Bob" {body} {{
    float physics:mass = 2
    float3 physics:diagonalInertia = (0.01, 0.01, 0.01)
    double3 xformOp:translate = (0, 0, -1.5)
    uniform token[] xformOpOrder = ["xformOp:translate"] }}
def Physics{kind}Joint "J" {api} {{
    uniform token physics:axis = "Y"
    rel physics:body{bob} = </Bob>
    point3f physics:localPos{bob} = (0, 0, 1.5)
    {more} }}
"""


@pytest.mark.parametrize("bob", [0, 1])
def test_a_pendulum_swings_in_its_time(open_text: Any, bob: int) -> None:
    """T = 2 pi sqrt(I / (m g l)) for small angles, I about the pivot; body0 and body1 in either order."""
    text = PENDULUM.format(body=BODY, kind="Revolute", api="", bob=bob, more="")
    _, model, data = made(open_text, text)
    model.opt.timestep = 0.0005
    data.joint("/J").qpos = 0.02
    crossings, before = [], 0.02
    while data.time < 6:
        mujoco.mj_step(model, data)
        angle = float(data.joint("/J").qpos[0])
        if before > 0 >= angle:
            crossings.append(data.time)
        before = angle
    period = 2 * math.pi * math.sqrt((2 * 1.5**2 + 0.01) / (2 * 9.81 * 1.5))
    assert crossings[1] - crossings[0] == pytest.approx(period, rel=2e-3)


@pytest.mark.parametrize("bob", [0, 1])
def test_a_joint_coordinate_has_usds_sign(open_text: Any, bob: int) -> None:
    """q > 0 turns body1 by +q about the axis, seen from body0, whichever of them hangs in the tree."""
    text = PENDULUM.format(body=BODY, kind="Revolute", api="", bob=bob, more="")
    _, model, data = made(open_text, text)
    data.joint("/J").qpos = 0.3
    mujoco.mj_kinematics(model, data)
    turn = axis_turn(np.array([0.0, 1, 0]), 0.3 if bob == 1 else -0.3)
    assert np.allclose(data.body("/Bob").xpos, turn[:3, :3] @ (0, 0, -1.5), atol=1e-6)


def test_a_joint_authored_away_from_zero_keeps_its_reading(open_text: Any) -> None:
    """The frames are 30 degrees apart about the axis, so the stage stands at q = 30 degrees, and limits count from there."""
    half = math.radians(15)
    more = f"""quatf physics:localRot0 = ({math.cos(-half)}, 0, {math.sin(-half)}, 0)
    float physics:lowerLimit = -10
    float physics:upperLimit = 45"""
    text = PENDULUM.format(body=BODY, kind="Revolute", api="", bob=1, more=more)
    world, model, data = made(open_text, text)
    assert data.joint("/J").qpos[0] == pytest.approx(math.radians(30), abs=1e-6)
    assert np.allclose(data.body("/Bob").xpos, (0, 0, -1.5), atol=1e-6)
    assert np.allclose(model.joint("/J").range, np.radians([-10, 45]))
    data.joint("/J").qpos = 0.0
    mujoco.mj_kinematics(model, data)
    expected = axis_turn(np.array([0.0, 1, 0]), -math.radians(30))[:3, :3] @ (0, 0, -1.5)
    assert np.allclose(data.body("/Bob").xpos, expected, atol=1e-6)
    assert "physics.joint-frames" not in codes(world)


def test_a_driven_hinge_takes_its_target(open_text: Any) -> None:
    """Stiffness per degree, target in degrees: at rest, stiffness * (target - q) = m g l sin(q)."""
    api = '(prepend apiSchemas = ["PhysicsDriveAPI:angular"])'
    more = """float drive:angular:physics:stiffness = 5
    float drive:angular:physics:damping = 1
    float drive:angular:physics:targetPosition = 20"""
    text = PENDULUM.format(body=BODY, kind="Revolute", api=api, bob=1, more=more)
    _, model, data = made(open_text, text)
    assert data.ctrl[0] == pytest.approx(math.radians(20))
    for _ in range(5000):
        mujoco.mj_step(model, data)
    q = float(data.joint("/J").qpos[0])
    assert abs(float(data.joint("/J").qvel[0])) < 1e-5
    assert 5 * (20 - math.degrees(q)) == pytest.approx(2 * 9.81 * 1.5 * math.sin(q), rel=1e-3)


def test_a_velocity_drive_and_its_greatest_force(open_text: Any) -> None:
    api = '(prepend apiSchemas = ["PhysicsDriveAPI:linear"])'
    body = f"""def Xform "Cart" {BODY} {{
    float physics:mass = 3 }}
def PhysicsPrismaticJoint "J" {api} {{
    uniform token physics:axis = "X"
    rel physics:body1 = </Cart>
    float drive:linear:physics:damping = 100
    float drive:linear:physics:targetVelocity = 50
    float drive:linear:physics:maxForce = 60
    float physics:lowerLimit = -200
    float physics:upperLimit = 1000 }}
"""
    _, model, data = made(open_text, body, units=0.01)
    assert np.allclose(model.joint("/J").range, (-2, 10))
    assert np.allclose(model.actuator(0).forcerange, (-0.6, 0.6))  # 60 kg cm/s2
    assert data.ctrl[0] == pytest.approx(0.5)
    mujoco.mj_step(model, data)
    assert data.qvel[0] == pytest.approx(0.6 / 3 * model.opt.timestep, rel=1e-3)
    for _ in range(5000):
        mujoco.mj_step(model, data)
    assert data.qvel[0] == pytest.approx(0.5, rel=1e-2)


def test_an_acceleration_drive_does_not_feel_the_mass(open_text: Any) -> None:
    api = '(prepend apiSchemas = ["PhysicsDriveAPI:linear"])'
    speeds = []
    for mass in (1, 50):
        body = f"""def Xform "Cart" {BODY} {{
    float physics:mass = {mass} }}
def PhysicsPrismaticJoint "J" {api} {{
    uniform token physics:axis = "X"
    rel physics:body1 = </Cart>
    uniform token drive:linear:physics:type = "acceleration"
    float drive:linear:physics:damping = 4
    float drive:linear:physics:targetVelocity = 1 }}
"""
        world, model, data = made(open_text, body)
        for _ in range(100):
            mujoco.mj_step(model, data)
        speeds.append(float(data.qvel[0]))
        assert "physics.acceleration-drive" in codes(world)
    assert speeds[0] == pytest.approx(speeds[1], rel=1e-6)
    assert speeds[0] == pytest.approx(1 - math.exp(-4 * 100 * model.opt.timestep), rel=1e-2)


MASSES = [
    ("float physics:mass = 7", "", 7.0),
    ("float physics:density = 500", "", 500 * 8),
    ("", "float physics:density = 250", 250 * 8),
    ("float physics:density = 500", "float physics:density = 250", 250 * 8),
    ("", "float physics:mass = 3", 3.0),
    ("float physics:mass = 7", "float physics:mass = 3", 7.0),
    ("", "", 1000 * 8),
]


@pytest.mark.parametrize(("body", "collider", "mass"), MASSES)
def test_mass_and_density_have_usds_order(open_text: Any, body: str, collider: str, mass: float) -> None:
    text = f"""def Xform "B" {BODY} {{
    {body}
    def Cube "C" (prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMassAPI"]) {{
        {collider}
    }} }}
"""
    _, model, _ = made(open_text, text)
    assert model.body("/B").mass[0] == pytest.approx(mass)
    assert np.allclose(model.body("/B").inertia, mass * (4 + 4) / 12)  # a cube of 2 m


def test_material_density_friction_and_restitution(open_text: Any) -> None:
    text = """def Material "M" (prepend apiSchemas = ["PhysicsMaterialAPI"]) {
    float physics:density = 100
    float physics:dynamicFriction = 0.3
    float physics:staticFriction = 0.4
    float physics:restitution = 0.5 }
def Cube "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "MaterialBindingAPI"]) {
    rel material:binding:physics = </M> }
"""
    world, model, _ = made(open_text, text)
    assert model.body("/B").mass[0] == pytest.approx(800)
    assert model.geom("/B").friction[0] == pytest.approx(0.3)
    assert {"physics.friction", "physics.restitution"} <= codes(world)
    ratio = float(model.geom("/B").solref[1])
    assert math.exp(-math.pi * ratio / math.sqrt(1 - ratio**2)) == pytest.approx(0.5)


def test_authored_inertia_with_its_axes_and_centre(open_text: Any) -> None:
    half = math.radians(15)
    text = f"""def Xform "B" {BODY} {{
    float physics:mass = 4
    point3f physics:centerOfMass = (10, 20, 30)
    float3 physics:diagonalInertia = (30000, 20000, 40000)
    quatf physics:principalAxes = ({math.cos(half)}, 0, 0, {math.sin(half)}) }}
"""
    _, model, data = made(open_text, text, units=0.01)
    row = model.body("/B")
    assert np.allclose(row.ipos, (0.1, 0.2, 0.3)) and row.mass[0] == pytest.approx(4)
    frame = data.body("/B").ximat.reshape(3, 3)
    turn = axis_turn(np.array([0.0, 0, 1]), math.radians(30))[:3, :3]
    assert np.allclose(frame @ np.diag(row.inertia) @ frame.T, turn @ np.diag([3.0, 2.0, 4.0]) @ turn.T)


def test_impossible_inertia_is_told_and_lowered(open_text: Any) -> None:
    text = f"""def Xform "B" {BODY} {{
    float physics:mass = 4
    float3 physics:diagonalInertia = (1, 1, 5) }}
"""
    world, model, _ = made(open_text, text)
    assert "physics.inertia" in codes(world)
    assert np.allclose(sorted(model.body("/B").inertia), (1, 1, 2))


SHAPES = [
    ('Cube "C"', "double size = 3", (1, 2, 0.5), "BOX", (1.5, 3, 0.75)),
    ('Sphere "C"', "double radius = 0.5", (2, 2, 2), "SPHERE", (1.0,)),
    ('Sphere "C"', "double radius = 1", (1, 2, 3), "ELLIPSOID", (1, 2, 3)),
    (
        'Capsule "C"',
        'double radius = 0.5\n        double height = 2\n        uniform token axis = "X"',
        (2, 2, 2),
        "CAPSULE",
        (1, 2),
    ),
    (
        'Cylinder "C"',
        'double radius = 0.5\n        double height = 2\n        uniform token axis = "Y"',
        (2, 3, 2),
        "CYLINDER",
        (1, 3),
    ),
    ('Cylinder "C"', "double radius = 0.5\n        double height = 2", (2, 3, 2), "MESH", ()),
    ('Cone "C"', "double radius = 1\n        double height = 3", (1, 1, 1), "MESH", ()),
    ('Capsule "C"', "double radius = 0.5\n        double height = 2", (1, 1, 3), "MESH", ()),
]


@pytest.mark.parametrize(("gprim", "sizes", "scale", "kind", "expected"), SHAPES)
def test_colliders_fill_the_bounds_that_pxr_computes(
    open_text: Any, gprim: str, sizes: str, scale: tuple[float, ...], kind: str, expected: tuple[float, ...]
) -> None:
    from pxr import Usd, UsdGeom

    text = f"""def Xform "B" {BODY} {{
    double3 xformOp:translate = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def {gprim} {COLLIDER} {{
        {sizes}
        double3 xformOp:scale = {scale}
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }} }}
"""
    opened = open_text(SCENE + text)
    world = to_mjspec(opened)
    model, data = compiled(world)
    geom = model.geom("/B/C")
    assert geom.type[0] == getattr(mujoco.mjtGeom, f"mjGEOM_{kind}")
    if expected:
        assert np.allclose(geom.size[: len(expected)], expected)
    prim = opened.stage.GetPrimAtPath("/B/C")
    extent = UsdGeom.Boundable.ComputeExtentFromPlugins(UsdGeom.Boundable(prim), Usd.TimeCode.Default())
    bounds = np.array(extent) * scale + (1, 2, 3)
    frame = data.geom("/B/C").xmat.reshape(3, 3)
    aabb = model.geom_aabb[geom.id].reshape(2, 3)
    middle = data.geom("/B/C").xpos + frame @ aabb[0]
    corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T * aabb[1]
    if kind != "MESH":
        reach = middle + corners @ frame.T
    else:
        mesh = model.mesh(int(geom.dataid[0]))
        rows = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
        reach = data.geom("/B/C").xpos + rows @ frame.T
        assert "physics.shape-as-mesh" in codes(world)
    assert np.allclose((reach.min(0), reach.max(0)), bounds, atol=1e-4 * np.abs(bounds).max())


def test_mesh_approximations(open_text: Any) -> None:
    def mesh(approximation: str) -> tuple[PhysicsWorld, Any, Any]:
        text = f"""def Mesh "B" {MESH_BODY} {{
    uniform token physics:approximation = "{approximation}"
    int[] faceVertexCounts = [3, 3, 3, 3]
    int[] faceVertexIndices = [0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (2, 0, 0), (0, 4, 0), (0, 0, 6)] }}
"""
        return made(open_text, text)

    world, model, _ = mesh("convexHull")
    assert world.findings == () and model.body("/B").mass[0] == pytest.approx(1000 * 2 * 4 * 6 / 6, rel=1e-5)
    world, model, _ = mesh("boundingCube")
    assert np.allclose(model.geom("/B").size, (1, 2, 3)) and np.allclose(model.geom("/B").pos, (1, 2, 3))
    world, model, _ = mesh("boundingSphere")
    assert model.geom("/B").size[0] == pytest.approx(math.sqrt(1 + 4 + 9))
    for other in ("none", "convexDecomposition", "meshSimplification"):
        world, model, _ = mesh(other)
        assert codes(world) == {"physics.approximation"} and other in world.findings[0].message


def test_groups_and_pairs_do_not_collide(open_text: Any) -> None:
    """Three boxes in one place: group A filters B; C is in none and filtered from A as a pair."""
    boxes = "".join(
        f'def Cube "{name}" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", '
        '"PhysicsFilteredPairsAPI"]) {\n'
        f"{'    rel physics:filteredPairs = </C>' if name == 'A' else ''}\n }}\n"
        for name in "ABC"
    )
    groups = """def PhysicsCollisionGroup "GA" {
    rel collection:colliders:includes = </A>
    rel physics:filteredGroups = </GB> }
def PhysicsCollisionGroup "GB" {
    rel collection:colliders:includes = </B> }
"""
    _, model, data = made(open_text, boxes + groups)
    pairs = {
        tuple(sorted(model.body(int(model.geom_bodyid[g])).name for g in contact))
        for contact in data.contact.geom
    }
    assert pairs == {("/B", "/C")}


def test_a_filtered_pair_with_a_static_collider_is_told(open_text: Any) -> None:
    text = f"""def Cube "A" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsFilteredPairsAPI"]) {{
    rel physics:filteredPairs = </Ground> }}
def Cube "Ground" {COLLIDER} {{
 }}
"""
    world, model, _ = made(open_text, text)
    assert "physics.filtered-static" in codes(world) and model.nexclude == 0


def test_bodies_of_a_joint_do_not_collide_and_fixed_ones_are_welded(open_text: Any) -> None:
    text = """def Cube "A" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {
 }
def Cube "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {
    double3 xformOp:translate = (1, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"] }
def PhysicsFixedJoint "J" {
    rel physics:body0 = </A>
    rel physics:body1 = </B>
    point3f physics:localPos0 = (1, 0, 0) }
"""
    world, model, data = made(open_text, text)
    assert (model.njnt, len(data.contact), model.nexclude) == (1, 0, 1)
    assert world.findings == ()


def test_kinematic_bodies_are_moved_from_outside_and_disabled_ones_stand(open_text: Any) -> None:
    text = """def Cube "K" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {
    bool physics:kinematicEnabled = 1 }
def Cube "Off" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {
    bool physics:rigidBodyEnabled = 0
    double3 xformOp:translate = (9, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"] }
"""
    world, model, _ = made(open_text, text)
    assert world.bodies == ("/K",)
    assert model.body("/K").mocapid[0] == 0
    assert model.geom("/Off").bodyid[0] == 0 and np.allclose(model.geom("/Off").pos, (9, 0, 0))


def test_initial_velocities(open_text: Any) -> None:
    text = f"""def Xform "Turned" {{
    float xformOp:rotateZ = 90
    uniform token[] xformOpOrder = ["xformOp:rotateZ"]
    def Xform "B" {BODY} {{
        float physics:mass = 1
        vector3f physics:velocity = (200, 0, 0)
        vector3f physics:angularVelocity = (0, 0, 90)
        float xformOp:rotateX = 90
        uniform token[] xformOpOrder = ["xformOp:rotateX"]
    }} }}
"""
    _, model, data = made(open_text, text, units=0.01)
    model.opt.gravity[:] = 0
    assert np.allclose(data.qvel[:3], (0, 2, 0), atol=1e-6)
    before = pose(data, "/Turned/B")
    for _ in range(100):
        mujoco.mj_step(model, data)
    mujoco.mj_kinematics(model, data)
    angle = math.radians(90) * 100 * model.opt.timestep
    assert np.allclose(
        pose(data, "/Turned/B")[:3, :3], (axis_turn(np.array([0.0, 0, 1]), angle) @ before)[:3, :3], atol=1e-4
    )


def test_a_d6_joint_is_put_together(open_text: Any) -> None:
    dofs = ("transX", "transY", "transZ", "rotX", "rotY")
    api = "(prepend apiSchemas = [" + ", ".join(f'"PhysicsLimitAPI:{dof}"' for dof in dofs) + "])"
    locked = "\n".join(
        f"    float limit:{dof}:physics:low = 1\n    float limit:{dof}:physics:high = -1" for dof in dofs[1:]
    )
    body = f"""def Xform "B" {BODY} {{
    float physics:mass = 1 }}
def PhysicsJoint "J" {api} {{
    rel physics:body1 = </B>
    float limit:transX:physics:low = -3
    float limit:transX:physics:high = 4
{locked} }}
"""
    _, model, data = made(open_text, body)
    assert [model.joint(j).name for j in range(model.njnt)] == ["/J:transX", "/J:rotZ"]
    assert np.allclose(model.joint("/J:transX").range, (-3, 4))
    data.joint("/J:transX").qpos, data.joint("/J:rotZ").qpos = 2.0, 0.5
    mujoco.mj_kinematics(model, data)
    expected = axis_turn(np.array([0.0, 0, 1]), 0.5)
    expected[0, 3] = 2.0
    assert np.allclose(pose(data, "/B"), expected)


def test_a_distance_joint_is_a_tendon(open_text: Any) -> None:
    body = f"""def Xform "B" {BODY} {{
    float physics:mass = 1
    double3 xformOp:translate = (0, 0, -1)
    uniform token[] xformOpOrder = ["xformOp:translate"] }}
def PhysicsDistanceJoint "J" {{
    rel physics:body1 = </B>
    float physics:maxDistance = 2 }}
"""
    world, model, data = made(open_text, body)
    assert np.allclose(model.tendon_range[0], (0, 2)) and "physics.distance" in codes(world)
    for _ in range(2000):
        mujoco.mj_step(model, data)
    assert data.body("/B").xpos[2] == pytest.approx(-2, abs=0.02)


def test_spherical_joints_and_what_is_only_told(open_text: Any) -> None:
    text = PENDULUM.format(
        body=BODY,
        kind="Spherical",
        api="",
        bob=1,
        more="float physics:coneAngle0Limit = 30\n    float physics:coneAngle1Limit = 30",
    )
    world, model, _ = made(open_text, text)
    assert model.joint("/J").type[0] == mujoco.mjtJoint.mjJNT_BALL
    assert "physics.cone-limit" in codes(world)


def test_joints_left_out_of_the_articulation_become_constraints(open_text: Any) -> None:
    text = PENDULUM.format(
        body=BODY, kind="Fixed", api="", bob=1, more="bool physics:excludeFromArticulation = 1"
    )
    _, model, data = made(open_text, text)
    assert (model.njnt, model.neq) == (1, 1)
    for _ in range(500):
        mujoco.mj_step(model, data)
    assert np.allclose(data.body("/Bob").xpos, (0, 0, -1.5), atol=5e-3)


def test_frames_that_do_not_meet_are_told(open_text: Any) -> None:
    text = PENDULUM.format(
        body=BODY, kind="Revolute", api="", bob=1, more="point3f physics:localPos0 = (0.5, 0, 0)"
    )
    world, _, data = made(open_text, text)
    (finding,) = [f for f in world.findings if f.code == "physics.joint-frames"]
    assert "500 mm" in finding.message and finding.path == "/J"
    assert np.allclose(data.body("/Bob").xpos, (0, 0, -1.5))


def test_gravity_of_its_own_direction(open_text: Any) -> None:
    body = """def PhysicsScene "Mine" {
    vector3f physics:gravityDirection = (0, 0, 1)
    float physics:gravityMagnitude = 200 }
"""
    world = to_mjspec(open_text(body, up="Y", units=0.01))
    assert np.allclose(world.spec.compile().opt.gravity, (0, -2, 0))


@pytest.mark.parametrize(
    "body",
    ['def Xform "A" {\n }\n', f'def Xform "B" {BODY} {{\n }}\n', 'def PhysicsRevoluteJoint "J" {\n }\n'],
)
def test_little_physics_is_no_mistake(open_text: Any, body: str) -> None:
    model = to_mjspec(open_text(body)).spec.compile()
    assert model.nbody <= 2


def test_flat_and_empty_meshes_are_told(open_text: Any) -> None:
    def mesh(points: str) -> PhysicsWorld:
        return made(
            open_text,
            f"""def Mesh "B" {MESH_BODY} {{
    uniform token physics:approximation = "convexHull"
    int[] faceVertexCounts = []
    int[] faceVertexIndices = []
    point3f[] points = {points} }}
""",
        )[0]

    assert "physics.mesh-flat" in codes(mesh("[(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]"))
    assert {"physics.mesh-empty", "physics.no-mass"} <= codes(mesh("[]"))


def test_sizes_that_are_none_are_one_sentence(open_text: Any) -> None:
    text = f"""def Cube "B" {COLLIDER} {{
    double size = nan }}
"""
    with pytest.raises(UserError, match=r"MuJoCo cannot compile the physics of .*stage.usda"):
        to_mjspec(open_text(text))


def test_the_same_stage_gives_the_same_model(shared: Path) -> None:
    opened = open_stage(shared / "assets" / REAL[0], asset_roots=[shared / "assets"], probe=False)
    assert to_mjspec(opened).spec.to_xml() == to_mjspec(opened).spec.to_xml()
