"""The automated guided vehicle: chassis, shell, wheels, scanners, light strip, load deck."""

from twinstage.assets.library.build_workcell.layout import AGV_SIZE
from twinstage.assets.library.build_workcell.parts import Part, dress, rigid
from twinstage.assets.library.build_workcell.shapes import box, cylinder, lathe, rounded, slab
from twinstage.assets.library.build_workcell.usda import Prim, layer, reference, xform

ROOT = "/Agv"
DOC = "An automated guided vehicle for pallets, 1.24 x 0.80 m, origin on the floor under its middle, heading +x."


def vehicle() -> str:
    """agv.usda."""
    length, width, _ = AGV_SIZE
    chassis = Part("Chassis", ROOT)
    chassis.add("GraphitePaint", slab(rounded(length - 0.04, width - 0.04, 0.1), 0.13, 0.008).move(z=0.045))
    chassis.add("WhitePaint", slab(rounded(length - 0.1, width - 0.05, 0.1), 0.1, 0.014).move(z=0.2))
    chassis.add("BluePaint", slab(rounded(length - 0.05, width - 0.05, 0.1), 0.025, 0.004).move(z=0.175))
    chassis.add("BlackPlastic", slab(rounded(length, width, 0.12), 0.05, 0.01).move(z=0.07))
    for x in (-length / 2 + 0.115, length / 2 - 0.115):  # the scanners' corners
        chassis.add("BlackPlastic", box(0.1, 0.3, 0.05, 0.01).move(x, 0, 0.205))
    for y in (-width / 2 + 0.02, width / 2 - 0.02):
        chassis.add("BlackPlastic", box(0.36, 0.02, 0.06, 0.004).move(0, y, 0.22))
    deck = Part("Deck", ROOT)
    deck.add("GreyPaint", slab(rounded(0.98, 0.66, 0.05), 0.025, 0.006).move(z=0.3))
    deck.add("Rubber", *(box(0.9, 0.1, 0.015, 0.004).move(0, y, 0.325) for y in (-0.23, 0.0, 0.23)))
    wheels = Part("Wheels", ROOT)
    tyre = lathe([(0, 0), (0.06, 0), (0.085, 0.012), (0.085, 0.053), (0.06, 0.065), (0, 0.065)], 18, 0.006)
    hub = cylinder(0.05, 0.07, 0, 0.004)
    caster = cylinder(0.045, 0.04, 12, 0.006)
    for y in (-1, 1):
        wheels.add("Rubber", tyre.turn("x", 90).move(0, 0.3225 * y + 0.0325, 0.085))
        wheels.add("Steel", hub.turn("x", 90).move(0, 0.3225 * y + 0.035, 0.085))
        for x in (-0.43, 0.43):
            wheels.add("Rubber", caster.turn("x", 90).move(x, 0.26 * y + 0.02, 0.045))
    sensors = Part("Sensors", ROOT)
    for x, y in ((0.54, 0.0), (-0.54, 0.0)):
        sensors.add("BlackPlastic", cylinder(0.042, 0.03).move(x, y, 0.3))
        sensors.add(
            "RedPlastic",
            lathe([(0.037, 0.03), (0.037, 0.05), (0.03, 0.066), (0, 0.07)], 18).move(x, y, 0.3),
        )
    for y in (-0.34, 0.34):
        sensors.add("YellowPaint", cylinder(0.028, 0.012, 0, 0.003).move(-0.5, y, 0.3))
        sensors.add("RedPlastic", cylinder(0.02, 0.02, 0, 0.006).move(-0.5, y, 0.312))
    strip = Part("StatusStrip", ROOT)
    strip.add("StatusLight", slab(rounded(length - 0.03, width - 0.03, 0.11), 0.014, 0.003).move(z=0.142))
    body = xform(
        "Vehicle",
        chassis.mesh("convexHull"),
        deck.mesh("convexHull"),
        wheels.mesh(),
        sensors.mesh(),
        strip.mesh(),
    )
    root = xform("Agv", body.kind("component").label("agv")).kind("assembly")
    rigid(root, 165, (0, 0, 0.14), kinematic=True)
    root.set('custom double twin:battery = 0 (\n    customData = {\n        string ucum = "%"\n    }\n)')
    root.variants = {"load": {"none": Prim(""), "pallet": _load("pallet_load.usda", "goods", "half"),
                              "crates": _crates()}}  # fmt: skip
    root.selection = {"load": "none"}
    return layer(dress(root), DOC)


def _load(asset: str, variant_set: str, choice: str) -> Prim:
    load = reference("Load", asset).place((0, 0, 0.34), rotate_z=0)
    load.selection = {variant_set: choice}
    return Prim("").add(load)


def _crates() -> Prim:
    body = Prim("")
    for i, (x, y, z, look) in enumerate(
        ((-0.22, 0.0, 0.0, "grey"), (0.22, 0.01, 0.0, "blue"), (-0.22, 0.0, 0.221, "red")), 1
    ):
        crate = reference(f"Crate_{i}", "tote.usda").place((x, y, 0.34 + z), rotate_z=90)
        crate.selection = {"look": look}
        body.add(crate)
    return body
