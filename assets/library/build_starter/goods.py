"""Pallets and boxes."""

from twinstage.assets.library.build_starter.made import asset, choice, colours, part
from twinstage.assets.library.build_workcell.goods import along_grain
from twinstage.assets.library.build_workcell.parts import Part, unbound
from twinstage.assets.library.build_workcell.shapes import Shape, box, rounded, sheet, slab
from twinstage.assets.library.build_workcell.usda import xform

BOXES = {
    "small": (0.25, 0.175, 0.10, 0.6),
    "medium": (0.35, 0.25, 0.20, 1.8),
    "large": (0.60, 0.40, 0.35, 8.0),
    "long": (1.00, 0.25, 0.20, 4.0),
}
"""Length, width, height [m], mass [kg]."""
WALL, FLAP = 0.006, 0.004
THIN = 0.0008
"""Of a tape [m]."""
ON_CARTON = "it lies on the carton, which has one"


def pallet() -> str:
    """pallet.usda."""
    root = xform("Pallet")
    root.variants = {
        "type": {
            "eur": choice(_wooden(1.2, 0.8).mesh("boundingCube"), mass=22),
            "half": choice(_wooden(0.8, 0.6).mesh("boundingCube"), mass=9.5),
            "plastic": choice(_plastic(1.2, 0.8).mesh("boundingCube"), mass=11),
        }
    }
    root.selection = {"type": "eur"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI")
    doc = "A pallet: EUR (1.2 x 0.8 x 0.144 m), half (0.8 x 0.6 m) or of plastic. Origin: base centre, long side along x."
    return asset(root, "Pallet", doc, ["pallet", "logistics", "load carrier", "wood"], "pallet")


def _wooden(x: float, y: float) -> Part:
    """Boards and blocks of a pallet of those outer sizes."""
    wood = part("Boards", "Pallet")
    rows = (-y / 2 + 0.05, 0.0, y / 2 - 0.05)
    columns = (-x / 2 + 0.0725, 0.0, x / 2 - 0.0725)
    shapes: list[Shape] = []
    for row in rows:
        wide = 0.145 if row == 0.0 else 0.1
        shapes.append(box(x, wide, 0.022, 0.003).move(0, row, 0))
        shapes += [box(0.145, wide, 0.078, 0.003).move(column, row, 0.022) for column in columns]
    shapes += [box(0.145, y, 0.022, 0.003).move(column, 0, 0.1) for column in columns]
    boards = 5 if y > 0.7 else 4
    gap = (y - 0.12) / (boards - 1)
    shapes += [box(x, 0.12, 0.022, 0.003).move(0, -y / 2 + 0.06 + gap * i, 0.122) for i in range(boards)]
    return wood.add("Wood", *(along_grain(shape) for shape in shapes))


def _plastic(x: float, y: float) -> Part:
    """A moulded pallet on nine feet."""
    body = part("Body", "Pallet")
    deck: list[Shape] = [slab(rounded(x, y, 0.03), 0.03, 0.005).move(z=0.12)]
    deck += [box(x - 0.06, 0.02, 0.03, 0.004).move(0, y * (i - 2) / 5, 0.092) for i in range(5)]
    feet = [
        slab(rounded(0.16, 0.14, 0.03), 0.122, 0.005).move(sx * (x / 2 - 0.09), sy * (y / 2 - 0.08), 0.0)
        for sx in (-1, 0, 1)
        for sy in (-1, 0, 1)
    ]
    return body.add("ToteBlue", *deck, *feet)


def carton() -> str:
    """box.usda."""
    root = xform("Box")
    root.variants = {
        "size": {
            name: choice(
                part("Carton", "Box").add("Cardboard", box(x, y, z, 0.004)).mesh("convexHull"),
                unbound(_tape(x, y, z).mesh(solid_by=ON_CARTON)),
                _sticker(x, y, z).mesh(solid_by=ON_CARTON),
                mass=mass,
            )
            for name, (x, y, z, mass) in BOXES.items()
        }
        | {
            "open": choice(
                _open().mesh("convexDecomposition"),
                unbound(_tape_ends(BOXES["medium"][0], BOXES["medium"][2]).mesh(solid_by=ON_CARTON)),
                mass=0.7,
            )
        },
        "tape": colours("/Box", {"paper": "PaperTape", "clear": "ClearTape", "red": "RedTape"}, "Tape"),
    }
    root.selection = {"size": "medium", "tape": "paper"}
    root.api("PhysicsRigidBodyAPI", "PhysicsMassAPI")
    doc = "A cardboard box in four sizes, taped and labelled, or open and empty. Origin: base centre, long side along x."
    return asset(root, "Box", doc, ["box", "carton", "parcel", "logistics", "cardboard"], "box")


def _tape(x: float, y: float, z: float) -> Part:
    return _tape_ends(x, z).add("PaperTape", box(x + 2 * THIN, 0.05, THIN, 0).move(z=z))


def _tape_ends(x: float, z: float) -> Part:
    """What hangs down over the ends; an opened box keeps it."""
    down = min(0.07, z * 0.4)
    ends = [box(THIN, 0.05, down, 0).move(sign * (x + THIN) / 2, 0, z - down) for sign in (-1, 1)]
    return part("Tape", "Box").add("PaperTape", *ends)


def _sticker(x: float, y: float, z: float) -> Part:
    size = min(0.14, 0.42 * (y - 0.05))
    top = sheet(size * 1.5, size).fit_uv().move(x / 2 - size * 0.75 - 0.02, -(y / 2 + 0.025) / 2, z + 0.0012)
    return part("Sticker", "Box").add("LabelWhite", top)


def _open() -> Part:
    """Without a lid: four walls, a bottom, four flaps that hang outwards."""
    x, y, z, _ = BOXES["medium"]
    body = part("Carton", "Box").add("Cardboard", box(x, y, WALL, 0.0))
    for sign in (-1, 1):
        body.add(
            "Cardboard",
            box(x, WALL, z, 0.0).move(0, sign * (y - WALL) / 2, 0),
            box(WALL, y - 2 * WALL, z, 0.0).move(sign * (x - WALL) / 2, 0, 0),
            box(x - 0.01, FLAP, y / 2, 0.0).turn("x", -sign * 118).move(0, sign * (y / 2 - 0.002), z),
            box(FLAP, y - 0.01, y / 2, 0.0).turn("y", sign * 128).move(sign * (x / 2 - 0.002), 0, z),
        )
    return body
