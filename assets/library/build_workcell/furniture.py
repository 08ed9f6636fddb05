"""Smaller furniture of the cell: luminaire, fence panel, robot controller, station table."""

from twinstage.assets.library.build_workcell.parts import Part, dress
from twinstage.assets.library.build_workcell.shapes import (
    Shape,
    bend,
    box,
    cylinder,
    lathe,
    rounded,
    sheet,
    slab,
    tube,
)
from twinstage.assets.library.build_workcell.usda import Prim, layer, xform

LAMP_RADIANCE = 14


def luminaire() -> str:
    """luminaire.usda: a hanging linear lamp; its RectLight shines from under it."""
    width, length = 0.34, 1.5
    body = Part("Housing", "/Luminaire")
    body.add("WhitePaint", slab(rounded(length + 0.06, width + 0.06, 0.03, 2), 0.06, 0.012).move(z=0.012))
    for dx in (-0.6, 0.6):
        body.add("Steel", tube([(dx, 0, 0.07), (dx, 0, 0.9)], 0.004, 6, caps=False))
    light = Prim("Light", "RectLight").set(
        "color3f inputs:color = (1, 0.97, 0.92)",
        f"float inputs:intensity = {LAMP_RADIANCE}",
        f"float inputs:width = {length}",
        f"float inputs:height = {width}",
    )
    root = dress(xform("Luminaire", body.mesh(), light)).kind("component").label("lamp")
    return layer(root, "A hanging linear luminaire, long side along x. Origin: the middle of its light.")


def fence_panel() -> str:
    """fence_panel.usda: one panel of the safety fence between two posts, along +x from the origin."""
    root_path = "/FencePanel"
    wide, high = 1.2, 1.9
    part = Part("Panel", root_path)
    part.add("YellowPaint", box(0.06, 0.06, high + 0.1, 0.006), box(0.16, 0.16, 0.012, 0.003))
    frame = 0.035
    for z in (0.16, high - frame):
        part.add("GraphitePaint", box(wide - 0.1, 0.025, frame, 0.004).move(wide / 2, 0, z))
    for x in (0.05 + frame / 2, wide - 0.05 - frame / 2):
        part.add("GraphitePaint", box(frame, 0.025, high - 0.16, 0.004).move(x, 0, 0.16))
    n = 12
    for i in range(n):
        x = 0.085 + (wide - 0.17) * (i + 0.5) / n
        part.add("GraphitePaint", _bar(high - 0.24).move(x, 0, 0.18))
    for z in (0.75, 1.3):
        part.add("GraphitePaint", box(wide - 0.12, 0.01, 0.012, 0.002).move(wide / 2, 0.008, z))
    root = dress(xform("FencePanel", part.mesh("boundingCube")))
    return layer(
        root.kind("component").label("fence"), "A fence panel, 1.2 m wide with the post at its start."
    )


def _bar(height: float) -> Shape:
    """A thin square bar without bevels: four faces."""
    return tube([(0, 0, 0), (0, 0, height)], 0.005, 4, caps=False)


def cabinet() -> str:
    """cabinet.usda: the robot's controller with an operator panel."""
    path = "/Cabinet"
    part = Part("Body", path)
    part.add("WhitePaint", box(0.7, 0.55, 0.95, 0.012).move(z=0.08))
    part.add("GraphitePaint", box(0.66, 0.51, 0.08, 0.006), box(0.72, 0.57, 0.03, 0.008).move(z=1.03))
    part.add(
        "GraphitePaint", *(box(0.5, 0.006, 0.014, 0.002).move(0, -0.276, 0.2 + 0.035 * i) for i in range(7))
    )
    part.add("OrangePaint", box(0.702, 0.004, 0.05, 0.002).move(0, -0.276, 0.55))
    part.add(
        "BlackPlastic", box(0.4, 0.05, 0.28, 0.012).move(0, -0.05, 0.0).turn("x", -25).move(0, -0.12, 1.05)
    )
    screen = (
        sheet(0.34, 0.212).fit_uv().turn("x", 90).move(0, -0.076, 0.145).turn("x", -25).move(0, -0.12, 1.05)
    )
    part.add("Screen", screen)
    part.add("YellowPaint", cylinder(0.028, 0.02).turn("x", 90).move(0.26, -0.275, 0.86))
    part.add(
        "RedPlastic",
        lathe([(0, 0), (0.012, 0), (0.012, 0.02), (0.022, 0.022), (0.022, 0.034), (0, 0.04)], 18)
        .turn("x", 90)
        .move(0.26, -0.295, 0.86),
    )
    part.add(
        "Rubber",
        tube(
            bend([(-0.2, 0.27, 0.2), (-0.2, 0.4, 0.2), (-0.2, 0.4, 0.02), (-0.9, 0.4, 0.02)], 0.06), 0.018, 8
        ),
    )
    root = dress(xform("Cabinet", part.mesh("boundingCube"))).kind("component").label("cabinet")
    return layer(root, "A robot controller cabinet, front towards -y.")


def table() -> str:
    """table.usda: a station with three slots for totes, long side along x, its top at 0.72 m."""
    path = "/Table"
    top, wide, deep = 0.72, 1.56, 0.56
    part = Part("Body", path)
    part.add("GreyPaint", box(wide, deep, 0.03, 0.005).move(z=top - 0.03))
    part.add("Zinc", box(wide - 0.08, deep - 0.08, 0.05, 0.004).move(z=top - 0.08))
    for x in (-1, 1):
        for y in (-1, 1):
            part.add(
                "Zinc",
                box(0.06, 0.06, top - 0.05, 0.005).move(x * (wide / 2 - 0.07), y * (deep / 2 - 0.07), 0.02),
            )
            part.add(
                "BlackPlastic",
                cylinder(0.035, 0.022, 0, 0.003).move(x * (wide / 2 - 0.07), y * (deep / 2 - 0.07)),
            )
        part.add("Zinc", box(0.04, deep - 0.18, 0.04, 0.004).move(x * (wide / 2 - 0.07), 0, 0.16))
    part.add("Zinc", box(wide - 0.18, 0.04, 0.04, 0.004).move(0, 0, 0.16))
    for k in (-1, 0, 1):  # corner stops of the slots
        for x in (-1, 1):
            for y in (-1, 1):
                part.add(
                    "YellowPaint", box(0.02, 0.02, 0.022, 0.003).move(k * 0.48 + x * 0.2, y * 0.153, top)
                )
    root = dress(xform("Table", part.mesh("boundingCube")))
    return layer(
        root.kind("component").label("table"), "A station table with three slots for totes, 0.48 m apart."
    )
