"""Sensors: six kinds as variants of one asset."""

from twinstage.assets.library.build_starter.made import asset, choice, live, part
from twinstage.assets.library.build_workcell.parts import Part
from twinstage.assets.library.build_workcell.shapes import (
    bend,
    box,
    cylinder,
    lathe,
    rounded,
    sheet,
    slab,
    tube,
)
from twinstage.assets.library.build_workcell.usda import Prim, xform


def sensor() -> str:
    """sensor.usda."""
    root = xform("Sensor")
    root.variants = {
        "type": {
            "photoelectric": live(choice(_photoelectric().mesh("convexHull")), detected="1"),
            "inductive": live(choice(_inductive().mesh("convexHull")), detected="1"),
            "camera": choice(_camera().mesh("convexHull"), _eye()),
            "lidar": choice(_lidar().mesh("convexHull")),
            "pressure": live(choice(_gauge().mesh("convexHull"), _needle()), pressure="bar"),
            "temperature": live(choice(_probe().mesh("convexHull")), temperature="Cel"),
        }
    }
    root.selection = {"type": "photoelectric"}
    doc = """A sensor: photoelectric, inductive, camera, lidar, pressure gauge or temperature probe.

It looks, or reaches, along +x; origin: where it is mounted. The camera brings a Camera prim, the gauge a Needle that turns
about x."""
    tags = ["sensor", "photoelectric", "inductive", "camera", "lidar", "gauge", "pressure", "temperature"]
    return asset(root, "Sensor", doc, tags, "sensor")


def _cable(body: Part, *, y: float = 0.0, z: float = 0.0, x: float = -0.02) -> Part:
    path = bend([(x + 0.01, y, z), (x - 0.03, y, z), (x - 0.06, y, z - 0.03), (x - 0.06, y, z - 0.06)], 0.02)
    return body.add("Rubber", tube(path, 0.003, 8))


def _photoelectric() -> Part:
    body = part("Body", "Sensor")
    body.add("BlackPlastic", box(0.022, 0.012, 0.034, 0.0036).move(-0.011, 0, 0.0))
    body.add("BluePaint", box(0.0225, 0.0125, 0.006, 0).move(-0.011, 0, 0.024))
    body.add(
        "RedPlastic", *(cylinder(0.0042, 0.0015, 14, 0).turn("y", 90).move(0.0, 0, z) for z in (0.009, 0.021))
    )
    body.add("LampAmber", cylinder(0.0018, 0.001, 10, 0).move(-0.016, 0, 0.034))
    body.add("Zinc", box(0.034, 0.002, 0.05, 0).move(-0.014, 0.0075, -0.014), box(0.034, 0.03, 0.002, 0)
             .move(-0.014, 0.0215, -0.014))  # fmt: skip
    return _cable(body, z=0.004)


def _inductive() -> Part:
    body = part("Body", "Sensor")
    body.add("Brass", cylinder(0.009, 0.05, 20, 0).move(z=-0.054).turn("y", 90))
    ring = lathe([(0.009, 0), (0.0094, 0.0006), (0.009, 0.0012), (0.009, 0)], 20, 0)
    body.add("Brass", *(ring.move(z=-0.05 + 0.003 * i).turn("y", 90) for i in range(15)))
    body.add("ToteBlue", cylinder(0.0085, 0.004, 20, 0).move(z=-0.004).turn("y", 90))
    body.add("Chrome", *(cylinder(0.014, 0.004, 6, 0).move(z=z).turn("y", 90) for z in (-0.034, -0.022)))
    return _cable(body, x=-0.054)


def _camera() -> Part:
    body = part("Body", "Sensor")
    body.add("GraphitePaint", box(0.06, 0.044, 0.044, 0.004).move(-0.065, 0, -0.022))
    for i in range(4):
        body.add("GraphitePaint", box(0.006, 0.05, 0.05, 0).move(-0.082 + 0.011 * i, 0, -0.025))
    lens = [(0, 0), (0.018, 0), (0.018, 0.012), (0.0195, 0.012), (0.0195, 0.03), (0.016, 0.032), (0.015, 0.026),
            (0.0, 0.024)]  # fmt: skip
    body.add("BlackPlastic", lathe(lens, 24, 0).turn("y", 90).move(-0.035))
    body.add("Chrome", cylinder(0.0145, 0.001, 24, 0).turn("y", 90).move(-0.0095))
    body.add("Zinc", box(0.05, 0.044, 0.005, 0).move(-0.065, 0, -0.03))
    body.add("LampAmber", cylinder(0.002, 0.001, 10, 0).turn("y", -90).move(-0.095, 0.012, 0.012))
    return _cable(body, x=-0.09)


def _eye() -> Prim:
    """What the camera sees: an 8 mm lens before a 2/3 inch chip, looking along +x, up is +z."""
    return (
        Prim("View", "Camera")
        .set(
            "float2 clippingRange = (0.05, 100)",
            "float focalLength = 8",
            "float focusDistance = 1",
            "float horizontalAperture = 8.8",
            "float verticalAperture = 6.6",
        )
        .place(orient=(0.5, 0.5, -0.5, -0.5))
    )


def _lidar() -> Part:
    body = part("Body", "Sensor")
    body.add("BlackPlastic", slab(rounded(0.1, 0.1, 0.03), 0.05, 0.006).move(z=-0.06))
    body.add("BluePaint", slab(rounded(0.102, 0.102, 0.03), 0.012, 0).move(z=-0.04))
    body.add(
        "RedPlastic", lathe([(0, -0.01), (0.042, -0.01), (0.042, 0.03), (0.036, 0.038), (0, 0.04)], 28, 0.003)
    )
    return _cable(body, x=-0.05, z=-0.04)


def _gauge() -> Part:
    body = part("Body", "Sensor")
    case = [
        (0, -0.03),
        (0.048, -0.03),
        (0.05, -0.024),
        (0.05, 0),
        (0.045, 0.002),
        (0.043, -0.004),
        (0, -0.004),
    ]
    body.add("Chrome", lathe(case, 28, 0.002).turn("y", 90))
    body.add("WhitePaint", cylinder(0.0425, 0.0004, 28, 0).turn("y", 90).move(-0.0039))
    body.add("Gauge", sheet(0.06, 0.06).fit_uv().turn("z", 90).turn("y", 90).move(-0.0034))
    body.add(
        "Brass",
        cylinder(0.007, 0.05).move(-0.016, 0, -0.095),
        cylinder(0.011, 0.012, 6, 0).move(-0.016, 0, -0.08),
    )
    return body


def _needle() -> Prim:
    needle = part("Body", "Sensor")
    needle.add("RedPlastic", box(0.001, 0.003, 0.032, 0).move(0.0, 0, -0.006), cylinder(0.004, 0.002, 12, 0)
               .turn("y", 90))  # fmt: skip
    return xform("Needle", needle.mesh(solid_by="it turns within the case, which has one")).place(
        (-0.0015, 0, 0), rotate=(-45, 0, 0)
    )


def _probe() -> Part:
    body = part("Body", "Sensor")
    body.add(
        "Steel",
        cylinder(0.003, 0.1, 14, 0).turn("y", 90),
        cylinder(0.012, 0.02, 6, 0).turn("y", 90).move(-0.02),
    )
    head = lathe(
        [(0, -0.028), (0.028, -0.028), (0.03, 0.0), (0.032, 0.004), (0.03, 0.02), (0, 0.024)], 24, 0.003
    )
    body.add("GreyPaint", head.move(-0.045, 0, 0.0), cylinder(0.01, 0.03).turn("y", 90).move(-0.035))
    return _cable(body, x=-0.07, z=-0.01)
