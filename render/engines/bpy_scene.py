"""A snapshot in Blender's terms: meshes by prototype, objects, and what `bpy_looks` and `bpy_lamps` say of the rest."""

from typing import Any, NamedTuple

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.engines.bpy_lamps import lamps_of, world_graph
from twinstage.render.engines.bpy_looks import Images, surface_graph
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

MOST_OBJECTS = 200_000
"""Blender keeps a Python object a drawing."""

ORIGIN_STEP = 1024.0
"""[m]: Blender's world is float32, so a scene far out is moved back by a multiple of this."""


class Message(NamedTuple):
    """A message of `bpy_worker` and its arrays."""

    text: dict[str, Any]
    arrays: dict[str, np.ndarray]


def origin_of(snapshot: Snapshot) -> F8:
    """What is taken off all world positions, f8[3] [m]."""
    if len(snapshot.instances) == 0:
        return np.zeros(3)
    out: F8 = np.rint(np.median(snapshot.instance_world[:, :3, 3], axis=0) / ORIGIN_STEP) * ORIGIN_STEP
    return out


def structure_of(snapshot: Snapshot) -> tuple[object, ...]:
    """What has to be equal for the same objects to do; by value."""
    return (
        tuple(prototype.hash for prototype in snapshot.prototypes),
        snapshot.instances.prototype.tobytes(),
        snapshot.instances.material_set.tobytes(),
        snapshot.material_sets,
        len(snapshot.materials),
    )


def scene_message(snapshot: Snapshot, origin: F8, images: Images, sent: set[str]) -> Message:
    """Everything; arrays of meshes whose keys are in `sent` are left out, and the others are added to it."""
    table = snapshot.instances
    if len(table) > MOST_OBJECTS:
        raise UserError(
            f"stage {snapshot.stage.path} draws {len(table):,} instances, more than the {MOST_OBJECTS:,} that the "
            "bpy engine takes"
        )
    looks = looks_message(snapshot, origin, images)
    pairs = np.stack([table.prototype, table.material_set], 1)
    unique, row = np.unique(pairs, axis=0, return_inverse=True)
    meshes, arrays = [], dict(looks.arrays)
    for number, (prototype_row, set_row) in enumerate(unique.tolist()):
        prototype, slots = snapshot.prototypes[prototype_row], snapshot.material_sets[set_row]
        key, name = f"{prototype.hash}:{set_row}", f"m{number}"
        meshes.append({"key": key, "array": name, "slots": list(slots)})
        if key in sent:
            continue
        sent.add(key)
        arrays[f"{name}.points"], arrays[f"{name}.normals"] = prototype.points, prototype.normals
        arrays[f"{name}.triangles"], arrays[f"{name}.slot"] = prototype.triangles, prototype.slot
        if prototype.uv is not None:
            arrays[f"{name}.uv"] = prototype.uv
        # Without displayColor the fall-back material's own colour is the vertex colour.
        plain = np.broadcast_to(np.array(snapshot.materials[slots[0]].diffuse_color, np.float32), (1, 3))
        color = np.repeat(plain, len(prototype.points), 0) if prototype.color is None else prototype.color
        if any(snapshot.materials[m].path == "" or snapshot.materials[m].vertex_color for m in slots):
            arrays[f"{name}.color"] = color
    sent &= {mesh["key"] for mesh in meshes}
    arrays["object.mesh"] = row.reshape(-1).astype(np.int32)
    arrays["object.world"] = _moved(snapshot.instance_world, origin)
    arrays["object.visible"] = np.array(table.visible)
    return Message({**looks.text, "op": "scene", "meshes": meshes}, arrays)


def looks_message(snapshot: Snapshot, origin: F8, images: Images) -> Message:
    """Materials, images and lights."""
    images.start()
    materials = [surface_graph(snapshot, material, images) for material in snapshot.materials]
    text = {
        "op": "looks",
        "materials": materials,
        "lights": lamps_of(snapshot, origin),
        "world": world_graph(snapshot, images),
    }
    listed, arrays = images.finish()
    return Message({**text, "images": listed}, arrays)


def move_message(last: Snapshot, snapshot: Snapshot, origin: F8) -> Message | None:
    """The objects that moved, came or went; None where all rest."""
    changed = (last.instance_world != snapshot.instance_world).any((1, 2))
    changed |= last.instances.visible != snapshot.instances.visible
    rows = np.flatnonzero(changed)
    if not len(rows):
        return None
    arrays = {
        "rows": rows,
        "world": _moved(snapshot.instance_world[rows], origin),
        "visible": np.array(snapshot.instances.visible[rows]),
    }
    return Message({"op": "move"}, arrays)


def same_looks(last: Snapshot, snapshot: Snapshot) -> bool:
    """Whether materials, lights and where the lights are did not change."""
    prims = [light.prim for light in snapshot.lights]
    return (
        last.materials == snapshot.materials
        and last.lights == snapshot.lights
        and [t.hash for t in last.textures] == [t.hash for t in snapshot.textures]
        and np.array_equal(last.node_world[prims], snapshot.node_world[prims])
        and np.array_equal(last.prims.visible[prims], snapshot.prims.visible[prims])
    )


def _moved(world: F8, origin: F8) -> np.ndarray:
    out = np.array(world)
    out[:, :3, 3] -= origin
    return out.astype(np.float32)
