"""Run by Blender's own Python (bpy), never by the tests': imports stages and writes what is drawn, object by object.

    python bpy_objects.py OUT_FOLDER STAGE ...

STAGE number n gives OUT_FOLDER/n.npz: `points` f8[v, 3] in the world [m], `triangles` i4[t, 3], `owner` i4[t]: the drawing
of each triangle, and OUT_FOLDER/n.json: of each drawing the `path` of its object, of the object that instances it
(`parent`, "" where there is none), and the instance's numbers (`point`).
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))

from bpy_export import load


def path(item: Any) -> str:
    """Prim path of an object: the names of it and its parents; Blender's numbers at their ends are cut off.

    An object is made of each prim, so that parents of objects are parents of prims. A hook would tell the importer's own
    mapping, but it needs pxr in Blender's Python, which the wheel leaves out.
    """
    names: list[str] = []
    while item is not None:
        names.append(re.sub(r"\.\d{3,}$", "", item.name))
        item = item.parent
    return "/" + "/".join(reversed(names))


def main() -> None:
    """All stages, one after the other, each in an empty file."""
    folder = Path(sys.argv[1])
    for number, stage in enumerate(sys.argv[2:]):
        load(stage)
        points, triangles, owner, names = drawings()
        np.savez(folder / f"{number}.npz", points=points, triangles=triangles, owner=owner)
        (folder / f"{number}.json").write_text(json.dumps(names))


def drawings() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """World points, triangles, the drawing of each, and what each drawing is."""
    points, triangles, owner, names, first = [np.empty((0, 3))], [np.empty((0, 3), np.int32)], [], [], 0
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        item = instance.object
        if item.type != "MESH" or not instance.show_self:
            continue
        mesh = item.data
        mesh.calc_loop_triangles()
        at = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", at)
        corner = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", corner)
        world = np.array(instance.matrix_world, np.float64)
        points.append(at.reshape(-1, 3).astype(np.float64) @ world[:3, :3].T + world[:3, 3])
        triangles.append(corner.reshape(-1, 3) + first)
        owner.append(np.full(len(mesh.loop_triangles), len(names), np.int32))
        first += len(mesh.vertices)
        names.append(
            {
                "path": path(item.original),
                "parent": path(instance.parent.original) if instance.is_instance and instance.parent else "",
                "point": list(instance.persistent_id) if instance.is_instance else [],
            }
        )
    return (
        np.concatenate(points),
        np.concatenate(triangles),
        np.concatenate([np.empty(0, np.int32), *owner]),
        names,
    )


if __name__ == "__main__":
    main()
