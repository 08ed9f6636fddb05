"""Electric motor, centrifugal pump, storage tank."""

from twinstage.assets.library.build_starter.made import asset, choice, colours, live, part
from twinstage.assets.library.build_workcell.parts import Part, joint, unbound
from twinstage.assets.library.build_workcell.shapes import Shape, bend, box, cylinder, join, lathe, tube
from twinstage.assets.library.build_workcell.usda import Prim, over, tup, xform

FRAMES = {"small": (0.080, 12.0), "medium": (0.112, 30.0), "large": (0.160, 105.0)}
"""Shaft height of the IEC frames 80, 112 and 160 [m], mass [kg]."""
PAINTS = {"green": "GreenPaint", "blue": "BluePaint", "grey": "GreyPaint", "orange": "OrangePaint"}
TANKS = {"500": (0.40, 1.0), "1000": (0.50, 1.3), "2000": (0.62, 1.7)}
"""Litres: radius and height of the shell [m]."""
LEGS = 0.45
BY_SHELL = "the shell around it, which has one, reaches over it"


def motor() -> str:
    """motor.usda."""
    root = live(xform("Motor"), speed="rad/s", temperature="Cel", current="A")
    root.variants = {
        "frame": {
            name: choice(
                unbound(_housing("Motor", h).mesh("convexHull"), "GreenPaint"),
                _shaft("Motor", h),
                over("Spin").set(f"point3f physics:localPos0 = {tup((1.3 * h, 0, h))}"),
                mass=mass,
            )
            for name, (h, mass) in FRAMES.items()
        },
        "paint": colours("/Motor", PAINTS, "Housing/GreenPaint"),
    }
    root.selection = {"frame": "medium", "paint": "green"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI").set("bool physics:kinematicEnabled = 1")
    root.add(_spin("Motor"))
    doc = """An electric motor with feet, IEC frames 80, 112 and 160; its shaft points along +x.

Origin: on its base under the middle of the housing. Shaft turns about x: drive the joint Spin, or a live pose."""
    return asset(root, "Electric motor", doc, ["motor", "drive", "electric", "rotating", "IEC"], "motor")


def _housing(root: str, h: float) -> Part:
    """The motor without its shaft, which lies along x at height `h` [m]."""
    r, length = 0.86 * h, 2.6 * h
    shell: list[Shape] = [lathe([(0, -length / 2), (r, -length / 2), (r, length / 2), (0, length / 2)], 24)]
    rib = box(0.12 * h, 0.05 * h, length * 0.86, 0).move(r + 0.04 * h, 0, -length * 0.43)
    shell += [rib.turn("z", 15 * i) for i in range(24) if i not in (11, 12, 13, 17, 18, 19)]
    shell += [
        lathe([(0, z), (r * 1.08, z), (r * 1.08, z + 0.16 * h), (0, z + 0.16 * h)], 24)
        for z in (-length / 2, length / 2 - 0.16 * h)
    ]
    out = part("Housing", root)
    out.add("GreenPaint", *(s.turn("y", 90).move(z=h) for s in shell))
    fan = lathe([(0, 0), (r * 1.06, 0), (r * 1.06, 0.5 * h), (0.8 * r, 0.66 * h), (0, 0.66 * h)], 24, 0.006)
    out.add("BlackPlastic", fan.turn("y", -90).move(-length / 2, 0, h))
    out.add("GreenPaint", box(0.9 * h, 0.7 * h, 0.5 * h, 0.008).move(0.2 * h, 0, h + r * 0.86))
    out.add("BlackPlastic", cylinder(0.12 * h, 0.3 * h).turn("x", 90).move(0.2 * h, -0.34 * h, 2.15 * h))
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = box(0.5 * h, 0.42 * h, 0.14 * h, 0.004).move(sx * 0.75 * h, sy * 0.8 * h, 0)
            web = box(0.4 * h, 0.16 * h, 0.5 * h, 0.004).move(sx * 0.75 * h, sy * 0.66 * h, 0.1 * h)
            out.add("GreenPaint", foot, web)
            out.add("Steel", cylinder(0.06 * h, 0.05 * h, 6, 0).move(sx * 0.75 * h, sy * 0.9 * h, 0.14 * h))
    return out


def _shaft(root: str, h: float) -> Prim:
    """The shaft with its key, an Xform whose x is the axis."""
    r, reach = 0.13 * h, 0.6 * h
    body = part("Body", root)
    body.add("Steel", cylinder(r, reach, 18, 0.003).turn("y", 90))
    body.add("Zinc", box(reach * 0.6, 0.3 * r, 0.5 * r, 0).move(reach * 0.6, 0, r * 0.72))
    return xform("Shaft", body.mesh("convexHull")).place((1.3 * h, 0, h))


def _spin(root: str) -> Prim:
    """The joint about the shaft; the variants say where."""
    prim = joint("Spin", "PhysicsRevoluteJoint", "X", (f"/{root}", f"/{root}/Shaft"), (0, 0, 0))
    prim.props = [line for line in prim.props if "localPos0" not in line]
    return prim


def pump() -> str:
    """pump.usda."""
    root = live(xform("Pump"), flow="m3/h", pressure="bar", temperature="Cel", vibration="mm/s")
    root.variants = {
        "size": {name: choice(*_pump(h), mass=2.2 * mass) for name, (h, mass) in FRAMES.items()},
        "paint": colours("/Pump", PAINTS, "Casing/BluePaint", "Housing/GreenPaint"),
    }
    root.selection = {"size": "medium", "paint": "blue"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI").set("bool physics:kinematicEnabled = 1")
    doc = """A centrifugal pump with its motor on a base frame; it sucks along -x and delivers upwards.

Origin: on the floor under the middle of the frame."""
    return asset(root, "Centrifugal pump", doc, ["pump", "fluid", "process", "rotating", "motor"], "pump")


def _pump(h: float) -> list[Prim]:
    base, nose = 0.5 * h, 2.6 * h
    lift = 0.5 * h
    frame = part("Frame", "Pump")
    for y in (-0.85 * h, 0.85 * h):
        frame.add("GraphitePaint", box(7.4 * h, 0.34 * h, base, 0.006).move(0.2 * h, y, 0))
    for x in (-3.2 * h, 0.2 * h, 3.6 * h):
        frame.add("GraphitePaint", box(0.5 * h, 1.5 * h, 0.4 * h, 0.006).move(x, 0, 0.05 * h))
    casing = part("Casing", "Pump")
    volute = lathe([(0, -0.45 * h), (0.9 * h, -0.45 * h), (1.15 * h, -0.2 * h), (1.15 * h, 0.25 * h),
                    (0.85 * h, 0.45 * h), (0, 0.5 * h)], 26, 0.01)  # fmt: skip
    axis = h + lift
    casing.add("BluePaint", volute.turn("y", 90).move(-nose + 0.4 * h, 0, axis))
    casing.add("BluePaint", cylinder(0.5 * h, 0.7 * h).turn("y", -90).move(-nose, 0, axis))
    casing.add("BluePaint", cylinder(0.36 * h, 1.7 * h).move(-nose + 0.4 * h, 0.75 * h, axis))
    casing.add(
        "BluePaint",
        box(0.5 * h, 1.2 * h, axis - 0.7 * h - base + 0.2 * h, 0.01).move(-nose + 0.4 * h, 0, base),
    )
    casing.add("BluePaint", lathe([(0.5 * h, 0), (0.34 * h, 0.9 * h), (0.6 * h, 1.5 * h), (0.62 * h, 1.7 * h)], 22)
               .turn("y", 90).move(-nose + 0.7 * h, 0, axis))  # fmt: skip
    for shape in (_flange(0.8 * h, h).turn("y", -90).move(-nose - 0.68 * h, 0, axis),
                  _flange(0.62 * h, h).move(-nose + 0.4 * h, 0.75 * h, axis + 1.66 * h)):  # fmt: skip
        casing.add("Steel", shape)
    coupling = part("Coupling", "Pump")
    guard = lathe([(0, 0), (0.5 * h, 0), (0.5 * h, 0.8 * h), (0, 0.8 * h)], 20).turn("y", 90)
    coupling.add("YellowPaint", guard.move(-0.15 * h, 0, axis), box(0.6 * h, 0.5 * h, axis - base, 0.004)
                 .move(0.25 * h, 0, base))  # fmt: skip
    motor_part = _housing("Pump", h)  # its shaft end towards the casing
    motor_part.shapes = {
        look: [s.turn("z", 180).move(2.0 * h, 0, lift) for s in some]
        for look, some in motor_part.shapes.items()
    }
    return [
        frame.mesh("boundingCube"),
        unbound(casing.mesh("convexHull"), "BluePaint"),
        coupling.mesh("convexHull"),
        unbound(motor_part.mesh("convexHull"), "GreenPaint"),
    ]


def _flange(radius: float, h: float) -> Shape:
    """A pipe flange with eight bolts, its back at z = 0."""
    disc = lathe([(0.0, 0), (radius, 0), (radius, 0.14 * h), (0.45 * radius, 0.14 * h), (0.45 * radius, 0.05 * h),
                  (0, 0.05 * h)], 24)  # fmt: skip
    bolt = cylinder(0.07 * radius + 0.002, 0.22 * h, 6, 0)
    return join(disc, *(bolt.move(0.78 * radius, 0, -0.02 * h).turn("z", 45 * i) for i in range(8)))


def tank() -> str:
    """tank.usda."""
    root = live(xform("Tank"), level="%", temperature="Cel", pressure="bar")
    root.variants = {
        "litres": {f"l{name}": choice(*_tank(r, z), mass=30 + 90 * r * z) for name, (r, z) in TANKS.items()},
        "finish": colours(
            "/Tank", {"steel": "Steel", "white": "WhitePaint", "green": "GreenPaint"}, "Shell/Steel"
        ),
    }
    root.selection = {"litres": "l1000", "finish": "steel"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI").set("bool physics:kinematicEnabled = 1")
    doc = """A storage tank on legs with a sight glass, for 500, 1000 or 2000 litres.

Origin: on the floor under its axis. Liquid has its origin at the lower end of the sight glass and is as long as it: scale z is
the level as a ratio."""
    return asset(root, "Storage tank", doc, ["tank", "vessel", "fluid", "process", "level"], "tank")


def _tank(r: float, height: float) -> list[Prim]:
    z0, z1 = LEGS, LEGS + height
    shell = part("Shell", "Tank")
    profile = [(0.05, z0 - 0.22), (0.05, z0 - 0.16), (0.55 * r, z0 - 0.12), (0.9 * r, z0 - 0.05), (r, z0 + 0.02),
               (r, z1 - 0.02), (0.9 * r, z1 + 0.05), (0.55 * r, z1 + 0.12), (0.0, z1 + 0.15)]  # fmt: skip
    shell.add("Steel", lathe([(0, z0 - 0.22), *profile], 32, 0.006))
    shell.add("Zinc", *(lathe([(r, z), (r + 0.018, z), (r + 0.018, z + 0.05), (r, z + 0.05)], 32)
                        for z in (z0 + 0.03, z1 - 0.09)))  # fmt: skip
    shell.add(
        "Chrome",
        lathe([(0, 0), (0.2, 0), (0.2, 0.03), (0.15, 0.05), (0, 0.06)], 22).move(0.3 * r, 0, z1 + 0.12),
    )
    for i in range(4):
        leg = join(
            tube([(0.86 * r, 0, 0.012), (0.86 * r, 0, z0 + 0.04)], 0.032, 12),
            cylinder(0.065, 0.012, 12, 0.003).move(0.86 * r),
        )
        shell.add("Zinc", leg.turn("z", 45 + 90 * i))
    outlet = bend([(0, 0, z0 - 0.2), (0, 0, z0 - 0.3), (0.7 * r, 0, z0 - 0.3), (r + 0.2, 0, z0 - 0.3)], 0.07)
    shell.add("Zinc", tube(outlet, 0.03, 12), _flange(0.075, 0.09).turn("y", 90).move(r + 0.19, 0, z0 - 0.3))
    shell.add("Zinc", tube([(-0.5 * r, 0, z1 + 0.08), (-0.5 * r, 0, z1 + 0.28)], 0.03, 12))
    shell.add("Zinc", _flange(0.075, 0.09).move(-0.5 * r, 0, z1 + 0.27))
    low, high, y = z0 + 0.1, z1 - 0.1, -r - 0.055
    for z in (low - 0.03, high + 0.03):
        shell.add(
            "Chrome",
            tube([(0, -r + 0.01, z), (0, y, z)], 0.012, 8),
            box(0.05, 0.05, 0.05, 0.006).move(0, y, z - 0.025),
        )
    shell.add("Chrome", *(tube([(x, y - 0.02, low), (x, y - 0.02, high)], 0.004, 6) for x in (-0.022, 0.022)))
    glass = part("Glass", "Tank").add(
        "Glass", tube([(0, y, low - 0.01), (0, y, high + 0.01)], 0.016, 12, caps=False)
    )
    fill = part("Body", "Tank").add("Liquid", cylinder(0.0135, high - low, 12, 0))
    liquid = xform("Liquid", fill.mesh(solid_by=BY_SHELL)).place((0, y, low), scale=(1, 1, 0.6))
    return [unbound(shell.mesh("convexHull"), "Steel"), glass.mesh(solid_by=BY_SHELL), liquid]
