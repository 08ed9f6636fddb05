"""Run by a Python with bpy: import files of glTF, OBJ, STL and PLY, and tell what they hold, as one line of JSON."""

import json
import sys


def told(path: str) -> dict[str, object]:
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    _read(bpy, path)
    bpy.context.scene.frame_set(0)  # where animations begin
    low, high = [1e30] * 3, [-1e30] * 3
    triangles = flat = 0
    for thing in bpy.context.scene.objects:
        if thing.type != "MESH":
            continue
        mesh = thing.data
        mesh.calc_loop_triangles()
        triangles += len(mesh.loop_triangles)
        flat += sum(triangle.area == 0 for triangle in mesh.loop_triangles)
        for vertex in mesh.vertices:
            place = thing.matrix_world @ vertex.co
            low = [min(a, b) for a, b in zip(low, place, strict=True)]
            high = [max(a, b) for a, b in zip(high, place, strict=True)]
    meshes = [thing for thing in bpy.context.scene.objects if thing.type == "MESH"]
    worn = {slot.material.name for thing in meshes for slot in thing.material_slots if slot.material}
    images = {i.name for i in bpy.data.images if i.size[0] and i.type == "IMAGE"}
    return {
        "triangles": triangles,
        "flat": flat,
        "low": low,
        "high": high,
        "materials": len(worn),
        "images": len(images),
        "actions": len(bpy.data.actions),
    }


def _read(bpy: object, path: str) -> None:
    ops = bpy.ops  # type: ignore[attr-defined]
    kinds = {"obj": ops.wm.obj_import, "stl": ops.wm.stl_import, "ply": ops.wm.ply_import}
    kinds.get(path.lower().rpartition(".")[2], ops.import_scene.gltf)(filepath=path)


if __name__ == "__main__":
    answers = [told(path) for path in sys.argv[1:]]
    print("\n" + json.dumps(answers), flush=True)
