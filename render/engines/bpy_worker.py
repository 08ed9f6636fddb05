"""Run by a Python that has Blender's `bpy`, in a process of its own: draws what it is told with Cycles.

    python -I bpy_worker.py

It imports nothing of Twinstage: bpy brings its own USD, and its Python need have no other package than numpy. Messages
come in on standard input and are answered, one each, on standard output (`bpy_link` states the frames). A message is a
JSON object with `op`, and arrays:

    setup   samples, bounces, clamp, threads             once, before anything else
    scene   meshes, images, materials, objects, lights   replaces all; meshes and images are kept by their keys
    looks   images, materials, lights                    the same objects, lit and painted otherwise
    move    rows, world, visible                         those objects elsewhere
    usd     path, scale                                  replaces all by Blender's own import of a stage
    render  camera, seed                                 -> `linear` f4[h, w, 3], row 0 on top; `seconds`, `sampling`, `cpu`
"""

import io
import json
import os
import struct
import sys
import tempfile
import time
from typing import Any, BinaryIO

import numpy as np

HEAD = struct.Struct("<QQ")
MOST = (1 << 28, 1 << 33)
"""Bytes of a message's JSON and of its arrays."""

Arrays = dict[str, np.ndarray]
Message = dict[str, Any]


def receive(stream: BinaryIO) -> tuple[Message, Arrays] | None:
    """The next message, or None at the end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    sizes = HEAD.unpack(head)
    if sizes[0] > MOST[0] or sizes[1] > MOST[1]:
        raise ValueError(f"a message of {sizes[0]} and {sizes[1]} bytes is too long")
    text, blob = stream.read(sizes[0]), stream.read(sizes[1])
    with np.load(io.BytesIO(blob), allow_pickle=False) as data:
        return json.loads(text), {name: data[name] for name in data.files}


def send(stream: BinaryIO, message: Message, arrays: Arrays) -> None:
    """Write one message."""
    blob = io.BytesIO()
    np.savez(blob, allow_pickle=False, **arrays)
    text = json.dumps(message).encode()
    stream.write(HEAD.pack(len(text), blob.getbuffer().nbytes))
    stream.write(text)
    stream.write(blob.getbuffer())
    stream.flush()


class Worker:
    """One Blender file in memory."""

    def __init__(self, bpy: Any, folder: str) -> None:
        self.bpy = bpy
        self.folder = folder
        self.settings: Message = {}
        self.meshes: dict[str, Any] = {}
        self.images: dict[str, Any] = {}
        self.materials: list[Any] = []
        self.objects: list[Any] = []
        self.lamps: list[Any] = []
        self.anchor: Any = None
        self.camera: Any = None

    # ------------------------------------------------------------------ messages

    def setup(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        self.settings = message
        self._empty()
        return {"version": self.bpy.app.version_string}, {}

    def scene(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        if self.anchor is None:
            self._empty()
        for item in self.objects:
            self.bpy.data.objects.remove(item)
        self.objects = []
        self.looks(message, arrays)
        wanted = {mesh["key"] for mesh in message["meshes"]}
        for key in set(self.meshes) - wanted:
            self.bpy.data.meshes.remove(self.meshes.pop(key))
        for mesh in message["meshes"]:
            if mesh["key"] not in self.meshes:
                self.meshes[mesh["key"]] = self._mesh(mesh, arrays)
        keys = [mesh["key"] for mesh in message["meshes"]]
        collection = self.bpy.context.scene.collection
        for row in arrays["object.mesh"].tolist():
            item = self.bpy.data.objects.new("o", self.meshes[keys[row]])
            item.parent = self.anchor  # the only way to a matrix with shear is the inverse of a parent's
            collection.objects.link(item)
            self.objects.append(item)
        rows = {"rows": np.arange(len(self.objects))}
        return self.move({}, {**rows, "world": arrays["object.world"], "visible": arrays["object.visible"]})

    def looks(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        wanted = {image["key"] for image in message["images"]}
        for key in set(self.images) - wanted:
            self.bpy.data.images.remove(self.images.pop(key))
        for image in message["images"]:
            if image["key"] not in self.images:
                self.images[image["key"]] = self._image(arrays[image["array"]])
        while len(self.materials) < len(message["materials"]):
            self.materials.append(self.bpy.data.materials.new("m"))
        for material, graph in zip(self.materials, message["materials"], strict=False):
            self._graph(material, "ShaderNodeOutputMaterial", graph)
        for lamp in self.lamps:
            self.bpy.data.objects.remove(lamp)
        self.lamps = [self._lamp(lamp) for lamp in message["lights"]]
        world = self.bpy.context.scene.world
        self._graph(world, "ShaderNodeOutputWorld", message["world"])
        world.cycles.sampling_method = "AUTOMATIC"
        return {}, {}

    def move(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        from mathutils import Matrix

        worlds = arrays["world"].tolist()
        for row, world, visible in zip(
            arrays["rows"].tolist(), worlds, arrays["visible"].tolist(), strict=True
        ):
            item = self.objects[row]
            item.matrix_parent_inverse = Matrix(world)
            if item.hide_render == visible:
                item.hide_render = not visible
        return {}, {}

    def usd(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        self._empty()
        self.anchor = None  # the next scene starts from an empty file, too
        black = {"type": "ShaderNodeBackground", "inputs": {"Strength": 0.0}}
        self._graph(self.bpy.context.scene.world, "ShaderNodeOutputWorld", {"nodes": [black]})
        self.bpy.ops.wm.usd_import(
            filepath=message["path"],
            scale=1.0,
            apply_unit_conversion_scale=True,
            merge_parent_xform=False,
            light_intensity_scale=message.get("scale", 1.0),
            create_world_material=True,
            import_guide=False,
            import_proxy=False,
            import_subdivision=message.get("subdivision", False),
            import_cameras=False,
            set_frame_range=True,
        )
        scene = self.bpy.context.scene
        scene.frame_set(scene.frame_start)
        lights = []
        for item in self.bpy.data.objects:
            if item.type == "LIGHT":
                item.visible_camera = False
                lights.append([item.name, item.data.type, item.data.energy, list(item.data.color)])
        return {"lights": lights}, {}

    def render(self, message: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        scene = self.bpy.context.scene
        self._configure(scene, message)
        marks: list[tuple[float, float]] = []

        def listen(said: str, *rest: Any) -> None:
            """Updating the scene is over when the first sample begins."""
            if "Sample 0/" in said or ("Finished" in said and len(marks) == 1):
                marks.append((time.perf_counter(), time.process_time()))

        handlers = self.bpy.app.handlers.render_stats
        handlers.append(listen)
        start = time.perf_counter()
        self.bpy.ops.render.render(write_still=False)
        seconds = time.perf_counter() - start
        handlers.remove(listen)
        spent = [b - a for a, b in zip(*marks, strict=True)] if len(marks) > 1 else [seconds, 0.0]
        path = os.path.join(self.folder, "picture.exr")
        self.bpy.data.images["Render Result"].save_render(path, scene=scene)
        image = self.bpy.data.images.load(path, check_existing=False)
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        flat = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(flat)
        self.bpy.data.images.remove(image)
        os.unlink(path)
        linear = np.ascontiguousarray(flat.reshape(height, width, 4)[::-1, :, :3])
        return {"seconds": seconds, "sampling": spent[0], "cpu": spent[1]}, {"linear": linear}

    # ------------------------------------------------------------------ parts

    def _empty(self) -> None:
        self.bpy.ops.wm.read_factory_settings(use_empty=True)
        self.meshes, self.images, self.materials, self.objects, self.lamps = {}, {}, [], [], []
        scene = self.bpy.context.scene
        self.anchor = self.bpy.data.objects.new("anchor", None)
        scene.collection.objects.link(self.anchor)
        scene.world = self.bpy.data.worlds.new("w")
        self.camera = None

    def _mesh(self, message: Message, arrays: Arrays) -> Any:
        name = message["array"]
        points, triangles = arrays[f"{name}.points"], arrays[f"{name}.triangles"]
        mesh = self.bpy.data.meshes.new("g")
        count = len(triangles)
        mesh.vertices.add(len(points))
        mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
        mesh.loops.add(3 * count)
        mesh.loops.foreach_set("vertex_index", triangles.astype(np.int32).ravel())
        for row in message["slots"]:  # clearing them later would set every face's index to 0
            mesh.materials.append(self.materials[row])
        mesh.polygons.add(count)
        mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * count, 3, dtype=np.int32))
        mesh.polygons.foreach_set("material_index", arrays[f"{name}.slot"].astype(np.int32))
        if f"{name}.uv" in arrays:
            layer = mesh.uv_layers.new(name="st")
            layer.uv.foreach_set("vector", arrays[f"{name}.uv"][triangles.ravel()].astype(np.float32).ravel())
        if f"{name}.color" in arrays:
            color = arrays[f"{name}.color"]
            attribute = mesh.color_attributes.new("displayColor", "FLOAT_COLOR", "POINT")
            attribute.data.foreach_set("color", np.pad(color, ((0, 0), (0, 1)), constant_values=1.0).ravel())
        mesh.update(calc_edges=True)
        mesh.polygons.foreach_set("use_smooth", np.ones(count, bool))
        mesh.normals_split_custom_set_from_vertices(arrays[f"{name}.normals"].astype(np.float32))
        return mesh

    def _image(self, values: np.ndarray) -> Any:
        height, width, channels = values.shape
        image = self.bpy.data.images.new("i", width, height, float_buffer=True, is_data=True)
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :3] = values if channels >= 3 else values[..., :1]
        image.pixels.foreach_set(np.ascontiguousarray(rgba[::-1]).ravel())
        image.update()
        image.pack()
        return image

    def _graph(self, owner: Any, output: str, graph: Message) -> None:
        """Nodes as told: a list of {type, set, inputs}; an input is a number, a list, or ["@", node, output]."""
        if not owner.node_tree:
            owner.use_nodes = True
        tree = owner.node_tree
        tree.nodes.clear()
        made: list[Any] = []
        for spec in graph["nodes"]:
            node = tree.nodes.new(spec["type"])
            for name, value in spec.get("set", {}).items():
                setattr(node, name, self.images[value] if name == "image" else value)
            for name, value in spec.get("inputs", {}).items():
                socket = node.inputs[int(name)] if name.isdigit() else node.inputs[name]
                if isinstance(value, list) and value and value[0] == "@":
                    tree.links.new(made[value[1]].outputs[value[2]], socket)
                else:
                    socket.default_value = value
            made.append(node)
        end = tree.nodes.new(output)
        tree.links.new(made[-1].outputs[0], end.inputs["Surface"])

    def _lamp(self, lamp: Message) -> Any:
        from mathutils import Matrix

        if lamp["type"] == "TUBE":
            data = self._tube(lamp)
        else:
            data = self.bpy.data.lights.new("l", lamp["type"])
            for name, value in lamp["set"].items():
                setattr(data, name, value)
            if lamp.get("graph"):
                self._graph(data, "ShaderNodeOutputLight", lamp["graph"])
        item = self.bpy.data.objects.new("l", data)
        item.matrix_world = Matrix(lamp["world"])
        item.visible_camera = False
        if lamp["type"] == "TUBE":
            item.visible_shadow = False
        self.bpy.context.scene.collection.objects.link(item)
        return item

    def _tube(self, lamp: Message) -> Any:
        """A cylinder along X that shines outwards, without its ends."""
        sides, radius, half = 64, lamp["radius"], lamp["length"] / 2
        angle = np.arange(sides) * (2 * np.pi / sides)
        radius *= np.pi / sides / np.sin(np.pi / sides)  # as much surface as the round one
        ring = np.stack([np.zeros(sides), radius * np.cos(angle), radius * np.sin(angle)], 1)
        aside = np.array([half, 0.0, 0.0])
        points = np.concatenate([ring - aside, ring + aside])
        k, n = np.arange(sides), np.roll(np.arange(sides), -1)
        faces = np.stack([k, n, n + sides, k + sides], 1)
        mesh = self.bpy.data.meshes.new("t")
        mesh.from_pydata(points.tolist(), [], faces.tolist())
        middle = np.array(mesh.polygons[0].normal) @ np.array(mesh.polygons[0].center)
        if middle < 0:
            mesh.flip_normals()
        material = self.bpy.data.materials.new("t")
        self._graph(material, "ShaderNodeOutputMaterial", lamp["graph"])
        mesh.materials.append(material)
        return mesh

    def _configure(self, scene: Any, message: Message) -> None:
        from mathutils import Matrix

        settings, camera = self.settings, message["camera"]
        render, cycles = scene.render, scene.cycles
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = camera["width"], camera["height"]
        render.resolution_percentage = 100
        render.pixel_aspect_x, render.pixel_aspect_y = camera["pixel_aspect"]
        render.use_persistent_data = True
        render.film_transparent = False
        render.use_compositing = render.use_sequencer = False
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_mode = "RGB"
        render.image_settings.color_depth = "32"
        render.image_settings.exr_codec = "NONE"
        if settings["threads"]:
            render.threads_mode, render.threads = "FIXED", settings["threads"]
        scene.view_settings.view_transform = "Raw"
        scene.view_settings.look = "None"
        scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
        cycles.device = "CPU"
        cycles.samples, cycles.seed = settings["samples"], message["seed"] & 0x7FFFFFFF
        cycles.use_adaptive_sampling = cycles.use_denoising = cycles.use_auto_tile = False
        cycles.pixel_filter_type = "BOX"
        cycles.film_exposure = 1.0
        cycles.max_bounces = cycles.diffuse_bounces = settings["bounces"]
        cycles.glossy_bounces = cycles.transmission_bounces = settings["bounces"]
        cycles.transparent_max_bounces = 16
        cycles.sample_clamp_direct = cycles.sample_clamp_indirect = settings["clamp"]
        cycles.caustics_reflective = cycles.caustics_refractive = True
        cycles.blur_glossy = 0.0
        if self.camera is None:
            self.camera = self.bpy.data.objects.new("camera", self.bpy.data.cameras.new("camera"))
            scene.collection.objects.link(self.camera)
        scene.camera = self.camera
        self.camera.matrix_world = Matrix(camera["world"])
        for name, value in camera["set"].items():
            setattr(self.camera.data, name, value)
        for name, value in camera["dof"].items():
            setattr(self.camera.data.dof, name, value)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer messages until the other side ends."""
    import bpy

    with tempfile.TemporaryDirectory(prefix="twinstage-") as folder:
        worker = Worker(bpy, folder)
        ops = {name: getattr(worker, name) for name in ("setup", "scene", "looks", "move", "usd", "render")}
        while (got := receive(source)) is not None:
            message, arrays = got
            try:
                answer, found = ops[message["op"]](message, arrays)
            except Exception as error:  # whatever Blender says is told to the other side
                answer, found = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}, {}
            send(sink, answer, found)


if __name__ == "__main__":
    # Blender writes to standard output as it likes: answers go where it was, its words to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
