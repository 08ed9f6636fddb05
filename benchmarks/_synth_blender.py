"""A labelled dataset by Cycles, the way BlenderProc makes one: run by a Python that has `bpy`, in a process of its own.

    python -I _synth_blender.py JOB.json OUT

One render a frame gives the picture and, by passes, depth, normals and the object's index; from these come instance masks,
boxes and areas as COCO has them, and poses from the scene graph. It writes rgb PNG, depth EXR, instance PNG and the
annotations. It draws no whole silhouettes, so it knows neither occlusion nor truncation: it has less to do than we have.
JOB: stage, size, samples, bounces, labelled (prim paths), frames: [{world_from_camera (USD axes), fov, moved: {path: world}}].
Prints one JSON line: version, seconds a frame, objects a frame. It imports nothing of Twinstage.
"""

import json
import os
import re
import sys
import tempfile
import time
from typing import Any

import numpy as np

Data = dict[str, Any]


def import_stage(bpy: Any, path: str) -> dict[str, Any]:
    """The stage in an empty file; its objects by prim path."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.world = bpy.data.worlds.new("w")
    bpy.ops.wm.usd_import(
        filepath=path,
        merge_parent_xform=False,
        support_scene_instancing=False,  # an instanced collection has one index for all its places
        import_cameras=False,
        import_guide=False,
        import_proxy=False,
    )
    out = {}
    for item in bpy.data.objects:
        names, node = [], item
        while node is not None:
            names.append(re.sub(r"\.\d{3,}$", "", node.name))
            node = node.parent
        out["/" + "/".join(reversed(names))] = item
    return out


def mark_objects(found: dict[str, Any], labelled: list[str]) -> None:
    """Give each mesh below a labelled prim that prim's number, from 1."""
    number = {path: k for k, path in enumerate(labelled, start=1)}
    for path, item in found.items():
        parts = path.split("/")
        for length in range(len(parts), 1, -1):
            prefix = "/".join(parts[:length])
            if prefix in number:
                item.pass_index = number[prefix]
                break


def configure(bpy: Any, job: Data, folder: str) -> Any:
    """Cycles with that many samples and bounces, no other help; passes into one file a frame. Returns the camera."""
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = job["size"]
    render.resolution_percentage = 100
    render.use_persistent_data = True
    render.threads_mode = "AUTO"
    cycles.device = "CPU"
    cycles.samples = job["samples"]
    cycles.use_adaptive_sampling = cycles.use_denoising = cycles.use_auto_tile = False
    cycles.pixel_filter_type = "BOX"
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = job["bounces"]
    cycles.transmission_bounces = job["bounces"]
    layer = bpy.context.view_layer
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_object_index = True
    compose(bpy, scene, folder)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


PASSES = (("rgb", "Image", "RGBA"), ("depth", "Depth", "FLOAT"), ("normal", "Normal", "VECTOR"))
INDEX = ("index", "Object Index", "FLOAT")


def compose(bpy: Any, scene: Any, folder: str) -> None:
    """A compositor that writes each pass to a file of its own."""
    tree = bpy.data.node_groups.new("passes", "CompositorNodeTree")
    scene.compositing_node_group = tree
    layers = tree.nodes.new("CompositorNodeRLayers")
    for name, socket, kind in (*PASSES, INDEX):
        node = tree.nodes.new("CompositorNodeOutputFile")
        node.directory = folder
        node.file_name = name
        node.format.media_type = "IMAGE"
        node.format.file_format = "PNG" if name == "rgb" else "OPEN_EXR"
        if name != "rgb":
            node.format.color_depth = "32"
        node.file_output_items.new(kind, "")
        tree.links.new(layers.outputs[socket], node.inputs[0])


def load(bpy: Any, folder: str, name: str) -> np.ndarray:
    """The pass of that name f4[h, w, 4], row 0 on top."""
    files = [f for f in os.listdir(folder) if f.startswith(name)]
    path = os.path.join(folder, files[0])
    image = bpy.data.images.load(path, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    flat = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(flat)
    bpy.data.images.remove(image)
    return flat.reshape(height, width, 4)[::-1]


def annotations(index: np.ndarray, frame: int) -> list[Data]:
    """COCO's entries of the objects that are seen: masks as runs, boxes, areas."""
    out = []
    height, width = index.shape
    numbers = np.unique(index)
    for number in numbers[numbers > 0].tolist():
        rows, columns = np.nonzero(index == number)
        x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        flat = (index[:, x0:x1] == number).T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]))) + x0 * height
        runs = np.diff(np.concatenate([[0], edges, [height * width]]))
        out.append(
            {
                "image_id": frame,
                "category_id": number,
                "bbox": [int(x0), int(y0), int(x1 - x0), int(y1 - y0)],
                "area": len(rows),
                "segmentation": {"size": [height, width], "counts": runs.tolist()},
            }
        )
    return out


def write_instances(bpy: Any, path: str, index: np.ndarray) -> None:
    """The indices as 8-bit PNG pairs of bytes in red and green."""
    height, width = index.shape
    image = bpy.data.images.new("i", width, height, alpha=False)
    rgba = np.zeros((height, width, 4), np.float32)
    rgba[..., 0], rgba[..., 1], rgba[..., 3] = (index % 256) / 255, (index // 256) / 255, 1
    image.pixels.foreach_set(np.ascontiguousarray(rgba[::-1]).ravel())
    image.filepath_raw, image.file_format = path, "PNG"
    image.save()
    bpy.data.images.remove(image)


def make(bpy: Any, job: Data, out: str) -> Data:
    """All frames; the first is drawn twice, and its first time does not count."""
    from mathutils import Matrix

    found = import_stage(bpy, job["stage"])
    mark_objects(found, job["labelled"])
    seconds, counts = [], []
    with tempfile.TemporaryDirectory() as folder:
        camera = configure(bpy, job, folder)
        for frame, shot in enumerate([job["frames"][0], *job["frames"]]):
            begin = time.perf_counter()
            for path, world in shot["moved"].items():
                if path in found:  # a dome becomes the world, which has no place
                    found[path].matrix_world = Matrix(world)
            camera.matrix_world = Matrix(shot["world_from_camera"])
            camera.data.angle = shot["fov"]
            bpy.context.scene.cycles.seed = frame
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            bpy.ops.render.render(write_still=False)
            index = np.rint(load(bpy, folder, "index")[..., 0]).astype(np.int64)
            entries = annotations(index, frame)
            poses = {
                path: [list(row) for row in found[path].matrix_world]
                for path in job["labelled"]
                if path in found
            }
            write_instances(bpy, os.path.join(out, f"{frame:06d}_instance.png"), index)
            for name in os.listdir(folder):
                suffix = name.rsplit(".", 1)[1]
                kind = next(k for k in ("rgb", "depth", "normal", "index") if name.startswith(k))
                if kind != "index":
                    os.replace(os.path.join(folder, name), os.path.join(out, f"{frame:06d}_{kind}.{suffix}"))
            with open(os.path.join(out, f"{frame:06d}.json"), "w", encoding="ascii") as file:
                json.dump({"annotations": entries, "poses": poses}, file)
            seconds.append(time.perf_counter() - begin)
            counts.append(len(entries))
    return {"version": bpy.app.version_string, "seconds": seconds[1:], "objects": counts[1:]}


def main() -> None:
    """The job of the command line."""
    import bpy

    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Blender writes to standard output as it likes
    print(json.dumps(make(bpy, job, sys.argv[2])), file=answers, flush=True)


if __name__ == "__main__":
    main()
