"""The shelf."""

from twinstage.assets.library.build_starter.made import asset, choice, colours, part
from twinstage.assets.library.build_workcell.parts import unbound
from twinstage.assets.library.build_workcell.shapes import box
from twinstage.assets.library.build_workcell.usda import Prim, xform

BAY, DEPTH, HEIGHT = 1.0, 0.5, 2.0
LEVELS = (0.12, 0.62, 1.12, 1.62)
"""Tops of the decks [m]."""


def shelf() -> str:
    """shelf.usda."""
    root = xform("Shelf")
    root.variants = {
        "bays": {name: choice(*_bays(count)) for name, count in (("one", 1), ("two", 2), ("three", 3))},
        "deck": colours("/Shelf", {"steel": "Zinc", "wood": "Wood", "white": "WhitePaint"}, "Decks"),
    }
    root.selection = {"bays": "one", "deck": "steel"}
    doc = f"""Shelving of one to three bays, each {BAY:g} m wide, {DEPTH:g} m deep and {HEIGHT:g} m high, with four decks.

Origin: on the floor under its middle; the open side is towards -y."""
    return asset(root, "Shelf", doc, ["shelf", "rack", "storage", "logistics", "furniture"], "shelf")


def _bays(count: int) -> list[Prim]:
    posts, decks = part("Posts", "Shelf"), part("Decks", "Shelf")
    left = -BAY * count / 2
    for k in range(count + 1):
        for y in (-DEPTH / 2 + 0.02, DEPTH / 2 - 0.02):
            posts.add("BluePaint", box(0.04, 0.04, HEIGHT, 0.004).move(left + BAY * k, y, 0))
            posts.add("BlackPlastic", box(0.055, 0.055, 0.012, 0).move(left + BAY * k, y, 0))
        for z in (0.3, HEIGHT - 0.1):
            posts.add("BluePaint", box(0.025, DEPTH - 0.08, 0.03, 0).move(left + BAY * k, 0, z))
    for bay in range(count):
        middle = left + BAY * (bay + 0.5)
        for top in LEVELS:
            decks.add("Zinc", box(BAY - 0.045, DEPTH - 0.004, 0.028, 0.004).move(middle, 0, top - 0.028))
            for y in (-DEPTH / 2 + 0.012, DEPTH / 2 - 0.012):
                posts.add("BeamOrange", box(BAY - 0.04, 0.02, 0.05, 0.004).move(middle, y, top - 0.078))
        posts.add("BluePaint", box(BAY - 0.04, 0.006, 0.05, 0).move(middle, DEPTH / 2 - 0.01, HEIGHT - 0.1))
    return [posts.mesh("boundingCube"), unbound(decks.mesh("boundingCube"))]
