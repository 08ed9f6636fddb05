"""The building: floor with its markings, two walls, columns, a duct, ceiling lights; and the cell's fence and cabinet."""

import numpy as np

from twinstage.assets.library.build_workcell.layout import HALL, WALL_HEIGHT
from twinstage.assets.library.build_workcell.parts import Part, dress
from twinstage.assets.library.build_workcell.shapes import (
    Shape,
    box,
    join,
    lathe,
    sheet,
    slab,
    tube,
)
from twinstage.assets.library.build_workcell.usda import layer, reference, xform

ROOT = "/Hall"
LAMPS = [(x, y) for y in (-2.4, 2.0) for x in (-4.6, -0.4, 3.8)]
LAMP_Z = 4.55


def hall() -> str:
    """hall.usda."""
    length, width = HALL
    floor = Part("Floor", ROOT).add("Concrete", box(length, width, 0.2, 0.01).move(z=-0.2))
    root = xform(
        "Hall",
        floor.mesh("boundingCube"),
        _markings().mesh(),
        _walls().mesh("boundingCube"),
        _steel().mesh(),
        *(
            reference(f"Lamp_{i}", "luminaire.usda").place((x, y, LAMP_Z), rotate_z=0)
            for i, (x, y) in enumerate(LAMPS, 1)
        ),
    )
    root.kind("component").label("building")
    root.children[0].label("floor")
    root.children[2].label("wall")
    return layer(
        dress(root),
        "The hall: 14 x 10 m of floor, two walls. Origin: the middle of the floor.",
    )


def _stripe(x0: float, y0: float, x1: float, y1: float, wide: float = 0.08, z: float = 0.0015) -> Shape:
    """A painted line along x or y."""
    if abs(x1 - x0) > abs(y1 - y0):
        return sheet(abs(x1 - x0) + wide, wide).move((x0 + x1) / 2, y0, z)
    return sheet(wide, abs(y1 - y0) - wide).move(x0, (y0 + y1) / 2, z)


def _frame(x0: float, y0: float, x1: float, y1: float, wide: float = 0.08, z: float = 0.0015) -> list[Shape]:
    """The outline of a rectangle."""
    return [
        _stripe(x0, y0, x1, y0, wide, z), _stripe(x0, y1, x1, y1, wide, z),
        _stripe(x0, y0, x0, y1, wide, z), _stripe(x1, y0, x1, y1, wide, z),
    ]  # fmt: skip


def _markings() -> Part:
    part = Part("Markings", ROOT)
    half = 0.62
    # Lane borders of the vehicles' loop, outside and inside.
    outer = [(-5.2 - half, -3.9 - half), (5.4 + half, -3.9 - half), (5.4 + half, 2.3 + half), (2.9 - half, 2.3 + half),
             (2.9 - half, -1.9 + half), (-5.2 - half, -1.9 + half)]  # fmt: skip
    inner = [(-5.2 + half, -3.9 + half), (5.4 - half, -3.9 + half), (5.4 - half, 2.3 - half), (2.9 + half, 2.3 - half),
             (2.9 + half, -1.9 - half), (-5.2 + half, -1.9 - half)]  # fmt: skip
    for ring in (outer, inner):
        for (xa, ya), (xb, yb) in zip(ring, [*ring[1:], ring[0]], strict=True):
            part.add("LinePaint", _stripe(xa, ya, xb, yb))
    for x, y, turn in ((-2.0, -3.9, 0), (2.4, -3.9, 0), (5.4, -2.2, 90), (0.2, -1.9, 180), (-3.6, -1.9, 180)):
        part.add("LinePaint", _arrow().turn("z", turn).move(x, y, 0.0015))
    part.add("LinePaint", *_frame(3.62, -1.52, 4.68, 1.42, 0.06))
    part.add("Hazard", *_frame(-2.35, -0.62, 1.6, 2.55, 0.1, 0.0012))
    return part


def _arrow() -> Shape:
    """A chevron pointing along +x."""
    shaft = sheet(0.5, 0.09).move(-0.2)
    tip = np.array([(0.0, -0.17), (0.3, 0.0), (0.0, 0.17)])
    head = Shape(np.pad(tip, ((0, 0), (0, 1))), np.tile([0.0, 0.0, 1.0], (3, 1)), tip, ((0, 1, 2),))
    return join(shaft, head)


def _walls() -> Part:
    part = Part("Walls", ROOT)
    x, y = HALL
    thick, base = 0.2, 1.0
    part.add("WallBase", box(x + thick, thick, base, 0.01).move(-thick / 2, y / 2 + thick / 2, 0))
    part.add("WallBase", box(thick, y, base, 0.01).move(-x / 2 - thick / 2, 0, 0))
    upper = WALL_HEIGHT - base
    part.add("WallPanel", box(x + thick, thick - 0.04, upper, 0.01).move(-thick / 2, y / 2 + thick / 2, base))
    part.add("WallPanel", box(thick - 0.04, y, upper, 0.01).move(-x / 2 - thick / 2, 0, base))
    part.add("GreyPaint", box(x + thick, 0.03, 0.05, 0.004).move(-thick / 2, y / 2, base - 0.02))
    part.add("GreyPaint", box(0.03, y, 0.05, 0.004).move(-x / 2, 0, base - 0.02))
    return part


def _column(x: float, y: float, turn: float) -> Shape:
    """A steel H section against a wall."""
    flange = box(0.22, 0.016, WALL_HEIGHT, 0.003)
    web = box(0.012, 0.17, WALL_HEIGHT, 0.002)
    shape = join(flange.move(y=-0.2), flange.move(y=-0.02), web.move(y=-0.11))
    return shape.turn("z", turn).move(x, y)


def _steel() -> Part:
    part = Part("Fittings", ROOT)
    x, y = HALL
    for cx in (-4.2, -0.6, 2.2, 6.86):
        part.add("GreyPaint", _column(cx, y / 2, 0))
    for cy in (-4.8, -1.6):
        part.add("GreyPaint", _column(-x / 2, cy, 90))
    # A spiral duct along the north wall, with outlets.
    rings = [(0.0, -6.6), (0.21, -6.6)]
    for i in range(1, 6):
        at = -6.6 + 13.2 * i / 6
        rings += [(0.21, at - 0.02), (0.222, at - 0.015), (0.222, at + 0.015), (0.21, at + 0.02)]
    rings += [(0.21, 6.6), (0.0, 6.6)]
    part.add("Zinc", lathe(rings, 16, 0.003).turn("y", 90).move(0, y / 2 - 0.48, 3.75))
    for dx in (-4.8, -2.0, 3.2):
        part.add("Zinc", box(0.5, 0.08, 0.16, 0.006).move(dx, y / 2 - 0.7, 3.62))
        part.add("BlackPlastic", box(0.44, 0.01, 0.1, 0.002).move(dx, y / 2 - 0.742, 3.65))
    # Conduits and a sprinkler main on the west wall.
    for z in (3.3, 3.42):
        part.add("Steel", tube([(-x / 2 + 0.06, -4.6, z), (-x / 2 + 0.06, 4.9, z)], 0.016, 8))
    part.add("RedPlastic", tube([(-x / 2 + 0.14, -4.9, 3.95), (-x / 2 + 0.14, 4.9, 3.95)], 0.05, 12))
    # Electrical cabinets at the west wall, a fire extinguisher, an exit sign.
    for k in range(2):
        part.add("GreyPaint", box(0.4, 0.78, 1.9, 0.01).move(-x / 2 + 0.24, -2.9 + 0.8 * k, 0.1))
        part.add("GraphitePaint", box(0.36, 0.74, 0.1, 0.006).move(-x / 2 + 0.24, -2.9 + 0.8 * k, 0))
        part.add("BlackPlastic", box(0.012, 0.03, 0.16, 0.003).move(-x / 2 + 0.445, -3.2 + 0.8 * k, 1.0))
        part.add(
            "YellowPaint",
            slab([(-0.07, 0), (0.07, 0), (0, 0.12)], 0.004, 0.001)
            .turn("x", 90)
            .turn("z", 90)
            .move(-x / 2 + 0.441, -2.9 + 0.8 * k, 1.5),
        )
    part.add(
        "RedPlastic",
        lathe([(0, 0), (0.075, 0), (0.075, 0.36), (0.03, 0.43), (0.03, 0.46), (0, 0.46)], 20).move(
            -x / 2 + 0.1, -1.2, 0.75
        ),
    )
    part.add("BlackPlastic", box(0.05, 0.03, 0.06, 0.006).move(-x / 2 + 0.1, -1.2, 1.2))
    part.add("LampGreen", box(0.03, 0.5, 0.2, 0.006).move(-x / 2 + 0.02, -4.0, 2.5))
    return part
