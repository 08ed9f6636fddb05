"""Goods and what carries them: parcels with variants, EUR pallets, loaded pallets, totes, the pallet rack."""

import math

import numpy as np

from twinstage.assets.library.build_workcell.layout import RACK_BAY, RACK_LEVELS, TOTE
from twinstage.assets.library.build_workcell.parts import Part, bind, dress, materials, rigid, unbound
from twinstage.assets.library.build_workcell.shapes import Shape, box, rounded, sheet, slab
from twinstage.assets.library.build_workcell.usda import Prim, layer, over, reference, xform

PARCEL_SIZES = {
    "small": (0.24, 0.18, 0.12, 0.9),
    "medium": (0.32, 0.24, 0.18, 2.2),
    "large": (0.40, 0.30, 0.24, 4.5),
    "flat": (0.36, 0.28, 0.08, 1.1),
    "carton": (0.58, 0.38, 0.30, 9.0),
    "cube": (0.38, 0.38, 0.36, 7.0),
}
"""Length, width, height [m], mass [kg]."""
TAPES = {"paper": "PaperTape", "clear": "ClearTape", "red": "RedTape"}
STICKERS = {"white": "LabelWhite", "yellow": "LabelYellow", "green": "LabelGreen"}


def parcel() -> str:
    """parcel.usda."""
    root = (
        Prim("Parcel", "Xform").kind("component").label("parcel").api("PhysicsRigidBodyAPI", "PhysicsMassAPI")
    )
    root.variants = {
        "size": {name: _parcel_body(*size) for name, size in PARCEL_SIZES.items()},
        "tape": {name: _dressed("Tape", "/Parcel", look) for name, look in TAPES.items()},
        "sticker": {name: _dressed("Sticker", "/Parcel", look) for name, look in STICKERS.items()},
    }
    root.selection = {"size": "medium", "tape": "paper", "sticker": "white"}
    root.add(materials("Cardboard"))
    return layer(
        root,
        "A taped cardboard parcel with a shipping label; variants: size, tape, sticker. Origin: base centre.",
    )


def _parcel_body(x: float, y: float, z: float, mass: float) -> Prim:
    body = Part("Carton", "/Parcel").add("Cardboard", box(x, y, z, 0.004))
    tape = Part("Tape", "/Parcel")
    wide, thin = 0.05, 0.0008
    down = min(0.06, z * 0.4)
    strips: list[Shape] = [box(x + 2 * thin, wide, thin, 0.0003).move(z=z)]
    strips += [box(thin, wide, down, 0.0003).move(sign * (x + thin) / 2, 0, z - down) for sign in (-1, 1)]
    tape.add("PaperTape", *strips)
    sticker = Part("Sticker", "/Parcel")
    size = min(0.14, 0.42 * (y - wide))
    label = (
        sheet(size * 1.5, size).fit_uv().move(x / 2 - size * 0.75 - 0.02, -(y / 2 + wide / 2) / 2, z + 0.0012)
    )
    side = sheet(size * 1.5, size).fit_uv().turn("x", 90)
    side = side.move(-0.1 * x, -y / 2 - 0.0012, z / 2)
    sticker.add("LabelWhite", label, *([side] if size < 0.8 * z else []))
    out = Prim("").set(f"float physics:mass = {mass}")
    return out.add(body.mesh("convexHull"), unbound(tape.mesh()), unbound(sticker.mesh()))


def _dressed(part: str, root: str, look: str) -> Prim:
    """A variant that brings one look and binds a part to it."""
    return Prim("").add(bind(over(part), root, look), materials(look))


def pallet() -> str:
    """pallet.usda: a EUR pallet, 1.2 x 0.8 x 0.144 m, long side along x."""
    wood = Part("Boards", "/Pallet")
    shapes = [box(1.2, 0.1, 0.022, 0.003).move(0, y, 0) for y in (-0.35, 0.35)]
    shapes.append(box(1.2, 0.145, 0.022, 0.003))
    for y, w in ((-0.35, 0.1), (0.0, 0.145), (0.35, 0.1)):
        shapes += [box(0.145, w, 0.078, 0.003).move(x, y, 0.022) for x in (-0.5275, 0.0, 0.5275)]
    shapes += [box(0.145, 0.8, 0.022, 0.003).move(x, 0, 0.1) for x in (-0.5275, 0.0, 0.5275)]
    for y, w in ((-0.3275, 0.145), (-0.165, 0.1), (0.0, 0.145), (0.165, 0.1), (0.3275, 0.145)):
        shapes.append(box(1.2, w, 0.022, 0.003).move(0, y, 0.122))
    wood.add("Wood", *(along_grain(shape) for shape in shapes))
    root = dress(xform("Pallet", wood.mesh("boundingCube"))).kind("component").label("pallet")
    return layer(rigid(root, 22, (0, 0, 0.07)), "A EUR pallet, 1.2 x 0.8 x 0.144 m. Origin: base centre.")


def along_grain(shape: Shape) -> Shape:
    """Shift the texture by the board's place, so that no two boards look alike."""
    size = shape.points.max(0) - shape.points.min(0)
    uv = shape.uv if size[0] >= size[1] else shape.uv[:, ::-1]
    x, y, z = shape.points.mean(0)
    return Shape(shape.points, shape.normals, uv + np.array((1.7 * x + 3.1 * z, 2.3 * y)), shape.faces)


LOADS: dict[str, list[tuple[float, float, float, float, str, str, str]]] = {
    # x, y, z above the deck, turn, size, tape, sticker
    "full": [
        (x, y, z, turn, "carton", "paper" if (i + int(z * 10)) % 3 else "clear", "white")
        for z, turn in ((0.0, 0), (0.302, 180))
        for i, (x, y) in enumerate(((-0.295, -0.195), (0.295, -0.195), (-0.295, 0.195), (0.295, 0.195)))
    ],
    "cubes": [
        (-0.395, -0.195, 0.0, 0, "cube", "paper", "yellow"),
        (0.0, -0.195, 0.0, 90, "cube", "paper", "white"),
        (0.395, -0.195, 0.0, 0, "cube", "clear", "yellow"),
        (-0.395, 0.195, 0.0, 90, "cube", "paper", "white"),
        (0.0, 0.195, 0.0, 0, "cube", "clear", "green"),
        (0.395, 0.195, 0.0, 0, "cube", "paper", "white"),
        (-0.2, -0.19, 0.362, 4, "cube", "paper", "white"),
        (0.21, 0.18, 0.362, -6, "cube", "clear", "green"),
    ],
    "half": [
        (-0.295, -0.195, 0.0, 0, "carton", "paper", "white"),
        (0.295, -0.195, 0.0, 180, "carton", "clear", "white"),
        (-0.295, 0.195, 0.0, 0, "carton", "paper", "green"),
        (0.295, 0.195, 0.0, 0, "carton", "paper", "white"),
        (-0.3, -0.18, 0.302, 3, "large", "red", "yellow"),
        (0.26, 0.19, 0.302, -8, "medium", "paper", "white"),
    ],
    "mixed": [
        (-0.295, -0.195, 0.0, 0, "carton", "paper", "white"),
        (0.2, -0.19, 0.0, 90, "cube", "clear", "yellow"),
        (-0.3, 0.2, 0.0, 2, "large", "red", "white"),
        (0.17, 0.21, 0.0, -3, "large", "paper", "green"),
        (-0.29, -0.19, 0.302, -5, "flat", "clear", "white"),
        (-0.29, -0.2, 0.384, 7, "small", "paper", "yellow"),
    ],
}


def pallet_load() -> str:
    """pallet_load.usda: a pallet with cartons; the variant set `goods` chooses which."""
    root = (
        xform("PalletLoad", reference("Pallet", "pallet.usda"))
        .kind("assembly")
        .api("PhysicsRigidBodyAPI", "PhysicsMassAPI")
    )
    root.children[0].set("bool physics:rigidBodyEnabled = 0")
    root.variants = {"goods": {name: _goods(boxes) for name, boxes in LOADS.items()}}
    root.selection = {"goods": "full"}
    return layer(root, "A EUR pallet with cartons on it; variants: goods. Origin: base centre.")


def _goods(boxes: list[tuple[float, float, float, float, str, str, str]]) -> Prim:
    out = Prim("")
    mass = 22.0
    for i, (x, y, z, turn, size, tape, sticker) in enumerate(boxes, 1):
        carton = reference(f"Box_{i}", "parcel.usda").place((x, y, 0.144 + z), rotate_z=turn).label("box")
        carton.selection = {"size": size, "tape": tape, "sticker": sticker}
        carton.set("bool physics:rigidBodyEnabled = 0")
        mass += PARCEL_SIZES[size][3]
        out.add(carton)
    return out.set(f"float physics:mass = {mass:g}")


def tote() -> str:
    """tote.usda: an open plastic crate with a rim."""
    x, y, z = TOTE
    body = Part("Crate", "/Tote")
    wall = 0.008
    lower = (x - 0.03, y - 0.03)
    shell: list[Shape] = [slab(rounded(*lower, 0.02, 3), 0.012, 0.004)]
    for sign in (-1, 1):
        shell.append(box(lower[0], wall, z - 0.012, 0.003).move(0, sign * (lower[1] - wall) / 2, 0.006))
        shell.append(
            box(wall, lower[1] - 2 * wall + 0.002, z - 0.012, 0.003).move(
                sign * (lower[0] - wall) / 2, 0, 0.006
            )
        )
        shell.append(box(x, 0.023, 0.028, 0.004).move(0, sign * (y - 0.023) / 2, z - 0.028))
        shell.append(box(0.023, y - 0.046 + 0.004, 0.028, 0.004).move(sign * (x - 0.023) / 2, 0, z - 0.028))
        shell.append(box(x - 0.02, 0.012, 0.014, 0.003).move(0, sign * (lower[1] / 2 + 0.003), 0.09))
        for k in (-1, 0, 1):
            shell.append(
                box(0.012, 0.012, z - 0.04, 0.002).move(k * 0.12, sign * (lower[1] / 2 + 0.003), 0.01)
            )
    body.add("ToteBlue", *shell)
    mesh = body.mesh("convexDecomposition")
    root = xform("Tote", unbound(mesh)).kind("component").label("tote")
    looks = {"blue": "ToteBlue", "grey": "ToteGrey", "red": "ToteRed"}
    root.variants = {"look": {name: _dressed("Crate", "/Tote", m) for name, m in looks.items()}}
    root.selection = {"look": "blue"}
    rigid(root, 2.4, (0, 0, 0.09))
    doc = "A plastic tote, 0.40 x 0.30 x 0.22 m. Origin: base centre; the rim is 0.30 wide across y."
    return layer(root, doc)


def rack() -> str:
    """rack.usda: two bays, three levels, origin on the floor under the middle, aisle side towards -y."""
    depth, foot = 1.0, 0.09
    height = RACK_LEVELS[-1] + 0.9
    posts = Part("Uprights", "/Rack")
    plates: list[Shape] = []
    for k in (-1, 0, 1):
        x = k * RACK_BAY
        for y in (-depth / 2, depth / 2):
            posts.add("BluePaint", box(foot, 0.07, height, 0.006).move(x, y, 0))
            plates.append(box(0.14, 0.13, 0.008, 0.002).move(x, y, 0))
        heights = [0.35 + 0.62 * i for i in range(5)]
        for i, rung in enumerate(heights):
            posts.add("BluePaint", box(0.03, depth - 0.07, 0.03, 0.004).move(x, 0, rung))
            if i < len(heights) - 1:
                posts.add(
                    "BluePaint", _brace(depth - 0.09, 0.62, 1 if i % 2 else -1).move(x, 0, rung + 0.015)
                )
    posts.add("Zinc", *plates)
    beams = Part("Beams", "/Rack")
    decks: list[Shape] = []
    for z in RACK_LEVELS[1:]:
        for bay in (-0.5, 0.5):
            for y in (-depth / 2, depth / 2):
                beams.add(
                    "BeamOrange", box(RACK_BAY - foot, 0.05, 0.11, 0.008).move(bay * RACK_BAY, y, z - 0.11)
                )
            decks += [
                box(0.06, depth - 0.05, 0.03, 0.003).move(bay * RACK_BAY + 0.36 * i - 0.72, 0, z - 0.032)
                for i in range(5)
            ]
    beams.add("Zinc", *decks)
    guards = Part("Guards", "/Rack")
    for k in (-1, 0, 1):
        guards.add(
            "YellowPaint",
            slab(rounded(0.2, 0.1, 0.03, 2), 0.4, 0.01).move(k * RACK_BAY, -depth / 2 - 0.11, 0),
        )
    root = xform("Rack", posts.mesh("boundingCube"), beams.mesh("boundingCube"), guards.mesh("convexHull"))
    root.kind("component").label("rack")
    return layer(
        dress(root),
        "A pallet rack of two bays and three levels.",
    )


def _brace(width: float, rise: float, sign: int) -> Shape:
    """A diagonal between two posts, in the yz plane."""
    length = (width**2 + rise**2) ** 0.5
    angle = math.degrees(math.atan2(rise, width))
    return box(0.025, length - 0.03, 0.025, 0.003).move(z=-0.0125).turn("x", sign * angle).move(z=rise / 2)
