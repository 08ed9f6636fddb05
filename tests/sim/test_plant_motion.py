"""The plant moves what stands in the stage: checked with pxr against the bundled work cell."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from twinstage.base.clock import NS
from twinstage.sim.plant import Plant, fleet, layout, robot
from twinstage.sim.plant.kinematics import forward, inverse

START = 1_767_225_600_000_000_000
CELL = Path(__file__).resolve().parents[2] / "assets" / "library" / "workcell" / "workcell.usda"
LINKS = [f"/WorkCell/Robot/Base{''.join(f'/Link{k}' for k in range(1, n + 1))}" for n in range(1, 7)]
TCP = f"{LINKS[-1]}/Gripper/Tcp"


class Arm:
    """The stage's robot, posed by joint angles in degrees with pxr alone."""

    def __init__(self) -> None:
        self.stage = Usd.Stage.Open(str(CELL))
        self.stage.SetEditTarget(self.stage.GetSessionLayer())
        self.ops = []
        for path, number in zip(LINKS, range(1, 7), strict=True):
            joint = self.stage.GetPrimAtPath(f"/WorkCell/Robot/Joints/joint_{number}")
            axis = joint.GetAttribute("physics:axis").Get()
            assert str(joint.GetRelationship("physics:body1").GetTargets()[0]) == path
            link = UsdGeom.Xformable(self.stage.GetPrimAtPath(path))
            self.ops.append(getattr(link, f"AddRotate{axis}Op")(UsdGeom.XformOp.PrecisionDouble))

    def pose(self, degrees: list[float]) -> Gf.Matrix4d:
        """World matrix of the tool."""
        for op, angle in zip(self.ops, degrees, strict=True):
            op.Set(float(angle))
        return UsdGeom.XformCache().GetLocalToWorldTransform(self.stage.GetPrimAtPath(TCP))


@pytest.fixture(scope="module")
def arm() -> Arm:
    return Arm()


def tote_worlds(stage: Usd.Stage) -> dict[str, Gf.Matrix4d]:
    cache = UsdGeom.XformCache()
    totes = stage.GetPrimAtPath("/WorkCell/Totes").GetChildren()
    return {p.GetName(): cache.GetLocalToWorldTransform(p) for p in totes}


def test_forward_kinematics_equals_the_stage(arm: Arm) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    limits = np.array(layout.JOINT_LIMITS, float)
    for _ in range(40):
        q = limits[:, 0] + rng.random(6) * (limits[:, 1] - limits[:, 0])
        mine, world = forward(np.radians(q)), arm.pose(list(q))
        assert np.allclose(mine.position, world.ExtractTranslation(), atol=1e-5)
        assert np.allclose(mine.approach, world.TransformDir((0, 0, 1)), atol=1e-5), (
            "the tool's z is its approach"
        )
        assert np.allclose(mine.jaw, world.TransformDir((0, 1, 0)), atol=1e-5)


def test_limits_equal_those_of_the_stage(arm: Arm) -> None:
    for number, (low, high) in enumerate(layout.JOINT_LIMITS, 1):
        joint = arm.stage.GetPrimAtPath(f"/WorkCell/Robot/Joints/joint_{number}")
        assert joint.GetAttribute("physics:lowerLimit").Get() == low
        assert joint.GetAttribute("physics:upperLimit").Get() == high


def test_inverse_kinematics_comes_back() -> None:
    for station, index, height in itertools.product(("pick", "place"), range(3), (0.92, 1.0, 1.22)):
        pose = robot.slot(station, index, height)
        again = forward(inverse(pose))
        assert np.allclose(again.position, pose.position, atol=1e-12)
        assert np.allclose(again.approach, pose.approach, atol=1e-12)
        assert np.allclose(again.jaw, pose.jaw, atol=1e-12)


def test_joints_stay_within_limits_and_move_smoothly() -> None:
    t = np.arange(0, robot.period() + 1, 0.01)
    q = np.degrees([robot.state(float(x)).q for x in t])
    limits = np.array(layout.JOINT_LIMITS, float)
    assert (q > limits[:, 0]).all() and (q < limits[:, 1]).all()
    speed = np.abs(np.diff(q, axis=0)) / 0.01
    assert speed.max() < 180
    assert (np.abs(np.diff(q, 2, axis=0)) / 0.01**2).max() < 700, "no jump of the velocity"


def test_the_gripper_meets_the_totes_when_it_closes_and_puts_them_where_they_belong(arm: Arm) -> None:
    """From the raw lines: at each closing the tool stands over the rim of the tote that is there."""
    until = START + round(robot.period() * NS)
    records = {}
    for _, _, raw in Plant(seed=8, start_ns=START, streams=("robot",)).advance(until + NS):
        try:
            record = json.loads(raw)
        except json.JSONDecodeError:
            continue
        records[record["seq"]] = record
    ordered = [records[k] for k in sorted(records) if records[k]["t"] * 1_000_000 < until]
    at = tote_worlds(arm.stage)
    before = {name: np.array(world.ExtractTranslation()) for name, world in at.items()}
    held, grips, closings, openings = "", 0, [], []
    for record in ordered:
        if record["grip"] != grips:
            world = arm.pose([record[f"j{k}"] for k in range(1, 7)])
            tool = np.array(world.ExtractTranslation())
            if record["grip"]:
                held, gap = min(
                    ((n, np.linalg.norm(tool - p - (0, 0, 0.2))) for n, p in before.items()),
                    key=lambda g: g[1],
                )
                closings.append((held, gap, record["jaw"], abs(world.TransformDir((0, 1, 0))[1])))
            else:
                before[held] = tool - (0, 0, 0.2)
                openings.append(held)
            grips = record["grip"]
    assert [name for name, *_ in closings] == ["Tote_1", "Tote_2", "Tote_3", "Tote_3", "Tote_2", "Tote_1"]
    assert openings == [name for name, *_ in closings]
    for number, (name, gap, jaw, along_y) in enumerate(closings):
        assert gap < 1e-3, (name, gap)
        assert jaw == pytest.approx(300, abs=0.2), "as wide as the tote's rim"
        assert along_y == pytest.approx(1.0 if number < 3 else 0.0, abs=1e-3), "across the tote's short side"
    for name, world in at.items():
        assert np.allclose(before[name], world.ExtractTranslation(), atol=1e-3), (
            "after a cycle all stand where they stood"
        )


def test_carried_totes_clear_the_others_while_they_travel() -> None:
    for t in np.arange(0, robot.period(), 0.02):
        now = robot.state(float(t))
        tool = forward(now.q).position
        spots = [robot.slot(s, i, 0).position[:2] for s in ("pick", "place") for i in range(3)]
        if now.closed and min(np.linalg.norm(tool[:2] - spot) for spot in spots) > 0.005:
            assert tool[2] - 0.2 > 0.72 + 0.22 + 0.02, "bottom of the load above the rims of the others"


def rectangle(x: float, y: float, heading: float, size: tuple[float, float]) -> np.ndarray:
    half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array(size) / 2
    c, s = math.cos(heading), math.sin(heading)
    return np.asarray(half @ np.array([[c, s], [-s, c]]) + (x, y))


def apart(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two convex outlines have a separating axis."""
    for outline in (a, b):
        for p, q in zip(outline, np.roll(outline, -1, 0), strict=True):
            normal = np.array([q[1] - p[1], p[0] - q[0]])
            if (a @ normal).max() < (b @ normal).min() or (b @ normal).max() < (a @ normal).min():
                return True
    return False


def test_vehicles_start_where_the_stage_shows_them_and_never_touch_anything(arm: Arm) -> None:
    bounds = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    obstacles = []
    for path in (
        "Racks", "Stations/Pick", "Stations/Place", "Cabinet", "Tank", "Conveyor", "Staging/Pallet_1", "Staging/Pallet_2",
        "Packing/Bench", "Packing/Empty_1", *(f"Fence/Panel_{k}" for k in range(1, 8)),
    ):  # fmt: skip
        box = bounds.ComputeWorldBound(arm.stage.GetPrimAtPath(f"/WorkCell/{path}")).ComputeAlignedRange()
        low, high = box.GetMin(), box.GetMax()
        obstacles.append(
            (path, np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]))
        )
    for number, name in enumerate(layout.VEHICLES):
        world = UsdGeom.XformCache().GetLocalToWorldTransform(
            arm.stage.GetPrimAtPath(f"/WorkCell/AGVs/{name}")
        )
        now = fleet.state(number, 0.0)
        assert np.allclose(world.ExtractTranslation(), (now.x, now.y, 0), atol=1e-3), name
        assert np.allclose(
            world.TransformDir((1, 0, 0))[:2], (math.cos(now.heading), math.sin(now.heading)), atol=1e-3
        )
    for t in np.arange(0, fleet.lap_time(), 0.2):
        shapes = []
        for number in range(len(layout.VEHICLES)):
            now = fleet.state(number, float(t))
            shape = rectangle(
                now.x, now.y, now.heading, (layout.VEHICLE_SIZE[0] + 0.1, layout.VEHICLE_SIZE[1] + 0.1)
            )
            assert np.abs(shape[:, 0]).max() < 7 and np.abs(shape[:, 1]).max() < 5, "inside the hall"
            for path, obstacle in obstacles:
                assert apart(shape, obstacle), (path, t, number)
            shapes.append(shape)
        for a, b in itertools.combinations(shapes, 2):
            assert apart(a, b), t


def test_vehicles_move_smoothly_and_look_where_they_go() -> None:
    step = 0.05
    t = np.arange(0, fleet.lap_time(), step)
    states = [fleet.state(1, float(x)) for x in t]
    at = np.array([(s.x, s.y) for s in states])
    speed = np.linalg.norm(np.diff(at, axis=0), axis=1) / step
    assert speed.max() < fleet.CRUISE + 0.01 and speed.min() < 1e-6, "it stops, too"
    assert np.abs(np.diff(speed)).max() / step < 2 * fleet.ACCELERATION + 0.6
    for (a, b), now in zip(itertools.pairwise(at), states, strict=False):
        if np.linalg.norm(b - a) > 0.01:
            way = math.atan2(*(b - a)[::-1])
            assert abs(math.remainder(way - now.heading, math.tau)) < 0.06
