"""Where every triangle of a glTF file is at a moment, worked out from the file alone: nothing of what is tested is used.

Sources: glTF 2.0 sections 3.5 (nodes), 3.6 (accessors), 3.7 (meshes, skins, morph targets), appendix C (interpolation).
"""

import base64
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Oracle:
    """A file; `triangles(t)` are all that its scene draws at t seconds, f8[n, 3, 3], in the world of glTF (Y up, metres)."""

    def __init__(self, data: bytes, folder: Path = Path(), animation: int = 0) -> None:
        self.binary = b""
        if data[:4] == b"glTF":
            length = struct.unpack_from("<I", data, 12)[0]
            self.doc: dict[str, Any] = json.loads(data[20 : 20 + length])
            self.binary = data[28 + length :]
        else:
            self.doc = json.loads(data)
        self.folder = folder
        self.animations = self.doc.get("animations", [])
        self.animation = animation

    def buffer(self, number: int) -> bytes:
        uri = self.doc["buffers"][number].get("uri")
        if uri is None:
            return self.binary
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        return (self.folder / unquote(uri)).read_bytes()

    def rows(self, number: int) -> np.ndarray:
        accessor = self.doc["accessors"][number]
        width, dtype = WIDTHS[accessor["type"]], np.dtype(DTYPES[accessor["componentType"]])
        out = np.zeros((accessor["count"], width), dtype)
        if "bufferView" in accessor:
            view = self.doc["bufferViews"][accessor["bufferView"]]
            data = self.buffer(view.get("buffer", 0))
            start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
            step = view.get("byteStride", width * dtype.itemsize)
            if step == width * dtype.itemsize:
                out = np.frombuffer(data, dtype, out.size, start).reshape(out.shape).copy()
            else:
                for k in range(accessor["count"]):
                    out[k] = np.frombuffer(data, dtype, width, start + k * step)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            for k in range(sparse["count"]):
                at = self._element(sparse["indices"], sparse["indices"]["componentType"], k, 1)[0]
                out[at] = self._element(sparse["values"], accessor["componentType"], k, width)
        if accessor.get("normalized"):
            return np.maximum(out / float(np.iinfo(dtype).max), -1.0)
        return out.astype(np.float64)

    def _element(self, place: dict[str, Any], component: int, k: int, width: int) -> np.ndarray:
        view = self.doc["bufferViews"][place["bufferView"]]
        dtype = np.dtype(DTYPES[component])
        start = view.get("byteOffset", 0) + place.get("byteOffset", 0) + k * width * dtype.itemsize
        return np.frombuffer(self.buffer(view.get("buffer", 0)), dtype, width, start)

    def moved(self, node: int, path: str, rest: Any, t: float) -> np.ndarray:
        """The value of a node's property at a moment: of whichever animation moves it, else as it rests."""
        playing = (
            self.animations if self.animation < 0 else self.animations[self.animation : self.animation + 1]
        )
        for animation in playing:
            for channel in animation["channels"]:
                if channel["target"].get("node") == node and channel["target"]["path"] == path:
                    sampler = animation["samplers"][channel["sampler"]]
                    return interpolated(
                        self.rows(sampler["input"])[:, 0], self.rows(sampler["output"]), sampler, path, t
                    )
        return np.asarray(rest, np.float64)

    def local(self, number: int, t: float) -> np.ndarray:
        node = self.doc["nodes"][number]
        if "matrix" in node:
            return np.array(node["matrix"], np.float64).reshape(4, 4).T
        out = np.eye(4)
        x, y, z, w = self.moved(number, "rotation", node.get("rotation", (0, 0, 0, 1)), t)
        n = x * x + y * y + z * z + w * w
        out[0, :3] = 1 - 2 * (y * y + z * z) / n, 2 * (x * y - z * w) / n, 2 * (x * z + y * w) / n
        out[1, :3] = 2 * (x * y + z * w) / n, 1 - 2 * (x * x + z * z) / n, 2 * (y * z - x * w) / n
        out[2, :3] = 2 * (x * z - y * w) / n, 2 * (y * z + x * w) / n, 1 - 2 * (x * x + y * y) / n
        out[:3, :3] = out[:3, :3] @ np.diag(self.moved(number, "scale", node.get("scale", (1, 1, 1)), t))
        out[:3, 3] = self.moved(number, "translation", node.get("translation", (0, 0, 0)), t)
        return out

    def worlds(self, t: float) -> dict[int, np.ndarray]:
        scenes = self.doc.get("scenes")
        if scenes:
            roots = scenes[self.doc.get("scene", 0)].get("nodes", [])
        else:
            below = {child for node in self.doc.get("nodes", []) for child in node.get("children", [])}
            roots = [n for n in range(len(self.doc.get("nodes", []))) if n not in below]
        out: dict[int, np.ndarray] = {}
        todo = [(root, np.eye(4)) for root in roots]
        while todo:
            number, above = todo.pop()
            out[number] = above @ self.local(number, t)
            todo += [(child, out[number]) for child in self.doc["nodes"][number].get("children", [])]
        return out

    def triangles(self, t: float = 0.0) -> np.ndarray:
        worlds, out = self.worlds(t), [np.zeros((0, 3, 3))]
        for number, world in worlds.items():
            node = self.doc["nodes"][number]
            for primitive in self.doc["meshes"][node["mesh"]]["primitives"] if "mesh" in node else ():
                if primitive.get("mode", 4) < 4:
                    continue
                points = self.points(number, node, primitive, worlds, world, t)
                out.append(points[corners(primitive, self, len(points))])
        return np.concatenate(out)

    def points(
        self,
        number: int,
        node: dict[str, Any],
        primitive: dict[str, Any],
        worlds: Any,
        world: np.ndarray,
        t: float,
    ) -> np.ndarray:
        attributes = primitive["attributes"]
        points = self.rows(attributes["POSITION"])
        targets = primitive.get("targets", [])
        if targets:
            rest = node.get("weights", self.doc["meshes"][node["mesh"]].get("weights", [0.0] * len(targets)))
            weights = self.moved(number, "weights", rest, t)
            for weight, target in zip(weights, targets, strict=True):
                points = points + weight * self.rows(target["POSITION"])
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1)
        if "skin" not in node or "JOINTS_0" not in attributes:
            return (homogeneous @ world.T)[:, :3]
        skin = self.doc["skins"][node["skin"]]
        inverse = self.rows(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        matrices = np.stack([worlds[j] @ inverse[k] for k, j in enumerate(skin["joints"])])
        sets = [k for k in range(8) if f"JOINTS_{k}" in attributes]
        joints = np.concatenate([self.rows(attributes[f"JOINTS_{k}"]).astype(int) for k in sets], 1)
        weights = np.concatenate([self.rows(attributes[f"WEIGHTS_{k}"]) for k in sets], 1)
        weights = weights / weights.sum(1, keepdims=True)
        out = np.zeros((len(points), 3))
        for p in range(len(points)):
            blended = sum(weights[p, k] * matrices[joints[p, k]] for k in range(joints.shape[1]))
            out[p] = (blended @ homogeneous[p])[:3]
        return out


def corners(primitive: dict[str, Any], oracle: Oracle, count: int) -> np.ndarray:
    """Points of the triangles [n, 3]."""
    order = np.arange(count)
    if "indices" in primitive:
        order = oracle.rows(primitive["indices"])[:, 0].astype(int)
    mode = primitive.get("mode", 4)
    if mode == 4:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if mode == 5:
        return np.array(
            [(order[i], order[i + 1 + i % 2], order[i + 2 - i % 2]) for i in range(len(order) - 2)]
        )
    return np.array([(order[0], order[i + 1], order[i + 2]) for i in range(len(order) - 2)])


def interpolated(
    times: np.ndarray, rows: np.ndarray, sampler: dict[str, Any], path: str, t: float
) -> np.ndarray:
    """A sampler's value at a moment."""
    way, n = sampler.get("interpolation", "LINEAR"), len(times)
    values = rows.reshape(n, 3, -1) if way == "CUBICSPLINE" else rows.reshape(n, -1)
    plain = values[:, 1] if way == "CUBICSPLINE" else values
    if t <= times[0] or n == 1:
        return plain[0]
    if t >= times[-1]:
        return plain[-1]
    k = int(np.searchsorted(times, t, side="right")) - 1
    span = times[k + 1] - times[k]
    u = (t - times[k]) / span
    if way == "STEP":
        return plain[k]
    if way == "CUBICSPLINE":
        out = (
            (2 * u**3 - 3 * u**2 + 1) * values[k, 1]
            + span * (u**3 - 2 * u**2 + u) * values[k, 2]
            + (-2 * u**3 + 3 * u**2) * values[k + 1, 1]
            + span * (u**3 - u**2) * values[k + 1, 0]
        )
        return out / np.linalg.norm(out) if path == "rotation" else out
    if path == "rotation":
        a, b = plain[k] / np.linalg.norm(plain[k]), plain[k + 1] / np.linalg.norm(plain[k + 1])
        dot = float(a @ b)
        a, angle = a * (1 if dot >= 0 else -1), float(np.arccos(min(1.0, abs(dot))))
        if angle < 1e-9:
            return a
        return (np.sin((1 - u) * angle) * a + np.sin(u * angle) * b) / np.sin(angle)
    return (1 - u) * plain[k] + u * plain[k + 1]


def distance(found: np.ndarray, wanted: np.ndarray, reach: float = 1e-5) -> float:
    """How far the triangles of two sets are apart, by the size of the second: each is matched with the nearest free one.

    Infinite where their numbers differ, or one has no partner within `reach`.
    """
    if len(found) != len(wanted):
        return float("inf")
    if not len(found):
        return 0.0
    size = float(np.ptp(wanted.reshape(-1, 3), axis=0).max())
    direction = np.array([0.5377, 0.3183, 0.7809])
    keys_found, keys_wanted = found.mean(1) @ direction, wanted.mean(1) @ direction
    order = np.argsort(keys_wanted)
    keys, free, worst, reach = keys_wanted[order], np.ones(len(order), bool), 0.0, reach * size
    for k in np.argsort(keys_found).tolist():
        low, high = np.searchsorted(keys, [keys_found[k] - reach, keys_found[k] + reach])
        near = np.arange(low, high)[free[low:high]]
        if not len(near):
            return float("inf")
        there = wanted[order[near]]
        gaps = np.min([np.abs(np.roll(there, r, 1) - found[k]).max((1, 2)) for r in range(3)], axis=0)
        best = int(gaps.argmin())
        free[near[best]] = False
        worst = max(worst, float(gaps[best]))
    return worst / size
