"""The six-axis robot: nested links with their pivots at the joints, a parallel gripper, joints with limits."""

from twinstage.assets.library.build_workcell.layout import (
    JAW_CLOSED,
    JAW_OPEN,
    JOINT_AXES,
    JOINT_LIMITS,
    JOINT_ORIGINS,
    PEDESTAL,
    TCP,
)
from twinstage.assets.library.build_workcell.parts import Part, dress, joint, rigid
from twinstage.assets.library.build_workcell.shapes import (
    Shape,
    belt_outline,
    bend,
    box,
    cylinder,
    join,
    lathe,
    rounded,
    slab,
    tube,
)
from twinstage.assets.library.build_workcell.usda import Prim, layer, xform

ROOT = "/Robot"
MASSES = (180.0, 95.0, 48.0, 38.0, 22.0, 6.0, 4.0)
TOOL = f"{ROOT}/Base/Link1/Link2/Link3/Link4/Link5/Link6/Gripper"

DOC = """A six-axis arm with a parallel gripper, about 1.7 m of reach.

Joints joint_1 ... joint_6 (PhysicsRevoluteJoint) and finger_left, finger_right (PhysicsPrismaticJoint) lie under Joints.
At q = 0 the upper arm is upright and the forearm level, pointing along +x; positive angles turn counter-clockwise
about the joint axis: +z, +y, +y, +x, +y, +x."""


def part(name: str) -> Part:
    return Part(name, ROOT)


def _across(shape: Shape, y0: float) -> Shape:
    """A shape built along z, laid along +y from y0; its x stays, its y becomes z."""
    return shape.turn("x", 90).turn("z", 180).turn("y", 180).move(y=y0)


def plate(outline: list[tuple[float, float]], y0: float, y1: float, bevel: float = 0.012) -> Shape:
    """A slab with its outline in xz, from y0 to y1."""
    return slab(outline, y1 - y0, bevel).turn("x", 90).move(y=y1)


def disc(radius: float, y0: float, y1: float, x: float = 0.0, z: float = 0.0, n: int = 0) -> Shape:
    """A bevelled disc about an axis along y."""
    return cylinder(radius, y1 - y0, n, 0.008).turn("x", 90).move(x, y1, z)


def along_x(profile: list[tuple[float, float]], n: int = 18) -> Shape:
    """A body of revolution about +x; the profile's second figure is x."""
    return lathe(profile, n, 0.006).turn("y", 90)


def _bolts(radius: float, z: float, count: int, size: float = 0.012) -> Shape:
    bolt = lathe([(size, 0), (size, 0.012), (0, 0.012)], 6, 0.002)
    return join(*(bolt.move(radius, 0, z).turn("z", 360 * (i + 0.5) / count) for i in range(count)))


def base() -> Prim:
    """Pedestal and foot."""
    body = part("Body")
    body.add(
        "GraphitePaint",
        slab(rounded(0.62, 0.62, 0.03), 0.025, 0.006),
        lathe(
            [
                (0.205, 0.025),
                (0.19, 0.05),
                (0.19, PEDESTAL - 0.05),
                (0.235, PEDESTAL - 0.025),
                (0.235, PEDESTAL),
            ],
            24,
        ),
        *(
            slab([(0.17, 0.0), (0.29, 0.0), (0.19, 0.16)], 0.016, 0.003)
            .turn("x", 90)
            .move(y=0.008, z=0.025)
            .turn("z", a)
            for a in (45, 135, 225, 315)
        ),
    )
    foot = [(0, 0.0), (0.245, 0.0), (0.245, 0.04), (0.225, 0.06), (0.205, 0.15), (0.205, 0.2), (0, 0.2)]
    body.add("OrangePaint", lathe(foot, 26, 0.006).move(z=PEDESTAL))
    body.add("OrangePaint", box(0.16, 0.2, 0.13, 0.012).move(-0.25, 0, PEDESTAL + 0.02))
    body.add(
        "BlackPlastic",
        *(cylinder(0.022, 0.03).turn("y", -90).move(-0.33, y, PEDESTAL + 0.09) for y in (-0.05, 0.05)),
    )
    body.add("Steel", _bolts(0.226, PEDESTAL + 0.036, 8), _bolts(0.37, 0.022, 4, 0.016))
    plug = PEDESTAL + 0.09
    cable = bend([(-0.36, 0.05, plug), (-0.44, 0.05, plug), (-0.44, 0.05, 0.0)], 0.07)
    body.add("Rubber", tube(cable, 0.016, 8))
    return body.mesh("convexHull")


def link1() -> Prim:
    """The turntable and the two cheeks that carry the shoulder."""
    body = part("Body")
    body.add(
        "OrangePaint",
        lathe([(0, 0.004), (0.2, 0.004), (0.215, 0.02), (0.215, 0.085), (0.17, 0.13), (0, 0.13)], 26, 0.008),
        box(0.3, 0.4, 0.1, 0.02).move(0.06, 0, 0.08),
    )
    cheek = belt_outline(0.05, 0.1, 0.14, 0.16, 0.32, 0.135)
    body.add("OrangePaint", plate(cheek, 0.125, 0.2), plate(cheek, -0.2, -0.125))
    body.add("GraphitePaint", disc(0.1, 0.2, 0.222, 0.16, 0.32), disc(0.105, -0.3, -0.2, 0.16, 0.32))
    body.add(
        "BlackPlastic",
        disc(0.075, -0.37, -0.3, 0.16, 0.32),
        box(0.08, 0.07, 0.06, 0.006).move(0.16, -0.33, 0.39),
    )
    body.add("GraphitePaint", box(0.17, 0.16, 0.2, 0.014).move(-0.13, 0, 0.12))
    body.add("Steel", _bolts(0.08, 0.0, 8, 0.008).turn("x", -90).move(0.16, 0.216, 0.32))
    return body.mesh("convexHull")


def link2() -> Prim:
    """The upper arm."""
    body = part("Body")
    body.add("OrangePaint", plate(belt_outline(0, 0, 0.13, 0, 0.75, 0.088, 10), -0.1, 0.1, 0.022))
    body.add("GraphitePaint", disc(0.11, -0.118, -0.1), disc(0.11, 0.1, 0.118))
    body.add("GraphitePaint", plate(belt_outline(0, 0.16, 0.062, 0, 0.58, 0.046, 6), 0.099, 0.104, 0.002))
    body.add("GraphitePaint", plate(belt_outline(0, 0.16, 0.062, 0, 0.58, 0.046, 6), -0.104, -0.099, 0.002))
    hose = bend([(-0.12, 0.04, 0.02), (-0.17, 0.04, 0.12), (-0.15, 0.04, 0.45), (-0.1, 0.04, 0.62)], 0.08)
    body.add("Rubber", tube(hose, 0.022, 10))
    body.add(
        "BlackPlastic",
        *(box(0.05, 0.07, 0.03, 0.005).move(x, 0.04, z) for x, z in ((-0.135, 0.16), (-0.12, 0.42))),
    )
    return body.mesh("convexHull")


def link3() -> Prim:
    """The elbow: two cheeks beside the upper arm, and the housing of the forearm's drives."""
    body = part("Body")
    cheek = belt_outline(0, 0, 0.1, 0.02, 0.16, 0.1)
    body.add("OrangePaint", plate(cheek, 0.11, 0.165), plate(cheek, -0.165, -0.11))
    body.add("OrangePaint", box(0.25, 0.33, 0.16, 0.03).move(0.02, 0, 0.105))
    body.add(
        "OrangePaint", along_x([(0, 0.1), (0.1, 0.1), (0.1, 0.2), (0.09, 0.27), (0, 0.27)], 20).move(z=0.18)
    )
    body.add(
        "GraphitePaint", disc(0.075, 0.165, 0.185), disc(0.08, -0.235, -0.165), disc(0.055, -0.285, -0.235)
    )
    body.add(
        "BlackPlastic",
        *(along_x([(0, -0.2), (0.036, -0.2), (0.04, -0.19), (0.04, -0.1), (0, -0.1)], 16).move(y=y, z=z)
          for y, z in ((0.0, 0.22), (0.075, 0.15), (-0.075, 0.15))),
    )  # fmt: skip
    hose = bend([(-0.1, 0.1, 0.26), (-0.02, 0.1, 0.34), (0.2, 0.06, 0.33), (0.27, 0.03, 0.285)], 0.06)
    body.add("Rubber", tube(hose, 0.02, 10))
    return body.mesh("convexHull")


def link4() -> Prim:
    """The forearm tube and the fork of the wrist."""
    body = part("Body")
    profile = [
        (0, 0.004),
        (0.092, 0.004),
        (0.092, 0.03),
        (0.075, 0.05),
        (0.07, 0.3),
        (0.082, 0.345),
        (0, 0.345),
    ]
    body.add("OrangePaint", along_x(profile, 20))
    fork = belt_outline(0.32, 0, 0.07, 0.47, 0, 0.062)
    body.add("OrangePaint", plate(fork, 0.056, 0.088, 0.008), plate(fork, -0.088, -0.056, 0.008))
    body.add("GraphitePaint", disc(0.045, 0.088, 0.1, 0.47), disc(0.045, -0.1, -0.088, 0.47))
    body.add("GraphitePaint", along_x([(0, 0.1), (0.079, 0.1), (0.079, 0.13), (0, 0.13)], 20))
    hose = bend([(0.02, 0.0, 0.105), (0.12, 0.0, 0.115), (0.28, 0.02, 0.1), (0.38, 0.0, 0.09)], 0.05)
    body.add("Rubber", tube(hose, 0.017, 10))
    return body.mesh("convexHull")


def link5() -> Prim:
    """The wrist."""
    body = part("Body")
    body.add("OrangePaint", disc(0.056, -0.053, 0.053))
    body.add("OrangePaint", along_x([(0, 0.02), (0.05, 0.02), (0.05, 0.085), (0.042, 0.104), (0, 0.104)]))
    return body.mesh("convexHull")


def link6() -> Prim:
    """The mounting flange."""
    body = part("Body")
    body.add("Steel", along_x([(0, 0.0), (0.04, 0.0), (0.04, 0.02), (0, 0.02)]))
    return body.mesh("convexHull")


def gripper() -> Prim:
    """A parallel gripper: it reaches along +x, its fingers move along y, their zero is the closed state."""
    body = part("Body")
    body.add("Steel", along_x([(0, 0.02), (0.05, 0.02), (0.05, 0.032), (0, 0.032)]))
    body.add("GraphitePaint", box(0.055, 0.16, 0.12, 0.008).turn("y", 0).move(0.06, 0, -0.06))
    body.add("BlackPlastic", box(0.03, 0.4, 0.09, 0.005).move(0.1, 0, -0.045))
    body.add(
        "Steel",
        box(0.012, 0.41, 0.02, 0.002).move(0.12, 0, 0.015),
        box(0.012, 0.41, 0.02, 0.002).move(0.12, 0, -0.035),
    )
    body.add(
        "Rubber",
        tube(
            bend([(0.06, 0.05, 0.06), (0.05, 0.05, 0.1), (-0.02, 0.03, 0.1), (-0.06, 0.01, 0.085)], 0.04),
            0.012,
            8,
        ),
    )
    tool = xform("Gripper", body.mesh("convexHull")).kind("subcomponent")
    rigid(tool, 5.5)
    for side, sign in (("Left", 1), ("Right", -1)):
        finger = part("Body")
        finger.add("GraphitePaint", box(0.035, 0.06, 0.1, 0.005).move(0.1445, 0.032 * sign, -0.05))
        finger.add("Zinc", box(0.13, 0.012, 0.16, 0.003).move(0.2, 0.009 * sign, -0.08))
        finger.add("Rubber", box(0.06, 0.004, 0.14, 0.001).move(0.225, 0.002 * sign, -0.07))
        prim = xform(f"Finger{side}", finger.mesh("convexHull")).place((0, JAW_CLOSED / 2 * sign, 0))
        tool.add(rigid(prim, 0.6))
    tcp = xform("Tcp").place(TCP, orient=(0.70710678, 0, 0.70710678, 0))
    tcp.comment = "The tool frame: between the finger tips, z along the approach."
    return tool.add(tcp)


def robot() -> str:
    """robot.usda."""
    bodies = [link1(), link2(), link3(), link4(), link5(), link6()]
    inner = xform("Link6", bodies[5], gripper()).place(JOINT_ORIGINS[5])
    rigid(inner, MASSES[6])
    for i in range(4, -1, -1):
        inner = rigid(xform(f"Link{i + 1}", bodies[i], inner).place(JOINT_ORIGINS[i]), MASSES[i + 1])
    root = xform("Robot", rigid(xform("Base", base(), inner), MASSES[0]), joints())
    root.kind("component").label("robot").api("PhysicsArticulationRootAPI")
    return layer(dress(root), DOC)


def joints() -> Prim:
    """One joint a link; frames at the link's origin."""
    scope = Prim("Joints", "Scope")
    anchor = Prim("root_joint", "PhysicsFixedJoint").set(f"rel physics:body0 = <{ROOT}>")
    anchor.set(f"rel physics:body1 = <{ROOT}/Base>")
    scope.add(anchor)
    parent = f"{ROOT}/Base"
    for i, (origin, axis, (low, high)) in enumerate(
        zip(JOINT_ORIGINS, JOINT_AXES, JOINT_LIMITS, strict=True), 1
    ):
        child = f"{parent}/Link{i}"
        scope.add(joint(f"joint_{i}", "PhysicsRevoluteJoint", axis, (parent, child), origin, (low, high)))
        parent = child
    travel = (JAW_OPEN - JAW_CLOSED) / 2
    for side, sign in (("left", 1), ("right", -1)):
        child = f"{TOOL}/Finger{side.title()}"
        first, last = sorted((0.0, travel * sign))
        scope.add(
            joint(
                f"finger_{side}",
                "PhysicsPrismaticJoint",
                "Y",
                (TOOL, child),
                (0, JAW_CLOSED / 2 * sign, 0),
                (first, last),
            )
        )
    fixed = Prim("tool_mount", "PhysicsFixedJoint").set(
        f"rel physics:body0 = <{parent}>", f"rel physics:body1 = <{TOOL}>"
    )
    return scope.add(fixed)
