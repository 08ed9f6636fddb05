"""The tank: a glass shell between steel rings on legs, a liquid body that is scaled from its base, pipes, pump, gauge."""

from twinstage.assets.library.build_workcell.layout import TANK_BOTTOM, TANK_HEIGHT, TANK_RADIUS
from twinstage.assets.library.build_workcell.parts import Part, dress
from twinstage.assets.library.build_workcell.shapes import bend, box, cylinder, join, lathe, sheet, tube
from twinstage.assets.library.build_workcell.usda import Prim, layer, xform

ROOT = "/Tank"
DOC = """A glass-walled buffer tank. Origin: on the floor under its axis.

Liquid has its origin at the bottom of the vessel and is as high as the vessel: scale z is the level as a ratio."""
LEVEL = 0.62


def tank() -> str:
    """tank.usda."""
    vessel = _vessel()
    glass = Part("Glass", ROOT).add(
        "Glass",
        lathe([(TANK_RADIUS, TANK_BOTTOM - 0.02), (TANK_RADIUS, TANK_BOTTOM + TANK_HEIGHT + 0.02)], 32),
    )
    liquid = Part("Body", ROOT).add("Liquid", cylinder(TANK_RADIUS - 0.012, TANK_HEIGHT, 32, 0.002))
    body = xform("Liquid", liquid.mesh()).place((0, 0, TANK_BOTTOM), scale=(1, 1, LEVEL))
    root = xform("Tank", vessel.mesh("convexHull"), glass.mesh("convexHull"), body, _pipes().mesh(), _gauge())
    root.kind("component").label("tank")
    for name, unit in (("level", "%"), ("temperature", "Cel")):
        root.set(
            f'custom double twin:{name} = 0 (\n    customData = {{\n        string ucum = "{unit}"\n    }}\n)'
        )
    return layer(dress(root), DOC)


def _vessel() -> Part:
    part = Part("Vessel", ROOT)
    r, z0, z1 = TANK_RADIUS, TANK_BOTTOM, TANK_BOTTOM + TANK_HEIGHT
    bottom = [(0, z0 - 0.2), (0.06, z0 - 0.2), (0.28, z0 - 0.15), (0.45, z0 - 0.08), (r + 0.012, z0 - 0.02)]
    ring = [
        (r + 0.045, z0 - 0.02),
        (r + 0.045, z0 + 0.02),
        (r + 0.006, z0 + 0.02),
        (r - 0.01, z0),
        (0, z0 - 0.002),
    ]
    part.add("Steel", lathe(bottom + ring, 26))
    lid = [
        (0.0, z1 - 0.01),
        (r - 0.02, z1 - 0.01),
        (r + 0.045, z1 - 0.02),
        (r + 0.045, z1 + 0.025),
        (r + 0.012, z1 + 0.03),
    ]
    dome = [(0.45, z1 + 0.09), (0.3, z1 + 0.15), (0.12, z1 + 0.18), (0.0, z1 + 0.185)]
    part.add("Steel", lathe(lid + dome, 26))
    part.add(
        "Chrome",
        lathe([(0, z1 + 0.16), (0.13, z1 + 0.16), (0.13, z1 + 0.2), (0.1, z1 + 0.225), (0, z1 + 0.23)], 24),
    )
    bolts = cylinder(0.012, 0.014, 6, 0.002)
    part.add("Zinc", *(bolts.move(r + 0.026, 0, z1 + 0.024).turn("z", 22.5 + 45 * i) for i in range(8)))
    for i in range(4):
        leg = join(
            tube([(0.43, 0, 0.01), (0.43, 0, z0 - 0.03)], 0.035, 10),
            cylinder(0.07, 0.012, 10, 0.003).move(0.43),
            box(0.06, 0.1, 0.2, 0.006).move(0.45, 0, z0 - 0.2),
        )
        part.add("Steel", leg.turn("z", 45 + 90 * i))
        strut = tube([(r + 0.028, 0, z0 + 0.02), (r + 0.028, 0, z1 - 0.015)], 0.014, 8)
        part.add("Steel", strut.turn("z", 45 + 90 * i))
    return part


def _pipes() -> Part:
    """Inlet from the wall at the top, outlet over a pump and back to the wall at the floor."""
    part = Part("Pipes", ROOT)
    z1 = TANK_BOTTOM + TANK_HEIGHT
    inlet = bend([(-1.4, 0.0, z1 + 0.62), (-0.25, 0.0, z1 + 0.62), (-0.25, 0.0, z1 + 0.13)], 0.14, 4)
    part.add("Zinc", tube(inlet, 0.045, 10, caps=False))
    outlet = bend([(0, 0, TANK_BOTTOM - 0.16), (0, 0, 0.26), (0, -0.62, 0.26)], 0.12, 4)
    part.add("Zinc", tube(outlet, 0.045, 10, caps=False))
    back = bend([(0.0, -0.72, 0.4), (0.0, -0.72, 0.78), (-1.4, -0.72, 0.78)], 0.12, 4)
    part.add("Zinc", tube(back, 0.04, 10, caps=False))
    flange = cylinder(0.085, 0.02, 12, 0.004)
    part.add("BluePaint", flange.move(-0.25, 0, z1 + 0.19), flange.move(-0.25, 0, z1 + 0.168))
    part.add(
        "BluePaint",
        flange.turn("y", 90).move(-0.8, 0, z1 + 0.62),
        flange.turn("y", 90).move(-0.822, 0, z1 + 0.62),
    )
    part.add(
        "BluePaint", flange.turn("x", 90).move(0, -0.36, 0.26), flange.turn("x", 90).move(0, -0.338, 0.26)
    )
    # A hand wheel valve on the inlet.
    part.add(
        "GreenPaint",
        box(0.13, 0.12, 0.12, 0.02).move(-0.55, 0, z1 + 0.56),
        cylinder(0.015, 0.16).move(-0.55, 0, z1 + 0.66),
    )
    part.add(
        "RedPlastic",
        lathe([(0.06, 0), (0.085, 0.0), (0.085, 0.018), (0.06, 0.018), (0.06, 0)], 20).move(
            -0.55, 0, z1 + 0.8
        ),
    )
    part.add(
        "RedPlastic",
        box(0.13, 0.016, 0.012, 0.003).move(-0.55, 0, z1 + 0.803),
        box(0.016, 0.13, 0.012, 0.003).move(-0.55, 0, z1 + 0.803),
    )
    # The pump on its plinth.
    part.add("GraphitePaint", box(0.36, 0.62, 0.1, 0.01).move(0, -0.86, 0))
    part.add(
        "BluePaint",
        lathe([(0, 0), (0.13, 0), (0.15, 0.03), (0.15, 0.11), (0.13, 0.14), (0, 0.14)], 18)
        .turn("x", 90)
        .move(0, -0.62, 0.26),
    )
    part.add(
        "BluePaint",
        box(0.2, 0.1, 0.12, 0.01).move(0, -0.7, 0.08),
        cylinder(0.06, 0.1).move(0, -0.72, 0.32),
    )
    part.add(
        "GraphitePaint",
        lathe([(0, 0), (0.095, 0), (0.095, 0.28), (0.08, 0.33), (0, 0.33)], 18)
        .turn("x", 90)
        .move(0, -0.76, 0.26),
    )
    part.add("BlackPlastic", box(0.1, 0.12, 0.07, 0.008).move(0, -0.92, 0.345))
    return part


def _gauge() -> Prim:
    """A dial thermometer on the bottom ring, facing -y and a little up."""
    dial = Part("Dial", ROOT)
    dial.add(
        "Chrome",
        lathe(
            [(0, 0), (0.075, 0), (0.085, 0.01), (0.085, 0.04), (0.078, 0.042), (0.074, 0.034), (0.0, 0.034)],
            22,
            0.003,
        ),
    )
    dial.add("Gauge", sheet(0.105, 0.105).fit_uv().move(z=0.0352))
    dial.add("Chrome", cylinder(0.015, 0.1).move(z=-0.1))
    needle = Part("Needle", ROOT)
    needle.add(
        "RedPlastic",
        box(0.006, 0.05, 0.002, 0.0005).move(0, 0.018, 0.039),
        cylinder(0.007, 0.004, 0, 0.001).move(0, 0, 0.038),
    )
    prim = xform("Gauge", dial.mesh(), xform("Needle", needle.mesh()).place(rotate_z=40)).kind("subcomponent")
    return prim.place((0, -TANK_RADIUS - 0.06, TANK_BOTTOM + 0.16), rotate=(90, 0, 0))
