"""Conveyor and vehicle."""

from twinstage.assets.library.build_starter.made import asset, choice, colours, live, part
from twinstage.assets.library.build_workcell.parts import Part, joint, unbound
from twinstage.assets.library.build_workcell.shapes import (
    Shape,
    belt_outline,
    box,
    cylinder,
    lathe,
    rounded,
    slab,
)
from twinstage.assets.library.build_workcell.usda import Prim, xform

WIDTH, TOP = 0.6, 0.75
"""Of the conveyor's belt, and its height above the floor [m]."""
ROLLER, PITCH = 0.025, 0.1


def conveyor() -> str:
    """conveyor.usda."""
    root = live(xform("Conveyor"), speed="m/s", current="A", temperature="Cel")
    root.variants = {
        "model": {
            f"{bed}_{metres}m": choice(*_conveyor(bed, float(metres)))
            for bed in ("belt", "rollers")
            for metres in (1, 2, 3)
        },
        "paint": colours("/Conveyor", {"grey": "GreyPaint", "blue": "BluePaint", "green": "GreenPaint"},
                         "Frame/GreyPaint"),
    }  # fmt: skip
    root.selection = {"model": "belt_2m", "paint": "grey"}
    doc = f"""A straight conveyor, belt or rollers, one to three metres long, {WIDTH:g} m wide, its top at {TOP:g} m.

Origin: on the floor under its middle; it carries towards +x. Set pieces end to end: a length is exact."""
    return asset(root, "Conveyor", doc, ["conveyor", "belt", "rollers", "transport", "logistics"], "conveyor")


def _conveyor(bed: str, length: float) -> list[Prim]:
    frame = part("Frame", "Conveyor")
    for y in (-WIDTH / 2 - 0.03, WIDTH / 2 + 0.03):
        frame.add("GreyPaint", box(length, 0.05, 0.14, 0.006).move(0, y, TOP - 0.12))
        frame.add("Steel", box(length, 0.012, 0.03, 0).move(0, y, TOP + 0.04))
        for x in (
            (-length / 2 + 0.2, 0.0, length / 2 - 0.2)
            if length < 2.5
            else (-length / 2 + 0.2, -length / 6, length / 6, length / 2 - 0.2)
        ):
            frame.add("Steel", box(0.02, 0.02, 0.05, 0).move(x, y, TOP + 0.0))
    for x in (-length / 2 + 0.18, length / 2 - 0.18):
        for y in (-WIDTH / 2 - 0.03, WIDTH / 2 + 0.03):
            frame.add("GreyPaint", box(0.06, 0.06, TOP - 0.14, 0.005).move(x, y, 0.03))
            frame.add("BlackPlastic", cylinder(0.045, 0.03, 0, 0.003).move(x, y, 0))
        frame.add("GreyPaint", box(0.04, WIDTH + 0.06, 0.04, 0.004).move(x, 0, 0.2))
    drive = part("Drive", "Conveyor")
    motor = lathe(
        [(0, 0), (0.065, 0), (0.065, 0.2), (0.07, 0.2), (0.07, 0.25), (0.05, 0.27), (0, 0.27)], 22, 0.005
    )
    at = (length / 2 - 0.18 - 0.2, -WIDTH / 2 - 0.06, TOP - 0.2)
    drive.add("BlackPlastic", box(0.13, 0.13, 0.16, 0.01).move(at[0], at[1] - 0.05, at[2] - 0.06))
    drive.add("GreenPaint", motor.turn("x", 90).move(at[0], at[1] - 0.11, at[2] + 0.02))
    surface = _belt(length) if bed == "belt" else _rollers(length)
    return [
        unbound(frame.mesh("boundingCube"), "GreyPaint"),
        drive.mesh("convexHull"),
        surface.mesh("boundingCube"),
    ]


def _belt(length: float) -> Part:
    out = part("Belt", "Conveyor")
    r = 0.05
    loop = belt_outline(-length / 2 + r, 0, r, length / 2 - r, 0, r, 8)
    out.add("Belt", slab(loop, WIDTH, 0.002).turn("x", 90).move(0, WIDTH / 2, TOP - r))
    for x in (-length / 2 + r, length / 2 - r):
        out.add("Steel", cylinder(0.02, WIDTH + 0.04).turn("x", 90).move(x, WIDTH / 2 + 0.02, TOP - r))
    return out


def _rollers(length: float) -> Part:
    out = part("Rollers", "Conveyor")
    count = round(length / PITCH)
    roller: Shape = (
        cylinder(ROLLER, WIDTH - 0.01, 14, 0.002).turn("x", 90).move(0, WIDTH / 2 - 0.005, TOP - ROLLER)
    )
    out.add("Zinc", *(roller.move(-length / 2 + PITCH * (i + 0.5)) for i in range(count)))
    return out


LENGTH, BROAD, DECK = 0.98, 0.66, 0.30
WHEEL = 0.1


def vehicle() -> str:
    """vehicle.usda."""
    root = live(xform("Vehicle", _chassis(), _strip(), *_wheels(), _spins()), speed="m/s", battery="%")
    root.variants = {
        "top": {
            "deck": choice(_deck().mesh("boundingCube"), mass=120),
            "lift": choice(_deck().mesh("boundingCube"), _lift(), mass=150),
            "shelf": choice(_deck().mesh("boundingCube"), _shelf().mesh("boundingCube"), mass=145),
            "rollers": choice(_deck().mesh("boundingCube"), _top_rollers().mesh("boundingCube"), mass=160),
        },
        "paint": colours("/Vehicle", {"white": "WhitePaint", "orange": "OrangePaint", "blue": "BluePaint"},
                         "Chassis/WhitePaint"),
    }  # fmt: skip
    root.selection = {"top": "deck", "paint": "white"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI").set("bool physics:kinematicEnabled = 1")
    doc = f"""A mobile robot, {LENGTH:g} x {BROAD:g} m, with a bare deck, a lifting plate, a shelf or driven rollers.

Origin: on the floor under its middle, heading +x. WheelLeft and WheelRight turn about y by the joints SpinLeft and SpinRight;
Lift/Plate rises along z."""
    return asset(root, "Mobile robot", doc, ["vehicle", "AMR", "AGV", "transport", "mobile robot"], "vehicle")


def _chassis() -> Prim:
    body = part("Chassis", "Vehicle")
    body.add("BlackPlastic", slab(rounded(LENGTH, BROAD, 0.14), 0.07, 0.012).move(z=0.04))
    body.add("WhitePaint", slab(rounded(LENGTH - 0.02, BROAD - 0.02, 0.13), 0.13, 0.02).move(z=0.13))
    for x in (-LENGTH / 2 + 0.03, LENGTH / 2 - 0.03):
        body.add("BlackPlastic", box(0.09, 0.34, 0.05, 0.012).move(x * 0.97, 0, 0.17))
    body.add("BlackPlastic", cylinder(0.04, 0.035).move(LENGTH / 2 - 0.12, 0, 0.25))
    for y in (-BROAD / 2 + 0.09, BROAD / 2 - 0.09):
        body.add("YellowPaint", cylinder(0.026, 0.01, 0, 0).move(-LENGTH / 2 + 0.12, y, 0.258))
        body.add("RedPlastic", cylinder(0.018, 0.02, 0, 0.005).move(-LENGTH / 2 + 0.12, y, 0.268))
    caster = cylinder(0.035, 0.03, 12, 0.004).turn("x", 90)
    body.add("Rubber", *(caster.move(sx * 0.36, sy * 0.2 + 0.015, 0.035) for sx in (-1, 1) for sy in (-1, 1)))
    mesh = body.mesh("convexHull")
    return unbound(mesh, "WhitePaint")


def _strip() -> Prim:
    """The status strip, a mesh of its own, so that a style binding may colour it."""
    ring = slab(rounded(LENGTH - 0.008, BROAD - 0.008, 0.135), 0.02, 0).move(z=0.11)
    return (
        part("StatusStrip", "Vehicle")
        .add("ToteBlue", ring)
        .mesh(solid_by="the chassis, which has one, is around it")
    )


def _wheels() -> list[Prim]:
    """Left and right drive wheel, each in a frame at its axle."""
    out = []
    for name, y in (("WheelLeft", BROAD / 2 - 0.06), ("WheelRight", -BROAD / 2 + 0.06)):
        tyre = part("Tyre", "Vehicle")
        tyre.add("Rubber", lathe([(0, 0), (WHEEL - 0.02, 0), (WHEEL, 0.01), (WHEEL, 0.045), (WHEEL - 0.02, 0.055),
                                  (0, 0.055)], 24).turn("x", 90).move(0, 0.0275))  # fmt: skip
        tyre.add("Steel", cylinder(0.05, 0.062, 16).turn("x", 90).move(0, 0.031))
        out.append(xform(name, tyre.mesh("convexHull")).place((0, y, WHEEL)))
    return out


def _spins() -> Prim:
    places = (("Left", BROAD / 2 - 0.06), ("Right", -BROAD / 2 + 0.06))
    return Prim("Joints", "Scope").add(
        *(
            joint(
                f"Spin{side}",
                "PhysicsRevoluteJoint",
                "Y",
                ("/Vehicle", f"/Vehicle/Wheel{side}"),
                (0, y, WHEEL),
            )
            for side, y in places
        )
    )


def _deck() -> Part:
    out = part("Deck", "Vehicle").add(
        "GraphitePaint", slab(rounded(0.72, 0.5, 0.05), DECK - 0.26, 0.006).move(z=0.26)
    )
    return out.add("Rubber", *(box(0.6, 0.05, 0.008, 0).move(0, y, DECK) for y in (-0.17, 0.0, 0.17)))


def _lift() -> Prim:
    plate = part("Body", "Vehicle").add("Steel", slab(rounded(0.6, 0.44, 0.04), 0.02, 0.004))
    plate.add("Rubber", *(box(0.5, 0.06, 0.008, 0).move(0, y, 0.02) for y in (-0.13, 0.13)))
    post = part("Posts", "Vehicle").add(
        "Chrome", *(cylinder(0.03, 0.05).move(x, 0, DECK + 0.006) for x in (-0.2, 0.2))
    )
    return xform(
        "Lift",
        post.mesh("convexDecomposition"),
        xform("Plate", plate.mesh("boundingCube")).place((0, 0, DECK + 0.05)),
    )


def _shelf() -> Part:
    out = part("Shelf", "Vehicle")
    for x in (-0.33, 0.33):
        for y in (-0.22, 0.22):
            out.add("GraphitePaint", box(0.03, 0.03, 0.9, 0.003).move(x, y, DECK))
    return out.add("Zinc", *(box(0.7, 0.48, 0.02, 0.003).move(0, 0, DECK + z) for z in (0.25, 0.56, 0.88)))


def _top_rollers() -> Part:
    out = part("TopRollers", "Vehicle")
    for x in (-0.34, 0.34):
        out.add("GraphitePaint", box(0.03, 0.5, 0.1, 0.004).move(x, 0, DECK))
    roller = cylinder(0.02, 0.64, 12, 0).turn("y", 90).move(-0.32, 0, DECK + 0.085)
    return out.add("Zinc", *(roller.move(0, -0.21 + 0.06 * i) for i in range(8)))
