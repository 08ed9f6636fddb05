"""The belt conveyor: frame, belt, rollers, guides, motor, infeed hood, lift tower, stack light, and the parcels on it."""

import math

from twinstage.assets.library.build_workcell.layout import BELT_TOP, PARCEL_PITCH, PARCELS
from twinstage.assets.library.build_workcell.parts import Part, dress
from twinstage.assets.library.build_workcell.shapes import Shape, bend, box, cylinder, lathe, tube
from twinstage.assets.library.build_workcell.usda import Prim, layer, numbers, reference, tuples, xform

ROOT = "/Conveyor"
DOC = """A belt conveyor along +x. Origin: on the floor under the start of the belt coordinate.

Parcels ride from the infeed hood (0 m) into the lift tower."""
LENGTH = PARCELS * PARCEL_PITCH
WIDTH = 0.56
X0, X1 = -0.35, LENGTH + 0.28
STANDS = [X0 + 0.25 + i * (X1 - X0 - 0.5) / 6 for i in range(7)]

PARCEL_MIX = (
    ("MediumWhite", "medium", "paper", "white"),
    ("SmallYellow", "small", "clear", "yellow"),
    ("LargeWhite", "large", "paper", "white"),
    ("FlatGreen", "flat", "red", "green"),
)


def conveyor() -> str:
    """conveyor.usda."""
    root = xform(
        "Conveyor",
        _frame().mesh("boundingCube"),
        _belt().mesh("boundingCube"),
        _guides().mesh(),
        _hood().mesh(),
        _tower().mesh(),
        xform(
            "Stands",
            *(
                reference(f"Stand_{i}", "conveyor_stand.usda").place((x, 0, 0))
                for i, x in enumerate(STANDS, 1)
            ),
        ),
        motor(),
        beacon(),
    )
    root.kind("component").label("conveyor")
    root.set('custom double twin:speed = 0 (\n    customData = {\n        string ucum = "m/s"\n    }\n)')
    return layer(dress(root), DOC)


def _frame() -> Part:
    part = Part("Frame", ROOT)
    side = WIDTH / 2 + 0.045
    for y in (-side, side):
        part.add("BluePaint", box(X1 - X0, 0.03, 0.16, 0.006).move((X0 + X1) / 2, y, BELT_TOP - 0.135))
        part.add("Zinc", box(X1 - X0, 0.008, 0.03, 0.002).move((X0 + X1) / 2, y * 1.052, BELT_TOP - 0.07))
    for a, b in zip(STANDS[1::2], STANDS[2::2], strict=False):
        part.add("GraphitePaint", box(b - a, 0.03, 0.03, 0).move((a + b) / 2, side - 0.005, 0.3))
    rollers = [X0 + 0.06 + 1.2 * i for i in range(int((X1 - X0) / 1.2) + 1)]
    for x in rollers:  # the return rollers under the belt
        part.add(
            "Zinc",
            cylinder(0.025, WIDTH + 0.05, 8, 0.003)
            .turn("x", 90)
            .move(x, (WIDTH + 0.05) / 2, BELT_TOP - 0.15),
        )
    return part


def stand() -> str:
    """conveyor_stand.usda: a pair of legs with its cross bar."""
    part = Part("Legs", "/Stand")
    side = WIDTH / 2 + 0.045
    for y in (-side, side):
        part.add("GraphitePaint", box(0.06, 0.05, BELT_TOP - 0.16, 0.005).move(0, y, 0.02))
        part.add("Zinc", box(0.12, 0.11, 0.012, 0).move(0, y, 0), cylinder(0.016, 0.02).move(0, y, 0.008))
    part.add("GraphitePaint", box(0.04, 2 * side - 0.05, 0.04, 0.004).move(0, 0, 0.2))
    root = dress(xform("Stand", part.mesh("boundingCube")))
    return layer(root, "A stand of the belt conveyor. Origin: on the floor under the belt's middle.")


def _belt() -> Part:
    part = Part("Belt", ROOT)
    r = 0.05
    length = X1 - X0 - 0.1
    middle = (X0 + X1) / 2
    part.add("Belt", box(length, WIDTH, 0.008, 0.003).move(middle, 0, BELT_TOP - 0.008))
    part.add("Belt", box(length, WIDTH, 0.006, 0.002).move(middle, 0, BELT_TOP - 2 * r - 0.006))
    for x in (middle - length / 2, middle + length / 2):
        part.add("Belt", cylinder(r, WIDTH, 24, 0.003).turn("x", 90).move(x, WIDTH / 2, BELT_TOP - r))
    part.add("Steel", box(length - 0.1, WIDTH - 0.02, 0.02, 0.003).move(middle, 0, BELT_TOP - 0.032))
    return part


def _guides() -> Part:
    part = Part("Guides", ROOT)
    side = WIDTH / 2 + 0.012
    for y in (-side, side):
        part.add("Chrome", tube([(0.4, y, BELT_TOP + 0.09), (LENGTH - 0.45, y, BELT_TOP + 0.09)], 0.011, 10))
        for i in range(6):
            x = 0.55 + i * (LENGTH - 1.15) / 5
            out = y * 1.13
            part.add("GraphitePaint", box(0.03, 0.012, 0.19, 0.003).move(x, out, BELT_TOP - 0.09))
            part.add(
                "GraphitePaint", box(0.02, abs(out - y), 0.02, 0.002).move(x, (out + y) / 2, BELT_TOP + 0.08)
            )
    for x in (1.9, 4.9):  # photo eyes with their reflectors
        part.add("BlackPlastic", box(0.03, 0.035, 0.06, 0.004).move(x, -WIDTH / 2 - 0.085, BELT_TOP + 0.05))
        part.add("GraphitePaint", box(0.02, 0.01, 0.16, 0.002).move(x, -WIDTH / 2 - 0.07, BELT_TOP - 0.06))
        part.add("YellowPaint", box(0.03, 0.015, 0.05, 0.003).move(x, WIDTH / 2 + 0.08, BELT_TOP + 0.055))
        part.add("GraphitePaint", box(0.02, 0.01, 0.16, 0.002).move(x, WIDTH / 2 + 0.07, BELT_TOP - 0.06))
    return part


def _hood() -> Part:
    """The infeed from the wall: a box open at both ends, with short curtain strips."""
    part = Part("Hood", ROOT)
    x0, x1, top = -0.5, 0.42, BELT_TOP + 0.52
    wide = WIDTH + 0.24
    low = BELT_TOP - 0.2
    for y in (-wide / 2, wide / 2):
        part.add("GreyPaint", box(x1 - x0, 0.02, top - low, 0.004).move((x0 + x1) / 2, y, low))
    part.add("GreyPaint", box(x1 - x0, wide + 0.02, 0.02, 0.004).move((x0 + x1) / 2, 0, top))
    part.add("Hazard", *(box(0.03, 0.05, top - low, 0.003).move(x1, y, low) for y in (-wide / 2, wide / 2)))
    part.add("Hazard", box(0.03, wide + 0.05, 0.05, 0.003).move(x1, 0, top - 0.02))
    part.add("Rubber", *_strips(x1 - 0.04, top, WIDTH))
    return part


def _strips(x: float, top: float, wide: float) -> list[Shape]:
    n = 8
    return [
        box(0.006, wide / n - 0.006, 0.2, 0.001).move(x, wide * ((i + 0.5) / n - 0.5), top - 0.2)
        for i in range(n)
    ]


def _tower() -> Part:
    """The lift that takes the parcels away: a cabinet with one mouth, on the belt's side."""
    part = Part("Lift", ROOT)
    x0, x1, wide, high = LENGTH - 0.4, LENGTH + 0.5, 0.96, 2.5
    mouth_w, mouth_low, mouth_high = WIDTH + 0.16, BELT_TOP - 0.2, BELT_TOP + 0.5
    for y in (-1, 1):
        part.add("WhitePaint", box(x1 - x0, 0.03, high, 0.006).move((x0 + x1) / 2, y * (wide / 2 - 0.015), 0))
        jamb = (wide - mouth_w) / 2
        part.add(
            "WhitePaint",
            box(0.03, jamb - 0.03, high, 0.005).move(x0 + 0.015, y * (mouth_w / 2 + jamb / 2 - 0.015), 0),
        )
    part.add("WhitePaint", box(0.03, wide - 0.06, high, 0.005).move(x1 - 0.015, 0, 0))
    part.add("WhitePaint", box(0.03, mouth_w, high - mouth_high, 0.005).move(x0 + 0.015, 0, mouth_high))
    part.add("WhitePaint", box(0.03, mouth_w, mouth_low, 0.005).move(x0 + 0.015, 0, 0))
    part.add("GraphitePaint", box(x1 - x0 + 0.04, wide + 0.04, 0.04, 0.008).move((x0 + x1) / 2, 0, high))
    part.add("GraphitePaint", box(x1 - x0 + 0.02, wide + 0.02, 0.1, 0.004).move((x0 + x1) / 2, 0, 0))
    part.add(
        "Hazard",
        *(
            box(0.02, 0.05, mouth_high - mouth_low, 0.003).move(
                x0 - 0.008, y * (mouth_w / 2 + 0.025), mouth_low
            )
            for y in (-1, 1)
        ),
    )
    part.add("Hazard", box(0.02, mouth_w + 0.1, 0.05, 0.003).move(x0 - 0.008, 0, mouth_high))
    part.add("Rubber", *_strips(x0 + 0.04, mouth_high, WIDTH))
    # A service door on the aisle side, with a grille and a handle.
    part.add("GreyPaint", box(0.6, 0.012, 1.5, 0.005).move((x0 + x1) / 2, -wide / 2 - 0.005, 0.5))
    part.add(
        "GraphitePaint",
        *(
            box(0.4, 0.014, 0.012, 0.002).move((x0 + x1) / 2, -wide / 2 - 0.008, 1.6 + 0.05 * i)
            for i in range(5)
        ),
    )
    part.add("Chrome", box(0.02, 0.03, 0.16, 0.004).move((x0 + x1) / 2 + 0.25, -wide / 2 - 0.018, 1.15))
    return part


def motor() -> Prim:
    """The drive, on the aisle side under the belt: gearbox, finned housing, fan cover, terminal box."""
    shell = Part("Housing", f"{ROOT}")
    shell.add("GreenPaint", cylinder(0.068, 0.215))
    rib = box(0.014, 0.006, 0.19, 0).move(0.072, 0, 0.012)
    shell.add("GreenPaint", *(rib.turn("z", 15 + 30 * i) for i in range(12) if i not in (2, 3)))
    fan = [(0, 0.21), (0.08, 0.21), (0.08, 0.26), (0.06, 0.285), (0, 0.285)]
    shell.add("BlackPlastic", lathe(fan, 22, 0.005))
    shell.add("GreenPaint", box(0.11, 0.16, 0.14, 0.012).turn("x", 90).move(0, 0, -0.06).move(y=0.08))
    shell.add("GraphitePaint", box(0.075, 0.05, 0.09, 0.006).turn("y", 0).move(0, 0.085, 0.05))
    shell.add("Steel", cylinder(0.02, 0.08).move(z=-0.2))
    cable = bend([(0.0, 0.11, 0.1), (0.0, 0.16, 0.1), (0.0, 0.16, -0.1), (0.1, 0.16, -0.12)], 0.04)
    shell.add("Rubber", tube(cable, 0.009, 8))
    prim = xform("Motor", shell.mesh("convexHull")).kind("subcomponent")
    prim.place((LENGTH - 0.75, -WIDTH / 2 - 0.2, BELT_TOP - 0.14), rotate=(90, 0, 0))
    prim.comment = "z of this frame points out of the conveyor, to the aisle."
    for name, unit in (("temperature", "Cel"), ("current", "A")):
        prim.set(
            f'custom double twin:{name} = 0 (\n    customData = {{\n        string ucum = "{unit}"\n    }}\n)'
        )
    return prim


def beacon() -> Prim:
    """A stack light: the red lamp `Alarm` is shown while there is a fault."""
    post = Part("Post", ROOT)
    post.add("Chrome", cylinder(0.012, 0.75))
    post.add("BlackPlastic", cylinder(0.032, 0.05).move(z=0.72))
    post.add("LampGreen", cylinder(0.03, 0.06).move(z=0.77))
    post.add("LampAmber", cylinder(0.03, 0.06).move(z=0.832))
    post.add("LampDark", cylinder(0.03, 0.06).move(z=0.894))
    post.add(
        "BlackPlastic",
        lathe([(0, 0), (0.032, 0), (0.032, 0.012), (0.02, 0.022), (0, 0.024)], 20).move(z=0.954),
    )
    lamp = Part("Alarm", ROOT).add(
        "LampRed", lathe([(0, 0), (0.033, 0), (0.034, 0.03), (0.033, 0.058), (0, 0.058)], 24).move(z=0.895)
    )
    prim = xform("Beacon", post.mesh(), lamp.mesh()).kind("subcomponent")
    return prim.place((LENGTH - 0.6, -WIDTH / 2 - 0.09, BELT_TOP - 0.1))


def parcels() -> str:
    """parcels.usda: equally spaced on the belt."""
    prim = Prim("Parcels", "PointInstancer").kind("group").label("parcel")
    prototypes = xform("Prototypes")
    for name, size, tape, sticker in PARCEL_MIX:
        proto = reference(name, "parcel.usda")
        proto.selection = {"size": size, "tape": tape, "sticker": sticker}
        prototypes.add(proto.set("bool physics:rigidBodyEnabled = 0"))
    order = [i * 5 % 7 % len(PARCEL_MIX) for i in range(PARCELS)]
    positions = [(PARCEL_PITCH * i, 0.045 * ((i * 7) % 5 - 2) / 2, 0.0) for i in range(PARCELS)]
    turns = [((i * 11) % 9 - 4) * 2.2 for i in range(PARCELS)]
    quats = [(math.cos(math.radians(t) / 2), 0, 0, math.sin(math.radians(t) / 2)) for t in turns]
    prim.set(
        f"int64[] ids = {numbers(range(PARCELS), 0)}",
        f"quatf[] orientationsf = {tuples(quats, 6)}",
        f"point3f[] positions = {tuples(positions)}",
        f"int[] protoIndices = {numbers(order, 0)}",
        "rel prototypes = [" + ", ".join(f"</Parcels/Prototypes/{name}>" for name, *_ in PARCEL_MIX) + "]",
    )
    doc = "Parcels on the belt: x is the belt coordinate, z = 0 the top of the belt. Point ids are the tracking numbers."
    return layer(prim.add(prototypes), doc)
