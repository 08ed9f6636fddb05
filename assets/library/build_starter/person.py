"""A person-sized figure: for scale, for safety zones, and as a class that labels need."""

from twinstage.assets.library.build_starter.made import asset, ball, choice, colours, limb, part
from twinstage.assets.library.build_workcell.parts import unbound
from twinstage.assets.library.build_workcell.shapes import Shape, lathe
from twinstage.assets.library.build_workcell.usda import Prim, tup, xform

HIP, KNEE = 0.93, 0.44
"""Above the floor [m]; the figure is 1.78 m tall, with a helmet 1.81 m."""
THIGH, UPPER, FOREARM = HIP - KNEE, 0.29, 0.25
SHOULDER = 0.48
"""Above the hips [m]."""
Turn = tuple[float, float, float]
POSES: dict[str, dict[str, Turn]] = {
    "standing": {"ArmLeft": (8, 0, 0), "ArmRight": (-8, 0, 0), "ForearmLeft": (0, -12, 0), "ForearmRight": (0, -12, 0)},
    "walking": {
        "LegLeft": (0, -24, 0), "ShinLeft": (0, 8, 0), "LegRight": (0, 18, 0), "ShinRight": (0, 26, 0),
        "ArmLeft": (7, 24, 0), "ArmRight": (-7, -22, 0), "ForearmLeft": (0, -18, 0), "ForearmRight": (0, -30, 0),
    },
    "reaching": {
        "Torso": (0, 12, 0), "ArmLeft": (6, -10, 0), "ArmRight": (-4, -82, 0), "ForearmLeft": (0, -30, 0),
        "ForearmRight": (0, -8, 0), "LegLeft": (0, -8, 0), "LegRight": (0, 8, 0), "ShinRight": (0, 4, 0),
    },
    "carrying": {
        "ArmLeft": (3, -28, 0), "ArmRight": (-3, -28, 0), "ForearmLeft": (0, -62, 0), "ForearmRight": (0, -62, 0),
    },
}  # fmt: skip
"""Degrees about x, y, z of each limb's frame; limbs that are not named hang straight."""
WORN = "the trunk, which has one, wears it"
LIMBS = {
    "Torso": "Torso",
    **{f"{limb}{side}": f"{above}{limb}{side}" for side in ("Left", "Right") for limb, above in
       (("Arm", "Torso/"), ("Leg", ""))},
    **{f"Forearm{side}": f"Torso/Arm{side}/Forearm{side}" for side in ("Left", "Right")},
    **{f"Shin{side}": f"Leg{side}/Shin{side}" for side in ("Left", "Right")},
}  # fmt: skip


def person() -> str:
    """person.usda."""
    body = xform("Body", _torso(), *(_leg(side) for side in ("Left", "Right"))).place((0, 0, HIP))
    root = xform("Person", body)
    root.variants = {
        "pose": {name: choice(_posed(turns)) for name, turns in POSES.items()},
        "vest": colours("/Person", {"yellow": "YellowPaint", "orange": "BeamOrange", "none": "GraphitePaint"},
                        "Body/Torso/Chest/Vest"),
    }  # fmt: skip
    root.selection = {"pose": "standing", "vest": "yellow"}
    doc = """A person-sized figure with a helmet, 1.81 m: standing, walking, reaching or carrying, with a vest or without.

Origin: on the floor between the feet, facing +x. Limbs are nested frames; the pose variants turn them."""
    return asset(root, "Person", doc, ["person", "worker", "human", "figure", "safety"], "person")


def _posed(turns: dict[str, Turn]) -> Prim:
    """Overs that turn the limbs; every limb is told, so that a pose leaves nothing of another."""
    body = Prim("Body", spec="over")
    for name, path in LIMBS.items():
        at = body
        for step in path.split("/"):
            found = next((child for child in at.children if child.name == step), None)
            at = found or at.add(Prim(step, spec="over")).children[-1]
        at.set(f"float3 xformOp:rotateXYZ = {tup(turns.get(name, (0, 0, 0)))}")
    return body


def _frame(name: str, at: tuple[float, float, float], *children: Prim) -> Prim:
    """A limb's frame, which pose variants turn."""
    prim = xform(name, *children)
    return prim.set(
        f"double3 xformOp:translate = {tup(at)}",
        'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]',
    )


def _down(shape: Shape) -> Shape:
    """Built upwards, hung downwards."""
    return shape.turn("x", 180)


def _squeezed(shape: Shape, x: float) -> Shape:
    """Flattened along x, as a chest is; normals follow."""
    normals = shape.normals / (x, 1.0, 1.0)
    length = (normals**2).sum(1, keepdims=True) ** 0.5
    return Shape(shape.points * (x, 1.0, 1.0), normals / length, shape.uv, shape.faces)


def _torso() -> Prim:
    chest = part("Chest", "Person")
    chest.add("GraphitePaint", _squeezed(lathe([(0, -0.1), (0.1, -0.09), (0.155, -0.03), (0.162, 0.06), (0.14, 0.14),
                                                (0, 0.15)], 24, 0), 0.74))  # fmt: skip
    trunk = [
        (0, 0.1),
        (0.142, 0.12),
        (0.15, 0.24),
        (0.178, 0.38),
        (0.18, 0.46),
        (0.14, 0.51),
        (0.06, 0.535),
        (0, 0.54),
    ]
    chest.add("BluePaint", _squeezed(lathe(trunk, 26, 0), 0.7))
    chest.add("Cardboard", limb(0.056, 0.052, 0.08, 14, 3).move(0.0, 0, 0.52))
    vest = [
        (0.146, 0.11),
        (0.156, 0.13),
        (0.16, 0.24),
        (0.187, 0.38),
        (0.188, 0.47),
        (0.14, 0.525),
        (0.075, 0.54),
    ]
    cloth = part("Vest", "Person").add("YellowPaint", _squeezed(lathe([*vest, (0.07, 0.53), (0.13, 0.5), (0.146, 0.11)],
                                                                      26, 0), 0.73))  # fmt: skip
    bands = part("Bands", "Person")
    for z, r in ((0.2, 0.1605), (0.3, 0.1745)):
        band = lathe([(r, z), (r + 0.003, z), (r + 0.005, z + 0.045), (r + 0.001, z + 0.045), (r, z)], 26, 0)
        bands.add("Chrome", _squeezed(band, 0.735))
    torso = _frame(
        "Torso",
        (0, 0, 0),
        xform(
            "Chest", chest.mesh("convexHull"), unbound(cloth.mesh(solid_by=WORN)), bands.mesh(solid_by=WORN)
        ),
    )
    torso.children[0].children[0].name = "Trunk"
    return torso.add(_head(), *(_arm(side) for side in ("Left", "Right")))


def _head() -> Prim:
    head = part("Face", "Person")
    head.add("Cardboard", _squeezed(ball(0.085, 0.118, 24, 12), 1.12).move(0.012, 0, 0.115))
    head.add("Cardboard", ball(0.014, 0.018, 10, 6).move(0.105, 0, 0.105))
    helmet = [(0.098, 0.135), (0.112, 0.137), (0.112, 0.143), (0.1, 0.15), (0.095, 0.19), (0.07, 0.232), (0.03, 0.25),
              (0, 0.253)]  # fmt: skip
    head.add("WhitePaint", _squeezed(lathe([(0, 0.14), *helmet], 26, 0), 1.14).move(0.01))
    peak = lathe([(0, 0), (0.09, 0), (0.09, 0.007), (0, 0.007)], 22, 0)
    head.add("WhitePaint", peak.move(0.068, 0, 0.137))
    return xform("Head", head.mesh("convexHull")).place((0.0, 0, 0.578))


def _arm(side: str) -> Prim:
    sign = 1 if side == "Left" else -1
    upper = part("Sleeve", "Person").add("BluePaint", _down(limb(0.056, 0.044, UPPER)))
    lower = part("Sleeve", "Person").add("BluePaint", _down(limb(0.043, 0.032, FOREARM - 0.03)))
    lower.add("OrangePaint", _down(_squeezed(limb(0.034, 0.03, 0.1, 14, 4), 0.75)).move(z=-FOREARM + 0.02))
    lower.add("OrangePaint", _down(limb(0.012, 0.01, 0.05, 8, 3)).turn("y", -25).move(0.024, 0, -FOREARM))
    forearm = _frame(f"Forearm{side}", (0, 0, -UPPER), lower.mesh("convexHull"))
    return _frame(f"Arm{side}", (0, sign * 0.215, SHOULDER), upper.mesh("convexHull"), forearm)


def _leg(side: str) -> Prim:
    sign = 1 if side == "Left" else -1
    upper = part("Trousers", "Person").add("GraphitePaint", _down(limb(0.088, 0.062, THIGH)))
    lower = part("Trousers", "Person").add("GraphitePaint", _down(limb(0.06, 0.045, KNEE - 0.1)))
    lower.add("BlackPlastic", *_boot())
    shin = _frame(f"Shin{side}", (0, 0, -THIGH), lower.mesh("convexHull"))
    return _frame(f"Leg{side}", (0, sign * 0.095, 0.0), upper.mesh("convexHull"), shin)


def _boot() -> list[Shape]:
    sole = _squeezed(lathe([(0, 0), (0.05, 0), (0.052, 0.012), (0.05, 0.03), (0, 0.03)], 20, 0), 2.7)
    toe = _squeezed(ball(0.05, 0.05, 18, 8), 1.7)
    return [
        sole.move(0.07, 0, -KNEE),
        toe.move(0.09, 0, -KNEE + 0.05),
        limb(0.052, 0.05, 0.12, 16, 3).move(-0.005, 0, -KNEE + 0.055),
    ]
