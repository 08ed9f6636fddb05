"""Run by a Python with bpy: import one USD file and tell where objects stand at frames, as one line of JSON."""

import json
import sys


def told(path: str, names: list[str], frames: list[int]) -> list[list[list[list[float]]]]:
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(filepath=path)
    out = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        out.append([[list(row) for row in bpy.data.objects[name].matrix_world] for name in names])
    return out


if __name__ == "__main__":
    path, names, frames = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    print("\n" + json.dumps(told(path, names, frames)), flush=True)
