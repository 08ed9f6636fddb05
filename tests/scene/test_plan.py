"""Evaluated columns against poses computed one by one with pxr's Gf and with plain formulas."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, BAD_NO_DATA, UNCERTAIN_LAST_USABLE

ARM = """def Xform "Robot" {
    double3 xformOp:translate = (5, 6, 7)
    float xformOp:rotateZ = 30
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
    def Xform "base" {
        def Xform "link" {
            double3 xformOp:translate = (1, 2, 3)
            float3 xformOp:rotateXYZ = (10, 20, 30)
            uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
            def Xform "tip" {
                double3 xformOp:translate = (0, 0, 1)
                uniform token[] xformOpOrder = ["xformOp:translate"]
            }
        }
    }
    def Scope "joints" {
        def PhysicsRevoluteJoint "turn" { uniform token physics:axis = "Y"
            rel physics:body0 = </Robot/base>
            rel physics:body1 = </Robot/base/link>
            point3f physics:localPos1 = (0.5, -0.25, 0.125)
            quatf physics:localRot1 = (0.5, 0.5, 0.5, 0.5)
        }
        def PhysicsPrismaticJoint "slide" { uniform token physics:axis = "X"
            rel physics:body0 = </Robot/base/link>
            rel physics:body1 = </Robot/base/link/tip>
            quatf physics:localRot1 = (0.70710678, 0, 0, 0.70710678)
        }
    }
}
"""
SIGNALS = {"q": "rad", "p": "rad", "d": "m"}


def gf_joint(authored: np.ndarray, axis: str, pos: Any, rot: Any, q: float, slide: bool) -> np.ndarray:
    """authored * J1 * motion * inverse(J1), written with row-vector Gf matrices."""
    from pxr import Gf

    unit = {"X": Gf.Vec3d(1, 0, 0), "Y": Gf.Vec3d(0, 1, 0), "Z": Gf.Vec3d(0, 0, 1)}[axis]
    frame = Gf.Matrix4d().SetRotate(Gf.Quatd(*rot))
    frame.SetTranslateOnly(Gf.Vec3d(*pos))
    motion = Gf.Matrix4d(1)
    if slide:
        motion.SetTranslate(unit * q)
    else:
        motion.SetRotate(Gf.Rotation(unit, math.degrees(q)))
    local = frame.GetInverse() * motion * frame * Gf.Matrix4d(*np.array(authored).T.ravel().tolist())
    return np.array(local).T


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-2, 2))
def test_physics_joints_with_coupling(arm: Any, q: float, p: float, d: float) -> None:
    arm.tick(q=q, p=p, d=d)
    link, tip = "/Robot/base/link", "/Robot/base/link/tip"
    authored = {path: arm.snapshot.node_local[arm.snapshot.prims.index_of[path]] for path in (link, tip)}
    coordinate = -q + 0.25 + 0.5 * p
    half = math.sqrt(0.5)
    expected = gf_joint(authored[link], "Y", (0.5, -0.25, 0.125), (0.5, 0.5, 0.5, 0.5), coordinate, False)
    assert np.allclose(arm.local(link), expected, atol=2e-6)
    assert np.allclose(
        arm.local(tip), gf_joint(authored[tip], "X", (0, 0, 0), (half, 0, 0, half), d, True), atol=2e-6
    )


@pytest.fixture
def arm(make_twin: Any) -> Any:
    return make_twin(
        ARM,
        "{kind: joint, prim: /Robot/joints/turn, signal: q, sign: -1, offset: 0.25, coupling: {p: 0.5}}\n"
        "{kind: joint, prim: /Robot/joints/slide, signal: d}",
        SIGNALS,
    )


def test_nothing_moves_before_the_first_value(arm: Any) -> None:
    assert len(arm.tick().pose) == 0
    full = arm.plan.evaluate(arm.state, 5, full=True)
    assert len(full.pose) == 2
    assert np.allclose(arm.snapshot.moved(full.pose).node_world, arm.snapshot.node_world, atol=1e-6)


def test_only_what_changed_is_given_out(arm: Any) -> None:
    assert len(arm.tick(q=0.5, p=0.1, d=0.5).pose) == 2
    columns = arm.tick(d=0.75)
    assert [arm.snapshot.prims.path[i] for i in columns.pose.index] == ["/Robot/base/link/tip"]
    assert columns.pose.event_ns == arm.ordinal
    assert [arm.state.signal_ids[i] for i in columns.signals.signal] == ["d"]
    assert len(arm.tick().pose) == 0
    assert len(arm.tick(d=0.75).pose) == 0


def test_bad_quality_holds_the_pose(arm: Any) -> None:
    arm.tick(q=0.5, p=0.0, d=0.5)
    before = arm.local("/Robot/base/link/tip").copy()
    arm.state.set("d", 9.0, 99, BAD)
    columns = arm.tick()
    assert len(columns.pose) == 0
    assert columns.signals.quality.tolist() == [BAD]
    assert np.array_equal(arm.local("/Robot/base/link/tip"), before)


def test_reset_brings_everybody_back(arm: Any) -> None:
    arm.tick(q=0.5, p=0.0, d=0.5)
    arm.plan.reset()
    fresh = type(arm.state)
    assert fresh is not None
    arm.state.numeric[:] = np.nan
    columns = arm.tick()
    assert len(columns.pose) == 2
    assert np.allclose(arm.now.node_world, arm.snapshot.node_world, atol=1e-6)


def test_axis_and_pivot_without_a_joint(make_twin: Any) -> None:
    twin = make_twin(
        ARM, "{kind: joint, prim: /Robot/base/link, axis: [0, 0, 2], pivot: [1, 0, 0], signal: q}", SIGNALS
    )
    twin.tick(q=math.pi / 2)
    authored = twin.snapshot.node_local[twin.snapshot.prims.index_of["/Robot/base/link"]]
    turn = np.array([[0.0, -1, 0, 1], [1, 0, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]])  # about z through (1, 0)
    assert np.allclose(twin.local("/Robot/base/link"), authored @ turn, atol=1e-6)


def test_slide_is_in_world_metres_below_a_scale(make_twin: Any) -> None:
    body = (
        'def Xform "S" { float3 xformOp:scale = (0.01, 0.01, 0.01)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n'
        ' def Xform "Slider" {}\n}\n'
    )
    twin = make_twin(body, "{kind: joint, prim: /S/Slider, axis: Y, signal: d}", SIGNALS)
    twin.tick(d=0.5)
    assert np.allclose(twin.world("/S/Slider")[:3, 3], [0, 0.5, 0], atol=1e-9)


FLAT = """def Xform "R" {
    double3 xformOp:translate = (3, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "b0" {}
    def Xform "b1" { double3 xformOp:translate = (0, 0, 1)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "b2" { double3 xformOp:translate = (1, 0, 1)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "tool" { double3 xformOp:translate = (2, 0, 1)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def PhysicsRevoluteJoint "j1" { uniform token physics:axis = "Z"
        rel physics:body0 = </R/b0>
        rel physics:body1 = </R/b1>
    }
    def PhysicsRevoluteJoint "j2" { uniform token physics:axis = "Z"
        rel physics:body0 = </R/b1>
        rel physics:body1 = </R/b2>
    }
    def PhysicsFixedJoint "mount" { rel physics:body0 = </R/b2>
        rel physics:body1 = </R/tool>
    }
}
"""


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_flat_robot_is_a_planar_arm(flat: Any, q: float, p: float) -> None:
    flat.tick(q=q, p=p)
    elbow = np.array([3 + math.cos(q), math.sin(q), 1])
    tip = elbow + np.array([math.cos(q + p), math.sin(q + p), 0])
    assert np.allclose(flat.world("/R/b1")[:3, 3], [3, 0, 1], atol=1e-6)
    assert np.allclose(flat.world("/R/b2")[:3, 3], elbow, atol=1e-6)
    assert np.allclose(flat.world("/R/tool")[:3, 3], tip, atol=1e-6)
    assert np.allclose(flat.world("/R/tool")[:3, 0], [math.cos(q + p), math.sin(q + p), 0], atol=1e-6)


@pytest.fixture
def flat(make_twin: Any) -> Any:
    return make_twin(
        FLAT, "{kind: joint, prim: /R/j1, signal: q}\n{kind: joint, prim: /R/j2, signal: p}", SIGNALS
    )


CELL = """def Xform "Cell" {
    double3 xformOp:translate = (10, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "Cart" { double3 xformOp:translate = (1, 2, 3)
        float3 xformOp:rotateXYZ = (0, 0, 90)
        float3 xformOp:scale = (2, 2, 2)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ", "xformOp:scale"]
        def Xform "Load" { def Sphere "Ball" {}
        }
    }
    def Xform "Table" { double3 xformOp:translate = (0, 5, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Top" {}
    }
    def PointInstancer "Parcels" { point3f[] positions = [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
        int[] protoIndices = [0, 0, 0]
        int64[] ids = [9, 5, 7]
        rel prototypes = </Cell/Parcels/Box>
        def Cube "Box" {}
    }
}
"""


def test_unnamed_components_keep_their_authored_values(make_twin: Any) -> None:
    twin = make_twin(CELL, "{kind: pose, prim: /Cell/Cart, position: {x: d}, scale: {z: 0.5}}", SIGNALS)
    twin.tick(d=-4.0)
    local = twin.local("/Cell/Cart")
    assert local[:3, 3].tolist() == [-4, 2, 3]
    assert np.allclose(local[:3, :3], np.array([[0.0, -2, 0], [2, 0, 0], [0, 0, 0.5]]), atol=1e-6)


def test_world_frame_and_expressions(make_twin: Any) -> None:
    twin = make_twin(
        CELL,
        '{kind: pose, prim: /Cell/Cart, frame: world, position: {x: "2 * d", y: 1.5}, rotation: {yaw: q}}',
        SIGNALS,
    )
    twin.tick(d=3.0, q=0.0)
    world = twin.world("/Cell/Cart")
    assert np.allclose(world[:3, 3], [6, 1.5, 3], atol=1e-9)
    assert np.allclose(world[:3, :3], np.eye(3) * 2, atol=1e-6)


def test_frame_that_moves_in_the_same_tick(make_twin: Any) -> None:
    twin = make_twin(
        CELL,
        "{kind: pose, prim: /Cell/Cart, position: {x: d}, rotation: {yaw: 0}}\n"
        "{kind: pose, prim: /Cell/Table/Top, frame: /Cell/Cart, position: {x: 0, y: 1, z: 0}}",
        SIGNALS,
    )
    for value in (1.0, 8.0):
        twin.tick(d=value)
        expected = twin.world("/Cell/Cart") @ [0, 1, 0, 1]
        assert np.allclose(twin.world("/Cell/Table/Top")[:3, 3], expected[:3], atol=1e-6)
        assert np.allclose(expected[:3], [10 + value, 2 + 2, 3])


def test_whole_poses_quaternions_and_vectors(make_twin: Any) -> None:
    signals = {"pose": "m pose", "turn": "1 quat", "at": "m vec[3]"}
    twin = make_twin(
        CELL,
        "{kind: pose, prim: /Cell/Cart, frame: world, signal: pose}\n"
        "{kind: pose, prim: /Cell/Table, position: at, rotation: turn}",
        signals,
    )
    half = math.sqrt(0.5)
    twin.tick(pose=[1, 2, 3, 2 * half, 0, 0, 2 * half], at=[4, 5, 6], turn=[half, half, 0, 0])
    assert np.allclose(twin.world("/Cell/Cart")[:3, 3], [1, 2, 3])
    assert np.allclose(twin.world("/Cell/Cart")[:3, 0], [0, 2, 0], atol=1e-6)
    assert np.allclose(twin.local("/Cell/Table")[:3, 3], [4, 5, 6])
    assert np.allclose(twin.local("/Cell/Table")[:3, 1], [0, 0, 1], atol=1e-6)


def test_points_by_id_and_placeholder(make_twin: Any) -> None:
    signals = {"p5__x": "m", "p9__x": "m"}
    line = '{kind: instance, prim: /Cell/Parcels, id: [5, 9], position: {x: "p{id}.x", z: 1}}'
    twin = make_twin(CELL, line, signals)
    twin.tick(p5__x=50.0, p9__x=90.0)
    n = len(twin.snapshot.prims)
    assert twin.snapshot.points.point_id.tolist() == [5, 7, 9]
    assert twin.now.node_world[n:, :3, 3].tolist() == [[60, 0, 1], [12, 0, 0], [100, 0, 1]]
    assert twin.plan.signals_of("/Cell/Parcels") == ("p5.x", "p9.x")


def test_units_axes_and_root_prims(make_twin: Any) -> None:
    body = 'def Xform "A" { double3 xformOp:translate = (0, 100, 0)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    twin = make_twin(
        body, "{kind: pose, prim: /A, frame: world, position: {x: d}}", SIGNALS, up="Y", units=0.01
    )
    assert np.allclose(twin.world("/A")[:3, 3], [0, 0, 1])
    twin.tick(d=2.5)
    assert np.allclose(twin.world("/A")[:3, 3], [2.5, 0, 1], atol=1e-9)


def test_attributes_visibility_and_styles(make_twin: Any) -> None:
    twin = make_twin(
        CELL,
        "{kind: attribute, prim: /Cell/Cart, attribute: 'twin:temp', signal: t, unit: Cel}\n"
        "{kind: visibility, prim: /Cell/Table, signal: door, invert: true}\n"
        "{kind: style, prim: /Cell/Cart, signal: t, unit: Cel, colormap: [[0, '#000000'], [100, '#ff8000']], "
        "hysteresis: 5, bad_color: '#112233'}",
        {"t": "K", "door": "1 bool"},
    )
    assert twin.plan.attributes == (("/Cell/Cart.twin:temp", "Cel"),)
    columns = twin.tick(t=313.15, door=True)
    assert columns.attributes.value == pytest.approx([40.0])
    assert columns.visibility.visible.tolist() == [False]
    assert columns.style.rgba.tolist() == [[102, 51, 0, 255]]
    assert len(twin.tick(t=316.15).style) == 0  # within the hysteresis
    assert twin.tick(t=333.15).style.rgba.tolist() == [[153, 77, 0, 255]]
    twin.state.set("t", 0.0, 9, BAD)
    assert twin.tick().style.rgba.tolist() == [[0x11, 0x22, 0x33, 255]]
    assert twin.tick(t=333.15).style.rgba.tolist() == [[153, 77, 0, 255]]
    assert twin.tick(door=False).visibility.visible.tolist() == [True]
    full = twin.plan.evaluate(twin.state, 99, full=True)
    assert (len(full.attributes), len(full.visibility), len(full.style), len(full.signals)) == (1, 1, 1, 2)


GRIP = """def Xform "W" {
    def Xform "Hand" { def Xform "Cup" { double3 xformOp:translate = (0, 0, -1)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
    def Xform "Boxes" { double3 xformOp:translate = (0, 0, -1)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Xform "b1" { double3 xformOp:translate = (2, 0, 0)
            float3 xformOp:scale = (3, 1, 1)
            uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
        }
        def Xform "b2" { double3 xformOp:translate = (4, 0.1, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
    def Xform "Stand" { double3 xformOp:translate = (0, 9, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""
HAND = "{kind: pose, prim: /W/Hand, position: {x: d}, rotation: {yaw: q}}"


def test_a_thing_is_taken_carried_turned_and_left(make_twin: Any) -> None:
    attach = "{kind: attach, frame: /W/Hand/Cup, signal: grip, candidates: ['/W/Boxes/*'], radius: 0.5}"
    twin = make_twin(GRIP, f"{HAND}\n{attach}", {**SIGNALS, "grip": "1 bool"})
    twin.tick(d=0.0, q=0.0, grip=True)  # nothing near: nothing taken, and later closeness does not matter
    twin.tick(d=2.0)
    assert np.allclose(twin.now.node_world[: len(twin.snapshot.prims)][twin.snapshot.prims.index_of["/W/Boxes/b1"]],
                       twin.snapshot.node_world[twin.snapshot.prims.index_of["/W/Boxes/b1"]])  # fmt: skip
    twin.tick(grip=False, d=4.0)
    start = twin.world("/W/Boxes/b2").copy()
    twin.tick(grip=True)
    twin.tick(d=7.0, q=math.pi / 2)
    held = twin.world("/W/Boxes/b2")
    assert np.allclose(held[:3, 3], [7 - 0.1, 0, -1], atol=1e-6)
    assert np.allclose(held[:3, 0], [0, 1, 0], atol=1e-6)
    twin.tick(grip=False)
    twin.tick(d=0.0)
    assert np.allclose(twin.world("/W/Boxes/b2"), held)
    assert not np.allclose(held, start)
    assert np.allclose(twin.world("/W/Boxes/b1")[:3, 3], [2, 0, -1])


def test_the_next_one_is_snapped_and_handed_over(make_twin: Any) -> None:
    lines = (
        f"{HAND}\n"
        "{kind: attach, frame: /W/Hand/Cup, signal: grip, candidates: ['/W/Boxes/*'], radius: 0.5}\n"
        "{kind: attach, frame: /W/Stand, signal: grip, invert: true, candidates: ['/W/Boxes/*'], choose: next, snap: true}"
    )
    twin = make_twin(GRIP, lines, {**SIGNALS, "grip": "1 bool"})
    twin.tick(d=0.0, q=0.0, grip=False)  # a first value is no edge: nothing is set out yet
    assert np.allclose(twin.world("/W/Boxes/b1")[:3, 3], [2, 0, -1])
    twin.tick(grip=True)
    twin.tick(grip=False)
    assert np.allclose(twin.world("/W/Boxes/b1")[:3, 3], [0, 9, 0], atol=1e-6)
    assert np.allclose(np.linalg.norm(twin.world("/W/Boxes/b1")[:3, :3], axis=0), [3, 1, 1], atol=1e-6)
    twin.tick(d=4.0, grip=True)  # b2 is within reach, b1 is let go by the stand
    twin.tick(d=5.0)
    assert np.allclose(twin.world("/W/Boxes/b2")[:3, 3], [5, 0.1, -1], atol=1e-6)
    twin.tick(grip=False)
    assert np.allclose(twin.world("/W/Boxes/b2")[:3, 3], [0, 9, 0], atol=1e-6)  # b2 is next in order


def test_replays_give_the_same_columns(make_twin: Any) -> None:
    attach = "{kind: attach, frame: /W/Hand/Cup, signal: grip, candidates: ['/W/Boxes/*'], radius: 3}"
    twin = make_twin(GRIP, f"{HAND}\n{attach}", {**SIGNALS, "grip": "1 bool"})
    rng = np.random.default_rng(1)
    steps = [
        {"d": float(rng.uniform(0, 5)), "q": float(rng.uniform(-3, 3)), "grip": bool(rng.integers(2))}
        for _ in range(20)
    ]

    def play() -> list[bytes]:
        return [
            c.pose.index.tobytes() + c.pose.translation.tobytes() + c.pose.rotation.tobytes()
            for c in (twin.tick(**s) for s in steps)
        ]

    play()
    twin.plan.reset()
    first = play()
    twin.plan.reset()
    assert play() == first


def test_a_bound_prim_below_an_instance_opens_it(make_twin: Any) -> None:
    body = (
        'class "_P" { def Xform "Door" { def Cube "C" {}\n}\n}\n'
        'def Xform "A" (instanceable = true\n prepend inherits = </_P>) {}\n'
        'def Xform "B" (instanceable = true\n prepend inherits = </_P>) {}\n'
    )
    twin = make_twin(body, "{kind: joint, prim: /A/Door, axis: Z, signal: q}", SIGNALS)
    stage = twin.opened.stage
    assert not stage.GetPrimAtPath("/A").IsInstance()
    assert stage.GetPrimAtPath("/B").IsInstance()
    assert twin.opened.layers.bindings.GetPrimAtPath("/A").GetInfo("instanceable") is False
    assert twin.plan.findings == ("/A is no longer instanced, because /A/Door below it is bound",)


def test_patterns_bind_by_rule(make_twin: Any) -> None:
    body = 'def Xform "L" {\n' + "".join(f'def Xform "M{i}" {{}}\n' for i in range(12)) + "}\n"
    signals = {f"m{i}__q": "rad" for i in range(12)}
    twin = make_twin(body, '{kind: joint, pattern: "/L/M{n}", axis: Z, signal: "m{n}.q"}', signals)
    twin.tick(**{f"m{i}__q": 0.1 * i for i in range(12)})
    for i in range(12):
        assert math.atan2(*twin.local(f"/L/M{i}")[[1, 0], 0]) == pytest.approx(0.1 * i, abs=1e-6)


THREE = """def Xform "V" { double3 xformOp:translate = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}
def Xform "Q" { float xformOp:rotateZ = 30
    uniform token[] xformOpOrder = ["xformOp:rotateZ"]
}
def Xform "P" { double3 xformOp:translate = (4, 5, 6)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}
"""


def test_a_bad_first_reading_of_a_vector_leaves_the_authored_pose(make_twin: Any) -> None:
    twin = make_twin(
        THREE,
        "{kind: pose, prim: /V, position: v}\n"
        "{kind: pose, prim: /Q, rotation: q}\n"
        "{kind: pose, prim: /P, signal: p}",
        {"v": "m vec[3]", "q": "1 quat", "p": "m pose"},
    )
    values = {"v": (9.0, 9, 9), "q": (0.0, 0, 0, 1), "p": (9.0, 9, 9, 0, 0, 0, 1)}
    for name, value in values.items():
        twin.state.set(name, value, 1, BAD)
    columns = twin.tick()
    assert len(columns.pose) == 0
    assert columns.signals.quality.tolist() == [BAD] * 3
    assert np.allclose(twin.now.node_world, twin.snapshot.node_world, atol=1e-6)
    assert len(twin.tick(**values).pose) == 3
    assert twin.world("/V")[:3, 3].tolist() == [9, 9, 9]


def test_an_expression_that_is_not_finite_holds_the_last_pose(make_twin: Any) -> None:
    twin = make_twin(
        ARM,
        "{kind: joint, prim: /Robot/joints/turn, expr: 'q / (1 * d)'}\n"
        "{kind: pose, prim: /Robot/base, position: {x: 'd / (1 * p)'}}",
        SIGNALS,
    )
    link, base = "/Robot/base/link", "/Robot/base"
    twin.tick(q=0.0, d=0.0, p=0.0)  # not finite before the first finite one: as authored
    assert np.allclose(twin.now.node_world, twin.snapshot.node_world, atol=1e-6)
    twin.tick(q=0.5, d=2.0, p=4.0)
    held = twin.local(link).copy(), twin.local(base).copy()
    assert held[1][0, 3] == 0.5
    twin.tick(q=0.7, d=0.0, p=0.0)
    assert np.array_equal(twin.local(link), held[0])
    assert np.array_equal(twin.local(base), held[1])
    twin.plan.reset()
    twin.tick()
    assert np.allclose(twin.now.node_world, twin.snapshot.node_world, atol=1e-6)


def test_quality_that_changes_alone_is_told_and_shown(make_twin: Any) -> None:
    twin = make_twin(
        CELL,
        "{kind: style, prim: /Cell/Cart, signal: t, unit: Cel, colormap: [[0, '#000000'], [100, '#ff8000']], "
        "bad_color: '#112233'}",
        {"t": "K", "door": "1 bool"},
    )
    twin.tick(t=333.15, door=True)
    assert len(twin.tick().signals) == 0

    def evaluate(quality: int, **more: Any) -> Any:
        effective = np.array([quality, 0], np.uint32)
        also = np.array([0], np.uint32)
        return twin.plan.evaluate(twin.state, 9, quality=effective, also=also, **more)

    stale = evaluate(UNCERTAIN_LAST_USABLE)
    assert (stale.signals.signal.tolist(), stale.signals.quality.tolist()) == ([0], [UNCERTAIN_LAST_USABLE])
    assert stale.signals.value.tolist() == [333.15]
    assert (len(stale.style), len(stale.pose), len(stale.visibility)) == (0, 0, 0)
    gone = evaluate(BAD_NO_DATA)
    assert (gone.signals.quality.tolist(), gone.style.rgba.tolist()) == (
        [BAD_NO_DATA], [[0x11, 0x22, 0x33, 255]],
    )  # fmt: skip
    assert evaluate(BAD_NO_DATA, full=True).signals.quality.tolist() == [BAD_NO_DATA, 0]
    assert evaluate(0).style.rgba.tolist() == [[153, 77, 0, 255]]


def test_components_of_vectors_in_expressions(make_twin: Any) -> None:
    signals = {"v": "m vec[3]", "p": "m pose", "h": "m"}
    lines = (
        "{kind: pose, prim: /Cell/Cart, position: {x: 'v[2] + h', y: 'p[1] * 1'}}\n"
        "{kind: attribute, prim: /Cell/Table, attribute: 'twin:w', expr: 'signal(\"p\")[3]'}"
    )
    twin = make_twin(CELL, lines, signals)
    columns = twin.tick(h=1.0)
    assert twin.local("/Cell/Cart")[:2, 3].tolist() == [1, 2], (
        "a component that is not known yet moves nothing"
    )
    columns = twin.tick(v=(10, 20, 30), p=(1, 2.5, 3, 1, 0, 0, 0))
    assert twin.local("/Cell/Cart")[:2, 3].tolist() == [31, 2.5]
    assert columns.attributes.value.tolist() == [1.0]
    assert twin.plan.signals_of("/Cell/Cart") == ("v", "p", "h")
    columns = twin.tick(v=(10, 20, 31))
    assert twin.local("/Cell/Cart")[0, 3] == 32


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("v[3]", "its components are 0 to 2, so v[3] is none"),
        ("h[0]", "it has no components"),
        ("v[-1]", "brackets that are no component"),
        ("v[h]", "brackets that are no component"),
        ("(h + h)[0]", "brackets that are no component"),
        ("w[0]", "there is no signal 'w'"),
        ("v", "of type vec[3], and a number is needed"),
        ("v[0] + p[3]", "joins m and 1"),
        ("p[3]", "measures a ratio, but a position needs a length"),
    ],
)
def test_components_that_are_none(make_twin: Any, expr: str, words: str) -> None:
    signals = {"v": "m vec[3]", "p": "m pose", "h": "m"}
    with pytest.raises(UserError) as error:
        make_twin(CELL, f"{{kind: pose, prim: /Cell/Cart, position: {{x: '{expr}', y: 'h + 0'}}}}", signals)
    assert words in str(error.value)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-5, 105).map(lambda v: round(v, 1)), min_size=1, max_size=20))
def test_colours_in_steps(make_twin: Any, values: list[float]) -> None:
    """A threshold is reached at its value, and left only when the value is more than 2 below it."""
    stops, colors = [0.0, 50.0, 80.0], ["#0000ff", "#00ff00", "#ff0000"]
    pairs = ", ".join(f"[{v}, '{c}']" for v, c in zip(stops, colors, strict=True))
    line = f"{{kind: style, prim: /Cell/Table, signal: t, steps: true, hysteresis: 2, colormap: [{pairs}]}}"
    twin = make_twin(CELL, line, {"t": "1"})
    now = 0
    for number, value in enumerate(values):
        twin.tick(t=value)
        if number == 0:
            now = max(0, sum(value >= stop for stop in stops) - 1)
        while now + 1 < len(stops) and value >= stops[now + 1]:
            now += 1
        while now > 0 and value + 2 < stops[now]:
            now -= 1
        assert "#" + bytes(twin.plan.styles.rgba[0][:3]).hex() == colors[now]
