"""One truth: after a write, pxr's own local-to-world of every prim and point equals the columns composed."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.bindings import load_bindings
from twinstage.scene.columns import AttributeColumns, PoseColumns, TickColumns, empty_pose, frozen
from twinstage.scene.plan import compile_bindings
from twinstage.scene.read import read_snapshot, time_at
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.scene.writer import LIVE_OP, ColumnWriter
from twinstage.telemetry.contract import load_contract
from twinstage.telemetry.state import StateTable


def usd_worlds(opened: OpenedStage, snapshot: Snapshot, default_time: bool) -> np.ndarray:
    """pxr's worlds of all nodes, turned and scaled by hand into metres and Z-up."""
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.Default() if default_time else time_at(opened.stage, None)
    cache = UsdGeom.XformCache(time)
    rows = [
        np.array(cache.GetLocalToWorldTransform(opened.stage.GetPrimAtPath(p))) for p in snapshot.prims.path
    ]
    for instancer in dict.fromkeys(snapshot.points.instancer.tolist()):
        api = UsdGeom.PointInstancer(opened.stage.GetPrimAtPath(snapshot.prims.path[instancer]))
        local = np.array(
            api.ComputeInstanceTransformsAtTime(
                time, time, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
            )
        )
        ids = list(api.GetIdsAttr().Get(time) or range(len(local)))
        rows += [local[ids.index(i)] @ rows[instancer] for i in sorted(ids)]
    worlds = np.array(rows).transpose(0, 2, 1).copy()
    worlds[:, :3, 3] *= opened.meters_per_unit
    if opened.up_axis == "Y":
        worlds = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]) @ worlds
    return worlds


def assert_one_truth(opened: OpenedStage, now: Snapshot, tolerance: float = 1e-6) -> None:
    for default_time in (True, False):
        assert np.abs(usd_worlds(opened, now, default_time) - now.node_world).max() < tolerance


def test_recorded_palletizer_cycle(root: Path, shared: Path) -> None:
    folder = root / "examples/palletizer"
    opened = open_stage(folder / "palletizer.usda", [shared / "assets"], probe=False)
    snapshot = read_snapshot(opened)
    contract = load_contract(folder / "contract.yaml")
    plan = compile_bindings(load_bindings(folder / "bindings.yaml"), contract, opened, snapshot)
    writer, state, now = ColumnWriter(opened, snapshot, plan), StateTable(contract), snapshot
    text = (shared / "telemetry/fanuc_palletizer/palletizer_trajectory.csv").read_text()
    rows = list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))[1:]
    carried = 0.0
    for ordinal, row in enumerate(rows):
        for k in range(6):
            state.set(f"robot.j{k + 1}", math.radians(float(row[1 + k])), ordinal)
        state.set("robot.grip", row[7] == "1", ordinal)
        columns = plan.evaluate(state, ordinal + 1)
        now = now.moved(columns.pose)
        writer.write(columns)
        if ordinal % 60 == 0:
            assert_one_truth(opened, now)
        if row[7] == "1":
            box = now.node_world[snapshot.prims.index_of["/Cell/Scene/PickBoxes/panel"], :3, 3]
            carried = max(
                carried,
                float(
                    np.linalg.norm(
                        box
                        - snapshot.node_world[snapshot.prims.index_of["/Cell/Scene/PickBoxes/panel"], :3, 3]
                    )
                ),
            )
    assert_one_truth(opened, now)
    assert carried > 0.5  # the panel was really moved


ZOO = """def Xform "World" {
    double3 xformOp:translate = (100, 0, -50)
    float3 xformOp:rotateXYZ = (5, 6, 7)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
    def Xform "Cart" { double3 xformOp:translate.timeSamples = { 1: (1, 2, 3), 2: (4, 5, 6),
        }
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Xform "Arm" { float3 xformOp:scale = (2, 2, 2)
            uniform token[] xformOpOrder = ["xformOp:scale"]
        }
    }
    def Xform "Free" { double3 xformOp:translate = (9, 9, 9)
        uniform token[] xformOpOrder = ["!resetXformStack!", "xformOp:translate"]
    }
    def PointInstancer "Parcels" { point3f[] positions = [(0, 0, 0), (100, 0, 0), (200, 0, 0)]
        int[] protoIndices = [0, 0, 0]
        int64[] ids = [9, 5, 7]
        quath[] orientations = [(1, 0, 0, 0), (0.7, 0.7, 0, 0), (1, 0, 0, 0)]
        rel prototypes = [</World/Parcels/Box>]
        def Cube "Box" {}
    }
    def Cube "Lamp" { token visibility = "invisible"
        custom bool twin:on = 0
        custom int userProperties:n = 3
    }
}
def Xform "Root" {}
"""
LINES = """
{kind: pose, prim: /World/Cart, frame: world, position: {x: d, y: 1}, rotation: {yaw: q}}
{kind: joint, prim: /World/Cart/Arm, axis: X, signal: q}
{kind: pose, prim: /World/Free, position: {z: d}, rotation: {roll: q}, scale: 3}
{kind: pose, prim: /Root, position: {x: d}, rotation: {pitch: q}}
{kind: instance, prim: /World/Parcels, id: 5, position: {x: d}, rotation: {yaw: q}, scale: {z: 2}}
{kind: visibility, prim: /World/Lamp, signal: on}
{kind: style, prim: /World/Lamp, signal: d, colormap: [[0, "#000000"], [10, "#ff0000"]]}
{kind: attribute, prim: /World/Lamp, attribute: "twin:on", signal: on}
{kind: attribute, prim: /World/Lamp, attribute: "userProperties:n", signal: d, unit: cm}
{kind: attribute, prim: /World/Lamp, attribute: "twin:depth", signal: d, unit: mm}
"""
SIGNALS = {"q": "rad", "d": "m", "on": "1 bool"}


@pytest.mark.parametrize(("up", "units"), [("Z", 1.0), ("Y", 0.01)])
def test_units_axes_resets_samples_and_points(make_twin: Any, up: str, units: float) -> None:
    twin = make_twin(ZOO, LINES, SIGNALS, up=up, units=units)
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    assert_one_truth_at_start(twin)
    for q, d in ((0.5, 1.0), (-2.0, 4.5), (3.0, -8.0)):
        writer.write(twin.tick(q=q, d=d, on=d > 2))
        assert_one_truth(twin.opened, twin.now, tolerance=2e-6)  # points are float32 in USD


def assert_one_truth_at_start(twin: Any) -> None:
    """Creating the specs alone changes nothing."""
    assert np.abs(usd_worlds(twin.opened, twin.snapshot, False) - twin.snapshot.node_world).max() < 1e-6


def test_values_and_looks_reach_the_stage(make_twin: Any) -> None:
    twin = make_twin(ZOO, LINES, SIGNALS)
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    lamp = twin.opened.stage.GetPrimAtPath("/World/Lamp")
    assert lamp.GetAttribute("visibility").Get() == "invisible"
    writer.write(twin.tick(d=10.0, on=True))
    assert lamp.GetAttribute("visibility").Get() == "inherited"
    assert lamp.GetAttribute("twin:on").Get() is True
    assert lamp.GetAttribute("userProperties:n").Get() == 1000
    assert lamp.GetAttribute("twin:depth").Get() == 10000.0
    assert np.allclose(lamp.GetAttribute("primvars:displayColor").Get(), [(1, 0, 0)])


def test_clearing_the_layer_brings_the_authored_scene_back(make_twin: Any) -> None:
    twin = make_twin(ZOO, LINES, SIGNALS)
    before = usd_worlds(twin.opened, twin.snapshot, False)
    ColumnWriter(twin.opened, twin.snapshot, twin.plan).write(twin.tick(q=1.0, d=2.0, on=True))
    assert not np.allclose(usd_worlds(twin.opened, twin.snapshot, False), before)
    twin.opened.layers.live.Clear()
    assert np.array_equal(usd_worlds(twin.opened, twin.snapshot, False), before)


def test_only_the_live_layer_is_written(make_twin: Any) -> None:
    twin = make_twin(ZOO, LINES, SIGNALS)
    root = twin.opened.stage.GetRootLayer()
    before = root.ExportToString()
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    writer.write(twin.tick(q=1.0, d=2.0, on=True))
    assert root.ExportToString() == before
    assert not root.dirty
    layers = twin.opened.layers
    assert all(layer.empty for layer in (layers.ui, layers.randomization, layers.simulation, layers.bindings))
    order = twin.opened.stage.GetAttributeAtPath("/World/Cart.xformOpOrder").Get()
    assert list(order) == [LIVE_OP]


def test_one_write_is_one_change(make_twin: Any) -> None:
    from pxr import Tf, Usd

    twin = make_twin(ZOO, LINES, SIGNALS)
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    seen = []
    key = Tf.Notice.Register(
        Usd.Notice.ObjectsChanged, lambda notice, _: seen.append(notice), twin.opened.stage
    )
    writer.write(twin.tick(q=1.0, d=2.0, on=True))
    key.Revoke()
    assert len(seen) == 1


def test_a_producer_may_move_what_no_binding_names(open_text: Any) -> None:
    body = (
        'class "_P" { def Xform "Door" { def Cube "C" {}\n}\n}\n'
        'def Xform "A" (instanceable = true\n prepend inherits = </_P>) {}\n'
    )
    opened = open_text(body)
    snapshot = read_snapshot(opened)
    node = snapshot.prims.index_of["/A/Door"]
    pose = PoseColumns(
        1, 0, frozen(np.array([node]), np.uint32), frozen(np.array([[1.0, 2, 3]]), np.float64),
        frozen(np.array([[1.0, 0, 0, 0]]), np.float32),
    )  # fmt: skip
    writer = ColumnWriter(opened, snapshot, None)
    writer.write(TickColumns(pose))
    assert_one_truth(opened, snapshot.moved(pose))
    assert writer.findings == ("/A is no longer instanced, because /A/Door below it is bound",)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("uchar", 0, 2**8 - 1), ("int", -(2**31), 2**31 - 1), ("uint", 0, 2**32 - 1),
        ("int64", -(2**63), 2**63 - 1), ("uint64", 0, 2**64 - 1),
    ],
)  # fmt: skip
def test_whole_numbers_stop_at_the_ends_of_their_type(make_twin: Any, kind: str, low: int, high: int) -> None:
    body = f'def Xform "A" {{ custom {kind} twin:n = 3\n}}\n'
    twin = make_twin(
        body, '{kind: attribute, prim: /A, attribute: "twin:n", expr: "a / b"}', {"a": "1", "b": "1"}
    )
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    attribute = twin.opened.stage.GetAttributeAtPath("/A.twin:n")
    told = []
    for a, b in ((-1e30, 1), (1e30, 1), (41.6, 1), (1, 0), (-1, 0), (0, 0), (7, 1)):
        writer.write(twin.tick(a=float(a), b=float(b)))
        told.append(attribute.Get())
    assert told == [low, high, 42, 42, 42, 42, 7]  # what is not finite holds the last


def test_columns_that_are_not_finite_do_no_harm(make_twin: Any) -> None:
    twin = make_twin(ZOO, LINES, SIGNALS)
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    slot = [path for path, _ in twin.plan.attributes].index("/World/Lamp.userProperties:n")
    attribute = twin.opened.stage.GetAttributeAtPath("/World/Lamp.userProperties:n")
    for value, expected in ((np.inf, 2**31 - 1), (np.nan, 2**31 - 1), (-np.inf, -(2**31))):
        columns = AttributeColumns(frozen(np.array([slot]), np.uint32), frozen(np.array([value]), np.float64))
        writer.write(TickColumns(empty_pose(), attributes=columns))
        assert attribute.Get() == expected
