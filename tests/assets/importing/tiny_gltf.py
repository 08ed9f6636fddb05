"""A tiny writer of glTF files for tests: plain JSON and bytes, and nothing of what is tested."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
COMPONENTS = {"f4": 5126, "u1": 5121, "i1": 5120, "u2": 5123, "i2": 5122, "u4": 5125}
CUBE_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], "f4")
CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)
# One pixel, red, 8 bits.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


class TinyGltf:
    """Collects objects; `document` is the JSON, to be changed at will before it is written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "tiny"}, "scene": 0}
        self.document["scenes"] = [{"nodes": []}]

    def add(self, name: str, value: dict[str, Any]) -> int:
        self.document.setdefault(name, []).append(value)
        return len(self.document[name]) - 1

    def view(self, data: bytes, **more: Any) -> int:
        self.data += bytes(-len(self.data) % 4)
        entry = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **more}
        self.data += data
        return self.add("bufferViews", entry)

    def accessor(self, values: Any, dtype: str = "f4", **more: Any) -> int:
        rows = np.asarray(values, f"<{dtype}")
        rows = rows.reshape(len(rows), -1)
        entry = {
            "bufferView": self.view(rows.tobytes()),
            "componentType": COMPONENTS[dtype],
            "count": len(rows),
        }
        if dtype == "f4" and rows.shape[1] == 3:
            entry |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        return self.add("accessors", {**entry, "type": KINDS[rows.shape[1]], **more})

    def mesh(
        self,
        points: Any,
        triangles: Any = None,
        *,
        material: int | None = None,
        mode: int = 4,
        **columns: Any,
    ) -> int:
        """A mesh of one primitive; `columns`: more attributes by name."""
        attributes = {"POSITION": self.accessor(points)}
        attributes |= {name: self.accessor(values) for name, values in columns.items()}
        primitive: dict[str, Any] = {"attributes": attributes, "mode": mode}
        if triangles is not None:
            primitive["indices"] = self.accessor(np.asarray(triangles).reshape(-1), "u4")
        if material is not None:
            primitive["material"] = material
        return self.add("meshes", {"primitives": [primitive]})

    def cube(self, **more: Any) -> int:
        return self.mesh(CUBE_CORNERS, CUBE_FACES, **more)

    def node(self, *, root: bool = True, **value: Any) -> int:
        number = self.add("nodes", value)
        if root:
            self.document["scenes"][0]["nodes"].append(number)
        return number

    def image(self, data: bytes = PNG) -> int:
        return self.add("images", {"bufferView": self.view(data), "mimeType": "image/png"})

    def texture(self, data: bytes = PNG, **sampler: Any) -> int:
        entry = {"source": self.image(data)}
        if sampler:
            entry["sampler"] = self.add("samplers", sampler)
        return self.add("textures", entry)

    def animation(self, channels: list[tuple[int, str, Any, Any, str]], name: str = "move") -> int:
        """Channels of (node, path, times, values, interpolation)."""
        samplers, entries = [], []
        for node, path, times, values, way in channels:
            flat = np.asarray(values, "f4")
            flat = flat.reshape(-1, 1) if path == "weights" else flat.reshape(-1, flat.shape[-1])
            samplers.append(
                {"input": self.accessor(times), "output": self.accessor(flat), "interpolation": way}
            )
            entries.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})
        return self.add("animations", {"name": name, "samplers": samplers, "channels": entries})

    def skin(self, joints: list[int], inverse: Any) -> int:
        columns = np.swapaxes(np.asarray(inverse, "f4"), 1, 2).reshape(-1, 16)
        return self.add("skins", {"joints": joints, "inverseBindMatrices": self.accessor(columns)})

    def buffer(self) -> None:
        if self.data:
            self.document["buffers"] = [{"byteLength": len(self.data)}]

    def glb(self) -> bytes:
        self.buffer()
        text = json.dumps(self.document).encode()
        text += b" " * (-len(text) % 4)
        data = bytes(self.data) + bytes(-len(self.data) % 4)
        parts = struct.pack("<I4s", len(text), b"JSON") + text
        if data:
            parts += struct.pack("<I4s", len(data), b"BIN\0") + data
        return struct.pack("<4sII", b"glTF", 2, 12 + len(parts)) + parts

    def write(self, folder: Path, name: str = "tiny.glb") -> Path:
        path = folder / name
        path.write_bytes(self.glb())
        return path

    def write_text(self, folder: Path, name: str = "tiny.gltf") -> Path:
        """The same as .gltf, its buffer in a data URI."""
        self.buffer()
        text = json.loads(json.dumps(self.document))
        if self.data:
            text["buffers"][0]["uri"] = (
                "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
            )
        path = folder / name
        path.write_text(json.dumps(text))
        return path


def quat(axis: Any, angle: float) -> list[float]:
    """xyzw of a turn."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return [*(axis * np.sin(angle / 2)).tolist(), float(np.cos(angle / 2))]


def arm() -> TinyGltf:
    """A bar of two bones along y: the upper one, a metre up, bends about z by a quarter turn in one second. It smiles, too."""
    tiny = TinyGltf()
    points = np.array(
        [
            [x, y, z]
            for y in (0, 0.5, 1.0, 1.5, 2.0)
            for x, z in ((-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1))
        ],
        "f4",
    )
    sides = [[4 * k + a, 4 * k + 4 + a, 4 * k + (a + 1) % 4] for k in range(4) for a in range(4)]
    sides += [
        [4 * k + (a + 1) % 4, 4 * k + 4 + a, 4 * k + 4 + (a + 1) % 4] for k in range(4) for a in range(4)
    ]
    upper = np.clip(points[:, 1] - 0.5, 0, 1)
    weights = np.stack([1 - upper, upper, upper * 0, upper * 0], 1)
    mesh = tiny.mesh(points, sides, WEIGHTS_0=weights)
    joints = tiny.accessor(np.tile([0, 1, 0, 0], (len(points), 1)), "u1")
    primitive = tiny.document["meshes"][mesh]["primitives"][0]
    primitive["attributes"]["JOINTS_0"] = joints
    offsets = np.where(points[:, 1:2] > 1.9, [[0, 0.25, 0]], [[0, 0, 0]])
    primitive["targets"] = [{"POSITION": tiny.accessor(offsets)}]
    tiny.document["meshes"][mesh]["extras"] = {"targetNames": ["stretch"]}
    root = tiny.node(name="lower", translation=[3, 0, 0])
    upper_bone = tiny.node(root=False, name="upper", translation=[0, 1, 0])
    tiny.document["nodes"][root]["children"] = [upper_bone]
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[1, 1, 3] = -1.0
    body = tiny.node(
        name="arm", mesh=mesh, skin=tiny.skin([root, upper_bone], inverse), translation=[50, 60, 70]
    )
    tiny.animation(
        [
            (upper_bone, "rotation", [0, 1], [[0, 0, 0, 1], quat([0, 0, 1], np.pi / 2)], "LINEAR"),
            (body, "weights", [0, 1], [[0], [1]], "LINEAR"),
        ]
    )
    return tiny
