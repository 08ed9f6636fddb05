"""All files of the set."""

import re
from collections.abc import Callable

from twinstage.assets.library.build_starter import arm, drives, goods, person, sensors, storage, transport
from twinstage.assets.library.build_workcell.surfaces import library
from twinstage.assets.library.build_workcell.textures import IMAGES, encode
from twinstage.assets.library.build_workcell.usda import layer

ASSETS: dict[str, Callable[[], str]] = {
    "box": goods.carton,
    "conveyor": transport.conveyor,
    "motor": drives.motor,
    "pallet": goods.pallet,
    "person": person.person,
    "pump": drives.pump,
    "robot_arm": arm.robot_arm,
    "sensor": sensors.sensor,
    "shelf": storage.shelf,
    "tank": drives.tank,
    "vehicle": transport.vehicle,
}


def files() -> dict[str, bytes]:
    """Path below `starter/` -> content, of all but the thumbnails, which are pictures of it."""
    text = {f"{name}.usda": make() for name, make in ASSETS.items()}
    looks = sorted(
        {look for body in text.values() for look in re.findall(r"materials\.usda@</Materials/(\w+)>", body)}
    )
    text["materials.usda"] = layer(library(looks), "The looks of the starter set: UsdPreviewSurface.")
    images = sorted(set(re.findall(r"@\./textures/(\w+)\.png@", text["materials.usda"])))
    out = {name: body.encode() for name, body in text.items()}
    return out | {f"textures/{name}.png": encode(IMAGES[name]()) for name in images}
