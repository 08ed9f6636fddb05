"""The cell put together: `workcell.usda`, and the list of all files."""

import numpy as np

from twinstage.assets.library.build_workcell import (
    conveyor,
    furniture,
    goods,
    hall,
    robot,
    surfaces,
    tank,
    vehicle,
)
from twinstage.assets.library.build_workcell.layout import (
    AGV_START,
    BELT_START,
    BELT_TOP,
    BELT_Y,
    PICK,
    PITCH,
    PLACE,
    RACK,
    RACK_BAY,
    RACK_LEVELS,
    ROBOT,
    ROBOT_HEADING,
    TABLE_TOP,
    TANK,
)
from twinstage.assets.library.build_workcell.textures import IMAGES, encode
from twinstage.assets.library.build_workcell.usda import Prim, layer, reference, xform

DOC = """A factory work cell for a live twin: robot, conveyor, three guided vehicles, pallet racks, tank.

Metres, Z-up, east = +x. Written by assets/library/build_workcell; edit that and run it again, or edit a copy of this."""

SLOTS = ["full", "half", "cubes", "full", "mixed", "full", "half", "", "full", "cubes", "full", "half"]
"""Loads of the rack's places, level by level from the floor, west to east; "" is free."""


PACKED = (
    (-1.82, -2.93, 8.0, "large", "paper", "white"),
    (-1.36, -2.82, -14.0, "small", "red", "yellow"),
    (-0.72, -2.9, 92.0, "medium", "clear", "green"),
)
"""x, y, turn, size, tape, sticker of the boxes on the packing bench."""


def look_at(
    name: str, eye: tuple[float, float, float], target: tuple[float, float, float], focal: float
) -> Prim:
    """A camera with a 36 x 20.25 mm aperture, level, looking at a point."""

    back = np.subtract(eye, target)
    back = back / np.linalg.norm(back)
    right = np.cross((0, 0, 1), back)
    right = right / np.linalg.norm(right)
    up = np.cross(back, right)
    rows = [(*right, 0), (*up, 0), (*back, 0), (*eye, 1)]
    matrix = (
        "( "
        + ", ".join("(" + ", ".join(f"{v:.6g}" for v in np.round(row, 6) + 0.0) + ")" for row in rows)
        + " )"
    )
    return Prim(name, "Camera").set(
        "float2 clippingRange = (0.05, 100)",
        f"float focalLength = {focal:g}",
        "float focusDistance = 6",
        "float horizontalAperture = 36",
        "float verticalAperture = 20.25",
        f"matrix4d xformOp:transform = {matrix}",
        'uniform token[] xformOpOrder = ["xformOp:transform"]',
    )


def cameras() -> Prim:
    """The four views."""
    return Prim("Cameras", "Scope").add(
        look_at("Overview", (5.9, -6.9, 4.0), (-0.45, 0.5, 0.7), 24),
        look_at("RobotView", (1.5, -0.72, 1.85), (-0.75, 0.95, 0.95), 19),
        look_at("ConveyorView", (-2.75, 1.7, 2.05), (0.05, 3.0, 0.7), 21),
        look_at("AisleView", (6.75, -5.7, 2.2), (-0.2, 0.3, 0.7), 23),
    )


def lights() -> Prim:
    """Sky and sun; the ceiling lights belong to the hall."""
    dome = Prim("Dome", "DomeLight").set(
        "color3f inputs:color = (0.86, 0.93, 1)", "float inputs:intensity = 0.35"
    )
    sun = Prim("Sun", "DistantLight").set(
        "float inputs:angle = 1",
        "color3f inputs:color = (1, 0.93, 0.82)",
        "float inputs:intensity = 5200",
    )
    sun.place(rotate=(42, 0, 28))
    return Prim("Lights", "Scope").add(dome, sun)


def racks() -> Prim:
    """The rack and its loads, which are native instances."""
    group = xform("Racks", reference("Rack", "rack.usda").place((*RACK, 0))).kind("assembly")
    loads = xform("Loads").kind("group")
    for i, goods_choice in enumerate(SLOTS):
        level, place = divmod(i, 4)
        if not goods_choice:
            continue
        bay, side = divmod(place, 2)
        x = RACK[0] + (bay - 0.5) * RACK_BAY + (side - 0.5) * 0.9
        load = reference(f"Load_{level + 1}{place + 1}", "pallet_load.usda").place(
            (x, RACK[1], RACK_LEVELS[level]), rotate_z=90
        )
        load.meta.append("instanceable = true")
        load.selection = {"goods": goods_choice}
        loads.add(load)
    return group.add(loads)


def staging() -> Prim:
    """Two loaded pallets on the floor; plain prims, so that a recipe may move them."""
    group = xform("Staging").kind("group")
    for i, (y, choice, turn) in enumerate(((-0.75, "half", 91.5), (0.62, "mixed", 88.0)), 1):
        load = reference(f"Pallet_{i}", "pallet_load.usda").place((4.15, y, 0), rotate_z=turn)
        load.selection = {"goods": choice}
        group.add(load)
    return group


def vehicles() -> Prim:
    """The three vehicles."""
    group = xform("AGVs").kind("group")
    for i, ((x, y, heading), load) in enumerate(zip(AGV_START, ("pallet", "crates", "none"), strict=True), 1):
        agv = reference(f"AGV_{i}", "agv.usda").place((x, y, 0), rotate_z=heading)
        agv.selection = {"load": load}
        group.add(agv)
    return group


def totes() -> Prim:
    """The totes that the robot carries, on the pick station."""
    group = xform("Totes").kind("group")
    for i, look in enumerate(("blue", "grey", "red"), 1):
        item = reference(f"Tote_{i}", "tote.usda").place(
            (PICK[0] + (i - 2) * PITCH, PICK[1], TABLE_TOP), rotate_z=0
        )
        item.selection = {"look": look}
        group.add(item)
    return group


def packing() -> Prim:
    """A packing bench between the lanes, and a stack of empty pallets; plain prims, too."""
    group = xform("Packing", reference("Bench", "table.usda").place((-1.3, -2.9, 0), rotate_z=0)).kind(
        "group"
    )
    for i, (x, y, turn, size, tape, sticker) in enumerate(PACKED, 1):
        item = reference(f"Box_{i}", "parcel.usda").place((x, y, TABLE_TOP), rotate_z=turn).label("box")
        item.selection = {"size": size, "tape": tape, "sticker": sticker}
        group.add(item)
    for i in range(5):
        empty = reference(f"Empty_{i + 1}", "pallet.usda").place(
            (6.5, -2.6, 0.145 * i), rotate_z=90 + (i * 7 % 5 - 2)
        )
        empty.meta.append("instanceable = true")
        group.add(empty)
    return group


def fence() -> Prim:
    """Safety fence on the south and west of the robot, with a gap in the east for people."""
    group = xform("Fence").kind("group")
    for i in range(4):
        group.add(_panel(len(group.children) + 1, -2.9 + 1.2 * i, -0.98, 0))
    for i in range(3):
        group.add(_panel(len(group.children) + 1, -2.9, -0.98 + 1.2 * (i + 1), -90))
    return group


def _panel(index: int, x: float, y: float, turn: float) -> Prim:
    panel = reference(f"Panel_{index}", "fence_panel.usda").place((x, y, 0), rotate_z=turn)
    panel.meta.append("instanceable = true")
    return panel


def workcell() -> str:
    """workcell.usda."""
    root = xform("WorkCell").kind("assembly")
    root.add(
        reference("Hall", "hall.usda"),
        reference("Robot", "robot.usda").place((*ROBOT, 0), rotate_z=ROBOT_HEADING),
        reference("Cabinet", "cabinet.usda").place((1.15, 2.15, 0), rotate_z=0),
        xform(
            "Stations",
            reference("Pick", "table.usda").place((*PICK, 0), rotate_z=0),
            reference("Place", "table.usda").place((*PLACE, 0), rotate_z=90),
        ).kind("group"),
        totes(),
        reference("Conveyor", "conveyor.usda").place((BELT_START, BELT_Y, 0)),
        reference("Parcels", "parcels.usda", "PointInstancer").place((BELT_START, BELT_Y, BELT_TOP)),
        reference("Tank", "tank.usda").place((*TANK, 0)),
        vehicles(),
        racks(),
        staging(),
        packing(),
        fence(),
        lights(),
        cameras(),
        Prim("PhysicsScene", "PhysicsScene").set(
            "vector3f physics:gravityDirection = (0, 0, -1)", "float physics:gravityMagnitude = 9.81"
        ),
    )
    return layer(root, DOC)


def files() -> dict[str, bytes]:
    """All files of the work cell by name."""
    text = {
        "workcell.usda": workcell(),
        "robot.usda": robot.robot(),
        "agv.usda": vehicle.vehicle(),
        "conveyor.usda": conveyor.conveyor(),
        "parcels.usda": conveyor.parcels(),
        "conveyor_stand.usda": conveyor.stand(),
        "luminaire.usda": furniture.luminaire(),
        "tank.usda": tank.tank(),
        "hall.usda": hall.hall(),
        "fence_panel.usda": furniture.fence_panel(),
        "cabinet.usda": furniture.cabinet(),
        "table.usda": furniture.table(),
        "parcel.usda": goods.parcel(),
        "pallet.usda": goods.pallet(),
        "pallet_load.usda": goods.pallet_load(),
        "tote.usda": goods.tote(),
        "rack.usda": goods.rack(),
        "materials.usda": layer(surfaces.library(), "The looks of the work cell: UsdPreviewSurface."),
    }
    out = {name: body.encode() for name, body in text.items()}
    out.update({f"textures/{name}.png": encode(make()) for name, make in IMAGES.items()})
    return out
