"""A glTF document while it grows: lists of objects by name, a buffer, the extensions used. Plain data, no pxr."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from twinstage.scene.glb import Chunk, container

_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_FLOAT = 5126
_ORDER = (
    "asset",
    "extensionsUsed",
    "extensions",
    "scene",
    "scenes",
    "nodes",
    "cameras",
    "meshes",
    "materials",
    "textures",
    "samplers",
    "images",
    "skins",
    "animations",
    "accessors",
    "bufferViews",
    "buffers",
)


class GlbBuilder:
    """Collects objects; equal ones that are added with `shared` are kept once."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Any]] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._data: list[bytes] = []
        self._length = 0
        self._equal: dict[tuple[bytes, str], int] = {}
        self.extensions: set[str] = set()
        self.root_extensions: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> int:
        """Append an object to a list of the document; returns its number."""
        values = self._lists.setdefault(name, [])
        values.append(value)
        return len(values) - 1

    def shared(self, name: str, value: Any) -> int:
        """As `add`, but an equal object is found again."""
        key = name, json.dumps(value, sort_keys=True)
        if key not in self._known:
            self._known[key] = self.add(name, value)
        return self._known[key]

    def get(self, name: str) -> list[Any]:
        """The objects of a list so far."""
        return self._lists.setdefault(name, [])

    def view(self, data: bytes, target: int | None = None) -> int:
        """A buffer view with that content."""
        entry = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        self._data.append(data)
        self._length += len(data) + -len(data) % 4
        return self.add("bufferViews", entry)

    def chunk(self, chunk: Chunk) -> int:
        """The accessor of a chunk."""
        return self.add("accessors", {"bufferView": self.view(chunk.data, chunk.target), **chunk.accessor})

    def floats(self, values: np.ndarray) -> int:
        """An accessor of single-precision rows f4[n, k] that is no vertex attribute."""
        rows = np.ascontiguousarray(values, "<f4")
        entry = {
            "bufferView": self.view(rows.tobytes()),
            "componentType": _FLOAT,
            "count": len(rows),
            "type": _TYPES[rows.shape[1]],
        }
        return self.add("accessors", entry)

    def values(self, values: np.ndarray) -> int:
        """As `floats`; equal rows are found again."""
        rows = np.ascontiguousarray(values, "<f4")
        return self._once(rows, "", lambda: self.floats(rows))

    def times(self, times: np.ndarray) -> int:
        """The accessor of an animation's keys f4[n] [s], with their bounds; equal ones are found again."""
        rows = np.ascontiguousarray(times, "<f4").reshape(-1, 1)

        def make() -> int:
            number = self.floats(rows)
            self.get("accessors")[number] |= {"min": [float(rows[0, 0])], "max": [float(rows[-1, 0])]}
            return number

        return self._once(rows, "times", make)

    def matrices(self, matrices: np.ndarray) -> int:
        """An accessor of column-vector matrices [n, 4, 4]; equal ones are found again."""
        rows = np.ascontiguousarray(np.swapaxes(matrices, 1, 2), "<f4").reshape(-1, 16)
        return self._once(rows, "matrices", lambda: self.floats(rows))

    def _once(self, rows: np.ndarray, use: str, make: Callable[[], int]) -> int:
        key = hashlib.sha256(rows.tobytes()).digest(), f"{use}{rows.shape}"
        if key not in self._equal:
            self._equal[key] = make()
        return self._equal[key]

    def zeros(self, count: int, width: int) -> int:
        """An accessor of zeros, which takes no space."""
        return self.shared("accessors", {"componentType": _FLOAT, "count": count, "type": _TYPES[width]})

    def finish(self, roots: list[int]) -> bytes:
        """The GLB file."""
        document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "twinstage"}, "scene": 0}
        document["scenes"] = [{"nodes": roots}] if roots else [{}]
        document |= {name: values for name, values in self._lists.items() if values}
        if self._length:
            document["buffers"] = [{"byteLength": self._length}]
        if self.extensions:
            document["extensionsUsed"] = sorted(self.extensions)
        if self.root_extensions:
            document["extensions"] = self.root_extensions
        ordered = {name: document[name] for name in _ORDER if name in document}
        text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return container(text.encode(), self._data)
