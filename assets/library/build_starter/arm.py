"""The robot arm: six axes, three tools."""

from twinstage.assets.library.build_starter.made import asset, ball, choice, colours, part
from twinstage.assets.library.build_workcell.parts import Part, joint, rigid, unbound
from twinstage.assets.library.build_workcell.shapes import Shape, box, cylinder, lathe
from twinstage.assets.library.build_workcell.usda import Prim, xform

ROOT = "RobotArm"
ORIGINS = (
    (0.0, 0.0, 0.16),  # joint_1 in Base, axis +z
    (0.0, 0.136, 0.0),  # joint_2 in Link1, axis +y
    (0.0, -0.12, 0.425),  # joint_3 in Link2, axis +y
    (0.392, 0.0, 0.0),  # joint_4 in Link3, axis +y
    (0.0, 0.11, 0.0),  # joint_5 in Link4, axis +z
    (0.0, 0.0, -0.095),  # joint_6 in Link5, axis +x
)
AXES = ("Z", "Y", "Y", "Y", "Z", "X")
LIMITS = ((-360, 360), (-180, 180), (-165, 165), (-360, 360), (-360, 360), (-360, 360))
"""Degrees."""
MASSES = (4.0, 3.7, 8.1, 2.3, 1.4, 1.4, 0.4)
FLANGE = 0.085
"""From joint_6 to the face of the flange, along x [m]."""


def robot_arm() -> str:
    """robot_arm.usda."""
    bodies = [_link1(), _link2(), _link3(), _link4(), _link5(), _link6()]
    inner = rigid(
        xform("Link6", bodies[5], xform("Flange").place((FLANGE, 0, 0))).place(ORIGINS[5]), MASSES[6]
    )
    for i in range(4, -1, -1):
        inner = rigid(xform(f"Link{i + 1}", bodies[i], inner).place(ORIGINS[i]), MASSES[i + 1])
    root = xform(ROOT, rigid(xform("Base", _base(), inner), MASSES[0]), _joints())
    root.api("PhysicsArticulationRootAPI")
    shells = [f"Base/{'/'.join(f'Link{k}' for k in range(1, i + 1))}/Body/WhitePaint" for i in range(1, 6)]
    root.variants = {
        "tool": {
            "none": choice(),
            "gripper": choice(_on_flange(*_gripper())),
            "suction": choice(_on_flange(_suction())),
        },
        "paint": colours(f"/{ROOT}", {"white": "WhitePaint", "orange": "OrangePaint", "grey": "GreyPaint"},
                         "Base/Body/WhitePaint", *shells),
    }  # fmt: skip
    root.selection = {"tool": "gripper", "paint": "white"}
    doc = """A collaborative robot arm with 0.9 m of reach and a bare flange, a parallel gripper or a suction cup.

Joints joint_1 ... joint_6 lie under Joints. At q = 0 the upper arm is upright and the forearm level, pointing along +x; axes:
+z, +y, +y, +y, +z, +x. Origin: the middle of its foot."""
    return asset(root, "Robot arm", doc, ["robot", "arm", "manipulator", "six-axis", "cobot"], "robot")


def _drum(radius: float, y0: float, y1: float) -> list[tuple[str, Shape]]:
    """A joint's housing about an axis along y: a white drum with a blue cap at its outer end."""
    body = cylinder(radius, y1 - y0, 24, 0.008).turn("x", 90).move(0, y1, 0)
    ring = cylinder(radius * 0.86, 0.014, 24, 0.005).turn("x", 90)
    return [
        ("WhitePaint", body),
        ("BluePaint", ring.move(0, y1 + 0.014, 0)),
        ("BluePaint", ring.move(0, y0, 0)),
    ]


def _add(body: Part, *pieces: tuple[str, Shape]) -> Part:
    for look, shape in pieces:
        body.add(look, shape)
    return body


def _finish(body: Part) -> Prim:
    return unbound(body.mesh("convexHull"), "WhitePaint")


def _base() -> Prim:
    body = part("Body", ROOT)
    body.add("GraphitePaint", lathe([(0, 0), (0.095, 0), (0.095, 0.02), (0.075, 0.03), (0, 0.03)], 26))
    body.add("WhitePaint", lathe([(0, 0.03), (0.074, 0.03), (0.07, 0.075), (0.07, 0.085), (0, 0.085)], 26))
    bolt = cylinder(0.007, 0.008, 6, 0)
    body.add("Steel", *(bolt.move(0.085, 0, 0.02).turn("z", 45 + 90 * i) for i in range(4)))
    body.add("BlackPlastic", cylinder(0.012, 0.03).turn("y", -90).move(-0.07, 0, 0.05))
    return _finish(body)


def _link1() -> Prim:
    """The shoulder: an upright drum, and one across that carries the upper arm."""
    body = part("Body", ROOT)
    body.add(
        "WhitePaint",
        lathe([(0, -0.075), (0.066, -0.075), (0.068, 0.05), (0.04, 0.075), (0, 0.08)], 26, 0.008),
    )
    body.add(
        "BluePaint",
        lathe([(0.055, -0.078), (0.07, -0.078), (0.07, -0.064), (0.055, -0.064), (0.055, -0.078)], 26, 0.002),
    )
    return _finish(
        _add(body, ("WhitePaint", cylinder(0.058, 0.06, 24, 0.006).turn("x", 90).move(0, 0.082, 0)))
    )


def _link2() -> Prim:
    """The upper arm, beside the shoulder."""
    body = _add(part("Body", ROOT), *_drum(0.062, -0.052, 0.05), *((look, s.move(z=0.425)) for look, s in
                                                                  _drum(0.056, -0.055, 0.045)))  # fmt: skip
    body.add("WhitePaint", cylinder(0.046, 0.365, 24, 0).move(z=0.03))
    return _finish(body)


def _link3() -> Prim:
    """The forearm."""
    body = _add(part("Body", ROOT), *_drum(0.05, -0.05, 0.062), *((look, s.move(0.392)) for look, s in
                                                                 _drum(0.042, -0.045, 0.05)))  # fmt: skip
    body.add("WhitePaint", cylinder(0.037, 0.345, 24, 0).move(z=0.025).turn("y", 90))
    return _finish(body)


def _link4() -> Prim:
    body = part("Body", ROOT)
    body.add("WhitePaint", cylinder(0.041, 0.1, 24, 0.006).turn("x", 90).move(0, 0.152, 0))
    body.add("BluePaint", cylinder(0.035, 0.012, 24, 0.004).turn("x", 90).move(0, 0.164, 0))
    body.add("WhitePaint", cylinder(0.04, 0.05, 24, 0.004).move(0, 0.11, -0.048))
    return _finish(body)


def _link5() -> Prim:
    body = part("Body", ROOT)
    body.add("WhitePaint", cylinder(0.04, 0.1, 24, 0.006).move(0, 0, -0.142))
    body.add("BluePaint", cylinder(0.035, 0.012, 24, 0.004).move(0, 0, -0.154))
    body.add("WhitePaint", cylinder(0.038, 0.045, 24, 0.004).turn("y", 90).move(0.0, 0, -0.095))
    return _finish(body)


def _link6() -> Prim:
    body = part("Body", ROOT)
    body.add("GraphitePaint", cylinder(0.037, 0.03, 24, 0.004).turn("y", 90).move(0.048))
    body.add("Steel", lathe([(0, 0), (0.0315, 0), (0.0315, 0.007), (0.02, 0.007), (0, 0.005)], 24, 0.001)
             .turn("y", 90).move(FLANGE - 0.007))  # fmt: skip
    return body.mesh("convexHull")


def _on_flange(*tool: Prim) -> Prim:
    """Overs down to the flange, with the tool below it."""
    inner = Prim("Flange", spec="over").add(*tool)
    for i in range(6, 0, -1):
        inner = Prim(f"Link{i}", spec="over").add(inner)
    return Prim("Base", spec="over").add(inner)


def _gripper() -> list[Prim]:
    """Reaches along +x; its fingers move along y, 0 to 0.04 m each way."""
    body = part("Body", ROOT)
    body.add("Steel", cylinder(0.034, 0.012, 24, 0.002).turn("y", 90))
    body.add("BlackPlastic", box(0.07, 0.06, 0.09, 0.01).turn("x", 90).move(0.047, 0.045, 0))
    body.add("GraphitePaint", box(0.03, 0.13, 0.05, 0.006).move(0.095, 0, -0.025))
    tool = xform("Gripper", body.mesh("convexHull")).kind("subcomponent")
    for side, sign in (("Left", 1), ("Right", -1)):
        finger = part("Body", ROOT)
        finger.add("Zinc", box(0.022, 0.02, 0.04, 0.003).move(0.012, 0.01 * sign, -0.02))
        finger.add("Zinc", box(0.075, 0.01, 0.026, 0.002).move(0.06, 0.005 * sign, -0.013))
        finger.add("Rubber", box(0.04, 0.003, 0.024, 0).move(0.076, -0.0005 * sign, -0.012))
        tool.add(xform(f"Finger{side}", finger.mesh("convexHull")).place((0.11, 0.02 * sign, 0)))
    return [tool.add(xform("Tcp").place((0.19, 0, 0)))]


def _suction() -> Prim:
    body = part("Body", ROOT)
    body.add("Steel", cylinder(0.034, 0.012, 24, 0.002).turn("y", 90))
    body.add("GraphitePaint", cylinder(0.02, 0.07, 16, 0.003).turn("y", 90).move(0.012))
    cup = [(0, 0), (0.014, 0), (0.014, 0.012), (0.02, 0.02), (0.014, 0.028), (0.022, 0.04), (0.03, 0.048),
           (0.027, 0.048), (0, 0.036)]  # fmt: skip
    body.add("Rubber", lathe(cup, 22, 0.001).turn("y", 90).move(0.082))
    body.add("Brass", ball(0.008, 0.008, 10, 6).move(0.05, 0.022, 0))
    tool = xform("SuctionCup", body.mesh("convexHull")).kind("subcomponent")
    return tool.add(xform("Tcp").place((0.13, 0, 0)))


def _joints() -> Prim:
    scope = Prim("Joints", "Scope")
    anchor = Prim("root_joint", "PhysicsFixedJoint")
    scope.add(anchor.set(f"rel physics:body0 = </{ROOT}>", f"rel physics:body1 = </{ROOT}/Base>"))
    parent = f"/{ROOT}/Base"
    for i, (at, axis, limits) in enumerate(zip(ORIGINS, AXES, LIMITS, strict=True), 1):
        child = f"{parent}/Link{i}"
        scope.add(joint(f"joint_{i}", "PhysicsRevoluteJoint", axis, (parent, child), at, limits))
        parent = child
    return scope
