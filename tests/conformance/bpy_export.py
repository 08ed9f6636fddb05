"""Run by Blender's own Python (bpy), never by the tests': imports stages and writes their faces in world space [m].

    python bpy_export.py OUT_FOLDER [ROOT=]STAGE ...

One process for all stages; STAGE number n gives OUT_FOLDER/n.npz: `points` f8[v, 3], `counts` i4[f], `indices` i4[sum],
`frame`: the scene's first frame. Faces are those of every mesh that the depsgraph draws, instances included.
"""

import sys
from pathlib import Path

import bpy
import numpy as np


def main() -> None:
    """All stages, one after the other, each in an empty file."""
    folder = Path(sys.argv[1])
    for number, stage in enumerate(sys.argv[2:]):
        load(stage)
        points, counts, indices = faces()
        first = bpy.context.scene.frame_start
        np.savez(folder / f"{number}.npz", points=points, counts=counts, indices=indices, frame=first)


def load(stage: str) -> None:
    """One stage in an empty file, at its first frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(
        filepath=stage,
        scale=1.0,
        apply_unit_conversion_scale=True,
        set_frame_range=True,
        merge_parent_xform=False,
        support_scene_instancing=True,
        import_visible_only=True,
        import_defined_only=True,
        import_guide=False,
        import_proxy=False,
        import_render=True,
        import_subdivision=False,
        import_shapes=False,
        import_curves=False,
        import_volumes=False,
        import_cameras=False,
        import_lights=False,
        import_materials=False,
        create_world_material=False,
        validate_meshes=False,
        read_mesh_uvs=False,
        read_mesh_colors=False,
        read_mesh_attributes=False,
    )
    scene = bpy.context.scene
    scene.frame_set(scene.frame_start)


def faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points, corner counts and point indices of all faces that are drawn."""
    points, counts, indices, first = [np.empty((0, 3))], [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        item = instance.object
        if item.type != "MESH" or not instance.show_self:
            continue
        mesh = item.data
        at = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", at)
        size = np.empty(len(mesh.polygons), np.int32)
        mesh.polygons.foreach_get("loop_total", size)
        corner = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", corner)
        world = np.array(instance.matrix_world, np.float64)
        points.append(at.reshape(-1, 3).astype(np.float64) @ world[:3, :3].T + world[:3, 3])
        counts.append(size)
        indices.append(corner + first)
        first += len(mesh.vertices)
    return np.concatenate(points), np.concatenate(counts), np.concatenate(indices)


if __name__ == "__main__":
    main()
